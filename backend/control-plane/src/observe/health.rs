//! Each api instance's `/api/health`, as a load balancer would ask it, and the spec's two removal counters.

use super::board::Seen;
use super::{Look, milliseconds, round, settle};
use aisoc_model::RegionId;
use aisoc_model::region::ApiHealth;
use aisoc_model::slo::RegionRemoval;
use aisoc_model::topology::ApiConfig;
use aisoc_model::vantage::Checks;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Probes over which the p99 is taken.
const PROBES: usize = 60;
/// Longest `reason` that is carried.
const MAX_REASON: usize = 200;

/// What one probe gave.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Probe {
    /// HTTP status; 0 when nothing answered.
    pub status: u16,
    /// Round trip.
    pub took: Duration,
    /// Why it is not ready.
    pub reason: Option<String>,
}

/// The probes of one instance: the removal rules' counters and the latest latencies.
#[derive(Debug)]
pub(super) struct Probes {
    checks: Checks,
    latencies: VecDeque<f64>,
}

impl Probes {
    pub(super) fn new(rules: RegionRemoval) -> Self {
        Self {
            checks: Checks::new(rules),
            latencies: VecDeque::with_capacity(PROBES),
        }
    }

    /// Takes a probe into account.
    pub(super) fn take(&mut self, probe: Probe, at: Timestamp) -> ApiHealth {
        if self.latencies.len() >= PROBES {
            self.latencies.pop_front();
        }
        let latency_ms = probe.took.as_secs_f64() * 1_000.0;
        self.latencies.push_back(latency_ms);
        self.checks.take(probe.status, probe.took, at);
        ApiHealth {
            status: probe.status,
            latency_ms: round::three_digits(latency_ms),
            p99_ms: round::three_digits(self.p99()),
            consecutive_failures: self.checks.failed(),
            consecutive_slow: self.checks.slow(),
            reason: probe.reason,
        }
    }

    fn p99(&self) -> f64 {
        let mut sorted: Vec<f64> = self.latencies.iter().copied().collect();
        sorted.sort_by(f64::total_cmp);
        // Nearest rank: ceil(0.99 n).
        let rank = (sorted.len() * 99).div_ceil(100).max(1);
        sorted.get(rank - 1).copied().unwrap_or(0.0)
    }
}

/// Probes one api instance.
pub(super) struct Health {
    region: RegionId,
    instance: String,
    /// Where it answered by the topology.
    url: String,
    process: String,
    http: reqwest::Client,
    timeout: Duration,
    probes: Probes,
    board: Arc<super::board::Board>,
}

impl Health {
    pub(super) fn new(
        region: &RegionId,
        api: &ApiConfig,
        rules: RegionRemoval,
        http: reqwest::Client,
        board: Arc<super::board::Board>,
    ) -> Self {
        Self {
            region: region.clone(),
            instance: api.instance.clone(),
            url: api.url.trim_end_matches('/').to_owned(),
            process: format!("{region}/{}", api.instance),
            http,
            timeout: Self::timeout(rules),
            probes: Probes::new(rules),
            board,
        }
    }

    /// Long enough to see an answer that is too slow as slow, not as missing; the load balancer waits as long.
    pub(super) fn timeout(rules: RegionRemoval) -> Duration {
        Duration::try_from_secs_f64(rules.slow_p99_seconds * 2.5).unwrap_or(Duration::from_secs(5))
    }

    fn address(&self) -> String {
        let address = self.board.read(|seen| seen.http_address(&self.process));
        address.unwrap_or_else(|| self.url.clone())
    }
}

impl Look for Health {
    type Seen = Probe;

    fn source(&self) -> String {
        format!("health:{}/{}", self.region, self.instance)
    }

    /// Never an error: that nothing answers is a result, and what the removal rule counts.
    async fn look(&mut self, _now: Timestamp) -> Result<Probe, String> {
        let url = format!("{}/api/health", self.address());
        let started = Instant::now();
        let answer = async {
            let response = self.http.get(&url).timeout(self.timeout).send().await?;
            let status = response.status().as_u16();
            let body = response.text().await?;
            Ok::<_, reqwest::Error>((status, body))
        };
        let (status, reason) = match answer.await {
            Ok((200, _)) => (200, None),
            Ok((status, body)) => (status, reason(&body)),
            Err(e) if e.is_timeout() => (
                0,
                Some(format!("no answer within {} ms", self.timeout.as_millis())),
            ),
            Err(e) => (0, Some(crate::clients::root_cause(&e))),
        };
        Ok(Probe {
            status,
            took: started.elapsed(),
            reason,
        })
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Probe, String>, at: Timestamp) -> bool {
        let Some(observed) = seen
            .regions
            .get_mut(&self.region)
            .and_then(|r| r.api.get_mut(&self.instance))
        else {
            return false;
        };
        let before = observed.value.as_ref().map(mark);
        // That an api does not answer is known when one has waited in vain, not when one began to wait.
        let took = result.as_ref().map_or(Duration::ZERO, |probe| probe.took);
        let known_at = SignedDuration::try_from(took).map_or(at, |took| at + took);
        let health = result.map(|probe| self.probes.take(probe, at));
        settle(observed, health, milliseconds(known_at));
        before != observed.value.as_ref().map(mark)
    }
}

/// What of a health a person would notice at once.
fn mark(health: &ApiHealth) -> (u16, bool, bool) {
    (
        health.status,
        health.consecutive_failures > 0,
        health.consecutive_slow > 0,
    )
}

fn reason(body: &str) -> Option<String> {
    let document: serde_json::Value = serde_json::from_str(body).ok()?;
    let reason = document.get("reason")?.as_str()?;
    Some(aisoc_model::text::sanitize(reason, MAX_REASON))
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: RegionRemoval = RegionRemoval {
        check_interval_seconds: 10.0,
        failed_checks: 3,
        slow_checks: 5,
        slow_p99_seconds: 2.0,
    };

    fn probe(status: u16, ms: u64) -> Probe {
        Probe {
            status,
            took: Duration::from_millis(ms),
            reason: None,
        }
    }

    #[test]
    fn p99_is_over_the_latest_sixty() {
        let mut checks = Probes::new(RULES);
        let at = Timestamp::UNIX_EPOCH;
        checks.take(probe(200, 900), at);
        for _ in 0..59 {
            assert_eq!(checks.take(probe(200, 10), at).p99_ms, 900.0);
        }
        assert_eq!(checks.take(probe(200, 10), at).p99_ms, 10.0);
    }

    #[test]
    fn the_reason_is_harmless_text() {
        assert_eq!(
            reason(r#"{"status":"unavailable","reason":"db\u001b[2J away"}"#).unwrap(),
            "db\u{FFFD}[2J away"
        );
        assert_eq!(reason("<html>"), None);
    }
}
