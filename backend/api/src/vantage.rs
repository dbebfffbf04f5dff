//! What this region sees of the other regions' api instances.
//!
//! A control plane that asks gets the latest checks; checking goes on as long as somebody asks, at the pace of the
//! load balancer's checks, so that of several instances of a region only the one that is asked costs anything.
//! Only the peers that the configuration lists are looked at, and only their `/api/health`: nobody who asks can
//! name an address.

use aisoc_model::RegionId;
use aisoc_model::slo::RegionRemoval;
use aisoc_model::text::sanitize;
use aisoc_model::vantage::{Check, Checks, Peer, PeerCheck, Peers, Report};
use anyhow::Context;
use futures::future::join_all;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;

/// Bounds of the pace that a caller may ask for.
const FASTEST: Duration = Duration::from_millis(250);
const SLOWEST: Duration = Duration::from_mins(1);
/// Checking ends when nobody has asked for so many intervals.
const UNASKED: u32 = 10;
/// Longest reason that is carried.
const MAX_REASON: usize = 160;

/// Looks at the peers while somebody asks.
pub(crate) struct Vantage {
    own: RegionId,
    origin: String,
    file: Option<PathBuf>,
    rules: RegionRemoval,
    http: reqwest::Client,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    asked: Option<Instant>,
    interval: Duration,
    running: bool,
    problem: Option<String>,
    read: Option<(SystemTime, Vec<Peer>)>,
    seen: BTreeMap<Peer, Seen>,
}

struct Seen {
    checks: Checks,
    latest: Option<(Check, Instant)>,
}

impl Vantage {
    pub(crate) fn new(
        own: RegionId,
        origin: String,
        file: Option<PathBuf>,
        rules: RegionRemoval,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder()
            .no_proxy()
            .pool_max_idle_per_host(1)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .context("a client for the checks of other regions")?;
        Ok(Self {
            own,
            origin,
            file,
            rules,
            http,
            state: Mutex::default(),
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was seen last; begins to look when nobody did. `None` when no peers are configured.
    ///
    /// # Errors
    /// Why the list of peers cannot be used.
    pub(crate) fn report(self: &Arc<Self>, interval: Duration) -> Option<Result<Report, String>> {
        self.file.as_ref()?;
        let mut state = self.state();
        state.asked = Some(Instant::now());
        state.interval = interval.clamp(FASTEST, SLOWEST);
        if !state.running {
            state.running = true;
            tokio::spawn(Arc::clone(self).look());
        }
        if let Some(problem) = &state.problem {
            return Some(Err(problem.clone()));
        }
        let peers = state.seen.iter().filter_map(|(peer, seen)| {
            let (check, at) = seen.latest.as_ref()?;
            Some(PeerCheck {
                region: peer.region.clone(),
                age_ms: u64::try_from(at.elapsed().as_millis()).unwrap_or(u64::MAX),
                check: check.clone(),
            })
        });
        Some(Ok(Report {
            by: self.origin.clone(),
            peers: peers.collect(),
        }))
    }

    async fn look(self: Arc<Self>) {
        loop {
            let begun = Instant::now();
            let peers = match self.peers() {
                Ok(peers) => peers,
                Err(why) => {
                    self.state().problem = Some(why);
                    Vec::new()
                }
            };
            let interval = self.state().interval;
            join_all(peers.iter().map(|peer| self.check(peer, interval))).await;
            tokio::time::sleep_until(begun + interval).await;
            let mut state = self.state();
            if state
                .asked
                .is_none_or(|asked| asked.elapsed() > state.interval * UNASKED)
            {
                // Counters of checks that were not made are worth nothing.
                *state = State::default();
                return;
            }
        }
    }

    /// The list as it is configured now: a rollout moves an instance to another address.
    fn peers(&self) -> Result<Vec<Peer>, String> {
        let Some(file) = &self.file else {
            return Ok(Vec::new());
        };
        let tried = |e: &dyn std::fmt::Display| format!("list of peers {}: {e}", file.display());
        let changed = std::fs::metadata(file)
            .and_then(|m| m.modified())
            .map_err(|e| tried(&e))?;
        if let Some((read, peers)) = &self.state().read
            && *read == changed
        {
            return Ok(peers.clone());
        }
        let text = std::fs::read_to_string(file).map_err(|e| tried(&e))?;
        let mut peers = Peers::parse(&text).map_err(|e| tried(&e))?.peers;
        peers.retain(|peer| peer.region != self.own);
        let mut state = self.state();
        state.problem = None;
        // The counters stay with the instance when it moves.
        let mut before: BTreeMap<(RegionId, String), Seen> = std::mem::take(&mut state.seen)
            .into_iter()
            .map(|(peer, seen)| ((peer.region, peer.instance), seen))
            .collect();
        for peer in &peers {
            let seen = before
                .remove(&(peer.region.clone(), peer.instance.clone()))
                .unwrap_or_else(|| Seen {
                    checks: Checks::new(self.rules),
                    latest: None,
                });
            state.seen.insert(peer.clone(), seen);
        }
        state.read = Some((changed, peers.clone()));
        Ok(peers)
    }

    async fn check(&self, peer: &Peer, interval: Duration) {
        let url = format!("{}/api/health", peer.url.trim_end_matches('/'));
        // Long enough to see an answer that is too slow as slow, not as missing.
        let bound = Duration::try_from_secs_f64(self.rules.slow_p99_seconds * 2.5).unwrap_or(SLOWEST);
        let begun = Instant::now();
        let answer = async {
            let response = self.http.get(&url).timeout(bound).send().await?;
            let status = response.status().as_u16();
            Ok::<_, reqwest::Error>((status, response.bytes().await?))
        };
        let (status, reason) = match answer.await {
            Ok((200, _)) => (200, None),
            Ok((status, body)) => (status, reason(&body)),
            Err(e) if e.is_timeout() => (0, Some(format!("no answer within {} ms", bound.as_millis()))),
            Err(e) => (0, Some(root_cause(&e))),
        };
        let took = begun.elapsed();
        let mut state = self.state();
        let Some(seen) = state.seen.get_mut(peer) else {
            return;
        };
        seen.checks.pace(interval.as_secs_f64());
        seen.checks.take(status, took, Timestamp::now());
        let check = Check {
            instance: peer.instance.clone(),
            status,
            latency_ms: (took.as_secs_f64() * 10_000.0).round() / 10.0,
            failed: seen.checks.failed(),
            slow: seen.checks.slow(),
            reason,
        };
        seen.latest = Some((check, Instant::now()));
    }
}

fn reason(body: &[u8]) -> Option<String> {
    let document: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(sanitize(document.get("reason")?.as_str()?, MAX_REASON))
}

/// The innermost error says what happened; those around it only that something did.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    sanitize(&cause.to_string(), MAX_REASON)
}
