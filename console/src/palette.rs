//! The palette: everything that can be done, by name, found by a few letters.

use crate::facts;
use crate::keys::{Command, Key, Scope};
use crate::model::Model;
use crate::page::Page;
use crate::theme::Name;
use aisoc_model::alert::AlertState;
use aisoc_model::plan::{DRAIN_DEADLINE_SECONDS, DRAIN_SECONDS, Target};
use aisoc_model::region::Health;
use aisoc_model::{ClusterName, RegionId};
use nucleo_matcher::pattern::{CaseMatching, Normalization, Pattern};
use nucleo_matcher::{Config, Matcher, Utf32String};
use std::cmp::Reverse;
use tui_input::Input;

/// Chosen entries that are remembered.
pub const HISTORY: usize = 50;

/// The open palette. Its entries are those of when it was opened: a list that changes under a finger would have
/// something else chosen than what was meant.
#[derive(Debug, Clone)]
pub struct Palette {
    /// What was typed.
    pub input: Input,
    /// The chosen entry, counted from the top.
    pub chosen: usize,
    entries: Vec<Entry>,
    /// The entries' names as the matcher reads them.
    haystacks: Vec<Utf32String>,
    /// What fits what was typed, the best first, as indexes of the entries.
    found: Vec<usize>,
    /// What was matched last.
    matched: String,
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

/// The plan that a drain of `region` begins with.
#[must_use]
pub fn drain(region: aisoc_model::RegionId) -> Target {
    Target::Drain {
        region,
        deadline_seconds: DRAIN_DEADLINE_SECONDS,
        expires_seconds: DRAIN_SECONDS,
    }
}

impl Palette {
    /// A palette over what can be done now. What was chosen before comes first, the latest at the top.
    #[must_use]
    pub fn open(model: &Model) -> Self {
        let mut entries = entries(model);
        let rank = |name: &str| {
            let before = model.chosen.iter().rev().position(|chosen| chosen == name);
            before.unwrap_or(usize::MAX)
        };
        entries.sort_by_cached_key(|entry| rank(&entry.name));
        let haystacks = entries.iter().map(|e| e.name.as_str().into()).collect();
        Self {
            input: Input::default(),
            chosen: 0,
            found: (0..entries.len()).collect(),
            entries,
            haystacks,
            matched: String::new(),
        }
    }

    /// The same with a text typed.
    #[must_use]
    pub fn typed(mut self, text: &str) -> Self {
        self.input = Input::new(text.to_owned());
        self.search();
        self
    }

    /// The entries that fit what was typed, the best first.
    #[must_use]
    pub fn found(&self) -> impl ExactSizeIterator<Item = Option<&Entry>> {
        self.found.iter().map(|index| self.entries.get(*index))
    }

    /// The chosen entry.
    #[must_use]
    pub fn choice(&self) -> Option<&Entry> {
        let index = self.found.get(self.chosen)?;
        self.entries.get(*index)
    }

