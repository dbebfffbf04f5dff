//! The bus over gRPC: the same calls, token, errors, long poll, restart.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use aisoc_bus::remote::RemoteBus;
use aisoc_bus::{Bus, BusError};
use common::{SOON, Served, TOPIC, record, texts};
use std::time::{Duration, Instant};

#[tokio::test(flavor = "multi_thread")]
async fn append_fetch_commit_and_stats() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), 0).await;
    let bus = served.remote();
    assert_eq!(
        bus.append(TOPIC, vec![record("a"), record("b")], None)
            .await
            .unwrap(),
        2
    );
    assert_eq!(bus.append(TOPIC, Vec::new(), None).await.unwrap(), 2);
    let fetched = bus.fetch(TOPIC, 0, 100, Duration::ZERO).await.unwrap();
    assert_eq!(texts(&fetched), ["a", "b"]);
    assert_eq!(fetched.end, 2);
    assert_eq!(fetched.records[1].0, 1);
    assert_eq!(
        texts(&bus.fetch(TOPIC, 1, 100, Duration::ZERO).await.unwrap()),
        ["b"]
    );

    assert_eq!(bus.committed("enrichment", TOPIC).await.unwrap(), None);
    bus.commit("enrichment", TOPIC, 1).await.unwrap();
    bus.commit("enrichment", TOPIC, 0).await.unwrap();
    assert_eq!(
        bus.committed("enrichment", TOPIC).await.unwrap(),
        Some(1),
        "a commit never moves backwards"
    );

    let stats = bus.stats().await.unwrap();
    assert_eq!((stats.topics[0].topic.as_str(), stats.topics[0].end), (TOPIC, 2));
    assert_eq!(
        (stats.groups[0].lag_records, stats.groups[0].group.as_str()),
        (1, "enrichment")
    );
    assert!(stats.bytes > 0);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_waits_for_the_next_record_and_no_longer() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), 0).await;
    let bus = served.remote();
    let empty = bus.fetch(TOPIC, 0, 10, Duration::from_millis(30)).await.unwrap();
    assert!(empty.records.is_empty());

    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { (bus.fetch(TOPIC, 0, 10, SOON).await.unwrap(), Instant::now()) }
    });
    // Another topic must not wake it.
    bus.append("other", vec![record("x")], None).await.unwrap();
    assert!(!waiting.is_finished());
    bus.append(TOPIC, vec![record("a")], None).await.unwrap();
    let appended = Instant::now();
    let (fetched, at) = tokio::time::timeout(SOON, waiting).await.unwrap().unwrap();
    assert_eq!(texts(&fetched), ["a"]);
    assert!(
        at.saturating_duration_since(appended) < Duration::from_secs(5),
        "the waiter was not notified"
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), 0).await;
    let stranger = Bus::Remote(RemoteBus::connect_lazy(&served.url, "wrong").unwrap());
    assert!(matches!(
        stranger.stats().await,
        Err(BusError::Unauthenticated(_))
    ));
    let bus = served.remote();
    bus.append(TOPIC, vec![record("a")], None).await.unwrap();
    let beyond = bus.fetch(TOPIC, 9, 1, Duration::ZERO).await;
    assert!(
        matches!(beyond, Err(BusError::BeyondEnd { from: 9, end: 1, .. })),
        "{beyond:?}"
    );
    let beyond = bus.commit("g", TOPIC, 9).await;
    assert!(matches!(beyond, Err(BusError::BeyondEnd { .. })), "{beyond:?}");
    assert!(matches!(
        bus.append("bad name", vec![record("a")], None).await,
        Err(BusError::Invalid(_))
    ));
    let backwards = aisoc_bus::Sequenced {
        origin: "o".to_owned(),
        sequences: vec![2, 1],
    };
    let refused = bus
        .append_sequenced(TOPIC, vec![record("a"), record("b")], Some(backwards))
        .await;
    assert!(matches!(refused, Err(BusError::Invalid(_))));
    served.stop().await;
    let gone = bus.stats().await.unwrap_err();
    assert!(
        matches!(gone, BusError::Unavailable { .. }) && gone.is_transient(),
        "{gone:?}"
    );
    assert!(RemoteBus::connect_lazy("not a url", "t").is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repeated_append_is_taken_once_also_across_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), 0).await;
    let bus = served.remote();
    let batch = || vec![record("1"), record("2"), record("3")];
    assert_eq!(bus.append(TOPIC, batch(), Some(("us/1", 10))).await.unwrap(), 3);
    assert_eq!(bus.append(TOPIC, batch(), Some(("us/1", 10))).await.unwrap(), 3);
    // Overlapping: only what is new.
    let overlap = vec![record("3"), record("4")];
    assert_eq!(bus.append(TOPIC, overlap, Some(("us/1", 12))).await.unwrap(), 4);
    // The same numbers of another origin, and of the same origin on another topic, are other records.
    assert_eq!(
        bus.append(TOPIC, vec![record("eu")], Some(("eu/1", 10)))
            .await
            .unwrap(),
        5
    );
    assert_eq!(
        bus.append("other", vec![record("o")], Some(("us/1", 10)))
            .await
            .unwrap(),
        1
    );
    let port = served.port;
    served.stop().await;
    let served = Served::start(dir.path(), port).await;
    assert_eq!(bus.append(TOPIC, batch(), Some(("us/1", 10))).await.unwrap(), 5);
    assert_eq!(common::all(&bus, TOPIC).await, ["1", "2", "3", "4", "eu"]);
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn shutdown_ends_a_waiting_fetch() {
    let dir = tempfile::tempdir().unwrap();
    let served = Served::start(dir.path(), 0).await;
    let bus = served.remote();
    bus.append(TOPIC, vec![record("a")], None).await.unwrap();
    let waiting = tokio::spawn(async move { bus.fetch(TOPIC, 1, 1, Duration::from_mins(1)).await });
    served.stop().await;
    // It ends well or with a closed connection, but it ends.
    let _ = tokio::time::timeout(SOON, waiting)
        .await
        .expect("the fetch outlived the server")
        .unwrap();
}
