//! Ways through the pages: from key to page, from alert to action, from explanation to evidence.

use super::{asked, model, press, write};
use crate::fixture::{self, id};
use crate::keys::Code;
use crate::message::Effect;
use crate::model::Layer;
use crate::page::Page;
use crate::safety::Request;
use aisoc_model::plan::Target;
use rstest::rstest;

#[test]
fn pages_filters_and_back() {
    let mut model = model(fixture::incident(), true);
    press(&mut model, Code::Char('2'));
    assert_eq!(model.page.name(), "lag");
    write(&mut model, "/lag>5s");
    assert_eq!(model.table().rows.len(), 2);
    press(&mut model, Code::Enter);
    press(&mut model, Code::Char('j'));
    assert_eq!(model.focus(), Some(id("ap-southeast-1")));
    press(&mut model, Code::Esc);
    assert!(model.filters.is_empty());
    press(&mut model, Code::Esc);
    assert_eq!(model.page, Page::OVERVIEW);
    press(&mut model, Code::Char(']'));
    assert_eq!(model.page.name(), "lag");
}

#[test]
fn the_palette_finds_an_action_by_a_few_letters() {
    let mut model = model(fixture::healthy(), true);
    write(&mut model, ":fail eu");
    // The region is not armed: that is asked first, and the wish goes on.
    assert!(press(&mut model, Code::Enter).is_empty());
    let effects = press(&mut model, Code::F(4));
    let [Effect::Plan { request, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(
        request.target,
        Target::Failover {
            cluster: fixture::main(),
            to: id("eu-west-1")
        }
    );
    assert_eq!(model.chosen, ["failover to eu-west-1"]);
}

#[test]
fn an_alert_is_acknowledged_by_its_key() {
    let mut model = model(fixture::incident(), true);
    press(&mut model, Code::Char('4'));
    let effects = press(&mut model, Code::F(9));
    let key = "AiSOCHighErrorRate:us-east-1".to_owned();
    assert_eq!(asked(&effects), Some(&Request::Acknowledge(key)));
}

#[rstest]
#[case::from_the_alerts(&[Code::Char('4')], &[Code::Enter, Code::Enter, Code::F(4)])]
#[case::from_the_overview(&[], &[Code::Char('4'), Code::Enter, Code::Enter, Code::F(4)])]
fn from_an_alert_to_its_action_in_four_keys(#[case] before: &[Code], #[case] keys: &[Code]) {
    let mut world = fixture::incident();
    world.releases.get_mut("aisoc-us-east-1").unwrap().rollout = None;
    let mut model = model(world, true);
    model.layer = Layer::None;
    for key in before {
        press(&mut model, *key);
    }
    assert!(keys.len() <= 4);
    let effects = keys
        .iter()
        .flat_map(|key| press(&mut model, *key))
        .collect::<Vec<_>>();
    let [Effect::Plan { request, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(request.target.confirmation(), "aisoc-us-east-1");
}

#[test]
fn an_explanation_leads_to_its_evidence_and_back() {
    let mut model = model(fixture::incident(), true);
    model.layer = Layer::None;
    press(&mut model, Code::Char('4'));
    press(&mut model, Code::Enter);
    assert!(matches!(model.layer, Layer::Explain(_)));
    for _ in 0..3 {
        press(&mut model, Code::Char('j'));
    }
    press(&mut model, Code::Enter);
    assert_eq!(model.page.name(), "slis");
    assert_eq!(model.selected_on(model.page), Some("us-east-1:http_error_rate"));
    press(&mut model, Code::Char('['));
    assert_eq!(model.page.name(), "alerts");
}
