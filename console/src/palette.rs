//! The palette: everything that can be done, by name, found by a few letters.

use crate::facts;
use crate::keys::{BINDINGS, Command, Scope};
use crate::model::Model;
use crate::page::Page;
use aisoc_model::alert::AlertState;
use aisoc_model::plan::{DRAIN_SECONDS, Target};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use tui_input::Input;

/// Chosen entries that are remembered.
pub const HISTORY: usize = 50;
/// Seconds that a drain waits for requests and sessions to end (operations document §4).
const DRAIN_DEADLINE_SECONDS: u32 = 60;

/// The open palette.
#[derive(Debug, Clone, Default)]
pub struct Palette {
    /// What was typed.
    pub input: Input,
    /// The chosen entry, counted from the top.
    pub chosen: usize,
}

/// Something that can be done.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Its name, what is searched.
    pub name: String,
    /// Its key, if it has one.
    pub key: String,
    /// What it does.
    pub does: Does,
}

/// What an entry does.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// What a key does.
    Command(Command),
    /// Goes to a page.
    Page(Page),
    /// Asks for a plan.
    Plan(Target),
    /// Acknowledges an alert.
    Acknowledge(String),
}

impl AsRef<str> for Entry {
    fn as_ref(&self) -> &str {
        &self.name
    }
}

/// The plan that a drain of `region` begins with.
#[must_use]
pub fn drain(region: aisoc_model::RegionId) -> Target {
    Target::Drain {
        region,
        deadline_seconds: DRAIN_DEADLINE_SECONDS,
        expires_seconds: DRAIN_SECONDS,
    }
}

/// The entries that fit what was typed, the best first.
#[must_use]
pub fn matches(model: &Model, typed: &str) -> Vec<Entry> {
    let mut all = entries(model);
    if typed.trim().is_empty() {
        // What was chosen before comes first, the latest at the top.
        let rank = |e: &Entry| {
            model
                .chosen
                .iter()
                .rev()
                .position(|name| *name == e.name)
                .unwrap_or(usize::MAX)
        };
        all.sort_by_key(rank);
        return all;
    }
    let mut matcher = Matcher::new(Config::DEFAULT);
    let pattern = Pattern::parse(typed.trim(), CaseMatching::Ignore, Normalization::Smart);
    pattern
        .match_list(all, &mut matcher)
        .into_iter()
        .map(|(entry, _)| entry)
        .collect()
}

fn entries(model: &Model) -> Vec<Entry> {
    let entry = |name: String, key: String, does| Entry { name, key, does };
    let mut all: Vec<Entry> = Page::all()
        .map(|page| {
            entry(
                format!("page {}", page.name()),
                page.number().to_string(),
                Does::Page(page),
            )
        })
        .collect();
    if let Some(world) = model.shown() {
        for region in facts::regions(world) {
            let id = || region.id.clone();
            all.push(entry(
                format!("drain {}", region.id),
                String::new(),
                Does::Plan(drain(id())),
            ));
            let restore = Target::Restore { region: id() };
            all.push(entry(
                format!("restore {}", region.id),
                String::new(),
                Does::Plan(restore),
            ));
            if region.drain.is_some() {
                let renewal = Target::RenewDrain {
                    region: id(),
                    expires_seconds: DRAIN_SECONDS,
                };
                all.push(entry(
                    format!("renew the drain of {}", region.id),
                    String::new(),
                    Does::Plan(renewal),
                ));
            }
            let failover = Target::Failover { to: id() };
            all.push(entry(
                format!("failover to {}", region.id),
                String::new(),
                Does::Plan(failover),
            ));
        }
        for name in world.releases.keys() {
            let rollback = Target::Rollback {
                release: name.clone(),
                revision: None,
            };
            all.push(entry(
                format!("rollback {name}"),
                String::new(),
                Does::Plan(rollback),
            ));
        }
        for (key, alert) in &world.alerts {
            if alert.state == AlertState::Firing && alert.acknowledged.is_none() {
                all.push(entry(
                    format!("acknowledge {key}"),
                    String::new(),
                    Does::Acknowledge(key.clone()),
                ));
            }
        }
    }
    for binding in BINDINGS
        .iter()
        .filter(|b| b.scope == Scope::Everywhere && worth_naming(b.command))
    {
        let key = binding.keys.first().map(ToString::to_string).unwrap_or_default();
        all.push(entry(
            binding.help.to_owned(),
            key,
            Does::Command(binding.command),
        ));
    }
    all
}

/// Movements are quicker by key than by name, and the four actions are there with their targets.
fn worth_naming(command: Command) -> bool {
    matches!(
        command,
        Command::Quit
            | Command::Help
            | Command::Filter
            | Command::Freeze
            | Command::Redraw
            | Command::Reconnect
    )
}
