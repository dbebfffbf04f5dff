//! Windows events: Sysmon, Security, PowerShell and the rest, in the four shapes forwarders give them.
//!
//! The host is where the event was logged, never the collector that forwarded it (`host`, `host.name`), and
//! the user is who acted, never the account under which the log was written (`AccountName`).

use super::fields::{account, address, at, bounded, lower, number, said, text};
use super::{Columns, time};
use aisoc_model::event::{Entities, EventClass};
use serde_json::{Map, Value};

/// A Windows event, whatever put it into JSON.
pub struct Shape<'a> {
    top: &'a Map<String, Value>,
    data: Option<&'a Map<String, Value>>,
    system: Option<&'a Map<String, Value>>,
    channel: &'a str,
    event_id: u64,
}

impl<'a> Shape<'a> {
    /// Recognises `NXLog` and OTRF (flat), Winlogbeat 6 and 7+, and the XML form.
    pub fn of(top: &'a Map<String, Value>) -> Option<Self> {
        let shape = |channel: Option<&'a Value>, id: Option<&'a Value>, data, system| {
            let (channel, event_id) = (channel?.as_str()?, number(id?)?);
            Some(Self {
                top,
                data,
                system,
                channel,
                event_id,
            })
        };
        let object = |path| at(top, path).and_then(Value::as_object);
        shape(top.get("Channel"), top.get("EventID"), None, None)
            .or_else(|| {
                shape(
                    top.get("log_name"),
                    top.get("event_id"),
                    object("event_data"),
                    None,
                )
            })
            .or_else(|| {
                shape(
                    at(top, "winlog.channel"),
                    at(top, "winlog.event_id"),
                    object("winlog.event_data"),
                    object("winlog"),
                )
            })
            .or_else(|| {
                let system = object("Event.System")?;
                shape(
                    system.get("Channel"),
                    system.get("EventID"),
                    object("Event.EventData"),
                    Some(system),
                )
            })
    }

    fn text(&self, names: &[&str]) -> Option<&'a str> {
        names.iter().find_map(|name| {
            let value = self
                .data
                .and_then(|data| data.get(*name))
                .or_else(|| self.top.get(*name));
            said(value?.as_str()?)
        })
    }

    fn account(&self, domain: &str, user: &str) -> Option<String> {
        account(self.text(&[domain]), self.text(&[user])?)
    }

    fn is_channel(&self, part: &str) -> bool {
        self.channel.to_ascii_lowercase().contains(part)
    }
}

/// The columns of a Windows event.
pub fn columns(shape: &Shape<'_>) -> Columns {
    let class = class(shape);
    Columns {
        format: "windows_event_log",
        class,
        severity: severity(shape),
        entities: Entities {
            host: host(shape),
            user: user(shape),
            ip: ip(shape),
            process: shape
                .text(&[
                    "Image",
                    "SourceImage",
                    "NewProcessName",
                    "ProcessName",
                    "Application",
                ])
                .and_then(bounded),
        },
        time: event_time(shape),
        // `event_id` and `EventID` say what kind of event this is, not which one.
        id: text(shape.top, &["uid", "metadata.uid", "event.id"]).map(str::to_owned),
    }
}

fn class(shape: &Shape<'_>) -> EventClass {
    use EventClass as C;
    if shape.is_channel("sysmon") {
        return match shape.event_id {
            1 | 5 | 8 | 10 | 25 => C::ProcessActivity,
            2 | 9 | 11 | 15 | 17 | 18 | 23 | 26..=29 => C::FileActivity,
            6 | 7 => C::ModuleActivity,
            12..=14 => C::RegistryActivity,
            3 => C::NetworkActivity,
            22 => C::DnsActivity,
            _ => C::BaseEvent,
        };
    }
    if shape.is_channel("powershell") {
        return C::ProcessActivity;
    }
    let on_registry = || shape.text(&["ObjectType"]) == Some("Key");
    match shape.event_id {
        _ if !shape.channel.eq_ignore_ascii_case("security") => C::BaseEvent,
        4688 | 4689 => C::ProcessActivity,
        4657 => C::RegistryActivity,
        4656 | 4658 | 4660 | 4663 | 4670 if on_registry() => C::RegistryActivity,
        4656 | 4658 | 4660 | 4663 | 4670 | 4690 | 5140 | 5142..=5145 => C::FileActivity,
        5150..=5159 => C::NetworkActivity,
        4624 | 4625 | 4627 | 4634 | 4647 | 4648 | 4672 | 4675 | 4768..=4779 | 4800..=4803 => {
            C::Authentication
        }
        4720..=4767 | 4780..=4799 | 5376 | 5377 => C::AccountChange,
        _ => C::BaseEvent,
    }
}

