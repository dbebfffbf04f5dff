//! From the wish over the plan to the confirmation, and how an answer that does not come is told.

use super::{arm, asked, model, plan_for, press, stage, until_name, write};
use crate::action::Stage;
use crate::fixture::{self, id, now, operations};
use crate::keys::{Code, Key};
use crate::message::{Effect, Failure, Message, Reply, SourceEvent};
use crate::model::{Layer, Model};
use crate::safety::Request;
use crate::update::update;
use aisoc_model::plan::Target;
use jiff::SignedDuration;
use rstest::rstest;

#[rstest]
#[case(5, "us-east-1")]
#[case(6, "us-east-1")]
#[case(7, "us-east-1")]
#[case(8, "aisoc-us-east-1")]
fn an_action_goes_from_key_to_plan_to_reason_to_name(#[case] key: u8, #[case] name: &str) {
    let mut model = model(fixture::healthy(), true);
    until_name(&mut model, Code::F(key), "disk is failing");
    assert!(matches!(stage(&model), Stage::Confirm(..)));
    assert!(write(&mut model, name).is_empty());
    let effects = press(&mut model, Code::Enter);
    let Some(Request::Execute { plan, confirmation }) = asked(&effects) else {
        panic!("{effects:?}")
    };
    assert_eq!(confirmation, name);
    assert_eq!(plan.request.reason, "disk is failing");
    // A second Enter does not send it twice.
    assert!(press(&mut model, Code::Enter).is_empty());
}

#[rstest]
#[case("")]
#[case("y")]
#[case("yes")]
#[case("us-east")]
#[case("us-east-1 ")]
#[case("US-EAST-1")]
#[case("eu-west-1")]
fn only_the_exact_name_confirms(#[case] typed: &str) {
    let mut model = model(fixture::healthy(), true);
    until_name(&mut model, Code::F(5), "why not");
    write(&mut model, typed);
    assert!(press(&mut model, Code::Enter).is_empty());
    assert!(matches!(stage(&model), Stage::Confirm(..)));
}

#[test]
fn a_refused_plan_takes_no_name() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    let effects = press(&mut model, Code::F(7));
    plan_for(&mut model, &effects, |target, _| operations::refused(target));
    assert!(matches!(stage(&model), Stage::Refused(_)));
    write(&mut model, "us-east-1");
    assert!(press(&mut model, Code::Enter).is_empty());
    press(&mut model, Code::Esc);
    assert!(matches!(model.layer, Layer::None));
}

#[test]
fn an_empty_reason_asks_again() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    let effects = press(&mut model, Code::F(5));
    plan_for(&mut model, &effects, operations::plan);
    write(&mut model, "   ");
    assert!(press(&mut model, Code::Enter).is_empty());
    assert!(matches!(stage(&model), Stage::Reason(..)));
}

#[test]
fn an_expired_plan_is_made_anew() {
    let mut model = model(fixture::healthy(), true);
    until_name(&mut model, Code::F(5), "why not");
    model.now = now() + SignedDuration::from_secs(121);
    let at = model.now;
    for c in "us-east-1".chars() {
        update(&mut model, Message::Key(Key::char(c), at));
    }
    let effects = update(&mut model, Message::Key(Key::plain(Code::Enter), at));
    assert!(matches!(effects.as_slice(), [Effect::Plan { request, .. }] if request.reason == "why not"));
}

#[test]
fn viewers_frozen_views_and_lost_connections_cannot_act() {
    let mut viewer = model(fixture::healthy(), false);
    assert!(press(&mut viewer, Code::F(5)).is_empty());
    assert!(viewer.notice.as_ref().is_some_and(|notice| notice.bad));
    let mut frozen = model(fixture::healthy(), true);
    press(&mut frozen, Code::Char(' '));
    assert!(press(&mut frozen, Code::F(5)).is_empty());
    let mut lost = model(fixture::healthy(), true);
    until_name(&mut lost, Code::F(5), "why not");
    let event = SourceEvent::Lost {
        why: "reset".to_owned(),
        retry_in_ms: 500,
    };
    update(&mut lost, Message::Source(event, now()));
    write(&mut lost, "us-east-1");
    assert!(press(&mut lost, Code::Enter).is_empty());
}

#[test]
fn a_late_plan_for_an_earlier_wish_is_ignored() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    let first = press(&mut model, Code::F(5));
    press(&mut model, Code::Esc);
    let second = press(&mut model, Code::F(6));
    plan_for(&mut model, &first, operations::plan);
    assert!(matches!(stage(&model), Stage::Planning));
    plan_for(&mut model, &second, operations::plan);
    assert!(matches!(stage(&model), Stage::Reason(..)));
}

#[test]
fn an_unknown_outcome_shows_the_progress_and_sends_nothing_twice() {
    let mut model = model(fixture::healthy(), true);
    until_name(&mut model, Code::F(5), "why not");
    write(&mut model, "us-east-1");
    let effects = press(&mut model, Code::Enter);
    let [Effect::Act { ticket, .. }] = effects.as_slice() else {
        panic!()
    };
    let failure = Failure {
        text: "no answer".to_owned(),
        unknown: true,
    };
    let effects = update(
        &mut model,
        Message::Reply(Reply::Executed(*ticket, Err(failure)), now()),
    );
    assert!(effects.is_empty());
    assert!(matches!(model.layer, Layer::Progress(_)));
}

