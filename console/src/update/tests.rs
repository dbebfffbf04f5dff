//! Tables and properties of `update`.

use super::update;
use crate::action::Stage;
use crate::connection::Connection;
use crate::fixture::{self, id, now, operations};
use crate::keys::{Code, Key};
use crate::message::{Effect, Failure, Identity, Message, Reply, SourceEvent};
use crate::model::{Layer, Model};
use crate::page::Page;
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
    let [Effect::Execute { authorised, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(authorised.confirmation(), name);
    assert_eq!(authorised.plan().request.reason, "disk is failing");
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
    let [Effect::Execute { ticket, .. }] = effects.as_slice() else {
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
    let effects = press(&mut model, Code::Enter);
    let [Effect::Plan { request, .. }] = effects.as_slice() else {
        panic!("{effects:?}")
    };
    assert_eq!(request.target, Target::Failover { to: id("eu-west-1") });
    assert_eq!(model.chosen, ["failover to eu-west-1"]);
}

#[test]
fn an_alert_is_acknowledged_by_its_key() {
    let mut model = model(fixture::incident(), true);
    press(&mut model, Code::Char('4'));
    assert_eq!(
        press(&mut model, Code::F(9)),
        [Effect::Acknowledge("AiSOCHighErrorRate:us-east-1".to_owned())]
    );
}

#[test]
fn a_decision_needs_the_name_too() {
    let mut model = model(fixture::incident(), true);
    press(&mut model, Code::Char('6'));
    press(&mut model, Code::Enter);
    press(&mut model, Code::F(3));
    assert!(press(&mut model, Code::Enter).is_empty());
    write(&mut model, "eu-west-1");
    let effects = press(&mut model, Code::Enter);
    assert!(matches!(effects.as_slice(), [Effect::Resolve(_)]), "{effects:?}");
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
        2 => any::<char>().prop_map(|c| Doing::Key(Key::char(c))),
        4 => names().prop_map(Doing::Text),
        5 => (0u64..2, names(), any::<bool>(), prop::sample::select(vec!["", "why", "y"]))
            .prop_map(|(back, name, refused, reason)| Doing::Plan { back, name, refused, reason }),
        1 => (0u8..5).prop_map(Doing::Source),
        1 => (0i64..200).prop_map(Doing::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// No sequence of messages reaches an execution without a passing plan for what was asked, a reason, and the
    /// exact name typed since that plan was shown.
    #[test]
    fn nothing_is_carried_out_without_plan_reason_and_name(doings in prop::collection::vec(doing(), 1..60)) {
        let mut model = model(fixture::healthy(), true);
        let mut at = now();
        // What was typed since the last plan arrived, kept apart from the code under test.
        let mut typed = String::new();
        let mut last: Option<Plan> = None;
        let mut wished: Option<Target> = None;
        for doing in doings {
            let messages = match doing {
                Doing::Key(key) => vec![Message::Key(key, at)],
                Doing::Text(text) => text.chars().map(|c| Message::Key(Key::char(c), at)).collect(),
                Doing::Plan { back, name, refused, reason } => {
                    // Sometimes what was asked for, sometimes something else.
                    let target = match (&wished, id_or_none(name)) {
                        (Some(target), _) if back == 0 => target.clone(),
                        (_, Some(region)) => Target::Failover { to: region },
                        _ => Target::Rollback { release: name.to_owned(), revision: None },
                    };
                    let plan = if refused { operations::refused(target) } else { operations::plan(target, reason) };
                    let ticket = model.tickets.saturating_sub(back);
                    vec![Message::Reply(Reply::Plan(ticket, Ok(Box::new(plan))), at)]
                }
                Doing::Source(0) => vec![Message::Source(SourceEvent::Silent, at)],
                Doing::Source(1) => {
                    vec![Message::Source(SourceEvent::Lost { why: String::new(), retry_in_ms: 1 }, at)]
                }
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
                let key = if let Message::Key(key, _) = &message { Some(*key) } else { None };
                let effects = update(&mut model, message);
                for effect in effects {
                    match effect {
                        Effect::Plan { request, .. } => wished = Some(request.target),
                        Effect::Execute { authorised, .. } => {
                            let plan = authorised.plan();
                            prop_assert!(plan.may_execute());
                            prop_assert!(!plan.request.reason.trim().is_empty());
                            prop_assert!(at < plan.expires_at);
                            prop_assert_eq!(Some(plan), last.as_ref());
                            let name = plan.request.target.confirmation();
                            prop_assert_eq!(wished.as_ref().map(Target::confirmation), Some(name));
                            prop_assert_eq!(wished.as_ref().map(Target::kind), Some(plan.request.target.kind()));
                            prop_assert_eq!(authorised.confirmation(), name);
                            prop_assert_eq!(&typed, name);
                            prop_assert_eq!(key, Some(Key::plain(Code::Enter)));
                            prop_assert!(model.connection.trustworthy());
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
                        Some(Key { code: Code::Char(c), .. }) => typed.push(c),
                        Some(Key { code: Code::Backspace, .. }) => { typed.pop(); }
                        _ => {}
                    }
                }
            }
        }
    }

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
                    let plan = operations::refused(Target::Failover { to: id(name) });
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
