//! TLS certificates: whose they are and when they end.

use crate::ids::RegionId;
use crate::observed::Observed;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Seconds of a day.
const DAY: f64 = 86_400.0;

/// A certificate that is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Certificate {
    /// The region that it serves; `None` for what belongs to no region.
    pub region: Option<RegionId>,
    /// What it says.
    pub says: Observed<Validity>,
}

/// What a certificate says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validity {
    /// Whose it is, as a distinguished name (`CN=api.example.org`).
    pub subject: String,
    /// When it ends; of a chain, when the first of it does, because none is accepted after that.
    pub not_after: Timestamp,
}

impl Validity {
    /// Days left, negative after the end.
    #[must_use]
    pub fn days_left(&self, now: Timestamp) -> f64 {
        self.not_after.duration_since(now).as_secs_f64() / DAY
    }
}
