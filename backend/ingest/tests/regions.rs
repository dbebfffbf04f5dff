//! Several regions: every region's bus gets what it may have, once, whatever dies meanwhile.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use aisoc_ingest::Config;
use aisoc_model::RegionId;
use common::{Running, SOON, config, events, free_port, local, region};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

fn peers(ports: &[(&str, u16)]) -> Vec<(RegionId, String)> {
    ports
        .iter()
        .map(|(label, port)| (region(label), format!("http://127.0.0.1:{port}")))
        .collect()
}

fn with(label: &str, dir: &Path, ports: &[(&str, u16)]) -> Config {
    let own = ports.iter().find(|(l, _)| *l == label).unwrap().1;
    Config {
        bus_listen: local(own),
        peers: peers(ports),
        ..config(label, &dir.join(label))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_region_gets_each_event_once_and_residency_holds() {
    let dir = tempfile::tempdir().unwrap();
    let ports = [
        ("us-east-1", free_port()),
        ("eu-west-1", free_port()),
        ("ap-southeast-1", free_port()),
    ];
    let us = Running::start(with("us-east-1", dir.path(), &ports)).await;
    let eu = Running::start(with("eu-west-1", dir.path(), &ports)).await;
    let (status, _) = us
        .post("t-acme", &[json!({"event_id": "a1"}), json!({"event_id": "a2"})])
        .await;
    assert_eq!(status, 202);
    let (status, _) = eu.post("t-initech", &[json!({"event_id": "i1"})]).await;
    assert_eq!(status, 202);
    let (status, _) = eu.post("t-acme", &[json!({"event_id": "a3"})]).await;
    assert_eq!(status, 202);
    // The third region comes up after all of it.
    let ap = Running::start(with("ap-southeast-1", dir.path(), &ports)).await;
    for (running, expected) in [
        (&us, vec!["a1", "a2", "a3"]),
        (&eu, vec!["a1", "a2", "a3", "i1"]),
        (&ap, vec!["a1", "a2", "a3"]),
    ] {
        let there = events(&running.bus, expected.len()).await;
        let mut ids: Vec<_> = there.iter().map(|e| e.event_id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!(ids, expected);
        let end = running.bus.stats().await.unwrap().topics[0].end;
        assert_eq!(end, expected.len() as u64, "nothing came twice");
    }
    let waiting = tokio::time::timeout(SOON, async {
        loop {
            let seen = us.bus.stats().await.unwrap();
            if seen.spool.iter().all(|c| c.pending == 0) {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let seen = waiting.await.expect("the spool was not delivered");
    assert_eq!((seen.spool.len(), seen.stored_events), (3, 0));
    for running in [us, eu, ap] {
        running.stop().await;
    }
}

const CHILD_DIR: &str = "AISOC_TEST_INGEST_DIR";
const CHILD_PORTS: &str = "AISOC_TEST_INGEST_PORTS";

/// Not a test of its own: an ingest process for the test below.
#[tokio::test(flavor = "multi_thread")]
async fn ingest_child() {
    let (Ok(dir), Ok(ports)) = (std::env::var(CHILD_DIR), std::env::var(CHILD_PORTS)) else {
        return;
    };
    let ports: Vec<u16> = ports.split(',').map(|p| p.parse().unwrap()).collect();
    let dir = Path::new(&dir).join("us-east-1");
    common::seed(&dir);
    let mut config = config("us-east-1", &dir);
    config.listen = local(ports[0]);
    config.bus_listen = local(ports[1]);
    config.peers = peers(&[("eu-west-1", ports[2])]);
    aisoc_ingest::run(config, CancellationToken::new()).await.unwrap();
}

struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_child(dir: &Path, ports: &str) -> Killed {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["ingest_child", "--exact", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_PORTS, ports)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Killed(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn events_answered_with_202_survive_kill_nine_once_everywhere() {
    let dir = tempfile::tempdir().unwrap();
    let (http, bus, eu_bus) = (free_port(), free_port(), free_port());
    let eu = Running::start(Config {
        bus_listen: local(eu_bus),
        ..config("eu-west-1", &dir.path().join("eu-west-1"))
    })
    .await;
    let ports = format!("{http},{bus},{eu_bus}");
    let client = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap();
    let url = format!("http://127.0.0.1:{http}/v1/ingest");
    let mut acknowledged = BTreeSet::new();
    for round in 0..4 {
        let child = start_child(dir.path(), &ports);
        let mut tasks = tokio::task::JoinSet::new();
        for writer in 0..4 {
            let (client, url) = (client.clone(), url.clone());
            tasks.spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    let ids: Vec<String> = (0..5).map(|i| format!("{round}-{writer}-{n}-{i}")).collect();
                    let events: Vec<_> = ids
                        .iter()
                        .map(|id| json!({"event_id": id, "pad": "p".repeat(2000)}))
                        .collect();
                    let request = client
                        .post(&url)
                        .bearer_auth("t-acme")
                        .json(&json!({"events": events}));
                    match request.send().await {
                        Ok(response) if response.status() == 202 => acknowledged.extend(ids),
                        // Before the process listens, or after it was killed.
                        _ if acknowledged.is_empty() => tokio::time::sleep(Duration::from_millis(20)).await,
                        _ => break,
                    }
                    if n > 2000 {
                        break;
                    }
                }
                acknowledged
            });
        }
        // Killed in full flight, at a different moment each round: after this many records at the destination.
        let seen = eu.bus.stats().await.unwrap().topics.first().map_or(0, |t| t.end);
        let target = seen + 50 + 130 * round;
        let reached = tokio::time::timeout(SOON, async {
            let mut end = seen;
            while end < target {
                let fetched = eu.bus.fetch("aisoc.raw_events", end, 1, SOON).await.unwrap();
                end = fetched.end;
            }
        });
        reached.await.expect("no events arrived");
        drop(child);
        while let Some(ids) = tasks.join_next().await {
            acknowledged.extend(ids.unwrap());
        }
    }
    assert!(acknowledged.len() > 200, "{}", acknowledged.len());
    let _child = start_child(dir.path(), &ports);
    let us = common::remote(local(bus));
    tokio::time::timeout(SOON, async {
        loop {
            match us.stats().await {
                Ok(stats) if stats.spool.len() == 2 && stats.spool.iter().all(|c| c.pending == 0) => return,
                _ => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    })
    .await
    .expect("the spool was not delivered after the crashes");
    for bus in [&us, &eu.bus] {
        let end = bus
            .stats()
            .await
            .unwrap()
            .topics
            .iter()
            .find(|t| t.topic == "aisoc.raw_events")
            .unwrap()
            .end;
        let there = events(bus, usize::try_from(end).unwrap()).await;
        let ids: BTreeSet<String> = there.iter().map(|e| e.event_id.clone()).collect();
        assert_eq!(ids.len(), there.len(), "an event is there twice");
        let lost: Vec<_> = acknowledged.difference(&ids).collect();
        assert!(
            lost.is_empty(),
            "lost {} of {}: {:?}",
            lost.len(),
            acknowledged.len(),
            lost.first()
        );
    }
    eu.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_stop_finishes_what_is_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    let slow = Config {
        inject_latency: Duration::from_millis(300),
        ..config("us-east-1", dir.path())
    };
    let ingest = Running::start(slow).await;
    let body = json!({"events": [{"event_id": "late"}]});
    let request = reqwest::Client::new()
        .post(ingest.url("/v1/ingest"))
        .bearer_auth("t-acme")
        .json(&body);
    let answered = tokio::spawn(async move { request.send().await.unwrap().status().as_u16() });
    // The request is in when its connection is; only then the stop is asked for.
    tokio::time::sleep(Duration::from_millis(100)).await;
    ingest.stop().await;
    assert_eq!(answered.await.unwrap(), 202);
    let again = Running::start(config("us-east-1", dir.path())).await;
    assert_eq!(events(&again.bus, 1).await[0].event_id, "late");
    again.stop().await;
}
