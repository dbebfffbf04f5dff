//! Rollback of a release: the plan, and how what is seen on the way is judged.

use crate::drivers::Drivers;
use crate::operations::action::{Action, milliseconds};
use crate::operations::gates::release::Way;
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use aisoc_model::clock::millis_between;
use aisoc_model::inventory::{Change, Process, ProcessState, Release, Revision, RevisionStatus, difference};
use aisoc_model::sli::{GoodSide, SliId, SliReading};
use aisoc_model::world::World;
use aisoc_model::{Freshness, RegionId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Kinds of processes that a release rolls out.
const SERVICES: [&str; 5] = ["api", "ingest", "enrichment", "alert-fusion", "agents"];

/// Changes and revisions that a plan shows.
const SHOWN: usize = 12;

/// The plan of a rollback.
pub(crate) fn draft(case: &Case<'_>, drivers: &Drivers, release: &str, revision: Option<u32>) -> Draft {
    let found = case.facts.releases.as_ref().and_then(|r| r.as_ref().ok());
    let found = found.and_then(|all| all.iter().find(|r| r.name == release));
    let way = found.and_then(|r| gates::release::target(r, revision).ok().map(|way| (r, way)));
    let mut summary = format!("Return release {release} to an earlier revision.");
    let (mut facts, mut steps, mut affected) = (Vec::new(), Vec::new(), Vec::new());
    if let Some((found, way)) = way {
        let changes = difference(&way.from.settings, &way.to.settings);
        summary = summary_of(release, way, &changes);
        facts = release_facts(case, found, way, &changes);
        facts.extend(sli_facts(case, &found.region));
        steps = planned(case, drivers, found, way.from, way.to);
        affected.push(format!(
            "every service of {} is replaced one at a time, each only when its successor is ready",
            found.region
        ));
    }
    Draft {
        summary,
        facts,
        gates: gates::release::rollback(case, release, revision),
        steps,
        predicted_write_outage_ms: None,
        affected,
        objective: None,
    }
}

fn planned(
    case: &Case<'_>,
    drivers: &Drivers,
    release: &Release,
    current: &Revision,
    good: &Revision,
) -> Vec<(Action, aisoc_model::plan::PlannedStep)> {
    let request = |revision| {
        drivers
            .release
            .as_ref()
            .map_or_else(String::new, |d| d.request(&release.name, revision))
    };
    let (name, region) = (release.name.clone(), release.region.clone());
    // A whole window has to pass before the indicators can know of the new revision, and some more to settle.
    let deadline_ms = milliseconds(case.slo.window_seconds * 1.5 + 15.0);
    let roll_back = Action::RollBack {
        release: name.clone(),
        region: region.clone(),
        revision: good.number,
        before: current.number,
    };
    let rollout = Action::Rollout {
        release: name,
        region: region.clone(),
        revision: good.number,
    };
    let recovered = Action::Recovered {
        region: region.clone(),
        deadline_ms,
    };
    vec![
        step(
            roll_back,
            format!("begin the rollback to revision {}", good.number),
            request(good.number),
            Some(format!(
                "back to revision {}: {}",
                current.number,
                request(current.number)
            )),
        ),
        step(
            rollout,
            "every instance is ready on the new revision; a rollout that is cut off is begun again"
                .to_owned(),
            "GET /v1/releases, inventory; the request above when it was interrupted".to_owned(),
            None,
        ),
        step(
            recovered,
            format!(
                "the indicators of {region} are within their objectives, at most {} s",
                deadline_ms / 1_000
            ),
            "SLIs over their window".to_owned(),
            None,
        ),
    ]
}

fn summary_of(release: &str, way: Way<'_>, changes: &[Change]) -> String {
    let changes = if changes.is_empty() {
        "no setting differs".to_owned()
    } else {
        let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
        aisoc_model::text::sanitize(&changes.join(", "), 300)
    };
    let (from, to) = (way.from.number, way.to.number);
    if way.repair {
        format!(
            "Repair {release}: revision {from} was cut off while it was rolled out, go back to {to}: {changes}."
        )
    } else {
        format!("Return {release} from revision {from} to revision {to}: {changes}.")
    }
}

/// What is in force and where it leads, pinned; each setting that changes; the latest revisions.
fn release_facts(case: &Case<'_>, release: &Release, way: Way<'_>, changes: &[Change]) -> Vec<DraftFact> {
    let (name, at) = (&release.name, case.facts.now);
    let newest = release.history.last().map_or(0, |r| r.number);
    let number = |what: &str, number: u32| {
        DraftFact::new(format!("{name} {what}"), number.to_string(), "supervisor", at).pinned()
    };
    let mut facts = vec![
        number("revision", way.from.number),
        number("newest revision", newest),
        number("target", way.to.number),
    ];
    let text = |text: String| aisoc_model::text::sanitize(&text, 200);
    for change in changes.iter().take(SHOWN) {
        facts.push(DraftFact::new(
            "changes".to_owned(),
            change.to_string(),
            "supervisor",
            at,
        ));
    }
    for revision in release.history.iter().rev().take(SHOWN) {
        let value = format!(
            "{} {:.0}: {}",
            revision.status.word(),
            revision.at,
            revision.description
        );
        let name = format!("revision {}", revision.number);
        facts.push(DraftFact::new(name, text(value), "supervisor", at));
    }
    facts
}

fn sli_facts(case: &Case<'_>, region: &RegionId) -> Vec<DraftFact> {
    let readings = case.facts.world.slis.values().filter(|s| &s.region == region);
    let fact = |s: &SliReading| {
        let value = s.value.fresh(case.facts.now)?;
        let name = format!("{region} {}", s.sli.name());
        let met = if s.objective.met_by(*value) {
            "within"
        } else {
            "misses"
        };
        let text = format!("{value:.3} ({met} its objective {})", s.objective.bound);
        Some(DraftFact::new(name, text, "otlp", s.value.observed_at?))
    };
    readings.filter_map(fact).collect()
}

/// Whether the rollback of an operation has begun: the supervisor notes the operation in the revision.
#[must_use]
pub fn begun_sight(release: &Release, operation: &str, revision: u32) -> Sight {
    let made = release
        .history
        .iter()
        .rev()
        .find(|r| r.description.contains(operation) && same(release, r, revision));
    match made {
        Some(made) => Sight::Done(Report::new(format!(
            "revision {} returns to {revision}",
            made.number
        ))),
        None => Sight::NotDone(format!("{} has no revision of this operation", release.name)),
    }
}

fn same(release: &Release, made: &Revision, revision: u32) -> bool {
    let target = release.history.iter().find(|r| r.number == revision);
    target.is_some_and(|t| t.settings == made.settings)
}

/// Whether the rollout has ended and every instance runs what it should.
#[must_use]
pub fn rollout_sight<'a>(
    release: &Release,
    processes: impl Iterator<Item = &'a Process>,
    operation: &str,
    revision: u32,
    now: Timestamp,
) -> Sight {
    let made = release
        .history
        .iter()
        .rev()
        .find(|r| r.description.contains(operation) && same(release, r, revision));
    let Some(made) = made else {
        return Sight::NotDone(format!("{} has no revision of this operation", release.name));
    };
    if release.interrupted().is_some_and(|r| r.number == made.number) {
        return Sight::Lost(format!(
            "the rollout of revision {} was interrupted: its supervisor ended",
            made.number
        ));
    }
    if made.status == RevisionStatus::Failed {
        return Sight::Failed(format!(
            "revision {} did not get ready: see the logs of its processes",
            made.number
        ));
    }
    if let Some(rollout) = &release.rollout {
        return Sight::NotDone(rollout.clone());
    }
    if made.status != RevisionStatus::Deployed {
        return Sight::NotDone(format!("revision {} is {}", made.number, made.status.word()));
    }
    let wanted = format!("rev {}", made.number);
    let (mut ready, mut not) = (0, Vec::new());
    for process in processes.filter(|p| SERVICES.contains(&p.kind.as_str())) {
        if process.region.as_ref() != Some(&release.region) {
            continue;
        }
        // A version set by hand replaces `rev N`: then only the release itself tells.
        let old = process.version.starts_with("rev ") && process.version != wanted;
        if old || process.state != ProcessState::Ready {
            not.push(format!(
                "{} {} {:?}",
                process.name, process.version, process.state
            ));
        } else {
            ready += 1;
        }
    }
    if !not.is_empty() {
        return Sight::NotDone(not.join(", "));
    }
    let mut report = Report::new(format!(
        "revision {} is in force, {ready} instance(s) ready",
        made.number
    ));
    report.times.insert("rollout".to_owned(), now);
    Sight::Done(report)
}

