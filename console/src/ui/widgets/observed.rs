//! An observed value on the screen: fresh, stale, lost, unknown, no traffic and not configured are six different
//! things, each with a glyph and a word of its own.

use crate::format;
use crate::table::{Cell, cell};
use crate::theme::Role;
use aisoc_model::observed::{Freshness, Observed};
use jiff::Timestamp;

/// A value as a cell; `show` says how a fresh one looks.
pub fn value<T>(observed: &Observed<T>, now: Timestamp, show: impl Fn(&T) -> (String, Role)) -> Cell {
    match observed.freshness(now) {
        Freshness::Fresh(value) => {
            let (text, role) = show(value);
            cell(text, role)
        }
        Freshness::Stale(value, age) => cell(
            format!("◌ stale {}: {}", format::age(age), show(value).0),
            Role::Unknown,
        ),
        Freshness::Lost(value, age, _) => cell(
            format!("✕ lost {}: {}", format::age(age), show(value).0),
            Role::Unknown,
        ),
        Freshness::Unknown(_) => cell("? unknown", Role::Unknown),
        Freshness::NoTraffic => cell("· no traffic", Role::Muted),
        Freshness::NotConfigured => cell("– not configured", Role::Faint),
    }
}

/// The same in few columns: a stale or lost value shows its glyph and its age only.
pub fn short<T>(observed: &Observed<T>, now: Timestamp, show: impl Fn(&T) -> (String, Role)) -> Cell {
    match observed.freshness(now) {
        Freshness::Stale(_, age) => cell(format!("◌ {}", format::age(age)), Role::Unknown),
        Freshness::Lost(_, age, _) => cell(format!("✕ {}", format::age(age)), Role::Unknown),
        Freshness::Unknown(_) => cell("?", Role::Unknown),
        Freshness::NoTraffic => cell("·", Role::Muted),
        Freshness::NotConfigured => cell("–", Role::Faint),
        Freshness::Fresh(_) => value(observed, now, show),
    }
}

/// What is wrong with a value that is not fresh, in glyph, word and age; nothing when it is fresh.
pub fn brief<T>(observed: &Observed<T>, now: Timestamp) -> Option<Cell> {
    let text = match observed.freshness(now) {
        Freshness::Fresh(_) => return None,
        Freshness::Stale(_, age) => format!("◌ stale {}", format::age(age)),
        Freshness::Lost(_, age, _) => format!("✕ lost {}", format::age(age)),
        Freshness::Unknown(_) => "? unknown".to_owned(),
        Freshness::NoTraffic => return Some(cell("· no traffic", Role::Muted)),
        Freshness::NotConfigured => return Some(cell("– not configured", Role::Faint)),
    };
    Some(cell(text, Role::Unknown))
}

/// Why there is no fresh value, as a sentence; nothing when there is one.
pub fn why<T>(observed: &Observed<T>, now: Timestamp) -> Option<String> {
    let source = &observed.source;
    match observed.freshness(now) {
        Freshness::Fresh(_) | Freshness::NoTraffic | Freshness::NotConfigured => None,
        Freshness::Stale(_, age) => Some(format!("{source}: nothing new for {}", format::age(age))),
        Freshness::Lost(_, age, why) => Some(format!("{source}: {why} (last seen {} ago)", format::age(age))),
        Freshness::Unknown(why) => Some(format!("{source}: {why}")),
    }
}