#[test]
fn a_decision_needs_the_name_too() {
    let mut model = model(fixture::incident(), true);
    press(&mut model, Code::Char('7'));
    press(&mut model, Code::Enter);
    press(&mut model, Code::F(3));
    assert!(matches!(model.layer, Layer::Arming(_)));
    assert!(press(&mut model, Code::Enter).is_empty());
    press(&mut model, Code::F(4));
    assert!(press(&mut model, Code::Enter).is_empty());
    write(&mut model, "eu-west-1");
    let effects = press(&mut model, Code::Enter);
    assert!(
        matches!(asked(&effects), Some(Request::Resolve { .. })),
        "{effects:?}"
    );
}

#[test]
fn a_gate_is_overridden_by_its_name_and_a_reason() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    let effects = press(&mut model, Code::F(5));
    plan_for(&mut model, &effects, |target, _| {
        operations::overridable(target, &[])
    });
    assert!(matches!(stage(&model), Stage::Refused(_)));
    press(&mut model, Code::F(2));
    assert!(matches!(stage(&model), Stage::Override(..)));
    // The name alone is not enough, and another gate's name is refused.
    assert!(press(&mut model, Code::Enter).is_empty());
    assert!(matches!(stage(&model), Stage::Override(..)));
    update(&mut model, Message::Key(Key::ctrl('u'), now()));
    write(&mut model, "rpo because I say so");
    assert!(press(&mut model, Code::Enter).is_empty());
    update(&mut model, Message::Key(Key::ctrl('u'), now()));
    write(&mut model, "survivor_capacity eu-west-1 was measured yesterday");
    let effects = press(&mut model, Code::Enter);
    let [Effect::Plan { request, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(request.overrides.len(), 1);
    assert_eq!(request.overrides[0].gate, "survivor_capacity");
    assert_eq!(request.overrides[0].reason, "eu-west-1 was measured yesterday");
    let overrides = request.overrides.clone();
    plan_for(&mut model, &effects, |target, _| {
        operations::overridable(target, &overrides)
    });
    assert!(matches!(stage(&model), Stage::Reason(..)));
}

/// A heartbeat so many seconds later: what it asks for.
fn beat(model: &mut Model, seconds: i64) -> Vec<Effect> {
    let at = now() + SignedDuration::from_secs(seconds);
    let event = SourceEvent::Heartbeat(at.as_millisecond());
    update(model, Message::Source(event, at))
}

#[test]
fn a_refused_plan_is_made_anew_while_it_is_shown() {
    let refused = |target, reason: &str| {
        let mut plan = operations::refused(target);
        reason.clone_into(&mut plan.request.reason);
        plan.sealed()
    };
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    let effects = press(&mut model, Code::F(7));
    plan_for(&mut model, &effects, refused);
    assert!(beat(&mut model, 1).is_empty());
    let effects = beat(&mut model, 3);
    assert!(matches!(effects.as_slice(), [Effect::Plan { .. }]));
    assert!(beat(&mut model, 6).is_empty(), "one question at a time");
    plan_for(&mut model, &effects, refused);
    assert!(matches!(stage(&model), Stage::Refused(_)));
    let effects = beat(&mut model, 9);
    plan_for(&mut model, &effects, operations::plan);
    assert!(matches!(stage(&model), Stage::Reason(..)));
}

/// How often it is asked how a plan stands.
fn looks(effects: &[Effect]) -> usize {
    let look = |effect: &&Effect| matches!(effect, Effect::Standing { .. });
    effects.iter().filter(look).count()
}

#[test]
fn how_a_plan_stands_is_asked_as_long_as_it_is_shown_and_no_longer() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    let effects = press(&mut model, Code::F(7));
    let effects = plan_for(&mut model, &effects, operations::plan);
    assert!(
        matches!(effects.as_slice(), [Effect::Standing { .. }]),
        "at once: {effects:?}"
    );
    assert_eq!(looks(&beat(&mut model, 2)), 0, "one question at a time");
    assert_eq!(
        looks(&beat(&mut model, 6)),
        1,
        "an answer that is lost is asked for again"
    );
    let Some(Effect::Standing { ticket, plan }) = effects.first() else {
        panic!("{effects:?}")
    };
    let shown = operations::plan(
        Target::Failover {
            cluster: fixture::main(),
            to: id("us-east-1"),
        },
        "",
    );
    assert_eq!(*plan, shown.id);
    let answer = |model: &mut Model, standing| {
        let reply = Reply::Standing(*ticket, Ok(Box::new(standing)));
        update(model, Message::Reply(reply, model.now))
    };
    let mut other = operations::ready(&shown);
    "another".clone_into(&mut other.plan);
    answer(&mut model, other);
    let look = |model: &Model| match &model.layer {
        Layer::Action(action) => action.look.clone(),
        other => panic!("no action: {other:?}"),
    };
    assert!(look(&model).answer.is_none(), "about another plan");
    answer(&mut model, operations::preparing(&shown));
    assert!(look(&model).standing().unwrap().preparing.is_some());
    assert_eq!(looks(&beat(&mut model, 8)), 1);
    let failed = Failure {
        text: "not connected".to_owned(),
        unknown: false,
    };
    update(
        &mut model,
        Message::Reply(Reply::Standing(*ticket, Err(failed)), now()),
    );
    assert!(
        look(&model).standing().is_none(),
        "what is not known is not shown"
    );
    press(&mut model, Code::Esc);
    assert_eq!(looks(&beat(&mut model, 20)), 0, "nobody looks at it any more");
}
