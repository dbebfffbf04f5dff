//! The service on a real (embedded) bus and event store: nothing is lost or doubled by a restart at any point.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_bus::embedded::{BusConfig, EmbeddedBus};
use aisoc_bus::{Bus, Record};
use aisoc_enrichment::enricher::Enricher;
use aisoc_enrichment::service::{GROUP, Service};
use aisoc_enrichment::sources::assets::Assets;
use aisoc_enrichment::sources::indicators::Indicators;
use aisoc_model::SystemClock;
use aisoc_model::clock::ManualClock;
use aisoc_model::event::{Entities, EventClass, EventRecord, topic};
use aisoc_storage::EventStore;
use aisoc_storage::event_store::Mode;
use aisoc_telemetry::probe::Readiness;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

const WAIT: Duration = Duration::from_secs(20);

fn bus(dir: &Path) -> Bus {
    let bus = EmbeddedBus::open(BusConfig::new(dir.join("bus")), Arc::new(SystemClock)).unwrap();
    Bus::Embedded(Arc::new(bus))
}

fn service(dir: &Path, bus: &Bus) -> Service {
    Service {
        region: "us-east-1".parse().unwrap(),
        bus: bus.clone(),
        store: EventStore::open(dir.join("events"), Mode::Write).unwrap(),
        enricher: Enricher::new(Assets::load(None).unwrap(), Indicators::load(None).unwrap(), None),
        readiness: Readiness::new(),
        clock: Arc::new(ManualClock::at("2026-01-31T12:00:00Z".parse().unwrap())),
        inject_latency: Duration::ZERO,
    }
}

fn raw(id: usize, origin: &str) -> Record {
    let event = EventRecord {
        event_id: format!("e{id}"),
        tenant: "acme".to_owned(),
        origin_region: origin.parse().unwrap(),
        home_region: "us-east-1".parse().unwrap(),
        connector_id: "c".to_owned(),
        source_format: "json".to_owned(),
        received_at: "2026-01-31T12:00:00Z".parse().unwrap(),
        event_time: "2026-01-01T12:00:00Z".parse().unwrap(),
        class: EventClass::DnsActivity,
        severity: 1,
        entities: Entities {
            host: Some("dc01.corp.example".to_owned()),
            ..Entities::default()
        },
        traceparent: None,
        enrichment: None,
        raw_data: serde_json::json!({"QueryName": "x.malware.example", "n": id}),
    };
    Record {
        key: "acme|dc01".to_owned(),
        payload: serde_json::to_vec(&event).unwrap().into(),
        at: event.received_at,
    }
}

/// All records of a topic, once it has `count`.
async fn records(bus: &Bus, topic: &str, count: u64) -> Vec<Record> {
    let deadline = tokio::time::Instant::now() + WAIT;
    let mut all: Vec<Record> = Vec::new();
    let mut from = 0;
    while (all.len() as u64) < count {
        assert!(
            tokio::time::Instant::now() < deadline,
            "{} of {count} in {topic}",
            all.len()
        );
        let fetched = bus
            .fetch(topic, from, 1_000, Duration::from_millis(200))
            .await
            .unwrap();
        for (offset, record) in fetched.records {
            from = offset + 1;
            all.push(record);
        }
    }
    all
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn own_events_are_stored_and_all_go_on_enriched() {
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    let broken = Record {
        payload: "{not json".into(),
        ..raw(9, "us-east-1")
    };
    let batch = vec![
        raw(1, "us-east-1"),
        raw(2, "eu-west-1"),
        broken,
        raw(3, "us-east-1"),
    ];
    bus.append(topic::RAW_EVENTS, batch, None).await.unwrap();

    let shutdown = CancellationToken::new();
    let service = service(dir.path(), &bus);
    let day = |date: &str| dir.path().join(format!("events/events-{date}.sqlite"));
    for date in ["2026-01-01", "2026-01-02"] {
        std::fs::write(day(date), "").unwrap();
    }
    let checks = async {
        let enriched = records(&bus, topic::ENRICHED_EVENTS, 3).await;
        let first: EventRecord = serde_json::from_slice(&enriched[0].payload).unwrap();
        let enrichment = first.enrichment.unwrap();
        assert_eq!(enrichment.asset_criticality, Some(95));
        assert_eq!(enrichment.indicators, ["sample-malware:malware.example"]);
        let dead = records(&bus, topic::DEAD_LETTERS, 1).await;
        let letter: serde_json::Value = serde_json::from_slice(&dead[0].payload).unwrap();
        assert_eq!(letter["payload"], "{not json");
        shutdown.cancel();
    };
    tokio::join!(service.run(&shutdown), checks);
    assert_eq!(
        service.store.count().await.unwrap(),
        2,
        "only what this region accepted"
    );
    assert_eq!(bus.committed(GROUP, topic::RAW_EVENTS).await.unwrap(), Some(4));
    assert!(service.readiness.is_ready());
    assert!(!day("2026-01-01").exists(), "thirty days are kept");
    assert!(day("2026-01-02").exists());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_it_loses_and_doubles_nothing() {
    const EVENTS: usize = 3_000;
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    for chunk in (0..EVENTS).collect::<Vec<_>>().chunks(250) {
        let batch = chunk.iter().map(|id| raw(*id, "us-east-1")).collect();
        bus.append(topic::RAW_EVENTS, batch, None).await.unwrap();
    }
    // Dropping the task is what a kill looks like to the bus and to the store: work stops between any two steps.
    let mut life = 1;
    while bus.committed(GROUP, topic::RAW_EVENTS).await.unwrap() < Some(EVENTS as u64) {
        let service = service(dir.path(), &bus);
        let shutdown = CancellationToken::new();
        let _ = tokio::time::timeout(Duration::from_millis(life), service.run(&shutdown)).await;
        life = life * 3 / 2 + 3;
        assert!(life < 60_000, "does not get on");
    }
    let enriched = records(&bus, topic::ENRICHED_EVENTS, EVENTS as u64).await;
    let mut ids: Vec<String> = enriched
        .iter()
        .map(|record| {
            serde_json::from_slice::<EventRecord>(&record.payload)
                .unwrap()
                .event_id
        })
        .collect();
    ids.sort();
    ids.dedup();
    assert_eq!((ids.len(), enriched.len()), (EVENTS, EVENTS));
    assert_eq!(
        service(dir.path(), &bus).store.count().await.unwrap(),
        EVENTS as u64
    );
}
