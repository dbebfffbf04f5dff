//! From the spool of one region to the buses of several: order, once each, residency, late destinations.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use aisoc_bus::spool::SpoolRecord;
use aisoc_bus::{Bus, BusError};
use common::{SOON, Served, TOPIC, entry, fan_out, reach, region};
use std::net::TcpListener;

fn free_port() -> u16 {
    TcpListener::bind(("127.0.0.1", 0))
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

fn numbers(range: std::ops::Range<u64>) -> Vec<String> {
    range.map(|n| n.to_string()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_comes_up_late_gets_everything_in_order() {
    let dir = tempfile::tempdir().unwrap();
    let spool = common::spool(&dir.path().join("spool"), &["us", "eu"]);
    let us = Bus::Embedded(common::bus(&dir.path().join("us")));
    let port = free_port();
    let absent =
        aisoc_bus::remote::RemoteBus::connect_lazy(&format!("http://127.0.0.1:{port}"), common::TOKEN);
    let _stop_us = fan_out(&spool, "us", "us", us.clone());
    let _stop_eu = fan_out(&spool, "us", "eu", Bus::Remote(absent.unwrap()));
    for text in numbers(0..500) {
        spool.append(vec![entry(&text)]).await.unwrap();
    }
    reach(&us, TOPIC, 500).await;
    let stats = spool.stats().await.unwrap();
    let eu = stats.iter().find(|c| c.region == "eu").unwrap();
    assert_eq!(eu.pending, 500);
    assert!(eu.failure.is_some(), "an absent region is named as failing");
    assert_eq!(spool.pending(), 500);

    let served = Served::start(&dir.path().join("eu"), port).await;
    tokio::time::timeout(SOON, spool.drained())
        .await
        .expect("the late region did not catch up");
    assert_eq!(common::all(&served.remote(), TOPIC).await, numbers(0..500));
    assert_eq!(common::all(&us, TOPIC).await, numbers(0..500));
    let stats = spool.stats().await.unwrap();
    assert!(
        stats.iter().all(|c| c.pending == 0 && c.failure.is_none()),
        "{stats:?}"
    );
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_goes_only_where_its_residency_allows() {
    let dir = tempfile::tempdir().unwrap();
    let spool = common::spool(&dir.path().join("spool"), &["us", "eu", "ap"]);
    let buses: Vec<Bus> = ["us", "eu", "ap"]
        .iter()
        .map(|r| Bus::Embedded(common::bus(&dir.path().join(r))))
        .collect();
    for (label, bus) in ["us", "eu", "ap"].iter().zip(&buses) {
        let _ = fan_out(&spool, "eu", label, bus.clone());
    }
    let mut batch = Vec::new();
    for n in 0..300 {
        let only = if n % 3 == 0 {
            vec![region("eu")]
        } else {
            Vec::new()
        };
        batch.push(SpoolRecord {
            only,
            ..entry(&n.to_string())
        });
    }
    spool.append(batch).await.unwrap();
    tokio::time::timeout(SOON, spool.drained())
        .await
        .expect("skipped records must move the cursor too");
    assert_eq!(common::all(&buses[1], TOPIC).await.len(), 300);
    for bus in [&buses[0], &buses[2]] {
        let there = common::all(bus, TOPIC).await;
        assert_eq!(there.len(), 200);
        assert!(
            there.iter().all(|t| t.parse::<u64>().unwrap() % 3 != 0),
            "residency was broken"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_destination_that_restarts_again_and_again_gets_each_record_once() {
    let dir = tempfile::tempdir().unwrap();
    let spool = common::spool(&dir.path().join("spool"), &["eu"]);
    let eu = dir.path().join("eu");
    let mut served = Served::start(&eu, 0).await;
    let port = served.port;
    let _stop = fan_out(&spool, "us", "eu", served.remote());
    let writer = tokio::spawn({
        let spool = spool.clone();
        async move {
            for text in numbers(0..2000) {
                spool.append(vec![entry(&text)]).await.unwrap();
            }
        }
    });
    for target in [200, 700, 1200] {
        reach(&Bus::Embedded(served.bus.clone()), TOPIC, target).await;
        served.stop().await;
        served = Served::start(&eu, port).await;
    }
    writer.await.unwrap();
    tokio::time::timeout(SOON, spool.drained())
        .await
        .expect("not drained");
    assert_eq!(common::all(&served.remote(), TOPIC).await, numbers(0..2000));
    served.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_spool_in_the_same_region_is_not_taken_for_the_old_one() {
    let dir = tempfile::tempdir().unwrap();
    let bus = Bus::Embedded(common::bus(&dir.path().join("bus")));
    for generation in ["a", "b"] {
        let spool = common::spool(&dir.path().join(generation), &["us"]);
        let stop = fan_out(&spool, "us", "us", bus.clone());
        spool.append(vec![entry(generation)]).await.unwrap();
        tokio::time::timeout(SOON, spool.drained()).await.unwrap();
        stop.cancel();
    }
    assert_eq!(common::all(&bus, TOPIC).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reopened_spool_goes_on_where_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("spool");
    {
        let spool = common::spool(&path, &["us"]);
        spool.append(vec![entry("1"), entry("2")]).await.unwrap();
        let locked = aisoc_bus::spool::Spool::open(
            aisoc_bus::spool::SpoolConfig::new(&path),
            &[region("us")],
            std::sync::Arc::new(aisoc_model::SystemClock),
        );
        assert!(
            matches!(locked.err(), Some(BusError::InUse(_))),
            "two writers would destroy the spool"
        );
    }
    let spool = common::spool(&path, &["us", "new"]);
    assert_eq!(spool.append(vec![entry("3")]).await.unwrap(), 3);
    let bus = Bus::Embedded(common::bus(&dir.path().join("bus")));
    let late = Bus::Embedded(common::bus(&dir.path().join("late")));
    let _us = fan_out(&spool, "us", "us", bus.clone());
    let _new = fan_out(&spool, "us", "new", late.clone());
    tokio::time::timeout(SOON, spool.drained()).await.unwrap();
    assert_eq!(common::all(&bus, TOPIC).await, ["1", "2", "3"]);
    assert_eq!(
        common::all(&late, TOPIC).await,
        ["1", "2", "3"],
        "a new region starts with what is still held"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn many_writers_share_the_disk_and_lose_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let spool = common::spool(&dir.path().join("spool"), &["us"]);
    let bus = Bus::Embedded(common::bus(&dir.path().join("bus")));
    let _us = fan_out(&spool, "us", "us", bus.clone());
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..32 {
        let spool = spool.clone();
        tasks.spawn(async move {
            for n in 0..50 {
                spool.append(vec![entry(&format!("{writer}-{n}"))]).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    tokio::time::timeout(SOON, spool.drained()).await.unwrap();
    let there = common::all(&bus, TOPIC).await;
    assert_eq!(there.len(), 1600);
    assert!(common::doubled(&there).is_empty());
    // Each writer's own order holds.
    for writer in 0..32 {
        let prefix = format!("{writer}-");
        let own: Vec<_> = there.iter().filter_map(|t| t.strip_prefix(&prefix)).collect();
        assert!(
            own.iter().map(|n| n.parse::<u32>().unwrap()).is_sorted(),
            "{own:?}"
        );
    }
}
