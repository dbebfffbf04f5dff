//! What the connection brings: loss, gaps, the direct mode, coming back.

use super::model;
use crate::connection::Connection;
use crate::direct::Answer;
use crate::fixture::{self, now, operations};
use crate::message::{Effect, Identity, Message, Reply, SourceEvent};
use crate::model::{Layer, Model};
use crate::update::update;
use jiff::SignedDuration;

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
