//! The service on an embedded bus and a real PostgreSQL: killed at any moment, with the database away, in three
//! regions at once, no alert is lost, doubled or left without announcement.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../storage/tests/support/mod.rs"]
mod support;

use aisoc_alert_fusion::detect::pack::RULES;
use aisoc_alert_fusion::detect::sigma::SigmaDetector;
use aisoc_alert_fusion::fuse::Limits;
use aisoc_alert_fusion::service::{GROUP, Service};
use aisoc_bus::embedded::{BusConfig, EmbeddedBus};
use aisoc_bus::{Bus, Record};
use aisoc_model::SystemClock;
use aisoc_model::event::{Entities, EventClass, EventRecord, SecurityAlert, Tenant, topic};
use aisoc_storage::tenants::{self, TokenGrant};
use aisoc_storage::{Database, alerts, fusion};
use aisoc_telemetry::probe::Readiness;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{Postgres, dsn};
use tokio_util::sync::CancellationToken;

const HOME: &str = "us-east-1";

async fn database(server: &Postgres) -> Database {
    let database = Database::connect_lazy(&dsn(&[server])).unwrap();
    database.migrate().await.unwrap();
    let tenant = Tenant {
        id: "acme".to_owned(),
        name: "Acme".to_owned(),
        home_region: HOME.parse().unwrap(),
        residency: vec![],
        acknowledge_minutes: [].into(),
    };
    let grant = TokenGrant {
        token_sha256: tenants::hash_token("t"),
        tenant,
    };
    tenants::seed_local(&database, &[grant]).await.unwrap();
    database
}

fn bus(dir: &Path) -> Bus {
    let bus = EmbeddedBus::open(BusConfig::new(dir), Arc::new(SystemClock)).unwrap();
    Bus::Embedded(Arc::new(bus))
}

fn service(region: &str, bus: &Bus, database: &Database) -> Service {
    let (detector, errors) = SigmaDetector::load(RULES.iter().copied());
    assert_eq!(errors, []);
    Service {
        region: region.parse().unwrap(),
        bus: bus.clone(),
        database: database.clone(),
        detector: Arc::new(detector),
        limits: Limits::default(),
        readiness: Readiness::new(),
        clock: Arc::new(SystemClock),
        inject_latency: Duration::ZERO,
    }
}

/// Every third event matches the rule for whoami; `hosts` machines, ten events an alert.
fn events(count: usize) -> Vec<Record> {
    let base = Timestamp::from_second(1_800_000_000).unwrap();
    (0..count)
        .map(|n| {
            let suspicious = n % 3 == 0;
            let host = format!("ws{}", n / 30);
            let raw = serde_json::json!({
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "EventID": 1,
                "Image": if suspicious { "C:\\Windows\\System32\\whoami.exe" } else { "C:\\a.exe" },
                "ParentImage": "C:\\Windows\\System32\\cscript.exe",
            });
            let event = EventRecord {
                event_id: format!("e{n}"),
                tenant: "acme".to_owned(),
                origin_region: HOME.parse().unwrap(),
                home_region: HOME.parse().unwrap(),
                connector_id: "c".to_owned(),
                source_format: "json".to_owned(),
                received_at: base,
                event_time: base,
                class: EventClass::ProcessActivity,
                severity: 1,
                entities: Entities {
                    host: Some(host.clone()),
                    ..Entities::default()
                },
                traceparent: None,
                enrichment: None,
                raw_data: raw,
            };
            Record {
                key: format!("acme|{host}"),
                payload: serde_json::to_vec(&event).unwrap().into(),
                at: base,
            }
        })
        .collect()
}

async fn append(bus: &Bus, events: Vec<Record>) {
    for chunk in events.chunks(100) {
        bus.append(topic::ENRICHED_EVENTS, chunk.to_vec(), None)
            .await
            .unwrap();
    }
}

async fn persisted(database: &Database) -> Vec<SecurityAlert> {
    let since = Timestamp::UNIX_EPOCH;
    alerts::touched_since(database, "acme", since, 10_000)
        .await
        .unwrap()
}

async fn announced(bus: &Bus) -> BTreeSet<String> {
    let mut ids = BTreeSet::new();
    let mut from = 0;
    loop {
        let fetched = bus
            .fetch(topic::ALERTS, from, 1_000, Duration::ZERO)
            .await
            .unwrap();
        for (offset, record) in &fetched.records {
            from = offset + 1;
            let alert: SecurityAlert = serde_json::from_slice(&record.payload).unwrap();
            ids.insert(alert.id);
        }
        if from >= fetched.end {
            return ids;
        }
    }
}

