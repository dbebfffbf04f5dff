//! From the present into the past and back: nothing can be done there, and nothing is missed meanwhile.

use crate::connection::Connection;
use crate::fixture::{self, id, now, operations, recording};
use crate::keys::{Code, Key};
use crate::message::{Effect, Identity, Message, SourceEvent};
use crate::model::{Following, Layer, Model};
use crate::page::Page;
use crate::replay::{Position, Replayed, Wish};
use crate::safety::{Armed, Refusal, may_act};
use crate::update::update;
use aisoc_model::alert::{AlertState, Severity};
use jiff::SignedDuration;

/// Seconds into the recording at which the console is live.
const LIVE: i64 = 100;

fn later(seconds: i64) -> jiff::Timestamp {
    now() + SignedDuration::from_secs(seconds)
}

fn live() -> Model {
    let mut model = Model::new("http://a:1", Page::OVERVIEW, (120, 40), later(LIVE));
    let connected = SourceEvent::Connected {
        endpoint: "http://a:1".to_owned(),
        identity: Identity {
            name: "sre".to_owned(),
            operator: true,
        },
    };
    update(&mut model, Message::Source(connected, later(LIVE)));
    present(&mut model, LIVE);
    model
}

/// The live source brings the frame of a second.
fn present(model: &mut Model, second: i64) -> Vec<Effect> {
    let frame = Box::new(recording::frame(second));
    let event = SourceEvent::Snapshot(frame);
    update(model, Message::Source(event, later(second)))
}

fn position(second: i64) -> Position {
    Position {
        at: later(second),
        from: later(0),
        to: later(LIVE),
        playing: false,
        speed: 1,
        unrecorded: None,
        remark: None,
        ended: second >= LIVE,
    }
}

/// The recording brings the frame of a second.
fn past(model: &mut Model, second: i64) {
    let replayed = Replayed {
        world: Some(Box::new(recording::frame(second))),
        position: position(second),
    };
    let event = SourceEvent::Replayed(Box::new(replayed));
    assert!(update(model, Message::Source(event, later(LIVE))).is_empty());
}

fn key(model: &mut Model, c: char) -> Vec<Effect> {
    update(model, Message::Key(Key::char(c), later(LIVE)))
}

fn by(seconds: i64) -> Vec<Effect> {
    vec![Effect::Replay(Wish::By(seconds * 1_000))]
}

fn to(second: i64) -> Vec<Effect> {
    vec![Effect::Replay(Wish::To(later(second).as_millisecond()))]
}

#[test]
fn keys_go_through_time() {
    let mut model = live();
    assert_eq!(key(&mut model, '<'), to(LIVE - 10));
    // Nothing is shown before it is there.
    assert!(model.replaying.is_none());
    past(&mut model, 90);
    assert_eq!(model.connection, Connection::Replay);
    assert_eq!(key(&mut model, '<'), by(-10));
    assert_eq!(key(&mut model, '>'), by(10));
    assert_eq!(key(&mut model, '{'), by(-300));
    assert_eq!(key(&mut model, '}'), by(300));
    assert_eq!(key(&mut model, ' '), [Effect::Replay(Wish::Play)]);
    assert_eq!(
        key(&mut model, 'n'),
        [Effect::Replay(Wish::Happening { forward: true })]
    );
    assert_eq!(key(&mut model, '+'), [Effect::Replay(Wish::Faster)]);
    past(&mut model, LIVE);
    assert_eq!(key(&mut model, '>'), [Effect::Present]);
    assert!(model.connection.trustworthy());
}

#[test]
fn in_the_present_there_is_no_later() {
    let mut model = live();
    for c in ['>', '}', 'n', '+', '-'] {
        assert!(key(&mut model, c).is_empty());
        assert!(model.notice.as_ref().is_some_and(|notice| notice.bad));
    }
    // Freezing is not playing.
    assert!(key(&mut model, ' ').is_empty());
    assert!(model.frozen.is_some());
}

#[test]
fn the_time_is_that_of_the_recording_and_how_long_ago_is_told_by_the_present() {
    let mut model = live();
    past(&mut model, 60);
    assert_eq!(model.now, later(60));
    // Time alone changes nothing about what was.
    update(&mut model, Message::Tick(later(LIVE + 30)));
    assert_eq!(model.now, later(60));
    assert_eq!(model.replaying.as_ref().unwrap().today, later(LIVE + 30));
    assert_eq!(model.world.as_ref().unwrap().alerts.len(), 6);
}

