//! Service level indicators (operations document §6).

use crate::ids::RegionId;
use crate::observed::Observed;
use serde::{Deserialize, Serialize};

/// The six indicators of the operations document.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SliId {
    /// api: 99th percentile of request duration.
    HttpRequestDurationP99,
    /// api: share of requests answered with 5xx.
    HttpErrorRate,
    /// ingest: 99th percentile from acceptance to being on the region's bus.
    EventIngestionLagP99,
    /// alert-fusion: 99th percentile from acceptance to a persisted alert.
    AlertFusionLatencyP99,
    /// agents: 95th percentile of an investigation's duration.
    AgentRunDurationP95,
    /// All services: ready instances over wanted instances.
    PodReadyRatio,
}

impl SliId {
    /// All, in the order of the document's table.
    pub const ALL: [Self; 6] = [
        Self::HttpRequestDurationP99,
        Self::HttpErrorRate,
        Self::EventIngestionLagP99,
        Self::AlertFusionLatencyP99,
        Self::AgentRunDurationP95,
        Self::PodReadyRatio,
    ];

    /// The metric's name in the document.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::HttpRequestDurationP99 => "http_request_duration_p99",
            Self::HttpErrorRate => "http_error_rate",
            Self::EventIngestionLagP99 => "event_ingestion_lag_p99",
            Self::AlertFusionLatencyP99 => "alert_fusion_latency_p99",
            Self::AgentRunDurationP95 => "agent_run_duration_p95",
            Self::PodReadyRatio => "pod_ready_ratio",
        }
    }

    /// A short title for a gauge.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::HttpRequestDurationP99 => "API p99",
            Self::HttpErrorRate => "API errors",
            Self::EventIngestionLagP99 => "Ingest lag p99",
            Self::AlertFusionLatencyP99 => "Fusion p99",
            Self::AgentRunDurationP95 => "Agent run p95",
            Self::PodReadyRatio => "Ready",
        }
    }

    /// The unit of the value.
    #[must_use]
    pub fn unit(self) -> SliUnit {
        match self {
            Self::HttpErrorRate | Self::PodReadyRatio => SliUnit::Ratio,
            _ => SliUnit::Seconds,
        }
    }
}

/// The unit of an indicator's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SliUnit {
    /// Seconds.
    Seconds,
    /// 0–1, shown as percent.
    Ratio,
}

/// An objective: the value and which side of it is good.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// The bound, in the indicator's unit.
    pub bound: f64,
    /// Which side of the bound is good.
    pub good: GoodSide,
}

/// Which side of a bound is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GoodSide {
    /// Values below the bound are good.
    Below,
    /// Values above the bound are good.
    Above,
}

impl Objective {
    /// Whether `value` meets the objective.
    #[must_use]
    pub fn met_by(&self, value: f64) -> bool {
        match self.good {
            GoodSide::Below => value < self.bound,
            GoodSide::Above => value > self.bound,
        }
    }
}

/// One indicator of one region over its window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SliReading {
    /// Which indicator.
    pub sli: SliId,
    /// Which region.
    pub region: RegionId,
    /// The value in the indicator's unit; absent with "no traffic" when nothing was measured.
    pub value: Observed<f64>,
    /// Length of the sliding window, seconds.
    pub window_seconds: u32,
    /// Measurements in the window.
    pub samples: u64,
    /// Measurements per second.
    pub per_second: f64,
    /// The objective it is held against.
    pub objective: Objective,
    /// Bad share over allowed bad share: 1.0 spends exactly the error budget. `None` without traffic.
    pub burn_rate: Option<f64>,
}

impl SliReading {
    /// The key of a reading in the world: `us-east-1:http_error_rate`.
    #[must_use]
    pub fn key(region: &RegionId, sli: SliId) -> String {
        format!("{region}:{}", sli.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objectives_have_a_good_side() {
        let below = Objective {
            bound: 0.5,
            good: GoodSide::Below,
        };
        assert!(below.met_by(0.499) && !below.met_by(0.5));
        let above = Objective {
            bound: 0.99,
            good: GoodSide::Above,
        };
        assert!(above.met_by(1.0) && !above.met_by(0.99));
    }
}
