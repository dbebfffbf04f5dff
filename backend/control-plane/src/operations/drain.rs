//! Drain, restore, renewal: weights, not switches. What the plans are; how what is seen on the way is judged is in
//! [`super::watching`].

use crate::drivers::Drivers;
use crate::drivers::traffic::TrafficReading;
use crate::operations::action::{Action, milliseconds};
use crate::operations::gates::{self, Case};
use crate::operations::planner::{Draft, DraftFact, step};
use aisoc_model::RegionId;
use aisoc_model::plan::{DRAIN_SECONDS, PlannedStep};

/// Weights on the way out.
const DOWN: [u8; 3] = [50, 10, 0];
/// Weights on the way back.
const UP: [u8; 3] = [10, 50, 100];

/// The plan of a drain.
pub(crate) fn draft_drain(
    case: &Case<'_>,
    drivers: &Drivers,
    region: &RegionId,
    deadline_seconds: u32,
    expires_seconds: u32,
) -> Draft {
    let before = percent(case, region).unwrap_or(100);
    let others: Vec<RegionId> = others(case, region);
    let mut steps = Vec::new();
    let mut at = before;
    for percent in DOWN.into_iter().filter(|p| *p < before || *p == 0) {
        steps.push(weight(drivers, region, at, percent));
        if percent > 0 {
            steps.push(watch(case, drivers, &others, percent));
        }
        at = percent;
    }
    steps.extend(dns_tail(case, drivers, region));
    steps.push(await_idle(drivers, region, deadline_seconds));
    let lasts = lasting(drain_seconds(expires_seconds));
    let mut affected = affected(case, region);
    affected.extend(writers_stay(case, region));
    affected.extend(said_of(drivers));
    Draft {
        summary: format!(
            "Take {region} out of rotation by steps from {before} % to 0 %; it ends by itself after {lasts}."
        ),
        facts: facts(case, region),
        gates: gates::traffic::drain(case, region),
        steps,
        predicted_write_outage_ms: None,
        affected,
        objective: None,
    }
}

/// Seconds that a drain lasts: every one ends.
pub(crate) fn drain_seconds(asked: u32) -> u32 {
    if asked == 0 { DRAIN_SECONDS } else { asked }
}

/// A length of time in two units at most.
pub(crate) fn lasting(seconds: u32) -> String {
    let (hours, minutes, rest) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
    match (hours, minutes, rest) {
        (0, 0, s) => format!("{s} s"),
        (0, m, 0) => format!("{m} min"),
        (0, m, s) => format!("{m} min {s} s"),
        (h, 0, _) => format!("{h} h"),
        (h, m, _) => format!("{h} h {m} min"),
    }
}

/// The plan of a renewal. The journal that holds it is all that changes.
pub(crate) fn draft_renewal(
    case: &Case<'_>,
    drivers: &Drivers,
    region: &RegionId,
    expires_seconds: u32,
) -> Draft {
    let lasts = lasting(drain_seconds(expires_seconds));
    let mut facts = facts(case, region);
    if let Some(drain) = case.facts.own.drains.get(region) {
        let value = format!("operation {}", drain.operation);
        facts.push(DraftFact::new(format!("{region} drain"), value, "journal", case.facts.now).pinned());
    }
    let action = Action::StillDrained {
        region: region.clone(),
    };
    let title = format!("{region} is still out of rotation; its drain ends {lasts} after the confirmation");
    Draft {
        summary: format!("Let the drain of {region} last for another {lasts}."),
        facts,
        gates: gates::traffic::renewal(case, region),
        steps: vec![step(action, title, drivers.traffic.look(), None)],
        predicted_write_outage_ms: None,
        affected: vec![format!("nobody new: {region} stays out of rotation")],
        objective: None,
    }
}

/// The plan of a restore.
pub(crate) fn draft_restore(case: &Case<'_>, drivers: &Drivers, region: &RegionId) -> Draft {
    let before = percent(case, region).unwrap_or(0);
    let mut steps = Vec::new();
    let mut at = before;
    for percent in UP.into_iter().filter(|p| *p > before || *p == 100) {
        steps.push(weight(drivers, region, at, percent));
        steps.push(watch(case, drivers, std::slice::from_ref(region), percent));
        at = percent;
    }
    let mut affected = vec![format!(
        "clients that are routed to {region} again; no request is cut off"
    )];
    affected.extend(said_of(drivers));
    Draft {
        summary: format!("Return {region} to rotation by steps from {before} % to 100 %."),
        facts: facts(case, region),
        gates: gates::traffic::restore(case, region),
        steps,
        predicted_write_outage_ms: None,
        affected,
        objective: None,
    }
}

/// What the load balancer's product does and cannot do.
fn said_of(drivers: &Drivers) -> Vec<String> {
    let traits = drivers.traffic.traits();
    let mut said = traits.remarks;
    said.extend(
        traits
            .blind
            .map(|why| format!("what is in flight cannot be seen: {why}")),
    );
    said
}

