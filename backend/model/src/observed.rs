//! A value and how we know it.

use crate::clock::millis_between;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// An observed value: what, when, by whom, and, when there is nothing fresh, why.
///
/// Missing is never zero and never green. Views and gates decide by [`Observed::freshness`], not by looking
/// into `value`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observed<T> {
    /// The last good value, which may be old.
    pub value: Option<T>,
    /// When `value` was observed, by the observer's clock.
    pub observed_at: Option<Timestamp>,
    /// Who observed it, for example `patroni:eu-west-1` or `haproxy`.
    pub source: String,
    /// After how many milliseconds the value counts as stale.
    pub stale_after_ms: u32,
    /// Why there is no newer value; `None` when the last look succeeded.
    pub absence: Option<Absence>,
}

/// Why a look did not give a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "detail")]
pub enum Absence {
    /// The product was not told where to look; this is no fault.
    NotConfigured,
    /// Nobody has looked yet.
    NotYet,
    /// There was nothing to measure, for example an SLI without requests.
    NoTraffic,
    /// The look failed; the text says what was tried and what came back.
    Failed(String),
}

/// How far an observed value may be trusted at a given moment.
#[derive(Debug, Clone, PartialEq)]
pub enum Freshness<'a, T> {
    /// Observed within its bound.
    Fresh(&'a T),
    /// The last look succeeded, but too long ago (milliseconds).
    Stale(&'a T, u64),
    /// Looking fails now; this is what was last known, and its age in milliseconds.
    Lost(&'a T, u64, &'a str),
    /// Nothing is known, and why.
    Unknown(&'a str),
    /// There was nothing to measure.
    NoTraffic,
    /// Not set up, on purpose.
    NotConfigured,
}

impl<T> Observed<T> {
    /// A value seen at `at`.
    pub fn known(value: T, at: Timestamp, source: impl Into<String>, stale_after_ms: u32) -> Self {
        Self {
            value: Some(value),
            observed_at: Some(at),
            source: source.into(),
            stale_after_ms,
            absence: None,
        }
    }

    /// Nothing seen, and why.
    pub fn absent(absence: Absence, source: impl Into<String>, stale_after_ms: u32) -> Self {
        Self {
            value: None,
            observed_at: None,
            source: source.into(),
            stale_after_ms,
            absence: Some(absence),
        }
    }

    /// Nobody has looked yet.
    pub fn not_yet(source: impl Into<String>) -> Self {
        Self::absent(Absence::NotYet, source, 0)
    }

    /// Records a successful look.
    pub fn set(&mut self, value: T, at: Timestamp) {
        self.value = Some(value);
        self.observed_at = Some(at);
        self.absence = None;
    }

    /// Records a failed look; the last good value stays, and ages.
    pub fn fail(&mut self, why: impl Into<String>) {
        self.absence = Some(Absence::Failed(why.into()));
    }

    /// How far the value may be trusted at `now`.
    pub fn freshness(&self, now: Timestamp) -> Freshness<'_, T> {
        let aged = self
            .value
            .as_ref()
            .zip(self.observed_at)
            .map(|(v, at)| (v, millis_between(at, now)));
        match (&self.absence, aged) {
            (Some(Absence::NotConfigured), _) => Freshness::NotConfigured,
            (Some(Absence::NoTraffic), _) => Freshness::NoTraffic,
            (Some(Absence::NotYet), _) | (None, None) => Freshness::Unknown("not observed yet"),
            (Some(Absence::Failed(why)), Some((value, age))) => Freshness::Lost(value, age, why),
            (Some(Absence::Failed(why)), None) => Freshness::Unknown(why),
            (None, Some((value, age))) if age <= u64::from(self.stale_after_ms) => Freshness::Fresh(value),
            (None, Some((value, age))) => Freshness::Stale(value, age),
        }
    }

    /// The value, only while it is fresh.
    pub fn fresh(&self, now: Timestamp) -> Option<&T> {
        match self.freshness(now) {
            Freshness::Fresh(value) => Some(value),
            _ => None,
        }
    }

    /// The age of the last good value in milliseconds, if there is one.
    pub fn age_ms(&self, now: Timestamp) -> Option<u64> {
        self.observed_at.map(|at| millis_between(at, now))
    }

    /// The same observation of something derived from the value.
    pub fn map<U>(&self, f: impl FnOnce(&T) -> U) -> Observed<U> {
        Observed {
            value: self.value.as_ref().map(f),
            observed_at: self.observed_at,
            source: self.source.clone(),
            stale_after_ms: self.stale_after_ms,
            absence: self.absence.clone(),
        }
    }
}

impl<T> Freshness<'_, T> {
    /// The word a screen shows for this state.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Fresh(_) => "fresh",
            Self::Stale(..) => "stale",
            Self::Lost(..) => "lost",
            Self::Unknown(_) => "unknown",
            Self::NoTraffic => "no traffic",
            Self::NotConfigured => "not configured",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn ages_from_fresh_to_stale_and_lost() {
        let mut lag = Observed::known(7_u64, at(1_000), "patroni", 3_000);
        assert_eq!(lag.freshness(at(4_000)), Freshness::Fresh(&7));
        assert_eq!(lag.freshness(at(4_001)), Freshness::Stale(&7, 3_001));
        lag.fail("connection refused");
        assert_eq!(
            lag.freshness(at(1_500)),
            Freshness::Lost(&7, 500, "connection refused")
        );
        assert_eq!(lag.fresh(at(1_500)), None);
        lag.set(9, at(5_000));
        assert_eq!(lag.fresh(at(5_000)), Some(&9));
    }

    #[test]
    fn absence_is_never_a_value() {
        let none = Observed::<u64>::absent(Absence::NoTraffic, "otlp", 1_000);
        assert_eq!(none.fresh(at(0)), None);
        assert_eq!(none.freshness(at(0)).word(), "no traffic");
        assert_eq!(
            Observed::<u64>::not_yet("otlp").freshness(at(0)).word(),
            "unknown"
        );
    }
}
