//! The plan: what would be done, on which evidence, how it is undone; and the line where a person confirms it.

use super::glance;
use super::question;
use super::readiness;
use super::{TALLEST, dialog, environment, scrolled};
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
    let inner = dialog(canvas, area, (126, area.height.min(TALLEST)), &title, line);
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
        let all = lines(action, plan, model, usize::from(inner.width));
        canvas.horizontal(inner.x, content.bottom(), inner.width, '─', Role::Faint);
        let below = scrolled(canvas, content, &all, action.scroll);
        if below > 0 {
            let more = [piece(
                format!(" ↓ {} ", format::number(u64::from(below), "more line")),
                Role::Accent,
            )];
            canvas.pieces_right(inner.x, content.bottom(), inner.width, &more);
        }
    } else {
        let (text, role) = match &action.stage {
            Stage::Failed(why) => (why.as_str(), Role::Bad),
            _ => ("Deciding what would be done; nothing has changed.", Role::Muted),
        };
        canvas.wrapped(content, text, role);
    }
    question::draw(canvas, ask, model, action);
}

/// The plan in lines.
fn lines(action: &Action, plan: &Plan, model: &Model, width: usize) -> Vec<Vec<Piece>> {
    let mut all: Vec<Vec<Piece>> = Vec::new();
    let heading = |all: &mut Vec<Vec<Piece>>, text: &'static str| {
        if !all.is_empty() {
            all.push(Vec::new());
        }
        all.push(vec![piece(text, Role::Heading)]);
    };
    let now = readiness::lines(action, model, width);
    all.extend(glance::lines(plan, now, model, width));
    heading(&mut all, "Gates");
    if let (Some(line), Some(age)) = (all.last_mut(), readiness::age(action, model)) {
        line.push(age);
    }
    let mut gates: Vec<&Gate> = action.gates().iter().collect();
    gates.sort_by_key(|gate| matches!(gate.decision, Decision::Pass));
    for gate in gates {
        let then = plan.gates.iter().find(|g| g.name == gate.name);
        gate_lines(&mut all, gate, then.map(|g| g.decision), width);
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

/// A gate: decision, name, why, and under them what it was when the plan was made (`then`), if that was something else,
/// and what it looked at. Nothing of it is cut off.
fn gate_lines(all: &mut Vec<Vec<Piece>>, gate: &Gate, then: Option<Decision>, width: usize) {
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
    if let Some(then) = then.filter(|then| *then != gate.decision) {
        let text = format!("    when the plan was made: {}", state::gate(then).text());
        all.push(vec![piece(text, Role::Warn)]);
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