async fn offset(database: &Database, region: &str) -> u64 {
    fusion::next_offset(database, GROUP, region, topic::ENRICHED_EVENTS)
        .await
        .unwrap()
        .unwrap_or(0)
}

/// Lets the service live until the offset in PostgreSQL is `end`.
async fn run_until(service: &Service, region: &str, end: u64) {
    let shutdown = CancellationToken::new();
    let watch = async {
        let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
        while offset(&service.database, region).await < end {
            assert!(
                tokio::time::Instant::now() < deadline,
                "the service does not get on"
            );
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        shutdown.cancel();
    };
    tokio::join!(Box::pin(service.run(&shutdown)), watch);
}

fn assert_complete(alerts: &[SecurityAlert], announced: &BTreeSet<String>, events: usize) {
    let hosts: BTreeSet<_> = alerts.iter().map(|alert| alert.entities.host.clone()).collect();
    assert_eq!((alerts.len(), hosts.len()), (events / 30, events / 30));
    assert!(
        alerts.iter().all(|alert| alert.event_count == 10),
        "an event was lost or counted twice"
    );
    let ids: BTreeSet<String> = alerts.iter().map(|alert| alert.id.clone()).collect();
    assert_eq!(announced, &ids);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_moment_it_loses_and_doubles_nothing() {
    const EVENTS: usize = 6_000;
    let server = Postgres::start();
    let database = database(&server).await;
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    // In small pieces over time, so that there are many commits and announcements to be killed between.
    let feed = async {
        for piece in events(EVENTS).chunks(30) {
            bus.append(topic::ENRICHED_EVENTS, piece.to_vec(), None)
                .await
                .unwrap();
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    // Dropping the task is what a kill looks like to the bus and to the database: work stops between any two
    // steps, between the commit and the announcement too.
    let kill = async {
        let (mut life, mut before) = (40, 0);
        while before < EVENTS as u64 {
            let service = service(HOME, &bus, &database);
            let shutdown = CancellationToken::new();
            let _ = tokio::time::timeout(Duration::from_millis(life), service.run(&shutdown)).await;
            let reached = offset(&database, HOME).await;
            // A slow machine needs longer to get anywhere; the odd step moves the moment of the kill about.
            life += if reached == before { 40 } else { 1 };
            before = reached;
            assert!(life < 60_000, "does not get on");
        }
    };
    tokio::join!(feed, kill);
    // One more start announces what the last kill left out, and a clean end leaves nothing to do.
    run_until(&service(HOME, &bus, &database), HOME, EVENTS as u64).await;
    assert_complete(&persisted(&database).await, &announced(&bus).await, EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_database_away_it_waits_and_then_goes_on() {
    const EVENTS: usize = 3_000;
    let mut server = Postgres::start();
    let database = database(&server).await;
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    let service = service(HOME, &bus, &database);
    let shutdown = CancellationToken::new();
    let story = async {
        let all = events(EVENTS);
        append(&bus, all[..600].to_vec()).await;
        wait_for("the first alerts", || async {
            offset(&database, HOME).await >= 600
        })
        .await;
        server.kill();
        append(&bus, all[600..].to_vec()).await;
        wait_for("it says what is wrong", || async {
            !service.readiness.is_ready()
        })
        .await;
        assert_eq!(service.readiness.problems()[0].0, "database");
        server.restart(None);
        wait_for("it goes on", || async {
            offset(&database, HOME).await >= EVENTS as u64
        })
        .await;
        shutdown.cancel();
    };
    tokio::join!(service.run(&shutdown), story);
    assert!(service.readiness.is_ready());
    assert_complete(&persisted(&database).await, &announced(&bus).await, EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ended_while_the_database_is_away_it_does_not_skip_what_it_could_not_persist() {
    const EVENTS: usize = 900;
    let mut server = Postgres::start();
    let database = database(&server).await;
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    let first = service(HOME, &bus, &database);
    let shutdown = CancellationToken::new();
    let story = async {
        wait_for("it is ready", || async { first.readiness.is_ready() }).await;
        server.kill();
        append(&bus, events(EVENTS)).await;
        wait_for("it says what is wrong", || async { !first.readiness.is_ready() }).await;
        shutdown.cancel();
        server.restart(None);
    };
    tokio::join!(first.run(&shutdown), story);
    run_until(&service(HOME, &bus, &database), HOME, EVENTS as u64).await;
    assert_complete(&persisted(&database).await, &announced(&bus).await, EVENTS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bus_that_was_lost_is_read_from_its_start() {
    let server = Postgres::start();
    let database = database(&server).await;
    let dir = tempfile::tempdir().unwrap();
    let old = bus(&dir.path().join("old"));
    append(&old, events(900)).await;
    run_until(&service(HOME, &old, &database), HOME, 900).await;
    let new = bus(&dir.path().join("new"));
    append(&new, events(300)).await;
    let shutdown = CancellationToken::new();
    let service = service(HOME, &new, &database);
    let watch = async {
        wait_for("the new bus is read", || async {
            offset(&database, HOME).await == 300
        })
        .await;
        shutdown.cancel();
    };
    tokio::join!(Box::pin(service.run(&shutdown)), watch);
    // The events of both were the same ones: the alerts know them.
    assert_complete(&persisted(&database).await, &announced(&old).await, 900);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_region_correlates_and_only_the_home_region_persists() {
    const EVENTS: usize = 900;
    let server = Postgres::start();
    let database = database(&server).await;
    let dir = tempfile::tempdir().unwrap();
    let regions = [HOME, "eu-west-1", "ap-southeast-1"];
    let buses = regions.map(|region| bus(&dir.path().join(region)));
    let all = events(EVENTS);
    for bus in &buses {
        append(bus, all.clone()).await;
    }
    for (region, bus) in regions.iter().zip(&buses) {
        let service = service(region, bus, &database);
        run_until(&service, region, EVENTS as u64).await;
    }
    assert_complete(&persisted(&database).await, &announced(&buses[0]).await, EVENTS);
    for bus in &buses[1..] {
        assert!(announced(bus).await.is_empty());
    }
    for (region, bus) in regions.iter().zip(&buses) {
        let committed = bus.committed(GROUP, topic::ENRICHED_EVENTS).await.unwrap();
        assert_eq!(committed, Some(EVENTS as u64), "{region}");
    }
}

async fn wait_for<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_mins(1);
    while !condition().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within a minute: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Measures acceptance -> begin of the committing transaction, of this service alone: `cargo test -p aisoc-alert-fusion --test persistence -- \
/// --ignored --nocapture measure`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn measure() {
    let server = Postgres::start();
    let database = database(&server).await;
    for rate in [100usize, 1_000] {
        let dir = tempfile::tempdir().unwrap();
        let bus = bus(dir.path());
        let region = format!("measure-{rate}");
        let mut service = service(HOME, &bus, &database);
        service.region = region.parse().unwrap();
        let shutdown = CancellationToken::new();
        let count = rate * 10;
        let send = async {
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(rate).unwrap());
            for mut record in events(count) {
                ticks.tick().await;
                let mut event: EventRecord = serde_json::from_slice(&record.payload).unwrap();
                event.received_at = Timestamp::now();
                event.home_region = region.parse().unwrap();
                record.payload = serde_json::to_vec(&event).unwrap().into();
                bus.append(topic::ENRICHED_EVENTS, vec![record], None)
                    .await
                    .unwrap();
            }
            wait_for("all is read", || async {
                offset(&database, &region).await >= count as u64
            })
            .await;
            shutdown.cancel();
        };
        let busy = cpu_seconds();
        tokio::join!(service.run(&shutdown), send);
        println!(
            "{rate} ev/s: {:.0} us CPU an event (sender, bus and service)",
            (cpu_seconds() - busy) * 1e6 / count as f64
        );
        let server_side = server.sql(
            "aisoc",
            "SELECT count(*), round(1000 * percentile_cont(0.5) WITHIN GROUP (ORDER BY l)), \
             round(1000 * percentile_cont(0.99) WITHIN GROUP (ORDER BY l)) FROM (SELECT \
             extract(epoch FROM created_at - received_at) AS l FROM alerts WHERE received_at > now() - interval '1 hour') x",
        );
        println!("alerts, p50 ms, p99 ms: {server_side}");
        server.sql("aisoc", "DELETE FROM alerts");
    }
}

fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}
