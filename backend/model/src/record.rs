//! The record of an operation: what is kept, exported and read afterwards by people who were not there.
//!
//! Derived from an [`Operation`] alone (and the recovery objective its plan names), so that it can be made again
//! from the journal at any time. [`markdown()`] is the one way in which it is written for people.

mod markdown;
mod words;

pub use markdown::markdown;

use crate::operation::Operation;
use crate::slo::RecoveryObjective;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Everything that is known of an operation afterwards.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OperationRecord {
    /// The moments that every operation is measured by.
    pub clocks: Clocks,
    /// For how long no write was acknowledged, seconds; `None` when that was not measured.
    pub write_outage_seconds: Option<f64>,
    /// What was lost.
    pub loss: Loss,
    /// Measured against the recovery objective of the plan, when it names one.
    pub objective: Option<Measured>,
    /// Where the journal holds it.
    pub journal: Option<JournalSpan>,
    /// What is recorded of its time; `None` when that was not looked up.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Recorded>,
    /// The operation: its plan with facts, gates and steps, and how each step went.
    pub operation: Operation,
}

/// What is recorded of an operation's time: what the screens showed then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// From a little before it began.
    pub from: Timestamp,
    /// To a little after it ended.
    pub to: Timestamp,
    /// How much of it is kept.
    pub kept: Kept,
}

/// How much of a time is recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// From the operation's beginning to its end.
    Whole,
    /// Not all of it.
    Partly,
    /// Nothing, or nothing any more.
    Nothing,
}

/// Seconds before an operation that belong to its story, and seconds after it.
const AROUND: (i64, i64) = (30, 60);

/// The time of an operation with what led to it and what followed; one that runs reaches to `now`.
#[must_use]
pub fn around(operation: &Operation, now: Timestamp) -> (Timestamp, Timestamp) {
    let moved = |at: Timestamp, seconds: i64| {
        let by = SignedDuration::from_secs(seconds);
        at.saturating_add(by).unwrap_or(at)
    };
    let end = operation.ended_at.map_or(now, |at| moved(at, AROUND.1));
    (moved(operation.started_at, -AROUND.0), end)
}

impl Recorded {
    /// What some stretches of recording, milliseconds since 1970, hold of an operation.
    #[must_use]
    pub fn of(operation: &Operation, now: Timestamp, spans: &[(i64, i64)]) -> Self {
        let (from, to) = around(operation, now);
        let begin = operation.started_at.as_millisecond();
        let end = operation.ended_at.unwrap_or(now).as_millisecond();
        let kept = if spans.iter().any(|(from, to)| *from <= begin && end <= *to) {
            Kept::Whole
        } else if spans.iter().any(|(from, to)| *from <= end && begin <= *to) {
            Kept::Partly
        } else {
            Kept::Nothing
        };
        Self { from, to, kept }
    }
}

/// Moments of an operation. `None` is "did not happen, or nobody saw it", never zero.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clocks {
    /// What made it necessary was seen; only where something did.
    pub t_detect: Option<Timestamp>,
    /// It was confirmed.
    pub t_decide: Option<Timestamp>,
    /// The old writer was proven unable to write.
    pub t_fence: Option<Timestamp>,
    /// The new writer accepted writes.
    pub t_promote: Option<Timestamp>,
    /// A write was acknowledged.
    pub t_first_write: Option<Timestamp>,
    /// The api answered 2xx everywhere it did before.
    pub t_first_api_2xx: Option<Timestamp>,
    /// Replication was whole again.
    pub t_redundancy: Option<Timestamp>,
    /// Nothing more happened.
    pub ended: Option<Timestamp>,
}

impl Clocks {
    /// The moments of an operation.
    #[must_use]
    pub fn of(operation: &Operation) -> Self {
        let time = |name: &str| operation.times.get(name).copied();
        Self {
            t_detect: time("detect"),
            t_decide: time("decide"),
            t_fence: time("fence"),
            t_promote: time("promote"),
            t_first_write: time("first_write"),
            t_first_api_2xx: time("first_api_2xx"),
            t_redundancy: time("redundancy"),
            ended: operation.ended_at,
        }
    }