/// The indicators of a region that are freshly known.
#[must_use]
pub fn indicators(world: &World, region: &RegionId, now: Timestamp) -> Indicators {
    let readings = world.slis.values().filter(|s| &s.region == region);
    readings
        .filter_map(|s| Some((s.sli, *s.value.fresh(now)?)))
        .collect()
}

/// Values of a region's indicators.
pub type Indicators = BTreeMap<SliId, f64>;

/// The wait for a recovery.
#[derive(Debug, Clone, Copy)]
pub struct Wait {
    /// When it began.
    pub since: Timestamp,
    /// Now.
    pub now: Timestamp,
    /// When it is over.
    pub deadline_ms: u64,
    /// Length of the indicators' window: before that they still speak of the revision before.
    pub window_ms: u64,
}

/// Whether the region's indicators have recovered, or the wait is over. `first` are their values when the wait
/// began.
#[must_use]
pub fn recovered_sight(world: &World, region: &RegionId, first: &Indicators, wait: Wait) -> Sight {
    let (mut missing, mut improving) = (Vec::new(), true);
    let mut report = Report::default();
    let (mut known, mut silent) = (0, 0);
    for reading in world.slis.values().filter(|s| &s.region == region) {
        match reading.value.freshness(wait.now) {
            Freshness::Fresh(value) => {
                known += 1;
                let name = reading.sli.name();
                report.figures.insert(format!("sli_{name}"), *value);
                if !reading.objective.met_by(*value) {
                    missing.push(format!(
                        "{name} {value:.3} (objective {})",
                        reading.objective.bound
                    ));
                    let better = first
                        .get(&reading.sli)
                        .is_some_and(|then| match reading.objective.good {
                            GoodSide::Below => value < then,
                            GoodSide::Above => value > then,
                        });
                    improving &= better;
                }
            }
            Freshness::NoTraffic | Freshness::NotConfigured => silent += 1,
            other => {
                improving = false;
                missing.push(format!("{} is {}", reading.sli.name(), other.word()));
            }
        }
    }
    let waited = millis_between(wait.since, wait.now);
    if waited < wait.window_ms.min(wait.deadline_ms) && missing.is_empty() {
        return Sight::NotDone("a whole window has not passed yet".to_owned());
    }
    if missing.is_empty() {
        report.detail = format!("{known} indicator(s) within their objectives, {silent} without traffic");
        report.times.insert("recovered".to_owned(), wait.now);
        return Sight::Done(report);
    }
    let missing = missing.join(", ");
    if waited < wait.deadline_ms {
        return Sight::NotDone(missing);
    }
    if improving {
        report.detail = format!(
            "improving, but not within objectives after {} s: {missing}",
            waited / 1_000
        );
        return Sight::Done(report);
    }
    Sight::Failed(format!("after {} s: {missing}", waited / 1_000))
}
