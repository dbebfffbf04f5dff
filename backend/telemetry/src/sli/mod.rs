//! Service level indicators over sliding windows, from exported histograms. Pure: no IO, time passed in.
//!
//! One set of windows for each region and indicator. Absence never looks like health: without requests an
//! indicator says "no traffic", and only while its service is known to export; otherwise it says that
//! telemetry is missing, or that nobody was heard yet.

pub mod histogram;
pub(crate) mod otlp;
mod record;
pub mod stream;
pub mod window;

use crate::metrics::name;
use aisoc_model::clock::millis_between;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::{SliTarget, Slo};
use aisoc_model::{Absence, Observed, RegionId};
use histogram::Histogram;
use jiff::Timestamp;
use std::collections::BTreeMap;
use stream::Streams;
use window::{Requests, Window};

/// The instruments that feed indicators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Source {
    Http,
    IngestLag,
    Fusion,
    AgentRun,
}

impl Source {
    fn of_metric(metric: &str) -> Option<Self> {
        match metric {
            name::HTTP_REQUEST => Some(Self::Http),
            name::INGEST_LAG => Some(Self::IngestLag),
            name::FUSION_LATENCY => Some(Self::Fusion),
            name::AGENT_RUN => Some(Self::AgentRun),
            _ => None,
        }
    }

    fn of_sli(sli: SliId) -> Option<Self> {
        match sli {
            SliId::HttpRequestDurationP99 | SliId::HttpErrorRate => Some(Self::Http),
            SliId::EventIngestionLagP99 => Some(Self::IngestLag),
            SliId::AlertFusionLatencyP99 => Some(Self::Fusion),
            SliId::AgentRunDurationP95 => Some(Self::AgentRun),
            SliId::PodReadyRatio => None,
        }
    }

    fn sli(self) -> SliId {
        match self {
            Self::Http => SliId::HttpRequestDurationP99,
            Self::IngestLag => SliId::EventIngestionLagP99,
            Self::Fusion => SliId::AlertFusionLatencyP99,
            Self::AgentRun => SliId::AgentRunDurationP95,
        }
    }
}

/// What became of the points of the exports so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Counted into a window.
    pub counted: u64,
    /// Came before.
    pub duplicate: u64,
    /// Older than the window.
    pub late: u64,
    /// Could not be understood: no buckets, no region, unknown temporality.
    pub malformed: u64,
    /// Dropped at a bound of memory.
    pub dropped: u64,
}

/// Sliding windows of every indicator that comes from telemetry, by region.
pub struct SliWindows {
    targets: BTreeMap<SliId, SliTarget>,
    window_ms: i64,
    stale_after_ms: u32,
    requests: BTreeMap<(RegionId, Source), Window<Requests>>,
    counters: BTreeMap<(RegionId, String), Window<u64>>,
    heard: BTreeMap<(RegionId, String), Timestamp>,
    durations: Streams<Histogram>,
    sums: Streams<u64>,
    first_now: Option<Timestamp>,
    tally: Tally,
}