/// The log's level says how badly a program fares, not how dangerous an event is: it never reaches "high".
fn severity(shape: &Shape<'_>) -> u8 {
    let level = at(shape.top, "Level")
        .or_else(|| {
            shape
                .system
                .and_then(|system| system.get("Level").or_else(|| system.get("level")))
        })
        .or_else(|| at(shape.top, "log.level"))
        .or_else(|| shape.top.get("level"));
    if let Some(word) = level
        .and_then(Value::as_str)
        .filter(|word| word.parse::<u64>().is_err())
    {
        return match word.to_ascii_lowercase().as_str() {
            "critical" => 3,
            "error" | "warning" => 2,
            _ => 1,
        };
    }
    match (
        level.and_then(number),
        shape.top.get("SeverityValue").and_then(number),
    ) {
        (Some(1), _) | (None, Some(5)) => 3,
        (Some(2 | 3), _) | (None, Some(3 | 4)) => 2,
        _ => 1,
    }
}

fn host(shape: &Shape<'_>) -> Option<String> {
    text(
        shape.top,
        &[
            "Hostname",
            "Computer",
            "ComputerName",
            "computer_name",
            "winlog.computer_name",
        ],
    )
    .or_else(|| said(shape.system?.get("Computer")?.as_str()?))
    .and_then(lower)
}

fn user(shape: &Shape<'_>) -> Option<String> {
    // A logon is about the account that logs on, everything else about the one that acts.
    let target = || shape.account("TargetDomainName", "TargetUserName");
    let subject = || shape.account("SubjectDomainName", "SubjectUserName");
    let logon = matches!(shape.event_id, 4624 | 4625 | 4634 | 4647 | 4768..=4779)
        && shape.channel.eq_ignore_ascii_case("security");
    let security = if logon {
        target().or_else(subject)
    } else {
        subject()
    };
    security
        .or_else(|| account(None, shape.text(&["User", "SourceUser"])?))
        .or_else(|| {
            let user = text(shape.top, &["user.name", "winlog.user.name"])?;
            account(text(shape.top, &["user.domain", "winlog.user.domain"]), user)
        })
        // PowerShell events hold nothing but the account of the session.
        .or_else(|| {
            shape
                .is_channel("powershell")
                .then(|| shape.account("Domain", "AccountName"))
                .flatten()
        })
        .or_else(target)
}

fn ip(shape: &Shape<'_>) -> Option<String> {
    // The far end of a connection: an inbound one (Sysmon, filtering platform) comes from its source.
    let inbound =
        shape.text(&["Initiated"]) == Some("false") || shape.text(&["Direction"]) == Some("%%14592");
    let order: &[&str] = if inbound {
        &["SourceIp", "SourceAddress", "IpAddress"]
    } else {
        &[
            "DestinationIp",
            "DestAddress",
            "IpAddress",
            "ClientAddress",
            "SourceIp",
            "SourceAddress",
        ]
    };
    order.iter().find_map(|name| address(shape.text(&[*name])?))
}