    /// Looks again for what fits, after something was typed: among what fitted before when that was only typed on.
    pub fn search(&mut self) {
        let typed = self.input.value().trim().to_owned();
        if !narrows(&self.matched, &typed) {
            self.found = (0..self.entries.len()).collect();
        }
        if !typed.is_empty() {
            let pattern = Pattern::parse(&typed, CaseMatching::Ignore, Normalization::Smart);
            let mut matcher = Matcher::new(Config::DEFAULT);
            // What begins with the word that was typed is what was meant: `fail eu` is not an emergency.
            let first = typed.split_whitespace().next().unwrap_or_default().to_lowercase();
            let mut rated: Vec<(bool, Reverse<u32>, usize)> = Vec::with_capacity(self.found.len());
            for index in &self.found {
                let (Some(entry), Some(name)) = (self.entries.get(*index), self.haystacks.get(*index)) else {
                    continue;
                };
                if let Some(score) = pattern.score(name.slice(..), &mut matcher) {
                    let begins = entry.name.to_lowercase().starts_with(&first);
                    rated.push((!begins, Reverse(score), *index));
                }
            }
            rated.sort_unstable();
            self.found = rated.into_iter().map(|(_, _, index)| index).collect();
        }
        self.matched = typed;
    }
}

/// Whether everything that fits `typed` has fitted `before`, too: not when a mark of the matcher is in it, such as `!`.
fn narrows(before: &str, typed: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -_.:/#".contains(c);
    !before.is_empty() && typed.starts_with(before) && typed.chars().all(plain)
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
        let several = world.several_clusters();
        let regions = facts::regions(world);
        for region in &regions {
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
                for to in regions.iter().filter(|r| r.id != region.id) {
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
            for cluster in region.postgres.keys() {
                let of = if several {
                    format!("{cluster} ")
                } else {
                    String::new()
                };
                for (verb, target) in of_member(cluster, &region.id) {
                    all.push(entry(
                        verb.replace("{of}", &of),
                        String::new(),
                        Does::Plan(target),
                    ));
                }
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
            let name = named(command.name(), bound.binding.help);
            all.push(entry(name, key, Does::Command(command)));
        }
    }
    all.extend(Name::ALL.map(|name| entry(format!("theme {name}"), String::new(), Does::Theme(name))));
    all
}

/// A command's name before what it does, unless that begins with it.
fn named(name: &str, help: &str) -> String {
    if help.starts_with(name) {
        return help.to_owned();
    }
    format!("{name}: {help}")
}

/// What can be done to a region's member of a database cluster; `{of}` stands for the cluster's name.
fn of_member(cluster: &ClusterName, region: &RegionId) -> [(String, Target); 4] {
    let (cluster, to) = (|| cluster.clone(), || region.clone());
    [
        (
            format!("failover {{of}}to {region}"),
            Target::Failover {
                cluster: cluster(),
                to: to(),
            },
        ),
        (
            format!("emergency failover {{of}}to {region}"),
            Target::EmergencyFailover {
                cluster: cluster(),
                to: to(),
                proof: None,
            },
        ),
        (
            format!("fence {{of}}{region}"),
            Target::Fence {
                cluster: cluster(),
                region: to(),
            },
        ),
        (
            format!("rejoin {{of}}{region}"),
            Target::Rejoin {
                cluster: cluster(),
                region: to(),
            },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use proptest::prelude::*;

    fn open() -> Palette {
        Palette::open(&Model::still(fixture::incident(), Page::OVERVIEW, (80, 24)))
    }

    fn names(palette: &Palette) -> Vec<&str> {
        palette
            .found()
            .flatten()
            .map(|entry| entry.name.as_str())
            .collect()
    }

    #[test]
    fn everything_a_key_does_can_be_found_by_name() {
        let palette = open();
        let all = names(&palette);
        for bound in crate::keys::Keymap::default().all() {
            let command = bound.binding.command;
            if bound.binding.scope == Scope::Everywhere && !command.moves() {
                let wanted = named(command.name(), bound.binding.help);
                assert!(all.contains(&wanted.as_str()), "{wanted}");
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
            let palette = open().typed(typed);
            assert_eq!(palette.choice().unwrap().name, wanted, "{typed}");
        }
        assert!(names(&open().typed("zzzz")).is_empty());
    }

    #[test]
    fn what_was_chosen_before_comes_first() {
        let mut model = Model::still(fixture::healthy(), Page::OVERVIEW, (80, 24));
        model.chosen = vec!["page lag".to_owned(), "theme light".to_owned()];
        let palette = Palette::open(&model);
        assert_eq!(names(&palette)[..2], ["theme light", "page lag"]);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn letter_by_letter_finds_the_same_as_at_once(text in "[a-z1!$' ]{0,6}") {
            let mut slowly = open();
            let mut so_far = String::new();
            for letter in text.chars() {
                so_far.push(letter);
                slowly = slowly.typed(&so_far);
            }
            let at_once = open().typed(&text);
            prop_assert_eq!(names(&slowly), names(&at_once));
        }
    }
}
