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
use aisoc_storage::{ClusterUrls, Clusters, Database, Lane, alerts, fusion};
use aisoc_telemetry::probe::Readiness;
use jiff::Timestamp;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use support::{Postgres, dsn};
use tokio_util::sync::CancellationToken;

const HOME: &str = "us-east-1";

fn grant(id: &str, cluster: Option<&str>) -> TokenGrant {
    TokenGrant {
        token_sha256: tenants::hash_token(id),
        tenant: Tenant {
            id: id.to_owned(),
            name: id.to_owned(),
            home_region: HOME.parse().unwrap(),
            residency: vec![],
            acknowledge_minutes: [].into(),
            cluster: cluster.map(|name| name.parse().unwrap()),
        },
    }
}

async fn database(server: &Postgres) -> Database {
    let database = Database::connect_lazy(&dsn(&[server])).unwrap();
    database.migrate().await.unwrap();
    tenants::seed_local(&database, &[grant("acme", None)])
        .await
        .unwrap();
    database
}

/// Two clusters: acme's data is in the first, that of initech-eu in `eu`.
async fn two_clusters(main: &Postgres, eu: &Postgres) -> Clusters {
    let named = [("main", main), ("eu", eu)];
    let urls = named.map(|(name, server)| (name.parse().unwrap(), dsn(&[server])));
    let clusters = Clusters::connect_lazy(&ClusterUrls::several(urls.into()).unwrap()).unwrap();
    assert!(clusters.migrate().await.is_empty());
    let grants = [grant("acme", None), grant("initech-eu", Some("eu"))];
    tenants::seed_local(clusters.first(), &grants).await.unwrap();
    clusters.share_directory().await.unwrap();
    clusters
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
        lane: Lane::only(database.clone()),
        detector: Arc::new(detector),
        limits: Limits::default(),
        readiness: Readiness::new(),
        clock: Arc::new(SystemClock),
        inject_latency: Duration::ZERO,
    }
}

/// The same events of both tenants, in turn.
fn events_of_both(count: usize) -> Vec<Record> {
    let of = |tenant| events_of(tenant, count);
    let pairs = of("acme").into_iter().zip(of("initech-eu"));
    pairs.flat_map(|(a, b)| [a, b]).collect()
}

fn events(count: usize) -> Vec<Record> {
    events_of("acme", count)
}

/// Every third event matches the rule for whoami; thirty events a machine, ten of them an alert.
fn events_of(tenant: &str, count: usize) -> Vec<Record> {
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
                tenant: tenant.to_owned(),
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
                key: format!("{tenant}|{host}"),
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
    persisted_of(database, "acme").await
}

async fn persisted_of(database: &Database, tenant: &str) -> Vec<SecurityAlert> {
    let since = Timestamp::UNIX_EPOCH;
    alerts::touched_since(database, tenant, since, 10_000)
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
        while offset(&service.lane.database, region).await < end {
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

/// One service for each cluster on one log, killed together at any moment, and the EU cluster taken away for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_clusters_alerts_are_made_once_and_a_lost_cluster_stops_only_its_own() {
    const EVENTS: usize = 1_500;
    const END: u64 = 2 * EVENTS as u64;
    let (main, mut eu) = (Postgres::start(), Postgres::start());
    let clusters = two_clusters(&main, &eu).await;
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    let lanes = || {
        let lanes = clusters.lanes().into_iter();
        lanes.map(|lane| Service {
            lane,
            ..service(HOME, &bus, clusters.first())
        })
    };
    let at = async |lane: usize| {
        let lane = &clusters.lanes()[lane];
        let group = lane.group(GROUP);
        let next = fusion::next_offset(&lane.database, &group, HOME, topic::ENRICHED_EVENTS).await;
        next.unwrap().unwrap_or(0)
    };
    let run = async |shutdown: &CancellationToken| {
        let services: Vec<Service> = lanes().collect();
        futures::future::join_all(services.iter().map(|service| service.run(shutdown))).await;
    };
    let all = events_of_both(EVENTS);
    let (first, rest) = all.split_at(EVENTS);
    append(&bus, first.to_vec()).await;
    for life in (20..200).step_by(20) {
        let _ = tokio::time::timeout(Duration::from_millis(life), run(&CancellationToken::new())).await;
    }
    // The EU cluster is lost: the others' alerts go on to the end of the log, its own wait.
    eu.kill();
    append(&bus, rest.to_vec()).await;
    let shutdown = CancellationToken::new();
    let story = async {
        wait_for("the first cluster's alerts go on", || async {
            at(0).await >= END
        })
        .await;
        eu.restart(None);
        wait_for("its own go on", || async { at(1).await >= END }).await;
        shutdown.cancel();
    };
    tokio::join!(run(&shutdown), story);

    let stored = [
        persisted(clusters.first()).await,
        persisted_of(&clusters.lanes()[1].database, "initech-eu").await,
    ];
    let ids = |alerts: &[SecurityAlert]| alerts.iter().map(|a| a.id.clone()).collect::<BTreeSet<_>>();
    let (own, others) = (ids(&stored[0]), ids(&stored[1]));
    let announced = announced(&bus).await;
    assert_eq!(announced, own.union(&others).cloned().collect());
    assert_complete(
        &stored[0],
        &announced.difference(&others).cloned().collect(),
        EVENTS,
    );
    assert_complete(&stored[1], &announced.difference(&own).cloned().collect(), EVENTS);
    let tenants =
        |server: &Postgres| server.sql("aisoc", "SELECT string_agg(DISTINCT tenant, ' ') FROM alerts");
    assert_eq!(
        (tenants(&main), tenants(&eu)),
        ("acme".into(), "initech-eu".into())
    );
}

/// A tenant whose cluster this process does not know: nothing of it is passed over, and the reason is said.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_cluster_keeps_the_place_in_the_log() {
    let (main, eu) = (Postgres::start(), Postgres::start());
    let clusters = two_clusters(&main, &eu).await;
    main.sql(
        "aisoc",
        "UPDATE tenant_sla_config SET cluster = 'ap' WHERE tenant = 'initech-eu'",
    );
    let dir = tempfile::tempdir().unwrap();
    let bus = bus(dir.path());
    append(&bus, events_of_both(300)).await;
    let services: Vec<Service> = clusters
        .lanes()
        .into_iter()
        .map(|lane| Service {
            lane,
            ..service(HOME, &bus, clusters.first())
        })
        .collect();
    let shutdown = CancellationToken::new();
    let at = async |lane: &Lane| {
        let group = lane.group(GROUP);
        let next = fusion::next_offset(&lane.database, &group, HOME, topic::ENRICHED_EVENTS).await;
        next.unwrap().unwrap_or(0)
    };
    let story = async {
        for service in &services {
            wait_for("it says what is wrong", || async {
                let problems = service.readiness.problems();
                problems
                    .iter()
                    .any(|(part, why)| *part == service.lane.part() && why.contains("'ap'"))
            })
            .await;
            assert!(
                at(&service.lane).await <= 1,
                "the event of initech-eu was passed over"
            );
        }
        main.sql(
            "aisoc",
            "UPDATE tenant_sla_config SET cluster = 'eu' WHERE tenant = 'initech-eu'",
        );
        for service in &services {
            wait_for("it goes on", || async { at(&service.lane).await >= 600 }).await;
        }
        shutdown.cancel();
    };
    let lanes = futures::future::join_all(services.iter().map(|service| service.run(&shutdown)));
    tokio::join!(lanes, story);
    assert_eq!(
        persisted_of(&services[1].lane.database, "initech-eu").await.len(),
        10
    );
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
