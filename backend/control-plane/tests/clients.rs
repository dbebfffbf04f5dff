//! The low-level clients against real servers (and, for the supervisor, against its documented answers).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod servers;

use aisoc_control_plane::clients::haproxy::{HaproxyClient, HaproxyError, ServerState, Stat, StatKind};
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
