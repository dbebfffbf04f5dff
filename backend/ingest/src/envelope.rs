//! From bytes to items: the JSON envelope and NDJSON.
//!
//! Only what makes the whole request unreadable refuses it; an event that cannot be read is an item like any
//! other, with the reason, so that one broken event never costs its neighbours.

use crate::answer::Refusal;
use aisoc_model::text::sanitize;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Where the events of a request come from, by the client's own words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Source {
    /// The client's connector.
    pub connector_id: String,
    /// Its kind.
    pub connector_type: String,
    /// What the events look like; empty or `auto`: it is found out.
    pub source_format: String,
}

impl Source {
    /// Bounded, and with a name for what was left out.
    #[must_use]
    pub fn cleaned(self) -> Self {
        let clean = |text: String, default: &str| match text.trim() {
            "" => default.to_owned(),
            text => sanitize(text, 128),
        };
        Self {
            connector_id: clean(self.connector_id, "default"),
            connector_type: clean(self.connector_type, "http"),
            source_format: clean(self.source_format, ""),
        }
    }
}

/// One event of a request.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    /// Its place in the request, from 0.
    pub index: usize,
    /// The event, or why it is none.
    pub event: Result<Map<String, Value>, Malformed>,
}

/// Why an event cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Malformed {
    /// For programs.
    pub code: &'static str,
    /// For people.
    pub reason: String,
    /// The event as it came.
    pub raw: String,
}

/// How a body is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// `{connector_id, connector_type, source_format, events: […]}`
    Envelope,
    /// One event a line.
    Lines,
}

impl Layout {
    /// Reads `Content-Type`.
    ///
    /// # Errors
    /// 415 for anything else.
    pub fn of(headers: &HeaderMap) -> Result<Self, Refusal> {
        let Some(value) = headers.get(header::CONTENT_TYPE) else {
            return Ok(Self::Envelope);
        };
        let value = value.to_str().unwrap_or_default();
        match value
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_ascii_lowercase()
            .as_str()
        {
            "" | "application/json" => Ok(Self::Envelope),
            "application/x-ndjson"
            | "application/ndjson"
            | "application/jsonl"
            | "application/x-jsonlines" => Ok(Self::Lines),
            other => Err(Refusal::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_type",
                &format!("content type '{other}' is not supported"),
                "send application/json or application/x-ndjson",
            )),
        }
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(default)]
    connector_id: String,
    #[serde(default)]
    connector_type: String,
    #[serde(default)]
    source_format: String,
    #[serde(borrow)]
    events: Vec<&'a RawValue>,
}

/// The items of a body; `named` is what the request's URL says about their source.
///
/// # Errors
/// 400 when the body as a whole cannot be read, 413 when it holds more than `most` events.
pub fn parse(
    body: &Bytes,
    layout: Layout,
    named: Source,
    most: usize,
) -> Result<(Source, Vec<Item>), Refusal> {
    match layout {
        Layout::Envelope => envelope(body, most),
        Layout::Lines => Ok((named.cleaned(), lines(body, most)?)),
    }
}

fn envelope(body: &[u8], most: usize) -> Result<(Source, Vec<Item>), Refusal> {
    let Envelope { connector_id, connector_type, source_format, events } =
        serde_json::from_slice(body).map_err(|error| {
            Refusal::new(
                StatusCode::BAD_REQUEST,
                "malformed_envelope",
                &format!("the body is not an envelope: {error}"),
                "send {\"connector_id\": …, \"source_format\": …, \"events\": [ {…}, … ]}, or NDJSON with its content type",
            )
        })?;
    if events.len() > most {
        return Err(too_many(most));
    }
    let source = Source {
        connector_id,
        connector_type,
        source_format,
    }
    .cleaned();
    let items = events
        .into_iter()
        .enumerate()
        .map(|(index, raw)| item(index, raw.get().as_bytes()));
    Ok((source, items.collect()))
}

fn lines(body: &[u8], most: usize) -> Result<Vec<Item>, Refusal> {
    let lines = body
        .split(|b| *b == b'\n')
        .map(<[u8]>::trim_ascii)
        .filter(|line| !line.is_empty());
    let mut items = Vec::new();
    for (index, line) in lines.enumerate() {
        if index == most {
            return Err(too_many(most));
        }
        items.push(item(index, line));
    }
    Ok(items)
}