#[test]
fn nothing_can_be_done_to_what_was() {
    let mut model = live();
    model.armed = Some(Armed {
        region: id("us-east-1"),
        environment: "local".to_owned(),
        until: later(LIVE + 500),
    });
    past(&mut model, 60);
    assert!(model.armed.is_none());
    assert_eq!(may_act(&model.situation()), Err(Refusal::Past));
    for (page, keys) in [("overview", 4..=8), ("alerts", 4..=9)] {
        model.page = page.parse().unwrap();
        for number in keys {
            let effects = update(&mut model, Message::Key(Key::plain(Code::F(number)), later(LIVE)));
            assert!(effects.is_empty(), "F{number}: {effects:?}");
            assert!(matches!(model.layer, Layer::None), "F{number}");
            let said = model.notice.as_ref().unwrap().text.clone();
            assert!(said.contains("replay"), "F{number}: {said}");
        }
    }
}

#[test]
fn the_present_goes_on_and_comes_back_whole() {
    let mut model = live();
    past(&mut model, 60);
    // A frame of the present changes nothing on the screen.
    present(&mut model, 101);
    assert_eq!(model.now, later(60));
    assert_eq!(model.world.as_ref().unwrap().head.at, later(60));
    // A delta fits the frame that waits.
    let (before, after) = (recording::frame(101), recording::frame(102));
    let delta = SourceEvent::Delta(Box::new(before.delta_to(&after)), 0);
    assert!(update(&mut model, Message::Source(delta, later(102))).is_empty());
    let effects = update(&mut model, Message::Key(Key::plain(Code::Esc), later(102)));
    assert_eq!(effects, [Effect::Present]);
    assert!(model.replaying.is_none() && model.connection.trustworthy());
    assert_eq!(**model.world.as_ref().unwrap(), after);
    assert_eq!(model.now, later(102));
    assert_eq!(model.missed.gaps, 0);
}

#[test]
fn an_alert_of_the_present_is_told_while_something_else_is_shown() {
    let mut model = live();
    model.preferences.notify = true;
    past(&mut model, 60);
    let mut world = recording::frame(101);
    let mut alert = fixture::incident().alerts.into_values().next().unwrap();
    "AiSOCNew".clone_into(&mut alert.rule);
    alert.severity = Severity::P1;
    alert.state = AlertState::Firing;
    alert.acknowledged = None;
    world.alerts.insert("new".to_owned(), alert);
    let event = SourceEvent::Snapshot(Box::new(world));
    let effects = update(&mut model, Message::Source(event, later(101)));
    assert!(matches!(effects.as_slice(), [Effect::Notify(_)]), "{effects:?}");
    let buffer = crate::snapshot::draw(&model, crate::capabilities::Capabilities::FULL);
    let text = crate::snapshot::print(&buffer, crate::snapshot::Style::Text);
    assert!(text.contains("NOW: an alert fires, P1 AiSOCNew"), "{text}");
    assert!(text.contains("REPLAY") && !text.contains("● live"), "{text}");
}

#[test]
fn a_lost_connection_is_seen_afterwards() {
    let mut model = live();
    past(&mut model, 60);
    let lost = SourceEvent::Lost {
        why: "gone".to_owned(),
        retry_in_ms: 1_000,
    };
    update(&mut model, Message::Source(lost, later(101)));
    assert_eq!(model.connection, Connection::Replay);
    update(&mut model, Message::Key(Key::plain(Code::Esc), later(102)));
    assert!(matches!(model.connection, Connection::Lost { .. }));
}

#[test]
fn from_an_operation_to_where_it_began() {
    let mut model = live();
    let operation = operations::drain_done();
    model.layer = Layer::Progress(Following::new(operation.id));
    let began = operation.started_at.as_millisecond();
    assert_eq!(key(&mut model, '<'), [Effect::Replay(Wish::To(began))]);
}

#[test]
fn what_cannot_be_fetched_is_said_and_the_present_stays() {
    let mut model = live();
    key(&mut model, '<');
    let ended = SourceEvent::ReplayEnded("nothing has been recorded yet".to_owned());
    let effects = update(&mut model, Message::Source(ended, later(LIVE)));
    assert_eq!(effects, [Effect::Present]);
    assert!(model.connection.trustworthy());
    assert!(
        model
            .notice
            .as_ref()
            .unwrap()
            .text
            .contains("nothing has been recorded")
    );
}

#[test]
fn a_sparkline_is_not_drawn_over_a_jump() {
    let mut model = live();
    for second in 20..30 {
        past(&mut model, second);
    }
    let key = model.world.as_ref().unwrap().links.keys().next().unwrap().clone();
    assert_eq!(model.history.latest(&key, 100).count(), 10);
    past(&mut model, 10);
    assert_eq!(model.history.latest(&key, 100).count(), 1);
}
