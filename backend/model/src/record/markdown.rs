//! A record as Markdown: for a ticket, a post-mortem, an auditor.

use super::words::{after, bound, code, moment, name, safe, seconds};
use super::{Kept, Measured, OperationRecord, Recorded, Verdict};
use crate::operation::{OperationState, StepState};
use crate::plan::{Decision, Gate};
use std::fmt::Write;

/// The record for people. Text from outside is defused: no markup, no control character, no link of it survives.
#[must_use]
pub fn markdown(record: &OperationRecord) -> String {
    let mut text = String::new();
    head(&mut text, record);
    times(&mut text, record);
    measured(&mut text, record);
    facts(&mut text, record);
    gates(&mut text, record);
    steps(&mut text, record);
    text
}

fn row<const N: usize>(text: &mut String, cells: [&str; N]) {
    let _ = writeln!(text, "| {} |", cells.join(" | "));
}

fn table<const N: usize>(text: &mut String, headings: [&str; N]) {
    row(text, headings);
    row(text, ["---"; N]);
}

fn head(text: &mut String, record: &OperationRecord) {
    let operation = &record.operation;
    let plan = &operation.plan;
    let target = &plan.request.target;
    let _ = writeln!(
        text,
        "# Record: {} {}, {}\n",
        target.kind().word(),
        safe(target.confirmation()),
        operation.state.word()
    );
    match &operation.outcome {
        Some(outcome) => {
            let _ = writeln!(text, "{}\n", safe(outcome));
        }
        None => {
            let _ = writeln!(text, "It has not ended.\n");
        }
    }
    table(text, ["", ""]);
    let line = |text: &mut String, what: &str, value: String| row(text, [what, &value]);
    line(text, "Operation", code(&operation.id));
    line(text, "What was planned", safe(&plan.summary));
    line(text, "Reason", safe(&plan.request.reason));
    line(text, "Environment", safe(&plan.environment));
    line(text, "Planned by", safe(&plan.requested_by));
    line(text, "Confirmed by", safe(&operation.started_by));
    line(text, "Plan", code(&plan.hash));
    for wanted in &plan.request.overrides {
        let value = format!("{}: {}", safe(&wanted.gate), safe(&wanted.reason));
        line(text, "Overridden gate", value);
    }
    for sentence in &plan.affected {
        line(text, "Affected", safe(sentence));
    }
    let journal = record.journal.as_ref().map_or_else(
        || "not looked up".to_owned(),
        |span| {
            format!(
                "{} entries, {} to {}, the last one's hash {}",
                span.entries,
                span.first_seq,
                span.last_seq,
                code(&span.last_hash)
            )
        },
    );
    line(text, "Journal", journal);
    if let Some(recorded) = &record.recording {
        line(text, "Recording", recording(recorded, &operation.id));
    }
}

fn recording(recorded: &Recorded, id: &str) -> String {
    let time = format!("{} to {}", moment(recorded.from), moment(recorded.to));
    let command = code(&format!("aisoc-console export --operation {id} --file FILE"));
    match recorded.kept {
        Kept::Whole => format!("{time}: {command} takes it out"),
        Kept::Partly => format!("{time}, not all of it: {command} takes out what there is"),
        Kept::Nothing => format!("{time}: the control plane that was asked has nothing of it, or no longer"),
    }
}

fn times(text: &mut String, record: &OperationRecord) {
    let operation = &record.operation;
    text.push_str("\n## Times\n\n");
    table(text, ["Moment", "UTC", "After the confirmation"]);
    let from = operation.started_at;
    let named = record.clocks.named();
    for (what, at) in named {
        match at {
            Some(at) => row(text, [&code(what), &moment(at), &after(from, at)]),
            None => row(text, [&code(what), "–", "not part of it, or not seen"]),
        }
    }
    let mut others: Vec<_> = operation
        .times
        .iter()
        .filter(|(key, at)| {
            let clock = format!("t_{key}");
            !named
                .iter()
                .any(|(what, seen)| *what == clock && *seen == Some(**at))
        })
        .collect();
    others.sort_by_key(|(_, at)| **at);
    for (what, at) in others {
        row(text, [&name(what), &moment(*at), &after(from, *at)]);
    }
}

