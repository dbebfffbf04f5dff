//! From an event to the Sigma log source it belongs to.
//!
//! Routing is part of a rule's meaning, not a speed-up: a rule for `process_creation` must not fire on a
//! record that merely has a field of the same name. It reads the source-shaped event, because normalised
//! columns do not tell Sysmon's channel from the Security channel.

use super::source_event::Shape;
use serde_json::Value;

/// A Sigma log source that an event has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Route {
    /// `windows`, `aws`.
    pub product: &'static str,
    /// `sysmon`, `security`, `cloudtrail`, …
    pub service: &'static str,
    /// Categories it counts as; most events have none or one.
    pub categories: &'static [&'static str],
}

impl Route {
    /// Whether a rule that asks for these dimensions is about such events. A dimension that the rule leaves
    /// out does not narrow it; a rule that names none at all is about nothing.
    #[must_use]
    pub fn satisfies(&self, product: Option<&str>, service: Option<&str>, category: Option<&str>) -> bool {
        (product.is_some() || service.is_some() || category.is_some())
            && product.is_none_or(|wanted| wanted == self.product)
            && service.is_none_or(|wanted| wanted == self.service)
            && category.is_none_or(|wanted| self.categories.contains(&wanted))
    }
}

/// Windows channels, lower case, and the Sigma service of each.
const CHANNELS: [(&str, &str); 16] = [
    ("microsoft-windows-sysmon/operational", SYSMON),
    ("security", SECURITY),
    ("system", "system"),
    ("application", "application"),
    ("microsoft-windows-powershell/operational", POWERSHELL),
    ("powershellcore/operational", POWERSHELL),
    ("windows powershell", POWERSHELL_CLASSIC),
    ("microsoft-windows-wmi-activity/operational", "wmi"),
    ("microsoft-windows-taskscheduler/operational", "taskscheduler"),
    (
        "microsoft-windows-windows firewall with advanced security/firewall",
        "firewall-as",
    ),
    ("microsoft-windows-dns-client/operational", "dns-client"),
    ("microsoft-windows-windows defender/operational", "windefend"),
    ("microsoft-windows-bits-client/operational", "bits-client"),
    (
        "microsoft-windows-terminalservices-localsessionmanager/operational",
        "terminalservices-localsessionmanager",
    ),
    (
        "microsoft-windows-codeintegrity/operational",
        "codeintegrity-operational",
    ),
    ("microsoft-windows-ntlm/operational", "ntlm"),
];

const SYSMON: &str = "sysmon";
const SECURITY: &str = "security";
const POWERSHELL: &str = "powershell";
const POWERSHELL_CLASSIC: &str = "powershell-classic";
const WINDOWS: &str = "windows";

const REGISTRY_ADD: &[&str] = &["registry_event", "registry_add"];
const REGISTRY_DELETE: &[&str] = &["registry_event", "registry_delete"];
const REGISTRY_EVENT: &[&str] = &["registry_event"];

/// Service and event id, and the Sigma categories of such an event.
const CATEGORIES: [(&str, u64, &[&str]); 32] = [
    (SYSMON, 1, &["process_creation"]),
    (SYSMON, 2, &["file_change"]),
    (SYSMON, 3, &["network_connection"]),
    (SYSMON, 4, &["sysmon_status"]),
    (SYSMON, 5, &["process_termination"]),
    (SYSMON, 6, &["driver_load"]),
    (SYSMON, 7, &["image_load"]),
    (SYSMON, 8, &["create_remote_thread"]),
    (SYSMON, 9, &["raw_access_thread"]),
    (SYSMON, 10, &["process_access"]),
    (SYSMON, 11, &["file_event"]),
    (SYSMON, 13, &["registry_event", "registry_set"]),
    (SYSMON, 14, &["registry_event", "registry_rename"]),
    (SYSMON, 15, &["create_stream_hash"]),
    (SYSMON, 16, &["sysmon_status"]),
    (SYSMON, 17, &["pipe_created"]),
    (SYSMON, 18, &["pipe_created"]),
    (SYSMON, 19, &["wmi_event"]),
    (SYSMON, 20, &["wmi_event"]),
    (SYSMON, 21, &["wmi_event"]),
    (SYSMON, 22, &["dns_query"]),
    (SYSMON, 23, &["file_delete"]),
    (SYSMON, 25, &["process_tampering"]),
    (SYSMON, 26, &["file_delete"]),
    (SYSMON, 27, &["file_block_executable"]),
    (SYSMON, 29, &["file_executable_detected"]),
    (SECURITY, 4688, &["process_creation"]),
    (POWERSHELL, 4103, &["ps_module"]),
    (POWERSHELL, 4104, &["ps_script"]),
    (POWERSHELL_CLASSIC, 400, &["ps_classic_start"]),
    (POWERSHELL_CLASSIC, 600, &["ps_classic_provider_start"]),
    (POWERSHELL_CLASSIC, 800, &["ps_classic_script"]),
];

