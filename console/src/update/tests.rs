//! Tables and properties of `update`.

use super::update;
use crate::action::Stage;
use crate::connection::Connection;
use crate::direct::Answer;
use crate::fixture::{self, id, now, operations};
use crate::keys::{Code, Key};
use crate::message::{Effect, Failure, Identity, Message, Reply, SourceEvent};
use crate::model::{Layer, Model};
use crate::page::Page;
use crate::replay::{Position, Replayed};
use crate::safety::Request;
use aisoc_model::plan::{Plan, Target};
use aisoc_model::world::World;
use jiff::SignedDuration;
use proptest::prelude::*;
use rstest::rstest;

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
fn a_lost_connection_is_lost_until_a_whole_frame_arrives() {
    let mut model = model(fixture::healthy(), true);
    let source = |model: &mut Model, event, seconds| {
        let at = now() + SignedDuration::from_secs(seconds);
        update(model, Message::Source(event, at))
    };
    source(&mut model, SourceEvent::Silent, 3);
    assert!(matches!(model.connection, Connection::Silent { .. }));
    source(
        &mut model,
        SourceEvent::Lost {
            why: "reset\u{1b}[31m".to_owned(),
            retry_in_ms: 500,
        },
        10,
    );
    let Connection::Lost { since, why, .. } = &model.connection else {
        panic!()
    };
    assert_eq!(*since, now() + SignedDuration::from_secs(3));
    assert!(!why.contains('\u{1b}'));
    source(&mut model, SourceEvent::Connecting("http://a:1".to_owned()), 11);
    assert!(!model.connection.trustworthy());
    let identity = Identity {
        name: "sre".to_owned(),
        operator: true,
    };
    source(
        &mut model,
        SourceEvent::Connected {
            endpoint: "http://b:1".to_owned(),
            identity,
        },
        12,
    );
    assert!(!model.connection.trustworthy());
    source(
        &mut model,
        SourceEvent::Snapshot(Box::new(fixture::healthy())),
        12,
    );
    assert_eq!(
        model.connection,
        Connection::Live {
            endpoint: "http://b:1".to_owned()
        }
    );
}

#[test]
fn without_a_control_plane_the_regions_are_asked_themselves() {
    let mut model = model(fixture::healthy(), true);
    let lost = SourceEvent::Lost {
        why: "reset".to_owned(),
        retry_in_ms: 500,
    };
    assert!(
        update(&mut model, Message::Source(lost, now())).is_empty(),
        "it may come back at once"
    );
    let tick = |model: &mut Model, seconds| {
        let at = now() + SignedDuration::from_secs(seconds);
        update(model, Message::Tick(at))
    };
    let effects = tick(&mut model, 3);
    let [Effect::Probe(endpoints)] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(endpoints.len(), 6);
    assert!(tick(&mut model, 6).is_empty(), "one round at a time");
    let answers: Vec<Answer> = endpoints
        .iter()
        .map(|endpoint| Answer {
            endpoint: endpoint.clone(),
            result: Err("connection refused".to_owned()),
        })
        .collect();
    update(
        &mut model,
        Message::Reply(Reply::Probed(answers), now() + SignedDuration::from_secs(6)),
    );
    assert!(model.direct.seen.is_some());
    assert!(matches!(tick(&mut model, 9).as_slice(), [Effect::Probe(_)]));
    // It is back: nobody is asked any more, and what was heard is forgotten.
    let world = SourceEvent::Snapshot(Box::new(fixture::healthy()));
    update(
        &mut model,
        Message::Source(world, now() + SignedDuration::from_secs(10)),
    );
    assert!(model.direct.seen.is_none());
}

#[test]
fn a_gap_is_counted_and_closed_by_a_whole_frame() {
    let mut model = model(fixture::healthy(), true);
    let mut next = fixture::healthy();
    next.head.seq = 50;
    let mut later = next.clone();
    later.head.seq = 51;
    let delta = SourceEvent::Delta(Box::new(next.delta_to(&later)), 2);
    assert_eq!(
        update(&mut model, Message::Source(delta, now())),
        [Effect::Reconnect]
    );
    assert_eq!((model.missed.gaps, model.missed.coalesced), (1, 2));
    assert!(!model.connection.trustworthy());
}

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

#[test]
fn a_console_that_comes_back_shows_its_own_operation() {
    let back = model(fixture::incident(), true);
    assert!(
        matches!(&back.layer, Layer::Progress(following) if following.id == operations::failover_running().id)
    );
    let mut world = fixture::incident();
    for operation in world.operations.values_mut() {
        operation.started_by = "ann".to_owned();
    }
    assert!(matches!(model(world, true).layer, Layer::None));
}

