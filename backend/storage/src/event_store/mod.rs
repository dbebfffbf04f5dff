//! The region's own events on its own disk: one SQLite file for each day of acceptance.
//!
//! One process (enrichment) writes, several read (api, agents, the counter of ingest). Write-ahead logging with
//! `synchronous=NORMAL` survives the death of any process; only a power failure may lose the last moments, and the
//! bus, which commits after the store, replays them. Retention drops whole files.

mod day;
mod query;

pub use query::{EventFilter, EventPage};

use crate::error::{Error, EventStoreCause, Result};
use crate::trace;
use aisoc_model::event::EventRecord;
use day::Day;
use jiff::SignedDuration;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tracing::Instrument;

/// Open files; older ones are closed first.
const OPEN_DAYS: usize = 8;
/// A client repeats a request within this time; so long after midnight the day before is checked for the same id.
const REPEAT_WINDOW: SignedDuration = SignedDuration::from_secs(3600);

/// Whether a store is written or only read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// The one writer.
    Write,
    /// A reader.
    Read,
}

/// An event store. Clones share its files.
#[derive(Debug, Clone)]
pub struct EventStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    mode: Mode,
    open: Mutex<BTreeMap<Date, Day>>,
    writing: tokio::sync::Mutex<()>,
}

impl EventStore {
    /// Opens the store in `dir`; a writer creates the directory, a reader accepts that it is not there yet.
    ///
    /// # Errors
    /// When the directory cannot be created.
    pub fn open(dir: impl Into<PathBuf>, mode: Mode) -> Result<Self> {
        let dir = dir.into();
        if mode == Mode::Write {
            std::fs::create_dir_all(&dir).map_err(|source| failed("create the directory", &dir, source))?;
        }
        let inner = Inner {
            dir,
            mode,
            open: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Stores events that are not there yet (by tenant and event id) and answers how many were new.
    ///
    /// # Errors
    /// When the file cannot be written; events of other days may have been stored then, and repeating is safe.
    pub async fn insert(&self, events: &[EventRecord]) -> Result<u64> {
        if self.inner.mode == Mode::Read {
            return Err(Error::ReadOnly(self.inner.dir.clone()));
        }
        let span = trace::event_store("insert events");
        let stored = self.insert_by_day(events).instrument(span.clone()).await;
        if stored.is_err() {
            trace::failed(&span);
        }
        stored
    }

    async fn insert_by_day(&self, events: &[EventRecord]) -> Result<u64> {
        let mut by_day: BTreeMap<Date, Vec<&EventRecord>> = BTreeMap::new();
        for event in events {
            by_day.entry(date(event.received_at)).or_default().push(event);
        }
        let _one_at_a_time = self.inner.writing.lock().await;
        let mut stored = 0;
        for (date, mut events) in by_day {
            self.without_repeats_of_the_day_before(date, &mut events).await?;
            stored += self.day(date).await?.insert(&events).await?;
        }
        Ok(stored)
    }

    async fn without_repeats_of_the_day_before(
        &self,
        date: Date,
        events: &mut Vec<&EventRecord>,
    ) -> Result<()> {
        let early = |event: &EventRecord| {
            let midnight = date.to_zoned(TimeZone::UTC).map(|z| z.timestamp());
            midnight.is_ok_and(|at| event.received_at.duration_since(at) < REPEAT_WINDOW)
        };
        let Ok(before) = date.yesterday() else {
            return Ok(());
        };
        if !events.iter().any(|event| early(event)) || !day::path(&self.inner.dir, before).exists() {
            return Ok(());
        }
        let before = self.day(before).await?;
        let mut fresh = Vec::with_capacity(events.len());
        for event in events.iter() {
            if !early(event) || before.by_id(&event.tenant, &event.event_id).await?.is_none() {
                fresh.push(*event);
            }
        }
        *events = fresh;
        Ok(())
    }

    /// How many events are stored, over all days; cheap enough to ask every second.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn count(&self) -> Result<u64> {
        let mut count = 0;
        for date in self.dates()? {
            count += self.day(date).await?.count().await?;
        }
        Ok(count)
    }

    /// An event by its id, from the newest day that has it.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub async fn get(&self, tenant: &str, event_id: &str) -> Result<Option<EventRecord>> {
        for date in self.dates()?.into_iter().rev() {
            if let Some(event) = self.day(date).await?.by_id(tenant, event_id).await? {
                return Ok(Some(event));
            }
        }
        Ok(None)
    }

    /// Days that have a file, oldest first.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn dates(&self) -> Result<Vec<Date>> {
        let entries = match std::fs::read_dir(&self.inner.dir) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(failed("list the directory", &self.inner.dir, source)),
        };
        let mut dates: Vec<Date> = entries
            .filter_map(|entry| day::date_of(&entry.ok()?.file_name().to_string_lossy()))
            .collect();
        dates.sort_unstable();
        // The writer may have dropped a day that this process still holds open.
        self.lock().retain(|date, _| dates.contains(date));
        Ok(dates)
    }

    /// Deletes the files of days before `oldest` and answers which days went.
    ///
    /// # Errors
    /// When a file cannot be deleted, or the store is open for reading.
    pub async fn drop_before(&self, oldest: Date) -> Result<Vec<Date>> {
        if self.inner.mode == Mode::Read {
            return Err(Error::ReadOnly(self.inner.dir.clone()));
        }
        let _one_at_a_time = self.inner.writing.lock().await;
        let mut dropped = Vec::new();
        for date in self.dates()?.into_iter().filter(|date| *date < oldest) {
            let open = self.lock().remove(&date);
            if let Some(day) = open {
                day.close().await;
            }
            let path = day::path(&self.inner.dir, date);
            for suffix in ["-wal", "-shm", ""] {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                match std::fs::remove_file(&name) {
                    Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                        return Err(failed("delete", &path, error));
                    }
                    _ => {}
                }
            }
            dropped.push(date);
        }
        Ok(dropped)
    }

    async fn day(&self, date: Date) -> Result<Day> {
        if let Some(day) = self.lock().get(&date) {
            return Ok(day.clone());
        }
        let day = Day::open(&self.inner.dir, date, self.inner.mode).await?;
        let mut open = self.lock();
        while open.len() >= OPEN_DAYS {
            open.pop_first();
        }
        Ok(open.entry(date).or_insert(day).clone())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<Date, Day>> {
        self.inner.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn date(at: jiff::Timestamp) -> Date {
    at.to_zoned(TimeZone::UTC).date()
}

fn failed(what: &'static str, path: &Path, source: impl Into<EventStoreCause>) -> Error {
    Error::EventStore {
        what,
        path: path.to_owned(),
        source: source.into(),
    }
}
