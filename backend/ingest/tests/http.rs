//! What clients of `POST /v1/ingest` see.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use aisoc_bus::disk::Reserve;
use aisoc_ingest::Config;
use aisoc_model::event::{EventClass, topic};
use aisoc_storage::ClusterUrls;
use common::{Running, answer, config, events, free_port, records, region};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;

fn client() -> reqwest::Client {
    reqwest::Client::new()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_envelope_becomes_normalised_records() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = Running::start(config("us-east-1", dir.path())).await;
    let sysmon = json!({
        "Channel": "Microsoft-Windows-Sysmon/Operational", "EventID": 1, "Hostname": "PC1", "User": "CORP\\ann",
        "Image": "C:\\x.exe", "@timestamp": "2026-01-02T03:04:05Z",
    });
    let own = json!({"event_id": "mine-1", "msg": "hello", "tenant": "globex"});
    let (status, body) = ingest.post("t-acme", &[sysmon.clone(), own, json!(7)]).await;
    assert_eq!(status, 202);
    assert_eq!(
        (&body["accepted"], &body["rejected"]),
        (&json!(2), &json!(1)),
        "{body}"
    );
    assert_eq!(
        (&body["errors"][0]["index"], &body["errors"][0]["code"]),
        (&json!(2), &json!("not_an_object"))
    );
    assert!(body["request_id"].is_string());

    let events = events(&ingest.bus, 2).await;
    let first = &events[0];
    assert_eq!(
        (first.tenant.as_str(), first.class),
        ("acme", EventClass::ProcessActivity)
    );
    assert_eq!(
        (first.origin_region.as_str(), first.home_region.as_str()),
        ("us-east-1", "us-east-1")
    );
    assert_eq!(first.entities.host.as_deref(), Some("pc1"));
    assert_eq!(
        (first.source_format.as_str(), first.connector_id.as_str()),
        ("windows_event_log", "c1")
    );
    assert_eq!(first.raw_data, sysmon, "the source event is untouched");
    assert_eq!(first.event_id.len(), 32);
    assert_eq!(events[1].event_id, "mine-1");
    assert_eq!(
        events[1].tenant, "acme",
        "the tenant comes from the token, never from the payload"
    );
    assert_eq!(events[1].event_time, events[1].received_at);

    let letters = records(&ingest.bus, topic::DEAD_LETTERS, 1).await;
    assert_eq!(
        (&letters[0]["tenant"], &letters[0]["raw"]),
        (&json!("acme"), &json!("7"))
    );
    assert!(letters[0]["reason"].as_str().unwrap().contains("number"));
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ndjson_and_gzip() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = Running::start(config("us-east-1", dir.path())).await;
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder
        .write_all(b"{\"event_id\":\"1\"}\n{broken\n{\"event_id\":\"2\"}\n")
        .unwrap();
    let request = client()
        .post(ingest.url("/v1/ingest?connector_id=file-1&source_format=mine"))
        .bearer_auth("t-acme")
        .header("content-type", "application/x-ndjson")
        .header("content-encoding", "gzip")
        .body(encoder.finish().unwrap());
    let (status, body) = answer(request).await;
    assert_eq!(
        (status, &body["accepted"], &body["rejected"]),
        (202, &json!(2), &json!(1)),
        "{body}"
    );
    let events = events(&ingest.bus, 2).await;
    assert_eq!(
        (events[0].connector_id.as_str(), events[0].source_format.as_str()),
        ("file-1", "mine")
    );
    assert_eq!(events[1].event_id, "2");
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_name_the_problem_and_take_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = Running::start(config("us-east-1", dir.path())).await;
    let post = |body: String| client().post(ingest.url("/v1/ingest")).body(body);
    let good = || json!({"events": [{"a": 1}]}).to_string();

    let cases = [
        (post(good()), 401, "no_token"),
        (post(good()).bearer_auth("wrong"), 401, "bad_token"),
        (post(good()).bearer_auth("t-initech"), 403, "residency"),
        (
            post("nonsense".to_owned()).bearer_auth("t-acme"),
            400,
            "malformed_envelope",
        ),
        (
            post(good())
                .bearer_auth("t-acme")
                .header("content-type", "text/csv"),
            415,
            "unsupported_type",
        ),
        (
            post(good())
                .bearer_auth("t-acme")
                .header("content-encoding", "br"),
            415,
            "unsupported_encoding",
        ),
        (
            post(good())
                .bearer_auth("t-acme")
                .header("content-encoding", "gzip"),
            400,
            "broken_gzip",
        ),
        (
            post(json!({"events": vec![json!({}); 1001]}).to_string()).bearer_auth("t-acme"),
            413,
            "too_many_events",
        ),
        (
            post("x".repeat((10 << 20) + 1)).bearer_auth("t-acme"),
            413,
            "too_large",
        ),
    ];
    for (request, status, code) in cases {
        let (got, body) = answer(request).await;
        assert_eq!((got, &body["error"]["code"]), (status, &json!(code)), "{body}");
        assert!(
            body["error"]["hint"]
                .as_str()
                .is_some_and(|hint| !hint.is_empty())
        );
    }
    let seen = ingest.bus.stats().await.unwrap();
    assert!(seen.topics.iter().all(|t| t.end == 0), "{seen:?}");
    let (status, _) = answer(client().get(ingest.url("/readyz"))).await;
    assert_eq!(status, 200);
    let (status, _) = answer(client().get(ingest.url("/livez"))).await;
    assert_eq!(status, 200);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_spool_at_its_bound_is_429_with_a_time() {
    let dir = tempfile::tempdir().unwrap();
    let absent = (region("eu-west-1"), format!("http://127.0.0.1:{}", free_port()));
    let config = Config {
        spool_bytes: 300_000,
        peers: vec![absent],
        ..config("us-east-1", dir.path())
    };
    let ingest = Running::start(config).await;
    let big = json!({"event_id": "x", "text": "y".repeat(100_000)});
    let mut statuses = Vec::new();
    for _ in 0..4 {
        let body = json!({"events": [big]});
        let response = client()
            .post(ingest.url("/v1/ingest"))
            .bearer_auth("t-acme")
            .json(&body)
            .send()
            .await;
        let response = response.unwrap();
        if response.status() == 429 {
            assert!(
                response.headers()["retry-after"]
                    .to_str()
                    .unwrap()
                    .parse::<u32>()
                    .unwrap()
                    > 0
            );
            let body: Value = response.json().await.unwrap();
            assert!(
                body["error"]["message"].as_str().unwrap().contains("eu-west-1"),
                "{body}"
            );
            statuses.push(429);
        } else {
            statuses.push(response.status().as_u16());
        }
    }
    assert_eq!(statuses, [202, 202, 429, 429]);
    let stats = ingest.bus.stats().await.unwrap();
    let eu = stats.spool.iter().find(|c| c.region == "eu-west-1").unwrap();
    assert_eq!(eu.pending, 2);
    assert!(eu.failure.is_some());
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_507_and_not_ready_and_the_process_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let reserve = Reserve {
        bytes: u64::MAX,
        percent: 100,
    };
    let ingest = Running::start(Config {
        reserve,
        ..config("us-east-1", dir.path())
    })
    .await;
    let (status, body) = ingest.post("t-acme", &[json!({"a": 1})]).await;
    assert_eq!(
        (status, &body["error"]["code"]),
        (507, &json!("disk_full")),
        "{body}"
    );
    let (status, body) = answer(client().get(ingest.url("/readyz"))).await;
    assert_eq!(status, 503);
    assert!(body["problems"]["spool"].is_string(), "{body}");
    let (status, _) = answer(client().get(ingest.url("/livez"))).await;
    assert_eq!(status, 200);
    ingest.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_tenants_it_waits_for_them() {
    let dir = tempfile::tempdir().unwrap();
    let ingest = {
        let mut config = config("us-east-1", dir.path());
        config.databases = Some(ClusterUrls::one("postgres://nobody:x@127.0.0.1:9/none"));
        let service = aisoc_ingest::Service::start(config, std::sync::Arc::new(aisoc_model::SystemClock));
        service.await.unwrap()
    };
    let url = format!("http://{}", ingest.http);
    let stop = tokio_util::sync::CancellationToken::new();
    let task = tokio::spawn(ingest.serve_until(stop.clone()));
    let (status, body) = answer(client().get(format!("{url}/readyz"))).await;
    assert_eq!(status, 503, "{body}");
    let request = client()
        .post(format!("{url}/v1/ingest"))
        .bearer_auth("t-acme")
        .body("{\"events\":[]}");
    let (status, body) = answer(request).await;
    assert_eq!((status, &body["error"]["code"]), (503, &json!("tenants_unknown")));
    stop.cancel();
    tokio::time::timeout(common::SOON, task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_occupied_port_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let taken = std::net::TcpListener::bind(common::local(0)).unwrap();
    let config = Config {
        listen: taken.local_addr().unwrap(),
        ..config("us-east-1", dir.path())
    };
    let error = aisoc_ingest::run(config, tokio_util::sync::CancellationToken::new())
        .await
        .unwrap_err();
    let text = format!("{error:#}");
    assert!(
        text.contains(&taken.local_addr().unwrap().to_string()) && text.contains("port"),
        "{text}"
    );
}
