//! Acting: wish, plan, reason, name, gate; and what comes back.

use super::{arm, standing};
use crate::action::{self, Action, Deciding, Look, Next, Stage};
use crate::direct;
use crate::facts;
use crate::keys::Command;
use crate::message::{Effect, Failure, Reply};
use crate::model::{Following, Layer, Model};
use crate::palette;
use crate::safety::{self, Decision, Intent, Refusal};
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::plan::{OperationKind, Override, Plan, PlanRequest, Target};
use tui_input::Input;

/// A refused plan on the screen is made anew this often, milliseconds.
const RENEW_AFTER: u64 = 2_000;

/// An action key: what it means for the selected row.
pub fn wish_for_selected(model: &mut Model, command: Command) -> Vec<Effect> {
    let Some(region) = model.focus() else {
        model.complain("no region is selected: nothing is known yet");
        return Vec::new();
    };
    let target = match command {
        Command::Drain => palette::drain(region),
        Command::Restore => Target::Restore { region },
        Command::Failover => return failover(model, region),
        _ => {
            let Some(release) = model.shown().and_then(|world| facts::release(world, &region)) else {
                model.complain(format!("no release is known in {region}"));
                return Vec::new();
            };
            Target::Rollback {
                release: release.name.clone(),
                revision: None,
            }
        }
    };
    wish(model, target)
}

/// The failover to a region: of the only database cluster that it makes sense for, else of the one that is chosen from a
/// short list.
fn failover(model: &mut Model, to: RegionId) -> Vec<Effect> {
    let fitting = model.shown().map(|world| {
        let fitting = world.fitting(OperationKind::Failover, &to);
        fitting.into_iter().cloned().collect::<Vec<_>>()
    });
    match fitting.unwrap_or_default().as_slice() {
        [] => {
            model.complain(format!("no database cluster is known to have a member in {to}"));
            Vec::new()
        }
        [cluster] => {
            let cluster = cluster.clone();
            wish(model, Target::Failover { cluster, to })
        }
        _ => {
            let typed = format!("failover to {to}");
            model.layer = Layer::Palette(Box::new(palette::Palette::open(model).typed(&typed)));
            Vec::new()
        }
    }
}

/// Asks for a plan, without a reason yet; for an armed region only, because making ready may already be seen.
pub fn wish(model: &mut Model, target: Target) -> Vec<Effect> {
    if arm::needed(model, &target, Next::Plan(target.clone())) {
        return Vec::new();
    }
    let request = PlanRequest {
        target,
        reason: String::new(),
        overrides: Vec::new(),
        break_glass: None,
    };
    plan(model, request, None)
}

fn plan(model: &mut Model, request: PlanRequest, remark: Option<String>) -> Vec<Effect> {
    model.tickets = model.tickets.saturating_add(1);
    let ticket = model.tickets;
    model.layer = Layer::Action(Box::new(Action {
        target: request.target.clone(),
        ticket,
        stage: Stage::Planning,
        remark,
        scroll: 0,
        asked_at: model.now,
        renewing: false,
        look: Look::default(),
    }));
    vec![Effect::Plan { ticket, request }]
}

/// Makes a plan that is refused anew, when it is time: what refuses it may have changed.
pub fn renew(model: &mut Model) -> Vec<Effect> {
    if !model.connection.trustworthy() || model.frozen.is_some() {
        return Vec::new();
    }
    let now = model.now;
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    let (Stage::Refused(shown) | Stage::Override(shown, _)) = &action.stage else {
        return Vec::new();
    };
    if action.renewing || millis_between(action.asked_at, now) < RENEW_AFTER {
        return Vec::new();
    }
    let request = shown.request.clone();
    action.renewing = true;
    action.asked_at = now;
    let ticket = action.ticket;
    vec![Effect::Plan { ticket, request }]
}

/// The reason was typed: the plan is made again with it, because it is part of what is hashed and recorded.
pub fn give_reason(model: &mut Model) -> Vec<Effect> {
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    let Stage::Reason(shown, input) = &action.stage else {
        return Vec::new();
    };
    let reason = input.value().trim().to_owned();
    if reason.is_empty() {
        action.remark = Some(Refusal::NoReason.to_string());
        return Vec::new();
    }
    let request = PlanRequest {
        reason,
        ..shown.request.clone()
    };
    plan(model, request, None)
}

