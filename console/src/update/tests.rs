//! Tables and properties of `update`.

mod action;
mod arming;
mod connection;
mod moving;
mod property;

use super::update;
use crate::action::Stage;
use crate::fixture::{now, operations};
use crate::keys::{Code, Key};
use crate::message::{Effect, Identity, Message, Reply, SourceEvent};
use crate::model::{Layer, Model};
use crate::page::Page;
use crate::safety::Request;
use aisoc_model::plan::{Plan, Target};
use aisoc_model::world::World;

fn model(world: World, operator: bool) -> Model {
    let mut model = Model::new("http://a:1", Page::OVERVIEW, (120, 40), now());
    let identity = Identity {
        name: "sre".to_owned(),
        operator,
    };
    let connected = SourceEvent::Connected {
        endpoint: "http://a:1".to_owned(),
        identity,
    };
    update(&mut model, Message::Source(connected, now()));
    update(
        &mut model,
        Message::Source(SourceEvent::Snapshot(Box::new(world)), now()),
    );
    model
}

fn press(model: &mut Model, code: Code) -> Vec<Effect> {
    update(model, Message::Key(Key::plain(code), model.now))
}

/// Arms a region by the keys for it.
fn arm(model: &mut Model, region: &str) {
    model.selected.insert(Page::OVERVIEW, region.to_owned());
    press(model, Code::F(4));
    assert!(press(model, Code::F(4)).is_empty());
    assert_eq!(
        model.armed.as_ref().map(|armed| armed.region.as_str()),
        Some(region)
    );
}

/// What an effect asks to be changed.
fn asked(effects: &[Effect]) -> Option<&Request> {
    match effects {
        [Effect::Act { permitted, .. }] => Some(permitted.request()),
        _ => None,
    }
}

fn write(model: &mut Model, text: &str) -> Vec<Effect> {
    text.chars().flat_map(|c| press(model, Code::Char(c))).collect()
}

/// Answers the plan request among some effects.
fn plan_for(model: &mut Model, effects: &[Effect], make: impl Fn(Target, &str) -> Plan) -> Vec<Effect> {
    let Some(Effect::Plan { ticket, request }) = effects.first() else {
        panic!("no plan was asked for: {effects:?}")
    };
    let plan = make(request.target.clone(), &request.reason);
    update(
        model,
        Message::Reply(Reply::Plan(*ticket, Ok(Box::new(plan))), model.now),
    )
}

/// From the key to the input of the name.
fn until_name(model: &mut Model, key: Code, reason: &str) {
    arm(model, "us-east-1");
    let effects = press(model, key);
    plan_for(model, &effects, operations::plan);
    write(model, reason);
    let effects = press(model, Code::Enter);
    plan_for(model, &effects, operations::plan);
}

fn stage(model: &Model) -> &Stage {
    match &model.layer {
        Layer::Action(action) => &action.stage,
        other => panic!("no action: {other:?}"),
    }
}
