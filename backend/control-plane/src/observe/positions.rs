//! What position a source of replication had at what time, so that a follower's position can be read as time.

use jiff::Timestamp;
use std::collections::VecDeque;

/// At one sample a second this reaches past every lag bound (the page bound is 2 minutes).
const MAX_SAMPLES: usize = 720;

/// The positions of a writer (WAL bytes, replication offset) over the last minutes.
#[derive(Debug, Clone, Default)]
pub struct Positions {
    samples: VecDeque<(Timestamp, u64)>,
}

/// How far a follower is behind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Behind {
    /// In bytes.
    pub amount: u64,
    /// In time: since when the source has been past the follower's position.
    pub seconds: f64,
}

impl Positions {
    /// The source was at `position` at `at`.
    pub fn record(&mut self, at: Timestamp, position: u64) {
        match self.samples.back() {
            // A new history of the source (restored, another timeline cut back): the old one says nothing.
            Some((_, last)) if position < *last => self.samples.clear(),
            // Standing still: the first moment of a position is the one that counts.
            Some((_, last)) if position == *last => return,
            _ => {}
        }
        if self.samples.len() >= MAX_SAMPLES {
            self.samples.pop_front();
        }
        self.samples.push_back((at, position));
    }

    /// How far a follower that had replayed `position` at `at` was behind; `None` when the source was not
    /// known then.
    ///
    /// Only what the source had *before* the follower was asked is held against it: two looks are never at
    /// the same instant, and writes in between are no lag.
    #[must_use]
    pub fn behind(&self, position: u64, at: Timestamp) -> Option<Behind> {
        let (_, known) = self.samples.iter().rev().find(|(when, _)| *when <= at)?;
        let amount = known.saturating_sub(position);
        let seconds = self
            .samples
            .iter()
            .find(|(when, ahead)| *when <= at && *ahead > position)
            .map_or(0.0, |(when, _)| at.duration_since(*when).as_secs_f64());
        Some(Behind { amount, seconds })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[rstest]
    #[case::source_not_known_yet(100, 0, None)]
    #[case::caught_up(300, 30, Some((0, 0.0)))]
    #[case::ahead_of_an_older_look(300, 25, Some((0, 0.0)))]
    #[case::writes_after_the_look_do_not_count(200, 29, Some((0, 0.0)))]
    #[case::behind(200, 40, Some((100, 10.0)))]
    #[case::far_behind(50, 40, Some((250, 30.0)))]
    fn behind(#[case] position: u64, #[case] second: i64, #[case] expected: Option<(u64, f64)>) {
        let mut positions = Positions::default();
        for (second, position) in [(10, 100), (20, 200), (30, 300), (35, 300)] {
            positions.record(at(second), position);
        }
        let got = positions
            .behind(position, at(second))
            .map(|b| (b.amount, b.seconds));
        assert_eq!(got, expected);
    }

    #[test]
    fn a_new_history_replaces_the_old_and_memory_is_bounded() {
        let mut positions = Positions::default();
        for second in 0..2_000_i64 {
            positions.record(at(second), u64::try_from(second).unwrap() * 10);
        }
        assert_eq!(positions.samples.len(), MAX_SAMPLES);
        positions.record(at(3_000), 5);
        assert_eq!(
            positions.behind(5, at(3_001)),
            Some(Behind {
                amount: 0,
                seconds: 0.0
            })
        );
    }
}