/// Opens the line for an override, when some gate of the refused plan may be overridden.
pub fn begin_override(model: &mut Model) {
    let Layer::Action(action) = &mut model.layer else {
        return;
    };
    let Stage::Refused(shown) = &action.stage else {
        return;
    };
    let first = action::overridable(shown).next().map(|name| format!("{name} "));
    match first {
        Some(name) => action.stage = Stage::Override(shown.clone(), Input::new(name)),
        None => action.remark = Some("no gate that refuses may be overridden".to_owned()),
    }
}

/// An override was typed: the plan is made again with it, because it is part of what is hashed and recorded.
pub fn give_override(model: &mut Model) -> Vec<Effect> {
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    let Stage::Override(shown, input) = &action.stage else {
        return Vec::new();
    };
    match action::read_override(shown, input.value()) {
        Ok(given) => {
            let mut request = shown.request.clone();
            request.overrides.retain(|o: &Override| o.gate != given.gate);
            request.overrides.push(given);
            plan(model, request, None)
        }
        Err(why) => {
            action.remark = Some(why);
            Vec::new()
        }
    }
}

/// What failed is asked for anew: the facts are read again, and nothing that was typed is kept.
pub fn ask_again(model: &mut Model) -> Vec<Effect> {
    let Layer::Action(action) = &model.layer else {
        return Vec::new();
    };
    let target = action.target.clone();
    wish(model, target)
}

/// The name was typed: the gate decides.
pub fn confirm(model: &mut Model) -> Vec<Effect> {
    let Layer::Action(action) = &model.layer else {
        return Vec::new();
    };
    let Stage::Confirm(shown, input) = &action.stage else {
        return Vec::new();
    };
    let intent = Intent::Execute {
        plan: shown,
        asked: &action.target,
        typed: input.value(),
    };
    let (result, shown) = (safety::gate(intent, &model.situation()), shown.clone());
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    match result {
        Ok(permitted) => {
            let ticket = action.ticket;
            action.remark = None;
            action.stage = Stage::Sent(shown);
            vec![Effect::Act { ticket, permitted }]
        }
        Err(refusal @ Refusal::Expired) => plan(model, shown.request, Some(refusal.to_string())),
        Err(Refusal::NotArmed(_)) => {
            let target = action.target.clone();
            arm::needed(model, &target, Next::Plan(target.clone()));
            Vec::new()
        }
        Err(refusal) => {
            action.remark = Some(refusal.to_string());
            Vec::new()
        }
    }
}

/// Something came back.
pub fn reply(model: &mut Model, reply: Reply) -> Vec<Effect> {
    match reply {
        Reply::Plan(ticket, result) => {
            planned(model, ticket, result.map_err(|failure| failure.text));
            return standing::look(model);
        }
        Reply::Standing(ticket, result) => standing::take(model, ticket, result),
        Reply::Executed(ticket, result) => {
            let Layer::Action(action) = &mut model.layer else {
                if let Err(failure) = result {
                    model.complain(failure.text);
                }
                return Vec::new();
            };
            if action.ticket != ticket {
                return Vec::new();
            }
            match result {
                Ok(operation) => model.layer = Layer::Progress(Following::new(operation.id)),
                // It may run: its progress is shown as soon as a frame has it, and nothing is sent twice.
                Err(Failure { unknown: true, text }) => {
                    if let Some(id) = action.plan().map(|plan| plan.id.clone()) {
                        model.layer = Layer::Progress(Following::new(id));
                    }
                    model.complain(text);
                }
                Err(failure) => match &action.stage {
                    // Nobody has approved it yet: the same plan is confirmed again when somebody has.
                    Stage::Sent(plan) if plan.needs_approval() => {
                        action.stage = Stage::Confirm(plan.clone(), Input::default());
                        action.remark = Some(failure.text);
                    }
                    _ => action.stage = Stage::Failed(failure.text),
                },
            }
        }
        Reply::Probed(answers) => direct::take(model, answers),
        Reply::Runbook(ticket, result) => super::runbook::arrived(model, ticket, result),
        Reply::Acknowledged(key, Ok(())) => model.tell(format!("acknowledged {key}")),
        Reply::Acknowledged(_, Err(failure)) | Reply::Resolved(_, Err(failure)) => {
            model.complain(failure.text);
        }
        Reply::Resolved(_, Ok(operation)) => model.tell(format!("operation is {}", operation.state.word())),
    }
    Vec::new()
}

