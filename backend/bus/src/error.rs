//! What can go wrong, in words that say what to do next.

use std::path::{Path, PathBuf};

/// The result of a bus or spool operation.
pub type Result<T> = std::result::Result<T, BusError>;

/// Why an operation on the bus or the spool did not succeed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BusError {
    /// The log is at its bound; nothing was written.
    #[error(
        "{what} holds {bytes} bytes that still wait for a consumer and its bound is {limit}: nothing was \
         written; retry later, or look why the slowest consumer is behind"
    )]
    Full {
        /// Topic or spool.
        what: String,
        /// Bytes in it.
        bytes: u64,
        /// Its bound.
        limit: u64,
    },
    /// The file system has no room; nothing was written.
    #[error("the disk under {path} is full ({free} bytes free): nothing was written; free some space")]
    DiskFull {
        /// The directory.
        path: PathBuf,
        /// Bytes an ordinary user can still write.
        free: u64,
    },
    /// The storage engine or the file system failed.
    #[error("could not {what} in {path}: {why}; check the disk, the next write opens it anew")]
    Storage {
        /// What was tried.
        what: &'static str,
        /// The directory.
        path: PathBuf,
        /// The engine's words.
        why: String,
    },
    /// Another process has the directory open.
    #[error("{0} is in use by another process: stop that process first, two writers would destroy it")]
    InUse(PathBuf),
    /// A remote bus does not answer, or not in time; what it did is unknown.
    #[error("the bus at {url} did not answer: {why}; the call can be repeated")]
    Unavailable {
        /// Where it should be.
        url: String,
        /// The transport's words.
        why: String,
    },
    /// A remote bus has no room; nothing was written.
    #[error("the bus at {url} refused: {why}")]
    Refused {
        /// The bus.
        url: String,
        /// Its words.
        why: String,
    },
    /// The remote bus does not know the token.
    #[error("the bus at {0} refused the internal token: check AISOC_INTERNAL_TOKEN_FILE on both sides")]
    Unauthenticated(String),
    /// A consumer asked for an offset that does not exist yet.
    #[error("offset {from} of topic {topic} is past its end {end}: the offset belongs to another bus")]
    BeyondEnd {
        /// The topic.
        topic: String,
        /// The offset asked for.
        from: u64,
        /// The topic's end.
        end: u64,
    },
    /// The caller's request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// The bus or spool is shutting down.
    #[error("the bus is shutting down")]
    Closed,
}

impl BusError {
    /// Whether the same call may succeed later without anybody changing the call.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        !matches!(
            self,
            Self::Invalid(_) | Self::BeyondEnd { .. } | Self::Unauthenticated(_)
        )
    }

    pub(crate) fn storage(what: &'static str, path: &Path, why: &fjall::Error) -> Self {
        match why {
            fjall::Error::Locked => Self::InUse(path.to_owned()),
            fjall::Error::Io(io) | fjall::Error::Storage(fjall::LsmError::Io(io)) if no_room(io) => {
                Self::DiskFull {
                    path: path.to_owned(),
                    free: crate::disk::free_bytes(path).unwrap_or(0),
                }
            }
            other => Self::Storage {
                what,
                path: path.to_owned(),
                why: other.to_string(),
            },
        }
    }
}

fn no_room(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge)
}
