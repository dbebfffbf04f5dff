//! Recordings: what a control plane showed, frame after frame, in a file.
//!
//! The same bytes are a segment in a control plane's data directory, the answer to a request for a range of time, and
//! the file that `aisoc-console export` writes and `aisoc-console replay` plays. This module writes and reads them in
//! memory; where they are kept is not its concern.
//!
//! # Format
//! A file begins with 12 bytes: `AISOCREC`, the version of the format (`u16`, little-endian as every number here), and
//! two zero bytes. Records follow, each with a head of 25 bytes:
//!
//! | bytes | what |
//! | --- | --- |
//! | 1 | kind: `A` about the file, `K` key frame, `P` patch, `B` beat |
//! | 8 | when, `i64` milliseconds since 1970 by the control plane's clock; never smaller than before |
//! | 4 | bytes of the payload |
//! | 4 | bytes of the payload once inflated |
//! | 4 | CRC-32 of the payload |
//! | 4 | CRC-32 of the 21 bytes above |
//!
//! * `A` holds an [`About`] as plain JSON.
//! * `K` holds a whole [`aisoc_model::world::World`] as JSON, the beginning of a raw deflate stream.
//! * `P` holds a [`patch`] to the frame before it as JSON, and continues that stream (flushed after each record, so that
//!   what was written can be read whatever happens next).
//! * `B` holds nothing: the control plane lived, and nothing had changed.
//!
//! There is a key frame at least once a minute. Where two records are more than [`GAP_MS`] apart nothing was recorded
//! between them, which is not the same as nothing having changed. A file that ends within a record was cut off while
//! it was written: everything before is good. Whatever else does not fit a checksum is damage, and refused.

pub mod patch;
mod record;
mod story;
mod tape;
mod write;

#[cfg(test)]
mod tests;

pub use record::{Broken, HEAD, Head, Kind, record_at, start, version};
pub use story::Search;
pub use tape::{Mark, Tape};
pub use write::Writer;

use serde::{Deserialize, Serialize};

/// How each file begins.
pub const MAGIC: [u8; 8] = *b"AISOCREC";
/// The version of the format.
pub const VERSION: u16 = 1;
/// Bytes before the first record.
pub const START: usize = 12;
/// Milliseconds after which a control plane that has nothing new writes a beat.
pub const BEAT_MS: u64 = 5_000;
/// Milliseconds between two records beyond which nothing was recorded between them.
pub const GAP_MS: i64 = 15_000;
/// Milliseconds after which a whole frame is written again.
pub const KEY_MS: i64 = 60_000;
/// Largest payload, packed or not; a world of 50 regions is about 2 MB of JSON.
pub const MAX_PAYLOAD: u32 = 32 * 1024 * 1024;

/// Where a file is from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// The control plane that recorded it.
    pub control_plane: String,
    /// The version of the program that wrote the file.
    pub version: String,
    /// What was taken out of it, each in a sentence; empty for a recording as it was made.
    #[serde(default)]
    pub left_out: Vec<String>,
}

/// Why a recording cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// Something else.
    #[error("it is not a recording: it does not begin with AISOCREC")]
    NotARecording,
    /// Another version of the format.
    #[error(
        "it has format {found} and this program reads format {VERSION}: use a console of the version that wrote it"
    )]
    Version {
        /// The file's version.
        found: u16,
    },
    /// Bytes are not what was written.
    #[error("it is damaged at byte {at}: {why}")]
    Damaged {
        /// Where.
        at: usize,
        /// What does not fit.
        why: &'static str,
    },
    /// No frame in it.
    #[error("it holds no frame")]
    Empty,
    /// A frame that this program does not understand.
    #[error(
        "its frame of {at} is not one that this program knows ({why}): use a console of the version that recorded it"
    )]
    Frame {
        /// When it was drawn.
        at: String,
        /// What does not fit.
        why: String,
    },
}
