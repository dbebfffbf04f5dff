//! What was sent and what came of it.

use super::Rates;
use aisoc_telemetry::sli::window::{Requests, Window};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Latencies are those of the last minute: the present, not the average of a day.
const LATENCY_WINDOW_MS: i64 = 60_000;
/// Acknowledged annotations remembered; beyond, the oldest are forgotten.
const MAX_ACKNOWLEDGED: usize = 200_000;
/// Kinds of failure told apart; there are fewer status codes in use than this.
const MAX_KINDS: usize = 64;

/// What came of one thing sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Answered as wanted.
    Ok,
    /// Answered otherwise, or not: a status code, `connect`, `timeout`, `closed`.
    Failed(String),
}

impl Answer {
    /// The kind of failure of a request that was not answered.
    #[must_use]
    pub fn of_error(error: &reqwest::Error) -> Self {
        let kind = if error.is_timeout() {
            "timeout"
        } else if error.is_connect() {
            "connect"
        } else {
            "closed"
        };
        Self::Failed(kind.to_owned())
    }
}

/// Numbers of a kind of traffic, as `GET /stats` gives them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    /// Sent: requests, or batches of events.
    pub sent: u64,
    /// Answered as wanted.
    pub ok: u64,
    /// Not, by status code or kind of error.
    pub failed: BTreeMap<String, u64>,
    /// Not sent, because too many were waiting for an answer or after a stall.
    pub skipped: u64,
    /// Half of the answers of the last minute came faster, seconds.
    pub p50_seconds: Option<f64>,
    /// 99 of 100 answers of the last minute came faster, seconds.
    pub p99_seconds: Option<f64>,
}

/// The answer to `GET /stats`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// How long it has been running.
    pub uptime_seconds: f64,
    /// Rates now.
    pub rates: Rates,
    /// API requests.
    pub requests: Counts,
    /// Annotations acknowledged with 201; each must be found again whatever happens.
    pub acknowledged_annotations: u64,
    /// Batches of events.
    pub batches: Counts,
    /// Events accepted by an ingest.
    pub events_accepted: u64,
    /// Events refused by an ingest, one by one.
    pub events_rejected: u64,
}

#[derive(Debug)]
struct Tally {
    sent: u64,
    ok: u64,
    failed: BTreeMap<String, u64>,
    skipped: u64,
    latencies: Window<Requests>,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            sent: 0,
            ok: 0,
            failed: BTreeMap::new(),
            skipped: 0,
            latencies: Window::new(LATENCY_WINDOW_MS),
        }
    }
}

impl Tally {
    fn answered(&mut self, answer: Answer, took: Duration, now_ms: i64) {
        self.sent += 1;
        match answer {
            Answer::Ok => self.ok += 1,
            Answer::Failed(kind) => {
                let known = self.failed.len() < MAX_KINDS || self.failed.contains_key(&kind);
                let kind = if known { kind } else { "other".to_owned() };
                *self.failed.entry(kind).or_default() += 1;
            }
        }
        let mut one = Requests::default();
        one.durations.add(took.as_secs_f64(), 1);
        self.latencies.record(now_ms, &one, now_ms);
    }

    fn counts(&self, now_ms: i64) -> Counts {
        let recent = self.latencies.merged(now_ms).durations;
        Counts {
            sent: self.sent,
            ok: self.ok,
            failed: self.failed.clone(),
            skipped: self.skipped,
            p50_seconds: recent.quantile(0.5),
            p99_seconds: recent.quantile(0.99),
        }
    }
}

#[derive(Debug, Default)]
struct Held {
    requests: Tally,
    batches: Tally,
    events_accepted: u64,
    events_rejected: u64,
    acknowledged: u64,
    acknowledged_ids: VecDeque<uuid::Uuid>,
}

/// The counters.
#[derive(Debug)]
pub struct Stats {
    started: Instant,
    held: Mutex<Held>,
}

impl Default for Stats {
    fn default() -> Self {
        Self {
            started: Instant::now(),
            held: Mutex::default(),
        }
    }
}

impl Stats {
    /// An API request was answered, or not.
    pub fn request(&self, answer: Answer, took: Duration) {
        let now = self.now_ms();
        self.held().requests.answered(answer, took, now);
    }

    /// An annotation was acknowledged.
    pub fn acknowledged(&self, id: uuid::Uuid) {
        let mut held = self.held();
        held.acknowledged += 1;
        if held.acknowledged_ids.len() >= MAX_ACKNOWLEDGED {
            held.acknowledged_ids.pop_front();
        }
        held.acknowledged_ids.push_back(id);
    }

    /// A batch of events was answered, or not.
    pub fn batch(&self, answer: Answer, accepted: u64, rejected: u64, took: Duration) {
        let now = self.now_ms();
        let mut held = self.held();
        held.batches.answered(answer, took, now);
        held.events_accepted += accepted;
        held.events_rejected += rejected;
    }

    /// Requests were not sent.
    pub fn requests_skipped(&self, count: u64) {
        self.held().requests.skipped += count;
    }

    /// Events were not sent.
    pub fn events_skipped(&self, count: u64) {
        self.held().batches.skipped += count;
    }

    /// All numbers.
    #[must_use]
    pub fn report(&self, rates: Rates) -> Report {
        let now = self.now_ms();
        let held = self.held();
        Report {
            uptime_seconds: self.started.elapsed().as_secs_f64(),
            rates,
            requests: held.requests.counts(now),
            acknowledged_annotations: held.acknowledged,
            batches: held.batches.counts(now),
            events_accepted: held.events_accepted,
            events_rejected: held.events_rejected,
        }
    }

    /// The acknowledged annotations, oldest first, at most the last 200,000.
    #[must_use]
    pub fn acknowledged_ids(&self) -> Vec<uuid::Uuid> {
        self.held().acknowledged_ids.iter().copied().collect()
    }

    fn now_ms(&self) -> i64 {
        i64::try_from(self.started.elapsed().as_millis()).unwrap_or(i64::MAX)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_apart() {
        let stats = Stats::default();
        stats.request(Answer::Ok, Duration::from_millis(20));
        stats.request(Answer::Failed("503".to_owned()), Duration::from_millis(20));
        stats.request(Answer::Failed("503".to_owned()), Duration::from_millis(20));
        stats.request(Answer::Failed("connect".to_owned()), Duration::from_millis(1));
        stats.requests_skipped(2);
        stats.batch(Answer::Ok, 9, 1, Duration::from_millis(3));
        let report = stats.report(Rates::default());
        assert_eq!(
            (report.requests.sent, report.requests.ok, report.requests.skipped),
            (4, 1, 2)
        );
        assert_eq!(report.requests.failed["503"], 2);
        assert_eq!((report.events_accepted, report.events_rejected), (9, 1));
        assert!(report.requests.p99_seconds.unwrap() > 0.01);
        assert_eq!(
            Stats::default().report(Rates::default()).requests.p50_seconds,
            None
        );
    }

    #[test]
    fn acknowledged_ids_are_bounded() {
        let stats = Stats::default();
        for _ in 0..MAX_ACKNOWLEDGED + 5 {
            stats.acknowledged(uuid::Uuid::nil());
        }
        assert_eq!(stats.acknowledged_ids().len(), MAX_ACKNOWLEDGED);
        assert_eq!(
            stats.report(Rates::default()).acknowledged_annotations,
            MAX_ACKNOWLEDGED as u64 + 5
        );
    }
}
