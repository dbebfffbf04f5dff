//! Drain and restore of a region behind a real HAProxy, under traffic.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod lab;

use aisoc_control_plane::drivers::traffic::share::{HalfServer, HaproxyShares, ShareDriver};
use aisoc_control_plane::operations::Operations;
use aisoc_control_plane::operations::blue_green::share_sight;
use aisoc_control_plane::operations::hands::Sight;
use aisoc_model::SystemClock;
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use lab::haproxy::LoadBalancer;
use lab::world::{US, carry_out, operations, region, topology};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Requests per second of the traffic.
const RATE: u64 = 200;

struct Traffic {
    sent: Arc<AtomicU64>,
    failed: Arc<AtomicU64>,
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<()>,
}

impl Traffic {
    fn start(url: &str) -> Self {
        let (sent, failed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let stop = Arc::new(AtomicBool::new(false));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{url}/work");
        let (all, bad, end) = (Arc::clone(&sent), Arc::clone(&failed), Arc::clone(&stop));
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval(Duration::from_micros(1_000_000 / RATE));
            let mut requests = tokio::task::JoinSet::new();
            while !end.load(Ordering::Relaxed) {
                ticks.tick().await;
                let (request, bad) = (client.get(&url).send(), Arc::clone(&bad));
                all.fetch_add(1, Ordering::Relaxed);
                requests.spawn(async move {
                    if !request.await.is_ok_and(|r| r.status() == 200) {
                        bad.fetch_add(1, Ordering::Relaxed);
                    }
                });
                while requests.try_join_next().is_some() {}
            }
            while requests.join_next().await.is_some() {}
        });
        Self {
            sent,
            failed,
            stop,
            task,
        }
    }

    async fn end(self) -> (u64, u64) {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap();
        (
            self.sent.load(Ordering::Relaxed),
            self.failed.load(Ordering::Relaxed),
        )
    }
}

async fn set_up(dir: &std::path::Path) -> (LoadBalancer, Operations) {
    let balancer = LoadBalancer::start(dir).await;
    let mut topology = topology(dir);
    if let aisoc_model::load_balancer::LoadBalancer::Haproxy(settings) = &mut topology.load_balancer {
        settings.haproxy_socket.clone_from(&balancer.socket);
        settings.url.clone_from(&balancer.url);
    }
    (balancer, operations(&topology).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_share_of_the_requests_goes_to_the_other_half_and_none_fails() {
    let dir = tempfile::tempdir().unwrap();
    let balancer = LoadBalancer::start(dir.path()).await;
    let mut topology = topology(dir.path());
    let aisoc_model::load_balancer::LoadBalancer::Haproxy(settings) = &mut topology.load_balancer else {
        panic!("the topology's load balancer is HAProxy")
    };
    settings.haproxy_socket.clone_from(&balancer.socket);
    let shares = HaproxyShares::new(&topology, Arc::new(SystemClock)).unwrap();
    let traffic = Traffic::start(&balancer.url);
    let us = region(US);
    let idle = shares.read(&us).await.unwrap();
    assert!(idle.beside.iter().all(HalfServer::is_out), "{idle:?}");
    let mut requests = 0;
    for (percent, weights) in [(10, (90, 10)), (50, (50, 50)), (100, (0, 100)), (0, (100, 0))] {
        shares.set(&us, percent).await.unwrap();
        lab::eventually("the share is there", Duration::from_secs(30), async || {
            let reading = shares.read(&us).await.unwrap();
            let there = matches!(share_sight(&reading, percent), Sight::Done(_));
            let all: u64 = reading.beside.iter().map(|s| s.requests).sum();
            // With a share it gets requests.
            there && (percent == 0 || all > requests)
        })
        .await;
        let reading = shares.read(&us).await.unwrap();
        requests = reading.beside.iter().map(|s| s.requests).sum();
        let got = (reading.serving[0].weight, reading.beside[0].weight);
        assert_eq!(got, weights, "{percent} %");
        assert_eq!(reading.beside[0].is_out(), percent == 0);
    }
    assert_eq!(traffic.end().await.1, 0, "no request fails");
    let nowhere = shares.read(&"sa-east-1".parse().unwrap()).await.unwrap_err();
    assert!(nowhere.to_string().contains("parallel_server"), "{nowhere}");
}

fn drain(deadline_seconds: u32) -> Target {
    Target::Drain {
        region: region(US),
        deadline_seconds,
        expires_seconds: 0,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_fails_while_a_region_is_drained_and_restored() {
    let dir = tempfile::tempdir().unwrap();
    let (balancer, operations) = set_up(dir.path()).await;
    let traffic = Traffic::start(&balancer.url);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        balancer.served_by(US) > 0,
        "the region serves before it is drained"
    );

    let begun = Instant::now();
    let drained = carry_out(&operations, drain(60)).await;
    let took = begun.elapsed();
    assert_eq!(drained.state, OperationState::Done, "{drained:#?}");
    assert_eq!(drained.figures["sessions_left"], 0.0);
    let before = balancer.served_by(US);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(balancer.served_by(US), before, "a drained region serves nothing");

    let restored = carry_out(&operations, Target::Restore { region: region(US) }).await;
    assert_eq!(restored.state, OperationState::Done, "{restored:#?}");
    let before = balancer.served_by(US);
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(balancer.served_by(US) > before, "a restored region serves");
    let (sent, failed) = traffic.end().await;
    assert_eq!(failed, 0, "{failed} of {sent} requests failed");
    println!("drain took {took:?}; 0 of {sent} requests failed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_does_not_end_is_named_at_the_deadline() {
    let dir = tempfile::tempdir().unwrap();
    let (balancer, operations) = set_up(dir.path()).await;
    // Round robin: some of these are at the region.
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/slow", balancer.url);
    let slow: Vec<_> = (0..8).map(|_| tokio::spawn(client.get(&url).send())).collect();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let drained = carry_out(&operations, drain(1)).await;
    assert_eq!(drained.state, OperationState::Done);
    assert!(drained.figures["sessions_left"] > 0.0, "{drained:#?}");
    assert!(drained.outcome.unwrap().contains("us-east-1a: "));
    for request in slow {
        assert_eq!(
            request.await.unwrap().unwrap().status(),
            200,
            "it was not cut off"
        );
    }
}
