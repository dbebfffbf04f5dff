//! One append-only log in the database: a topic, or the spool.
//!
//! Offsets are dense and never reused: the start of a trimmed log and its sealed chunks are written down, so
//! that an empty log still knows where it goes on.

use crate::disk;
use crate::error::{BusError, Result};
use crate::ledger::{Chunk, Ledger};
use fjall::{Database, Keyspace, OwnedWriteBatch};
use std::collections::BTreeMap;

/// Chunks cut off in one batch, so that a batch stays small.
const TRIM_CHUNKS: usize = 16;
/// Records before the end that are still in the write buffer.
const NEAR: u64 = 64;
/// Prefix of the keyspaces that hold logs.
const KEYSPACE_PREFIX: &str = "log ";

/// Changes to the bookkeeping keyspace; a map, because a key may be written only once in a batch.
pub(crate) type MetaChanges = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// What readers may see of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Span {
    /// Oldest offset still there.
    pub start: u64,
    /// Next offset.
    pub end: u64,
    /// Bytes held.
    pub bytes: u64,
}

/// The writer's view of a log.
pub(crate) struct Log {
    name: String,
    records: Keyspace,
    ledger: Ledger,
    start: u64,
    end: u64,
    durable_end: u64,
}

/// A key of the bookkeeping keyspace. Names hold no zero byte (`record::check_name`).
pub(crate) fn meta_key(kind: &str, parts: &[&str]) -> Vec<u8> {
    let mut key = kind.as_bytes().to_vec();
    for part in parts {
        key.push(0);
        key.extend_from_slice(part.as_bytes());
    }
    key
}

/// The parts of a key that [`meta_key`] made.
pub(crate) fn meta_parts(key: &[u8]) -> Option<Vec<String>> {
    let text = std::str::from_utf8(key).ok()?;
    Some(text.split('\0').skip(1).map(str::to_owned).collect())
}

/// A number as it is stored: big endian, so that keys sort.
pub(crate) fn number(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_be_bytes)
}

fn chunk_key(name: &str, first: u64) -> Vec<u8> {
    let mut key = meta_key("chunk", &[name, ""]);
    key.extend_from_slice(&first.to_be_bytes());
    key
}

/// Names of the logs in a database.
pub(crate) fn names(db: &Database) -> Vec<String> {
    db.list_keyspace_names()
        .iter()
        .filter_map(|name| name.strip_prefix(KEYSPACE_PREFIX).map(str::to_owned))
        .collect()
}

impl Log {
    /// Opens or creates the log `name`.
    pub fn open(db: &Database, meta: &Keyspace, name: &str) -> fjall::Result<Self> {
        let records = db.keyspace(&format!("{KEYSPACE_PREFIX}{name}"), disk::keyspace_options)?;
        let mut ledger = Ledger::default();
        let start = meta
            .get(meta_key("start", &[name]))?
            .and_then(|v| number(&v))
            .unwrap_or(0);
        let mut end = start;
        let prefix = meta_key("chunk", &[name, ""]);
        for row in meta.prefix(&prefix) {
            let (key, value) = row.into_inner()?;
            let first = key.get(prefix.len()..).and_then(number);
            let next = value.get(..8).and_then(number);
            let bytes = value.get(8..).and_then(number);
            if let (Some(first), Some(next), Some(bytes)) = (first, next, bytes) {
                ledger.restore(Chunk { first, next, bytes });
                end = next;
            }
        }
        // What came after the last sealed chunk; it never seals one again, see `Ledger::push`.
        for row in records.range(end.to_be_bytes()..) {
            let (key, value) = row.into_inner()?;
            if let Some(offset) = number(&key) {
                ledger.push(offset, value.len() as u64);
                end = offset + 1;
            }
        }
        Ok(Self {
            name: name.to_owned(),
            records,
            ledger,
            start,
            end,
            durable_end: end,
        })
    }

    /// The keyspace, for readers.
    pub fn records(&self) -> &Keyspace {
        &self.records
    }

    /// What readers may see.
    pub fn span(&self) -> Span {
        Span {
            start: self.start,
            end: self.durable_end,
            bytes: self.ledger.bytes(),
        }
    }

    /// The next offset, staged records included.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Bytes, staged records included.
    pub fn bytes(&self) -> u64 {
        self.ledger.bytes()
    }

    /// Whether a consumer that is at `hold` keeps the oldest chunk from being cut.
    pub fn is_held(&self, hold: u64) -> bool {
        self.ledger.oldest_sealed().is_some_and(|chunk| hold < chunk.next)
    }

    /// Adds a record to `batch`; returns its offset.
    pub fn stage(&mut self, batch: &mut OwnedWriteBatch, meta: &mut MetaChanges, value: Vec<u8>) -> u64 {
        let offset = self.end;
        let bytes = value.len() as u64;
        batch.insert(&self.records, offset.to_be_bytes(), value);
        if let Some(chunk) = self.ledger.push(offset, bytes) {
            let row = [chunk.next.to_be_bytes(), chunk.bytes.to_be_bytes()].concat();
            meta.insert(chunk_key(&self.name, chunk.first), Some(row));
        }
        self.end += 1;
        offset
    }

    /// The batch with the staged records is durable.
    pub fn settle(&mut self) {
        self.durable_end = self.end;
    }