fn measured(text: &mut String, record: &OperationRecord) {
    text.push_str("\n## Measured\n\n");
    table(text, ["", ""]);
    let missing = || "not measured".to_owned();
    let predicted = record
        .operation
        .plan
        .predicted_write_outage_ms
        .map_or_else(String::new, |ms| {
            format!(" (predicted {})", seconds(ms as f64 / 1_000.0))
        });
    let outage = record.write_outage_seconds.map_or_else(missing, seconds);
    row(text, ["Write outage", &format!("{outage}{predicted}")]);
    let loss = &record.loss;
    let bytes = loss.rpo_bytes.map_or_else(missing, |b| format!("{b} bytes"));
    row(text, ["Lost, bytes of log", &bytes]);
    row(
        text,
        ["Lost, seconds", &loss.rpo_seconds.map_or_else(missing, seconds)],
    );
    let canaries = match (loss.lost_canaries, loss.acknowledged_canaries) {
        (Some(gone), Some(all)) => format!("{gone} of {all} acknowledged canaries"),
        _ => missing(),
    };
    row(text, ["Lost, canaries", &canaries]);
    for (cluster, token) in &record.operation.tokens {
        let left = format!(
            "{} of system {}: timeline {} ends at {:X}/{:X}",
            code(&token.member),
            code(&token.system_identifier),
            token.timeline,
            token.final_lsn >> 32,
            token.final_lsn & 0xFFFF_FFFF
        );
        row(
            text,
            [&format!("Demoted writer of {}", safe(cluster.as_str())), &left],
        );
    }
    let shown = [
        "write_outage_ms",
        "rpo_bytes",
        "rpo_seconds",
        "lost_canaries",
        "acknowledged_canaries",
    ];
    for (what, value) in &record.operation.figures {
        if !shown.contains(&what.as_str()) {
            row(text, [&name(what), &value.to_string()]);
        }
    }
    match &record.objective {
        Some(measured) => against(text, record, measured),
        None => text.push_str("\nNo recovery objective applies to it.\n"),
    }
}

fn against(text: &mut String, record: &OperationRecord, measured: &Measured) {
    let row_of = &measured.objective;
    let _ = writeln!(text, "\n## Against the objective: {}\n", safe(&row_of.scenario));
    table(text, ["", "Objective", "Measured", ""]);
    let show = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), seconds);
    let (rto, rpo) = (bound(row_of.rto_seconds), bound(row_of.rpo_seconds));
    let recovered = show(measured.recovered_after_seconds);
    row(text, ["RTO", &rto, &recovered, word(measured.rto)]);
    row(
        text,
        ["RPO", &rpo, &show(record.loss.rpo_seconds), word(measured.rpo)],
    );
}

fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Met => "met",
        Verdict::Missed => "**MISSED**",
        Verdict::NotMeasured => "not measured",
    }
}

fn facts(text: &mut String, record: &OperationRecord) {
    let plan = &record.operation.plan;
    text.push_str("\n## Evidence\n\n");
    if plan.facts.is_empty() {
        text.push_str("The plan rested on no fact beside its gates.\n");
        return;
    }
    table(text, ["Fact", "Value", "Observed by", "Before the plan"]);
    for fact in &plan.facts {
        let age = fact.observed_at.map_or_else(
            || "age unknown".to_owned(),
            |at| seconds(plan.created_at.duration_since(at).as_secs_f64().max(0.0)),
        );
        row(
            text,
            [&safe(&fact.name), &safe(&fact.value), &safe(&fact.source), &age],
        );
    }
}

fn gates(text: &mut String, record: &OperationRecord) {
    text.push_str("\n## Gates\n\n");
    table(text, ["Gate", "Decision", "Why", "Evidence"]);
    for gate in &record.operation.plan.gates {
        let evidence: Vec<String> = gate.evidence.iter().map(|e| safe(e)).collect();
        row(
            text,
            [
                &safe(&gate.name),
                decision(gate),
                &safe(&gate.why),
                &evidence.join("<br>"),
            ],
        );
    }
}

fn decision(gate: &Gate) -> &'static str {
    match gate.decision {
        Decision::Pass => "pass",
        Decision::Refuse => "**refuse**",
        Decision::NeedsOverride => "**needs override**",
        Decision::NeedsApproval => "**needs a second person**",
        Decision::Overridden => "**overridden**",
    }
}

fn steps(text: &mut String, record: &OperationRecord) {
    let operation = &record.operation;
    text.push_str("\n## Steps\n");
    for (number, (planned, progress)) in (1..).zip(operation.plan.steps.iter().zip(&operation.steps)) {
        let mark = if planned.point_of_no_return {
            " (point of no return)"
        } else {
            ""
        };
        let _ = writeln!(text, "\n{number}. **{}**{mark}", safe(&planned.title));
        let took = match (progress.started_at, progress.ended_at) {
            (Some(from), Some(until)) => {
                let took = until.duration_since(from).as_secs_f64().max(0.0);
                let begun = after(operation.started_at, from);
                format!(", begun {begun}, took {}", seconds(took))
            }
            (Some(from), None) => format!(", begun {}, not ended", after(operation.started_at, from)),
            _ => String::new(),
        };
        let _ = writeln!(text, "   - {}{took}", state(progress.state, operation.state));
        if let Some(detail) = &progress.detail {
            let _ = writeln!(text, "   - seen: {}", safe(detail));
        }
        if !planned.request.is_empty() {
            let _ = writeln!(text, "   - request: {}", code(&planned.request));
        }
        if let Some(undo) = &planned.undo {
            let _ = writeln!(text, "   - undo: {}", code(undo));
        }
    }
}

fn state(step: StepState, operation: OperationState) -> &'static str {
    match step {
        StepState::Waiting if operation.ended() => "never begun",
        StepState::Waiting => "waits",
        StepState::Running => "is being carried out",
        StepState::Done => "done",
        StepState::AlreadyDone => "was done already",
        StepState::Unknown => "**outcome unknown**",
        StepState::Failed => "**failed**",
        StepState::Undone => "undone",
        StepState::Skipped => "never begun",
    }
}
