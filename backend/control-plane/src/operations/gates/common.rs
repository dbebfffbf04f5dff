//! Gates of every operation.

use super::{Case, needs_approval, needs_override, pass, refuse, region};
use aisoc_model::clock::millis_between;
use aisoc_model::plan::{Gate, Target};

/// A frame may be this many observations old.
const FRAME_INTERVALS: u64 = 5;
/// A frame is never required to be younger than this.
const FRAME_LEAST_MS: u64 = 3_000;
/// A load balancer's answer may be this old.
const TRAFFIC_MS: u64 = 2_000;

/// The gate of the reason.
pub const REASON: &str = "reason";

/// The gates that every operation passes.
#[must_use]
pub fn gates(case: &Case<'_>) -> Vec<Gate> {
    let mut gates = vec![
        reason(case),
        one_operation(case),
        quorum(case),
        freshness(case),
        region::observer_trust(case),
        journal(case),
    ];
    // Fencing is the way out of it.
    if !matches!(case.request.target, Target::Fence { .. }) {
        gates.extend(super::fence::two_writers(case));
    }
    gates
}

/// The control planes agree that this one may act; setting that aside is what two people answer for.
fn quorum(case: &Case<'_>) -> Gate {
    let name = "quorum";
    let no_quorum = match &case.facts.own.right {
        Ok(how) => return pass(name, how, vec![]),
        Err(why) => why,
    };
    match case.request.break_glass.as_deref().map(str::trim) {
        None => refuse(
            name,
            format!("{no_quorum}; wait for it, or break the glass with a second person (--break-glass WHY)"),
            vec![],
        ),
        Some("") => refuse(
            name,
            "breaking the glass needs a reason of its own",
            vec![no_quorum.clone()],
        ),
        Some(why) => needs_approval(
            name,
            "BREAK-GLASS: nobody can prove that no other control plane acts; a second person has to approve",
            vec![
                no_quorum.clone(),
                format!("because: {}", aisoc_model::text::sanitize(why, 300)),
            ],
        ),
    }
}

fn reason(case: &Case<'_>) -> Gate {
    let reason = case.request.reason.trim();
    if reason.is_empty() {
        return refuse(
            REASON,
            "an operation needs a reason: say why, it goes into its record",
            vec![],
        );
    }
    let reason = aisoc_model::text::sanitize(reason, 300);
    pass(REASON, "given", vec![reason])
}

fn one_operation(case: &Case<'_>) -> Gate {
    match &case.facts.own.running {
        None => pass("one_operation", "no other operation is being carried out", vec![]),
        Some((id, what)) => refuse(
            "one_operation",
            format!("{what} has not ended: wait for it, or resolve it"),
            vec![format!("operation {id}")],
        ),
    }
}

/// What the plan rests on was seen just now.
fn freshness(case: &Case<'_>) -> Gate {
    let facts = case.facts;
    let interval = u64::from(case.topology.control_plane.observe_interval_ms);
    let bound = (interval * FRAME_INTERVALS).max(FRAME_LEAST_MS);
    let age = millis_between(facts.world.head.at, facts.now);
    let mut evidence = vec![format!(
        "world frame {} is {age} ms old, bound {bound} ms",
        facts.world.head.seq
    )];
    let mut problem = (age > bound)
        .then(|| format!("the control plane's own picture is {age} ms old: its observation stands still"));
    match &facts.traffic {
        None => {}
        Some(Err(why)) => problem = Some(format!("the load balancer cannot be read: {why}")),
        Some(Ok(reading)) => {
            let age = millis_between(reading.at, facts.now);
            evidence.push(format!("load balancer read {age} ms ago, bound {TRAFFIC_MS} ms"));
            if age > TRAFFIC_MS {
                problem = Some(format!("the load balancer was read {age} ms ago"));
            }
        }
    }
    if let Some(Err(why)) = &facts.releases {
        problem = Some(format!("the releases cannot be read: {why}"));
    }
    for (cluster, seen) in &facts.clusters {
        let of = Case { cluster, ..*case }.of_cluster();
        for (region, member) in seen.database.iter().flat_map(|d| &d.members) {
            let age = millis_between(member.server.at, facts.now);
            evidence.push(format!("postgres {region}{of} asked {age} ms ago"));
        }
    }
    match problem {
        Some(problem) => refuse("freshness", problem, evidence),
        None => pass("freshness", "everything was read just now", evidence),
    }
}

fn journal(case: &Case<'_>) -> Gate {
    match &case.facts.own.journal {
        Ok(count) => pass(
            "journal",
            "the journal's chain is whole",
            vec![format!("{count} entries")],
        ),
        Err(why) => needs_override("journal", "the journal is not to be trusted", vec![why.clone()]),
    }
}

/// No release of these regions is being rolled out.
#[must_use]
pub fn rollouts(case: &Case<'_>) -> Gate {
    let name = "rollout";
    let releases = match &case.facts.releases {
        Some(Ok(releases)) => releases.iter().collect::<Vec<_>>(),
        Some(Err(why)) => {
            return refuse(
                name,
                "whether a release is being rolled out is not known",
                vec![why.clone()],
            );
        }
        None => case.facts.world.releases.values().collect(),
    };
    let evidence = |running: bool| {
        releases
            .iter()
            .filter(|r| r.rollout.is_some() == running)
            .map(|r| format!("{}: {}", r.name, r.rollout.as_deref().unwrap_or("no rollout")))
            .collect::<Vec<_>>()
    };
    let running = evidence(true);
    if running.is_empty() {
        pass(name, "no release is being rolled out", evidence(false))
    } else {
        needs_override(name, "a release is being rolled out: let it end first", running)
    }
}

/// Whether all of these let a plan pass.
#[must_use]
pub fn all_pass(gates: &[Gate]) -> bool {
    gates.iter().all(|g| !g.decision.stops())
}
