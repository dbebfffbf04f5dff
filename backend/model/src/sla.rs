//! How the incidents of tenants are handled: time to detect, to acknowledge, to resolve, against what was agreed.

use crate::observed::Observed;
use serde::{Deserialize, Serialize};

/// One tenant and one severity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlaReading {
    /// Tenant id.
    pub tenant: String,
    /// Tenant's name.
    pub name: String,
    /// The gravest level of an incident's alerts: `critical`, `high`, `medium`, `low`, `informational`, `unknown`.
    pub level: String,
    /// Minutes within which somebody has to acknowledge, if agreed.
    pub acknowledge_minutes: Option<u32>,
    /// What was measured over [`SlaReading::window_seconds`].
    pub figures: Observed<SlaFigures>,
    /// Length of the window, seconds, by the time at which incidents were opened.
    pub window_seconds: u32,
}

/// Figures of the incidents in the window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SlaFigures {
    /// Incidents that were opened.
    pub incidents: u64,
    /// Those that nobody has acknowledged yet.
    pub unacknowledged: u64,
    /// Those that were not acknowledged within the agreed time, or are not yet and it is over.
    pub breached: u64,
    /// From the first event to the incident; `None` without one.
    pub detect: Option<Spread>,
    /// From the incident to its acknowledgement; `None` when none was acknowledged.
    pub acknowledge: Option<Spread>,
    /// From the incident to its end; `None` when none was closed.
    pub resolve: Option<Spread>,
}

/// Durations, seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Spread {
    /// How many were measured.
    pub count: u64,
    /// The mean: MTTD, MTTA, MTTR.
    pub mean: f64,
    /// The median.
    pub p50: f64,
    /// 95th percentile.
    pub p95: f64,
}

impl SlaReading {
    /// The key of a reading in the world: `acme:high`.
    #[must_use]
    pub fn key(tenant: &str, level: &str) -> String {
        format!("{tenant}:{level}")
    }

    /// The rank of the level, gravest first.
    #[must_use]
    pub fn rank(&self) -> usize {
        LEVELS
            .iter()
            .position(|level| *level == self.level)
            .unwrap_or(LEVELS.len())
    }
}

/// Levels of security alerts, gravest first.
pub const LEVELS: [&str; 5] = ["critical", "high", "medium", "low", "informational"];