fn event_time(shape: &Shape<'_>) -> Option<jiff::Timestamp> {
    let system = |name: &str| shape.system.and_then(|system| system.get(name));
    let in_xml = system("TimeCreated").and_then(|created| {
        let object = created.as_object()?;
        at(object, "#attributes.SystemTime")
            .or_else(|| object.get("SystemTime"))
            .or_else(|| object.get("@SystemTime"))
    });
    // One kind of clock for all channels of a host comes first: `UtcTime` is Sysmon's alone, and `EventTime`
    // of NXLog is local time without a zone.
    [
        in_xml,
        shape.top.get("TimeCreated"),
        shape.top.get("@timestamp"),
        shape.data.and_then(|data| data.get("UtcTime")),
        shape.top.get("UtcTime"),
        shape.top.get("EventTime"),
    ]
    .into_iter()
    .flatten()
    .find_map(time::parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn of(value: &Value) -> Columns {
        columns(&Shape::of(value.as_object().unwrap()).expect("a Windows event"))
    }

    #[test]
    fn flat_sysmon_process() {
        let columns = of(&json!({
            "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Hostname": "PC1.Corp.example",
            "host": "collector.example", "User": "CORP\\Ann", "AccountName": "SYSTEM", "Domain": "NT AUTHORITY",
            "Image": "C:\\Windows\\System32\\cmd.exe", "UtcTime": "2026-01-02 03:04:05.678",
            "@timestamp": "2026-01-02T03:04:09Z", "EventTime": "2026-01-01 22:04:05", "SeverityValue": 2,
        }));
        assert_eq!(columns.class, EventClass::ProcessActivity);
        assert_eq!(columns.entities.host.as_deref(), Some("pc1.corp.example"));
        assert_eq!(columns.entities.user.as_deref(), Some("corp\\ann"));
        assert_eq!(
            columns.entities.process.as_deref(),
            Some("C:\\Windows\\System32\\cmd.exe")
        );
        assert_eq!(columns.time, Some("2026-01-02T03:04:09Z".parse().unwrap()));
        assert_eq!((columns.severity, columns.id), (1, None));
    }

    #[test]
    fn winlogbeat_six_and_seven() {
        let six = of(&json!({
            "log_name": "Microsoft-Windows-PowerShell/Operational", "event_id": 4103, "computer_name": "PC2",
            "host": {"name": "collector"}, "user": {"name": "Ann", "domain": "CORP"}, "level": "Error",
            "@timestamp": "2026-01-02T03:04:05Z", "event_data": {"Payload": "x"},
        }));
        assert_eq!(six.entities.host.as_deref(), Some("pc2"));
        assert_eq!(six.entities.user.as_deref(), Some("corp\\ann"));
        assert_eq!(
            (six.class, six.severity, six.id),
            (EventClass::ProcessActivity, 2, None)
        );
        let seven = of(&json!({
            "@timestamp": "2026-01-02T03:04:05Z", "event": {"id": "abc"},
            "winlog": {"channel": "Security", "event_id": "4625", "computer_name": "DC1",
                "event_data": {"TargetUserName": "bob", "TargetDomainName": "CORP", "SubjectUserName": "-",
                    "IpAddress": "::ffff:10.0.0.9"}},
        }));
        assert_eq!(seven.class, EventClass::Authentication);
        assert_eq!(seven.entities.user.as_deref(), Some("corp\\bob"));
        assert_eq!(seven.entities.ip.as_deref(), Some("10.0.0.9"));
        assert_eq!(
            (seven.entities.host.as_deref(), seven.id.as_deref()),
            (Some("dc1"), Some("abc"))
        );
    }

    #[test]
    fn xml_turned_into_json() {
        let columns = of(&json!({"Event": {
            "System": {"Channel": "Security", "EventID": {"#text": 4688}, "Computer": "PC3", "Level": 0,
                "TimeCreated": {"#attributes": {"SystemTime": "2026-01-02T03:04:05.1Z"}}},
            "EventData": {"SubjectUserName": "ann", "SubjectDomainName": "CORP", "NewProcessName": "C:\\x.exe"},
        }}));
        assert_eq!(columns.class, EventClass::ProcessActivity);
        assert_eq!(columns.entities.host.as_deref(), Some("pc3"));
        assert_eq!(columns.entities.user.as_deref(), Some("corp\\ann"));
        assert_eq!(columns.time, Some("2026-01-02T03:04:05.1Z".parse().unwrap()));
    }

    #[rstest]
    #[case("Microsoft-Windows-Sysmon/Operational", 3, EventClass::NetworkActivity)]
    #[case("Microsoft-Windows-Sysmon/Operational", 7, EventClass::ModuleActivity)]
    #[case("Microsoft-Windows-Sysmon/Operational", 10, EventClass::ProcessActivity)]
    #[case("Microsoft-Windows-Sysmon/Operational", 11, EventClass::FileActivity)]
    #[case("Microsoft-Windows-Sysmon/Operational", 13, EventClass::RegistryActivity)]
    #[case("Microsoft-Windows-Sysmon/Operational", 22, EventClass::DnsActivity)]
    #[case("security", 4624, EventClass::Authentication)]
    #[case("Security", 4720, EventClass::AccountChange)]
    #[case("Security", 5145, EventClass::FileActivity)]
    #[case("Security", 5156, EventClass::NetworkActivity)]
    #[case("Security", 1102, EventClass::BaseEvent)]
    #[case("Windows PowerShell", 800, EventClass::ProcessActivity)]
    #[case("System", 4624, EventClass::BaseEvent)]
    fn classes(#[case] channel: &str, #[case] id: u64, #[case] expected: EventClass) {
        assert_eq!(of(&json!({"Channel": channel, "EventID": id})).class, expected);
    }

    #[rstest]
    #[case(json!({"Initiated": "true", "SourceIp": "10.0.0.1", "DestinationIp": "203.0.113.9"}), "203.0.113.9")]
    #[case(json!({"Initiated": "false", "SourceIp": "10.0.0.1", "DestinationIp": "10.0.0.2"}), "10.0.0.1")]
    #[case(json!({"Direction": "%%14593", "SourceAddress": "10.0.0.1", "DestAddress": "10.0.0.2"}), "10.0.0.2")]
    fn the_far_end(#[case] mut event: Value, #[case] expected: &str) {
        event["Channel"] = json!("Microsoft-Windows-Sysmon/Operational");
        event["EventID"] = json!(3);
        assert_eq!(of(&event).entities.ip.as_deref(), Some(expected));
    }
}