impl SliWindows {
    /// Empty windows with the objectives and the window length of `slo`.
    #[must_use]
    pub fn new(slo: &Slo) -> Self {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "a window of minutes, checked below"
        )]
        let window_ms = ((slo.window_seconds * 1_000.0) as i64).clamp(1_000, 86_400_000);
        // An export is missed now and then; a fifth of the window, within reason, is more than that.
        let stale_after_ms = u32::try_from((window_ms / 5).clamp(10_000, 60_000)).unwrap_or(60_000);
        Self {
            targets: slo.slis.clone(),
            window_ms,
            stale_after_ms,
            requests: BTreeMap::new(),
            counters: BTreeMap::new(),
            heard: BTreeMap::new(),
            durations: Streams::new(window_ms),
            sums: Streams::new(window_ms),
            first_now: None,
            tally: Tally::default(),
        }
    }

    /// The indicator `sli` of `region` over the window that ends at `now`. The ready ratio does not come from
    /// telemetry: it is always "not observed yet" here.
    #[must_use]
    pub fn reading(&self, region: &RegionId, sli: SliId, now: Timestamp) -> SliReading {
        let target = self.targets.get(&sli);
        let source = Source::of_sli(sli);
        let requests = source
            .and_then(|source| self.requests.get(&(region.clone(), source)))
            .map(|window| window.merged(now.as_millisecond()))
            .unwrap_or_default();
        let samples = requests.durations.total();
        let objective = target.map_or(
            aisoc_model::sli::Objective {
                bound: 0.0,
                good: aisoc_model::sli::GoodSide::Below,
            },
            |target| target.objective,
        );
        let quantile = target.and_then(|target| target.quantile);
        let value = match sli {
            SliId::HttpErrorRate => (samples > 0).then(|| requests.bad as f64 / samples as f64),
            _ => quantile.and_then(|q| requests.durations.quantile(q)),
        };
        let burn_rate = match sli {
            SliId::HttpErrorRate => value.zip(positive(objective.bound)),
            _ => requests
                .durations
                .share_above(objective.bound)
                .zip(quantile.and_then(|q| positive(1.0 - q))),
        }
        .map(|(bad, allowed)| bad / allowed);
        SliReading {
            sli,
            region: region.clone(),
            value: self.observed(region, sli, target, value, now),
            window_seconds: u32::try_from(self.window_ms / 1_000).unwrap_or(u32::MAX),
            samples,
            per_second: samples as f64 / self.covered_seconds(now),
            objective,
            burn_rate,
        }
    }

    /// The rate of a counter (see [`name`]) over the window, per second; `None` when the region never
    /// exported it.
    #[must_use]
    pub fn rate(&self, region: &RegionId, counter: &str, now: Timestamp) -> Option<f64> {
        let window = self.counters.get(&(region.clone(), counter.to_owned()))?;
        Some(window.merged(now.as_millisecond()) as f64 / self.covered_seconds(now))
    }

    /// When `service` (with or without `aisoc-`) of `region` last exported metrics.
    #[must_use]
    pub fn last_heard(&self, region: &RegionId, service: &str) -> Option<Timestamp> {
        self.heard
            .get(&(region.clone(), plain_service(service).to_owned()))
            .copied()
    }

    /// What became of the points so far.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.tally
    }

    fn observed(
        &self,
        region: &RegionId,
        sli: SliId,
        target: Option<&SliTarget>,
        value: Option<f64>,
        now: Timestamp,
    ) -> Observed<f64> {
        let service = target.map_or("all", |target| target.service.as_str());
        let source = format!("otlp:{service}");
        let heard = self
            .heard
            .iter()
            // Lag to a region is reported by the ingest of every region.
            .filter(|((of, _), _)| of == region || sli == SliId::EventIngestionLagP99)
            .filter(|((_, from), _)| speaks_for(from, service))
            .map(|(_, at)| *at)
            .max();
        // An indicator without an instrument is not waited for here.
        let heard = heard.filter(|_| Source::of_sli(sli).is_some());
        match (heard, value) {
            (None, _) => Observed::absent(Absence::NotYet, source, self.stale_after_ms),
            (Some(at), Some(value)) => Observed::known(value, at, source, self.stale_after_ms),
            (Some(at), None) => {
                let silent_ms = millis_between(at, now);
                let absence = if silent_ms > u64::from(self.stale_after_ms) {
                    Absence::Failed(format!(
                        "no telemetry from {service} for {} s; check that it runs and reaches the OTLP endpoint",
                        silent_ms / 1_000
                    ))
                } else {
                    Absence::NoTraffic
                };
                Observed::absent(absence, source, self.stale_after_ms)
            }
        }
    }

    /// How much of the window has been listened to, in seconds: right after a start it is not the whole.
    fn covered_seconds(&self, now: Timestamp) -> f64 {
        let window = self.window_ms as f64 / 1_000.0;
        let listened = self
            .first_now
            .map_or(0.0, |first| millis_between(first, now) as f64 / 1_000.0);
        listened.clamp(window / window::SUB_WINDOWS as f64, window)
    }
}

fn positive(allowed: f64) -> Option<f64> {
    (allowed > 0.0).then_some(allowed)
}

/// Whether exports of `sender` are about `service`: a process may run all of them.
fn speaks_for(sender: &str, service: &str) -> bool {
    let sender = plain_service(sender);
    service == "all" || sender == "all" || sender == service
}

/// `api` of `aisoc-api`, as thresholds name services.
fn plain_service(service: &str) -> &str {
    service.strip_prefix("aisoc-").unwrap_or(service)
}

#[cfg(test)]
mod tests;
