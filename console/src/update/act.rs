//! Acting: wish, plan, reason, name, gate; and what comes back.

use crate::action::{Action, Deciding, Stage};
use crate::facts;
use crate::keys::Command;
use crate::message::{Effect, Failure, Reply};
use crate::model::{Following, Layer, Model};
use crate::palette;
use crate::safety::{self, Decision, Refusal};
use aisoc_model::plan::{Plan, PlanRequest, Target};
use tui_input::Input;

/// An action key: what it means for the selected row.
pub fn wish_for_selected(model: &mut Model, command: Command) -> Vec<Effect> {
    let Some(region) = model.focus() else {
        model.complain("no region is selected: nothing is known yet");
        return Vec::new();
    };
    let target = match command {
        Command::Drain => palette::drain(region),
        Command::Restore => Target::Restore { region },
        Command::Failover => Target::Failover { to: region },
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

/// Asks for a plan, without a reason yet. Changes nothing.
pub fn wish(model: &mut Model, target: Target) -> Vec<Effect> {
    if let Err(refusal) = safety::may_act(&model.situation()) {
        model.complain(refusal.to_string());
        return Vec::new();
    }
    plan(model, target, String::new(), None)
}

fn plan(model: &mut Model, target: Target, reason: String, remark: Option<String>) -> Vec<Effect> {
    model.tickets = model.tickets.saturating_add(1);
    let ticket = model.tickets;
    let request = PlanRequest {
        target: target.clone(),
        reason,
        overrides: Vec::new(),
        break_glass: None,
    };
    model.layer = Layer::Action(Box::new(Action {
        target,
        ticket,
        stage: Stage::Planning,
        remark,
        scroll: 0,
    }));
    vec![Effect::Plan { ticket, request }]
}

/// The reason was typed: the plan is made again with it, because it is part of what is hashed and recorded.
pub fn give_reason(model: &mut Model) -> Vec<Effect> {
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    let Stage::Reason(_, input) = &action.stage else {
        return Vec::new();
    };
    let reason = input.value().trim().to_owned();
    if reason.is_empty() {
        action.remark = Some(Refusal::NoReason.to_string());
        return Vec::new();
    }
    let target = action.target.clone();
    plan(model, target, reason, None)
}

/// The name was typed: the gate decides.
pub fn confirm(model: &mut Model) -> Vec<Effect> {
    let situation = model.situation();
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    let Stage::Confirm(plan_shown, input) = &action.stage else {
        return Vec::new();
    };
    match safety::authorise(plan_shown, &action.target, input.value(), &situation) {
        Ok(authorised) => {
            let ticket = action.ticket;
            action.remark = None;
            action.stage = Stage::Sent(plan_shown.clone());
            vec![Effect::Execute { ticket, authorised }]
        }
        Err(refusal @ Refusal::Expired) => {
            let (target, reason) = (action.target.clone(), plan_shown.request.reason.clone());
            plan(model, target, reason, Some(refusal.to_string()))
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
        Reply::Plan(ticket, result) => planned(model, ticket, result.map_err(|failure| failure.text)),
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
    if action.ticket != ticket || !matches!(action.stage, Stage::Planning) {
        return;
    }
    action.stage = match result {
        Err(why) => Stage::Failed(why),
        Ok(plan) if safety::lacks_only_a_reason(&plan) => Stage::Reason(plan, Input::default()),
        Ok(plan) if !plan.may_execute() => Stage::Refused(plan),
        Ok(plan) => Stage::Confirm(plan, Input::default()),
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
    acknowledge(model, key)
}

/// Acknowledges an alert. It changes nothing but the record, so no name has to be typed.
pub fn acknowledge(model: &mut Model, key: String) -> Vec<Effect> {
    if let Err(refusal) = safety::may_act(&model.situation()) {
        model.complain(refusal.to_string());
        return Vec::new();
    }
    vec![Effect::Acknowledge(key)]
}

/// Opens the question whether an operation is tried again or aborted.
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
    if let Err(refusal) = safety::may_act(&model.situation()) {
        return model.complain(refusal.to_string());
    }
    if model
        .operation(&id)
        .is_none_or(|operation| operation.state.ended())
    {
        return model.complain("the operation has ended: there is nothing to decide");
    }
    model.layer = Layer::Deciding(Deciding {
        operation: id,
        decision,
        input: Input::default(),
        remark: None,
    });
}

/// The name was typed under a decision.
pub fn confirm_decision(model: &mut Model) -> Vec<Effect> {
    let situation = model.situation();
    let Layer::Deciding(deciding) = &mut model.layer else {
        return Vec::new();
    };
    let operation = model
        .world
        .as_ref()
        .and_then(|world| world.operations.get(&deciding.operation));
    let Some(operation) = operation else {
        deciding.remark = Some("the operation is not known any more".to_owned());
        return Vec::new();
    };
    match safety::decide(operation, deciding.decision, deciding.input.value(), &situation) {
        Ok(decided) => {
            model.layer = Layer::Progress(Following::new(decided.operation()));
            vec![Effect::Resolve(decided)]
        }
        Err(refusal) => {
            deciding.remark = Some(refusal.to_string());
            Vec::new()
        }
    }
}
