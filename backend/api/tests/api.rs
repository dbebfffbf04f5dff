//! The api over HTTP, against real PostgreSQL: what it serves, what it refuses, and what it does while the database
//! fails over, is away, or the service itself leaves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

#[path = "../../storage/tests/support/mod.rs"]
mod support;

use aisoc_api::Config;
use aisoc_model::event::{Entities, EventClass, EventRecord, Tenant};
use aisoc_storage::event_store::{EventStore, Mode};
use aisoc_storage::tenants::{self, TokenGrant};
use aisoc_storage::{ClusterUrls, Database, fusion};
use jiff::Timestamp;
use reqwest::{Client, Method, StatusCode};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use support::{Postgres, dsn, free_port, wait_until};
use tempfile::TempDir;
use tokio::io::AsyncReadExt;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

const TOKEN: &str = "acme-token";
const INTERNAL: &str = "internal-token";

struct Api {
    config: Config,
    client: Client,
    stop: CancellationToken,
    served: JoinHandle<anyhow::Result<()>>,
    dir: TempDir,
}

impl Api {
    fn start(url: String, change: impl FnOnce(&mut Config)) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let internal_token_file = dir.path().join("internal.token");
        std::fs::write(&internal_token_file, format!("{INTERNAL}\n")).unwrap();
        let mut config = Config {
            region: "us-east-1".parse().unwrap(),
            zone: "us-east-1a".into(),
            instance: "api-a".into(),
            version: "rev 1".into(),
            listen: ([127, 0, 0, 1], free_port()).into(),
            agent_listen: Some(([127, 0, 0, 1], free_port()).into()),
            databases: ClusterUrls::one(url),
            redis_url: None,
            data_dir: dir.path().to_owned(),
            internal_token_file: Some(internal_token_file),
            inject_latency: Duration::ZERO,
            inject_error_rate: 0.0,
            peers_file: None,
            shutdown_delay: Duration::from_secs(2),
        };
        change(&mut config);
        let stop = CancellationToken::new();
        let served = tokio::spawn(aisoc_api::run(config.clone(), stop.clone()));
        Self {
            config,
            client: Client::new(),
            stop,
            served,
            dir,
        }
    }

    async fn call(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> (StatusCode, Value) {
        let url = format!("http://{}{path}", self.config.listen);
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let deadline = Instant::now() + Duration::from_mins(1);
        let response = loop {
            match request.try_clone().unwrap().send().await {
                // It does not listen yet.
                Err(error) if error.is_connect() && Instant::now() < deadline => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                answer => break answer.unwrap(),
            }
        };
        let status = response.status();
        let text = response.text().await.unwrap();
        (
            status,
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("{path} answered no JSON: {text:?}")),
        )
    }

    async fn get(&self, path: &str) -> (StatusCode, Value) {
        self.call(Method::GET, path, TOKEN, None).await
    }

    async fn annotate(&self, id: Uuid, text: &str) -> (StatusCode, Value) {
        let body = json!({ "id": id, "subject": "incident-1", "text": text });
        self.call(Method::POST, "/api/v1/annotations", TOKEN, Some(body))
            .await
    }

    async fn until(&self, path: &str, wanted: StatusCode, within: Duration) -> Value {
        let deadline = Instant::now() + within;
        loop {
            let url = format!("http://{}{path}", self.config.listen);
            let last = match self.client.get(url).bearer_auth(TOKEN).send().await {
                Ok(response) if response.status() == wanted => return response.json().await.unwrap(),
                Ok(response) => response.text().await.unwrap(),
                Err(error) => error.to_string(),
            };
            assert!(
                Instant::now() < deadline,
                "{path} never answered {wanted}: {last}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn ready(&self) {
        self.until("/readyz", StatusCode::OK, Duration::from_secs(20))
            .await;
    }

    async fn agent(&self) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.config.agent_listen.unwrap())
            .await
            .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }
}

