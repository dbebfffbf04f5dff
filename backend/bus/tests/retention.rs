//! Bounds: what goes, what stays, and what is refused.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use aisoc_bus::disk::Reserve;
use aisoc_bus::embedded::{BusConfig, EmbeddedBus};
use aisoc_bus::spool::{Spool, SpoolConfig};
use aisoc_bus::{Bus, BusError, Record};
use aisoc_model::SystemClock;
use common::{TOPIC, entry, record, region};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn small(dir: &Path, awaited: &[(&str, &str)]) -> Bus {
    let awaited = awaited
        .iter()
        .map(|(t, g)| ((*t).to_owned(), (*g).to_owned()))
        .collect();
    let config = BusConfig {
        topic_bytes: 4 << 20,
        awaited,
        ..BusConfig::new(dir)
    };
    Bus::Embedded(Arc::new(
        EmbeddedBus::open(config, Arc::new(SystemClock)).unwrap(),
    ))
}

fn big(index: usize) -> Record {
    let mut record = record("");
    record.payload = format!("{index:08}").repeat(16 << 10).into_bytes().into();
    record
}

#[tokio::test(flavor = "multi_thread")]
async fn a_topic_without_consumers_forgets_its_oldest() {
    let dir = tempfile::tempdir().unwrap();
    let bus = small(dir.path(), &[]);
    for index in 0..200 {
        bus.append(TOPIC, vec![big(index)], None).await.unwrap();
    }
    let stats = bus.stats().await.unwrap();
    let topic = &stats.topics[0];
    assert_eq!(topic.end, 200);
    assert!(topic.start > 0 && topic.bytes <= 5 << 20, "{topic:?}");
    // A consumer that is late goes on with the oldest that is left.
    let fetched = bus.fetch(TOPIC, 0, 1, Duration::ZERO).await.unwrap();
    assert_eq!(fetched.records[0].0, topic.start);
    drop(bus);
    let bus = small(dir.path(), &[]);
    let again = bus.stats().await.unwrap();
    assert_eq!(again.topics[0], *topic, "bounds and offsets survive reopening");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_group_still_needs_is_kept_and_more_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let bus = small(dir.path(), &[(TOPIC, "enrichment")]);
    let mut taken = 0;
    let refused = loop {
        match bus.append(TOPIC, vec![big(taken)], None).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "the bound does nothing");
    };
    assert!(matches!(refused, BusError::Full { .. }), "{refused}");
    assert!(
        bus.append("other", vec![record("x")], None).await.is_ok(),
        "another topic has its own bound"
    );
    assert_eq!(common::all(&bus, TOPIC).await.len(), taken);
    bus.commit("enrichment", TOPIC, taken as u64).await.unwrap();
    bus.append(TOPIC, vec![big(taken)], None).await.unwrap();
    // Nothing that was not consumed went.
    let fetched = bus.fetch(TOPIC, taken as u64, 10, Duration::ZERO).await.unwrap();
    assert_eq!(fetched.records.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_at_its_bound_refuses_and_takes_again_after_delivery() {
    let dir = tempfile::tempdir().unwrap();
    let bus_dir = tempfile::tempdir().unwrap();
    let regions = [region("us"), region("eu")];
    let config = SpoolConfig {
        max_bytes: 2 << 20,
        ..SpoolConfig::new(dir.path())
    };
    let spool = Spool::open(config, &regions, Arc::new(SystemClock)).unwrap();
    let bus = Bus::Embedded(common::bus(bus_dir.path()));
    let _us = common::fan_out(&spool, "us", "us", bus.clone());
    let text = "x".repeat(100_000);
    let mut taken = 0u64;
    let refused = loop {
        match spool.append(vec![entry(&text)]).await {
            Ok(_) => taken += 1,
            Err(error) => break error,
        }
        assert!(taken < 100, "the bound does nothing");
    };
    assert!(
        matches!(&refused, BusError::Full { what, .. } if what.contains("eu")),
        "{refused}"
    );
    // The other region is not held up by the one that is down.
    common::reach(&bus, TOPIC, taken).await;
    let stats = spool.stats().await.unwrap();
    assert_eq!(stats.iter().find(|c| c.region == "eu").unwrap().pending, taken);
    let eu_dir = tempfile::tempdir().unwrap();
    let _eu = common::fan_out(&spool, "us", "eu", Bus::Embedded(common::bus(eu_dir.path())));
    tokio::time::timeout(common::SOON, spool.drained())
        .await
        .expect("the backlog was not delivered");
    spool.append(vec![entry(&text)]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_in_its_reserve_takes_nothing_but_commits() {
    let dir = tempfile::tempdir().unwrap();
    let bus = small(dir.path(), &[]);
    bus.append(TOPIC, vec![record("a")], None).await.unwrap();
    drop(bus);
    let reserve = Reserve {
        bytes: u64::MAX,
        percent: 100,
    };
    let config = BusConfig {
        reserve,
        ..BusConfig::new(dir.path())
    };
    let bus = Bus::Embedded(Arc::new(
        EmbeddedBus::open(config, Arc::new(SystemClock)).unwrap(),
    ));
    let refused = bus.append(TOPIC, vec![record("b")], None).await;
    assert!(matches!(refused, Err(BusError::DiskFull { .. })), "{refused:?}");
    bus.commit("enrichment", TOPIC, 1).await.unwrap();
    assert_eq!(common::all(&bus, TOPIC).await, ["a"]);

    let config = SpoolConfig {
        reserve,
        ..SpoolConfig::new(dir.path().join("spool"))
    };
    let spool = Spool::open(config, &[region("us")], Arc::new(SystemClock)).unwrap();
    let refused = spool.append(vec![entry("a")]).await;
    assert!(matches!(refused, Err(BusError::DiskFull { .. })), "{refused:?}");
    assert_eq!(spool.pending(), 0);
}
