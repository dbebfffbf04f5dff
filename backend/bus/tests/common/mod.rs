//! What the tests of bus and spool share.
#![allow(dead_code)]

use aisoc_bus::embedded::{BusConfig, EmbeddedBus};
use aisoc_bus::remote::RemoteBus;
use aisoc_bus::spool::fanout::{self, Destination};
use aisoc_bus::spool::{Spool, SpoolConfig, SpoolRecord};
use aisoc_bus::{Bus, Fetched, Record, server};
use aisoc_model::{RegionId, SystemClock};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub const TOPIC: &str = "aisoc.raw_events";
pub const TOKEN: &str = "internal-token";
/// Longest wait for something that happens at once when the code is right.
pub const SOON: Duration = Duration::from_secs(20);

pub fn region(label: &str) -> RegionId {
    label.parse().unwrap()
}

pub fn record(text: &str) -> Record {
    Record {
        key: "acme|h1".to_owned(),
        payload: text.to_owned().into_bytes().into(),
        at: Timestamp::now(),
    }
}

pub fn entry(text: &str) -> SpoolRecord {
    SpoolRecord {
        topic: TOPIC.to_owned(),
        record: record(text),
        only: Vec::new(),
    }
}

pub fn texts(fetched: &Fetched) -> Vec<String> {
    fetched
        .records
        .iter()
        .map(|(_, r)| String::from_utf8(r.payload.to_vec()).unwrap())
        .collect()
}

pub fn bus(dir: &Path) -> Arc<EmbeddedBus> {
    Arc::new(EmbeddedBus::open(BusConfig::new(dir), Arc::new(SystemClock)).unwrap())
}

pub fn spool(dir: &Path, regions: &[&str]) -> Spool {
    let regions: Vec<RegionId> = regions.iter().map(|r| region(r)).collect();
    Spool::open(SpoolConfig::new(dir), &regions, Arc::new(SystemClock)).unwrap()
}

/// Everything in a topic, by repeated fetches.
pub async fn all(bus: &Bus, topic: &str) -> Vec<String> {
    let (mut out, mut from) = (Vec::new(), 0);
    loop {
        let fetched = bus.fetch(topic, from, 1000, Duration::ZERO).await.unwrap();
        match fetched.records.last() {
            Some((offset, _)) => from = offset + 1,
            None => return out,
        }
        out.extend(texts(&fetched));
    }
}

/// Waits until `topic` holds at least `count` records.
pub async fn reach(bus: &Bus, topic: &str, count: u64) {
    tokio::time::timeout(SOON, async {
        while bus
            .fetch(topic, count - 1, 1, SOON)
            .await
            .is_ok_and(|f| f.records.is_empty())
        {}
        // A topic that is still shorter refuses the offset; it is waited for from its end.
        let mut end = bus.fetch(topic, 0, 0, Duration::ZERO).await.unwrap().end;
        while end < count {
            end = bus.fetch(topic, end, 1, SOON).await.unwrap().end;
        }
    })
    .await
    .expect("the records did not arrive in time");
}

/// A bus served over gRPC on a port of its own.
pub struct Served {
    pub bus: Arc<EmbeddedBus>,
    pub url: String,
    pub port: u16,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Served {
    pub async fn start(dir: &Path, port: u16) -> Self {
        let bus = bus(dir);
        let listener = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let shutdown = CancellationToken::new();
        let (served, stop) = (bus.clone(), shutdown.clone());
        let task = tokio::spawn(async move {
            server::serve(served, Arc::new(()), listener, TOKEN, stop)
                .await
                .unwrap();
        });
        Self {
            bus,
            url: format!("http://127.0.0.1:{port}"),
            port,
            shutdown,
            task,
        }
    }

    pub fn remote(&self) -> Bus {
        Bus::Remote(RemoteBus::connect_lazy(&self.url, TOKEN).unwrap())
    }

    /// Stops serving; the directory can be opened again when this returns.
    pub async fn stop(self) {
        self.shutdown.cancel();
        tokio::time::timeout(SOON, self.task)
            .await
            .expect("the server did not stop")
            .unwrap();
    }
}

/// Runs one fan-out; cancel the token to stop it.
pub fn fan_out(spool: &Spool, origin: &str, to: &str, bus: Bus) -> CancellationToken {
    let stop = CancellationToken::new();
    let destination = Destination {
        origin: region(origin),
        region: region(to),
        bus,
        delivered: Arc::new(|_, _| {}),
        clock: Arc::new(SystemClock),
    };
    tokio::spawn(fanout::run(spool.clone(), destination, stop.clone()));
    stop
}

/// Records that are there more than once.
pub fn doubled(records: &[String]) -> Vec<String> {
    let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
    for record in records {
        *counts.entry(record).or_default() += 1;
    }
    counts
        .into_iter()
        .filter(|(_, n)| *n > 1)
        .map(|(r, _)| r.to_owned())
        .collect()
}
