//! From exported points to increments: duplicates, cumulative counters, resets.

use super::histogram::Histogram;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher as _, Hash, RandomState};

/// Streams remembered; see [`Outcome::TooManyStreams`].
pub const MAX_STREAMS: usize = 8_192;
/// Intervals remembered per delta stream: an exporter repeats at most its last few exports.
const REMEMBERED: usize = 8;

/// Something that is counted up.
pub trait Amount: Clone {
    /// The increment since `earlier`; `None` when it went down.
    fn since(&self, earlier: &Self) -> Option<Self>;
}

impl Amount for Histogram {
    fn since(&self, earlier: &Self) -> Option<Self> {
        Histogram::since(self, earlier)
    }
}

impl Amount for u64 {
    fn since(&self, earlier: &Self) -> Option<Self> {
        self.checked_sub(*earlier)
    }
}

/// The interval of an exported point, nanoseconds since the epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Interval {
    /// Start.
    pub start: u64,
    /// End.
    pub end: u64,
}

/// What a point adds.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome<A> {
    /// This much.
    Add(A),
    /// Nothing: the same export came before.
    Duplicate,
    /// Nothing: the first point of a cumulative stream that began before anyone listened.
    Baseline,
    /// Nothing can be said: too many cumulative streams.
    TooManyStreams,
}

enum State<A> {
    Delta(VecDeque<Interval>),
    Cumulative(Interval, A),
}

struct Stream<A> {
    state: State<A>,
    last_ms: i64,
}

/// What is remembered of every stream.
pub struct Streams<A> {
    hasher: RandomState,
    held: HashMap<u64, Stream<A>>,
    keep_ms: i64,
}

impl<A: Amount> Streams<A> {
    /// Streams are forgotten when they were silent for `keep_ms` and room is needed.
    #[must_use]
    pub fn new(keep_ms: i64) -> Self {
        Self {
            hasher: RandomState::new(),
            held: HashMap::new(),
            keep_ms,
        }
    }

    /// The key of a stream: whatever tells it from others.
    pub fn key(&self, what: impl Hash) -> u64 {
        self.hasher.hash_one(what)
    }

    /// What a point with delta temporality adds.
    pub fn delta(&mut self, key: u64, at: Interval, amount: A, now_ms: i64) -> Outcome<A> {
        let room = self.make_room(key, now_ms);
        let Some(stream) = self.held.get_mut(&key) else {
            // Without room a repetition goes unnoticed; better than losing the measurement.
            if room {
                let state = State::Delta(VecDeque::from([at]));
                self.held.insert(
                    key,
                    Stream {
                        state,
                        last_ms: now_ms,
                    },
                );
            }
            return Outcome::Add(amount);
        };
        stream.last_ms = now_ms;
        let State::Delta(seen) = &mut stream.state else {
            stream.state = State::Delta(VecDeque::from([at]));
            return Outcome::Add(amount);
        };
        if seen.contains(&at) {
            return Outcome::Duplicate;
        }
        if seen.len() >= REMEMBERED {
            seen.pop_front();
        }
        seen.push_back(at);
        Outcome::Add(amount)
    }

    /// What a point with cumulative temporality adds. `since` is the time from which a stream that was never
    /// seen counts in full.
    pub fn cumulative(&mut self, key: u64, at: Interval, total: A, since: u64, now_ms: i64) -> Outcome<A> {
        if !self.make_room(key, now_ms) {
            return Outcome::TooManyStreams;
        }
        let before = self.held.get(&key).map(|stream| &stream.state);
        let outcome = match before {
            Some(State::Cumulative(seen, _)) if *seen == at => Outcome::Duplicate,
            Some(State::Cumulative(seen, _)) if at.end < seen.end && at.start <= seen.start => {
                // Older than what is known: it is contained in it.
                return Outcome::Duplicate;
            }
            // A new start, or a count that went down, is a process that began anew: all of it is new.
            Some(State::Cumulative(seen, held)) if seen.start == at.start => {
                Outcome::Add(total.since(held).unwrap_or_else(|| total.clone()))
            }
            Some(State::Cumulative(..)) => Outcome::Add(total.clone()),
            _ if at.start >= since => Outcome::Add(total.clone()),
            _ => Outcome::Baseline,
        };
        let state = State::Cumulative(at, total);
        self.held.insert(
            key,
            Stream {
                state,
                last_ms: now_ms,
            },
        );
        outcome
    }

    /// Whether there is room for `key`, after forgetting silent streams if need be.
    fn make_room(&mut self, key: u64, now_ms: i64) -> bool {
        if self.held.len() >= MAX_STREAMS && !self.held.contains_key(&key) {
            let oldest = now_ms - self.keep_ms;
            self.held.retain(|_, stream| stream.last_ms >= oldest);
        }
        self.held.len() < MAX_STREAMS || self.held.contains_key(&key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: u64, end: u64) -> Interval {
        Interval { start, end }
    }

    #[test]
    fn repeated_delta_exports_count_once() {
        let mut streams = Streams::<u64>::new(1_000);
        assert_eq!(streams.delta(1, at(0, 10), 5, 0), Outcome::Add(5));
        assert_eq!(streams.delta(1, at(10, 20), 6, 0), Outcome::Add(6));
        assert_eq!(streams.delta(1, at(0, 10), 5, 0), Outcome::Duplicate);
        assert_eq!(streams.delta(2, at(0, 10), 5, 0), Outcome::Add(5));
    }

    #[test]
    fn cumulative_streams_are_differenced() {
        let mut streams = Streams::<u64>::new(1_000);
        let steps = [
            (at(5, 20), 100, Outcome::Baseline),
            (at(5, 30), 130, Outcome::Add(30)),
            (at(5, 30), 130, Outcome::Duplicate),
            (at(5, 20), 100, Outcome::Duplicate),
            (at(5, 40), 130, Outcome::Add(0)),
            // The process began anew.
            (at(45, 50), 7, Outcome::Add(7)),
            // The count went down under the same start.
            (at(45, 60), 3, Outcome::Add(3)),
            (at(45, 70), 4, Outcome::Add(1)),
        ];
        for (interval, total, expected) in steps {
            assert_eq!(
                streams.cumulative(1, interval, total, 10, 0),
                expected,
                "{interval:?}"
            );
        }
        assert_eq!(streams.cumulative(2, at(12, 20), 9, 10, 0), Outcome::Add(9));
    }

    #[test]
    fn memory_is_bounded_and_silent_streams_make_room() {
        let mut streams = Streams::<u64>::new(1_000);
        for key in 0..MAX_STREAMS as u64 {
            streams.cumulative(key, at(0, 1), 1, 10, 0);
        }
        let one_more = MAX_STREAMS as u64;
        assert_eq!(
            streams.cumulative(one_more, at(0, 1), 1, 10, 500),
            Outcome::TooManyStreams
        );
        assert_eq!(streams.delta(one_more, at(0, 1), 1, 500), Outcome::Add(1));
        assert_eq!(
            streams.cumulative(one_more, at(0, 1), 1, 10, 1_001),
            Outcome::Baseline
        );
        assert_eq!(streams.held.len(), 1);
    }
}
