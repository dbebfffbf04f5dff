//! Frames as records.

use super::record::{Head, Kind};
use super::{About, KEY_MS, RecordingError, patch};
use aisoc_model::world::World;
use flate2::{Compress, Compression, FlushCompress};
use serde_json::Value;

/// Makes records of frames, one after the other.
#[derive(Debug)]
pub struct Writer {
    deflate: Compress,
    previous: Option<Value>,
    /// When the last key frame was.
    key: i64,
    /// When the last record was.
    last: i64,
}

impl Default for Writer {
    fn default() -> Self {
        Self {
            deflate: Compress::new(Compression::default(), false),
            previous: None,
            key: 0,
            last: i64::MIN,
        }
    }
}

impl Writer {
    /// Has the next frame be a whole one, because it begins another file.
    pub fn begin_anew(&mut self) {
        self.previous = None;
    }

    /// The record that says where a file is from.
    ///
    /// # Errors
    /// When it is larger than a record may be.
    pub fn about(about: &About, at: i64) -> Result<Vec<u8>, RecordingError> {
        let text = serde_json::to_vec(about).map_err(|e| unknown(at, &e))?;
        whole(Kind::About, at, text.len(), &text)
    }

    /// The record of a frame.
    ///
    /// # Errors
    /// When it is larger than a record may be.
    pub fn frame(&mut self, world: &World) -> Result<Vec<u8>, RecordingError> {
        let at = world.head.at.as_millisecond();
        let value = serde_json::to_value(world).map_err(|e| unknown(at, &e))?;
        self.value(at, value)
    }

    /// The record of a frame that is a JSON document already.
    ///
    /// # Errors
    /// When it is larger than a record may be; the next one is a whole frame then.
    pub fn value(&mut self, at: i64, value: Value) -> Result<Vec<u8>, RecordingError> {
        let at = at.max(self.last);
        let previous = self.previous.take();
        let due = at.saturating_sub(self.key) >= KEY_MS;
        let patch = previous
            .filter(|_| !due)
            .and_then(|previous| patch::between(&previous, &value));
        let (kind, document) = match &patch {
            Some(patch) => (Kind::Patch, patch),
            None => (Kind::Key, &value),
        };
        let text = serde_json::to_vec(document).map_err(|e| unknown(at, &e))?;
        if kind == Kind::Key {
            self.deflate.reset();
            self.key = at;
        }
        let packed = self.pack(&text).ok_or_else(|| RecordingError::Frame {
            at: at.to_string(),
            why: "it cannot be compressed".to_owned(),
        })?;
        let record = whole(kind, at, text.len(), &packed)?;
        self.previous = Some(value);
        self.last = at;
        Ok(record)
    }

    /// The record that says that nothing had changed; none when there is nothing that it could be about.
    pub fn beat(&mut self, at: i64) -> Option<Vec<u8>> {
        self.previous.as_ref()?;
        self.last = at.max(self.last);
        whole(Kind::Beat, self.last, 0, &[]).ok()
    }

    /// The next bytes of the stream, flushed.
    fn pack(&mut self, text: &[u8]) -> Option<Vec<u8>> {
        let mut packed = Vec::with_capacity(text.len() / 3 + 128);
        let before = self.deflate.total_in();
        loop {
            let taken = usize::try_from(self.deflate.total_in() - before).ok()?;
            let rest = text.get(taken..)?;
            self.deflate
                .compress_vec(rest, &mut packed, FlushCompress::Sync)
                .ok()?;
            let taken = usize::try_from(self.deflate.total_in() - before).ok()?;
            if taken == text.len() && packed.len() < packed.capacity() {
                return Some(packed);
            }
            packed.reserve(packed.capacity().max(128));
        }
    }
}

fn whole(kind: Kind, at: i64, raw: usize, payload: &[u8]) -> Result<Vec<u8>, RecordingError> {
    let head = Head::of(kind, at, raw, payload).ok_or_else(|| RecordingError::Frame {
        at: at.to_string(),
        why: "it is larger than a record may be".to_owned(),
    })?;
    let mut record = head.bytes();
    record.extend_from_slice(payload);
    Ok(record)
}

fn unknown(at: i64, error: &serde_json::Error) -> RecordingError {
    RecordingError::Frame {
        at: at.to_string(),
        why: error.to_string(),
    }
}
