//! Direct mode: with no control plane left, the console asks the regions' health endpoints itself, and says so.
//!
//! The addresses are those of the last frame, else those of its settings. What comes back says whether an api answers;
//! it is not a frame: nothing can be done with it, and nothing else is known.

pub mod probe;

use crate::connection::Connection;
use crate::message::Effect;
use crate::model::Model;
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use jiff::Timestamp;
use serde::Deserialize;

/// Addresses that are asked at most.
const MOST: usize = 200;
/// Time between two rounds, milliseconds.
const AGAIN: u64 = 2_000;
/// A connection that has been away for so long is not coming back at once, milliseconds.
const PATIENCE: u64 = 2_000;

/// An api instance's address.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Endpoint {
    /// Its region.
    pub region: RegionId,
    /// Its name.
    pub instance: String,
    /// `http://host:port`.
    pub url: String,
}

/// What an api instance answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Who was asked.
    pub endpoint: Endpoint,
    /// Status and milliseconds, with the reason it gave; or why there was no answer.
    pub result: Result<Said, String>,
}

/// An answer's content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// HTTP status.
    pub status: u16,
    /// Round trip, milliseconds.
    pub took_ms: u64,
    /// Why it is not ready, in its words.
    pub reason: Option<String>,
}

/// Direct mode's state.
#[derive(Debug, Clone, Default)]
pub struct Direct {
    /// Addresses from the settings.
    pub configured: Vec<Endpoint>,
    /// When a round was begun last.
    pub asked_at: Option<Timestamp>,
    /// A round is under way.
    pub asking: bool,
    /// The latest round's answers and when they came.
    pub seen: Option<(Timestamp, Vec<Answer>)>,
}

/// The addresses to ask: those of the last frame, else those of the settings.
#[must_use]
pub fn endpoints(model: &Model) -> Vec<Endpoint> {
    let of_frame: Vec<Endpoint> = model
        .world
        .iter()
        .flat_map(|world| crate::facts::regions(world))
        .flat_map(|region| {
            region.api.iter().filter_map(|probe| {
                Some(Endpoint {
                    region: region.id.clone(),
                    instance: probe.instance.clone(),
                    url: probe.url.clone()?,
                })
            })
        })
        .take(MOST)
        .collect();
    if of_frame.is_empty() {
        model.direct.configured.iter().take(MOST).cloned().collect()
    } else {
        of_frame
    }
}

/// Begins a round when the connection is lost and it is time; forgets everything when it is back.
pub fn step(model: &mut Model) -> Vec<Effect> {
    let now = model.now;
    let Connection::Lost { since, .. } = &model.connection else {
        if model.connection.trustworthy() {
            model.direct.seen = None;
            model.direct.asked_at = None;
        }
        return Vec::new();
    };
    let due = model
        .direct
        .asked_at
        .is_none_or(|asked| millis_between(asked, now) >= AGAIN);
    if model.direct.asking || !due || millis_between(*since, now) < PATIENCE {
        return Vec::new();
    }
    let endpoints = endpoints(model);
    if endpoints.is_empty() {
        return Vec::new();
    }
    model.direct.asking = true;
    model.direct.asked_at = Some(now);
    vec![Effect::Probe(endpoints)]
}

/// A round came back.
pub fn take(model: &mut Model, answers: Vec<Answer>) {
    model.direct.asking = false;
    if matches!(
        model.connection,
        Connection::Lost { .. } | Connection::Connecting { .. }
    ) {
        model.direct.seen = Some((model.now, answers));
    }
}