/// Clients go on to use an address that they have resolved: nothing tells when the last of them has forgotten it.
fn dns_tail(case: &Case<'_>, drivers: &Drivers, region: &RegionId) -> Option<(Action, PlannedStep)> {
    let seconds = case.topology.load_balancer.dns_ttl_seconds()?;
    let action = Action::DnsTail {
        region: region.clone(),
        milliseconds: u64::from(seconds) * 1_000,
    };
    let title = format!("let the DNS answers that clients keep run out: {seconds} s");
    Some(step(action, title, drivers.traffic.look(), None))
}

fn await_idle(drivers: &Drivers, region: &RegionId, deadline_seconds: u32) -> (Action, PlannedStep) {
    let action = Action::AwaitIdle {
        region: region.clone(),
        deadline_ms: u64::from(deadline_seconds) * 1_000,
    };
    let title = match drivers.traffic.traits().blind {
        None => {
            format!("wait until {region} has no open session and no request, at most {deadline_seconds} s")
        }
        Some(_) => {
            format!("wait {deadline_seconds} s for what is in flight in {region}, which cannot be seen")
        }
    };
    step(action, title, drivers.traffic.look(), None)
}

fn others(case: &Case<'_>, region: &RegionId) -> Vec<RegionId> {
    let regions = case.topology.regions.iter().map(|r| r.id.clone());
    regions.filter(|r| r != region).collect()
}

fn reading<'a>(case: &'a Case<'_>) -> Option<&'a TrafficReading> {
    case.facts.traffic.as_ref()?.as_ref().ok()
}

pub(crate) fn percent(case: &Case<'_>, region: &RegionId) -> Option<u8> {
    reading(case)?.percent(region)
}

pub(crate) fn weight(drivers: &Drivers, region: &RegionId, before: u8, percent: u8) -> (Action, PlannedStep) {
    let action = Action::SetWeight {
        region: region.clone(),
        percent,
        before,
    };
    let title = match percent {
        0 => format!("{region} to 0 % and into drain state: no new session"),
        percent => format!("{region} to {percent} % of its weight"),
    };
    let request = drivers.traffic.request(region, percent);
    let undo = format!("back to {before} %: {}", drivers.traffic.request(region, before));
    step(action, title, request, Some(undo))
}

fn watch(case: &Case<'_>, drivers: &Drivers, regions: &[RegionId], percent: u8) -> (Action, PlannedStep) {
    // As long as the load balancer needs to notice by its own checks, within reason for a person who waits.
    let seconds = case.slo.region_removal.check_interval_seconds.clamp(1.0, 10.0);
    let action = Action::Watch {
        regions: regions.to_vec(),
        milliseconds: milliseconds(seconds),
    };
    let names: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
    let title = format!(
        "watch {} for failed and slow requests for {seconds:.0} s",
        names.join(" and ")
    );
    let (action, mut planned) = step(action, title, drivers.traffic.look(), None);
    planned.id = format!("watch-{percent}");
    (action, planned)
}

pub(crate) fn facts(case: &Case<'_>, region: &RegionId) -> Vec<DraftFact> {
    let Some(reading) = reading(case) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    for config in &case.topology.regions {
        let Some(percent) = reading.percent(&config.id) else {
            continue;
        };
        let weight = DraftFact::new(
            format!("{} weight", config.id),
            format!("{percent} %"),
            "load balancer",
            reading.at,
        );
        facts.push(if &config.id == region {
            weight.pinned()
        } else {
            weight
        });
        facts.push(DraftFact::new(
            format!("{} traffic", config.id),
            match reading.load(&config.id) {
                Some(load) => format!("{} requests/s, {} open sessions", load.rate, load.sessions),
                None => "not told by this load balancer".to_owned(),
            },
            "load balancer",
            reading.at,
        ));
    }
    facts
}

pub(crate) fn affected(case: &Case<'_>, region: &RegionId) -> Vec<String> {
    let mut affected = Vec::new();
    if let Some(reading) = reading(case) {
        let regions = case.topology.regions.iter().map(|r| reading.load(&r.id));
        let all: Option<u64> = regions.map(|load| load.map(|l| l.rate)).sum();
        affected.push(match (all, reading.load(region).map(|l| l.rate)) {
            (Some(0), _) => "no request passes the load balancer now".to_owned(),
            (Some(all), Some(rate)) => format!(
                "{} % of the requests ({rate} of {all} per second) move to other regions",
                rate * 100 / all
            ),
            _ => format!(
                "the requests of {region} move to other regions; how many, this load balancer does not tell"
            ),
        });
    }
    affected
}

/// The writers that stay in a drained region.
fn writers_stay(case: &Case<'_>, region: &RegionId) -> Vec<String> {
    let mut affected = Vec::new();
    let world = &case.facts.world;
    for cluster in world
        .regions
        .get(region)
        .into_iter()
        .flat_map(|r| r.written_here(case.facts.now))
    {
        let of = if world.several_clusters() {
            format!(" of {cluster}")
        } else {
            String::new()
        };
        affected.push(format!(
            "the PostgreSQL writer{of} stays in {region}: other regions write across"
        ));
    }
    affected
}
