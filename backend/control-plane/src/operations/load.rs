//! How many requests all regions together were asked, minute by minute over the last day: what survivors have to
//! carry. Kept in a file, so that a restart does not forget last night's peak.

use crate::operations::WorldView;
use aisoc_model::Clock;
use aisoc_model::world::World;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Minutes that are kept: a day.
const MINUTES: usize = 1_440;
/// Time between two samples.
const EVERY: Duration = Duration::from_secs(1);
const FILE: &str = "load.json";

/// The most that was asked in the last day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Peak {
    /// Requests per second, over all regions.
    pub per_second: f64,
    /// When.
    pub at: Timestamp,
    /// Minutes of the last day in which anything was observed.
    pub minutes: usize,
}

/// The highest rate of a minute.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Minute {
    /// Minutes since the epoch.
    minute: i64,
    per_second: f64,
}

/// The last day, minute by minute; minutes without an observation are not in it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Load {
    minutes: VecDeque<Minute>,
}

impl Load {
    /// Takes an observed rate into account; answers whether it was the first of a new minute.
    pub fn record(&mut self, at: Timestamp, per_second: f64) -> bool {
        let minute = minute_of(at);
        let new = match self.minutes.back_mut() {
            Some(last) if last.minute == minute => {
                last.per_second = last.per_second.max(per_second);
                false
            }
            // A clock that was set back: what comes is put to what is there.
            Some(last) if last.minute > minute => false,
            _ => {
                self.minutes.push_back(Minute { minute, per_second });
                true
            }
        };
        self.forget(minute);
        new
    }

    fn forget(&mut self, now: i64) {
        let kept = i64::try_from(MINUTES).unwrap_or(i64::MAX);
        while self
            .minutes
            .front()
            .is_some_and(|first| first.minute <= now - kept || self.minutes.len() > MINUTES)
        {
            self.minutes.pop_front();
        }
    }

    /// The highest rate of the last day; `None` when nothing was observed.
    #[must_use]
    pub fn peak(&self, now: Timestamp) -> Option<Peak> {
        let kept = i64::try_from(MINUTES).unwrap_or(i64::MAX);
        let since = minute_of(now) - kept;
        let recent = || self.minutes.iter().filter(|m| m.minute > since);
        let highest = recent().max_by(|a, b| a.per_second.total_cmp(&b.per_second))?;
        Some(Peak {
            per_second: highest.per_second,
            at: Timestamp::from_second(highest.minute.saturating_mul(60)).unwrap_or(now),
            minutes: recent().count(),
        })
    }
}

fn minute_of(at: Timestamp) -> i64 {
    at.as_second().div_euclid(60)
}

/// The requests per second of all regions in a frame; `None` when no region's are known now.
#[must_use]
pub fn rate(world: &World, now: Timestamp) -> Option<f64> {
    let known: Vec<f64> = world
        .regions
        .values()
        .filter_map(|r| r.traffic.fresh(now).and_then(|t| t.requests_per_second))
        .collect();
    (!known.is_empty()).then(|| known.iter().sum())
}

/// The load as it is kept.
pub struct LoadBook {
    load: Mutex<Load>,
    file: PathBuf,
}

impl LoadBook {
    /// What a data directory remembers. A file that cannot be read is as good as none, and said so.
    #[must_use]
    pub fn open(data_dir: &Path) -> Arc<Self> {
        let file = data_dir.join(FILE);
        let load = match std::fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(file = %file.display(), %error, "the load of the last day is not known");
                Load::default()
            }),
            Err(_) => Load::default(),
        };
        Arc::new(Self {
            load: Mutex::new(load),
            file,
        })
    }

    /// The highest rate of the last day.
    #[must_use]
    pub fn peak(&self, now: Timestamp) -> Option<Peak> {
        self.load.lock().unwrap_or_else(PoisonError::into_inner).peak(now)
    }

    /// Takes a rate into account; answers what has to be written now, once a minute.
    fn record(&self, at: Timestamp, per_second: f64) -> Option<Vec<u8>> {
        let mut load = self.load.lock().unwrap_or_else(PoisonError::into_inner);
        let new = load.record(at, per_second);
        new.then(|| serde_json::to_vec(&*load).unwrap_or_default())
    }

    /// Replaced as a whole, so that a crash leaves the one before.
    async fn write(&self, bytes: Vec<u8>) {
        let next = self.file.with_extension("next");
        let written = async {
            tokio::fs::write(&next, bytes).await?;
            tokio::fs::rename(&next, &self.file).await
        };
        if let Err(error) = written.await {
            tracing::warn!(file = %self.file.display(), %error, "the load is not kept over a restart");
        }
    }
}

/// Samples the frames as long as somebody holds the book.
pub fn sample(book: &Arc<LoadBook>, view: Arc<dyn WorldView>, clock: Arc<dyn Clock>) {
    let weak: Weak<LoadBook> = Arc::downgrade(book);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(book) = weak.upgrade() else {
                return;
            };
            let now = clock.now();
            let Some(rate) = rate(&view.world(), now) else {
                continue;
            };
            if let Some(bytes) = book.record(now, rate) {
                book.write(bytes).await;
            }
        }
    });
}

/// How long ago, for a person.
#[must_use]
pub fn ago(at: Timestamp, now: Timestamp) -> String {
    let age: SignedDuration = now.duration_since(at);
    match age.as_mins() {
        minutes @ 0..120 => format!("{minutes} min ago"),
        minutes => format!("{} h ago", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    #[test]
    fn the_peak_of_the_last_day_and_no_older_one() {
        let mut load = Load::default();
        assert_eq!(load.peak(at(0)), None);
        assert!(load.record(at(0), 500.0));
        assert!(!load.record(at(1), 20.0));
        load.record(at(3_600), 100.0);
        let peak = load.peak(at(3_600)).unwrap();
        assert_eq!((peak.per_second, peak.minutes), (500.0, 2));
        assert_eq!(load.peak(at(86_400 + 60)).unwrap().per_second, 100.0);
        assert_eq!(load.peak(at(200_000)), None);
    }

    proptest! {
        #[test]
        fn memory_is_bounded_whatever_the_clock_does(seconds in prop::collection::vec(-200_000i64..200_000, 0..3_000)) {
            let mut load = Load::default();
            for second in seconds {
                load.record(at(second), 1.0);
                prop_assert!(load.minutes.len() <= MINUTES);
            }
        }
    }

    #[tokio::test]
    async fn it_is_remembered_over_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let book = LoadBook::open(dir.path());
        let bytes = book.record(at(0), 12.0).unwrap();
        book.write(bytes).await;
        assert_eq!(LoadBook::open(dir.path()).peak(at(60)).unwrap().per_second, 12.0);
        std::fs::write(dir.path().join(FILE), "{").unwrap();
        assert_eq!(LoadBook::open(dir.path()).peak(at(60)), None);
    }
}
