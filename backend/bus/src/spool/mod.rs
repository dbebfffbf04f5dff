//! The spool: what ingest makes durable before it answers, with one cursor per destination region.
//!
//! A record leaves the spool when every region has it (or may not have it). A region that is down stops only
//! its own cursor; at the bound appends are refused, so nothing is dropped to make room.

mod engine;
pub mod fanout;

use crate::disk::Reserve;
use crate::error::{BusError, Result};
use crate::keeper::{Handle, Slot};
use crate::log::{self, Span};
use crate::record::{Record, check_name};
use crate::stats::CursorStats;
use crate::wire;
use crate::writer::Writer;
use aisoc_model::clock::millis_between;
use aisoc_model::{Clock, RegionId};
use engine::{Engine, Request};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{oneshot, watch};

/// Records that a cursor moves before it is written down on its own.
const SETTLE_AFTER: u64 = 4096;

/// How a spool is kept.
#[derive(Debug, Clone)]
pub struct SpoolConfig {
    /// Its directory.
    pub dir: PathBuf,
    /// Bound of what waits for the slowest region.
    pub max_bytes: u64,
    /// Room to leave on the file system.
    pub reserve: Reserve,
}

impl SpoolConfig {
    /// The defaults, in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            max_bytes: 512 << 20,
            reserve: Reserve::default(),
        }
    }
}

/// A record with where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpoolRecord {
    /// The topic, on every destination.
    pub topic: String,
    /// The record.
    pub record: Record,
    /// The regions that may have it; empty = all.
    pub only: Vec<RegionId>,
}

impl SpoolRecord {
    /// Whether `region` may have it.
    #[must_use]
    pub fn may_go_to(&self, region: &RegionId) -> bool {
        self.only.is_empty() || self.only.contains(region)
    }
}

/// A region's spool. Cheap to clone; dropping the last clone finishes what is queued and closes the files.
#[derive(Clone)]
pub struct Spool(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    writer: Writer<Request>,
    clock: Arc<dyn Clock>,
}

struct Shared {
    config: SpoolConfig,
    regions: Vec<RegionId>,
    slot: Arc<Slot>,
    span: watch::Sender<Span>,
    cursors: Mutex<BTreeMap<RegionId, Cursor>>,
    moved: tokio::sync::Notify,
    incarnation: Mutex<String>,
}

