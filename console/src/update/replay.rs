//! Going through time. In a live console the present goes on beside what is shown, and comes back whole.

#[cfg(test)]
mod tests;

use super::{arm, source};
use crate::connection::Connection;
use crate::history::History;
use crate::keys::Command;
use crate::message::{Effect, SourceEvent};
use crate::model::{Layer, Model};
use crate::replay::{Present, Replayed, Replaying, STEP_MS, STRIDE_MS, Wish};
use aisoc_model::text::sanitize;
use jiff::Timestamp;

/// Longest step of time over which a sparkline is still one line, milliseconds.
const TOGETHER_MS: u64 = 5_000;

/// A key that goes through time. `None`: it means something else here.
pub fn run(model: &mut Model, command: Command) -> Option<Vec<Effect>> {
    let wish = match command {
        Command::Earlier => Wish::By(-STEP_MS),
        Command::EarlierFar => Wish::By(-STRIDE_MS),
        Command::PreviousEvent => Wish::Happening { forward: false },
        Command::Later => Wish::By(STEP_MS),
        Command::LaterFar => Wish::By(STRIDE_MS),
        Command::NextEvent => Wish::Happening { forward: true },
        Command::Faster => Wish::Faster,
        Command::Slower => Wish::Slower,
        Command::Freeze => Wish::Play,
        Command::Present => return Some(leave(model)),
        _ => return None,
    };
    let Some(replaying) = &model.replaying else {
        return enter(model, command, wish);
    };
    // Beyond the newest there is the present.
    let forward = matches!(command, Command::Later | Command::LaterFar);
    if forward && replaying.present.is_some() && replaying.position.ended {
        return Some(leave(model));
    }
    Some(vec![Effect::Replay(wish)])
}

/// From the present into the past: only backwards, and of an operation that is looked at to where it began.
fn enter(model: &mut Model, command: Command, wish: Wish) -> Option<Vec<Effect>> {
    if command == Command::Freeze {
        return None;
    }
    if !matches!(
        command,
        Command::Earlier | Command::EarlierFar | Command::PreviousEvent
    ) {
        model.complain("this is the present: < goes back in time");
        return Some(Vec::new());
    }
    let begin = match &model.layer {
        Layer::Progress(following) => model
            .operation(&following.id)
            .map(|operation| operation.started_at),
        _ => None,
    };
    let wish = match (begin, wish) {
        (Some(at), _) => Wish::To(at.as_millisecond()),
        // By the control plane's clock, as the recording.
        (None, Wish::By(step)) => Wish::To(model.now.as_millisecond().saturating_add(step)),
        (None, wish) => wish,
    };
    model.tell("looking for the recording");
    Some(vec![Effect::Replay(wish)])
}

/// Back to the present, if there is one.
pub fn leave(model: &mut Model) -> Vec<Effect> {
    if restore(model) {
        vec![Effect::Present]
    } else {
        model.complain("this is the replay of a file: there is no present to go to");
        Vec::new()
    }
}

/// The recording brings a frame, or another position.
pub fn take(model: &mut Model, replayed: Replayed, at: Timestamp) {
    let Replayed { world, position } = replayed;
    let before = model.now;
    match &mut model.replaying {
        Some(replaying) => replaying.position = position,
        None => begin(
            model,
            Replaying {
                position,
                present: None,
                today: at,
            },
        ),
    }
    super::tell_time(model, at);
    let together =
        model.now >= before && aisoc_model::clock::millis_between(before, model.now) <= TOGETHER_MS;
    if !together {
        model.history = History::default();
    }
    if let Some(world) = world {
        model.history.sample(&world);
        model.world = Some(world);
    }
}

/// The screen shows from now on what was. What was begun for the present ends.
fn begin(model: &mut Model, mut replaying: Replaying) {
    arm::drop_armed(model, "this is a replay");
    if matches!(
        model.layer,
        Layer::Arming(_) | Layer::Action(_) | Layer::Deciding(_)
    ) {
        model.layer = Layer::None;
    }
    model.frozen = None;
    model.notice = None;
    let connection = std::mem::replace(&mut model.connection, Connection::Replay);
    // A file is played by a console that has never had a connection.
    if model.identity.is_some() {
        replaying.present = Some(Box::new(Present {
            world: model.world.take(),
            connection,
            history: std::mem::take(&mut model.history),
            clock_offset: model.clock_offset,
        }));
    }
    model.replaying = Some(replaying);
}

/// The recording has no more, or cannot be used: a live console shows what is.
pub fn end(model: &mut Model, why: &str) {
    let why = sanitize(why, 300);
    if model.replaying.is_none() || restore(model) {
        model.complain(why);
    } else if let Some(replaying) = &mut model.replaying {
        replaying.position.playing = false;
        replaying.position.remark = Some(why);
    }
}

fn restore(model: &mut Model) -> bool {
    let Some(present) = model
        .replaying
        .as_mut()
        .and_then(|replaying| replaying.present.take())
    else {
        return false;
    };
    let today = model.replaying.take().map(|replaying| replaying.today);
    model.world = present.world;
    model.connection = present.connection;
    model.history = present.history;
    model.clock_offset = present.clock_offset;
    model.now = today.unwrap_or(model.now);
    true
}

/// Takes what the live source says while something else is shown.
pub fn beside(model: &mut Model, event: SourceEvent, at: Timestamp) -> Vec<Effect> {
    let Some(mut replaying) = model.replaying.take() else {
        return source::take(model, event, at);
    };
    let Some(mut present) = replaying.present.take() else {
        model.replaying = Some(replaying);
        return Vec::new();
    };
    swap(model, &mut present);
    super::tell_time(model, at);
    let effects = source::take(model, event, at);
    replaying.today = model.now;
    swap(model, &mut present);
    replaying.present = Some(present);
    model.replaying = Some(replaying);
    super::tell_time(model, at);
    effects
}

fn swap(model: &mut Model, present: &mut Present) {
    std::mem::swap(&mut model.world, &mut present.world);
    std::mem::swap(&mut model.connection, &mut present.connection);
    std::mem::swap(&mut model.history, &mut present.history);
    std::mem::swap(&mut model.clock_offset, &mut present.clock_offset);
}

/// The time is that of the recording; how long ago that was, by the present's clock.
pub fn tell_time(model: &mut Model, at: Timestamp) -> bool {
    let Some(replaying) = &mut model.replaying else {
        return false;
    };
    let offset = replaying.present.as_ref().map(|present| present.clock_offset);
    replaying.today = at.saturating_add(offset.unwrap_or_default()).unwrap_or(at);
    model.now = replaying.position.at;
    true
}
