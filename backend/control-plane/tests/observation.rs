//! A whole control plane over real parts: two PostgreSQL servers, two Redis, HAProxy, a bus; with Patroni, api and
//! supervisor answering as documented. Seen through the client that consoles use.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod servers;

use aisoc_bus::embedded::{BusConfig, EmbeddedBus};
use aisoc_control_plane::{Config, run};
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::region::{Health, PostgresRole, Region};
use aisoc_model::world::World;
use aisoc_model::{RegionId, SystemClock};
use aisoc_rpc::client::{Client, Update};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use futures::StreamExt;
use servers::{Haproxy, Postgres, Server, directory, free_port, http, redis, write};
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

const REGIONS: [&str; 2] = ["us-east-1", "eu-west-1"];

/// An api whose health is set by hand.
async fn api() -> (u16, Arc<AtomicU16>) {
    let status = Arc::new(AtomicU16::new(200));
    let answer = status.clone();
    let health = get(move || async move {
        let status = StatusCode::from_u16(answer.load(Ordering::Relaxed)).unwrap();
        (status, r#"{"status":"x","reason":"told so"}"#)
    });
    (http(Router::new().route("/api/health", health)).await, status)
}

/// A Patroni that tells of a running server until it is told that the server is gone.
async fn patroni(role: &'static str, gone: Arc<AtomicBool>) -> u16 {
    let status = get(move || async move {
        let state = if gone.load(Ordering::Relaxed) {
            "stopped"
        } else {
            "running"
        };
        format!(
            r#"{{"state":"{state}","role":"{role}","timeline":1,"server_version":150018,
            "patroni":{{"version":"3.0.2","scope":"aisoc"}}}}"#
        )
    });
    http(Router::new().route("/patroni", status)).await
}

async fn supervisor() -> u16 {
    let mut processes = String::new();
    for region in REGIONS {
        for kind in ["api", "ingest"] {
            let comma = if processes.is_empty() { "" } else { "," };
            write!(
                processes,
                r#"{comma}{{"name":"{region}/{kind}","region":"{region}","zone":null,"kind":"{kind}","pid":1,"ports":{{}},
                "state":"ready","detail":null,"version":"rev 1","restarts":0,"oom_kills":0,"started_at":null,
                "memory_bytes":1000000,"data_dir":null,"log":""}}"#
            )
            .unwrap();
        }
    }
    let body = format!(
        r#"{{"world_id":"w","state_dir":"/tmp","started_at":"2026-01-01T00:00:00Z","ready":true,"endpoints":{{}},
        "processes":[{processes}],"faults":[],"releases":[]}}"#
    );
    http(Router::new().route("/v1/inventory", get(move || async move { body }))).await
}

async fn bus(dir: &TempDir, shutdown: &CancellationToken) -> u16 {
    let config = BusConfig::new(dir.path().join("bus"));
    let bus = Arc::new(EmbeddedBus::open(config, Arc::new(SystemClock)).unwrap());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let shutdown = shutdown.clone();
    tokio::spawn(
        async move { aisoc_bus::server::serve(bus, Arc::new(()), listener, "internal", shutdown).await },
    );
    port
}

/// Everything that is operated, and the control plane over it.
struct Lab {
    writer: Postgres,
    replica: Postgres,
    redis: Vec<(u16, Server, TempDir)>,
    haproxy: Haproxy,
    api: Vec<Arc<AtomicU16>>,
    postgres_gone: Arc<AtomicBool>,
    consoles: u16,
    probes: u16,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    _dir: TempDir,
}

