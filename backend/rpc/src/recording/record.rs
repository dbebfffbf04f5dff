//! The bytes around a payload.

use super::{MAGIC, MAX_PAYLOAD, RecordingError, START, VERSION};
use flate2::Crc;
use std::ops::Range;

/// Bytes of a record's head.
pub const HEAD: usize = 25;
/// Those of them that its checksum is about.
const CHECKED: usize = HEAD - 4;

/// What a record holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Where the file is from.
    About,
    /// A whole frame.
    Key,
    /// What changed since the frame before.
    Patch,
    /// Nothing had changed.
    Beat,
}

impl Kind {
    fn byte(self) -> u8 {
        match self {
            Self::About => b'A',
            Self::Key => b'K',
            Self::Patch => b'P',
            Self::Beat => b'B',
        }
    }

    fn of(byte: u8) -> Option<Self> {
        [Self::About, Self::Key, Self::Patch, Self::Beat]
            .into_iter()
            .find(|kind| kind.byte() == byte)
    }
}

/// A record's head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// What it holds.
    pub kind: Kind,
    /// When, milliseconds since 1970.
    pub at: i64,
    /// Bytes of the payload.
    pub packed: u32,
    /// Bytes of the payload once inflated.
    pub raw: u32,
    /// Checksum of the payload.
    pub checksum: u32,
}

/// How a record is not whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    /// The bytes end within it: it was cut off while it was written.
    Torn,
    /// A checksum or a bound does not hold.
    Damaged(&'static str),
}

/// The CRC-32 of some bytes.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let mut crc = Crc::new();
    crc.update(bytes);
    crc.sum()
}

/// The bytes before the first record.
#[must_use]
pub fn start() -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 2]);
    bytes
}

/// Whether some bytes begin as a recording that can be read here.
///
/// # Errors
/// [`RecordingError::NotARecording`] or [`RecordingError::Version`].
pub fn version(bytes: &[u8]) -> Result<(), RecordingError> {
    if bytes.len() < START || !bytes.starts_with(&MAGIC) {
        return Err(RecordingError::NotARecording);
    }
    let found = number(bytes, MAGIC.len()).map_or(0, u16::from_le_bytes);
    if found == VERSION {
        Ok(())
    } else {
        Err(RecordingError::Version { found })
    }
}

fn number<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at + N)?.try_into().ok()
}

impl Head {
    /// The head of a payload.
    pub(super) fn of(kind: Kind, at: i64, raw: usize, payload: &[u8]) -> Option<Self> {
        let size = |bytes: usize| u32::try_from(bytes).ok().filter(|size| *size <= MAX_PAYLOAD);
        Some(Self {
            kind,
            at,
            packed: size(payload.len())?,
            raw: size(raw)?,
            checksum: checksum(payload),
        })
    }

    /// Its bytes.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(HEAD);
        bytes.push(self.kind.byte());
        bytes.extend_from_slice(&self.at.to_le_bytes());
        bytes.extend_from_slice(&self.packed.to_le_bytes());
        bytes.extend_from_slice(&self.raw.to_le_bytes());
        bytes.extend_from_slice(&self.checksum.to_le_bytes());
        let own = checksum(&bytes);
        bytes.extend_from_slice(&own.to_le_bytes());
        bytes
    }

    /// The head that some bytes begin with.
    ///
    /// # Errors
    /// When they are too few, or are no head.
    pub fn read(bytes: &[u8]) -> Result<Self, Broken> {
        let bytes = bytes.get(..HEAD).ok_or(Broken::Torn)?;
        let checked = bytes.get(..CHECKED).unwrap_or_default();
        let own = number(bytes, CHECKED).map(u32::from_le_bytes);
        if own != Some(checksum(checked)) {
            return Err(Broken::Damaged("the checksum of a record's head does not fit"));
        }
        let read = || {
            Some(Self {
                kind: Kind::of(*bytes.first()?)?,
                at: i64::from_le_bytes(number(bytes, 1)?),
                packed: u32::from_le_bytes(number(bytes, 9)?),
                raw: u32::from_le_bytes(number(bytes, 13)?),
                checksum: u32::from_le_bytes(number(bytes, 17)?),
            })
        };
        let head = read().ok_or(Broken::Damaged(
            "a record of a kind that this version does not have",
        ))?;
        if head.packed > MAX_PAYLOAD || head.raw > MAX_PAYLOAD {
            return Err(Broken::Damaged("a record larger than any frame"));
        }
        Ok(head)
    }

    /// Bytes of the whole record.
    #[must_use]
    pub fn len(&self) -> usize {
        HEAD.saturating_add(usize::try_from(self.packed).unwrap_or(usize::MAX))
    }

    /// Never: a record has a head.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        false
    }
}

/// The record at a place of some bytes, and where its payload is; `None` at their end.
///
/// # Errors
/// When it is not whole.
pub fn record_at(bytes: &[u8], at: usize) -> Result<Option<(Head, Range<usize>)>, Broken> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.is_empty() {
        return Ok(None);
    }
    let head = Head::read(rest)?;
    let payload = at + HEAD..at.saturating_add(head.len());
    let content = bytes.get(payload.clone()).ok_or(Broken::Torn)?;
    if checksum(content) != head.checksum {
        return Err(Broken::Damaged("the checksum of a record does not fit"));
    }
    Ok(Some((head, payload)))
}
