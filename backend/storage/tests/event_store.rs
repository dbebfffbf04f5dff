//! The event store: once per id, readable by other processes, nothing lost by kill -9.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_model::event::{Entities, EventClass, EventRecord};
use aisoc_storage::event_store::{EventFilter, EventStore, Mode};
use aisoc_storage::{Error, event_store};
use jiff::{SignedDuration, Timestamp};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

fn noon() -> Timestamp {
    "2026-11-22T12:00:00Z".parse().unwrap()
}

fn event(id: &str, received_at: Timestamp) -> EventRecord {
    EventRecord {
        event_id: id.into(),
        tenant: "acme".into(),
        origin_region: "us-east-1".parse().unwrap(),
        home_region: "us-east-1".parse().unwrap(),
        connector_id: "c".into(),
        source_format: "json".into(),
        received_at,
        event_time: received_at - SignedDuration::from_secs(1),
        class: EventClass::ProcessActivity,
        severity: 2,
        entities: Entities {
            host: Some("h1".into()),
            user: Some("eve".into()),
            ..Entities::default()
        },
        traceparent: None,
        enrichment: None,
        raw_data: serde_json::json!({"cmd": "a\0b'; DROP TABLE events; --", "n": 1}),
    }
}

fn batch(from: u32, to: u32, at: Timestamp) -> Vec<EventRecord> {
    (from..to).map(|n| event(&format!("e{n}"), at)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn stores_once_by_id_across_days_and_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path().join("events"), Mode::Write).unwrap();
    let reader = EventStore::open(dir.path().join("events"), Mode::Read).unwrap();
    assert_eq!(reader.count().await.unwrap(), 0);
    assert_eq!(store.insert(&batch(0, 10, noon())).await.unwrap(), 10);
    assert_eq!(store.insert(&batch(5, 12, noon())).await.unwrap(), 2);
    // Another tenant's event with the same id is another event.
    let other = EventRecord {
        tenant: "globex".into(),
        ..event("e1", noon())
    };
    assert_eq!(store.insert(std::slice::from_ref(&other)).await.unwrap(), 1);
    assert_eq!(
        (store.count().await.unwrap(), reader.count().await.unwrap()),
        (13, 13)
    );

    // A repeated request just after midnight does not store its events a second time.
    let before = "2026-11-22T23:59:59Z".parse().unwrap();
    let after: Timestamp = "2026-11-23T00:00:05Z".parse().unwrap();
    assert_eq!(store.insert(&[event("m", before)]).await.unwrap(), 1);
    assert_eq!(
        store
            .insert(&[event("m", after), event("n", after)])
            .await
            .unwrap(),
        1
    );
    assert_eq!(reader.count().await.unwrap(), 15);
    assert_eq!(
        reader.get("acme", "m").await.unwrap().unwrap(),
        event("m", before)
    );
    assert_eq!(reader.get("globex", "m").await.unwrap(), None);

    // Pages: newest first, over days, one tenant only.
    let filter = EventFilter::default();
    let mut seen = Vec::new();
    let mut next = None;
    loop {
        let page = reader.query("acme", &filter, next.as_deref(), 4).await.unwrap();
        assert!(page.items.iter().all(|e| e.tenant == "acme"));
        seen.extend(page.items.into_iter().map(|e| e.event_id));
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(seen.len(), 14);
    assert_eq!(
        (seen[0].as_str(), seen[1].as_str(), seen[2].as_str()),
        ("n", "m", "e11")
    );
    assert!(matches!(
        reader.query("acme", &filter, Some("../x"), 4).await,
        Err(Error::BadCursor(_))
    ));

    // Retention drops whole files; only the writer may.
    let day = jiff::civil::date(2026, 11, 23);
    assert!(matches!(reader.drop_before(day).await, Err(Error::ReadOnly(_))));
    assert!(matches!(reader.insert(&[]).await, Err(Error::ReadOnly(_))));
    assert_eq!(
        store.drop_before(day).await.unwrap(),
        [jiff::civil::date(2026, 11, 22)]
    );
    assert_eq!(
        (store.count().await.unwrap(), store.dates().unwrap().len()),
        (1, 1)
    );
    let fresh = EventStore::open(dir.path().join("events"), Mode::Read).unwrap();
    assert_eq!(fresh.count().await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_and_surroundings() {
    let dir = tempfile::tempdir().unwrap();
    let store = EventStore::open(dir.path(), Mode::Write).unwrap();
    let mut events = batch(0, 20, noon());
    for (n, event) in events.iter_mut().enumerate() {
        event.event_time = noon() + SignedDuration::from_mins(i64::try_from(n).unwrap());
        event.entities = Entities {
            host: (n % 2 == 0).then(|| "h1".to_owned()),
            user: (n % 5 == 0).then(|| "eve".to_owned()),
            ip: (n == 7).then(|| "10.0.0.7".to_owned()),
            process: None,
        };
        event.severity = u8::try_from(n % 6).unwrap();
        if n == 3 {
            event.class = EventClass::DnsActivity;
        }
    }
    store.insert(&events).await.unwrap();
    let count =
        async |filter: EventFilter| store.query("acme", &filter, None, 100).await.unwrap().items.len();
    assert_eq!(
        count(EventFilter {
            host: Some("h1".into()),
            ..EventFilter::default()
        })
        .await,
        10
    );
    assert_eq!(
        count(EventFilter {
            user: Some("eve".into()),
            ..EventFilter::default()
        })
        .await,
        4
    );
    assert_eq!(
        count(EventFilter {
            class: Some(EventClass::DnsActivity),
            ..EventFilter::default()
        })
        .await,
        1
    );
    assert_eq!(
        count(EventFilter {
            min_severity: Some(5),
            ..EventFilter::default()
        })
        .await,
        3
    );
    let window = EventFilter {
        since: Some(noon() + SignedDuration::from_mins(5)),
        until: Some(noon() + SignedDuration::from_mins(9)),
        ..EventFilter::default()
    };
    assert_eq!(count(window).await, 5);

    let about = Entities {
        host: Some("h1".into()),
        user: Some("eve".into()),
        ip: Some("10.0.0.7".into()),
        process: None,
    };
    let near = store
        .around_entity(
            "acme",
            &about,
            noon() + SignedDuration::from_mins(7),
            Duration::from_mins(3),
            100,
        )
        .await
        .unwrap();
    let ids: Vec<&str> = near.iter().map(|e| e.event_id.as_str()).collect();
    assert_eq!(
        ids,
        ["e4", "e5", "e6", "e7", "e8", "e10"],
        "host, user or address, each once, by time"
    );
    let nobody = Entities::default();
    let none = store
        .around_entity("acme", &nobody, noon(), Duration::from_hours(1), 100)
        .await
        .unwrap();
    assert!(none.is_empty(), "no entity, no neighbours");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_writers_during_a_rollout_wait_for_each_other() {
    let dir = tempfile::tempdir().unwrap();
    let writers = [0, 1].map(|_| EventStore::open(dir.path(), Mode::Write).unwrap());
    let work = writers.map(|store| {
        tokio::spawn(async move {
            let mut stored = 0;
            for n in 0..40 {
                stored += store.insert(&batch(n * 5, n * 5 + 10, noon())).await.unwrap();
            }
            stored
        })
    });
    let mut stored = 0;
    for writer in work {
        stored += writer.await.unwrap();
    }
    let reader = EventStore::open(dir.path(), Mode::Read).unwrap();
    assert_eq!((stored, reader.count().await.unwrap()), (205, 205));
}

/// The child of the next test: inserts until it is killed and says after each batch how far it came.
#[tokio::test]
#[ignore = "runs as a child process of killed_writer_loses_nothing_it_acknowledged"]
async fn child_that_inserts() {
    let dir = std::env::var("AISOC_TEST_STORE").unwrap();
    let store = EventStore::open(dir, event_store::Mode::Write).unwrap();
    for n in 0.. {
        store.insert(&batch(n * 10, (n + 1) * 10, noon())).await.unwrap();
        println!("stored {}", (n + 1) * 10);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_writer_loses_nothing_it_acknowledged() {
    let dir = tempfile::tempdir().unwrap();
    let reader = EventStore::open(dir.path(), Mode::Read).unwrap();
    let mut least = 0;
    for _ in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_inserts", "--ignored", "--nocapture"])
            .env("AISOC_TEST_STORE", dir.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut acknowledged = 0_u64;
        for line in lines.map_while(Result::ok) {
            if let Some(count) = line.strip_prefix("stored ") {
                acknowledged = count.parse().unwrap();
            }
            // Each run repeats what the last one stored, then goes on.
            if acknowledged >= least + 200 {
                break;
            }
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(acknowledged > 0);
        // A reader that was open all the time sees all of it, before any writer came back.
        assert!(reader.count().await.unwrap() >= acknowledged);
        least = acknowledged;
    }
    let store = EventStore::open(dir.path(), Mode::Write).unwrap();
    let count = store.count().await.unwrap();
    let known = u32::try_from(count).unwrap();
    assert_eq!(
        store.insert(&batch(0, known, noon())).await.unwrap(),
        0,
        "no gap and no double"
    );
}
