//! What `init` exports arrives at a `Receiver`, over a real loopback connection, for all three signals; and
//! nothing blocks while there is no receiver.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_model::sli::SliId;
use aisoc_model::slo::Slo;
use aisoc_model::{RegionId, SystemClock};
use aisoc_telemetry::metrics::{self, name};
use aisoc_telemetry::receive::Receiver;
use aisoc_telemetry::{ExportConfig, Identity, init, propagation};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

async fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        assert!(Instant::now() < deadline, "waited 10 s for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

// One test: a process sets up logging once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn all_three_signals_arrive() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap().to_string();
    drop(free);
    let region: RegionId = "us-east-1".parse().unwrap();
    let identity = Identity {
        service: "aisoc-api".to_owned(),
        region: region.to_string(),
        zone: "us-east-1a".to_owned(),
        instance: "api-a".to_owned(),
        version: "rev 3".to_owned(),
    };
    let export = ExportConfig {
        endpoint: Some(format!("http://{address}")),
        interval: Duration::from_millis(200),
    };
    let guard = init(&identity, &export).unwrap();
    assert!(init(&identity, &export).is_err(), "a second set-up is refused");

    // Nobody listens yet: recording, logging and tracing go on at full speed.
    let began = Instant::now();
    for _ in 0..10_000 {
        metrics::http_request("/api/v1/alerts", "GET", 200, 0.012);
    }
    tracing::warn!("nobody listens");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());

    let receiver = Receiver::new(&Slo::builtin().unwrap().sped_up(10.0), Arc::new(SystemClock));
    let shutdown = CancellationToken::new();
    let listener = Receiver::bind(&address).await.unwrap();
    let server = tokio::spawn(receiver.clone().serve(listener, shutdown.clone()));

    until("metrics", || {
        metrics::http_request("/api/v1/alerts", "GET", 200, 0.012);
        metrics::http_request("/api/v1/alerts", "GET", 503, 0.012);
        metrics::count(name::EVENTS_ACCEPTED, 3);
        let reading = receiver.reading(&region, SliId::HttpErrorRate);
        reading.value.value.is_some_and(|rate| rate > 0.0)
    })
    .await;
    let p99 = receiver
        .reading(&region, SliId::HttpRequestDurationP99)
        .value
        .value
        .unwrap();
    assert!((0.01..=0.025).contains(&p99), "{p99}");
    until("a counter", || {
        receiver.rate(&region, name::EVENTS_ACCEPTED).is_some()
    })
    .await;

    // A trace that comes from elsewhere and is sampled there is sampled here, whatever the ratio.
    let remote = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let span = tracing::info_span!("request");
    propagation::set_parent(&span, Some(remote));
    let inside = async {
        tracing::warn!("a warning inside a span");
        propagation::current_traceparent()
    };
    let traceparent = inside.instrument(span).await.unwrap();
    assert!(
        traceparent.starts_with("00-4bf92f3577b34da6a3ce929d0e0e4736-"),
        "{traceparent}"
    );
    assert!(traceparent.ends_with("-01"));

    // What the services write about a call to a database is understood as one.
    let call = tracing::info_span!("call", otel.kind = "client", db.system.name = "postgresql");
    propagation::set_parent(&call, Some(remote));
    drop(call);
    until("an edge of the service map", || {
        let edges = receiver.edges();
        edges
            .iter()
            .any(|edge| (edge.from.name.as_str(), edge.to.name.as_str()) == ("api", "postgresql"))
    })
    .await;

    let own = || {
        let services = receiver.services();
        services.into_iter().find(|held| held.instance == "api-a")
    };
    until("a span and a log record", || {
        own().is_some_and(|held| held.spans >= 1 && held.logs.warn >= 1)
    })
    .await;
    let held = own().unwrap();
    assert_eq!(
        (held.service.as_str(), held.version.as_str()),
        ("aisoc-api", "rev 3")
    );
    assert_eq!(held.logs.info, 0, "below WARN stays at home");

    let began = Instant::now();
    guard.shutdown().await;
    assert!(began.elapsed() < Duration::from_secs(20));
    shutdown.cancel();
    server.await.unwrap().unwrap();
}
