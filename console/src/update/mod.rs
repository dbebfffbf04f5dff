//! The only function that changes the state. No IO: what has to happen outside comes back as effects.

mod act;
mod arm;
mod explain;
mod keys;
mod replay;
pub use explain::open as open_explanation;
pub use keys::go;
pub use runbook::open as open_runbook;
mod runbook;
mod source;
mod standing;
mod typing;

#[cfg(test)]
mod tests;

use crate::direct;
use crate::message::{Effect, Message, SourceEvent};
use crate::model::Model;
use jiff::Timestamp;

/// Takes a message into the state and says what has to be done outside.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Key(key, at) => {
            tell_time(model, at);
            keys::press(model, key)
        }
        Message::Click(click, at) => {
            tell_time(model, at);
            keys::click(model, click)
        }
        Message::Wheel(up, at) => {
            tell_time(model, at);
            keys::wheel(model, up);
            Vec::new()
        }
        Message::Resize(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Message::Tick(at) => {
            tell_time(model, at);
            let mut effects = standing::look(model);
            effects.extend(direct::step(model));
            effects
        }
        Message::Source(event, at) => {
            if model.replaying.is_some() || matches!(event, SourceEvent::Replayed(_)) {
                return hear(model, event, at);
            }
            let first = model.world.is_none();
            let mut effects = hear(model, event, at);
            if first {
                source::reattach(model);
            }
            effects.extend(act::renew(model));
            effects.extend(standing::look(model));
            effects.extend(direct::step(model));
            effects
        }
        Message::Reply(reply, at) => {
            tell_time(model, at);
            act::reply(model, reply)
        }
        Message::Resumed(at) => {
            tell_time(model, at);
            vec![Effect::Redraw]
        }
    }
}

/// Takes only what the source of frames says: nothing that comes back changes a region.
pub fn hear(model: &mut Model, event: SourceEvent, at: Timestamp) -> Vec<Effect> {
    match event {
        SourceEvent::Replayed(replayed) => {
            replay::take(model, *replayed, at);
            Vec::new()
        }
        SourceEvent::ReplayEnded(why) => {
            tell_time(model, at);
            replay::end(model, &why);
            vec![Effect::Present]
        }
        event if model.replaying.is_some() => replay::beside(model, event, at),
        event => {
            tell_time(model, at);
            source::take(model, event, at)
        }
    }
}

/// Ages are judged by the control plane's clock: this machine's may be wrong.
pub fn tell_time(model: &mut Model, at: Timestamp) {
    if !replay::tell_time(model, at) {
        model.now = at.saturating_add(model.clock_offset).unwrap_or(at);
    }
    arm::expire(model);
}
