//! The services' connection strings after a writer has moved: steps that every plan which moves one gets, where the
//! topology says that the strings to its cluster name one host. A string that names all hosts follows by itself.

use crate::drivers::Drivers;
use crate::operations::action::Action;
use crate::operations::gates::Case;
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, step};
use aisoc_model::dsn::{Dsn, DsnSecrets};
use aisoc_model::plan::{PlannedStep, Target};
use aisoc_model::region::Health;
use aisoc_model::topology::DatabaseCluster;
use aisoc_model::{ClusterName, RegionId};
use std::collections::BTreeSet;

type Step = (Action, PlannedStep);

/// A cluster's strings and the region of the writer that they have to name.
struct Move<'a> {
    cluster: &'a DatabaseCluster,
    secrets: &'a DsnSecrets,
    to: RegionId,
}

/// Adds the steps to a plan that moves writers, or that brings a region back.
pub(crate) fn follow(case: &Case<'_>, drivers: &Drivers, draft: &mut Draft) {
    if let Target::Rejoin { region, .. } = &case.request.target {
        // Whoever comes back has missed what was written elsewhere meanwhile.
        let back = moves(case, draft, |action| match action {
            Action::Redundancy { to, .. } => Some((to.cluster.clone(), to.region.clone())),
            _ => None,
        });
        for moved in back
            .iter()
            .filter(|moved| moved.secrets.regions().contains(&region))
        {
            draft.steps.extend(point(case, drivers, moved, region));
            if moved.secrets.restart {
                draft.steps.extend(restart(case, drivers, region));
            }
        }
        return;
    }
    let moved = moves(case, draft, |action| match action {
        Action::Switchover { to, .. } | Action::Elect { to, .. } => {
            Some((to.cluster.clone(), to.region.clone()))
        }
        Action::MakeManagedWriter { to, .. } => Some((case.cluster.clone(), to.clone())),
        _ => None,
    });
    let several = moved.len() > 1;
    let mut steps = Vec::new();
    let mut restarted = BTreeSet::new();
    for moved in &moved {
        let (up, down): (Vec<&RegionId>, Vec<&RegionId>) = moved
            .secrets
            .regions()
            .into_iter()
            .partition(|region| !left(case, region));
        draft.affected.extend(refusing(case, moved, &up));
        for region in up {
            let pointed = point(case, drivers, moved, region);
            if pointed.is_some() && moved.secrets.restart {
                restarted.insert(region);
            }
            steps.extend(pointed.map(|(action, mut planned)| {
                if several {
                    planned.id = format!("{}-{}", planned.id, moved.cluster.name);
                }
                (action, planned)
            }));
        }
        let told = down.into_iter().map(|region| later(case, drivers, moved, region));
        draft.affected.extend(told);
    }
    // All strings first: whoever is restarted, by this or by something else meanwhile, reads the right ones, and once.
    steps.extend(
        restarted
            .into_iter()
            .filter_map(|region| restart(case, drivers, region)),
    );
    insert(draft, steps);
}

/// What the plan's steps move, of the clusters whose strings are kept, in the topology's order.
fn moves<'a>(
    case: &Case<'a>,
    draft: &Draft,
    of: impl Fn(&Action) -> Option<(ClusterName, RegionId)>,
) -> Vec<Move<'a>> {
    let found = |cluster: &'a DatabaseCluster| {
        let secrets = cluster.dsn_secret.as_ref()?;
        draft.steps.iter().find_map(|(action, _)| {
            let (_, to) = of(action).filter(|(name, _)| *name == cluster.name)?;
            Some(Move { cluster, secrets, to })
        })
    };
    case.topology.databases.iter().filter_map(found).collect()
}

/// What a string with one host costs: its readers stay with the old writer until they are replaced.
fn refusing(case: &Case<'_>, moved: &Move<'_>, regions: &[&RegionId]) -> Option<String> {
    let names: Vec<&str> = regions.iter().map(|region| region.as_str()).collect();
    let of = if case.topology.several_clusters() {
        format!(" to {}", moved.cluster.name)
    } else {
        String::new()
    };
    let until = if moved.secrets.restart {
        "they are replaced, one instance at a time"
    } else {
        "something replaces them"
    };
    (!names.is_empty()).then(|| {
        format!(
            "the services of {} name one host: their writes{of} fail until {until}",
            names.join(", ")
        )
    })
}

