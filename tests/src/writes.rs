//! Acknowledged writes and the set check: every write that was acknowledged is there afterwards.

use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;

/// A writer of annotations through the load balancer that remembers what was acknowledged.
#[derive(Debug)]
pub struct Writer {
    stop: Arc<AtomicBool>,
    acknowledged: Arc<AtomicUsize>,
    task: JoinHandle<Written>,
}

/// What was written.
#[derive(Debug, Default)]
pub struct Written {
    /// Ids answered with 2xx.
    pub acknowledged: BTreeSet<String>,
    /// Writes answered otherwise, or not at all.
    pub refused: Vec<String>,
    /// The longest time between two acknowledgements.
    pub longest_gap: Duration,
}

impl Writer {
    /// Writes one after the other, each with an id of its own, never trying an id twice.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn start(load_balancer: &str, token: String) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        let url = format!("{load_balancer}/api/v1/annotations");
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let acknowledged = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&acknowledged);
        let task = tokio::spawn(async move {
            let mut written = Written::default();
            let mut last = Instant::now();
            while !stopped.load(Ordering::Relaxed) {
                let id = uuid::Uuid::now_v7().to_string();
                let body = serde_json::json!({"id": id, "subject": "set-check", "text": "acknowledged"});
                match client.post(&url).bearer_auth(&token).json(&body).send().await {
                    Ok(answer) if answer.status().is_success() => {
                        written.longest_gap = written.longest_gap.max(last.elapsed());
                        last = Instant::now();
                        written.acknowledged.insert(id);
                        counted.fetch_add(1, Ordering::Relaxed);
                    }
                    Ok(answer) => written.refused.push(answer.status().to_string()),
                    Err(error) => written.refused.push(error.to_string()),
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            written
        });
        Ok(Self {
            stop,
            acknowledged,
            task,
        })
    }

    /// How many were acknowledged until now.
    #[must_use]
    pub fn so_far(&self) -> usize {
        self.acknowledged.load(Ordering::Relaxed)
    }

    /// Ends the writing.
    ///
    /// # Errors
    /// When the writer's task broke.
    pub async fn stop(self) -> Result<Written> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}

/// The acknowledged ids that the api does not have: empty when nothing was lost.
///
/// # Errors
/// When the api does not answer.
pub async fn lost(
    load_balancer: &str,
    token: &str,
    acknowledged: &BTreeSet<String>,
) -> Result<BTreeSet<String>> {
    let client = reqwest::Client::new();
    let mut missing = acknowledged.clone();
    let mut after: Option<String> = None;
    loop {
        let mut request = client
            .get(format!("{load_balancer}/api/v1/annotations"))
            .query(&[("limit", "500")])
            .bearer_auth(token);
        if let Some(after) = &after {
            request = request.query(&[("after", after)]);
        }
        let page: serde_json::Value = request.send().await?.error_for_status()?.json().await?;
        let items = page
            .get("items")
            .and_then(|v| v.as_array())
            .context("no items in the page")?;
        for item in items {
            if let Some(id) = item.get("id").and_then(|v| v.as_str()) {
                missing.remove(id);
            }
        }
        match page.get("next").and_then(|v| v.as_str()) {
            Some(next) if !items.is_empty() => after = Some(next.to_owned()),
            _ => return Ok(missing),
        }
    }
}
