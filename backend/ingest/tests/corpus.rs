//! Real events, when `AISOC_CORPUS` names the folder that holds them; without it there is nothing to look at.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_ingest::normalise;
use aisoc_model::event::EventClass;
use flate2::read::MultiGzDecoder;
use serde_json::{Map, Value};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

fn events(name: &str) -> Option<Vec<Map<String, Value>>> {
    let folder = std::env::var("AISOC_CORPUS").ok()?;
    let file = File::open(Path::new(&folder).join(name)).unwrap();
    let lines = BufReader::new(MultiGzDecoder::new(file)).lines();
    Some(
        lines
            .map(|line| serde_json::from_str(&line.unwrap()).unwrap())
            .collect(),
    )
}

#[test]
fn windows_events_are_understood() {
    let Some(events) = events("windows-security-events.ndjson.gz") else {
        return;
    };
    let mut base = 0;
    for event in &events {
        let columns = normalise::columns(event);
        assert_eq!(columns.format, "windows_event_log", "{event:?}");
        assert!(columns.time.is_some(), "{event:?}");
        let host = columns.entities.host.unwrap();
        assert!(
            !host.starts_with("wec"),
            "the collector is not the host: {event:?}"
        );
        assert!(columns.severity < 4, "{event:?}");
        assert_eq!(columns.id, None);
        base += usize::from(columns.class == EventClass::BaseEvent);
    }
    assert!(
        base * 30 < events.len(),
        "{base} of {} are base events",
        events.len()
    );
}

#[test]
fn cloudtrail_records_are_understood() {
    let Some(events) = events("cloudtrail-records.ndjson.gz") else {
        return;
    };
    for event in &events {
        let columns = normalise::columns(event);
        assert_eq!(columns.format, "cloudtrail");
        assert!(
            columns.time.is_some() && columns.id.is_some() && columns.entities.user.is_some(),
            "{event:?}"
        );
    }
}
