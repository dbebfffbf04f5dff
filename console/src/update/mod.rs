//! The only function that changes the state. No IO: what has to happen outside comes back as effects.

mod act;
mod keys;
pub use keys::go;
mod source;
mod typing;

#[cfg(test)]
mod tests;

use crate::message::{Effect, Message};
use crate::model::Model;
use jiff::Timestamp;

/// Takes a message into the state and says what has to be done outside.
pub fn update(model: &mut Model, message: Message) -> Vec<Effect> {
    match message {
        Message::Key(key, at) => {
            tell_time(model, at);
            keys::press(model, key)
        }
        Message::Resize(columns, rows) => {
            model.size = (columns, rows);
            Vec::new()
        }
        Message::Tick(at) => {
            tell_time(model, at);
            Vec::new()
        }
        Message::Source(event, at) => {
            tell_time(model, at);
            source::take(model, event, at)
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

/// Ages are judged by the control plane's clock: this machine's may be wrong.
fn tell_time(model: &mut Model, at: Timestamp) {
    model.now = at.saturating_add(model.clock_offset).unwrap_or(at);
}
