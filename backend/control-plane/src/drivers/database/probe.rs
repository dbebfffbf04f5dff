//! The write probe: canary rows written every few milliseconds to whoever accepts them, from before the old
//! writer stops until the new one acknowledges. Its acknowledgements are the only honest clock of an outage,
//! and the set to look for afterwards.

use aisoc_model::{Clock, RegionId};
use jiff::{SignedDuration, Timestamp};
use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Time between two canaries of one server.
const EVERY: Duration = Duration::from_millis(15);
/// A server that takes longer has not acknowledged.
const PATIENCE: Duration = Duration::from_millis(800);
/// Acknowledged canaries that are remembered: more than ten minutes of them.
const MOST: usize = 65_536;

/// The table of canaries, in a schema of its own so that no migration of the product meets it.
pub const TABLE: &str = "aisoc_operations.canaries";
const ROLE: &str = "SELECT pg_is_in_recovery()";
const WRITE: &str = "INSERT INTO aisoc_operations.canaries (operation, n) VALUES ($1, $2) \
    RETURNING (pg_current_wal_insert_lsn() - '0/0'::pg_lsn)::bigint";

/// A running probe. Dropping it stops it.
pub struct Probe {
    shared: Arc<Shared>,
    stop: CancellationToken,
}

struct Shared {
    operation: String,
    next: AtomicU64,
    began: Instant,
    began_at: Timestamp,
    acknowledged: Mutex<Acknowledged>,
}

/// What was acknowledged, and by whom.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Acknowledged {
    /// By region: its first and its last acknowledgement.
    pub by_region: BTreeMap<RegionId, Span>,
    /// Every acknowledged canary with the moment of its acknowledgement.
    pub canaries: Vec<(u64, Timestamp)>,
}

/// When a region acknowledged writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The first acknowledgement.
    pub first: Timestamp,
    /// The last one.
    pub last: Timestamp,
    /// The log's position at the last one.
    pub lsn: u64,
    /// How many.
    pub count: u64,
}

impl Acknowledged {
    /// Milliseconds without an acknowledged write between two writers; `None` until the second has one.
    #[must_use]
    pub fn outage_ms(&self, from: &RegionId, to: &RegionId) -> Option<f64> {
        let (from, to) = (self.by_region.get(from)?, self.by_region.get(to)?);
        Some(to.first.duration_since(from.last).as_millis_f64())
    }

    fn add(&mut self, region: &RegionId, n: u64, at: Timestamp, lsn: u64) {
        if self.canaries.len() < MOST {
            self.canaries.push((n, at));
        }
        let span = self.by_region.entry(region.clone()).or_insert(Span {
            first: at,
            last: at,
            lsn,
            count: 0,
        });
        span.last = at;
        span.lsn = lsn;
        span.count += 1;
    }
}

impl Probe {
    /// Begins to write canaries of `operation` to the servers.
    pub fn start(operation: &str, servers: Vec<(RegionId, PgConnectOptions)>, clock: &dyn Clock) -> Self {
        let began_at = clock.now();
        // A control plane that takes an operation up again writes behind the canaries of the one before.
        let first = u64::try_from(began_at.as_microsecond()).unwrap_or(1);
        let shared = Arc::new(Shared {
            operation: operation.to_owned(),
            next: AtomicU64::new(first),
            began: Instant::now(),
            began_at,
            acknowledged: Mutex::default(),
        });
        let stop = CancellationToken::new();
        for (region, options) in servers {
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            tokio::spawn(async move {
                stop.run_until_cancelled(write_to(&shared, &region, &options))
                    .await;
            });
        }
        Self { shared, stop }
    }

    /// A probe that writes nothing: for drivers that cannot reach a server by SQL, and for tests.
    #[must_use]
    pub fn silent(clock: &dyn Clock) -> Self {
        Self::start("", Vec::new(), clock)
    }

    /// A probe that has acknowledged this, for tests.
    #[cfg(test)]
    pub(crate) fn having(acknowledged: Acknowledged, clock: &dyn Clock) -> Self {
        let probe = Self::silent(clock);
        *probe.shared.acknowledged.lock().unwrap() = acknowledged;
        probe
    }

    /// What has been acknowledged so far.
    #[must_use]
    pub fn acknowledged(&self) -> Acknowledged {
        self.shared
            .acknowledged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// When a region acknowledged writes, without copying everything.
    #[must_use]
    pub fn span(&self, region: &RegionId) -> Option<Span> {
        let acknowledged = self.shared.acknowledged.lock();
        let acknowledged = acknowledged.unwrap_or_else(PoisonError::into_inner);
        acknowledged.by_region.get(region).copied()
    }

    /// Ends it. What was acknowledged stays readable.
    pub fn stop(&self) {
        self.stop.cancel();
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

impl Shared {
    /// The moment now, from one monotonic clock: an outage must not contain a step of the wall clock.
    fn now(&self) -> Timestamp {
        let elapsed = SignedDuration::try_from(self.began.elapsed()).unwrap_or(SignedDuration::ZERO);
        self.began_at.saturating_add(elapsed).unwrap_or(self.began_at)
    }
}

async fn write_to(shared: &Shared, region: &RegionId, options: &PgConnectOptions) {
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut connection: Option<PgConnection> = None;
    loop {
        ticks.tick().await;
        let mut open = match connection.take() {
            Some(open) => open,
            None => match tokio::time::timeout(PATIENCE, options.connect()).await {
                Ok(Ok(open)) => open,
                _ => continue,
            },
        };
        // Kept only when the server answered properly: a call that was cut off is out of step.
        if let Ok(Ok(())) = tokio::time::timeout(PATIENCE, write_once(shared, region, &mut open)).await {
            connection = Some(open);
        }
    }
}

async fn write_once(
    shared: &Shared,
    region: &RegionId,
    connection: &mut PgConnection,
) -> Result<(), sqlx::Error> {
    // Asked first, so that a replica's log is not filled with refused writes.
    let in_recovery: bool = sqlx::query_scalar(ROLE).fetch_one(&mut *connection).await?;
    if in_recovery {
        return Ok(());
    }
    let n = shared.next.fetch_add(1, Ordering::Relaxed);
    let lsn: i64 = sqlx::query_scalar(WRITE)
        .bind(&shared.operation)
        .bind(i64::try_from(n).unwrap_or(i64::MAX))
        .fetch_one(connection)
        .await?;
    let at = shared.now();
    let mut acknowledged = shared.acknowledged.lock().unwrap_or_else(PoisonError::into_inner);
    acknowledged.add(region, n, at, lsn.unsigned_abs());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(ms).unwrap()
    }

    #[test]
    fn the_outage_is_between_the_last_and_the_first_acknowledgement() {
        let (us, eu): (RegionId, RegionId) = ("us".parse().unwrap(), "eu".parse().unwrap());
        let mut acknowledged = Acknowledged::default();
        acknowledged.add(&us, 1, at(1_000), 10);
        acknowledged.add(&us, 2, at(1_015), 20);
        assert_eq!(acknowledged.outage_ms(&us, &eu), None);
        acknowledged.add(&eu, 3, at(3_000), 30);
        acknowledged.add(&eu, 4, at(3_015), 40);
        assert_eq!(acknowledged.outage_ms(&us, &eu), Some(1_985.0));
        assert_eq!(acknowledged.by_region[&us].lsn, 20);
        assert_eq!(acknowledged.canaries.len(), 4);
    }
}
