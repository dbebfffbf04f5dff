//! One view on the shapes in which forwarders send the same event.
//!
//! Rules name fields as Sysmon and Windows do (`Image`, `CommandLine`). Forwarders put them at the top
//! (`NXLog`), under `event_data` (Winlogbeat 6), `winlog.event_data` (Winlogbeat 7 and later) or
//! `Event.EventData` (raw XML turned into JSON). The view finds them without copying the event.

use rsigma_eval::{Event, EventValue, JsonEvent};
use serde_json::{Map, Value};
use std::borrow::Cow;

/// Where an event keeps its fields.
#[derive(Debug, Clone, Copy)]
pub struct Shape<'a> {
    top: Option<&'a Map<String, Value>>,
    data: Option<&'a Map<String, Value>>,
    channel: Option<&'a str>,
    event_id: Option<u64>,
}

impl<'a> Shape<'a> {
    /// Recognises the shape of an event.
    #[must_use]
    pub fn of(raw: &'a Value) -> Self {
        let top = raw.as_object();
        let object = |value: Option<&'a Value>| value.and_then(Value::as_object);
        let get = |name: &str| top.and_then(|top| top.get(name));
        let winlog = object(get("winlog"));
        let xml = object(get("Event"));
        let system = xml.and_then(|xml| object(xml.get("System")));
        let in_winlog = |name: &str| winlog.and_then(|winlog| winlog.get(name));
        let in_system = |name: &str| system.and_then(|system| system.get(name));
        Self {
            top,
            data: object(get("event_data"))
                .or_else(|| object(in_winlog("event_data")))
                .or_else(|| object(xml.and_then(|xml| xml.get("EventData")))),
            channel: get("Channel")
                .or_else(|| get("log_name"))
                .or_else(|| in_winlog("channel"))
                .or_else(|| in_system("Channel"))
                .and_then(Value::as_str),
            event_id: get("EventID")
                .or_else(|| get("event_id"))
                .or_else(|| in_winlog("event_id"))
                .or_else(|| in_system("EventID"))
                .and_then(number),
        }
    }

    /// The Windows channel.
    #[must_use]
    pub fn channel(&self) -> Option<&'a str> {
        self.channel
    }

    /// The Windows event id.
    #[must_use]
    pub fn event_id(&self) -> Option<u64> {
        self.event_id
    }

    /// A field by its Windows name.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a Value> {
        self.top
            .and_then(|top| top.get(name))
            .or_else(|| self.data.and_then(|data| data.get(name)))
    }

    /// A field by its Windows name, when it is text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.field(name).and_then(Value::as_str)
    }
}

/// XML turned into JSON keeps attributes beside the number.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.trim().parse().ok(),
        Value::Object(object) => object.get("#text").and_then(number),
        _ => None,
    }
}

/// An event as rules see it.
pub struct SourceEvent<'a> {
    raw: &'a Value,
    json: JsonEvent<'a>,
    shape: Shape<'a>,
}

impl<'a> SourceEvent<'a> {
    /// A view on `raw`, whose shape is known already.
    #[must_use]
    pub fn new(raw: &'a Value, shape: Shape<'a>) -> Self {
        Self {
            raw,
            json: JsonEvent::borrow(raw),
            shape,
        }
    }

    /// The Security channel names the same facts differently than Sysmon, whose names the rules use.
    fn alias(&self, name: &str) -> Option<&'static str> {
        let process_created = self.shape.event_id == Some(4688)
            && self
                .shape
                .channel
                .is_some_and(|c| c.eq_ignore_ascii_case("security"));
        if !process_created {
            return None;
        }
        match name {
            "Image" => Some("NewProcessName"),
            "ParentImage" => Some("ParentProcessName"),
            "ProcessId" => Some("NewProcessId"),
            "User" => Some("SubjectUserName"),
            "LogonId" => Some("SubjectLogonId"),
            _ => None,
        }
    }
}

impl Event for SourceEvent<'_> {
    fn get_field(&self, path: &str) -> Option<EventValue<'_>> {
        // The alias first: the Security channel's own `ProcessId` is the creator's.
        if let Some(value) = self.alias(path).and_then(|name| self.shape.field(name)) {
            return Some(EventValue::from(value));
        }
        if let Some(value) = self.shape.field(path) {
            return Some(EventValue::from(value));
        }
        match path {
            "EventID" => self
                .shape
                .event_id
                .and_then(|id| i64::try_from(id).ok())
                .map(EventValue::Int),
            "Channel" => self
                .shape
                .channel
                .map(|channel| EventValue::Str(Cow::Borrowed(channel))),
            _ => self.json.get_field(path),
        }
    }

    fn any_string_value(&self, pred: &dyn Fn(&str) -> bool) -> bool {
        self.json.any_string_value(pred)
    }

    fn all_string_values(&self) -> Vec<Cow<'_, str>> {
        self.json.all_string_values()
    }

    fn visit_string_values(&self, visit: &mut dyn FnMut(&str)) {
        self.json.visit_string_values(visit);
    }

    fn to_json(&self) -> Value {
        self.raw.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({"Image": "a.exe"}))]
    #[case(json!({"event_data": {"Image": "a.exe"}}))]
    #[case(json!({"winlog": {"event_data": {"Image": "a.exe"}}}))]
    #[case(json!({"Event": {"EventData": {"Image": "a.exe"}}}))]
    #[case(json!({"Channel": "Security", "EventID": "4688", "NewProcessName": "a.exe"}))]
    fn the_image_is_found_in_every_shape(#[case] raw: Value) {
        let event = SourceEvent::new(&raw, Shape::of(&raw));
        assert_eq!(
            event.get_field("Image"),
            Some(EventValue::Str(Cow::Borrowed("a.exe")))
        );
    }

    #[test]
    fn nested_fields_keep_their_paths() {
        let raw = json!({"userIdentity": {"type": "AssumedRole"}});
        let event = SourceEvent::new(&raw, Shape::of(&raw));
        assert_eq!(
            event.get_field("userIdentity.type"),
            Some(EventValue::Str(Cow::Borrowed("AssumedRole")))
        );
        assert_eq!(event.get_field("userIdentity.arn"), None);
    }
}