    /// Adds the removal of whole chunks below `hold` to `batch` until at most `limit` bytes are left; false
    /// when there is nothing to remove.
    pub fn stage_trim(
        &mut self,
        batch: &mut OwnedWriteBatch,
        meta: &mut MetaChanges,
        limit: u64,
        hold: u64,
    ) -> bool {
        // A staged record is not in the database yet and cannot be removed from it.
        let removed = self.ledger.trim(limit, hold.min(self.durable_end), TRIM_CHUNKS);
        for chunk in &removed {
            for offset in chunk.first..chunk.next {
                batch.remove(&self.records, offset.to_be_bytes());
            }
            meta.insert(chunk_key(&self.name, chunk.first), None);
            meta.insert(
                meta_key("start", &[&self.name]),
                Some(chunk.next.to_be_bytes().to_vec()),
            );
            self.start = chunk.next;
        }
        !removed.is_empty()
    }
}

/// Adds the collected bookkeeping changes to `batch`.
pub(crate) fn stage_meta(batch: &mut OwnedWriteBatch, meta: &Keyspace, changes: MetaChanges) {
    for (key, value) in changes {
        match value {
            Some(value) => batch.insert(meta, key, value),
            None => batch.remove(meta, key),
        }
    }
}

/// Raw records from `from` up to `end`: at most `max`, and at most `max_bytes` unless the first is larger.
pub(crate) fn read(
    records: &Keyspace,
    from: u64,
    end: u64,
    max: usize,
    max_bytes: usize,
) -> fjall::Result<Vec<(u64, fjall::UserValue)>> {
    let mut out = Vec::new();
    let mut bytes = 0;
    for row in records.range(from.to_be_bytes()..end.to_be_bytes()).take(max) {
        let (key, value) = row.into_inner()?;
        bytes += value.len();
        if bytes > max_bytes && !out.is_empty() {
            break;
        }
        if let Some(offset) = number(&key) {
            out.push((offset, value));
        }
    }
    Ok(out)
}

/// Runs a read that starts `behind` records before the end: near the end it is served from memory and not
/// worth another thread; further back it may wait for the disk.
pub(crate) async fn run_read<T: Send + 'static>(
    behind: u64,
    read: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    if behind <= NEAR {
        return read();
    }
    tokio::task::spawn_blocking(read)
        .await
        .map_err(|_| BusError::Closed)?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn database(dir: &std::path::Path) -> (Database, Keyspace) {
        let db = disk::open(dir).unwrap();
        let meta = db.keyspace("meta", disk::keyspace_options).unwrap();
        (db, meta)
    }

    fn write(db: &Database, meta: &Keyspace, log: &mut Log, count: usize, size: usize) {
        let (mut batch, mut changes) = (db.batch(), MetaChanges::new());
        for _ in 0..count {
            log.stage(&mut batch, &mut changes, vec![7; size]);
        }
        stage_meta(&mut batch, meta, changes);
        batch.commit().unwrap();
        log.settle();
    }

    #[test]
    fn a_trimmed_empty_log_goes_on_where_it_was() {
        let dir = tempfile::tempdir().unwrap();
        {
            let (db, meta) = database(dir.path());
            let mut log = Log::open(&db, &meta, "a").unwrap();
            write(&db, &meta, &mut log, 8, 1 << 20);
            let (mut batch, mut changes) = (db.batch(), MetaChanges::new());
            assert!(log.stage_trim(&mut batch, &mut changes, 0, u64::MAX));
            stage_meta(&mut batch, &meta, changes);
            batch.commit().unwrap();
            assert_eq!(
                log.span(),
                Span {
                    start: 8,
                    end: 8,
                    bytes: 0
                }
            );
        }
        let (db, meta) = database(dir.path());
        let log = Log::open(&db, &meta, "a").unwrap();
        assert_eq!(
            log.span(),
            Span {
                start: 8,
                end: 8,
                bytes: 0
            }
        );
        assert!(read(log.records(), 0, 100, 100, 1 << 20).unwrap().is_empty());
    }

    #[test]
    fn books_are_the_same_after_reopening() {
        let dir = tempfile::tempdir().unwrap();
        let before = {
            let (db, meta) = database(dir.path());
            let mut log = Log::open(&db, &meta, "a").unwrap();
            // A second log with a name that starts alike must not mix in.
            let mut other = Log::open(&db, &meta, "ab").unwrap();
            write(&db, &meta, &mut log, 1000, 3000);
            write(&db, &meta, &mut other, 10, 300_000);
            (log.span(), other.span())
        };
        let (db, meta) = database(dir.path());
        let after = (
            Log::open(&db, &meta, "a").unwrap().span(),
            Log::open(&db, &meta, "ab").unwrap().span(),
        );
        assert_eq!(before, after);
        assert_eq!(
            after.0,
            Span {
                start: 0,
                end: 1000,
                bytes: 3_000_000
            }
        );
    }

    #[test]
    fn reading_is_bounded_by_bytes_but_always_goes_on() {
        let dir = tempfile::tempdir().unwrap();
        let (db, meta) = database(dir.path());
        let mut log = Log::open(&db, &meta, "a").unwrap();
        write(&db, &meta, &mut log, 10, 1000);
        assert_eq!(read(log.records(), 0, 10, 100, 2500).unwrap().len(), 2);
        assert_eq!(read(log.records(), 0, 10, 100, 10).unwrap().len(), 1);
        assert_eq!(read(log.records(), 8, 10, 100, 1 << 20).unwrap().len(), 2);
        assert_eq!(read(log.records(), 0, 10, 3, 1 << 20).unwrap().len(), 3);
    }
}
