//! Segments on disk.

use aisoc_model::topology::RecordingConfig;
use aisoc_rpc::recording::{self, Broken, HEAD, Head, Kind, START};
use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Milliseconds.
    pub age_ms: i64,
    /// Bytes.
    pub bytes: u64,
}

impl From<RecordingConfig> for Limits {
    fn from(config: RecordingConfig) -> Self {
        Self {
            age_ms: i64::from(config.keep_hours) * 3_600_000,
            bytes: u64::from(config.keep_mib) * 1024 * 1024,
        }
    }
}

/// A segment, as far as it is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its file.
    pub path: PathBuf,
    /// When its first frame was, milliseconds since 1970.
    pub from: i64,
    /// When its last record was.
    pub to: i64,
    /// Its size.
    pub bytes: u64,
}

/// Bytes of a segment that hold a range of time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extent {
    /// The file.
    pub path: PathBuf,
    /// Where it begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u64,
}

/// The segments of one control plane.
#[derive(Debug)]
pub struct Shelf {
    directory: PathBuf,
    limits: Limits,
    /// By the number in their names.
    segments: Mutex<BTreeMap<i64, Segment>>,
}

/// The segment that is written.
#[derive(Debug)]
pub struct Open {
    file: File,
    number: i64,
    bytes: u64,
}

