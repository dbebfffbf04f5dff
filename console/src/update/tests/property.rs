//! Properties: no sequence of messages reaches an effect without the whole chain, and everything can be drawn.

use super::{model, write};
use crate::action::Stage;
use crate::fixture::{self, id, now, operations};
use crate::keys::{Code, Key};
use crate::message::{Effect, Message, Reply, SourceEvent};
use crate::model::{Layer, Model};
use crate::replay::{Position, Replayed};
use crate::safety::Request;
use crate::update::update;
use aisoc_model::plan::{Plan, Target};
use jiff::SignedDuration;
use proptest::prelude::*;

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