async fn lab() -> Lab {
    let dir = directory();
    let shutdown = CancellationToken::new();
    let writer = Postgres::writer().await;
    let replica = Postgres::replica(&writer, REGIONS[1]).await;
    let leader = redis(None);
    let follower = redis(Some(leader.0));
    let (apis, bus) = ([api().await, api().await], bus(&dir, &shutdown).await);
    let servers: Vec<(String, u16)> = REGIONS
        .iter()
        .zip(&apis)
        .map(|(r, a)| (format!("{r}a"), a.0))
        .collect();
    let haproxy = Haproxy::start(&servers).await;
    let postgres_gone = Arc::new(AtomicBool::new(false));
    let (consoles, otlp, probes) = (free_port(), free_port(), free_port());
    let tokens = write(&dir.path().join("tokens"), "op operator ann\n");
    let internal = write(&dir.path().join("internal"), "internal\n");
    // Rules that give something the time to recover are not sped up; here nothing is meant to recover.
    let thresholds = include_str!("../../../assets/slo.yaml")
        .replace("for_seconds: 60", "for_seconds: 3")
        .replace("for_seconds: 30 ", "for_seconds: 3 ");
    let slo = write(&dir.path().join("slo.yaml"), &thresholds);
    let mut topology = format!(
        r#"
        environment = {{ name = "lab", kind = "local", speed_up = 10.0 }}
        load_balancer = {{ kind = "haproxy", haproxy_socket = "{socket}", backend = "api", full_weight = 100, url = "http://127.0.0.1:1" }}
        supervisor = {{ url = "http://127.0.0.1:{supervisor}", token_file = "{internal}" }}
        [control_plane]
        name = "lab"
        listen = "127.0.0.1:{consoles}"
        otlp_listen = "127.0.0.1:{otlp}"
        data_dir = "{dir}"
        tokens_file = "{tokens}"
        observe_interval_ms = 500
        slo_file = "{slo}"
        [[databases]]
        name = "main"
        scope = "aisoc"
        database = "postgres"
        user = "aisoc"
        password = ""
        patroni_user = "u"
        patroni_password = "p"
        "#,
        socket = haproxy.socket.display(),
        supervisor = supervisor().await,
        dir = dir.path().display(),
    );
    let parts = [
        ("primary", "master", &writer, leader.0, apis[0].0),
        ("secondary", "replica", &replica, follower.0, apis[1].0),
    ];
    for (id, (role, patroni_role, postgres, redis, api)) in REGIONS.iter().zip(parts) {
        write!(
            topology,
            r#"
            [[regions]]
            id = "{id}"
            role = "{role}"
            location = "lab"
            api = [{{ instance = "api-a", zone = "{id}a", server = "{id}a", url = "http://127.0.0.1:{api}" }}]
            redis = "127.0.0.1:{redis}"
            bus_url = "http://127.0.0.1:{bus}"
            release = "r-{id}"
            [[databases.members]]
            region = "{id}"
            patroni_url = "http://127.0.0.1:{patroni}"
            member = "{id}"
            postgres = "{address}"
            "#,
            patroni = patroni(patroni_role, postgres_gone.clone()).await,
            address = postgres.address(),
        )
        .unwrap();
    }
    let topology_path = dir.path().join("topology.toml");
    write(&topology_path, &topology);
    let config = Config {
        topology_path,
        listen: Some(format!("127.0.0.1:{probes}")),
        internal_token_file: Some(internal.into()),
    };
    let task = tokio::spawn(run(config, shutdown.clone()));
    Lab {
        writer,
        replica,
        redis: vec![leader, follower],
        haproxy,
        postgres_gone,
        api: apis.into_iter().map(|(_, status)| status).collect(),
        consoles,
        probes,
        shutdown,
        task,
        _dir: dir,
    }
}

/// A console that follows the world.
struct Console {
    stream: Pin<Box<dyn futures::Stream<Item = Result<Update, aisoc_rpc::error::RpcError>> + Send>>,
    world: World,
}

