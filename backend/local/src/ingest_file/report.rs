//! Progress and result.

use super::read::Batch;
use super::send::Receipt;
use aisoc_model::text::sanitize;
use indicatif::{ProgressBar, ProgressStyle};
use std::fmt;
use std::io::IsTerminal as _;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Refused lines that are named; the others are counted.
const MAX_NAMED: usize = 20;
/// Time between lines of progress without a terminal.
const QUIET: Duration = Duration::from_secs(5);

/// A line that was refused.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Rejected {
    /// Number of the line, from 1.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// How it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Everything was accepted.
    #[default]
    Complete,
    /// Some lines were refused.
    Partial,
    /// Stopped by the operator.
    Interrupted,
    /// The file cannot be read to its end.
    BadInput,
    /// The ingest cannot be reached.
    Unreachable,
    /// The token is not accepted.
    Unauthenticated,
    /// The ingest refuses to take more.
    Refused,
    /// A request was sent and never answered.
    Unknown,
}

impl Outcome {
    /// The exit code of the command.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::Partial | Self::Interrupted => 1,
            Self::BadInput => 2,
            Self::Unreachable => 3,
            Self::Unauthenticated => 4,
            Self::Refused => 5,
            Self::Unknown => 6,
        }
    }
}

/// What became of the file.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize)]
pub struct Totals {
    /// How it ended.
    pub outcome: Outcome,
    /// Events acknowledged.
    pub accepted: u64,
    /// Lines refused, here or by the ingest.
    pub rejected: u64,
    /// The first refused lines.
    pub first_rejected: Vec<Rejected>,
    /// The last line of which the outcome is known; go on with `--from-line` at the next.
    pub last_line: u64,
    /// Time it took, seconds.
    pub seconds: f64,
}

impl Totals {
    pub(super) fn refuse(&mut self, rejected: Rejected) {
        self.rejected += 1;
        if self.first_rejected.len() < MAX_NAMED {
            self.first_rejected.push(rejected);
        }
    }

    pub(super) fn add(&mut self, batch: &Batch, receipt: Receipt) {
        self.accepted += receipt.accepted;
        self.last_line = self.last_line.max(batch.last_line());
        let named = receipt.errors.len() as u64;
        for error in receipt.errors {
            let line = batch
                .lines
                .get(error.index)
                .map_or(batch.first_line(), |(number, _)| *number);
            self.refuse(Rejected {
                line,
                reason: sanitize(&error.reason, 200),
            });
        }
        // An ingest may name fewer than it refuses.
        self.rejected += receipt.rejected.saturating_sub(named);
    }

    pub(super) fn settle(&mut self) {
        if self.outcome == Outcome::Complete && self.rejected > 0 {
            self.outcome = Outcome::Partial;
        }
    }

    pub(super) fn as_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "accepted {}, rejected {}", self.accepted, self.rejected)?;
        for rejected in &self.first_rejected {
            write!(f, "\n  line {}: {}", rejected.line, rejected.reason)?;
        }
        let more = self.rejected.saturating_sub(self.first_rejected.len() as u64);
        if more > 0 {
            write!(f, "\n  and {more} more")?;
        }
        match self.outcome {
            Outcome::Complete | Outcome::Partial => Ok(()),
            _ => write!(f, "\nnot finished; go on with --from-line {}", self.last_line + 1),
        }
    }
}

/// Shows progress on stderr: a bar on a terminal, otherwise now and then a line.
pub(super) struct Report {
    bar: Option<ProgressBar>,
    position: Arc<AtomicU64>,
    size: u64,
    began: Instant,
    last_line: Mutex<Instant>,
}

impl Report {
    pub(super) fn new(size: u64, position: Arc<AtomicU64>) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::new(size);
            let style = "{bar:30} {percent:>3} % {bytes}/{total_bytes} {msg} eta {eta}";
            // The template is fixed and right; a wrong one would only look plainer.
            if let Ok(style) = ProgressStyle::with_template(style) {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            position,
            size,
            began: Instant::now(),
            last_line: Mutex::new(Instant::now()),
        }
    }

    pub(super) fn show(&self, totals: &Totals) {
        let at = self.position.load(Ordering::Relaxed).min(self.size);
        let rate = totals.accepted as f64 / self.began.elapsed().as_secs_f64().max(0.001);
        let text = format!(
            "accepted {} rejected {} ({rate:.0}/s)",
            totals.accepted, totals.rejected
        );
        if let Some(bar) = &self.bar {
            bar.set_position(at);
            bar.set_message(text);
            return;
        }
        let mut last = self.last_line.lock().unwrap_or_else(PoisonError::into_inner);
        if last.elapsed() >= QUIET {
            *last = Instant::now();
            eprintln!("{} % {text}", at * 100 / self.size.max(1));
        }
    }

    /// A message between the progress.
    pub(super) fn say(&self, text: &str) {
        let text = sanitize(text, 500);
        match &self.bar {
            Some(bar) => bar.println(text),
            None => eprintln!("{text}"),
        }
    }

    pub(super) fn finish(&self, totals: &Totals) {
        self.show(totals);
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    pub(super) fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }
}