async fn seed(url: &str) -> Database {
    let database = Database::connect_lazy(url).unwrap();
    database.migrate().await.unwrap();
    let grants: Vec<TokenGrant> = [("acme", TOKEN), ("globex", "globex-token")]
        .map(|(id, token)| TokenGrant {
            token_sha256: tenants::hash_token(token),
            tenant: Tenant {
                id: id.into(),
                name: id.into(),
                home_region: "us-east-1".parse().unwrap(),
                residency: Vec::new(),
                acknowledge_minutes: [("high".to_owned(), 30)].into(),
                cluster: None,
            },
        })
        .into();
    tenants::seed_local(&database, &grants).await.unwrap();
    database
}

fn event(id: &str, tenant: &str) -> EventRecord {
    EventRecord {
        event_id: id.into(),
        tenant: tenant.into(),
        origin_region: "us-east-1".parse().unwrap(),
        home_region: "us-east-1".parse().unwrap(),
        connector_id: "c".into(),
        source_format: "json".into(),
        received_at: Timestamp::now(),
        event_time: Timestamp::now(),
        class: EventClass::ProcessActivity,
        severity: 2,
        entities: Entities {
            host: Some("h1".into()),
            ..Entities::default()
        },
        traceparent: None,
        enrichment: None,
        raw_data: json!({}),
    }
}

