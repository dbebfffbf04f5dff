//! Frames, and how the connection goes.

use super::arm;
use crate::connection::Connection;
use crate::message::{Effect, SourceEvent};
use crate::model::{Following, Layer, Model};
use aisoc_model::operation::Operation;
use aisoc_model::text::sanitize;
use aisoc_model::world::World;
use jiff::{SignedDuration, Timestamp};

/// Takes what the source says; `at` is this machine's clock.
pub fn take(model: &mut Model, event: SourceEvent, at: Timestamp) -> Vec<Effect> {
    match event {
        SourceEvent::Connecting(endpoint) => connecting(model, endpoint),
        // Not live yet: what is on the screen is still the old frame.
        SourceEvent::Connected { endpoint, identity } => {
            if model.identity.as_ref().is_some_and(|known| *known != identity) {
                arm::drop_armed(model, "somebody else is signed in");
            }
            model.endpoint = endpoint;
            model.identity = Some(identity);
        }
        SourceEvent::Snapshot(world) => {
            arrived(model, world.head.at, at);
            model.connection = Connection::Live {
                endpoint: model.endpoint.clone(),
            };
            model.history.sample(&world);
            let before = model.world.replace(world);
            snapshot(model, before.as_deref());
            return notify(model);
        }
        SourceEvent::Delta(delta, coalesced) => {
            arrived(model, delta.head.at, at);
            model.missed.coalesced = model.missed.coalesced.saturating_add(u64::from(coalesced));
            let fits = match model.world.as_mut() {
                Some(world) => world.apply(*delta).is_ok(),
                None => false,
            };
            if !fits {
                // A frame is missing: what we have would be drawn as if it were whole. Begin with a whole one.
                model.missed.gaps = model.missed.gaps.saturating_add(1);
                lost(model, "a frame is missing: fetching a whole one", 0);
                return vec![Effect::Reconnect];
            }
            if let Some(world) = &model.world {
                model.history.sample(world);
            }
            return notify(model);
        }
        SourceEvent::Heartbeat(milliseconds) => {
            let theirs = Timestamp::from_millisecond(milliseconds).unwrap_or(at);
            arrived(model, theirs, at);
        }
        SourceEvent::Silent => {
            if let Connection::Live { endpoint } = &model.connection {
                model.connection = Connection::Silent {
                    endpoint: endpoint.clone(),
                    since: model.now,
                };
            }
        }
        // Taken before: see `hear`.
        SourceEvent::Replayed(_) | SourceEvent::ReplayEnded(_) => {}
        SourceEvent::Lost { why, retry_in_ms } => lost(model, &why, retry_in_ms),
        SourceEvent::Refused(why) => {
            arm::drop_armed(model, "the token is refused");
            model.connection = Connection::Refused {
                why: sanitize(&why, 300),
            };
        }
    }
    Vec::new()
}

/// What has begun to page is told beyond the screen, if that is wanted.
fn notify(model: &mut Model) -> Vec<Effect> {
    let Some(world) = &model.world else {
        return Vec::new();
    };
    let told = model.notifier.look(world, model.now);
    told.filter(|_| model.preferences.notify)
        .map(Effect::Notify)
        .into_iter()
        .collect()
}

/// A whole frame arrived, perhaps of another environment than before.
fn snapshot(model: &mut Model, before: Option<&World>) {
    let Some(world) = &model.world else { return };
    if before.is_some_and(|before| before.head.environment != world.head.environment) {
        arm::drop_armed(model, "this is another environment");
    }
}

/// A console that comes back to an operation of its own shows it.
pub fn reattach(model: &mut Model) {
    let own = |operation: &&Operation| {
        model
            .identity
            .as_ref()
            .is_some_and(|me| me.name == operation.started_by)
    };
    let running = model.world.as_ref().and_then(|world| world.running_operation());
    if let Some(operation) = running.filter(own)
        && matches!(model.layer, Layer::None)
    {
        let id = operation.id.clone();
        model.layer = Layer::Progress(Following::new(id));
        model.tell("your operation went on without this console: here it is");
    }
}

/// A first try is `Connecting`; a later one stays `Lost`, with the time since when.
fn connecting(model: &mut Model, endpoint: String) {
    match &mut model.connection {
        Connection::Lost { retry_at, .. } => *retry_at = None,
        Connection::Live { .. }
        | Connection::Silent { .. }
        | Connection::Refused { .. }
        | Connection::Replay
        | Connection::Still => {
            model.connection = Connection::Connecting { endpoint };
        }
        Connection::Connecting { endpoint: tried } => *tried = endpoint,
    }
}

fn lost(model: &mut Model, why: &str, retry_in_ms: u64) {
    arm::drop_armed(model, "the connection is lost");
    let since = match &model.connection {
        Connection::Lost { since, .. } | Connection::Silent { since, .. } => *since,
        _ => model.now,
    };
    let wait = SignedDuration::from_millis(i64::try_from(retry_in_ms).unwrap_or(i64::MAX));
    let retry_at = Some(model.now.saturating_add(wait).unwrap_or(model.now));
    model.connection = Connection::Lost {
        since,
        why: sanitize(why, 300),
        retry_at,
    };
}

/// Something arrived: the connection lives, and its clock is known.
fn arrived(model: &mut Model, theirs: Timestamp, ours: Timestamp) {
    model.clock_offset = theirs.duration_since(ours);
    super::tell_time(model, ours);
    if let Connection::Silent { endpoint, .. } = &model.connection {
        model.connection = Connection::Live {
            endpoint: endpoint.clone(),
        };
    }
}
