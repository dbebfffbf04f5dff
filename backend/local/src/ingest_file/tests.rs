use super::*;
use axum::Json;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::post;
use serde_json::{Value, json};
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

/// What the stand-in ingest received: source format and events of each accepted batch.
type Received = Arc<Mutex<Vec<(String, Vec<Value>)>>>;

/// An ingest that is full at first, takes at most ten events, and dislikes `"bad": true`.
async fn ingest() -> (String, Received) {
    let received = Received::default();
    let kept = Arc::clone(&received);
    let calls = Arc::new(AtomicU32::new(0));
    let handler = move |headers: HeaderMap, Json(body): Json<Value>| async move {
        if headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) != Some("Bearer right") {
            return (StatusCode::UNAUTHORIZED, "no such token").into_response();
        }
        if calls.fetch_add(1, Ordering::SeqCst) == 0 {
            return (
                StatusCode::TOO_MANY_REQUESTS,
                [(header::RETRY_AFTER, "0")],
                "full",
            )
                .into_response();
        }
        let events = body["events"].as_array().unwrap().clone();
        if events.len() > 10 {
            return (StatusCode::PAYLOAD_TOO_LARGE, "too many").into_response();
        }
        let errors: Vec<Value> = events
            .iter()
            .enumerate()
            .filter(|(_, event)| event["bad"] == json!(true))
            .map(|(index, _)| json!({ "index": index, "message": "bad\u{1b}[31m event" }))
            .collect();
        let accepted = events.len() - errors.len();
        let format = body["source_format"].as_str().unwrap().to_owned();
        kept.lock().unwrap().push((format, events));
        let receipt =
            json!({ "accepted": accepted, "rejected": errors.len(), "request_id": "r", "errors": errors });
        (StatusCode::ACCEPTED, Json(receipt)).into_response()
    };
    let router = axum::Router::new().route("/v1/ingest", post(handler));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, received)
}

fn args(dir: &Path, content: &[u8], url: &str, token: &str) -> IngestFileArgs {
    let path = dir.join("events.ndjson");
    std::fs::write(&path, content).unwrap();
    let token_file = dir.join("token");
    std::fs::write(&token_file, format!("{token}\n")).unwrap();
    IngestFileArgs {
        path,
        url: url.to_owned(),
        token_file,
        batch: 16,
        connector_id: "file".to_owned(),
        source_format: None,
        from_line: 1,
        json: false,
    }
}

fn lines(count: usize) -> String {
    let lines: Vec<String> = (0..count).map(|n| format!("{{\"n\":{n}}}\n")).collect();
    lines.concat()
}

#[tokio::test]
async fn every_event_is_sent_once_and_the_refused_are_named_by_line() {
    let (url, received) = ingest().await;
    let dir = tempfile::tempdir().unwrap();
    let mut content = lines(25);
    content.push_str("\n{\"bad\":true}\nnot json\n[1]\n{\"cut\":\n{\"n\":25}");
    let totals = send_file(args(dir.path(), content.as_bytes(), &url, "right"))
        .await
        .unwrap();
    assert_eq!((totals.accepted, totals.rejected), (26, 4));
    assert_eq!(
        (totals.outcome, totals.outcome.exit_code()),
        (Outcome::Partial, 1)
    );
    let mut named: Vec<u64> = totals
        .first_rejected
        .iter()
        .map(|rejected| rejected.line)
        .collect();
    named.sort_unstable();
    assert_eq!(named, [27, 28, 29, 30]);
    assert!(!totals.to_string().contains('\u{1b}'), "{totals}");

    let mut numbers: Vec<i64> = received
        .lock()
        .unwrap()
        .iter()
        .flat_map(|(_, events)| events)
        .filter_map(|event| event["n"].as_i64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..26).collect::<Vec<_>>());
}

#[tokio::test]
async fn gzip_is_recognised_by_its_content() {
    let (url, received) = ingest().await;
    let dir = tempfile::tempdir().unwrap();
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed
        .write_all(
            b"{\"Channel\":\"Security\",\"EventID\":1102}\n{\"Channel\":\"Security\",\"EventID\":4624}\n",
        )
        .unwrap();
    let packed = packed.finish().unwrap();
    let totals = send_file(args(dir.path(), &packed, &url, "right")).await.unwrap();
    assert_eq!((totals.accepted, totals.outcome), (2, Outcome::Complete));
    assert_eq!(received.lock().unwrap()[0].0, "windows_event_log");

    let cut = &packed[..packed.len() - 9];
    let totals = send_file(args(dir.path(), cut, &url, "right")).await.unwrap();
    assert_eq!(
        (totals.outcome, totals.outcome.exit_code()),
        (Outcome::BadInput, 2)
    );
}

#[tokio::test]
async fn a_line_is_where_to_go_on() {
    let (url, _) = ingest().await;
    let dir = tempfile::tempdir().unwrap();
    let mut args = args(dir.path(), lines(10).as_bytes(), &url, "right");
    args.from_line = 8;
    let totals = send_file(args).await.unwrap();
    assert_eq!((totals.accepted, totals.last_line), (3, 10));
}

#[tokio::test]
async fn a_wrong_token_is_said_to_be_one() {
    let (url, _) = ingest().await;
    let dir = tempfile::tempdir().unwrap();
    let totals = send_file(args(dir.path(), b"{}\n", &url, "wrong")).await.unwrap();
    assert_eq!(
        (totals.outcome, totals.outcome.exit_code()),
        (Outcome::Unauthenticated, 4)
    );
    assert_eq!(totals.last_line, 0);
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_given_up_at_once() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", closed.local_addr().unwrap());
    drop(closed);
    let dir = tempfile::tempdir().unwrap();
    let began = std::time::Instant::now();
    let totals = send_file(args(dir.path(), b"{}\n", &url, "right")).await.unwrap();
    assert_eq!(
        (totals.outcome, totals.outcome.exit_code()),
        (Outcome::Unreachable, 3)
    );
    assert!(began.elapsed() < Duration::from_secs(30));
}

#[tokio::test]
async fn what_cannot_work_is_said_before_anything_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let good = args(dir.path(), b"{}\n", "http://127.0.0.1:1", "right");
    for (change, word) in [
        (
            IngestFileArgs {
                path: dir.path().join("none"),
                ..good.clone()
            },
            "none",
        ),
        (
            IngestFileArgs {
                path: dir.path().to_owned(),
                ..good.clone()
            },
            "directory",
        ),
        (
            IngestFileArgs {
                token_file: dir.path().join("no-token"),
                ..good.clone()
            },
            "no-token",
        ),
        (
            IngestFileArgs {
                url: "127.0.0.1:1".to_owned(),
                ..good.clone()
            },
            "URL",
        ),
        (
            IngestFileArgs {
                url: "https://host".to_owned(),
                ..good.clone()
            },
            "http",
        ),
    ] {
        let error = format!("{:#}", send_file(change).await.unwrap_err());
        assert!(error.contains(word), "{error}");
    }
}

#[tokio::test]
async fn an_overlong_line_is_refused_and_the_next_one_sent() {
    let (url, _) = ingest().await;
    let dir = tempfile::tempdir().unwrap();
    let content = format!("{{\"long\":\"{}\"}}\n{{\"n\":1}}\n", "x".repeat(2 * 1024 * 1024));
    let totals = send_file(args(dir.path(), content.as_bytes(), &url, "right"))
        .await
        .unwrap();
    assert_eq!((totals.accepted, totals.rejected), (1, 1));
    assert_eq!(totals.first_rejected[0].line, 1);
}
