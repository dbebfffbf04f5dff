//! The services' connection strings after the writer has moved: steps that every plan which moves it gets, where the
//! topology says that the strings name one host. A string that names all hosts follows by itself.

use crate::drivers::Drivers;
use crate::operations::action::Action;
use crate::operations::gates::Case;
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, step};
use aisoc_model::RegionId;
use aisoc_model::dsn::{Dsn, DsnSecrets};
use aisoc_model::plan::{PlannedStep, Target};
use aisoc_model::region::Health;

type Step = (Action, PlannedStep);

/// Adds the steps to a plan that moves the writer, or that brings a region back.
pub(crate) fn follow(case: &Case<'_>, drivers: &Drivers, draft: &mut Draft) {
    let Some(secrets) = &case.topology.dsn_secret else {
        return;
    };
    let moved = draft.steps.iter().find_map(|(action, _)| match action {
        Action::Switchover { to, .. } | Action::Elect { to, .. } if to.cluster == secrets.cluster => {
            Some(to.region.clone())
        }
        Action::MakeManagedWriter { to, .. } if *case.cluster == secrets.cluster => Some(to.clone()),
        _ => None,
    });
    // Whoever comes back has missed what was written elsewhere meanwhile.
    let returns = draft
        .steps
        .iter()
        .find_map(|(action, _)| match (action, &case.request.target) {
            (Action::Redundancy { from, to, .. }, Target::Rejoin { .. })
                if from.cluster == secrets.cluster =>
            {
                Some((from.region.clone(), to.region.clone()))
            }
            _ => None,
        });
    match (moved, returns) {
        (Some(to), _) => {
            let (up, down): (Vec<&RegionId>, Vec<&RegionId>) = secrets
                .regions()
                .into_iter()
                .partition(|region| !left(case, region));
            // All strings first: whoever is restarted by something else meanwhile reads the right one.
            let (mut steps, restarts): (Vec<Step>, Vec<Step>) = up
                .into_iter()
                .flat_map(|region| steps(case, drivers, secrets, region, &to))
                .partition(|(action, _)| matches!(action, Action::PointDsn { .. }));
            steps.extend(restarts);
            draft.affected.extend(down.iter().map(|region| {
                format!("the services of {region} are pointed at {to} when it is back: `rejoin {region}`")
            }));
            insert(draft, steps);
        }
        (None, Some((region, to))) if secrets.regions().contains(&&region) => {
            draft.steps.extend(steps(case, drivers, secrets, &region, &to));
        }
        _ => {}
    }
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

fn steps(
    case: &Case<'_>,
    drivers: &Drivers,
    secrets: &DsnSecrets,
    region: &RegionId,
    to: &RegionId,
) -> Vec<Step> {
    let named = secrets.addresses.get(to).cloned();
    let address = named.or_else(|| {
        let cluster = case.topology.cluster(&secrets.cluster)?;
        Some(cluster.member(to)?.postgres.clone())
    });
    let Some(address) = address else {
        return Vec::new();
    };
    let request = drivers
        .dsn
        .as_ref()
        .map_or_else(String::new, |driver| driver.request(region, &address));
    let mut steps = vec![step(
        Action::PointDsn {
            region: region.clone(),
            address,
        },
        format!("point the DSN of the services of {region} at {to}"),
        request,
        None,
    )];
    let release = case.facts.world.releases.values().find(|r| &r.region == region);
    if secrets.restart
        && let (Some(driver), Some(release)) = (&drivers.release, release)
        && let Some(current) = release.current()
    {
        let action = Action::Restart {
            release: release.name.clone(),
            revision: current.number,
        };
        let title = format!("the services of {region} read it: replaced one instance at a time");
        steps.push(step(action, title, driver.restart_request(&release.name), None));
    }
    steps
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