#[derive(Debug, Clone, Default)]
struct Cursor {
    next: u64,
    /// Where it was when writing it down was last asked for.
    settled: u64,
    failure: Option<String>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Spool {
    /// Opens or creates the spool for these destination regions. Blocks on the disk.
    ///
    /// A region that is new starts with the oldest record still held; one that is gone no longer holds records.
    ///
    /// # Errors
    /// [`BusError::InUse`] when another process has it open; otherwise the directory cannot be read or written.
    pub fn open(config: SpoolConfig, regions: &[RegionId], clock: Arc<dyn Clock>) -> Result<Self> {
        let dir = config.dir.clone();
        let shared = Arc::new(Shared {
            config,
            regions: regions.to_vec(),
            slot: Arc::default(),
            span: watch::Sender::new(Span::default()),
            cursors: Mutex::default(),
            moved: tokio::sync::Notify::new(),
            incarnation: Mutex::default(),
        });
        let mut engine = Engine::open(shared.clone())?;
        let writer =
            Writer::spawn("spool-writer", move |requests| engine.apply(requests)).map_err(|error| {
                BusError::Storage {
                    what: "start the writer thread",
                    path: dir,
                    why: error.to_string(),
                }
            })?;
        Ok(Self(Arc::new(Inner {
            shared,
            writer,
            clock,
        })))
    }

    /// Makes `records` durable; they are on the disk when this returns the spool's next sequence.
    ///
    /// # Errors
    /// [`BusError::Full`] at the bound and [`BusError::DiskFull`]: nothing was written. Any other error: the
    /// records must count as not accepted, though after a crash some may turn out to be there.
    pub async fn append(&self, records: Vec<SpoolRecord>) -> Result<u64> {
        for record in &records {
            check_name("topic", &record.topic)?;
            record.record.check()?;
        }
        if records.is_empty() {
            return Ok(self.0.shared.span.borrow().end);
        }
        let (reply, answer) = oneshot::channel();
        self.0.writer.send(Request::Append { records, reply }).await?;
        answer.await.map_err(|_| BusError::Closed)?
    }

    /// Whether the spool would take records: it is open, and the disk has room. Opens it again when it failed.
    ///
    /// # Errors
    /// Why not.
    pub async fn check(&self) -> Result<()> {
        let (reply, answer) = oneshot::channel();
        self.0.writer.send(Request::Check { reply }).await?;
        answer.await.map_err(|_| BusError::Closed)?
    }

    /// Identifies this spool's numbering: a new one after its files were deleted.
    #[must_use]
    pub fn incarnation(&self) -> String {
        lock(&self.0.shared.incarnation).clone()
    }

    /// Records that some region has not taken yet.
    #[must_use]
    pub fn pending(&self) -> u64 {
        let end = self.0.shared.span.borrow().end;
        let slowest = lock(&self.0.shared.cursors).values().map(|c| c.next).min();
        slowest.map_or(0, |next| end.saturating_sub(next))
    }

    /// Waits until every region has everything.
    pub async fn drained(&self) {
        loop {
            let moved = self.0.shared.moved.notified();
            if self.pending() == 0 {
                return;
            }
            moved.await;
        }
    }

    /// How far each region is.
    ///
    /// # Errors
    /// When the spool could not be read.
    pub async fn stats(&self) -> Result<Vec<CursorStats>> {
        let end = self.0.shared.span.borrow().end;
        let cursors = lock(&self.0.shared.cursors).clone();
        let mut stats = Vec::with_capacity(cursors.len());
        for (region, Cursor { next, failure, .. }) in cursors {
            let pending = end.saturating_sub(next);
            let mut pending_seconds = 0.0;
            if pending > 0
                && let Some((_, oldest)) = self.read(next, 1).await?.first()
            {
                pending_seconds = millis_between(oldest.record.at, self.0.clock.now()) as f64 / 1000.0;
            }
            stats.push(CursorStats {
                region: region.to_string(),
                pending,
                pending_seconds,
                failure,
            });
        }
        Ok(stats)
    }

    fn watch(&self) -> watch::Receiver<Span> {
        self.0.shared.span.subscribe()
    }

    fn cursor(&self, region: &RegionId) -> u64 {
        lock(&self.0.shared.cursors).get(region).map_or(0, |c| c.next)
    }

    /// `region` has everything below `next`. Written down with the next records, or after a long way.
    async fn acknowledge(&self, region: &RegionId, next: u64) -> Result<()> {
        let far = {
            let mut cursors = lock(&self.0.shared.cursors);
            let cursor = cursors.entry(region.clone()).or_default();
            cursor.next = next.max(cursor.next);
            cursor.failure = None;
            let far = cursor.next.saturating_sub(cursor.settled) >= SETTLE_AFTER;
            if far {
                cursor.settled = cursor.next;
            }
            far
        };
        self.0.shared.moved.notify_waiters();
        if far {
            self.0.writer.send(Request::Settle).await
        } else {
            Ok(())
        }
    }

    fn report_failure(&self, region: &RegionId, failure: String) {
        lock(&self.0.shared.cursors)
            .entry(region.clone())
            .or_default()
            .failure = Some(failure);
    }

    /// At most `max` records from `from` on.
    async fn read(&self, from: u64, max: usize) -> Result<Vec<(u64, SpoolRecord)>> {
        let handle: Arc<Handle> = self.0.shared.slot.get().ok_or_else(|| BusError::Storage {
            what: "read the spool",
            path: self.0.shared.config.dir.clone(),
            why: "it failed and is being opened again".to_owned(),
        })?;
        let end = self.0.shared.span.borrow().end;
        let dir = self.0.shared.config.dir.clone();
        let read = move || {
            let Some(records) = handle.log(engine::LOG) else {
                return Ok(Vec::new());
            };
            let rows = log::read(&records, from, end, max, fanout::BATCH_BYTES)
                .map_err(|error| BusError::storage("read the spool", &dir, &error))?;
            let decode = |(sequence, value): (u64, fjall::UserValue)| {
                let stored = wire::decode(&value, &dir)?;
                // A label that cannot be read belongs to no region: such a record goes nowhere rather than
                // everywhere, which an empty set would mean.
                let only = stored
                    .only
                    .iter()
                    .map(|r| r.parse())
                    .collect::<std::result::Result<_, _>>();
                let only = only.map_err(|_| BusError::Storage {
                    what: "decode the residency of a record",
                    path: dir.clone(),
                    why: "it names something that is not a region".to_owned(),
                })?;
                Ok((
                    sequence,
                    SpoolRecord {
                        topic: stored.topic,
                        record: stored.record,
                        only,
                    },
                ))
            };
            rows.into_iter().map(decode).collect()
        };
        log::run_read(end.saturating_sub(from), read).await
    }
}
