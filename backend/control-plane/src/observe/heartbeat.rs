//! The heartbeat: a row written each second on the writer; what of it a replica shows is its lag in time.
//!
//! Reading the row's age alone would call an idle, perfectly caught-up replica up to a second late. So the
//! writer's side is remembered: a replica is late only by beats that were committed *before* it was asked.

use jiff::Timestamp;
use std::collections::VecDeque;

/// At one beat a second this reaches past every lag bound.
const MAX_BEATS: usize = 720;

/// Beats that this control plane committed on a writer: the row's time, and when the commit was known.
#[derive(Debug, Clone, Default)]
pub struct Beats {
    beats: VecDeque<(Timestamp, Timestamp)>,
}

impl Beats {
    /// The beat `written` was committed, known at `committed`.
    pub fn record(&mut self, written: Timestamp, committed: Timestamp) {
        if self.beats.len() >= MAX_BEATS {
            self.beats.pop_front();
        }
        self.beats.push_back((written, committed));
    }

    /// How late a replica was, in seconds, that showed beat `shown` when asked at `asked`.
    ///
    /// `None` without a beat of our own to compare with.
    #[must_use]
    pub fn late(&self, shown: Timestamp, asked: Timestamp) -> Option<f64> {
        let (first, _) = self.beats.front().filter(|(_, committed)| *committed <= asked)?;
        let missed = self
            .beats
            .iter()
            .find(|(written, committed)| *written > shown && *committed <= asked);
        Some(match missed {
            None => 0.0,
            // Older than all that is remembered: then the row's own age is what is known.
            Some((written, _)) if written == first && self.beats.len() >= MAX_BEATS => {
                asked.duration_since(shown).as_secs_f64()
            }
            Some((_, committed)) => asked.duration_since(*committed).as_secs_f64(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[rstest]
    #[case::idle_and_caught_up(3_000, 3_900, Some(0.0))]
    #[case::asked_before_the_commit_was_known(2_000, 3_004, Some(0.0))]
    #[case::one_beat_missed(2_000, 3_505, Some(0.5))]
    #[case::stalled(1_000, 60_005, Some(58.0))]
    #[case::before_any_beat(0, 500, None)]
    fn lateness(#[case] shown: i64, #[case] asked: i64, #[case] late: Option<f64>) {
        let mut beats = Beats::default();
        for second in 1..=3 {
            beats.record(at(second * 1_000), at(second * 1_000 + 5));
        }
        assert_eq!(beats.late(at(shown), at(asked)), late);
    }

    #[test]
    fn a_lag_beyond_memory_keeps_growing() {
        let mut beats = Beats::default();
        for second in 1..=2_000 {
            beats.record(at(second * 1_000), at(second * 1_000));
        }
        assert_eq!(beats.late(at(1_000), at(2_000_000)), Some(1_999.0));
    }
}
