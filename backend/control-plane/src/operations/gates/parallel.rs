//! Gates of blue/green releases.

use super::{Case, needs_approval, needs_override, pass, refuse};
use crate::operations::gates::common;
use aisoc_model::inventory::{Colour, Parallel, ParallelState, Release};
use aisoc_model::plan::{Gate, Target};

/// Gates of the operations on the release beside `name`.
#[must_use]
pub fn gates(case: &Case<'_>, name: &str) -> Vec<Gate> {
    let Some(Ok(releases)) = &case.facts.releases else {
        return vec![refuse("parallel_release", "the releases cannot be read", vec![])];
    };
    let Some(release) = releases.iter().find(|r| r.name == name) else {
        let why = format!("there is no release {name}");
        return vec![refuse("parallel_release", why, vec![])];
    };
    let mut gates = vec![
        halves(case, release),
        undisturbed(release),
        common::rollouts(case),
    ];
    match (&case.request.target, &release.parallel) {
        (Target::GreenSwitch { .. }, _) => gates.push(in_rotation(case, release)),
        (Target::GreenCancel { .. }, Some(parallel)) if parallel.colour == Colour::Blue => {
            gates.push(in_rotation(case, release));
        }
        (Target::BlueDelete { .. }, Some(parallel)) => {
            gates.push(idle_window(case, parallel));
            gates.push(needs_approval(
                "second_person",
                "deleting blue ends the way back: a second person has to approve",
                vec![line(parallel)],
            ));
        }
        _ => {}
    }
    gates
}

/// The halves are what the operation needs.
fn halves(case: &Case<'_>, release: &Release) -> Gate {
    let name = "parallel_release";
    let evidence = release.parallel.as_ref().map_or_else(
        || vec![format!("{} has no parallel release", release.name)],
        |p| vec![line(p)],
    );
    let ready = |p: &Parallel, what: &str| match &p.state {
        ParallelState::Ready => pass(name, what, vec![line(p)]),
        ParallelState::Starting => refuse(name, "it is not ready yet", vec![line(p)]),
        ParallelState::Unready(why) => refuse(name, format!("it is not ready: {why}"), vec![line(p)]),
    };
    let why = match (&case.request.target, &release.parallel) {
        (Target::GreenDeploy { .. }, None) => return pass(name, "there is no other half yet", evidence),
        (Target::GreenDeploy { .. }, Some(p)) => {
            let colour = p.colour.word();
            format!("there is a {colour} release already: cancel it, or delete it")
        }
        (Target::GreenSwitch { .. }, Some(p)) if p.colour == Colour::Green => {
            return ready(p, "green is ready");
        }
        (Target::GreenSwitch { .. }, Some(_)) => {
            "it was switched already: what is beside it is blue".to_owned()
        }
        (Target::GreenCancel { .. }, Some(p)) if p.colour == Colour::Green => {
            return pass(name, "green was not switched to: it is removed", evidence);
        }
        (Target::GreenCancel { .. }, Some(p)) => return ready(p, "blue is ready to take over again"),
        (Target::BlueDelete { .. }, Some(p)) if p.colour == Colour::Blue => {
            return pass(name, "blue is idle beside green", evidence);
        }
        (Target::BlueDelete { .. }, Some(_)) => {
            "it was not switched: what serves is what would be deleted; `green cancel` removes green"
                .to_owned()
        }
        _ => "there is no other half: `aisoc-console green deploy` makes one".to_owned(),
    };
    refuse(name, why, evidence)
}

fn line(parallel: &Parallel) -> String {
    let instances: Vec<&str> = parallel.instances.iter().map(|i| i.process.as_str()).collect();
    format!(
        "{} (revision {}) since {:.0}: {}",
        parallel.colour.word(),
        parallel.revision,
        parallel.since,
        instances.join(", ")
    )
}

/// What runs is known: no rollout was cut off.
fn undisturbed(release: &Release) -> Gate {
    let name = "whole_release";
    match release.interrupted() {
        None => pass(name, "the revision in force runs everywhere", vec![]),
        Some(revision) => refuse(
            name,
            format!(
                "the rollout of revision {} was interrupted: repair it first with `aisoc-console rollback --release {}`",
                revision.number, release.name
            ),
            vec![],
        ),
    }
}

/// The region has its whole weight: a switch is judged by requests, and a drained region has none.
fn in_rotation(case: &Case<'_>, release: &Release) -> Gate {
    let name = "in_rotation";
    let Some(Ok(reading)) = &case.facts.traffic else {
        return refuse(name, "the load balancer cannot be read", vec![]);
    };
    match reading.percent(&release.region) {
        Some(100) => pass(name, format!("{} has its full weight", release.region), vec![]),
        Some(percent) => refuse(
            name,
            format!(
                "{} has {percent} % of its weight: restore it first, or roll the revision out there instead",
                release.region
            ),
            vec![],
        ),
        None => refuse(
            name,
            format!("the load balancer has no server of {}", release.region),
            vec![],
        ),
    }
}

/// Blue is kept for a while, because some faults show late.
fn idle_window(case: &Case<'_>, parallel: &Parallel) -> Gate {
    let name = "idle_window";
    let Some(until) = parallel.keep_until else {
        return pass(name, "it is not kept for anything", vec![]);
    };
    let left = aisoc_model::clock::millis_between(case.facts.now, until).div_ceil(1_000);
    let evidence = vec![format!(
        "switched at {:.0}, kept until {until:.0}",
        parallel.since
    )];
    if left == 0 {
        pass(name, "its window is over", evidence)
    } else {
        needs_override(
            name,
            format!(
                "blue is kept for {} min {} s more to switch back to; what is deleted cannot come back",
                left / 60,
                left % 60
            ),
            evidence,
        )
    }
}
