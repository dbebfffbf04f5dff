//! Rates of the traffic generator: kept in a file, so that a generator that is started again goes on as before.

use crate::error::Failure;
use crate::generator::Rates;
use crate::state::{StateDir, read_json, write_json};
use crate::world::World;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A change; what is absent stays.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateChange {
    /// API requests per second.
    pub requests_per_second: Option<f64>,
    /// Security events per second.
    pub events_per_second: Option<f64>,
}

/// The file with the rates in force.
#[must_use]
pub fn path(state: &StateDir) -> PathBuf {
    state.run("generator.json")
}

/// The rates in force now; `None` before a world has started here.
///
/// # Errors
/// When the file is there but unreadable.
pub fn read(state: &StateDir) -> anyhow::Result<Option<Rates>> {
    read_json(&path(state))
}

/// The configured rates, at the start of the world.
pub(crate) fn reset(world: &World) -> anyhow::Result<()> {
    write_json(&path(&world.state), &configured(world))
}

fn configured(world: &World) -> Rates {
    Rates {
        requests_per_second: world.config.generator.requests_per_second,
        events_per_second: world.config.generator.events_per_second,
    }
}

pub(crate) fn change(world: &World, change: RateChange) -> anyhow::Result<Rates> {
    let known = read(&world.state)?.unwrap_or(configured(world));
    let rates = Rates {
        requests_per_second: change.requests_per_second.unwrap_or(known.requests_per_second),
        events_per_second: change.events_per_second.unwrap_or(known.events_per_second),
    };
    let rates = rates
        .check()
        .map_err(|e| Failure::usage(format!("{e:#}"), "a rate of 0 stops that traffic"))?;
    write_json(&path(&world.state), &rates)?;
    Ok(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_stays() {
        let (_dir, world) = crate::parts::tests::world();
        reset(&world).unwrap();
        let faster = RateChange {
            requests_per_second: Some(200.0),
            events_per_second: None,
        };
        let rates = change(&world, faster).unwrap();
        assert_eq!(
            rates,
            Rates {
                requests_per_second: 200.0,
                events_per_second: 5.0
            }
        );
        assert_eq!(read(&world.state).unwrap(), Some(rates));
        let wrong = RateChange {
            events_per_second: Some(f64::NAN),
            ..RateChange::default()
        };
        assert!(change(&world, wrong).is_err());
    }
}
