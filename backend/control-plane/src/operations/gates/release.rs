//! Gates of a rollback.

use super::{Case, pass, refuse};
use crate::operations::gates::common;
use aisoc_model::inventory::{Release, Revision, RevisionStatus};
use aisoc_model::plan::Gate;

/// Gates of a rollback of `release` to `revision`.
#[must_use]
pub fn rollback(case: &Case<'_>, release: &str, revision: Option<u32>) -> Vec<Gate> {
    let Some(Ok(releases)) = &case.facts.releases else {
        return vec![refuse("rollback_target", "the releases cannot be read", vec![])];
    };
    let Some(found) = releases.iter().find(|r| r.name == release) else {
        let why = format!("there is no release {release}");
        return vec![refuse("rollback_target", why, vec![])];
    };
    let target = match target(found, revision) {
        Ok(way) => pass("rollback_target", way.why(), history(found)),
        Err(why) => refuse("rollback_target", why, history(found)),
    };
    vec![target, parallel(found), common::rollouts(case)]
}

/// From which revision to which a rollback leads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Way<'a> {
    /// What runs, or runs in part.
    pub from: &'a Revision,
    /// What runs afterwards.
    pub to: &'a Revision,
    /// The rollout of `from` was cut off.
    pub repair: bool,
}

impl Way<'_> {
    fn why(&self) -> String {
        let (from, to) = (self.from.number, self.to.number);
        if self.repair {
            format!("the rollout of revision {from} was interrupted; revision {to} was deployed")
        } else {
            format!("revision {to} was deployed and differs from {from}")
        }
    }
}

/// The revision that runs and the one to return to.
///
/// # Errors
/// Why there is no such revision.
pub fn target(release: &Release, wanted: Option<u32>) -> Result<Way<'_>, String> {
    let newest = release.history.last();
    let interrupted = release.interrupted();
    let from = interrupted
        .or_else(|| release.current())
        .or(newest)
        .ok_or_else(|| format!("{} has no revision", release.name))?;
    let way = |to| Way {
        from,
        to,
        repair: interrupted.is_some(),
    };
    let Some(wanted) = wanted else {
        return release.rollback_target().map(way).ok_or_else(|| {
            format!(
                "{} has no earlier revision that was deployed, differs, and was not rolled back from; name one with --revision",
                release.name
            )
        });
    };
    let Some(revision) = release.history.iter().find(|r| r.number == wanted) else {
        let newest = newest.map_or(0, |r| r.number);
        return Err(format!(
            "{} has no revision {wanted}; the newest is {newest}",
            release.name
        ));
    };
    match revision.status {
        RevisionStatus::Superseded if revision.settings == from.settings && interrupted.is_none() => {
            Err(format!(
                "revision {wanted} is the same as revision {} in force",
                from.number
            ))
        }
        RevisionStatus::Superseded => Ok(way(revision)),
        RevisionStatus::Deployed if interrupted.is_some() => Ok(way(revision)),
        RevisionStatus::Deployed => Err(format!("revision {wanted} is the one in force")),
        RevisionStatus::Failed | RevisionStatus::PendingUpgrade | RevisionStatus::PendingRollback => {
            Err(format!("revision {wanted} was never completely deployed"))
        }
    }
}

/// A rollback would change one half of a blue/green release and leave the other.
fn parallel(release: &Release) -> Gate {
    let name = "parallel_release";
    match &release.parallel {
        None => pass(name, "no other half of a blue/green release runs", vec![]),
        Some(parallel) => refuse(
            name,
            format!(
                "{} has a {} release beside it: `aisoc-console green cancel` goes back",
                release.name,
                parallel.colour.word()
            ),
            vec![format!("since {}", parallel.since)],
        ),
    }
}

fn history(release: &Release) -> Vec<String> {
    let line = |r: &Revision| {
        let settings: Vec<String> = r.settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let text = format!(
            "rev {} {} {}: {}",
            r.number,
            r.status.word(),
            settings.join(" "),
            r.description
        );
        aisoc_model::text::sanitize(&text, 200)
    };
    release.history.iter().rev().take(10).map(line).collect()
}
