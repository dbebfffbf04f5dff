//! Every rule of the pack fires on its positive sample and on nothing else that it should not; with the real
//! events at hand (`AISOC_CORPUS`), which rules fire on them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_alert_fusion::detect::Detector as _;
use aisoc_alert_fusion::detect::pack::RULES;
use aisoc_alert_fusion::detect::sigma::SigmaDetector;
use aisoc_model::event::{Entities, EventClass, EventRecord};
use serde::Deserialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader};
use std::path::PathBuf;
use std::time::Instant;

#[derive(Deserialize)]
struct Sample {
    positive: Value,
    negative: Value,
}

fn event(raw: Value) -> EventRecord {
    EventRecord {
        event_id: "e".to_owned(),
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

fn titles(detector: &SigmaDetector, raw: &Value) -> Vec<String> {
    let matches = detector.detect(&event(raw.clone()));
    matches.iter().map(|rule| rule.title.clone()).collect()
}

#[test]
fn each_rule_matches_its_positive_and_not_its_negative_sample() {
    let samples: BTreeMap<String, Sample> = serde_saphyr::from_str(include_str!("samples.yaml")).unwrap();
    let (all, errors) = SigmaDetector::load(RULES.iter().copied());
    assert_eq!(errors, []);
    for (path, text) in RULES {
        let name = path.trim_end_matches(".yml");
        let sample = samples
            .get(name)
            .unwrap_or_else(|| panic!("{name} has no sample"));
        let (alone, errors) = SigmaDetector::load([(*path, *text)]);
        assert_eq!(errors, []);
        let title = alone.rules()[0].title.clone();
        assert_eq!(
            titles(&alone, &sample.positive),
            std::slice::from_ref(&title),
            "{name}"
        );
        assert!(titles(&alone, &sample.negative).is_empty(), "{name}");
        // Among all others, behind the indexes of one engine, it says the same.
        assert!(titles(&all, &sample.positive).contains(&title), "{name}");
        assert!(!titles(&all, &sample.negative).contains(&title), "{name}");
    }
    assert_eq!(samples.len(), RULES.len(), "a sample without a rule");
}

#[test]
fn fields_alone_do_not_make_a_match() {
    let samples: BTreeMap<String, Sample> = serde_saphyr::from_str(include_str!("samples.yaml")).unwrap();
    let (all, _) = SigmaDetector::load(RULES.iter().copied());
    for (name, sample) in samples {
        let mut raw = sample.positive;
        let object = raw.as_object_mut().unwrap();
        for source in ["Channel", "log_name", "winlog", "eventSource"] {
            object.remove(source);
        }
        assert!(
            titles(&all, &raw).is_empty(),
            "{name} fires without its log source"
        );
    }
}

#[test]
fn rules_fire_on_the_real_events() {
    let Ok(corpus) = std::env::var("AISOC_CORPUS") else {
        eprintln!("AISOC_CORPUS is not set: skipped");
        return;
    };
    let (detector, errors) = SigmaDetector::load(RULES.iter().copied());
    assert_eq!(errors, []);
    let mut fired: BTreeMap<String, usize> = detector.rules().iter().map(|r| (r.title.clone(), 0)).collect();
    let mut events = Vec::new();
    for file in [
        "windows-security-events.ndjson.gz",
        "cloudtrail-records.ndjson.gz",
    ] {
        let file = std::fs::File::open(PathBuf::from(&corpus).join(file)).unwrap();
        for line in BufReader::new(flate2::read::GzDecoder::new(file)).lines() {
            events.push(event(serde_json::from_str(&line.unwrap()).unwrap()));
        }
    }
    let lines: Vec<Vec<u8>> = events
        .iter()
        .map(|event| serde_json::to_vec(event).unwrap())
        .collect();
    let began = Instant::now();
    for line in &lines {
        std::hint::black_box(serde_json::from_slice::<EventRecord>(line).unwrap());
    }
    println!(
        "{:.1} µs an event to parse",
        began.elapsed().as_secs_f64() * 1e6 / lines.len() as f64
    );
    let began = Instant::now();
    let mut matched = 0usize;
    for event in &events {
        let rules = detector.detect(event);
        matched += usize::from(!rules.is_empty());
        for rule in rules {
            *fired.get_mut(&rule.title).unwrap() += 1;
        }
    }
    let took = began.elapsed();
    for (title, count) in &fired {
        println!("{count:6} {title}");
    }
    let with_hits = fired.values().filter(|count| **count > 0).count();
    println!(
        "{with_hits} of {} rules fired; {matched} of {} events matched; {:.1} µs an event to detect",
        fired.len(),
        events.len(),
        took.as_secs_f64() * 1e6 / events.len() as f64
    );
    assert!(with_hits >= 20, "only {with_hits} rules fire on the real events");
}
