//! The latest values of what has a sparkline. Bounded in keys and in length.

use aisoc_model::world::World;
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};

/// Samples kept of each value: two minutes at 1 Hz.
const LENGTH: usize = 120;
/// Values followed: 50 regions with their links and indicators.
const KEYS: usize = 2_000;

/// The latest values by link key and indicator key.
#[derive(Debug, Clone, Default)]
pub struct History {
    series: BTreeMap<String, VecDeque<Option<f32>>>,
    last: Option<Timestamp>,
}

impl History {
    /// Takes a sample of every value of a frame; at most one per second of the control plane's clock.
    pub fn sample(&mut self, world: &World) {
        let at = world.head.at;
        if self
            .last
            .is_some_and(|last| aisoc_model::clock::millis_between(last, at) < 900)
        {
            return;
        }
        self.last = Some(at);
        let keep = |key: &String| world.links.contains_key(key) || world.slis.contains_key(key);
        self.series.retain(|key, _| keep(key));
        for (key, link) in &world.links {
            self.push(key, link.lag_seconds.fresh(at).copied());
        }
        for (key, reading) in &world.slis {
            self.push(key, reading.value.fresh(at).copied());
        }
    }

    #[allow(clippy::cast_possible_truncation)] // a sparkline has eight levels
    fn push(&mut self, key: &str, value: Option<f64>) {
        if !self.series.contains_key(key) {
            if self.series.len() >= KEYS {
                return;
            }
            self.series.insert(key.to_owned(), VecDeque::with_capacity(16));
        }
        if let Some(samples) = self.series.get_mut(key) {
            if samples.len() >= LENGTH {
                samples.pop_front();
            }
            samples.push_back(value.map(|v| v as f32));
        }
    }

    /// The latest `count` samples of a value, oldest first; `None` where there was nothing fresh.
    pub fn latest(&self, key: &str, count: usize) -> impl Iterator<Item = Option<f32>> + '_ {
        let samples = self.series.get(key);
        let skip = samples.map_or(0, |s| s.len().saturating_sub(count));
        samples.into_iter().flatten().skip(skip).copied()
    }
}
