//! An operation's progress, or its record when it has ended.

use super::{TALLEST, dialog, environment, input, scrolled};
use crate::action::Deciding;
use crate::facts;
use crate::format;
use crate::model::{Following, Model};
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::{big, state};
use aisoc_model::clock::millis_between;
use aisoc_model::operation::{Operation, StepState};
use jiff::Timestamp;
use ratatui::layout::Rect;

/// Draws it over a page; with the question whether to try again or abort, when that was asked.
pub fn draw(
    canvas: &mut Canvas<'_>,
    area: Rect,
    model: &Model,
    following: &Following,
    deciding: Option<&Deciding>,
) {
    let operation = model.operation(&following.id);
    let name = operation.map_or_else(
        || format!("operation {}  ", following.id),
        |o| {
            let target = &o.plan.request.target;
            format!(
                "{} {}  ",
                target.kind().word(),
                facts::about(model.shown(), target)
            )
        },
    );
    let mut title = vec![piece(name, Role::Strong)];
    title.extend(environment(model));
    let line = operation.map_or(Role::Unknown, |operation| state::operation(operation.state).role);
    let mut inner = dialog(canvas, area, (126, area.height.min(TALLEST)), &title, line);
    if let Some(deciding) = deciding {
        let ask = Rect {
            y: inner.bottom().saturating_sub(4),
            height: 4,
            ..inner
        };
        inner.height = inner.height.saturating_sub(5);
        decision(canvas, ask, operation, deciding);
    }
    let Some(operation) = operation else {
        canvas.wrapped(inner, NOT_YET, Role::Unknown);
        return;
    };
    let rest = headline(canvas, inner, model, operation);
    content(canvas, rest, model, operation, following.scroll);
}

const NOT_YET: &str = "It is not in a frame yet: its progress appears as soon as it is. It runs in the control \
                       plane, with or without this console.";

fn decision(canvas: &mut Canvas<'_>, area: Rect, operation: Option<&Operation>, deciding: &Deciding) {
    let name = operation.map_or("", |o| o.plan.request.target.confirmation());
    let ask = [
        piece(format!("To {}, type ", deciding.decision.word()), Role::Muted),
        piece(name.to_owned(), Role::Strong),
        piece(", then Enter.", Role::Muted),
    ];
    canvas.pieces(area.x, area.y, area.width, &ask);
    canvas.text(area.x, area.y + 1, 9, "name", Role::Accent);
    input(
        canvas,
        area.x + 9,
        area.y + 1,
        area.width.saturating_sub(9),
        &deciding.input,
        "",
    );
    if let Some(remark) = &deciding.remark {
        canvas.text(area.x, area.y + 3, area.width, remark, Role::Warn);
    }
}

/// The clock, large, beside what it is held against.
fn headline(canvas: &mut Canvas<'_>, area: Rect, model: &Model, operation: &Operation) -> Rect {
    let shown = state::operation(operation.state);
    let elapsed = millis_between(operation.started_at, operation.ended_at.unwrap_or(model.now));
    let large = area.height >= 16;
    let x = if large {
        big::draw(canvas, area.x, area.y, &format::clock(elapsed), shown.role) + 3
    } else {
        canvas.text(area.x, area.y, 12, &format::clock(elapsed), shown.role) + 2
    };
    let room = area.right().saturating_sub(x);
    let outcome = operation
        .outcome
        .clone()
        .unwrap_or_else(|| operation.plan.summary.clone());
    canvas.pieces(
        x,
        area.y,
        room,
        &[
            piece(format!("{}  ", shown.text()), shown.role),
            piece(outcome, Role::Text),
        ],
    );
    let by = format!(
        "by {}, {} UTC, because: {}",
        operation.started_by,
        format::time_of_day(operation.started_at),
        operation.plan.request.reason
    );
    canvas.text(x, area.y + 1, room, &by, Role::Muted);
    if large {
        canvas.pieces(x, area.y + 2, room, &against(model, operation, elapsed));
    }
    let used = if large { 4 } else { 3 };
    Rect {
        y: area.y + used,
        height: area.height.saturating_sub(used),
        ..area
    }
}