/// Behind the proof that the new writer has everything, before the api is asked.
fn insert(draft: &mut Draft, steps: Vec<Step>) {
    let asked = |(action, _): &Step| matches!(action, Action::ApiHealth { .. });
    let at = draft.steps.iter().position(asked).unwrap_or(draft.steps.len());
    draft.steps.splice(at..at, steps);
}

/// A region that is down: nobody there can be told anything.
fn left(case: &Case<'_>, region: &RegionId) -> bool {
    let leaves =
        matches!(&case.request.target, Target::RegionFailover { region: left, .. } if left == region);
    let known = case.facts.world.regions.get(region);
    let down = known.is_some_and(|r| r.verdict.health == Health::Down);
    // A lost writer takes every api out of service; a region whose api answers can be told.
    let silent = known.is_some_and(|r| {
        let answers = |h: &aisoc_model::region::ApiHealth| h.status != 0;
        !r.api
            .iter()
            .any(|p| p.health.fresh(case.facts.now).is_some_and(answers))
    });
    down && (silent || leaves)
}

/// `host:port` of the new writer as the services reach it.
fn address(moved: &Move<'_>) -> Option<String> {
    let named = moved.secrets.addresses.get(&moved.to).cloned();
    named.or_else(|| Some(moved.cluster.member(&moved.to)?.postgres.clone()))
}

fn request(drivers: &Drivers, moved: &Move<'_>, region: &RegionId, address: &str) -> String {
    let driver = drivers.dsn(&moved.cluster.name);
    driver.map_or_else(String::new, |driver| driver.request(region, address))
}

fn point(case: &Case<'_>, drivers: &Drivers, moved: &Move<'_>, region: &RegionId) -> Option<Step> {
    let address = address(moved)?;
    let request = request(drivers, moved, region, &address);
    let (name, to) = (&moved.cluster.name, &moved.to);
    let of = if case.topology.several_clusters() {
        format!("{name}: ")
    } else {
        String::new()
    };
    let action = Action::PointDsn {
        cluster: name.clone(),
        region: region.clone(),
        address,
    };
    let title = format!("{of}point the DSN of the services of {region} at {to}");
    Some(step(action, title, request, None))
}

fn restart(case: &Case<'_>, drivers: &Drivers, region: &RegionId) -> Option<Step> {
    let driver = drivers.release.as_ref()?;
    let release = case.facts.world.releases.values().find(|r| &r.region == region)?;
    let action = Action::Restart {
        release: release.name.clone(),
        revision: release.current()?.number,
    };
    let title = format!("the services of {region} read it: replaced one instance at a time");
    Some(step(action, title, driver.restart_request(&release.name), None))
}

/// How a region that is down is told once it is back.
fn later(case: &Case<'_>, drivers: &Drivers, moved: &Move<'_>, region: &RegionId) -> String {
    let (name, to) = (&moved.cluster.name, &moved.to);
    if moved.cluster.member(region).is_none() {
        let request = address(moved).map(|address| request(drivers, moved, region, &address));
        return format!(
            "the services of {region} keep the old writer of {name}, and no member there rejoins: when it is back, {}",
            request.unwrap_or_default()
        );
    }
    let option = if case.topology.several_clusters() {
        format!(" --cluster {name}")
    } else {
        String::new()
    };
    format!("the services of {region} are pointed at {to} when it is back: `rejoin {region}{option}`")
}

/// Whether the services of a region connect with this host alone.
#[must_use]
pub fn pointed_sight(there: &Dsn, region: &RegionId, address: &str) -> Sight {
    let hosts = there.hosts();
    if hosts == [address] {
        let epoch = there
            .epoch
            .map_or_else(String::new, |epoch| format!(", written under epoch {epoch}"));
        return Sight::Done(Report::new(format!("the DSN of {region} names {address}{epoch}")));
    }
    Sight::NotDone(format!("the DSN of {region} names {}", hosts.join(", ")))
}