    /// The moments with their names, in the order in which they are due.
    #[must_use]
    pub fn named(&self) -> [(&'static str, Option<Timestamp>); 8] {
        [
            ("t_detect", self.t_detect),
            ("t_decide", self.t_decide),
            ("t_fence", self.t_fence),
            ("t_promote", self.t_promote),
            ("t_first_write", self.t_first_write),
            ("t_first_api_2xx", self.t_first_api_2xx),
            ("t_redundancy", self.t_redundancy),
            ("ended", self.ended),
        ]
    }
}

/// What an operation lost, as far as it was measured.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Loss {
    /// Bytes of write-ahead log that the old writer had and the new one has not.
    pub rpo_bytes: Option<u64>,
    /// From the first lost write to the last acknowledged one, seconds.
    pub rpo_seconds: Option<f64>,
    /// Acknowledged canaries that are gone.
    pub lost_canaries: Option<u64>,
    /// Acknowledged canaries.
    pub acknowledged_canaries: Option<u64>,
}

/// An operation held against its row of the recovery objectives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// The row.
    pub objective: RecoveryObjective,
    /// From the detection (the decision, where nothing was detected) until the api served again, seconds.
    pub recovered_after_seconds: Option<f64>,
    /// Against the RTO.
    pub rto: Verdict,
    /// Against the RPO.
    pub rpo: Verdict,
}

/// How a measurement stands to its objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Within.
    Met,
    /// Beyond.
    Missed,
    /// Nobody measured it, which is not the same as within.
    NotMeasured,
}

/// Entries of the journal, with the hash of the last one: whoever has both can check the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JournalSpan {
    /// The first entry.
    pub first_seq: u64,
    /// The last entry.
    pub last_seq: u64,
    /// Entries of this operation between them.
    pub entries: u64,
    /// Hash of the last entry, hex.
    pub last_hash: String,
}

impl OperationRecord {
    /// The record of `operation`. `objective` is the row that its plan names.
    #[must_use]
    pub fn of(
        operation: Operation,
        objective: Option<RecoveryObjective>,
        journal: Option<JournalSpan>,
    ) -> Self {
        let clocks = Clocks::of(&operation);
        let figure = |name: &str| operation.figures.get(name).copied();
        let whole = |name: &str| figure(name).filter(|v| *v >= 0.0).map(whole);
        let loss = Loss {
            rpo_bytes: whole("rpo_bytes"),
            rpo_seconds: figure("rpo_seconds"),
            lost_canaries: whole("lost_canaries"),
            acknowledged_canaries: whole("acknowledged_canaries"),
        };
        Self {
            write_outage_seconds: figure("write_outage_ms").map(|ms| ms / 1_000.0),
            objective: objective.map(|row| measured(row, &clocks, &loss)),
            clocks,
            loss,
            journal,
            recording: None,
            operation,
        }
    }
}

fn measured(objective: RecoveryObjective, clocks: &Clocks, loss: &Loss) -> Measured {
    let from = clocks.t_detect.or(clocks.t_decide);
    let until = clocks.t_first_api_2xx.or(clocks.t_first_write);
    let recovered_after_seconds = from
        .zip(until)
        .map(|(from, until)| until.duration_since(from).as_secs_f64().max(0.0));
    let verdict = |value: Option<f64>, bound: u64| match value {
        None => Verdict::NotMeasured,
        Some(value) if value <= bound as f64 => Verdict::Met,
        Some(_) => Verdict::Missed,
    };
    Measured {
        rto: verdict(recovered_after_seconds, objective.rto_seconds),
        rpo: verdict(loss.rpo_seconds, objective.rpo_seconds),
        recovered_after_seconds,
        objective,
    }
}

/// A counted figure, which travels as a float, as the count it is.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn whole(value: f64) -> u64 {
    value.round() as u64
}