fn planned(model: &mut Model, ticket: u64, result: Result<Box<Plan>, String>) {
    let Layer::Action(action) = &mut model.layer else {
        return;
    };
    if action.ticket != ticket {
        return;
    }
    if action.renewing {
        action.renewing = false;
        return renewed(action, result);
    }
    if !matches!(action.stage, Stage::Planning) {
        return;
    }
    action.stage = match result {
        Err(why) => Stage::Failed(why),
        Ok(plan) => stage_of(plan),
    };
}

/// Where a plan that has just been made leads to.
fn stage_of(plan: Box<Plan>) -> Stage {
    if safety::lacks_only_a_reason(&plan) {
        Stage::Reason(plan, Input::default())
    } else if plan.may_execute() {
        Stage::Confirm(plan, Input::default())
    } else {
        Stage::Refused(plan)
    }
}

/// A refused plan was made anew. What is being typed about a gate stays while it is still refused.
fn renewed(action: &mut Action, result: Result<Box<Plan>, String>) {
    let plan = match result {
        Ok(plan) => plan,
        Err(why) => {
            action.remark = Some(format!("the evidence could not be read again: {why}"));
            return;
        }
    };
    let next = stage_of(plan);
    if !matches!(next, Stage::Refused(_)) {
        action.remark = Some("the gates let it pass now".to_owned());
    }
    let shown = std::mem::replace(&mut action.stage, Stage::Planning);
    action.stage = match (shown, next) {
        (Stage::Override(_, typed), Stage::Refused(plan)) => Stage::Override(plan, typed),
        (Stage::Refused(_) | Stage::Override(..), next) => next,
        (shown, _) => shown,
    };
}

/// Acknowledges the selected alert.
pub fn acknowledge_selected(model: &mut Model) -> Vec<Effect> {
    let table = model.table();
    let key = table
        .selected(model.selected_on(model.page))
        .map(|row| row.key.clone());
    let known = |key: &String| model.shown().is_some_and(|world| world.alerts.contains_key(key));
    let Some(key) = key.filter(known) else {
        model.complain("no alert is selected: go to the page Alerts and choose one");
        return Vec::new();
    };
    acknowledge(model, &key)
}

/// Acknowledges an alert. It changes nothing but the record, so no name has to be typed.
pub fn acknowledge(model: &mut Model, key: &str) -> Vec<Effect> {
    match safety::gate(Intent::Acknowledge { alert: key }, &model.situation()) {
        Ok(permitted) => vec![Effect::Act { ticket: 0, permitted }],
        Err(refusal) => {
            model.complain(refusal.to_string());
            Vec::new()
        }
    }
}

/// Opens the question whether an operation is tried again or aborted; its region has to be armed.
pub fn ask_decision(model: &mut Model, command: Command) {
    let Layer::Progress(Following { id, .. }) = &model.layer else {
        return;
    };
    let decision = if command == Command::Retry {
        Decision::Retry
    } else {
        Decision::Abort
    };
    let id = id.clone();
    let Some(operation) = model.operation(&id).filter(|o| !o.state.ended()) else {
        return model.complain(Refusal::Ended.to_string());
    };
    let target = operation.plan.request.target.clone();
    if !arm::needed(model, &target, Next::Decide(id.clone(), decision)) {
        open_decision(model, id, decision);
    }
}

/// Opens the line in which a decision is confirmed by name.
pub fn open_decision(model: &mut Model, operation: String, decision: Decision) {
    model.layer = Layer::Deciding(Deciding {
        operation,
        decision,
        input: Input::default(),
        remark: None,
    });
}

/// The name was typed under a decision.
pub fn confirm_decision(model: &mut Model) -> Vec<Effect> {
    let Layer::Deciding(deciding) = &model.layer else {
        return Vec::new();
    };
    let result = match model.operation(&deciding.operation) {
        Some(operation) => {
            let intent = Intent::Decide {
                operation,
                decision: deciding.decision,
                typed: deciding.input.value(),
            };
            safety::gate(intent, &model.situation()).map_err(|refusal| refusal.to_string())
        }
        None => Err("the operation is not known any more".to_owned()),
    };
    let Layer::Deciding(deciding) = &mut model.layer else {
        return Vec::new();
    };
    match result {
        Ok(permitted) => {
            model.layer = Layer::Progress(Following::new(&*deciding.operation));
            vec![Effect::Act { ticket: 0, permitted }]
        }
        Err(why) => {
            deciding.remark = Some(why);
            Vec::new()
        }
    }
}
