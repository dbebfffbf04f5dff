//! The columns of an event: what it is, who and what it is about, when it happened, how severe it is.
//!
//! The source event itself stays as it came. Shapes are recognised by their own marks, because one connector
//! often forwards several; what the client calls the format is kept, but decides nothing.

mod cloudtrail;
mod fields;
mod generic;
pub mod time;
mod windows;
mod zeek;

use aisoc_model::event::{Entities, EventClass};
use jiff::Timestamp;
use serde_json::{Map, Value};

/// What was found out about an event.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns {
    /// The shape that was recognised.
    pub format: &'static str,
    /// OCSF class.
    pub class: EventClass,
    /// OCSF severity, 0–6.
    pub severity: u8,
    /// Who and what.
    pub entities: Entities,
    /// When, by the source; `None` when it does not say.
    pub time: Option<Timestamp>,
    /// The client's own id of the event.
    pub id: Option<String>,
}

/// Finds the columns of an event. Never fails: what is not understood is a base event.
#[must_use]
pub fn columns(event: &Map<String, Value>) -> Columns {
    if let Some(shape) = windows::Shape::of(event) {
        windows::columns(&shape)
    } else if cloudtrail::is(event) {
        cloudtrail::columns(event)
    } else if zeek::is(event) {
        zeek::columns(event)
    } else {
        generic::columns(event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            ".{0,20}".prop_map(Value::from),
        ];
        let key = prop_oneof![
            Just("EventID"),
            Just("Channel"),
            Just("event_id"),
            Just("log_name"),
            Just("event_data"),
            Just("eventName"),
            Just("eventSource"),
            Just("userIdentity"),
            Just("eventTime"),
            Just("id.orig_h"),
            Just("ts"),
            Just("timestamp"),
            Just("@timestamp"),
            Just("user"),
            Just("host"),
            Just("severity"),
            Just("metadata"),
        ];
        leaf.prop_recursive(3, 20, 6, move |inner| {
            prop::collection::vec((key.clone(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().map(|(k, v)| (k.to_owned(), v)).collect()))
        })
    }

    proptest! {
        #[test]
        fn any_object_has_columns(value in json()) {
            let event = match value {
                Value::Object(event) => event,
                other => Map::from_iter([("value".to_owned(), other)]),
            };
            let columns = columns(&event);
            prop_assert!(columns.severity <= 6);
            for text in [columns.entities.host, columns.entities.user, columns.entities.ip] {
                prop_assert!(text.is_none_or(|t| !t.is_empty() && t.len() <= fields::MAX_ENTITY));
            }
        }
    }
}
