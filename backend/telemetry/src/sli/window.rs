//! A sliding window as a ring of sub-windows.

use super::histogram::Histogram;
use std::collections::VecDeque;

/// Sub-windows in a window: the window slides in steps of a thirtieth of its length.
pub const SUB_WINDOWS: i64 = 30;

/// What a sub-window holds.
pub trait Merge: Default {
    /// Adds what `other` holds.
    fn merge(&mut self, other: &Self);
}

/// Requests of a sub-window: their durations, and how many of them were bad whatever their duration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Requests {
    /// Durations of all requests, the bad ones too.
    pub durations: Histogram,
    /// Requests that failed on our side (5xx).
    pub bad: u64,
}

impl Merge for Requests {
    fn merge(&mut self, other: &Self) {
        self.durations.merge(&other.durations);
        self.bad = self.bad.saturating_add(other.bad);
    }
}

impl Merge for u64 {
    fn merge(&mut self, other: &Self) {
        *self = self.saturating_add(*other);
    }
}

/// The last [`SUB_WINDOWS`] sub-windows that held something.
#[derive(Debug, Clone)]
pub struct Window<S> {
    sub_ms: i64,
    /// Ascending by index; the index is the time divided by the sub-window's length.
    held: VecDeque<(i64, S)>,
}

impl<S: Merge> Window<S> {
    /// An empty window of `window_ms`.
    #[must_use]
    pub fn new(window_ms: i64) -> Self {
        Self {
            sub_ms: (window_ms / SUB_WINDOWS).max(1),
            held: VecDeque::new(),
        }
    }

    /// Adds a measurement taken at `at_ms`. A time after `now_ms` is a clock that runs ahead and counts as
    /// now; `false` when the time lies before the window.
    pub fn record(&mut self, at_ms: i64, what: &S, now_ms: i64) -> bool {
        let first = self.first(now_ms);
        while self.held.front().is_some_and(|(index, _)| *index < first) {
            self.held.pop_front();
        }
        let index = at_ms.min(now_ms).div_euclid(self.sub_ms);
        if index < first {
            return false;
        }
        // Late exports are the exception: nearly always this is the last sub-window or a new one.
        let place = self.held.partition_point(|(held, _)| *held < index);
        match self.held.get_mut(place) {
            Some((held, sub)) if *held == index => sub.merge(what),
            _ => {
                let mut sub = S::default();
                sub.merge(what);
                self.held.insert(place, (index, sub));
            }
        }
        true
    }

    /// Everything in the window that ends at `now_ms`.
    #[must_use]
    pub fn merged(&self, now_ms: i64) -> S {
        let first = self.first(now_ms);
        let mut all = S::default();
        for (_, sub) in self.held.iter().filter(|(index, _)| *index >= first) {
            all.merge(sub);
        }
        all
    }

    fn first(&self, now_ms: i64) -> i64 {
        now_ms.div_euclid(self.sub_ms) - SUB_WINDOWS + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case::inside(10_000, 10_000, true, 1)]
    #[case::oldest_kept(10_000, 39_999, true, 1)]
    #[case::expired(10_000, 40_000, false, 0)]
    #[case::ahead_counts_as_now(50_000, 10_000, true, 1)]
    fn expiry(#[case] at: i64, #[case] now: i64, #[case] kept: bool, #[case] held: u64) {
        let mut window = Window::<u64>::new(30_000);
        assert_eq!(window.record(at, &1, now), kept);
        assert_eq!(window.merged(now), held);
    }

    #[test]
    fn late_measurements_find_their_sub_window() {
        let mut window = Window::<u64>::new(30_000);
        assert!(window.record(20_000, &1, 20_000));
        assert!(window.record(5_000, &2, 20_000));
        assert!(window.record(5_500, &4, 20_000));
        assert_eq!(window.merged(20_000), 7);
        assert_eq!(window.merged(35_000), 1);
    }

    proptest! {
        /// The window holds what was recorded in its last sub-windows, in whatever order it came, and its
        /// memory is bounded.
        #[test]
        fn holds_exactly_the_window(times in prop::collection::vec(0i64..100_000, 0..200)) {
            let now = 100_000;
            let mut window = Window::<u64>::new(30_000);
            for at in &times { window.record(*at, &1, now); }
            let expected = times.iter().filter(|at| **at / 1_000 > now / 1_000 - SUB_WINDOWS).count() as u64;
            prop_assert_eq!(window.merged(now), expected);
            prop_assert!(window.held.len() <= usize::try_from(SUB_WINDOWS).unwrap());
        }
    }
}
