//! What the generator sends makes the rules of the pack fire: its intrusions do, its ordinary events do not.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_alert_fusion::detect::Detector as _;
use aisoc_alert_fusion::detect::pack::RULES;
use aisoc_alert_fusion::detect::sigma::SigmaDetector;
use aisoc_local::generator::events::{EventSource, SUSPICIOUS_ONE_IN};
use aisoc_model::event::{Entities, EventClass, EventRecord};
use jiff::Timestamp;
use std::collections::BTreeSet;

#[test]
fn intrusions_are_detected_and_ordinary_events_are_not() {
    let (detector, errors) = SigmaDetector::load(RULES.iter().copied());
    assert_eq!(errors, []);
    let at: Timestamp = "2026-03-01T12:00:00Z".parse().unwrap();
    let mut source = EventSource::new(11);
    let mut titles = BTreeSet::new();
    let (mut events, mut detected) = (0_u32, 0_u32);
    for _ in 0..100 {
        let batch = source.batch("acme", 100, at);
        for raw_data in batch.events {
            events += 1;
            let record = EventRecord {
                event_id: "e".to_owned(),
                tenant: "acme".to_owned(),
                origin_region: "us-east-1".parse().unwrap(),
                home_region: "us-east-1".parse().unwrap(),
                connector_id: batch.connector_id.clone(),
                source_format: batch.source_format.clone(),
                received_at: at,
                event_time: at,
                class: EventClass::BaseEvent,
                severity: 0,
                entities: Entities::default(),
                traceparent: None,
                enrichment: None,
                raw_data,
            };
            let rules = detector.detect(&record);
            detected += u32::from(!rules.is_empty());
            titles.extend(rules.iter().map(|rule| rule.title.clone()));
        }
    }
    // Every suspicious event is a step that some rule knows; nothing else is.
    let wanted = events / SUSPICIOUS_ONE_IN;
    assert!(
        detected > wanted * 3 / 4 && detected < wanted * 5 / 4,
        "{detected} of {events}: {titles:#?}"
    );
    assert!(titles.len() >= 13, "{titles:#?}");
}
