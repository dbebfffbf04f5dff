//! The file system under a log: opening the database, and not running into a full disk.
//!
//! fjall stops accepting writes for good after a failed write, so the usual case of a disk that fills slowly
//! is caught before it by looking at the free space; a failed write is the second line.

use crate::error::{BusError, Result};
use fjall::{Database, KeyspaceCreateOptions};
use std::path::Path;

/// Room that is left to the rest of the machine (and to fjall's own compaction).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reserve {
    /// At most this many bytes.
    pub bytes: u64,
    /// And at most this share of the file system, so that a small volume is usable.
    pub percent: u8,
}

impl Default for Reserve {
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            percent: 5,
        }
    }
}

impl Reserve {
    /// Bytes to keep free on a file system of `total` bytes.
    #[must_use]
    pub fn of(self, total: u64) -> u64 {
        self.bytes.min(total / 100 * u64::from(self.percent))
    }
}

/// Bytes that an ordinary user can still write under `path`.
pub(crate) fn free_bytes(path: &Path) -> Option<u64> {
    let stat = rustix::fs::statvfs(path).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Refuses a write of `bytes` that would eat into the reserve.
pub(crate) fn ensure_room(path: &Path, reserve: Reserve, bytes: u64) -> Result<()> {
    // A file system that does not tell is written to; the write itself reports a full disk then.
    let Ok(stat) = rustix::fs::statvfs(path) else {
        return Ok(());
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let total = stat.f_blocks.saturating_mul(stat.f_frsize);
    if free < reserve.of(total).saturating_add(bytes) {
        return Err(BusError::DiskFull {
            path: path.to_owned(),
            free,
        });
    }
    Ok(())
}

/// Opens or creates the database in `path`.
pub(crate) fn open(path: &Path) -> Result<Database> {
    std::fs::create_dir_all(path)
        .map_err(|error| BusError::storage("create the directory", path, &fjall::Error::Io(error)))?;
    Database::builder(path)
        // Two workers hand compactions back and forth while one is busy; one is enough for a log.
        .worker_threads(1)
        .cache_size(4 << 20)
        .max_journaling_size(64 << 20)
        .open()
        .map_err(|error| BusError::storage("open the log", path, &error))
}

/// Options of every keyspace: small write buffers, because a host may run many of them.
pub(crate) fn keyspace_options() -> KeyspaceCreateOptions {
    KeyspaceCreateOptions::default().max_memtable_size(4 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(1 << 40, 64 << 20)]
    #[case(100 << 20, 5 << 20)]
    #[case(0, 0)]
    fn the_reserve_fits_the_volume(#[case] total: u64, #[case] expected: u64) {
        assert_eq!(Reserve::default().of(total), expected);
    }

    #[test]
    fn a_write_into_the_reserve_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let all = Reserve {
            bytes: u64::MAX,
            percent: 100,
        };
        assert!(matches!(
            ensure_room(dir.path(), all, 1),
            Err(BusError::DiskFull { .. })
        ));
        let none = Reserve { bytes: 0, percent: 0 };
        assert_eq!(ensure_room(dir.path(), none, 1), Ok(()));
    }
}
