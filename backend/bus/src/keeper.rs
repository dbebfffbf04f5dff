//! Keeps a database open for its writer and its readers, and opens it anew after it failed.
//!
//! fjall refuses every write after one that failed. A full disk must not cost a restart, so the writer then
//! gives the database up, waits until the last reader has let go of it, and opens it again on its next turn.

use crate::disk;
use crate::error::{BusError, Result};
use fjall::{Database, Keyspace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Least time between two tries to open a failed database.
const REOPEN_AFTER: Duration = Duration::from_millis(500);
/// Longest wait for readers of a failed database.
const READERS_WAIT: Duration = Duration::from_secs(5);

/// An open database.
pub(crate) struct Handle {
    /// The database.
    pub db: Database,
    /// Bookkeeping.
    pub meta: Keyspace,
    /// The logs, for readers.
    pub logs: RwLock<BTreeMap<String, Keyspace>>,
}

impl Handle {
    /// The keyspace of a log.
    pub fn log(&self, name: &str) -> Option<Keyspace> {
        self.logs
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(name)
            .cloned()
    }

    /// Makes a log visible to readers.
    pub fn publish(&self, name: &str, records: Keyspace) {
        self.logs
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(name.to_owned(), records);
    }
}

/// Where readers find the database.
#[derive(Default)]
pub(crate) struct Slot(RwLock<Option<Arc<Handle>>>);

impl Slot {
    /// The database, unless it failed and is not open again.
    pub fn get(&self) -> Option<Arc<Handle>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, handle: Option<Arc<Handle>>) -> Option<Arc<Handle>> {
        std::mem::replace(
            &mut self.0.write().unwrap_or_else(PoisonError::into_inner),
            handle,
        )
    }
}

/// Reads the writer's books from a database that was just opened.
type Load<B> = Box<dyn Fn(&Arc<Handle>) -> fjall::Result<B> + Send>;

/// The writer's side: the database with the writer's books about it.
pub(crate) struct Keeper<B> {
    dir: PathBuf,
    slot: Arc<Slot>,
    load: Load<B>,
    books: Option<B>,
    failed: Option<(Instant, BusError)>,
}

impl<B> Keeper<B> {
    /// Opens the database in `dir`; `load` reads the writer's books from it.
    pub fn open(
        dir: &Path,
        slot: Arc<Slot>,
        load: impl Fn(&Arc<Handle>) -> fjall::Result<B> + Send + 'static,
    ) -> Result<Self> {
        let mut keeper = Self {
            dir: dir.to_owned(),
            slot,
            load: Box::new(load),
            books: None,
            failed: None,
        };
        keeper.reopen()?;
        Ok(keeper)
    }

    /// Database and books, opened again when it failed and it is time to try.
    pub fn ready(&mut self) -> Result<(Arc<Handle>, &mut B)> {
        if self.books.is_none() {
            if let Some((at, error)) = &self.failed
                && at.elapsed() < REOPEN_AFTER
            {
                return Err(error.clone());
            }
            if let Err(error) = self.reopen() {
                self.failed = Some((Instant::now(), error.clone()));
                return Err(error);
            }
        }
        match (self.slot.get(), self.books.as_mut()) {
            (Some(handle), Some(books)) => Ok((handle, books)),
            _ => Err(BusError::Closed),
        }
    }

    /// Gives up the database after `error`; every borrowed handle must be dropped by the caller first.
    pub fn fail(&mut self, error: BusError) {
        tracing::error!(path = %self.dir.display(), %error, "a write failed; the log will be opened again");
        self.books = None;
        if let Some(handle) = self.slot.set(None) {
            let deadline = Instant::now() + READERS_WAIT;
            while Arc::strong_count(&handle) > 1 && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        self.failed = Some((Instant::now(), error));
    }

    fn reopen(&mut self) -> Result<()> {
        let failed = |error: &fjall::Error| BusError::storage("read the log", &self.dir, error);
        let db = disk::open(&self.dir)?;
        let meta = db
            .keyspace("meta", disk::keyspace_options)
            .map_err(|e| failed(&e))?;
        let handle = Arc::new(Handle {
            db,
            meta,
            logs: RwLock::default(),
        });
        self.books = Some((self.load)(&handle).map_err(|e| failed(&e))?);
        self.failed = None;
        self.slot.set(Some(handle));
        Ok(())
    }
}

impl<B> Drop for Keeper<B> {
    fn drop(&mut self) {
        // Readers that still come find nothing, so the directory is free as soon as the last one is done.
        self.slot.set(None);
    }
}