impl Console {
    async fn open(port: u16) -> Self {
        let deadline = Instant::now() + Duration::from_secs(20);
        let mut client = loop {
            match Client::connect(&format!("http://127.0.0.1:{port}"), "op").await {
                Ok(client) => break client,
                Err(e) => assert!(Instant::now() < deadline, "{e}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let mut stream: Pin<Box<dyn futures::Stream<Item = _> + Send>> =
            Box::pin(client.watch().await.unwrap());
        let Update::Snapshot(world) = stream.next().await.unwrap().unwrap() else {
            panic!("a snapshot comes first");
        };
        Self {
            stream,
            world: *world,
        }
    }

    /// Follows the frames until one is as wanted.
    async fn until(&mut self, what: &str, wanted: impl Fn(&World) -> bool) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(25);
        while !wanted(&self.world) {
            let Ok(update) = tokio::time::timeout_at(deadline, self.stream.next()).await else {
                let frame = serde_json::to_string(&self.world).unwrap();
                panic!("never seen: {what}; the last frame: {frame}");
            };
            match update.unwrap().unwrap() {
                Update::Snapshot(world) => self.world = *world,
                Update::Delta(delta, _) => self.world.apply(*delta).unwrap(),
                Update::Heartbeat(_) => {}
            }
        }
    }
}

fn id(at: usize) -> RegionId {
    REGIONS[at].parse().unwrap()
}

fn region(world: &World, at: usize) -> Option<&Region> {
    world.regions.get(&id(at))
}

fn link(world: &World, kind: LinkKind) -> Option<&Link> {
    world.links.get(&Link::key(kind, &id(0), &id(1)))
}

fn role(world: &World, at: usize) -> Option<PostgresRole> {
    let member = region(world, at)?.postgres.values().next()?;
    member.fresh(world.head.at).map(|m| m.role)
}

fn fires(world: &World, rule: &str) -> bool {
    world
        .alerts
        .values()
        .any(|a| a.rule == rule && a.state == aisoc_model::alert::AlertState::Firing)
}

/// Everything is there, healthy, and idle is no lag.
async fn well(lab: &Lab, console: &mut Console) {
    console
        .until("two healthy regions", |w| {
            (0..2).all(|at| region(w, at).is_some_and(|r| r.health == Health::Healthy))
        })
        .await;
    let world = &console.world;
    assert_eq!(
        (role(world, 0), role(world, 1)),
        (Some(PostgresRole::Writer), Some(PostgresRole::Replica))
    );
    let traffic = region(world, 0).unwrap().traffic.value.clone().unwrap();
    assert_eq!((traffic.weight_percent, traffic.share_percent), (100, 50.0));
    let ready = tokio::net::TcpStream::connect(("127.0.0.1", lab.probes)).await;
    assert!(ready.is_ok());

    console
        .until("Redis is measured", |w| {
            link(w, LinkKind::Redis).is_some_and(|l| l.lag_seconds.value.is_some())
        })
        .await;

    // Idle and caught up is no lag, however long one waits.
    let quiet = Instant::now();
    console
        .until("five quiet seconds", |w| {
            for kind in [LinkKind::Postgres, LinkKind::Redis] {
                let link = link(w, kind).unwrap();
                assert!(link.lag_seconds.value.unwrap() < 0.2, "{link:?}");
            }
            quiet.elapsed() > Duration::from_secs(5)
        })
        .await;
    assert_eq!(
        link(&console.world, LinkKind::Postgres).unwrap().lag_amount.value,
        Some(0)
    );
}

/// A replica that stops replaying is late.
async fn lag(lab: &Lab, console: &mut Console) {
    // A replica that stops replaying is late, and its lag grows with time and bytes.
    lab.replica.sql("SELECT pg_wal_replay_pause()");
    lab.writer
        .sql("CREATE TABLE bulk AS SELECT repeat('x', 1000) FROM generate_series(1, 2000)");
    console
        .until("lag above its target", |w| {
            link(w, LinkKind::Postgres).is_some_and(|l| {
                l.level == LagLevel::AboveTarget && l.lag_amount.value.is_some_and(|bytes| bytes > 2_000_000)
            })
        })
        .await;
    lab.replica.sql("SELECT pg_wal_replay_resume()");
    console
        .until("lag gone", |w| {
            link(w, LinkKind::Postgres).is_some_and(|l| l.lag_seconds.value == Some(0.0))
        })
        .await;
}

/// A frozen server delays nobody.
async fn frozen(lab: &Lab, console: &mut Console) {
    // A frozen server delays nobody else: the other sources stay fresh all the while.
    lab.replica.server.freeze();
    console
        .until("the frozen replica is lost", |w| {
            w.sources["postgres:eu-west-1"].failures > 1
        })
        .await;
    let since = Instant::now();
    console
        .until("others stay fresh", |w| {
            let now = w.head.at;
            let region = region(w, 0).unwrap();
            assert!(
                region.postgres.values().all(|m| m.fresh(now).is_some()) && region.redis.fresh(now).is_some()
            );
            assert!(region.traffic.fresh(now).is_some());
            since.elapsed() > Duration::from_secs(3)
        })
        .await;
    assert_ne!(region(&console.world, 1).unwrap().health, Health::Healthy);
    lab.replica.server.thaw();
    console
        .until("healthy again", |w| {
            region(w, 1).is_some_and(|r| r.health == Health::Healthy)
        })
        .await;
}

/// The spec's rule, the alert, and the load balancer's own check.
async fn removal(lab: &Lab, console: &mut Console) {
    // The spec's rule takes a region out after three failed checks, and the alert says so.
    lab.api[1].store(503, Ordering::Relaxed);
    console
        .until("the region is down", |w| {
            region(w, 1).is_some_and(|r| r.health == Health::Down) && fires(w, "AiSOCRegionDown")
        })
        .await;
    let reasons = &region(&console.world, 1).unwrap().reasons;
    assert!(
        reasons[0].contains("503 in 3 of 3 checks: told so"),
        "{reasons:?}"
    );
    console
        .until("the load balancer sees it too", |w| {
            region(w, 1).is_some_and(|r| r.traffic.value.as_ref().is_some_and(|t| t.share_percent == 0.0))
        })
        .await;
    lab.api[1].store(200, Ordering::Relaxed);
    console.until("resolved", |w| !fires(w, "AiSOCRegionDown")).await;
}

/// Redis, the writers, the load balancer go.
async fn losses(lab: &mut Lab, console: &mut Console) {
    // A broken Redis replica.
    lab.redis[0].1.kill();
    console
        .until("the Redis link is broken", |w| {
            fires(w, "AiSOCRedisReplicationBroken")
        })
        .await;

    // Two writers, both named, then none.
    lab.replica.promote();
    let promoted = std::time::Instant::now();
    console
        .until("two writers", |w| {
            let named = w
                .alerts
                .values()
                .any(|a| a.rule == "AiSOCTwoWriters" && REGIONS.iter().all(|r| a.summary.contains(r)));
            let reason = region(w, 0).is_some_and(|r| r.reasons.iter().any(|r| r.starts_with("TWO WRITERS")));
            role(w, 1) == Some(PostgresRole::Writer) && fires(w, "AiSOCTwoWriters") && named && reason
        })
        .await;
    println!("two writers seen {:?} after the promotion", promoted.elapsed());
    lab.postgres_gone.store(true, Ordering::Relaxed);
    lab.writer.server.kill();
    lab.replica.server.kill();
    console.until("no writer", |w| fires(w, "AiSOCNoWriter")).await;

    // The load balancer is gone: what was known ages and is marked, never shown as if it were now.
    lab.haproxy.server.kill();
    console
        .until("traffic is lost", |w| {
            region(w, 0).is_some_and(|r| r.traffic.fresh(w.head.at).is_none())
        })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_control_plane_sees_what_is() {
    let mut lab = lab().await;
    let mut console = Console::open(lab.consoles).await;
    well(&lab, &mut console).await;
    lag(&lab, &mut console).await;
    frozen(&lab, &mut console).await;
    removal(&lab, &mut console).await;
    losses(&mut lab, &mut console).await;

    lab.shutdown.cancel();
    let end = tokio::time::timeout(Duration::from_secs(8), async {
        while console.stream.next().await.is_some() {}
        lab.task.await
    });
    end.await.expect("ends in time").unwrap().unwrap();
}

#[tokio::test]
async fn a_port_that_is_taken_is_told() {
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let dir = directory();
    let tokens = write(&dir.path().join("tokens"), "op operator ann\n");
    let text = format!(
        r#"
        environment = {{ name = "lab", kind = "local", speed_up = 1.0 }}
        load_balancer = {{ kind = "haproxy", haproxy_socket = "/x", backend = "api", full_weight = 100, url = "http://127.0.0.1:1" }}
        [control_plane]
        name = "lab"
        listen = "{listen}"
        otlp_listen = "127.0.0.1:0"
        data_dir = "{dir}"
        tokens_file = "{tokens}"
        observe_interval_ms = 1000
        [[databases]]
        name = "main"
        scope = "s"
        database = "d"
        user = "u"
        password = ""
        patroni_user = "u"
        patroni_password = "p"
        [[regions]]
        id = "us-east-1"
        role = "primary"
        location = "lab"
        api = []
        redis = "127.0.0.1:1"
        bus_url = "http://127.0.0.1:1"
        release = "r"
        [[databases.members]]
        region = "us-east-1"
        patroni_url = "http://127.0.0.1:1"
        member = "m"
        postgres = "127.0.0.1:1"
        "#,
        listen = taken.local_addr().unwrap(),
        dir = dir.path().display(),
    );
    let topology_path = dir.path().join("topology.toml");
    write(&topology_path, &text);
    let config = Config {
        topology_path,
        listen: None,
        internal_token_file: None,
    };
    let error = run(config.clone(), CancellationToken::new()).await.unwrap_err();
    assert!(
        format!("{error:#}").contains("another control plane"),
        "{error:#}"
    );
    let missing = Config {
        topology_path: "/nonexistent/topology.toml".into(),
        ..config
    };
    let error = run(missing, CancellationToken::new()).await.unwrap_err();
    assert!(format!("{error:#}").contains("aisoc local up"), "{error:#}");
}
