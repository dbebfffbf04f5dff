//! Zeek logs as JSON.

use super::fields::{account, address, at, lower, text};
use super::{Columns, time};
use aisoc_model::event::{Entities, EventClass};
use serde_json::{Map, Value};

/// Whether this is a Zeek log line.
pub fn is(event: &Map<String, Value>) -> bool {
    event.contains_key("ts") && (at(event, "id.orig_h").is_some() || event.contains_key("_path"))
}

/// The columns of a Zeek log line.
pub fn columns(event: &Map<String, Value>) -> Columns {
    let class = class(event);
    Columns {
        format: "zeek",
        class,
        severity: if class == EventClass::DetectionFinding {
            3
        } else {
            1
        },
        entities: Entities {
            host: text(event, &["_system_name", "host_name"]).and_then(lower),
            user: text(event, &["user", "username", "client"]).and_then(|user| account(None, user)),
            ip: text(event, &["id.orig_h", "src", "tx_hosts"]).and_then(address),
            process: None,
        },
        time: event.get("ts").and_then(time::parse),
        // `uid` names the connection: its conn, dns and http lines all carry it.
        id: text(event, &["event_id"]).map(str::to_owned),
    }
}

fn class(event: &Map<String, Value>) -> EventClass {
    let has = |key: &str| event.contains_key(key);
    match text(event, &["_path"]) {
        Some("dns") => EventClass::DnsActivity,
        Some("http") => EventClass::HttpActivity,
        Some("files" | "smb_files" | "pe") => EventClass::FileActivity,
        Some("kerberos" | "ntlm" | "ssh" | "rdp" | "radius") => EventClass::Authentication,
        Some("notice" | "intel" | "signatures") => EventClass::DetectionFinding,
        None if has("query") && has("qtype_name") => EventClass::DnsActivity,
        None if has("method") && has("uri") => EventClass::HttpActivity,
        _ => EventClass::NetworkActivity,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({"ts": 1_767_323_045.5, "_path": "conn", "uid": "C1", "id.orig_h": "10.0.0.5"}), EventClass::NetworkActivity)]
    #[case(json!({"ts": 1_767_323_045.5, "uid": "C1", "id": {"orig_h": "10.0.0.5"}, "query": "x", "qtype_name": "A"}), EventClass::DnsActivity)]
    #[case(json!({"ts": "2026-01-02T03:04:05.5Z", "uid": "C1", "id.orig_h": "10.0.0.5", "method": "GET", "uri": "/"}), EventClass::HttpActivity)]
    fn lines(#[case] value: Value, #[case] class: EventClass) {
        let event = value.as_object().unwrap();
        assert!(is(event));
        let columns = columns(event);
        assert_eq!(columns.class, class);
        assert_eq!(columns.entities.ip.as_deref(), Some("10.0.0.5"));
        assert_eq!(columns.time, Some("2026-01-02T03:04:05.5Z".parse().unwrap()));
        assert_eq!(columns.id, None, "the lines of a connection are different events");
    }
}
