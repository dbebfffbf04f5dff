use super::stats::Report;
use super::*;
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Counts of what a stand-in for the load balancer and an ingest was asked.
#[derive(Default)]
struct Seen {
    annotations: Mutex<Vec<String>>,
    events: AtomicU64,
}

async fn stand_in() -> (String, Arc<Seen>) {
    let seen = Arc::new(Seen::default());
    let annotate = |State(seen): State<Arc<Seen>>, Json(body): Json<serde_json::Value>| async move {
        let id = body["id"].as_str().unwrap().to_owned();
        seen.annotations.lock().unwrap().push(id);
        StatusCode::CREATED
    };
    let ingest = |State(seen): State<Arc<Seen>>, Json(body): Json<serde_json::Value>| async move {
        let count = body["events"].as_array().unwrap().len() as u64;
        seen.events.fetch_add(count, Ordering::SeqCst);
        (
            StatusCode::ACCEPTED,
            Json(serde_json::json!({ "accepted": count, "rejected": 0, "request_id": "r", "errors": [] })),
        )
    };
    let router = axum::Router::new()
        .route("/api/v1/annotations", post(annotate))
        .route(
            "/api/v1/incidents",
            get(|| async { StatusCode::SERVICE_UNAVAILABLE }),
        )
        .route("/api/v1/{what}", get(|| async { "[]" }))
        .route("/v1/ingest", post(ingest))
        .with_state(Arc::clone(&seen));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, seen)
}

fn config(url: &str, dead: &str) -> GeneratorConfig {
    GeneratorConfig {
        listen: "127.0.0.1:0".to_owned(),
        load_balancer: url.to_owned(),
        ingest: [("us-east-1", url), ("eu-west-1", dead)]
            .map(|(region, url)| IngestTarget {
                region: region.to_owned(),
                url: url.to_owned(),
            })
            .to_vec(),
        tenants: vec![TenantAccess {
            tenant: "acme".to_owned(),
            token: "secret".to_owned(),
            regions: vec![],
        }],
        rates: Rates {
            requests_per_second: 0.0,
            events_per_second: 0.0,
        },
        seed: 1,
    }
}

async fn report(control: &str) -> Report {
    let client = reqwest::Client::new();
    client
        .get(format!("{control}/stats"))
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap()
}

#[tokio::test]
async fn sends_at_the_rates_asked_for_and_counts_what_comes_back() {
    let (url, seen) = stand_in().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let dead = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let control = format!("http://{}", listener.local_addr().unwrap());
    let shutdown = CancellationToken::new();
    let running = tokio::spawn(serve(config(&url, &dead), listener, shutdown.clone()));

    let client = reqwest::Client::new();
    let change = |body: serde_json::Value| client.put(format!("{control}/rates")).json(&body).send();
    let refused = change(serde_json::json!({ "requests_per_second": -1 }))
        .await
        .unwrap();
    assert_eq!(refused.status(), 422);
    assert_eq!(report(&control).await.requests.sent, 0);
    let raised = change(serde_json::json!({ "requests_per_second": 100, "events_per_second": 200 }));
    assert_eq!(raised.await.unwrap().status(), 200);
    let began = Instant::now();

    let numbers = loop {
        let numbers = report(&control).await;
        let both_regions = numbers.events_accepted >= 50 && numbers.batches.failed.contains_key("connect");
        if numbers.requests.sent >= 100 && both_regions {
            break numbers;
        }
        assert!(began.elapsed() < Duration::from_mins(1), "{numbers:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(
        began.elapsed() > Duration::from_millis(800),
        "faster than the rate"
    );
    assert!(numbers.requests.failed["503"] > 0);
    assert!(
        numbers.batches.failed["connect"] > 0,
        "the dead region is counted, not fatal"
    );
    assert!(numbers.requests.p99_seconds.is_some());

    shutdown.cancel();
    running.await.unwrap().unwrap();
    let annotations = seen.annotations.lock().unwrap();
    assert!(!annotations.is_empty());
    assert!(numbers.acknowledged_annotations <= annotations.len() as u64);
    assert!(seen.events.load(Ordering::SeqCst) >= numbers.events_accepted);
}

#[tokio::test]
async fn an_occupied_port_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut taken = config("http://127.0.0.1:1", "http://127.0.0.1:1");
    taken.listen = listener.local_addr().unwrap().to_string();
    let error = run(taken.clone(), CancellationToken::new()).await.unwrap_err();
    assert!(error.to_string().contains(&taken.listen), "{error}");
}

#[test]
fn tokens_stay_out_of_debug_output() {
    let shown = format!("{:?}", config("http://a", "http://b"));
    assert!(shown.contains("acme") && !shown.contains("secret"), "{shown}");
}
