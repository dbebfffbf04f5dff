//! A recording in memory, at any of its moments.

use super::record::{Broken, Kind, record_at, version};
use super::{About, GAP_MS, RecordingError, START, patch};
use aisoc_model::world::World;
use flate2::{Decompress, FlushDecompress};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use std::ops::Range;

/// A recording in memory.
#[derive(Debug)]
pub struct Tape {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    about: Option<About>,
    torn: Option<usize>,
    cursor: Option<Cursor>,
}

/// A moment of a recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// When, milliseconds since 1970.
    pub at: i64,
    /// What is recorded of it.
    pub kind: Kind,
    /// The key frame that it is made from.
    key: usize,
    payload: Range<usize>,
    raw: usize,
}

/// A frame that was made, so that the next one is made from it.
#[derive(Debug)]
struct Cursor {
    index: usize,
    value: Value,
    inflate: Decompress,
}

impl Tape {
    /// Reads a recording. One that was cut off while it was written is read as far as it goes: see [`Tape::torn`].
    ///
    /// # Errors
    /// When it is no recording, one of another version, damaged, or empty.
    pub fn read(bytes: Vec<u8>) -> Result<Self, RecordingError> {
        version(&bytes)?;
        let mut tape = Self {
            bytes,
            marks: Vec::new(),
            about: None,
            torn: None,
            cursor: None,
        };
        let mut at = START;
        let mut key = None;
        loop {
            let (head, payload) = match record_at(&tape.bytes, at) {
                Ok(Some(found)) => found,
                Ok(None) => break,
                Err(Broken::Torn) => {
                    tape.torn = Some(tape.bytes.len() - at);
                    break;
                }
                Err(Broken::Damaged(why)) => return Err(RecordingError::Damaged { at, why }),
            };
            let next = payload.end;
            if head.kind == Kind::About {
                // Several files one after the other are one recording; the first says where it is from.
                let about = tape.bytes.get(payload).unwrap_or_default();
                tape.about = tape.about.or_else(|| serde_json::from_slice(about).ok());
            } else {
                if head.kind == Kind::Key {
                    key = Some(tape.marks.len());
                }
                let why = "a change without a frame that it could be made to";
                let key = key.ok_or(RecordingError::Damaged { at, why })?;
                let before = tape.marks.last().map_or(i64::MIN, |mark| mark.at);
                tape.marks.push(Mark {
                    at: head.at.max(before),
                    kind: head.kind,
                    key,
                    payload,
                    raw: usize::try_from(head.raw).unwrap_or(usize::MAX),
                });
            }
            at = next;
        }
        if tape.marks.is_empty() {
            return Err(RecordingError::Empty);
        }
        Ok(tape)
    }

    /// Where it is from, if it says so.
    #[must_use]
    pub fn about(&self) -> Option<&About> {
        self.about.as_ref()
    }

    /// Bytes at its end that are less than a record, when it was cut off while it was written.
    #[must_use]
    pub fn torn(&self) -> Option<usize> {
        self.torn
    }

    /// Its moments, in their order; never empty.
    #[must_use]
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The first moment and the last, milliseconds since 1970.
    #[must_use]
    pub fn span(&self) -> (i64, i64) {
        let at = |mark: Option<&Mark>| mark.map_or(0, |mark| mark.at);
        (at(self.marks.first()), at(self.marks.last()))
    }

    /// The moment that holds at a time: the last one not after it; the first one before all.
    #[must_use]
    pub fn index(&self, at: i64) -> usize {
        self.marks.partition_point(|mark| mark.at <= at).saturating_sub(1)
    }

    /// The time between a moment and the next, when nothing was recorded in it.
    #[must_use]
    pub fn gap_after(&self, index: usize) -> Option<(i64, i64)> {
        let (from, to) = (self.marks.get(index)?.at, self.marks.get(index + 1)?.at);
        (to.saturating_sub(from) > GAP_MS).then_some((from, to))
    }

    /// The frame of a moment.
    ///
    /// # Errors
    /// When there is no such moment, its bytes are damaged, or the frame is not one that this program knows.
    pub fn world(&mut self, index: usize) -> Result<Box<World>, RecordingError> {
        let value = self.value(index)?;
        Box::<World>::deserialize(value).map_err(|e| {
            let at = self.marks.get(index).map_or(0, |mark| mark.at);
            let at = Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string());
            RecordingError::Frame {
                at,
                why: e.to_string(),
            }
        })
    }

    /// The frame of a moment as a document.
    ///
    /// # Errors
    /// When there is no such moment, or its bytes are damaged.
    pub fn value(&mut self, index: usize) -> Result<&Value, RecordingError> {
        let Some(wanted) = self.marks.get(index) else {
            return Err(RecordingError::Empty);
        };
        let kept = self
            .cursor
            .take()
            .filter(|cursor| cursor.index >= wanted.key && cursor.index <= index);
        let from = kept.as_ref().map_or(wanted.key, |cursor| cursor.index + 1);
        let mut cursor = kept.unwrap_or_else(|| Cursor {
            index: wanted.key,
            value: Value::Null,
            inflate: Decompress::new(false),
        });
        for mark in self.marks.get(from..=index).unwrap_or_default() {
            cursor.step(mark, &self.bytes)?;
        }
        cursor.index = index;
        Ok(&self.cursor.insert(cursor).value)
    }
}

impl Cursor {
    fn step(&mut self, mark: &Mark, bytes: &[u8]) -> Result<(), RecordingError> {
        let damaged = |why| RecordingError::Damaged {
            at: mark.payload.start,
            why,
        };
        if mark.kind == Kind::Beat {
            return Ok(());
        }
        let packed = bytes.get(mark.payload.clone()).unwrap_or_default();
        let text = self
            .unpack(packed, mark.raw)
            .ok_or_else(|| damaged("a record does not inflate to what its head says"))?;
        let document: Value =
            serde_json::from_slice(&text).map_err(|_| damaged("a record does not hold a document"))?;
        if mark.kind == Kind::Key {
            self.value = document;
            return Ok(());
        }
        patch::apply(&mut self.value, document)
            .map_err(|_| damaged("a change does not fit the frame before it"))
    }

    /// Inflates the next bytes of the stream to exactly `raw` bytes.
    fn unpack(&mut self, packed: &[u8], raw: usize) -> Option<Vec<u8>> {
        // A little room more, so that the stream's marks at the end are taken, too.
        let mut text = Vec::with_capacity(raw.checked_add(64)?);
        let before = self.inflate.total_in();
        loop {
            let had = (self.inflate.total_in(), text.len());
            let rest = packed.get(usize::try_from(had.0 - before).ok()?..)?;
            if rest.is_empty() {
                return (text.len() == raw).then_some(text);
            }
            self.inflate
                .decompress_vec(rest, &mut text, FlushDecompress::Sync)
                .ok()?;
            if text.len() > raw || (self.inflate.total_in(), text.len()) == had {
                return None;
            }
        }
    }
}
