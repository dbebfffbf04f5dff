//! The plan: what would be done, on which evidence, how it is undone; and the line where a person confirms it.

use super::{dialog, environment, input, scrolled};
use crate::action::{Action, Stage};
use crate::format;
use crate::model::Model;
use crate::safety;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::{Canvas, wrap};
use crate::ui::widgets::state;
use aisoc_model::plan::{Decision, Gate, Plan};
use ratatui::layout::Rect;

/// Lines at the bottom for what a person has to do.
const ASK: u16 = 4;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, action: &Action) {
    let mut title = vec![piece(
        format!(
            "{} {}  ",
            action.target.kind().word(),
            action.target.confirmation()
        ),
        Role::Strong,
    )];
    title.extend(environment(model));
    let refused = matches!(action.stage, Stage::Refused(_) | Stage::Failed(_));
    let line = if refused { Role::Bad } else { Role::Accent };
    let inner = dialog(canvas, area, (126, area.height), &title, line);
    let content = Rect {
        height: inner.height.saturating_sub(ASK + 1),
        ..inner
    };
    let ask = Rect {
        y: content.bottom() + 1,
        height: ASK,
        ..inner
    };
    if let Some(plan) = action.plan() {
        let all = lines(plan, model, usize::from(inner.width));
        canvas.horizontal(inner.x, content.bottom(), inner.width, '─', Role::Faint);
        let below = scrolled(canvas, content, &all, action.scroll);
        if below > 0 {
            let more = [piece(format!(" ↓ {below} more lines "), Role::Accent)];
            canvas.pieces_right(inner.x, content.bottom(), inner.width, &more);
        }
    } else {
        let (text, role) = match &action.stage {
            Stage::Failed(why) => (why.as_str(), Role::Bad),
            _ => ("Deciding what would be done; nothing has changed.", Role::Muted),
        };
        canvas.wrapped(content, text, role);
    }
    question(canvas, ask, model, action);
}

/// What a person has to do now.
fn question(canvas: &mut Canvas<'_>, area: Rect, model: &Model, action: &Action) {
    let (x, y, width) = (area.x, area.y, area.width);
    let name = action.target.confirmation();
    match &action.stage {
        Stage::Planning => {
            canvas.text(x, y, width, "Reading the facts…", Role::Muted);
        }
        Stage::Refused(plan) => {
            let gates: Vec<String> = plan.refusals().map(|gate| gate.name.clone()).collect();
            canvas.text(
                x,
                y,
                width,
                &format!("Refused by: {}. Nothing has changed.", gates.join(", ")),
                Role::Bad,
            );
            canvas.text(
                x,
                y + 1,
                width,
                "Esc backs out; ask again when the evidence above has changed.",
                Role::Muted,
            );
        }
        Stage::Reason(_, typed) => {
            canvas.text(
                x,
                y,
                width,
                "Why? It goes into the record. Then the plan is made anew with it.",
                Role::Muted,
            );
            canvas.text(x, y + 1, 9, "reason", Role::Accent);
            input(
                canvas,
                x + 9,
                y + 1,
                width.saturating_sub(9),
                typed,
                "maintenance of rack 4, ticket OPS-123",
            );
        }
        Stage::Confirm(plan, typed) => {
            let left = format::since(model.now, plan.expires_at);
            let expired = model.now >= plan.expires_at;
            let kind = model.world.as_ref().map(|world| world.head.environment_kind);
            let place = kind.map_or("", super::environment_word);
            let ask = [
                piece("To carry it out in ", Role::Muted),
                piece(place.to_owned(), Role::Strong),
                piece(" type ", Role::Muted),
                piece(name.to_owned(), Role::Strong),
                piece(", then Enter.", Role::Muted),
            ];
            let (holds, role) = if expired {
                (
                    "The plan has expired: Enter reads the facts again.".to_owned(),
                    Role::Warn,
                )
            } else if plan.needs_approval() {
                let who = format!(
                    "A second person first: `aisoc-console approve {}` as another operator. It holds for {left}.",
                    plan.id
                );
                (who, Role::Warn)
            } else {
                (format!("The plan holds for {left}."), Role::Muted)
            };
            canvas.text(x, y + 2, width, &holds, role);
            canvas.pieces(x, y, width, &ask);
            canvas.text(x, y + 1, 9, "name", Role::Accent);
            input(canvas, x + 9, y + 1, width.saturating_sub(9), typed, "");
        }
        Stage::Sent(_) => {
            canvas.text(
                x,
                y,
                width,
                "Confirmed. The control plane writes it down and begins.",
                Role::Accent,
            );
        }
        Stage::Failed(_) => {
            canvas.text(
                x,
                y,
                width,
                "Nothing has been carried out. Esc backs out.",
                Role::Muted,
            );
        }
    }
    if let Some(remark) = &action.remark {
        canvas.text(x, y + 3, width, remark, Role::Warn);
    }
}

