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
        Ok((current, target)) => pass(
            "rollback_target",
            format!(
                "revision {} was deployed and differs from {}",
                target.number, current.number
            ),
            history(found),
        ),
        Err(why) => refuse("rollback_target", why, history(found)),
    };
    vec![target, common::rollouts(case)]
}

/// The revision in force and the one to return to.
///
/// # Errors
/// Why there is no such revision.
pub fn target(release: &Release, wanted: Option<u32>) -> Result<(&Revision, &Revision), String> {
    let newest = release.history.last();
    let current = release
        .current()
        .or(newest)
        .ok_or_else(|| format!("{} has no revision", release.name))?;
    // A rollout that failed leaves the revision before it in force, but its processes may be half new.
    let before = newest.map_or(current.number, |r| r.number);
    let Some(wanted) = wanted else {
        return release
            .last_good_before(current.number)
            .map(|good| (current, good))
            .ok_or_else(|| {
                format!(
                    "{} has no earlier revision that was deployed and differs",
                    release.name
                )
            });
    };
    let Some(revision) = release.history.iter().find(|r| r.number == wanted) else {
        return Err(format!(
            "{} has no revision {wanted}; the newest is {before}",
            release.name
        ));
    };
    match revision.status {
        RevisionStatus::Superseded if revision.settings == current.settings => Err(format!(
            "revision {wanted} is the same as revision {} in force",
            current.number
        )),
        RevisionStatus::Superseded => Ok((current, revision)),
        RevisionStatus::Deployed => Err(format!("revision {wanted} is the one in force")),
        RevisionStatus::Failed | RevisionStatus::PendingUpgrade | RevisionStatus::PendingRollback => {
            Err(format!("revision {wanted} was never completely deployed"))
        }
    }
}

fn history(release: &Release) -> Vec<String> {
    let line = |r: &Revision| {
        let settings: Vec<String> = r.settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
        let text = format!(
            "rev {} {:?} {}: {}",
            r.number,
            r.status,
            settings.join(" "),
            r.description
        );
        aisoc_model::text::sanitize(&text, 200)
    };
    release.history.iter().rev().take(10).map(line).collect()
}