impl Open {
    /// Its size.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Nothing more is written to it.
    pub(super) fn close(self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Shelf {
    /// Opens a directory, makes it when there is none, and cuts off what a kill left half written.
    ///
    /// # Errors
    /// When the directory cannot be made or read.
    pub fn open(directory: impl Into<PathBuf>, limits: Limits) -> io::Result<Self> {
        let directory = directory.into();
        DirBuilder::new().recursive(true).mode(0o700).create(&directory)?;
        let mut segments = BTreeMap::new();
        for entry in fs::read_dir(&directory)? {
            let path = entry?.path();
            let name = path
                .file_name()
                .and_then(|name| name.to_str())
                .unwrap_or_default();
            let Some(number) = name.strip_suffix(".rec").and_then(|n| n.parse::<i64>().ok()) else {
                continue;
            };
            match recover(&path) {
                Ok(Some(segment)) => {
                    segments.insert(number, segment);
                }
                Ok(None) => {
                    tracing::warn!(segment = %path.display(), "held no whole frame and was removed");
                    fs::remove_file(&path)?;
                }
                Err(error) => {
                    tracing::warn!(segment = %path.display(), %error, "is left alone: it cannot be read");
                }
            }
        }
        Ok(Self {
            directory,
            limits,
            segments: Mutex::new(segments),
        })
    }

    /// Where the segments are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// A segment that has grown to this size is followed by another one: so much is too much at most.
    #[must_use]
    pub fn segment_bytes(&self) -> u64 {
        (self.limits.bytes / 16).max(64 * 1024)
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<i64, Segment>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All segments, the oldest first.
    #[must_use]
    pub fn segments(&self) -> Vec<Segment> {
        self.lock().values().cloned().collect()
    }

    /// Begins a segment with the record that says where it is from.
    pub(super) fn begin(&self, at: i64, about: &[u8]) -> io::Result<Open> {
        let mut segments = self.lock();
        // A clock that was set back must not overwrite anything.
        let after = segments.keys().next_back().map_or(i64::MIN, |last| last + 1);
        let number = at.max(after);
        let path = self.directory.join(format!("{number:013}.rec"));
        let mut file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        let mut start = recording::start();
        start.extend_from_slice(about);
        file.write_all(&start)?;
        let bytes = u64::try_from(start.len()).unwrap_or(u64::MAX);
        let (from, to) = (at, at);
        segments.insert(
            number,
            Segment {
                path,
                from,
                to,
                bytes,
            },
        );
        Ok(Open { file, number, bytes })
    }

    /// Appends a record, whole or not at all.
    pub(super) fn append(&self, open: &mut Open, at: i64, record: &[u8]) -> io::Result<()> {
        if let Err(error) = open.file.write_all(record) {
            open.file.set_len(open.bytes)?;
            return Err(error);
        }
        open.bytes += u64::try_from(record.len()).unwrap_or(u64::MAX);
        if let Some(segment) = self.lock().get_mut(&open.number) {
            segment.bytes = open.bytes;
            segment.to = segment.to.max(at);
        }
        Ok(())
    }

    /// Removes what is too old, and the oldest of what is too much; never the newest segment.
    pub fn trim(&self, now: i64) {
        let mut segments = self.lock();
        let mut all: u64 = segments.values().map(|segment| segment.bytes).sum();
        while segments.len() > 1 {
            let Some(oldest) = segments.first_entry() else {
                return;
            };
            let old = oldest.get().to < now.saturating_sub(self.limits.age_ms);
            if !old && all <= self.limits.bytes {
                return;
            }
            let gone = oldest.remove();
            all = all.saturating_sub(gone.bytes);
            if let Err(error) = fs::remove_file(&gone.path) {
                tracing::warn!(segment = %gone.path.display(), %error, "an old recording cannot be removed");
            }
        }
    }

    /// Where a range of time is, beginning with the last whole frame before it.
    ///
    /// # Errors
    /// When a segment cannot be read.
    pub fn extents(&self, from: i64, to: i64) -> io::Result<Vec<Extent>> {
        let mut extents = Vec::new();
        for segment in self.segments() {
            if segment.from > to || segment.to < from {
                continue;
            }
            let (mut first, mut end) = (None, None);
            let start = u64::try_from(START).unwrap_or(u64::MAX);
            walk(&segment.path, segment.bytes, false, |offset, head| {
                if head.kind == Kind::Key && (head.at <= from || first.is_none()) {
                    first = Some(offset);
                }
                if head.at <= to {
                    end = Some(offset + u64::try_from(head.len()).unwrap_or(u64::MAX));
                }
            })?;
            if let (Some(offset), Some(end)) = (first.map(|at| at.max(start)), end)
                && end > offset
            {
                let (path, bytes) = (segment.path, end - offset);
                extents.push(Extent { path, offset, bytes });
            }
        }
        Ok(extents)
    }
}

/// How far a segment is whole.
struct Whole {
    bytes: u64,
    broken: Option<Broken>,
}

/// Goes over a segment's records as far as they are whole, `most` bytes at most. `thorough` checks their content, too.
fn walk(path: &Path, most: u64, thorough: bool, mut each: impl FnMut(u64, &Head)) -> io::Result<Whole> {
    let mut file = BufReader::new(File::open(path)?);
    let mut start = [0; START];
    if file.read_exact(&mut start).is_err() {
        let broken = Some(Broken::Torn);
        return Ok(Whole { bytes: 0, broken });
    }
    recording::version(&start).map_err(io::Error::other)?;
    let mut at = u64::try_from(START).unwrap_or(u64::MAX);
    let length = most.min(fs::metadata(path)?.len());
    while at < length {
        let mut record = vec![0; HEAD];
        let left = length - at;
        let read = file.read(&mut record)?;
        if read < HEAD {
            file.read_exact(record.get_mut(read..).unwrap_or_default())
                .or_else(cut)?;
        }
        let size = usize::try_from(left).unwrap_or(usize::MAX).min(HEAD);
        let head = match Head::read(record.get(..size).unwrap_or_default()) {
            Ok(head) => head,
            Err(broken) => {
                let broken = Some(broken);
                return Ok(Whole { bytes: at, broken });
            }
        };
        let whole = u64::try_from(head.len()).unwrap_or(u64::MAX);
        if whole > left {
            let broken = Some(Broken::Torn);
            return Ok(Whole { bytes: at, broken });
        }
        if thorough {
            record.resize(head.len(), 0);
            file.read_exact(record.get_mut(HEAD..).unwrap_or_default())?;
            if let Err(broken) = recording::record_at(&record, 0) {
                let broken = Some(broken);
                return Ok(Whole { bytes: at, broken });
            }
        } else {
            file.seek_relative(i64::from(head.packed))?;
        }
        each(at, &head);
        at += whole;
    }
    Ok(Whole {
        bytes: at,
        broken: None,
    })
}

/// The end of a file within a head is found by the head's length.
fn cut(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        Ok(())
    } else {
        Err(error)
    }
}

/// A segment of an earlier run: what was half written is cut off, with a word. `None`: it holds no frame.
fn recover(path: &Path) -> io::Result<Option<Segment>> {
    let mut span: Option<(i64, i64)> = None;
    let whole = walk(path, u64::MAX, true, |_, head| {
        if head.kind != Kind::About {
            let from = span.map_or(head.at, |(from, _)| from);
            span = Some((from, head.at));
        }
    })?;
    let (segment, at) = (path.display(), whole.bytes);
    match whole.broken {
        None => {}
        Some(Broken::Torn) => {
            let bytes = fs::metadata(path)?.len().saturating_sub(at);
            tracing::warn!(%segment, at, bytes, "a recording ended within a record: these bytes were cut off");
            OpenOptions::new().write(true).open(path)?.set_len(at)?;
        }
        Some(Broken::Damaged(why)) => {
            tracing::warn!(%segment, at, why, "a recording is damaged, and is used up to there");
        }
    }
    Ok(span.map(|(from, to)| Segment {
        path: path.to_owned(),
        from,
        to,
        bytes: whole.bytes,
    }))
}
