//! What happened in a recording: alerts and operations that begin, change and end.

use super::{RecordingError, Tape};
use serde_json::Value;
use std::collections::BTreeMap;

/// What a search for the next thing that happened found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Search {
    /// This, at this moment.
    Found {
        /// The moment.
        index: usize,
        /// What happened, each in a few words.
        what: Vec<String>,
    },
    /// Nothing until here; there is more.
    Until(usize),
    /// Nothing to the end.
    Nothing,
}

/// Alerts and operations, and how each stands.
type Standing = BTreeMap<String, String>;

impl Tape {
    /// The next thing that happened after a moment, among `most` moments.
    ///
    /// # Errors
    /// When a frame cannot be read.
    pub fn happens_after(&mut self, index: usize, most: usize) -> Result<Search, RecordingError> {
        let mut before = standing(self.value(index)?);
        let last = self.marks().len().saturating_sub(1);
        let end = last.min(index.saturating_add(most));
        for at in index + 1..=end {
            let now = standing(self.value(at)?);
            let what = differences(&before, &now);
            if !what.is_empty() {
                return Ok(Search::Found { index: at, what });
            }
            before = now;
        }
        Ok(if end < last {
            Search::Until(end)
        } else {
            Search::Nothing
        })
    }

    /// The last thing that happened before a moment, among `most` moments.
    ///
    /// # Errors
    /// When a frame cannot be read.
    pub fn happens_before(&mut self, index: usize, most: usize) -> Result<Search, RecordingError> {
        // Frames are made forwards: one stretch of a minute after the other, the latest first.
        let stretch = 60;
        let floor = index.saturating_sub(most);
        let mut end = index;
        while end > floor {
            let from = end.saturating_sub(stretch).max(floor);
            let mut before = standing(self.value(from)?);
            let mut found = None;
            for at in from + 1..=end {
                let now = standing(self.value(at)?);
                let what = differences(&before, &now);
                if !what.is_empty() && at < index {
                    found = Some(Search::Found { index: at, what });
                }
                before = now;
            }
            if let Some(found) = found {
                return Ok(found);
            }
            end = from;
        }
        Ok(if floor > 0 {
            Search::Until(floor)
        } else {
            Search::Nothing
        })
    }
}

fn standing(frame: &Value) -> Standing {
    let mut all = Standing::new();
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).unwrap_or("").to_owned();
    let entries = |name: &str| frame.get(name).and_then(Value::as_object).into_iter().flatten();
    for (_, alert) in entries("alerts") {
        let state = text(alert, "state");
        // One that is only pending has not happened yet.
        if state != "pending" {
            let mut name = "alert".to_owned();
            for part in ["rule", "region", "subject"].map(|part| text(alert, part)) {
                if !part.is_empty() {
                    name = format!("{name} {part}");
                }
            }
            let word = if state == "firing" { "fires" } else { "is over" };
            all.insert(name, word.to_owned());
        }
    }
    for (id, operation) in entries("operations") {
        let target = operation.pointer("/plan/request/target");
        let kind = target.map(|target| text(target, "kind").replace('_', "-"));
        let about = ["region", "to", "release"]
            .iter()
            .find_map(|name| target?.get(*name).and_then(Value::as_str).map(ToOwned::to_owned));
        let short = id.get(..8).unwrap_or(id);
        let name = format!(
            "{} {} ({short})",
            kind.unwrap_or_default(),
            about.unwrap_or_default()
        );
        all.insert(name, text(operation, "state"));
    }
    all
}

fn differences(before: &Standing, now: &Standing) -> Vec<String> {
    let begun = now
        .iter()
        .filter(|(name, state)| before.get(*name) != Some(*state))
        .map(|(name, state)| format!("{name} {state}"));
    // An alert that is not there any more is over, too; an old operation is only no longer listed.
    let gone = before
        .iter()
        .filter(|(name, state)| *state == "fires" && !now.contains_key(*name))
        .map(|(name, _)| format!("{name} is over"));
    begun.chain(gone).collect()
}
