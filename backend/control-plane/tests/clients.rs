//! The low-level clients against real servers (and, for the supervisor, against its documented answers).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod servers;

use aisoc_control_plane::clients::haproxy::{HaproxyClient, HaproxyError, ServerState, Stat, StatKind};
use aisoc_control_plane::clients::incidents;
use aisoc_control_plane::clients::patroni::{PatroniClient, PatroniError};
use aisoc_control_plane::clients::postgres::{MemberDatabase, PostgresError};
use aisoc_control_plane::clients::supervisor::{SupervisorClient, SupervisorError};
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use servers::{Haproxy, Postgres, free_port, http};
use std::time::{Duration, Instant};

const TIMEOUT: Duration = Duration::from_secs(2);

fn database(address: &str, timeout: Duration) -> MemberDatabase {
    MemberDatabase::new(address, "postgres", "aisoc", "", timeout).unwrap()
}

#[tokio::test]
async fn haproxy_weights_states_and_addresses() {
    let api = || Router::new().route("/api/health", get(|| async { "ok" }));
    let (one, two) = (http(api()).await, http(api()).await);
    let haproxy = Haproxy::start(&[("a".to_owned(), one), ("b".to_owned(), two)]).await;
    let client = HaproxyClient::new(&haproxy.socket, TIMEOUT);
    let server = async |name: &str| -> Stat {
        let stats = client.stats().await.unwrap();
        let found = stats
            .into_iter()
            .find(|s| s.proxy == "api" && s.server == name && s.kind == StatKind::Server);
        found.unwrap()
    };
    assert_eq!(server("a").await.weight, 100);
    client.set_weight("api", "a", 37).await.unwrap();
    assert_eq!(server("a").await.weight, 37);
    client.set_state("api", "a", ServerState::Drain).await.unwrap();
    assert!(server("a").await.status.starts_with("DRAIN"));
    client.set_state("api", "a", ServerState::Maint).await.unwrap();
    assert!(server("a").await.status.starts_with("MAINT"));
    client.set_state("api", "a", ServerState::Ready).await.unwrap();
    let moved = format!("127.0.0.1:{two}");
    client
        .set_address("api", "a", moved.parse().unwrap())
        .await
        .unwrap();
    assert_eq!(server("a").await.address, moved);
    client
        .set_address("api", "a", moved.parse().unwrap())
        .await
        .unwrap();

    let unknown = client.set_weight("api", "nobody", 1).await.unwrap_err();
    assert!(matches!(unknown, HaproxyError::Refused { .. }), "{unknown}");
    let smuggled = client.set_weight("api", "a weight 1;show", 1).await.unwrap_err();
    assert!(matches!(smuggled, HaproxyError::Name(_)), "{smuggled}");
    haproxy.server.freeze();
    let frozen = HaproxyClient::new(&haproxy.socket, Duration::from_millis(200))
        .stats()
        .await
        .unwrap_err();
    assert!(matches!(frozen, HaproxyError::TimedOut { .. }), "{frozen}");
    let missing = HaproxyClient::new("/nonexistent/socket", TIMEOUT)
        .stats()
        .await
        .unwrap_err();
    assert!(matches!(missing, HaproxyError::Unreachable { .. }), "{missing}");
}

