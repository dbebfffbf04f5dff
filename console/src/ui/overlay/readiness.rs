//! How the plan on the screen stands now: what moved since it was made, and whether nothing acknowledged can be lost.

use super::glance::say;
use crate::action::Action;
use crate::format;
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use aisoc_model::clock::millis_between;
use aisoc_model::plan::{OperationKind, Plan};

/// The gate that knows whether commits wait for the candidate.
const ESCORT_GATE: &str = "escort";
/// What was read is old after this many milliseconds: it is asked every second.
const OLD: u64 = 4_000;

/// The lines.
pub fn lines(action: &Action, model: &Model, width: usize) -> Vec<Vec<Piece>> {
    let mut all = Vec::new();
    let Some(plan) = action.viable() else {
        return all;
    };
    match &action.look.answer {
        Some(Err(why)) => {
            let text = format!("? how it stands now is not known: {why}");
            say(&mut all, width, "now", &text, Role::Unknown);
        }
        Some(Ok(standing)) => {
            for (index, moved) in standing.moved.iter().enumerate() {
                let label = if index == 0 { "now" } else { "" };
                let text = format!("✖ it would be refused: {moved}");
                say(&mut all, width, label, &text, Role::Bad);
            }
        }
        None => {}
    }
    if escorted(plan) {
        let (text, role) = zero_loss(action, model);
        say(&mut all, width, "zero loss", &text, role);
    }
    all
}

/// Whether commits are made to wait for the candidate: always, unless a person has overridden it.
fn escorted(plan: &Plan) -> bool {
    plan.request.target.kind() == OperationKind::Failover
        && plan.gates.iter().any(|gate| gate.name == ESCORT_GATE)
        && !plan.request.overrides.iter().any(|o| o.gate == ESCORT_GATE)
}

fn zero_loss(action: &Action, model: &Model) -> (String, Role) {
    let why = action.gates().iter().find(|gate| gate.name == ESCORT_GATE);
    let why = why.map_or("", |gate| gate.why.as_str());
    let operator = model.identity.as_ref().is_some_and(|identity| identity.operator);
    match action.look.standing() {
        Some(standing) => match &standing.preparing {
            Some(missing) => (format!("◌ getting ready: {missing}"), Role::Notice),
            None if standing.ready() && operator => (format!("✓ ready: {why}"), Role::Good),
            None => (why.to_owned(), Role::Muted),
        },
        None => (why.to_owned(), Role::Muted),
    }
}

/// When the gates were decided that are shown.
pub fn age(action: &Action, model: &Model) -> Option<Piece> {
    let standing = action.viable().and_then(|_| action.look.standing())?;
    let role = if millis_between(standing.at, model.now) > OLD {
        Role::Unknown
    } else {
        Role::Muted
    };
    let text = format!("  decided again {} ago", format::since(standing.at, model.now));
    Some(piece(text, role))
}
