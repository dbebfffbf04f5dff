//! Requests through the load balancer at a steady rate, each counted.

use anyhow::Result;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};

/// How long a rate is tried.
const TRIAL: Duration = Duration::from_secs(3);

/// A request that failed.
#[derive(Debug, Clone)]
pub struct Failure {
    /// Time since the load began.
    pub after: Duration,
    /// Status or error.
    pub why: String,
}

/// What a load came to.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Requests that were answered with 2xx.
    pub ok: u64,
    /// All others.
    pub failures: Vec<Failure>,
}

/// A load that goes on until it is stopped.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    task: JoinHandle<Outcome>,
}

impl Load {
    /// `rate` GET requests a second on `url`, open loop: a slow answer does not slow the next request.
    ///
    /// # Errors
    /// When the HTTP client cannot be made.
    pub fn start(url: String, token: String, rate: u32) -> Result<Self> {
        let client = reqwest::Client::builder()
            .timeout(Duration::from_secs(10))
            .build()?;
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            let outcome = Arc::new(Mutex::new(Outcome::default()));
            let begun = Instant::now();
            let mut ticks = tokio::time::interval(Duration::from_secs(1) / rate.max(1));
            ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
            let mut requests = JoinSet::new();
            while !stopped.load(Ordering::Relaxed) {
                ticks.tick().await;
                let (client, url, token) = (client.clone(), url.clone(), token.clone());
                let outcome = Arc::clone(&outcome);
                requests.spawn(async move {
                    let answer = client.get(url).bearer_auth(token).send().await;
                    let why = match answer {
                        Ok(answer) if answer.status().is_success() => {
                            answer.bytes().await.err().map(|e| e.to_string())
                        }
                        Ok(answer) => Some(answer.status().to_string()),
                        Err(error) => Some(format!("{error:?}")),
                    };
                    let mut outcome = outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    match why {
                        None => outcome.ok += 1,
                        Some(why) => outcome.failures.push(Failure {
                            after: begun.elapsed(),
                            why,
                        }),
                    }
                });
                while requests.try_join_next().is_some() {}
            }
            while requests.join_next().await.is_some() {}
            std::mem::take(&mut *outcome.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
        });
        Ok(Self { stop, task })
    }

    /// The first of `rates` at which every request is answered while nothing is done: what this machine can carry.
    ///
    /// # Errors
    /// When it carries none of them, with the last failures.
    pub async fn carried(url: &str, token: &str, rates: &[u32]) -> Result<u32> {
        let mut failures = Vec::new();
        for rate in rates {
            let load = Self::start(url.to_owned(), token.to_owned(), *rate)?;
            tokio::time::sleep(TRIAL).await;
            failures = load.stop().await?.failures;
            if failures.is_empty() {
                return Ok(*rate);
            }
        }
        failures.truncate(3);
        anyhow::bail!("requests fail although nothing is done, at every rate of {rates:?}: {failures:?}")
    }

    /// Ends the load and waits for the last answers.
    ///
    /// # Errors
    /// When the load's task broke.
    pub async fn stop(self) -> Result<Outcome> {
        self.stop.store(true, Ordering::Relaxed);
        Ok(self.task.await?)
    }
}
