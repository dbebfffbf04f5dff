//! A plan at a glance: what moves, how far behind the data is, who is affected, what is left, how long writes wait,
//! what can be undone.

use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::wrap;
use crate::ui::widgets::{observed, state};
use aisoc_model::plan::{OperationKind, Plan};

/// Columns of the labels.
const LABEL: usize = 11;
/// The gate that knows what the others can carry.
const CAPACITY_GATE: &str = "survivor_capacity";

/// The lines; `now` are those that say how it stands now.
pub fn lines(plan: &Plan, now: Vec<Vec<Piece>>, model: &Model, width: usize) -> Vec<Vec<Piece>> {
    let mut all = Vec::new();
    say(&mut all, width, "moves", &plan.summary, Role::Strong);
    all.extend(now);
    let outage = plan.predicted_write_outage_ms;
    all.push(vec![
        piece(format!("{:<LABEL$}", "writes"), Role::Muted),
        piece(
            outage.map_or_else(
                || "no outage predicted".to_owned(),
                |ms| format!("predicted to wait for {}", format::seconds(ms as f64 / 1_000.0)),
            ),
            Role::Text,
        ),
        piece(objective(plan, model), Role::Muted),
    ]);
    all.extend(lag(plan, model));
    for (index, sentence) in plan.affected.iter().enumerate() {
        let label = if index == 0 { "affected" } else { "" };
        say(&mut all, width, label, sentence, Role::Text);
    }
    if let Some(gate) = plan.gates.iter().find(|gate| gate.name == CAPACITY_GATE) {
        say(&mut all, width, "capacity", &gate.why, Role::Text);
    }
    let (undo, role) = undo(plan);
    say(&mut all, width, "undo", &undo, role);
    if !plan.request.reason.is_empty() {
        say(&mut all, width, "reason", &plan.request.reason, Role::Text);
    }
    for given in &plan.request.overrides {
        let text = format!("{}: {}", given.gate, given.reason);
        say(&mut all, width, "override", &text, Role::Warn);
    }
    all
}

/// A labelled text over as many lines as it takes.
pub(super) fn say(all: &mut Vec<Vec<Piece>>, width: usize, label: &'static str, text: &str, role: Role) {
    for (index, line) in wrap(text, width.saturating_sub(LABEL)).into_iter().enumerate() {
        let label = if index == 0 { label } else { "" };
        all.push(vec![
            piece(format!("{label:<LABEL$}"), Role::Muted),
            piece(line, role),
        ]);
    }
}

/// How far behind the data of the region is that takes over, now.
fn lag(plan: &Plan, model: &Model) -> Option<Vec<Piece>> {
    let target = &plan.request.target;
    if target.kind() != OperationKind::Failover {
        return None;
    }
    let world = model.world.as_deref()?;
    let to = facts::target_region(world, target)?;
    let link = facts::feed_of(world, target.cluster()?, &to)?;
    let level = state::lag(facts::level(link, model.now));
    let mut pieces = vec![piece(format!("{:<LABEL$}", "lag"), Role::Muted)];
    pieces.extend(observed::value(&link.lag_seconds, model.now, |lag| {
        (format::seconds(*lag), level.value_role())
    }));
    pieces.push(piece(format!("  {}", level.text()), level.role));
    pieces.push(piece(format!("  {} → {}", link.from, link.to), Role::Muted));
    Some(pieces)
}

/// What can be undone, and from where on nothing can.
fn undo(plan: &Plan) -> (String, Role) {
    let changing: Vec<_> = plan.steps.iter().filter(|step| step.undo.is_some()).collect();
    let last = plan.steps.iter().position(|step| step.point_of_no_return);
    match last {
        Some(at) => (
            format!(
                "until step {} of {}, which is the point of no return; before it an abort undoes what was done",
                at + 1,
                plan.steps.len()
            ),
            Role::Notice,
        ),
        None if changing.is_empty() => ("nothing that would have to be undone".to_owned(), Role::Text),
        None => (
            format!(
                "an abort undoes it at any time; {} of {} steps change something",
                changing.len(),
                plan.steps.len()
            ),
            Role::Text,
        ),
    }
}

/// The recovery objective that it is measured against.
fn objective(plan: &Plan, model: &Model) -> String {
    let key = plan.objective.as_deref();
    let row = key.and_then(|key| model.thresholds()?.objective(key));
    row.map_or_else(String::new, |row| {
        format!(
            "  (objective: RTO {}, RPO {})",
            format::bound(row.rto_seconds as f64),
            format::bound(row.rpo_seconds as f64)
        )
    })
}
