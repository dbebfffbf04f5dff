//! Addresses, names and hashes in an event, wherever its source puts them.

use aisoc_model::event::EventRecord;
use serde_json::{Map, Value};

/// What an observable is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An address.
    Ip,
    /// A name in the DNS.
    Domain,
    /// A file hash, hexadecimal.
    Hash,
}

const FIELDS: [(&str, Kind); 19] = [
    ("DestinationIp", Kind::Ip),
    ("SourceIp", Kind::Ip),
    ("IpAddress", Kind::Ip),
    ("DestAddress", Kind::Ip),
    ("SourceAddress", Kind::Ip),
    ("sourceIPAddress", Kind::Ip),
    ("src_ip", Kind::Ip),
    ("dst_ip", Kind::Ip),
    ("id.orig_h", Kind::Ip),
    ("id.resp_h", Kind::Ip),
    ("QueryName", Kind::Domain),
    ("DestinationHostname", Kind::Domain),
    ("query", Kind::Domain),
    ("domain", Kind::Domain),
    ("Hashes", Kind::Hash),
    ("Hash", Kind::Hash),
    ("md5", Kind::Hash),
    ("sha1", Kind::Hash),
    ("sha256", Kind::Hash),
];

/// Calls `visit` for every observable of an event.
pub fn for_each(event: &EventRecord, mut visit: impl FnMut(Kind, &str)) {
    if let Some(ip) = &event.entities.ip {
        visit(Kind::Ip, ip);
    }
    for fields in places(&event.raw_data) {
        for (name, kind) in FIELDS {
            let Some(text) = fields.get(name).and_then(Value::as_str) else {
                continue;
            };
            if kind == Kind::Hash {
                // Sysmon writes `MD5=…,SHA256=…`.
                for hash in text.split(',') {
                    visit(kind, hash.rsplit('=').next().unwrap_or(hash));
                }
            } else {
                visit(kind, text);
            }
        }
    }
}

/// The objects in which forwarders keep the fields of an event.
fn places(raw: &Value) -> impl Iterator<Item = &Map<String, Value>> {
    let inner = [
        raw.get("event_data"),
        raw.get("winlog").and_then(|winlog| winlog.get("event_data")),
        raw.get("Event").and_then(|event| event.get("EventData")),
    ];
    std::iter::once(Some(raw))
        .chain(inner)
        .filter_map(|value| value?.as_object())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use aisoc_model::event::{Entities, EventClass};
    use rstest::rstest;
    use serde_json::json;

    pub(crate) fn event(raw: Value) -> EventRecord {
        EventRecord {
            event_id: "e1".to_owned(),
            tenant: "acme".to_owned(),
            origin_region: "us-east-1".parse().unwrap(),
            home_region: "us-east-1".parse().unwrap(),
            connector_id: "c".to_owned(),
            source_format: "json".to_owned(),
            received_at: "2026-01-01T00:00:00Z".parse().unwrap(),
            event_time: "2026-01-01T00:00:00Z".parse().unwrap(),
            class: EventClass::BaseEvent,
            severity: 0,
            entities: Entities::default(),
            traceparent: None,
            enrichment: None,
            raw_data: raw,
        }
    }

    #[rstest]
    #[case(json!({"DestinationIp": "10.0.0.1"}), &[(Kind::Ip, "10.0.0.1")])]
    #[case(json!({"event_data": {"QueryName": "a.example"}}), &[(Kind::Domain, "a.example")])]
    #[case(json!({"Hashes": "MD5=AA,SHA256=BB"}), &[(Kind::Hash, "AA"), (Kind::Hash, "BB")])]
    #[case(json!({"sourceIPAddress": 7}), &[])]
    #[case(json!("text"), &[])]
    fn found(#[case] raw: Value, #[case] expected: &[(Kind, &str)]) {
        let mut seen = Vec::new();
        for_each(&event(raw), |kind, value| seen.push((kind, value.to_owned())));
        let seen: Vec<_> = seen.iter().map(|(kind, value)| (*kind, value.as_str())).collect();
        assert_eq!(seen, expected);
    }
}
