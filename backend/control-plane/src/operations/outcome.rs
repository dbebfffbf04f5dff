//! How an operation ended, in an operator's words: what is so now, what it cost, what is left to do.

use crate::operations::action::Action;
use crate::operations::drain;
use crate::operations::watching::{WATCHED_FAILURES, WATCHED_REQUESTS};
use aisoc_model::operation::{Operation, StepState};
use aisoc_model::plan::Target;

/// Every step is done.
pub(super) fn done(operation: &Operation, actions: &[Action]) -> String {
    let mut parts = vec![state_of_things(operation, actions)];
    parts.extend(cost(operation));
    if let Some(last) = last_detail(operation) {
        parts.push(last);
    }
    parts.join("; ")
}

/// It was carried out, but a step that follows the change found something wrong.
pub(super) fn incomplete(operation: &Operation, actions: &[Action], step: usize) -> String {
    let mut parts = vec![state_of_things(operation, actions)];
    parts.extend(cost(operation));
    format!("{}, BUT {}", parts.join("; "), failure(operation, step))
}

/// Which step failed, and why.
pub(super) fn failure(operation: &Operation, step: usize) -> String {
    let title = operation.plan.steps.get(step).map_or("a step", |s| &s.title);
    let detail = operation.steps.get(step).and_then(|s| s.detail.as_deref());
    format!("'{title}' failed: {}", detail.unwrap_or("it does not say why"))
}

/// What an undo has left.
pub(super) fn put_back(operation: &Operation, actions: &[Action]) -> String {
    let undone: Vec<&Action> = operation
        .steps
        .iter()
        .zip(actions)
        .filter(|(step, _)| step.state == StepState::Undone)
        .map(|(_, action)| action)
        .collect();
    match undone.as_slice() {
        [] => "nothing had been changed".to_owned(),
        // The undo goes back to what was before the first of them.
        [Action::SetWeight { region, before, .. }, ..] => {
            format!("taken back: {region} has {before} % again")
        }
        [Action::RollBack { release, before, .. }, ..] => {
            format!("taken back: {release} runs the settings of revision {before} again")
        }
        [Action::DeployGreen { release, .. }, ..] => format!("taken back: green of {release} is gone"),
        [Action::Share { region, .. }, ..] => {
            format!("taken back: what served {region} before serves it all again")
        }
        steps => format!("taken back: {} step(s) undone", steps.len()),
    }
}

/// What is so now.
fn state_of_things(operation: &Operation, actions: &[Action]) -> String {
    match &operation.plan.request.target {
        Target::Drain { region, .. } => match operation.figures.get("sessions_left") {
            Some(left) if *left > 0.0 => {
                format!("{region} is out of rotation with {left} session(s) still open")
            }
            _ => format!("{region} is out of rotation and idle"),
        },
        Target::Restore { region } => format!("{region} is back in rotation with its full weight"),
        Target::RenewDrain {
            region,
            expires_seconds,
        } => {
            let lasts = drain::lasting(drain::drain_seconds(*expires_seconds));
            format!("the drain of {region} lasts for another {lasts}")
        }
        Target::Failover { to, .. } | Target::EmergencyFailover { to, .. } | Target::Promote { to, .. } => {
            format!("{to} is the writer")
        }
        Target::Fence { region, .. } => format!("the database member of {region} is kept down"),
        Target::Rejoin { region, .. } => format!("the database member of {region} may run again"),
        Target::GreenDeploy { release, .. } => {
            format!("green of {release} runs beside what serves, out of rotation")
        }
        Target::GreenSwitch { release } => format!("{release} serves with green, blue is kept idle"),
        Target::GreenCancel { release } => format!("{release} serves as before, green is gone"),
        Target::BlueDelete { release } => format!("blue of {release} is gone"),
        Target::RegionFailover { region, to } => {
            format!("{to} has taken over from {region}, which is out of rotation")
        }
        Target::Rollback { release, .. } => {
            let revision = actions.iter().find_map(|action| match action {
                Action::RollBack { revision, .. } => Some(*revision),
                _ => None,
            });
            revision.map_or_else(
                || format!("{release} was rolled back"),
                |number| format!("{release} runs the settings of revision {number} again"),
            )
        }
    }
}

/// What it cost those who use the platform, as far as it was measured.
fn cost(operation: &Operation) -> Vec<String> {
    let figure = |name: &str| operation.figures.get(name).copied();
    let mut parts = Vec::new();
    if let Some(ms) = figure("write_outage_ms") {
        parts.push(format!("writes stood still for {:.2} s", ms / 1_000.0));
    }
    if let (Some(all), Some(lost)) = (figure("acknowledged_canaries"), figure("lost_canaries")) {
        parts.push(format!("{lost} of {all} acknowledged canaries lost"));
    }
    match (figure(WATCHED_REQUESTS), figure(WATCHED_FAILURES)) {
        (Some(all), _) if all <= 0.0 => parts.push("no request came by to judge it by".to_owned()),
        (Some(all), Some(failed)) => {
            parts.push(format!("{failed} of {all} requests failed while it was watched"));
        }
        _ => {}
    }
    parts
}

/// What the last step saw, unless it is a watch: those are summed above.
fn last_detail(operation: &Operation) -> Option<String> {
    let last = operation.steps.last()?;
    if last.id.starts_with("watch") {
        return None;
    }
    last.detail.clone()
}
