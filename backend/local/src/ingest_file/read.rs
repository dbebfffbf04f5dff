//! From a file to batches of events, streaming.

use super::report::Rejected;
use anyhow::Context as _;
use flate2::read::MultiGzDecoder;
use serde::de::IgnoredAny;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// The ingest takes 10 MiB; this leaves room for the envelope.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// No event of a source is this long.
const MAX_LINE_BYTES: usize = 1024 * 1024;

/// An opened file.
pub(super) struct Source {
    reader: Box<dyn BufRead + Send>,
    /// Bytes of the file, for the progress bar.
    pub(super) size: u64,
    /// Bytes of the file read so far, compressed as they are.
    pub(super) position: Arc<AtomicU64>,
    name: String,
}

/// How to cut.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    pub(super) events: usize,
    pub(super) from_line: u64,
}

/// What the reader found.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Events(Batch),
    /// A line that is not an event.
    Bad(Rejected),
}

/// Events as they stand in the file, with their line numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Batch {
    pub(super) lines: Vec<(u64, String)>,
    bytes: usize,
}

impl Batch {
    fn push(&mut self, number: u64, line: String) {
        self.bytes += line.len();
        self.lines.push((number, line));
    }

    fn fits(&self, line: &str, limits: Limits) -> bool {
        self.lines.len() < limits.events && self.bytes + line.len() <= MAX_BATCH_BYTES
    }

    pub(super) fn first_line(&self) -> u64 {
        self.lines.first().map_or(0, |(number, _)| *number)
    }

    pub(super) fn last_line(&self) -> u64 {
        self.lines.last().map_or(0, |(number, _)| *number)
    }

    /// Two batches of half the size; one alone when it holds a single event.
    pub(super) fn halves(mut self) -> (Self, Option<Self>) {
        if self.lines.len() < 2 {
            return (self, None);
        }
        let rest = self.lines.split_off(self.lines.len() / 2);
        let bytes = |lines: &[(u64, String)]| lines.iter().map(|(_, line)| line.len()).sum();
        let second = Self {
            bytes: bytes(&rest),
            lines: rest,
        };
        self.bytes = bytes(&self.lines);
        (self, Some(second))
    }

    /// The source's format, from the first event.
    pub(super) fn guess_format(&self) -> &'static str {
        let first = self.lines.first().map_or("", |(_, line)| line);
        let has = |name: &str| first.contains(&format!("\"{name}\""));
        if has("eventSource") && has("eventName") {
            "cloudtrail"
        } else if has("Channel") && has("EventID") {
            "windows_event_log"
        } else {
            "json"
        }
    }
}

/// Opens a file, plain or gzipped.
pub(super) fn open(path: &Path) -> anyhow::Result<Source> {
    let name = path.display().to_string();
    let file = File::open(path).with_context(|| format!("cannot open {name}"))?;
    let about = file.metadata().with_context(|| format!("cannot read {name}"))?;
    anyhow::ensure!(
        !about.is_dir(),
        "{name} is a directory; give a file of events, one JSON object a line"
    );
    let position = Arc::new(AtomicU64::new(0));
    let mut plain = BufReader::with_capacity(
        256 * 1024,
        Counted {
            inner: file,
            position: Arc::clone(&position),
        },
    );
    let start = plain.fill_buf().with_context(|| format!("cannot read {name}"))?;
    let reader: Box<dyn BufRead + Send> = if start.starts_with(&[0x1f, 0x8b]) {
        Box::new(BufReader::with_capacity(256 * 1024, MultiGzDecoder::new(plain)))
    } else {
        Box::new(plain)
    };
    Ok(Source {
        reader,
        size: about.len(),
        position,
        name,
    })
}

/// Reads to the end, or until nobody listens any more.
pub(super) fn run(mut source: Source, limits: Limits, pieces: &mpsc::Sender<Piece>) -> anyhow::Result<()> {
    let mut batch = Batch::default();
    let mut number = 0;
    loop {
        number += 1;
        let line = next_line(&mut source.reader)
            .with_context(|| format!("{}: cannot read on at line {number}; is it damaged?", source.name))?;
        let Some(line) = line else {
            break;
        };
        if number < limits.from_line {
            continue;
        }
        let line = match event(line) {
            Ok(Some(line)) => line,
            Ok(None) => continue,
            Err(reason) => {
                let rejected = Rejected { line: number, reason };
                if pieces.blocking_send(Piece::Bad(rejected)).is_err() {
                    return Ok(());
                }
                continue;
            }
        };
        if !batch.lines.is_empty() && !batch.fits(&line, limits) {
            let full = std::mem::take(&mut batch);
            if pieces.blocking_send(Piece::Events(full)).is_err() {
                return Ok(());
            }
        }
        batch.push(number, line);
    }
    if !batch.lines.is_empty() {
        // Nobody listening is an interruption, which the other end knows about.
        let _ = pieces.blocking_send(Piece::Events(batch));
    }
    Ok(())
}

/// A line of the file as an event; `None` for an empty one.
fn event(line: Line) -> Result<Option<String>, String> {
    let Line::Text(bytes) = line else {
        return Err(format!("longer than {} KiB", MAX_LINE_BYTES / 1024));
    };
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8 text".to_owned())?;
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    if !text.starts_with('{') {
        return Err("not a JSON object".to_owned());
    }
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(Some(text.to_owned())),
        Err(error) => Err(format!("not JSON: {error}")),
    }
}

enum Line {
    Text(Vec<u8>),
    TooLong,
}

/// The next line; one that is too long is read past without being kept.
fn next_line(reader: &mut dyn BufRead) -> std::io::Result<Option<Line>> {
    let mut kept = Vec::new();
    let mut length = 0_usize;
    loop {
        let chunk = reader.fill_buf()?;
        if chunk.is_empty() {
            return Ok(match length {
                0 => None,
                _ if length > MAX_LINE_BYTES => Some(Line::TooLong),
                _ => Some(Line::Text(kept)),
            });
        }
        let end = chunk.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(chunk.len(), |at| at + 1);
        length += used;
        if length <= MAX_LINE_BYTES {
            kept.extend(chunk.iter().take(used));
        }
        reader.consume(used);
        if end.is_some() {
            return Ok(Some(if length > MAX_LINE_BYTES {
                Line::TooLong
            } else {
                Line::Text(kept)
            }));
        }
    }
}

struct Counted {
    inner: File,
    position: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}
