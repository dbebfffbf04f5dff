//! One region is armed, by its own key and for a time.

use super::{arm, model, press};
use crate::fixture::{self, id, now};
use crate::keys::Code;
use crate::message::{Effect, Identity, Message, SourceEvent};
use crate::model::Layer;
use crate::page::Page;
use crate::update::update;
use rstest::rstest;

#[rstest]
#[case(Code::Enter)]
#[case(Code::Char('y'))]
#[case(Code::Char(' '))]
#[case(Code::F(5))]
#[case(Code::Esc)]
fn only_its_key_arms(#[case] key: Code) {
    let mut model = model(fixture::healthy(), true);
    assert!(press(&mut model, Code::F(5)).is_empty());
    assert!(matches!(model.layer, Layer::Arming(_)));
    assert!(press(&mut model, key).is_empty());
    assert_eq!(model.armed, None);
}

#[test]
fn one_region_is_armed_for_a_time() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    // Another one asks again, and takes its place.
    model.selected.insert(Page::OVERVIEW, "eu-west-1".to_owned());
    assert!(press(&mut model, Code::F(5)).is_empty());
    let effects = press(&mut model, Code::F(4));
    assert!(
        matches!(effects.as_slice(), [Effect::Plan { request, .. }] if request.target.confirmation() == "eu-west-1")
    );
    assert_eq!(
        model.armed.as_ref().map(|armed| &armed.region),
        Some(&id("eu-west-1"))
    );
    update(&mut model, Message::Tick(now() + crate::safety::ARMED_FOR));
    assert_eq!(model.armed, None);
}

#[test]
fn the_key_disarms_too() {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    press(&mut model, Code::F(4));
    assert_eq!(model.armed, None);
}

#[rstest]
#[case::lost(SourceEvent::Lost { why: "reset".to_owned(), retry_in_ms: 1 })]
#[case::refused(SourceEvent::Refused("expired".to_owned()))]
#[case::another_environment(another_environment())]
#[case::somebody_else(SourceEvent::Connected {
    endpoint: "http://b:1".to_owned(),
    identity: Identity { name: "eve".to_owned(), operator: true },
})]
fn what_makes_the_target_doubtful_disarms(#[case] event: SourceEvent) {
    let mut model = model(fixture::healthy(), true);
    arm(&mut model, "us-east-1");
    update(&mut model, Message::Source(event, now()));
    assert_eq!(model.armed, None);
    assert!(model.notice.as_ref().is_some_and(|notice| notice.bad));
}

fn another_environment() -> SourceEvent {
    let mut world = fixture::healthy();
    world.head.environment = "prod-emea".to_owned();
    SourceEvent::Snapshot(Box::new(world))
}