const CLOUDTRAIL: Route = Route {
    product: "aws",
    service: "cloudtrail",
    categories: &[],
};

/// Every route there is; rules are sorted into these once, at the start.
#[must_use]
pub fn all() -> Vec<Route> {
    let windows = |service, categories| Route {
        product: WINDOWS,
        service,
        categories,
    };
    let mut routes = vec![CLOUDTRAIL];
    routes.extend(CHANNELS.iter().map(|(_, service)| windows(service, &[])));
    routes.extend(
        CATEGORIES
            .iter()
            .map(|(service, _, categories)| windows(service, categories)),
    );
    routes.extend([REGISTRY_ADD, REGISTRY_DELETE, REGISTRY_EVENT].map(|c| windows(SYSMON, c)));
    routes
}

/// The log source of an event, if it is one that rules can be written for.
#[must_use]
pub fn of(raw: &Value, shape: &Shape<'_>) -> Option<Route> {
    if let Some(channel) = shape.channel() {
        let service = CHANNELS
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(channel))
            .map(|(_, service)| *service)?;
        return Some(Route {
            product: WINDOWS,
            service,
            categories: shape.event_id().map_or(&[], |id| categories(service, id, shape)),
        });
    }
    let aws = raw.get("eventSource").and_then(Value::as_str)?;
    (aws.ends_with(".amazonaws.com") && raw.get("eventName").is_some()).then_some(CLOUDTRAIL)
}

fn categories(service: &str, id: u64, shape: &Shape<'_>) -> &'static [&'static str] {
    if service == SYSMON && id == 12 {
        // One event id stands for both; some forwarders misspell the field that tells them apart.
        let kind = shape
            .text("EventTypeOrignal")
            .or_else(|| shape.text("EventType"))
            .unwrap_or_default();
        return match kind {
            "CreateKey" => REGISTRY_ADD,
            "DeleteKey" | "DeleteValue" => REGISTRY_DELETE,
            _ => REGISTRY_EVENT,
        };
    }
    CATEGORIES
        .iter()
        .find(|(of, event_id, _)| *of == service && *event_id == id)
        .map_or(&[], |(_, _, categories)| categories)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn route(raw: &Value) -> Option<(&'static str, &'static [&'static str])> {
        of(raw, &Shape::of(raw)).map(|route| (route.service, route.categories))
    }

    #[rstest]
    #[case(json!({"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1}), "sysmon", &["process_creation"])]
    #[case(json!({"Channel": "security", "EventID": "4688"}), "security", &["process_creation"])]
    #[case(json!({"Channel": "Security", "EventID": 1}), "security", &[])]
    #[case(json!({"log_name": "Microsoft-Windows-Sysmon/Operational", "event_id": 10, "event_data": {}}), "sysmon", &["process_access"])]
    #[case(json!({"winlog": {"channel": "Security", "event_id": 1102}}), "security", &[])]
    #[case(json!({"Event": {"System": {"Channel": "Security", "EventID": {"#text": 4688}}}}), "security", &["process_creation"])]
    #[case(json!({"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 12, "EventType": "CreateKey"}), "sysmon", REGISTRY_ADD)]
    #[case(json!({"Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 12, "EventType": "INFO"}), "sysmon", REGISTRY_EVENT)]
    #[case(json!({"eventSource": "iam.amazonaws.com", "eventName": "CreateUser"}), "cloudtrail", &[])]
    fn known_sources(#[case] raw: Value, #[case] service: &str, #[case] categories: &[&str]) {
        assert_eq!(route(&raw), Some((service, categories)));
    }

    #[rstest]
    #[case(json!({"EventID": 1}))]
    #[case(json!({"Channel": "Some Vendor", "EventID": 1}))]
    #[case(json!({"eventSource": "iam.amazonaws.com"}))]
    #[case(json!("text"))]
    fn unknown_sources(#[case] raw: Value) {
        assert_eq!(route(&raw), None);
    }

    #[test]
    fn every_dimension_a_rule_names_must_agree() {
        let sysmon = Route {
            product: WINDOWS,
            service: SYSMON,
            categories: &["process_creation"],
        };
        assert!(sysmon.satisfies(Some("windows"), None, Some("process_creation")));
        assert!(!sysmon.satisfies(Some("linux"), None, Some("process_creation")));
        assert!(!sysmon.satisfies(Some("windows"), Some("security"), None));
        assert!(!sysmon.satisfies(Some("windows"), None, Some("image_load")));
        assert!(!sysmon.satisfies(None, None, None));
    }
}
