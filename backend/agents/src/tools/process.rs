//! The process of an alert and where it came from, read out of process events.

use super::{Case, Feature};
use aisoc_model::event::EventRecord;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Generations followed upwards.
const GENERATIONS: usize = 16;
const SCRIPT_HOSTS: [&str; 12] = [
    "powershell.exe",
    "pwsh.exe",
    "wscript.exe",
    "cscript.exe",
    "mshta.exe",
    "wmiprvse.exe",
    "wsmprovhost.exe",
    "winword.exe",
    "excel.exe",
    "powerpnt.exe",
    "outlook.exe",
    "python.exe",
];
const USER_PATHS: [&str; 5] = [
    "\\downloads\\",
    "\\appdata\\local\\temp\\",
    "\\users\\public\\",
    "\\windows\\temp\\",
    "/tmp/",
];

impl Case<'_> {
    pub(super) async fn process_chain(&self) -> aisoc_storage::Result<Vec<Feature>> {
        Ok(chain(self.evidence().await?, self.around().await?))
    }
}

/// Follows the processes of the evidence to their ancestors, as far as the events around tell.
fn chain(evidence: &[EventRecord], around: &[EventRecord]) -> Vec<Feature> {
    let born: BTreeMap<&str, &EventRecord> = around
        .iter()
        .chain(evidence)
        .filter(|event| text(event, "ParentProcessGuid").is_some())
        .filter_map(|event| Some((text(event, "ProcessGuid")?, event)))
        .collect();
    let mut line: Vec<&EventRecord> = evidence.iter().collect();
    let mut depth = 0usize;
    for event in evidence {
        let mut length = 0;
        let mut at = text(event, "ProcessGuid");
        while let Some(birth) = at.and_then(|guid| born.get(guid)) {
            // Guids are an attacker's to choose; a circle ends here.
            if length == GENERATIONS {
                break;
            }
            line.push(birth);
            length += 1;
            at = text(birth, "ParentProcessGuid");
        }
        depth = depth.max(length);
    }
    let with = |test: &dyn Fn(&EventRecord) -> bool| -> Vec<String> {
        let ids: BTreeSet<&str> = line
            .iter()
            .filter(|event| test(event))
            .map(|event| event.event_id.as_str())
            .collect();
        ids.into_iter().map(str::to_owned).collect()
    };
    vec![
        Feature::new("process.depth", depth as f64, Vec::new()),
        Feature::count("process.script_ancestor", with(&has_script_parent)),
        Feature::count("process.user_path", with(&runs_from_user_path)),
        Feature::count("process.encoded", with(&is_encoded)),
    ]
}

fn has_script_parent(event: &EventRecord) -> bool {
    let parent = text(event, "ParentImage").or_else(|| text(event, "ParentProcessName"));
    parent.is_some_and(|path| {
        let name = path.rsplit(['\\', '/']).next().unwrap_or(path).to_lowercase();
        SCRIPT_HOSTS.contains(&name.as_str())
    })
}

fn runs_from_user_path(event: &EventRecord) -> bool {
    let image = text(event, "Image")
        .or_else(|| text(event, "NewProcessName"))
        .or_else(|| text(event, "SourceImage"));
    image.is_some_and(|path| {
        let path = path.to_lowercase();
        USER_PATHS.iter().any(|part| path.contains(part))
    })
}

fn is_encoded(event: &EventRecord) -> bool {
    let line = text(event, "CommandLine").or_else(|| text(event, "ContextInfo"));
    line.is_some_and(|line| {
        let line = line.to_lowercase();
        [" -enc ", " -ec ", " -encodedcommand "]
            .iter()
            .any(|flag| line.contains(flag))
    })
}

/// A field at the top of the event or where a forwarder keeps it.
fn text<'a>(event: &'a EventRecord, name: &str) -> Option<&'a str> {
    let raw = &event.raw_data;
    let places = [
        Some(raw),
        raw.get("event_data"),
        raw.get("winlog").and_then(|winlog| winlog.get("event_data")),
        raw.get("Event").and_then(|xml| xml.get("EventData")),
    ];
    places
        .into_iter()
        .flatten()
        .find_map(|fields| fields.get(name).and_then(Value::as_str))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::investigate::tests::event;
    use serde_json::json;

    fn values(features: &[Feature]) -> Vec<f64> {
        features.iter().map(|feature| feature.value).collect()
    }

    #[test]
    fn ancestors_are_followed() {
        let evidence = [event(
            "e1",
            json!({"ProcessGuid": "c", "ParentProcessGuid": "b", "Image": "C:\\Users\\kim\\Downloads\\x.exe",
                   "ParentImage": "C:\\Windows\\System32\\cmd.exe"}),
        )];
        let around = [
            event(
                "e2",
                json!({"event_data": {"ProcessGuid": "b", "ParentProcessGuid": "a",
                       "ParentImage": "C:\\Program Files\\WINWORD.EXE", "CommandLine": "cmd -enc SQBF "}}),
            ),
            event("e3", json!({"ProcessGuid": "z", "ParentProcessGuid": "y"})),
        ];
        let features = chain(&evidence, &around);
        assert_eq!(values(&features), [2.0, 1.0, 1.0, 1.0]);
        assert_eq!(features[1].evidence, ["e2"]);
        assert_eq!(features[2].evidence, ["e1"]);
    }

    #[test]
    fn a_process_that_is_its_own_parent_ends() {
        let evidence = [event("e1", json!({"ProcessGuid": "a", "ParentProcessGuid": "a"}))];
        assert_eq!(chain(&evidence, &[])[0].value, GENERATIONS as f64);
    }
}