async fn store_events(data_dir: &Path) {
    let store = EventStore::open(data_dir.join("events"), Mode::Write).unwrap();
    let events: Vec<EventRecord> = (0..5).map(|n| event(&format!("e{n}"), "acme")).collect();
    store.insert(&events).await.unwrap();
    store.insert(&[event("theirs", "globex")]).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn serves_its_tenant_and_refuses_in_words() {
    let server = Postgres::start();
    let database = seed(&dsn(&[&server])).await;
    let api = Api::start(dsn(&[&server]), |_| {});
    api.ready().await;
    let health = api
        .until("/api/health", StatusCode::OK, Duration::from_secs(5))
        .await;
    assert_eq!(
        (&health["status"], &health["role"]),
        (&json!("ok"), &json!("writer-reachable"))
    );
    assert_eq!(api.get("/livez").await.0, StatusCode::OK);

    // The acknowledged write: idempotent by id, one content for ever.
    let id = Uuid::now_v7();
    assert_eq!(api.annotate(id, "seen").await.0, StatusCode::CREATED);
    assert_eq!(api.annotate(id, "seen").await.0, StatusCode::CREATED);
    let (status, conflict) = api.annotate(id, "other").await;
    assert_eq!(
        (status, &conflict["error"]["code"]),
        (StatusCode::CONFLICT, &json!("conflict"))
    );
    for n in 0..4 {
        api.annotate(Uuid::now_v7(), &format!("note {n}")).await;
    }
    assert_eq!(
        api.get("/api/v1/annotations/count").await.1,
        json!({ "count": 5 })
    );
    let (_, first) = api.get("/api/v1/annotations?limit=3").await;
    let next = first["next"].as_str().unwrap();
    let (_, rest) = api
        .get(&format!("/api/v1/annotations?limit=3&after={next}"))
        .await;
    assert_eq!(
        (
            first["items"].as_array().unwrap().len(),
            rest["items"].as_array().unwrap().len()
        ),
        (3, 2)
    );
    assert_eq!(
        (&rest["next"], &rest["items"][1]["origin"]),
        (&Value::Null, &json!("us-east-1/api-a"))
    );

    // Events of this region, of this tenant only.
    store_events(&api.config.data_dir).await;
    let (_, events) = api.get("/api/v1/events?host=H1&limit=10").await;
    assert_eq!(
        (events["items"].as_array().unwrap().len(), &events["region"]),
        (5, &json!("us-east-1"))
    );
    for empty in ["alerts", "incidents", "investigations"] {
        assert_eq!(
            api.get(&format!("/api/v1/{empty}")).await.1,
            json!({ "items": [], "next": null })
        );
    }
    assert_eq!(api.get("/api/v1/tenants").await.1["items"][0]["id"], "acme");
    assert_eq!(api.get("/api/v1/sla").await.1["levels"][0]["level"], "high");
    let batch = fusion::FusionBatch {
        group: "g",
        region: "r",
        topic: "t",
        next_offset: 1,
        ..Default::default()
    };
    fusion::persist(&database, &batch).await.unwrap();

    let refusals = [
        ("/api/v1/incidents/none", TOKEN, 404, "not_found"),
        ("/api/v1/nothing", TOKEN, 404, "not_found"),
        ("/api/v1/alerts", "wrong", 401, "unauthorized"),
        ("/api/v1/alerts", "globex-token-", 401, "unauthorized"),
        ("/api/v1/alerts?limit=x", TOKEN, 400, "invalid_request"),
        ("/api/v1/alerts?after=x", TOKEN, 400, "invalid_request"),
        ("/api/v1/events?after=../x", TOKEN, 400, "invalid_request"),
        ("/internal/fault", TOKEN, 401, "unauthorized"),
    ];
    for (path, token, status, code) in refusals {
        let (got, body) = api.call(Method::GET, path, token, None).await;
        assert_eq!(
            (got.as_u16(), &body["error"]["code"]),
            (status, &json!(code)),
            "{path}"
        );
        assert!(!body["error"]["hint"].as_str().unwrap().is_empty());
    }
    assert_eq!(
        api.call(Method::DELETE, "/api/v1/alerts", TOKEN, None).await.0,
        StatusCode::METHOD_NOT_ALLOWED
    );
    let huge = json!({ "id": Uuid::now_v7(), "subject": "s", "text": "x".repeat(100_000) });
    let url = format!("http://{}/api/v1/annotations", api.config.listen);
    let refused = api
        .client
        .post(url)
        .bearer_auth(TOKEN)
        .json(&huge)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_checks_take_it_out_and_it_comes_back() {
    let server = Postgres::start();
    seed(&dsn(&[&server])).await;
    let api = Arc::new(Api::start(dsn(&[&server]), |_| {}));
    api.ready().await;
    assert_eq!(api.agent().await, "up\n");
    let fault = json!({ "latency_ms": 2_100 });
    assert_eq!(
        api.call(Method::PUT, "/internal/fault", INTERNAL, Some(fault))
            .await
            .0,
        StatusCode::OK
    );
    // Six slow requests that end one after the other, a check after each.
    let mut requests = Vec::new();
    for _ in 0..6 {
        let api = Arc::clone(&api);
        requests.push(tokio::spawn(async move { api.get("/api/health").await.0 }));
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let mut answers = Vec::new();
    for request in requests {
        assert_eq!(request.await.unwrap(), StatusCode::OK);
        answers.push(api.agent().await);
    }
    assert!(answers[..4].iter().all(|answer| answer == "up\n"), "{answers:?}");
    assert!(answers[5].starts_with("down#p99 2."), "{answers:?}");
    // A few more checks without any request say nothing new.
    assert!(api.agent().await.starts_with("down#"));
    let healed = json!({ "latency_ms": 0 });
    api.call(Method::PUT, "/internal/fault", INTERNAL, Some(healed))
        .await;
    api.get("/api/health").await;
    assert_eq!(api.agent().await, "up\n");

    // A release that fails a share of its requests does not fail its health check.
    let bad = Api::start(dsn(&[&server]), |config| config.inject_error_rate = 1.0);
    bad.ready().await;
    let (status, body) = bad.get("/api/v1/alerts").await;
    assert_eq!(
        (status.as_u16(), &body["error"]["code"]),
        (500, &json!("injected"))
    );
    assert_eq!(bad.get("/api/health").await.0, StatusCode::OK);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failover_costs_no_acknowledged_write_and_every_request_is_taken_in_the_end() {
    let mut primary = Postgres::start();
    let replica = Postgres::replica_of(&primary);
    primary.sql("postgres", "ALTER SYSTEM SET synchronous_standby_names = '*'");
    primary.sql("postgres", "SELECT pg_reload_conf()");
    let url = dsn(&[&replica, &primary]);
    seed(&url).await;
    let api = Arc::new(Api::start(url, |_| {}));
    api.ready().await;

    let stop = Arc::new(AtomicBool::new(false));
    let running = |work: fn(Arc<Api>, Arc<AtomicBool>) -> JoinHandle<Vec<Uuid>>| {
        work(Arc::clone(&api), Arc::clone(&stop))
    };
    let writers: Vec<_> = (0..3)
        .map(|_| {
            running(|api, stop| {
                tokio::spawn(async move {
                    let mut acknowledged = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        // How long the writer is away depends on this machine: past the api's patience it says
                        // so, and the same request is right to be sent again.
                        let id = Uuid::now_v7();
                        loop {
                            let (status, body) = api.annotate(id, "during").await;
                            match status {
                                StatusCode::CREATED | StatusCode::OK => break,
                                StatusCode::SERVICE_UNAVAILABLE => {}
                                _ => panic!("{status}: {body}"),
                            }
                        }
                        acknowledged.push(id);
                    }
                    acknowledged
                })
            })
        })
        .collect();
    let watcher = running(|api, stop| {
        tokio::spawn(async move {
            while !stop.load(Ordering::Relaxed) {
                for path in ["/api/health", "/api/v1/incidents"] {
                    let (status, body) = api.get(path).await;
                    let good = [StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE].contains(&status);
                    assert!(good, "{path}: {status}: {body}");
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Vec::new()
        })
    });
    let rows = |server: &Postgres| {
        server
            .sql("aisoc", "SELECT count(*) FROM annotations")
            .parse::<u64>()
            .unwrap()
    };
    wait_until("writes arrive", Duration::from_secs(20), || rows(&primary) > 20);
    primary.kill();
    replica.promote();
    let before = rows(&replica);
    wait_until("writes go on", Duration::from_secs(20), || {
        rows(&replica) > before + 20
    });
    stop.store(true, Ordering::Relaxed);

    let mut acknowledged = BTreeSet::new();
    for writer in writers {
        acknowledged.extend(writer.await.unwrap());
    }
    watcher.await.unwrap();
    let mut stored = BTreeSet::new();
    let mut path = "/api/v1/annotations?limit=200".to_owned();
    loop {
        let (_, page) = api.get(&path).await;
        let ids = page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|note| note["id"].as_str().unwrap().parse());
        stored.extend(ids.map(Result::<Uuid, _>::unwrap));
        match page["next"].as_str() {
            Some(next) => path = format!("/api/v1/annotations?limit=200&after={next}"),
            None => break,
        }
    }
    assert!(
        acknowledged.len() > 40 && acknowledged.is_subset(&stored),
        "acknowledged writes are lost"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_database_it_says_so_and_recovers_and_knows_its_callers() {
    let mut server = Postgres::start();
    let url = dsn(&[&server]);
    seed(&url).await;
    server.stop();
    let api = Api::start(url, |_| {});
    api.until("/livez", StatusCode::OK, Duration::from_secs(10)).await;
    let (status, body) = api.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{body}");
    let (status, body) = api.get("/api/health").await;
    assert_eq!(
        (status, &body["status"]),
        (StatusCode::SERVICE_UNAVAILABLE, &json!("unavailable"))
    );
    // Nobody is turned away as unknown while nobody can be known.
    assert_eq!(
        api.get("/api/v1/tenants").await.0,
        StatusCode::SERVICE_UNAVAILABLE
    );

    server.restart(None);
    api.ready().await;
    assert_eq!(api.get("/api/v1/tenants").await.0, StatusCode::OK);
    server.stop();
    assert_eq!(
        api.get("/api/v1/tenants").await.0,
        StatusCode::OK,
        "the caller is still known"
    );
    let url = format!("http://{}/api/v1/annotations", api.config.listen);
    let note = json!({ "id": Uuid::now_v7(), "subject": "s", "text": "t" });
    let started = Instant::now();
    let refused = api
        .client
        .post(url)
        .bearer_auth(TOKEN)
        .json(&note)
        .send()
        .await
        .unwrap();
    assert_eq!(refused.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(refused.headers()["retry-after"], "2");
    assert!(
        started.elapsed() >= Duration::from_secs(4),
        "it did not wait for the database"
    );
    api.until(
        "/api/health",
        StatusCode::SERVICE_UNAVAILABLE,
        Duration::from_secs(10),
    )
    .await;
    server.restart(None);
    api.until("/api/health", StatusCode::OK, Duration::from_secs(10))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_is_served_from_its_cluster_and_a_lost_cluster_takes_nobody_else_with_it() {
    let (mut main, mut eu) = (Postgres::start(), Postgres::start());
    let named = [("main", &main), ("eu", &eu)];
    let urls = named.map(|(name, server)| (name.parse().unwrap(), dsn(&[server])));
    let urls = ClusterUrls::several(urls.into()).unwrap();
    seed(&dsn(&[&main])).await;
    main.sql(
        "aisoc",
        "UPDATE tenant_sla_config SET cluster = 'eu' WHERE tenant = 'globex'",
    );
    let start = || Api::start(String::new(), |config| config.databases = urls.clone());
    let api = start();
    api.ready().await;
    let healthy = async |api: &Api, status: &str| {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let (code, body) = api.get("/api/health").await;
            if body["status"] == status {
                return (code, body);
            }
            assert!(Instant::now() < deadline, "never {status}: {body}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let (_, health) = healthy(&api, "ok").await;
    assert_eq!(health["clusters"]["eu"]["role"], "writer-reachable");
    let annotate = async |api: &Api, token: &str| {
        let body = json!({ "id": Uuid::now_v7(), "subject": "s", "text": "t" });
        api.call(Method::POST, "/api/v1/annotations", token, Some(body))
            .await
            .0
    };
    for token in [TOKEN, "globex-token"] {
        assert_eq!(annotate(&api, token).await, StatusCode::CREATED);
        let (_, notes) = api.call(Method::GET, "/api/v1/annotations", token, None).await;
        assert_eq!(notes["items"].as_array().unwrap().len(), 1);
    }
    let tenants = |server: &Postgres| {
        server.sql(
            "aisoc",
            "SELECT string_agg(DISTINCT tenant, ' ') FROM annotations",
        )
    };
    assert_eq!((tenants(&main), tenants(&eu)), ("acme".into(), "globex".into()));

    // The EU cluster is lost: its tenants are told to come again, the region stays in the load balancer for the others.
    eu.kill();
    let (code, health) = healthy(&api, "degraded").await;
    assert_eq!(code, StatusCode::OK);
    assert!(
        health["reason"].as_str().unwrap().starts_with("cluster eu: "),
        "{health}"
    );
    assert_eq!(annotate(&api, TOKEN).await, StatusCode::CREATED);
    assert_eq!(
        annotate(&api, "globex-token").await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    eu.restart(None);
    healthy(&api, "ok").await;

    // The first one is lost, with the directory in it: the others' tenants are known by its copy, also to an instance
    // that starts now.
    main.kill();
    let late = start();
    healthy(&late, "degraded").await;
    for api in [&api, &late] {
        assert_eq!(annotate(api, "globex-token").await, StatusCode::CREATED);
        assert_eq!(annotate(api, TOKEN).await, StatusCode::SERVICE_UNAVAILABLE);
    }
    // Without any of them nothing is served.
    eu.kill();
    let (code, _) = healthy(&api, "unavailable").await;
    assert_eq!(code, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(flavor = "multi_thread")]
async fn leaves_in_order() {
    let server = Postgres::start();
    seed(&dsn(&[&server])).await;
    let api = Api::start(dsn(&[&server]), |config| {
        config.inject_latency = Duration::from_millis(1_500);
    });
    api.ready().await;
    let url = format!("http://{}", api.config.listen);
    let in_flight = {
        let (client, url) = (api.client.clone(), format!("{url}/api/v1/tenants"));
        tokio::spawn(async move { client.get(url).bearer_auth(TOKEN).send().await.unwrap().status() })
    };
    // The request is in when the service works on it; its latency is far longer than this.
    tokio::time::sleep(Duration::from_millis(300)).await;
    api.stop.cancel();
    let not_ready = api
        .until("/readyz", StatusCode::SERVICE_UNAVAILABLE, Duration::from_secs(1))
        .await;
    assert_eq!(not_ready["problems"]["shutdown"], "shutting down");
    assert_eq!(api.agent().await, "down#shutting down\n");
    let ended = tokio::time::timeout(Duration::from_secs(9), api.served)
        .await
        .unwrap();
    ended.unwrap().unwrap();
    assert_eq!(in_flight.await.unwrap(), StatusCode::OK);
    assert!(
        api.client.get(format!("{url}/livez")).send().await.is_err(),
        "the listener is closed"
    );
    drop(api.dir);
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_settings_end_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let api = Api::start("postgres://aisoc@h/d".into(), |config| {
        config.listen = taken.local_addr().unwrap();
    });
    let error = format!("{:#}", api.served.await.unwrap().unwrap_err());
    assert!(
        error.contains("AISOC_LISTEN") && error.contains("in use"),
        "{error}"
    );
    let api = Api::start("mysql://x".into(), |_| {});
    assert!(
        api.served
            .await
            .unwrap()
            .unwrap_err()
            .to_string()
            .contains("postgres://")
    );
    let api = Api::start("postgres://aisoc@h/d".into(), |config| {
        config.internal_token_file = Some("/nonexistent/token".into());
    });
    let error = format!("{:#}", api.served.await.unwrap().unwrap_err());
    assert!(error.contains("/nonexistent/token"), "{error}");
}

/// An api instance of another region: answers what it is told to.
async fn peer() -> (String, Arc<AtomicBool>) {
    let well = Arc::new(AtomicBool::new(true));
    let told = Arc::clone(&well);
    let health = axum::routing::get(move || async move {
        if told.load(Ordering::Relaxed) {
            (axum::http::StatusCode::OK, r#"{"reason":null}"#)
        } else {
            let body = r#"{"reason":"no database\u001b[2J"}"#;
            (axum::http::StatusCode::SERVICE_UNAVAILABLE, body)
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/api/health", health);
    tokio::spawn(axum::serve(listener, router).into_future());
    (url, well)
}

/// No database: what is seen of the others does not need one.
fn nowhere() -> String {
    let port = free_port();
    format!("postgres://aisoc:secret@127.0.0.1:{port}/aisoc?target_session_attrs=read-write")
}

fn peers(list: &[(&str, &str, &str)]) -> String {
    list.iter().fold(String::new(), |text, (region, instance, url)| {
        format!("{text}[[peers]]\nregion = \"{region}\"\ninstance = \"{instance}\"\nurl = \"{url}\"\n")
    })
}

#[tokio::test]
async fn a_region_tells_what_it_sees_of_the_others() {
    let files = tempfile::tempdir().unwrap();
    let file = files.path().join("peers.toml");
    let ((url, well), (moved, _)) = (peer().await, peer().await);
    let list = [
        ("eu-west-1", "api-a", url.as_str()),
        ("us-east-1", "api-b", "http://127.0.0.1:1"),
    ];
    std::fs::write(&file, peers(&list)).unwrap();
    let api = Api::start(nowhere(), |config| config.peers_file = Some(file.clone()));
    let seen = async |wanted: &str, hold: fn(&Value) -> bool| {
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let url = format!("http://{}/internal/vantage?interval_ms=250", api.config.listen);
            let answer = api.client.get(url).bearer_auth(INTERNAL).send().await;
            if let Ok(response) = answer
                && response.status() == StatusCode::OK
            {
                let report: Value = response.json().await.unwrap();
                if hold(&report["peers"][0]) {
                    return report;
                }
                assert!(Instant::now() < deadline, "not {wanted}: {report}");
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let report = seen("well", |peer| peer["status"] == 200 && peer["failed"] == 0).await;
    // Not itself.
    assert_eq!(report["peers"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["by"], "us-east-1/api-a");
    well.store(false, Ordering::Relaxed);
    let report = seen("counted out", |peer| peer["failed"].as_u64() >= Some(3)).await;
    assert_eq!(report["peers"][0]["reason"], "no database\u{FFFD}[2J");
    // The list is read again when it changes; the counters stay until an answer is good.
    std::fs::write(&file, peers(&[("eu-west-1", "api-a", &moved)])).unwrap();
    seen("back", |peer| peer["status"] == 200 && peer["failed"] == 0).await;
    let (status, _) = api.call(Method::GET, "/internal/vantage", TOKEN, None).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    let (status, _) = api
        .call(
            Method::GET,
            "/internal/vantage?url=http://127.0.0.1:1",
            INTERNAL,
            None,
        )
        .await;
    assert_eq!(
        status,
        StatusCode::OK,
        "an address in the question is nothing to it"
    );
}
