//! Looking at every part of every region, each source by itself.
//!
//! One file per kind of thing. Every source has its own task, its own time-out and its own back-off, so that a
//! frozen one never delays another. What they see lands on the [`board`]; what it *means* is not decided here
//! but in `world`.

pub mod board;
mod bus;
mod certificates;
mod health;
mod heartbeat;
mod otlp;
mod patroni;
mod positions;
mod postgres;
mod redis;
pub mod round;
mod sla;
mod start;
mod supervisor;
mod traces;
mod traffic;
mod vantage;

pub use heartbeat::Beats;
pub use positions::{Behind, Positions};
pub use postgres::Server;
pub use start::{Sli, Starter, health_pace, pace, start, start_checks, traffic_pace};

use aisoc_model::Clock;
use aisoc_model::observed::Observed;
use aisoc_model::world::Source;
use board::{Board, Seen};
use jiff::Timestamp;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

/// An observation counts as stale after this many intervals without a newer one.
const STALE_INTERVALS: u32 = 3;
/// A failing source is looked at less often, but at least this often in intervals.
const MAX_BACKOFF_INTERVALS: u32 = 4;

/// One source.
pub trait Look: Send + 'static {
    /// What a look gives.
    type Seen: Send;

    /// Failed looks in a row that are not yet held against the last value: it only ages. One slow answer is
    /// no outage.
    const TOLERATED: u32 = 1;

    /// Its name in `World::sources`: `patroni:eu-west-1`.
    fn source(&self) -> String;

    /// Ends when there is reason to look before the next interval is over; by default never. It is dropped when the
    /// interval ends first.
    fn early(&mut self) -> impl Future<Output = ()> + Send {
        std::future::pending()
    }

    /// Looks once.
    fn look(&mut self, now: Timestamp) -> impl Future<Output = Result<Self::Seen, String>> + Send;

    /// Puts a result on the board. `true`: a person would notice, draw the next frame now. A failure comes
    /// here only past the tolerated number.
    fn file(&mut self, seen: &mut Seen, result: Result<Self::Seen, String>, at: Timestamp) -> bool;
}

/// How often to look, and how long a look may take.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// Time between two looks.
    pub interval: Duration,
    /// Bound of one look.
    pub timeout: Duration,
}

impl Pace {
    /// The pace for an interval: a look may take as long as the interval, within 0.5 and 3 seconds.
    #[must_use]
    pub fn every(interval: Duration) -> Self {
        Self {
            interval,
            timeout: interval.clamp(Duration::from_millis(500), Duration::from_secs(3)),
        }
    }

    /// After how long a value is stale: some intervals, or a look that takes all its time.
    #[must_use]
    pub fn stale_after_ms(self) -> u32 {
        let bound = (self.interval * STALE_INTERVALS).max(self.interval + self.timeout);
        u32::try_from(bound.as_millis()).unwrap_or(u32::MAX)
    }

    fn wait_after(self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(2).min(8);
        self.interval * 2_u32.pow(doublings).min(MAX_BACKOFF_INTERVALS)
    }
}

/// Looks at `source` until `shutdown`.
pub async fn run<L: Look>(
    mut source: L,
    pace: Pace,
    board: Arc<Board>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) {
    let name = source.source();
    let mut failures = 0_u32;
    let mut ticks = tokio::time::interval(pace.interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
            () = source.early() => {}
        }
        let started = milliseconds(clock.now());
        let result = tokio::select! {
            () = shutdown.cancelled() => return,
            result = tokio::time::timeout(pace.timeout, source.look(started)) => match result {
                Ok(result) => result,
                Err(_) => Err(format!("no answer within {} ms", pace.timeout.as_millis())),
            },
        };
        // A value is as old as the moment at which it was asked for.
        let at = started;
        let failed = failures;
        failures = if result.is_ok() {
            0
        } else {
            failed.saturating_add(1)
        };
        match &result {
            Err(why) if failures == L::TOLERATED + 1 => {
                tracing::warn!(source = %name, %why, "observation fails");
            }
            Ok(_) if failed > L::TOLERATED => tracing::info!(source = %name, "observed again"),
            _ => {}
        }
        board.update(|seen| {
            note(seen, &name, &result, failures, at, pace);
            if result.is_ok() || failures > L::TOLERATED {
                source.file(seen, result, at)
            } else {
                false
            }
        });
        if failures > 2 {
            ticks.reset_at(Instant::now() + pace.wait_after(failures));
        }
    }
}

fn note<T>(
    seen: &mut Seen,
    name: &str,
    result: &Result<T, String>,
    failures: u32,
    at: Timestamp,
    pace: Pace,
) {
    // A look that takes all its time succeeds that much after it began.
    let patience = u32::try_from(pace.timeout.as_millis()).unwrap_or(u32::MAX);
    let lost_after_ms = pace.stale_after_ms().saturating_add(patience);
    let source = seen.sources.entry(name.to_owned()).or_insert_with(|| Source {
        last_success: None,
        problem: None,
        failures: 0,
        lost_after_ms,
    });
    source.failures = failures;
    match result {
        Ok(_) => {
            source.last_success = Some(at);
            source.problem = None;
        }
        Err(why) => source.problem = Some(aisoc_model::text::sanitize(why, 300)),
    }
}

/// Records the result of a look in an observation.
pub(crate) fn settle<T>(observed: &mut Observed<T>, result: Result<T, String>, at: Timestamp) {
    match result {
        Ok(value) => observed.set(value, at),
        Err(why) => observed.fail(aisoc_model::text::sanitize(&why, 300)),
    }
}

/// A time without what nobody reads: six digits less in every document.
pub(crate) fn milliseconds(at: Timestamp) -> Timestamp {
    Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at)
}

#[cfg(test)]
mod tests;
