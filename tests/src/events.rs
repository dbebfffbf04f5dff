//! Events with ids of their own, posted to a region's ingest, and counted in the event stores.

use anyhow::{Context, Result};
use std::path::Path;

/// Synthetic Sysmon process creations, `count` of them, with ids `prefix-0`, `prefix-1`, …
#[must_use]
pub fn batch(prefix: &str, count: usize) -> serde_json::Value {
    let events: Vec<serde_json::Value> = (0..count)
        .map(|n| {
            serde_json::json!({
                "uid": format!("{prefix}-{n}"),
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "EventID": 1,
                "Hostname": format!("ws-{}.example.test", n % 7),
                "UtcTime": "2026-01-01 10:00:00.000",
                "Image": "C:\\Windows\\System32\\notepad.exe",
                "CommandLine": "notepad.exe notes.txt",
                "User": format!("EXAMPLE\\user{}", n % 5),
            })
        })
        .collect();
    serde_json::json!({
        "connector_id": "end-to-end", "connector_type": "test", "source_format": "windows_event_log", "events": events
    })
}

/// Posts a batch; the answer's `accepted`.
///
/// # Errors
/// When ingest does not answer with 2xx.
pub async fn post(ingest: &str, token: &str, batch: &serde_json::Value) -> Result<u64> {
    let answer = reqwest::Client::new()
        .post(format!("{ingest}/v1/ingest"))
        .bearer_auth(token)
        .json(batch)
        .send()
        .await?
        .error_for_status()?;
    let answer: serde_json::Value = answer.json().await?;
    answer
        .get("accepted")
        .and_then(serde_json::Value::as_u64)
        .context("no `accepted` in the answer")
}

/// How often an id with this prefix is stored in the event store in `directory`: (rows, distinct ids).
///
/// # Errors
/// When a day's file cannot be read.
pub async fn stored(directory: &Path, prefix: &str) -> Result<(i64, i64)> {
    let (mut rows, mut distinct) = (0, 0);
    let Ok(entries) = std::fs::read_dir(directory) else {
        return Ok((0, 0));
    };
    for path in entries.flatten().map(|e| e.path()) {
        let is_store = path.extension().is_some_and(|e| e == "sqlite" || e == "db");
        if !is_store {
            continue;
        }
        let options = sqlx::sqlite::SqliteConnectOptions::new()
            .filename(&path)
            .read_only(true);
        let pool = sqlx::SqlitePool::connect_with(options).await?;
        let (r, d): (i64, i64) = sqlx::query_as(
            "select count(*), count(distinct event_id) from events where event_id like ? || '-%'",
        )
        .bind(prefix)
        .fetch_one(&pool)
        .await
        .with_context(|| path.display().to_string())?;
        pool.close().await;
        rows += r;
        distinct += d;
    }
    Ok((rows, distinct))
}