/// The plan in lines.
fn lines(plan: &Plan, model: &Model, width: usize) -> Vec<Vec<Piece>> {
    let mut all: Vec<Vec<Piece>> = Vec::new();
    let heading = |all: &mut Vec<Vec<Piece>>, text: &'static str| {
        if !all.is_empty() {
            all.push(Vec::new());
        }
        all.push(vec![piece(text, Role::Heading)]);
    };
    for line in wrap(&plan.summary, width) {
        all.push(vec![piece(line, Role::Strong)]);
    }
    let outage = plan.predicted_write_outage_ms;
    all.push(vec![
        piece("predicted write outage: ", Role::Muted),
        piece(
            outage.map_or_else(|| "none".to_owned(), |ms| format::seconds(ms as f64 / 1_000.0)),
            Role::Text,
        ),
        piece(objective(plan, model), Role::Muted),
    ]);
    if !plan.request.reason.is_empty() {
        all.push(vec![
            piece("reason: ", Role::Muted),
            piece(plan.request.reason.clone(), Role::Text),
        ]);
    }
    heading(&mut all, "Gates");
    let mut gates: Vec<&Gate> = plan.gates.iter().collect();
    gates.sort_by_key(|gate| matches!(gate.decision, Decision::Pass));
    for gate in gates {
        gate_lines(&mut all, gate, width);
    }
    if !plan.affected.is_empty() {
        heading(&mut all, "Affected");
        for sentence in &plan.affected {
            all.push(vec![piece(format!("  {sentence}"), Role::Text)]);
        }
    }
    heading(&mut all, "Steps");
    for (number, step) in (1..).zip(&plan.steps) {
        all.push(vec![
            piece(format!("  {number:>2}  "), Role::Muted),
            piece(step.title.clone(), Role::Text),
        ]);
        all.push(vec![piece(format!("      {}", step.request), Role::Faint)]);
        if let Some(undo) = &step.undo {
            all.push(vec![
                piece("      undo: ", Role::Faint),
                piece(undo.clone(), Role::Muted),
            ]);
        }
        if step.point_of_no_return {
            all.push(vec![piece(
                "      ── point of no return: after this step there is no way back ──",
                Role::Warn,
            )]);
        }
    }
    if !plan.facts.is_empty() {
        heading(&mut all, "Facts it rests on");
        for fact in &plan.facts {
            let age = fact.observed_at.map_or_else(
                || "age unknown".to_owned(),
                |at| format!("{} old", format::since(at, model.now)),
            );
            all.push(vec![
                piece(format!("  {:<34} ", fact.name), Role::Muted),
                piece(fact.value.clone(), Role::Text),
                piece(format!("  {}, {age}", fact.source), Role::Faint),
            ]);
        }
    }
    all
}

/// A gate: decision, name, why, and under them what it looked at. Nothing of it is cut off.
fn gate_lines(all: &mut Vec<Vec<Piece>>, gate: &Gate, width: usize) {
    const BEFORE: usize = 41;
    let passed = gate.decision == Decision::Pass;
    let shown = if !passed && gate.name == safety::REASON_GATE {
        state::WANTED
    } else {
        state::gate(gate.decision)
    };
    let role = if passed { Role::Muted } else { Role::Text };
    let mut first = vec![
        piece(format!("  {:<18}", shown.text()), shown.role),
        piece(format!("{:<20} ", gate.name), Role::Text),
    ];
    if gate.why.chars().count() + BEFORE <= width {
        first.push(piece(gate.why.clone(), role));
        all.push(first);
    } else {
        all.push(first);
        for line in wrap(&gate.why, width.saturating_sub(4)) {
            all.push(vec![piece(format!("    {line}"), role)]);
        }
    }
    for evidence in &gate.evidence {
        let indent = if width >= 90 { BEFORE } else { 4 };
        for (index, line) in wrap(evidence, width.saturating_sub(indent + 2))
            .into_iter()
            .enumerate()
        {
            let mark = if index == 0 { '·' } else { ' ' };
            all.push(vec![piece(format!("{:indent$}{mark} {line}", ""), Role::Muted)]);
        }
    }
}

fn objective(plan: &Plan, model: &Model) -> String {
    let key = plan.objective.as_deref();
    let row = model
        .slo
        .as_ref()
        .and_then(|slo| slo.recovery.iter().find(|row| Some(row.id.as_str()) == key));
    row.map_or_else(String::new, |row| {
        format!(
            "  (objective: RTO {}, RPO {})",
            format::bound(row.rto_seconds as f64),
            format::bound(row.rpo_seconds as f64)
        )
    })
}