#[tokio::test]
async fn postgres_members_tell_who_they_are() {
    let mut writer = Postgres::writer().await;
    let replica = Postgres::replica(&writer, "eu-west-1").await;
    let (at_writer, at_replica) = (
        database(&writer.address(), TIMEOUT),
        database(&replica.address(), TIMEOUT),
    );

    let (first, second) = (
        at_writer.facts().await.unwrap(),
        at_replica.facts().await.unwrap(),
    );
    assert!(!first.in_recovery && second.in_recovery);
    assert_eq!(first.system_identifier, second.system_identifier);
    assert_eq!(first.timeline, second.timeline);

    let now = jiff::Timestamp::from_millisecond(jiff::Timestamp::now().as_millisecond()).unwrap();
    at_writer.write_heartbeat(now, "test").await.unwrap();
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        let beat = at_replica.heartbeat().await.unwrap();
        if beat.is_some_and(|b| b.at == now && b.node == "test") {
            break;
        }
        assert!(
            Instant::now() < deadline,
            "the heartbeat never reached the replica"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let standbys = at_writer.standbys().await.unwrap();
    assert_eq!(standbys.len(), 1);
    assert_eq!(
        (standbys[0].application_name.as_str(), standbys[0].state.as_str()),
        ("eu-west-1", "streaming")
    );
    assert!(standbys[0].flush_lsn.unwrap() >= first.lsn);

    let refused = at_replica.write_heartbeat(now, "test").await.unwrap_err();
    assert!(matches!(refused, PostgresError::ReadOnly { .. }), "{refused}");
    // An ordinary error leaves the connection usable.
    writer.sql("ALTER TABLE heartbeat RENAME TO pulse");
    let missing = at_writer.heartbeat().await.unwrap_err();
    assert!(
        matches!(&missing, PostgresError::Query { sqlstate, .. } if sqlstate == "42P01"),
        "{missing}"
    );
    at_writer.facts().await.unwrap();

    let hasty = database(&writer.address(), Duration::from_millis(300));
    hasty.facts().await.unwrap();
    writer.server.freeze();
    let frozen = hasty.facts().await.unwrap_err();
    assert!(matches!(frozen, PostgresError::TimedOut { .. }), "{frozen}");
    writer.server.thaw();
    hasty.facts().await.unwrap();
    writer.server.kill();
    let gone = hasty.facts().await.unwrap_err();
    assert!(matches!(gone, PostgresError::Unreachable { .. }), "{gone}");

    replica.promote();
    assert!(!at_replica.facts().await.unwrap().in_recovery);
}

#[tokio::test]
async fn patroni_answers_and_refusals() {
    let body = r#"{"state":"starting","role":"replica","patroni":{"version":"3.0.2","scope":"aisoc"}}"#;
    let router = Router::new()
        .route(
            "/patroni",
            get(move || async move { (StatusCode::SERVICE_UNAVAILABLE, body) }),
        )
        .route(
            "/history",
            get(|| async { r#"[[1,25,"why"],[2,50,"w","2026-01-01T00:00:00+00:00","eu"]]"# }),
        )
        .route(
            "/config",
            get(|| async { r#"{"ttl":30}"# }).patch(|| async { (StatusCode::CONFLICT, "<h1>no</h1>") }),
        )
        .route(
            "/switchover",
            post(|headers: HeaderMap| async move {
                match headers.get("authorization") {
                    Some(basic) if basic == "Basic dTpw" => {
                        (StatusCode::PRECONDITION_FAILED, "leader name does not match")
                    }
                    _ => (StatusCode::UNAUTHORIZED, "no auth header received"),
                }
            }),
        )
        .route("/cluster", get(|| async { std::future::pending::<&str>().await }));
    let url = format!("http://127.0.0.1:{}", http(router).await);
    let client = PatroniClient::new(&url, "u", "p", Duration::from_millis(300)).unwrap();
    assert_eq!(client.status().await.unwrap().state, "starting");
    let history = client.history().await.unwrap();
    assert_eq!((history.len(), history[1].leader.as_deref()), (2, Some("eu")));
    assert_eq!(client.config().await.unwrap()["ttl"], 30);
    let conflict = client
        .patch_config(&serde_json::json!({"ttl": 20}))
        .await
        .unwrap_err();
    assert!(
        matches!(&conflict, PatroniError::Refused { status: 409, text, .. } if text == "no"),
        "{conflict}"
    );
    let answer = client.switchover("us", "eu").await.unwrap();
    assert!(
        format!("{answer:?}").contains("leader name does not match"),
        "{answer:?}"
    );
    let stranger = PatroniClient::new(&url, "u", "wrong", TIMEOUT).unwrap();
    let refused = stranger.switchover("us", "eu").await.unwrap_err();
    assert!(
        matches!(refused, PatroniError::Refused { status: 401, .. }),
        "{refused}"
    );
    let slow = client.cluster().await.unwrap_err();
    assert!(
        matches!(slow, PatroniError::TimedOut { after_ms: 300, .. }),
        "{slow}"
    );
    let nobody = PatroniClient::new(&format!("http://127.0.0.1:{}", free_port()), "u", "p", TIMEOUT).unwrap();
    let gone = nobody.status().await.unwrap_err();
    assert!(matches!(gone, PatroniError::Unreachable { .. }), "{gone}");
}

#[tokio::test]
async fn supervisor_answers_and_refusals() {
    let inventory = r#"{"world_id":"w","state_dir":"/tmp","started_at":"2026-01-01T00:00:00Z","ready":true,
        "endpoints":{},"processes":[],"faults":[],"releases":[]}"#;
    let router = Router::new()
        .route(
            "/v1/inventory",
            get(move |headers: HeaderMap| async move {
                match headers.get("authorization") {
                    Some(bearer) if bearer == "Bearer secret" => (StatusCode::OK, inventory),
                    _ => (StatusCode::UNAUTHORIZED, "unknown token"),
                }
            }),
        )
        .route("/v1/releases", get(|| async { "not json" }));
    let url = format!("http://127.0.0.1:{}", http(router).await);
    let client = SupervisorClient::new(&url, "secret", TIMEOUT).unwrap();
    assert!(client.inventory().await.unwrap().ready);
    let unreadable = client.releases().await.unwrap_err();
    assert!(
        matches!(unreadable, SupervisorError::Unreadable { .. }),
        "{unreadable}"
    );
    let stranger = SupervisorClient::new(&url, "guess", TIMEOUT).unwrap();
    let refused = stranger.inventory().await.unwrap_err();
    assert!(
        matches!(refused, SupervisorError::Refused { status: 401, .. }),
        "{refused}"
    );
}

/// The product's own schema and some incidents: two of acme's high ones, one of them acknowledged late and closed.
const INCIDENTS: &str = "
    INSERT INTO tenants (id, name) VALUES ('acme', 'Acme Corporation'), ('globex', 'Globex');
    INSERT INTO tenant_sla_config (tenant, home_region, acknowledge_minutes)
        VALUES ('acme', 'us-east-1', '{\"high\": 60}'), ('globex', 'us-east-1', '{}');
    INSERT INTO incidents (tenant, id, status, score, first_seen, last_seen, created_at, body) VALUES
        ('acme', 'a', 'open', 1, now() - interval '2 h' - interval '4 s', now(), now() - interval '2 h', '{}'),
        ('acme', 'b', 'open', 1, now() - interval '3 h' - interval '2 s', now(), now() - interval '3 h', '{}'),
        ('acme', 'old', 'open', 1, now(), now(), now() - interval '9 days', '{}'),
        ('globex', 'c', 'merged', 1, now(), now(), now(), '{}'),
        ('globex', 'd', 'open', 1, now(), now(), now(), '{}');
    INSERT INTO alerts (tenant, id, rule_id, level, first_seen, last_seen, received_at, event_count, body)
        SELECT tenant, id || level, 'r', level, now(), now(), now(), 1, '{}'
        FROM incidents, unnest(ARRAY['low', 'high']) AS level WHERE tenant = 'acme';
    INSERT INTO incident_alerts SELECT tenant, id, rtrim(rtrim(id, 'low'), 'high') FROM alerts;
    UPDATE incidents SET status = 'acknowledged' WHERE id = 'b';
    UPDATE incidents SET updated_at = now() WHERE id = 'b';
    UPDATE incidents SET status = 'closed' WHERE id = 'b';
    GRANT ALL ON ALL TABLES IN SCHEMA public TO aisoc";

#[tokio::test]
async fn incidents_are_held_against_what_was_agreed() {
    let postgres = Postgres::writer().await;
    let database = database(&postgres.address(), Duration::from_secs(5));
    let nothing = incidents::handled(&database).await.unwrap();
    assert_eq!(
        nothing.handled, None,
        "a database without incidents has nothing to report"
    );
    for migration in [
        include_str!("../../storage/migrations/0001_tenants.sql"),
        include_str!("../../storage/migrations/0002_detections.sql"),
        include_str!("../../storage/migrations/0004_incident_times.sql"),
        INCIDENTS,
    ] {
        postgres.sql(migration);
    }
    let answer = incidents::handled(&database).await.unwrap();
    assert!(answer.writer);
    let handled = answer.handled.unwrap();
    let [acme, globex] = handled.as_slice() else {
        panic!("{handled:?}")
    };
    assert_eq!(
        (acme.name.as_str(), acme.level.as_str()),
        ("Acme Corporation", "high")
    );
    assert_eq!(acme.acknowledge_minutes, Some(60));
    let figures = &acme.figures;
    assert_eq!(
        (figures.incidents, figures.unacknowledged, figures.breached),
        (2, 1, 2)
    );
    let detect = figures.detect.unwrap();
    assert_eq!((detect.count, detect.mean), (2, 3.0));
    assert!(figures.acknowledge.unwrap().mean >= 10_800.0);
    assert_eq!(figures.resolve.unwrap().count, 1);
    assert_eq!((globex.level.as_str(), globex.figures.breached), ("unknown", 0));
    assert_eq!(globex.figures.acknowledge, None);
}
