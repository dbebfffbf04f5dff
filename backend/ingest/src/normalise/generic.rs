//! Any other JSON: OCSF, Elastic Common Schema, and the names that everybody uses.

use super::fields::{account, address, at, bounded, lower, number, text};
use super::{Columns, time};
use aisoc_model::event::{Entities, EventClass};
use serde_json::{Map, Value};

const TIME: &[&str] = &[
    "time",
    "@timestamp",
    "timestamp",
    "event_time",
    "eventTime",
    "ts",
    "event.created",
    "datetime",
    "created_at",
    "_time",
];
const HOST: &[&str] = &[
    "device.hostname",
    "host.hostname",
    "host.name",
    "host",
    "hostname",
    "host_name",
    "computer",
    "computer_name",
    "src_endpoint.hostname",
];
const USER: &[&str] = &[
    "actor.user.name",
    "user.name",
    "user",
    "username",
    "user_name",
    "account",
    "principal",
];
const DOMAIN: &[&str] = &["actor.user.domain", "user.domain", "user_domain"];
const ADDRESS: &[&str] = &[
    "src_endpoint.ip",
    "source.ip",
    "client.ip",
    "src_ip",
    "source_ip",
    "client_ip",
    "remote_addr",
    "ip",
    "ip_address",
    "dst_endpoint.ip",
    "destination.ip",
    "dst_ip",
    "dest_ip",
];
const PROCESS: &[&str] = &[
    "process.file.path",
    "actor.process.file.path",
    "process.executable",
    "process.name",
    "process",
    "exe",
    "image",
    "process_path",
    "process_name",
];

/// The columns of an event of no known product.
pub fn columns(event: &Map<String, Value>) -> Columns {
    let ocsf = at(event, "class_uid").and_then(number);
    Columns {
        format: if ocsf.is_some() { "ocsf" } else { "json" },
        class: ocsf.map_or_else(|| category(event), of_uid),
        severity: severity(event),
        entities: Entities {
            host: text(event, HOST).and_then(lower),
            user: text(event, USER).and_then(|user| account(text(event, DOMAIN), user)),
            ip: ADDRESS.iter().find_map(|path| address(text(event, &[*path])?)),
            process: text(event, PROCESS).and_then(bounded),
        },
        time: TIME.iter().find_map(|path| time::parse(at(event, path)?)),
        id: text(event, &["event_id", "uid", "metadata.uid", "event.id"]).map(str::to_owned),
    }
}

fn of_uid(uid: u64) -> EventClass {
    use EventClass as C;
    const KNOWN: [C; 12] = [
        C::ProcessActivity,
        C::FileActivity,
        C::ModuleActivity,
        C::RegistryActivity,
        C::NetworkActivity,
        C::DnsActivity,
        C::HttpActivity,
        C::Authentication,
        C::AccountChange,
        C::ApiActivity,
        C::DetectionFinding,
        C::IncidentFinding,
    ];
    let known = KNOWN.into_iter().find(|class| u64::from(class.uid()) == uid);
    // The findings category holds classes of several products; all of them are findings.
    known.unwrap_or(if (2000..3000).contains(&uid) {
        C::DetectionFinding
    } else {
        C::BaseEvent
    })
}

/// Elastic's `event.category` (a text or a list) and the plain `category`.
fn category(event: &Map<String, Value>) -> EventClass {
    let words = |value: &Value| match value {
        Value::String(word) => vec![word.to_ascii_lowercase()],
        Value::Array(list) => list
            .iter()
            .filter_map(|v| Some(v.as_str()?.to_ascii_lowercase()))
            .collect(),
        _ => Vec::new(),
    };
    let found = ["event.category", "category"]
        .iter()
        .filter_map(|path| at(event, path))
        .flat_map(words);
    for word in found {
        return match word.as_str() {
            "process" => EventClass::ProcessActivity,
            "file" => EventClass::FileActivity,
            "library" | "driver" => EventClass::ModuleActivity,
            "registry" => EventClass::RegistryActivity,
            "network" => EventClass::NetworkActivity,
            "dns" => EventClass::DnsActivity,
            "web" | "http" => EventClass::HttpActivity,
            "authentication" | "session" => EventClass::Authentication,
            "iam" => EventClass::AccountChange,
            "api" => EventClass::ApiActivity,
            "intrusion_detection" | "malware" | "threat" => EventClass::DetectionFinding,
            _ => continue,
        };
    }
    EventClass::BaseEvent
}

fn severity(event: &Map<String, Value>) -> u8 {
    if let Some(id) = at(event, "severity_id").and_then(number) {
        return u8::try_from(id).ok().filter(|id| *id <= 6).unwrap_or(0);
    }
    let word = text(event, &["severity", "event.severity", "level", "log.level"]).unwrap_or_default();
    match word.to_ascii_lowercase().as_str() {
        "informational" | "information" | "info" | "debug" | "notice" => 1,
        "low" | "warning" | "warn" | "error" => 2,
        "medium" | "moderate" => 3,
        "high" => 4,
        "critical" => 5,
        "fatal" => 6,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn of(value: &Value) -> Columns {
        columns(value.as_object().unwrap())
    }

    #[test]
    fn ocsf() {
        let columns = of(&json!({
            "class_uid": 2004, "severity_id": 5, "time": 1_767_323_045_000_i64, "metadata": {"uid": "f-1"},
            "device": {"hostname": "PC1"}, "actor": {"user": {"name": "Ann", "domain": "CORP"}},
            "src_endpoint": {"ip": "10.0.0.1"},
        }));
        assert_eq!(
            (columns.format, columns.class),
            ("ocsf", EventClass::DetectionFinding)
        );
        assert_eq!((columns.severity, columns.id.as_deref()), (5, Some("f-1")));
        assert_eq!(columns.entities.user.as_deref(), Some("corp\\ann"));
        assert_eq!(columns.time, Some("2026-01-02T03:04:05Z".parse().unwrap()));
    }

    #[test]
    fn elastic_and_plain() {
        let ecs = of(&json!({
            "@timestamp": "2026-01-02T03:04:05Z", "event": {"category": ["weird", "authentication"], "id": "e"},
            "host": {"name": "Web1"}, "source": {"ip": "127.0.0.1"}, "destination": {"ip": "198.51.100.1"},
            "user": {"name": "root"}, "process": {"executable": "/usr/bin/sudo"},
        }));
        assert_eq!(ecs.class, EventClass::Authentication);
        assert_eq!(ecs.entities.host.as_deref(), Some("web1"));
        assert_eq!(
            ecs.entities.ip.as_deref(),
            Some("198.51.100.1"),
            "loopback says nothing"
        );
        assert_eq!(ecs.entities.process.as_deref(), Some("/usr/bin/sudo"));
        let plain = of(
            &json!({"uid": "u-1", "host": "WEB", "user": "ann", "src_ip": "10.1.1.1", "severity": "High"}),
        );
        assert_eq!((plain.class, plain.severity), (EventClass::BaseEvent, 4));
        assert_eq!((plain.id.as_deref(), plain.time), (Some("u-1"), None));
        assert_eq!(plain.entities.host.as_deref(), Some("web"));
    }

    #[rstest]
    #[case(1007, EventClass::ProcessActivity)]
    #[case(2001, EventClass::DetectionFinding)]
    #[case(9999, EventClass::BaseEvent)]
    fn class_uids(#[case] uid: u64, #[case] expected: EventClass) {
        assert_eq!(of(&json!({"class_uid": uid})).class, expected);
    }
}