/// What a person, a network and a control plane might do.
#[derive(Debug, Clone)]
enum Doing {
    Key(Key),
    Text(&'static str),
    /// A plan comes back: which ticket, for whom, good or refused, with which reason.
    Plan {
        back: u64,
        name: &'static str,
        refused: bool,
        reason: &'static str,
    },
    Source(u8),
    Wait(i64),
}

fn doing() -> impl Strategy<Value = Doing> {
    let names = || {
        prop::sample::select(vec![
            "us-east-1",
            "eu-west-1",
            "ap-southeast-1",
            "aisoc-us-east-1",
            "y",
            "",
        ])
    };
    let codes = vec![
        Code::Enter,
        Code::Enter,
        Code::Enter,
        Code::Esc,
        Code::Down,
        Code::Tab,
        Code::Backspace,
    ];
    prop_oneof![
        4 => prop::sample::select(codes).prop_map(|code| Doing::Key(Key::plain(code))),
        3 => (2u8..10).prop_map(|n| Doing::Key(Key::plain(Code::F(n)))),
        3 => Just(Doing::Key(Key::plain(Code::F(4)))),
        2 => any::<char>().prop_map(|c| Doing::Key(Key::char(c))),
        4 => names().prop_map(Doing::Text),
        5 => (0u64..2, names(), any::<bool>(), prop::sample::select(vec!["", "why", "y"]))
            .prop_map(|(back, name, refused, reason)| Doing::Plan { back, name, refused, reason }),
        1 => (0u8..8).prop_map(Doing::Source),
        1 => (0i64..200).prop_map(Doing::Wait),
    ]
}

/// The whole chain as it should be, with every link but one in ten in its place.
fn chain() -> impl Strategy<Value = Vec<Doing>> {
    let key = |code| Doing::Key(Key::plain(code));
    let plan = |reason| Doing::Plan {
        back: 0,
        name: "us-east-1",
        refused: false,
        reason,
    };
    let links = vec![
        key(Code::Esc),
        key(Code::F(5)),
        key(Code::F(4)),
        plan(""),
        Doing::Text("why"),
        key(Code::Enter),
        plan("why"),
        Doing::Text("us-east-1"),
        key(Code::Enter),
    ];
    prop::collection::vec(prop::bool::weighted(0.97), links.len()).prop_map(move |kept| {
        links
            .iter()
            .zip(kept)
            .filter(|(_, kept)| *kept)
            .map(|(l, _)| l.clone())
            .collect()
    })
}

fn doings() -> impl Strategy<Value = Vec<Doing>> {
    let one = doing().prop_map(|doing| vec![doing]);
    prop::collection::vec(prop_oneof![6 => one, 1 => chain()], 1..30).prop_map(|parts| parts.concat())
}

/// No sequence of messages reaches an execution without a region armed by its own key within its time, a passing plan
/// for what was asked of that region, a reason, and the exact name typed since a plan that does this was shown.
#[test]
#[allow(clippy::too_many_lines)] // the model of what was done has to stand beside the checks
fn nothing_is_carried_out_without_arming_plan_reason_and_name() {
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let reached = std::cell::Cell::new(0_u32);
    let result = proptest::test_runner::TestRunner::new(config).run(&doings(), |doings| {
        let mut model = model(fixture::healthy(), true);
        let mut at = now();
        // When the arming key was pressed last while it was asked about which region, kept apart from the code under test.
        let mut armed: Option<(aisoc_model::RegionId, jiff::Timestamp)> = None;
        // What was typed since the last plan arrived, kept apart from the code under test.
        let mut typed = String::new();
        let mut last: Option<Plan> = None;
        let mut wished: Option<Target> = None;
        for doing in doings {
            let messages = match doing {
                Doing::Key(key) => vec![Message::Key(key, at)],
                Doing::Text(text) => text.chars().map(|c| Message::Key(Key::char(c), at)).collect(),
                Doing::Plan {
                    back,
                    name,
                    refused,
                    reason,
                } => {
                    // Sometimes what was asked for, sometimes something else.
                    let target = match (&wished, id_or_none(name)) {
                        (Some(target), _) if back == 0 => target.clone(),
                        (_, Some(region)) => Target::Failover {
                            cluster: fixture::main(),
                            to: region,
                        },
                        _ => Target::Rollback {
                            release: name.to_owned(),
                            revision: None,
                        },
                    };
                    let plan = if refused {
                        operations::refused(target)
                    } else {
                        operations::plan(target, reason)
                    };
                    let ticket = model.tickets.saturating_sub(back);
                    vec![Message::Reply(Reply::Plan(ticket, Ok(Box::new(plan))), at)]
                }
                Doing::Source(0) => vec![Message::Source(SourceEvent::Silent, at)],
                Doing::Source(1) => {
                    vec![Message::Source(
                        SourceEvent::Lost {
                            why: String::new(),
                            retry_in_ms: 1,
                        },
                        at,
                    )]
                }
                Doing::Source(2) => vec![Message::Source(replayed(at), at)],
                Doing::Source(3) => vec![Message::Source(SourceEvent::ReplayEnded(String::new()), at)],
                Doing::Source(_) => {
                    let mut world = fixture::healthy();
                    world.head.at = at;
                    vec![Message::Source(SourceEvent::Snapshot(Box::new(world)), at)]
                }
                Doing::Wait(seconds) => {
                    at = at.checked_add(SignedDuration::from_secs(seconds)).unwrap();
                    vec![Message::Tick(at)]
                }
            };
            for message in messages {
                let shown_before = confirming(&model);
                let asks = match &model.layer {
                    Layer::Arming(arming) => Some(arming.region.clone()),
                    _ => None,
                };
                let key = if let Message::Key(key, _) = &message {
                    Some(*key)
                } else {
                    None
                };
                let effects = update(&mut model, message);
                if let (Some(region), Some(Key { code: Code::F(4), .. })) = (asks, key) {
                    armed = Some((region, at));
                }
                for effect in effects {
                    match effect {
                        Effect::Plan { request, .. } => wished = Some(request.target),
                        Effect::Act { permitted, .. } => {
                            let Request::Execute { plan, confirmation } = permitted.request() else {
                                continue;
                            };
                            reached.set(reached.get() + 1);
                            prop_assert!(plan.may_execute());
                            prop_assert!(!plan.request.reason.trim().is_empty());
                            prop_assert!(at < plan.expires_at);
                            prop_assert_eq!(Some(&**plan), last.as_ref());
                            let name = plan.request.target.confirmation();
                            prop_assert_eq!(wished.as_ref(), Some(&plan.request.target));
                            prop_assert_eq!(confirmation, name);
                            prop_assert_eq!(&typed, name);
                            prop_assert_eq!(key, Some(Key::plain(Code::Enter)));
                            let world = model.world.as_deref().unwrap();
                            let region = crate::facts::target_region(world, &plan.request.target);
                            let (armed, since) = armed.clone().unwrap();
                            prop_assert_eq!(Some(armed), region);
                            prop_assert!(at < since + crate::safety::ARMED_FOR);
                            prop_assert!(model.connection.trustworthy());
                            prop_assert!(model.replaying.is_none());
                        }
                        _ => {}
                    }
                }
                let shown = confirming(&model);
                if shown != shown_before {
                    typed.clear();
                    last.clone_from(&shown);
                } else if shown.is_some() {
                    match key {
                        Some(Key {
                            code: Code::Char(c), ..
                        }) => typed.push(c),
                        Some(Key {
                            code: Code::Backspace,
                            ..
                        }) => {
                            typed.pop();
                        }
                        _ => {}
                    }
                }
            }
        }
        Ok(())
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    // The property says nothing when nothing is ever carried out.
    assert!(reached.get() > 20, "only {} executions", reached.get());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Nothing that can happen makes the screen fail, at any size.
    #[test]
    fn whatever_happens_can_be_drawn(
        doings in prop::collection::vec(doing(), 0..20),
        width in 1u16..210,
        height in 1u16..60,
    ) {
        let mut model = model(fixture::incident(), true);
        for doing in doings {
            match doing {
                Doing::Key(key) => { update(&mut model, Message::Key(key, now())); }
                Doing::Text(text) => { write(&mut model, text); }
                Doing::Plan { refused: true, name, .. } if id_or_none(name).is_some() => {
                    let plan = operations::refused(Target::Failover { cluster: fixture::main(), to: id(name) });
                    let reply = Reply::Plan(model.tickets, Ok(Box::new(plan)));
                    update(&mut model, Message::Reply(reply, now()));
                }
                _ => {}
            }
        }
        model.size = (width, height);
        let buffer = crate::snapshot::draw(&model, crate::capabilities::Capabilities::FULL);
        let plain = buffer.content.iter().all(|cell| {
            let mut chars = cell.symbol().chars();
            matches!((chars.next(), chars.next()), (Some(c), None) if !c.is_control())
        });
        prop_assert!(plain);
    }
}

/// A moment ago, out of a recording.
fn replayed(at: jiff::Timestamp) -> SourceEvent {
    let mut world = fixture::healthy();
    world.head.at = at - SignedDuration::from_secs(60);
    SourceEvent::Replayed(Box::new(Replayed {
        position: Position {
            at: world.head.at,
            from: world.head.at,
            to: at,
            playing: false,
            speed: 1,
            unrecorded: None,
            remark: None,
            ended: false,
        },
        world: Some(Box::new(world)),
    }))
}

fn confirming(model: &Model) -> Option<Plan> {
    match &model.layer {
        Layer::Action(action) => match &action.stage {
            Stage::Confirm(plan, _) => Some((**plan).clone()),
            _ => None,
        },
        _ => None,
    }
}

fn id_or_none(name: &str) -> Option<aisoc_model::RegionId> {
    name.parse()
        .ok()
        .filter(|_| name.len() > 5 && !name.starts_with("aisoc"))
}
