//! The palette: everything that can be done, by name, found by a few letters.

use crate::facts;
use crate::keys::{Command, Key, Scope};
use crate::model::Model;
use crate::page::Page;
use crate::theme::Name;
use aisoc_model::alert::AlertState;
use aisoc_model::plan::{DRAIN_DEADLINE_SECONDS, DRAIN_SECONDS, Target};
use aisoc_model::region::Health;
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher};
use tui_input::Input;

/// Chosen entries that are remembered.
pub const HISTORY: usize = 50;

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
    /// Opens a runbook.
    Runbook(String),
    /// Acknowledges an alert.
    Acknowledge(String),
    /// Changes the theme until the console leaves.
    Theme(Name),
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
    let mut found: Vec<Entry> = pattern
        .match_list(all, &mut matcher)
        .into_iter()
        .map(|(entry, _)| entry)
        .collect();
    // What begins with the word that was typed is what was meant: `fail eu` is not an emergency.
    let first = typed.split_whitespace().next().unwrap_or_default().to_lowercase();
    found.sort_by_key(|entry| !entry.name.to_lowercase().starts_with(&first));
    found
}

/// What can be done with a release, and with the other half of a blue/green one.
fn release_actions(name: &str, release: &aisoc_model::inventory::Release) -> Vec<(&'static str, Target)> {
    use aisoc_model::inventory::Colour;
    let release_name = || name.to_owned();
    let rollback = Target::Rollback {
        release: release_name(),
        revision: None,
    };
    let cancel = Target::GreenCancel {
        release: release_name(),
    };
    let mut all = vec![("rollback", rollback)];
    match release.parallel.as_ref().map(|p| p.colour) {
        None => {}
        Some(Colour::Green) => {
            let switch = Target::GreenSwitch {
                release: release_name(),
            };
            all.extend([("switch to green", switch), ("remove green", cancel)]);
        }
        Some(Colour::Blue) => {
            let delete = Target::BlueDelete {
                release: release_name(),
            };
            all.extend([("switch back to blue", cancel), ("delete blue", delete)]);
        }
    }
    all
}

fn entries(model: &Model) -> Vec<Entry> {
    let entry = |name: String, key: String, does| Entry { name, key, does };
    let mut all: Vec<Entry> = Page::all()
        .map(|page| entry(format!("page {}", page.name()), page.key(), Does::Page(page)))
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
            // Leaving a region is offered when there is a reason to.
            if region.health != Health::Healthy {
                for to in facts::regions(world).into_iter().filter(|r| r.id != region.id) {
                    all.push(entry(
                        format!("region failover: leave {} for {}", region.id, to.id),
                        String::new(),
                        Does::Plan(Target::RegionFailover {
                            region: id(),
                            to: to.id.clone(),
                        }),
                    ));
                }
            }
            let failover = Target::Failover { to: id() };
            all.push(entry(
                format!("failover to {}", region.id),
                String::new(),
                Does::Plan(failover),
            ));
            let emergency = Target::EmergencyFailover {
                to: id(),
                proof: None,
            };
            for (verb, target) in [
                ("emergency failover to", emergency),
                ("fence", Target::Fence { region: id() }),
                ("rejoin", Target::Rejoin { region: id() }),
            ] {
                all.push(entry(
                    format!("{verb} {}", region.id),
                    String::new(),
                    Does::Plan(target),
                ));
            }
        }
        for (name, release) in &world.releases {
            for (what, target) in release_actions(name, release) {
                all.push(entry(format!("{what} {name}"), String::new(), Does::Plan(target)));
            }
        }
        for one in world.runbooks.values() {
            all.push(entry(
                format!("runbook {} {}", one.id, one.slug),
                String::new(),
                Does::Runbook(one.id.clone()),
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
    for bound in model.preferences.keys.all() {
        let command = bound.binding.command;
        if bound.binding.scope == Scope::Everywhere && !command.moves() {
            let key = bound.keys.first().map(Key::to_string).unwrap_or_default();
            let name = format!("{}: {}", command.name(), bound.binding.help);
            all.push(entry(name, key, Does::Command(command)));
        }
    }
    all.extend(Name::ALL.map(|name| entry(format!("theme {name}"), String::new(), Does::Theme(name))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn names(typed: &str) -> Vec<String> {
        let model = Model::still(fixture::incident(), Page::OVERVIEW, (80, 24));
        matches(&model, typed)
            .into_iter()
            .map(|entry| entry.name)
            .collect()
    }

    #[test]
    fn everything_a_key_does_can_be_found_by_name() {
        let all = names("");
        for bound in crate::keys::Keymap::default().all() {
            let command = bound.binding.command;
            if bound.binding.scope == Scope::Everywhere && !command.moves() {
                let wanted = format!("{}: {}", command.name(), bound.binding.help);
                assert!(all.contains(&wanted), "{wanted}");
            }
        }
    }

    #[test]
    fn a_few_letters_find_it() {
        for (typed, wanted) in [
            ("drn us", "drain us-east-1"),
            ("fail eu", "failover to eu-west-1"),
            ("them hi", "theme high-contrast"),
            ("lag", "page lag"),
            ("map", "page map"),
            ("runbooks", "page runbooks"),
            ("rb-003", "runbook RB-003 region-failover"),
        ] {
            assert_eq!(names(typed)[0], wanted, "{typed}");
        }
        assert!(names("zzzz").is_empty());
    }

    #[test]
    fn what_was_chosen_before_comes_first() {
        let mut model = Model::still(fixture::healthy(), Page::OVERVIEW, (80, 24));
        model.chosen = vec!["page lag".to_owned(), "theme light".to_owned()];
        let found = matches(&model, "");
        assert_eq!(
            (found[0].name.as_str(), found[1].name.as_str()),
            ("theme light", "page lag")
        );
    }
}