/// The recovery objective that the operation is measured against.
fn against(model: &Model, operation: &Operation, elapsed: u64) -> Vec<Piece> {
    let key = operation.plan.objective.as_deref();
    let row = key.and_then(|key| model.thresholds()?.objective(key));
    let Some(row) = row else { return Vec::new() };
    let within = elapsed <= row.rto_seconds.saturating_mul(1_000);
    let (word, role) = if within {
        ("within", Role::Good)
    } else {
        ("OVER", Role::Bad)
    };
    vec![
        piece(format!("{word} "), role),
        piece(
            format!(
                "the RTO of {} ({}); ",
                format::bound(row.rto_seconds as f64),
                row.scenario
            ),
            Role::Muted,
        ),
        lost(operation, row.rpo_seconds as f64),
    ]
}

/// What was lost, as far as it was measured, against the RPO.
fn lost(operation: &Operation, rpo_seconds: f64) -> Piece {
    let bound = format::bound(rpo_seconds);
    match operation.figures.get("rpo_seconds") {
        Some(lost) if *lost <= rpo_seconds => piece(
            format!("RPO {bound}: {} lost", format::seconds(*lost)),
            Role::Muted,
        ),
        Some(lost) => piece(format!("RPO {bound}: {} LOST", format::seconds(*lost)), Role::Bad),
        None => piece(format!("RPO {bound}: not measured yet"), Role::Muted),
    }
}

/// Steps, times, figures, gates.
pub fn content(canvas: &mut Canvas<'_>, area: Rect, model: &Model, operation: &Operation, scroll: u16) {
    let now = model.shown_at();
    let mut lines = steps(operation, now);
    if !operation.figures.is_empty() || !operation.times.is_empty() {
        lines.push(Vec::new());
        lines.push(vec![piece("Figures", Role::Heading)]);
        lines.extend(figures(operation));
    }
    lines.push(Vec::new());
    lines.push(vec![piece("Gates", Role::Heading)]);
    for gate in &operation.plan.gates {
        let shown = state::gate(gate.decision);
        lines.push(vec![
            piece(format!("  {:<18}", shown.text()), shown.role),
            piece(format!("{:<20} ", gate.name), Role::Text),
            piece(gate.why.clone(), Role::Muted),
        ]);
    }
    let below = scrolled(canvas, area, &lines, scroll);
    if below > 0 {
        let text = [piece(
            format!(" ↓ {} ", format::number(u64::from(below), "more line")),
            Role::Accent,
        )];
        canvas.pieces_right(area.x, area.bottom(), area.width, &text);
    }
}

fn steps(operation: &Operation, now: Timestamp) -> Vec<Vec<Piece>> {
    let mut lines = vec![vec![piece("Steps", Role::Heading)]];
    for (planned, progress) in operation.plan.steps.iter().zip(&operation.steps) {
        let shown = state::step(progress.state);
        let took = progress
            .started_at
            .map(|from| millis_between(from, progress.ended_at.unwrap_or(now)));
        let took = took.map_or_else(String::new, |ms| format::seconds(ms as f64 / 1_000.0));
        let waiting = matches!(progress.state, StepState::Waiting | StepState::Skipped);
        let mut line = vec![
            piece(format!("  {:<15}", shown.text()), shown.role),
            piece(format!("{took:>7}  "), Role::Muted),
            piece(
                planned.title.clone(),
                if waiting { Role::Muted } else { Role::Text },
            ),
        ];
        if let Some(detail) = &progress.detail {
            line.push(piece(format!("  {detail}"), Role::Muted));
        }
        lines.push(line);
        if planned.point_of_no_return {
            lines.push(vec![piece("  ── point of no return ──", Role::Faint)]);
        }
    }
    lines
}

fn figures(operation: &Operation) -> Vec<Vec<Piece>> {
    let mut lines = Vec::new();
    for (name, value) in &operation.figures {
        let text = match name.strip_suffix("_ms") {
            Some(_) => format::seconds(value / 1_000.0),
            None => format!("{value}"),
        };
        let words = name.trim_end_matches("_ms").replace('_', " ");
        lines.push(vec![
            piece(format!("  {words:<24}"), Role::Muted),
            piece(text, Role::Text),
        ]);
    }
    let mut times: Vec<(&String, &Timestamp)> = operation.times.iter().collect();
    times.sort_by_key(|(_, at)| **at);
    for (name, at) in times {
        let after = millis_between(operation.started_at, *at) as f64 / 1_000.0;
        let words = name.replace('_', " ");
        let line = format!(
            "{} UTC, after {}",
            format::time_of_day(*at),
            format::seconds(after)
        );
        lines.push(vec![
            piece(format!("  {words:<24}"), Role::Muted),
            piece(line, Role::Text),
        ]);
    }
    lines
}
