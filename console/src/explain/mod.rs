//! Explaining an alert or a region: the safe action first, then the evidence, each line a way to where it is shown.
//!
//! Pure: from a frame to lines. What an action does is decided by the control plane's plan and by a person; this
//! only says which one fits what is seen, and why.

mod advice;
mod evidence;

use crate::facts;
use crate::format;
use crate::model::Model;
use crate::page::Page;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::widgets::state;
use advice::Advice;
use aisoc_model::RegionId;
use aisoc_model::alert::{Alert, AlertState};
use aisoc_model::plan::Target;
use aisoc_model::slo::Condition;
use aisoc_model::world::World;

/// What is explained.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// An alert, by its key.
    Alert(String),
    /// A region.
    Region(RegionId),
}

/// An explanation that is on the screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explaining {
    /// Of what.
    pub subject: Subject,
    /// The chosen line.
    pub chosen: usize,
}

impl Explaining {
    /// Of a subject, with its first line chosen.
    #[must_use]
    pub fn new(subject: Subject) -> Self {
        Self { subject, chosen: 0 }
    }
}

/// An explanation.
#[derive(Debug, Clone)]
pub struct Explanation {
    /// Of what, in a few words.
    pub title: Vec<Piece>,
    /// What it says in a sentence or two.
    pub says: Vec<Vec<Piece>>,
    /// Its lines.
    pub items: Vec<Item>,
}

/// A line of an explanation.
#[derive(Debug, Clone)]
pub struct Item {
    /// What it is: `action`, `runbook`, `indicator`, …
    pub label: &'static str,
    /// What it says.
    pub text: Vec<Piece>,
    /// What opening it does.
    pub does: Does,
}

/// What opening a line does.
#[derive(Debug, Clone, PartialEq)]
pub enum Does {
    /// Nothing: it only says something.
    Nothing,
    /// Goes to where it is shown.
    Go(Jump),
    /// Asks for a plan.
    Plan(Target),
    /// Acknowledges the alert.
    Acknowledge(String),
    /// Explains something else.
    Explain(Subject),
    /// Opens a runbook, written for this region.
    Runbook(String, Option<RegionId>),
}

/// A place on a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jump {
    /// The page.
    pub page: Page,
    /// The row.
    pub row: Option<String>,
    /// The filter.
    pub filter: Option<String>,
}

/// A row of a page, when there is such a page.
#[must_use]
pub fn to_row(page: &str, row: impl Into<String>) -> Does {
    page.parse().map_or(Does::Nothing, |page| {
        Does::Go(Jump {
            page,
            row: Some(row.into()),
            filter: None,
        })
    })
}

/// The rows of a page that pass a filter, when there is such a page.
#[must_use]
pub fn to_filter(page: &str, filter: String) -> Does {
    page.parse().map_or(Does::Nothing, |page| {
        Does::Go(Jump {
            page,
            row: None,
            filter: Some(filter),
        })
    })
}

/// Explains something of the latest frame; `None` when it is not there any more.
#[must_use]
pub fn explain(model: &Model, subject: &Subject) -> Option<Explanation> {
    let world = model.world.as_deref()?;
    match subject {
        Subject::Alert(key) => Some(of_alert(model, world, key, world.alerts.get(key)?)),
        Subject::Region(id) => of_region(model, world, id),
    }
}

/// What makes an alert's rule true, by the thresholds.
fn condition(model: &Model, alert: &Alert) -> Option<Condition> {
    model.thresholds()?.rules.get(&alert.rule).copied()
}

fn of_alert(model: &Model, world: &World, key: &str, alert: &Alert) -> Explanation {
    let now = model.now;
    let (severity, role) = state::severity(alert.severity);
    let place = alert
        .region
        .as_ref()
        .map_or_else(|| "the whole platform".to_owned(), ToString::to_string);
    let title = vec![
        piece(format!("{severity} "), role),
        piece(format!("{}  ", alert.rule), Role::Strong),
        piece(format!("{place} "), Role::Muted),
    ];
    let how = match alert.state {
        AlertState::Firing => "firing",
        AlertState::Pending => "pending",
        AlertState::Resolved => "resolved",
    };
    let since = alert.fired_at.unwrap_or(alert.since);
    let mut says = vec![vec![
        piece(facts::alert_text(alert), Role::Strong),
        piece(format!("  {how} for {}", format::since(since, now)), Role::Muted),
    ]];
    if let Some((value, bound)) = facts::alert_figures(world, alert) {
        says.push(vec![piece(
            format!("the rule saw {value} against its bound of {bound}"),
            Role::Muted,
        )]);
    }
    let condition = condition(model, alert);
    let mut items = vec![advised(&advice::for_alert(world, alert, condition, now))];
    if alert.state == AlertState::Firing {
        items.push(match &alert.acknowledged {
            Some(seen) => Item {
                label: "seen by",
                text: vec![piece(
                    format!("{}, {} ago", seen.by, format::since(seen.at, now)),
                    Role::Text,
                )],
                does: Does::Nothing,
            },
            None => Item {
                label: "seen by",
                text: vec![
                    piece("nobody yet", Role::Notice),
                    piece(": acknowledge it", Role::Muted),
                ],
                does: Does::Acknowledge(key.to_owned()),
            },
        });
    }
    items.push(runbook(world, alert));
    items.extend(evidence::of_alert(model, world, alert, condition));
    Explanation { title, says, items }
}

fn of_region(model: &Model, world: &World, id: &RegionId) -> Option<Explanation> {
    let region = world.regions.get(id)?;
    let health = state::region(region, model.connection.holds());
    let title = vec![
        piece(format!("{id}  "), Role::Strong),
        piece(format!("{} ", region.role.word()), Role::Muted),
    ];
    let mut says = vec![vec![
        piece(health.text(), health.role),
        piece(format!("  {}", region.location), Role::Muted),
    ]];
    says.extend(
        region
            .reasons
            .iter()
            .map(|reason| vec![piece(format!("· {reason}"), Role::Text)]),
    );
    let mut items = vec![advised(&advice::for_region(world, region, model.now))];
    items.extend(evidence::of_region(model, world, region));
    Some(Explanation { title, says, items })
}

fn advised(advice: &Advice) -> Item {
    let (text, does) = match advice {
        Advice::Act(target, why) => (
            vec![
                piece(
                    format!("{} {}", target.kind().word(), target.confirmation()),
                    Role::Accent,
                ),
                piece(format!(": {why}"), Role::Text),
            ],
            Does::Plan(target.clone()),
        ),
        Advice::None(why) => (
            vec![
                piece("none by key", Role::Text),
                piece(format!(": {why}"), Role::Muted),
            ],
            Does::Nothing,
        ),
    };
    Item {
        label: "action",
        text,
        does,
    }
}

fn runbook(world: &World, alert: &Alert) -> Item {
    let (text, does) = match &alert.runbook {
        Some(id) => {
            let title = world.runbooks.get(id).map(|one| one.title.clone());
            let text = vec![
                piece(format!("{id}  "), Role::Text),
                piece(title.unwrap_or_default(), Role::Muted),
            ];
            (text, Does::Runbook(id.clone(), alert.region.clone()))
        }
        None => (vec![piece("none for this rule", Role::Muted)], Does::Nothing),
    };
    Item {
        label: "runbook",
        text,
        does,
    }
}

#[cfg(test)]
mod tests;