fn item(index: usize, raw: &[u8]) -> Item {
    let malformed = |code, reason| Malformed {
        code,
        reason,
        raw: String::from_utf8_lossy(raw).into_owned(),
    };
    let event = match serde_json::from_slice(raw) {
        Ok(Value::Object(event)) if event.is_empty() => {
            Err(malformed("empty", "the event is empty".to_owned()))
        }
        Ok(Value::Object(event)) => Ok(event),
        Ok(other) => {
            let kind = match other {
                Value::Null => "null",
                Value::Bool(_) => "a boolean",
                Value::Number(_) => "a number",
                Value::String(_) => "a string",
                Value::Array(_) | Value::Object(_) => "an array",
            };
            Err(malformed(
                "not_an_object",
                format!("the event is {kind}, not a JSON object"),
            ))
        }
        Err(error) => Err(malformed(
            "malformed_json",
            sanitize(&format!("not valid JSON: {error}"), 300),
        )),
    };
    Item { index, event }
}

fn too_many(most: usize) -> Refusal {
    Refusal::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "too_many_events",
        &format!("the request holds more than {most} events"),
        "split the batch into smaller requests",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn codes(items: &[Item]) -> Vec<&'static str> {
        items
            .iter()
            .map(|i| i.event.as_ref().map_or_else(|m| m.code, |_| "ok"))
            .collect()
    }

    #[test]
    fn one_broken_event_does_not_cost_its_neighbours() {
        let body = Bytes::from_static(br#"{"connector_id":"c","events":[{"a":1},7,"x",{},[1],{"b":2}]}"#);
        let (source, items) = parse(&body, Layout::Envelope, Source::default(), 10).unwrap();
        assert_eq!(source.connector_id, "c");
        assert_eq!(
            codes(&items),
            [
                "ok",
                "not_an_object",
                "not_an_object",
                "empty",
                "not_an_object",
                "ok"
            ]
        );

        let body = Bytes::from("{\"a\":1}\r\n\n{\"a\":\n  {\"b\":2}  \n\u{7f}\nnull");
        let named = Source {
            connector_id: "file".to_owned(),
            ..Source::default()
        };
        let (source, items) = parse(&body, Layout::Lines, named, 10).unwrap();
        assert_eq!(
            (source.connector_id.as_str(), source.connector_type.as_str()),
            ("file", "http")
        );
        assert_eq!(
            codes(&items),
            ["ok", "malformed_json", "ok", "malformed_json", "not_an_object"]
        );
        assert_eq!(items[1].event.as_ref().unwrap_err().raw, "{\"a\":");
    }

    #[test]
    fn nesting_without_end_is_one_malformed_event() {
        let deep = format!(
            "{{\"events\":[{{\"a\":{}1{}}},{{\"b\":1}}]}}",
            "[".repeat(400),
            "]".repeat(400)
        );
        let (_, items) = parse(&deep.into(), Layout::Envelope, Source::default(), 10).unwrap();
        assert_eq!(codes(&items), ["malformed_json", "ok"]);
    }

    #[rstest]
    #[case("[]")]
    #[case("{}")]
    #[case("{\"events\":{}}")]
    #[case("{\"events\":[")]
    #[case("")]
    fn not_an_envelope(#[case] body: &'static str) {
        let refused = parse(&Bytes::from(body), Layout::Envelope, Source::default(), 10).unwrap_err();
        assert_eq!(
            (refused.status, refused.code),
            (StatusCode::BAD_REQUEST, "malformed_envelope")
        );
    }

    #[test]
    fn more_events_than_allowed() {
        let lines = "{\"a\":1}\n".repeat(11);
        let refused = parse(&lines.into(), Layout::Lines, Source::default(), 10).unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
        let envelope = format!("{{\"events\":[{}1]}}", "1,".repeat(10));
        let refused = parse(&envelope.into(), Layout::Envelope, Source::default(), 10).unwrap_err();
        assert_eq!(refused.code, "too_many_events");
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(body: Vec<u8>) {
            let body = Bytes::from(body);
            let _ = parse(&body, Layout::Envelope, Source::default(), 5);
            if let Ok((_, items)) = parse(&body, Layout::Lines, Source::default(), 5) {
                prop_assert!(items.len() <= 5);
            }
        }
    }
}
