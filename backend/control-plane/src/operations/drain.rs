//! Drain and restore: weights, not switches. What the plans are, and how what is seen on the way is judged.

use crate::drivers::Drivers;
use crate::drivers::traffic::TrafficReading;
use crate::operations::action::{Action, milliseconds};
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::plan::PlannedStep;
use jiff::Timestamp;

/// Weights on the way out.
const DOWN: [u8; 3] = [50, 10, 0];
/// Weights on the way back.
const UP: [u8; 3] = [10, 50, 100];
/// Requests below which an error share says nothing.
const LEAST_REQUESTS: u64 = 20;
/// Failed requests below which a change of weights is never blamed.
const LEAST_FAILURES: u64 = 3;

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
            steps.push(watch(case, &others, percent));
        }
        at = percent;
    }
    let deadline = Action::AwaitIdle {
        region: region.clone(),
        deadline_ms: u64::from(deadline_seconds) * 1_000,
    };
    let title =
        format!("wait until {region} has no open session and no request, at most {deadline_seconds} s");
    steps.push(step(deadline, title, "show stat".to_owned(), None));
    let expiry = match expires_seconds {
        0 => "it does not expire".to_owned(),
        seconds => format!("it ends by itself after {seconds} s"),
    };
    Draft {
        summary: format!("Take {region} out of rotation by steps from {before} % to 0 %; {expiry}."),
        facts: facts(case, region),
        gates: gates::traffic::drain(case, region),
        steps,
        predicted_write_outage_ms: None,
        affected: affected(case, region),
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
        steps.push(watch(case, std::slice::from_ref(region), percent));
        at = percent;
    }
    Draft {
        summary: format!("Return {region} to rotation by steps from {before} % to 100 %."),
        facts: facts(case, region),
        gates: gates::traffic::restore(case, region),
        steps,
        predicted_write_outage_ms: None,
        affected: vec![format!(
            "clients that are routed to {region} again; no request is cut off"
        )],
        objective: None,
    }
}

fn others(case: &Case<'_>, region: &RegionId) -> Vec<RegionId> {
    let regions = case.topology.regions.iter().map(|r| r.id.clone());
    regions.filter(|r| r != region).collect()
}

fn reading<'a>(case: &'a Case<'_>) -> Option<&'a TrafficReading> {
    case.facts.traffic.as_ref()?.as_ref().ok()
}

fn percent(case: &Case<'_>, region: &RegionId) -> Option<u8> {
    reading(case)?.percent(region)
}

fn weight(drivers: &Drivers, region: &RegionId, before: u8, percent: u8) -> (Action, PlannedStep) {
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

fn watch(case: &Case<'_>, regions: &[RegionId], percent: u8) -> (Action, PlannedStep) {
    // As long as the load balancer needs to notice by its own checks, within reason for a person who waits.
    let seconds = case.slo.region_removal.check_interval_seconds.clamp(1.0, 10.0);
    let action = Action::Watch {
        regions: regions.to_vec(),
        milliseconds: milliseconds(seconds),
    };
    let names: Vec<&str> = regions.iter().map(RegionId::as_str).collect();
    let title = format!(
        "watch {} for failed requests for {seconds:.0} s",
        names.join(" and ")
    );
    let (action, mut planned) = step(action, title, "show stat".to_owned(), None);
    planned.id = format!("watch-{percent}");
    (action, planned)
}

fn facts(case: &Case<'_>, region: &RegionId) -> Vec<DraftFact> {
    let Some(reading) = reading(case) else {
        return Vec::new();
    };
    let mut facts = Vec::new();
    for config in &case.topology.regions {
        let Some(percent) = reading.percent(&config.id) else {
            continue;
        };
        let (sessions, rate) = reading.load(&config.id);
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
            format!("{rate} requests/s, {sessions} open sessions"),
            "load balancer",
            reading.at,
        ));
    }
    facts
}

fn affected(case: &Case<'_>, region: &RegionId) -> Vec<String> {
    let mut affected = Vec::new();
    if let Some(reading) = reading(case) {
        let all: u64 = reading.servers.iter().map(|s| s.rate).sum();
        let (_, rate) = reading.load(region);
        if let Some(share) = (rate * 100).checked_div(all) {
            affected.push(format!(
                "{share} % of the requests ({rate} of {all} per second) move to other regions"
            ));
        } else {
            affected.push("no request passes the load balancer now".to_owned());
        }
    }
    let writes = case
        .facts
        .world
        .regions
        .get(region)
        .and_then(|r| r.postgres.fresh(case.facts.now));
    if writes.is_some_and(|m| m.role == aisoc_model::region::PostgresRole::Writer) {
        affected.push(format!(
            "the PostgreSQL writer stays in {region}: other regions write across"
        ));
    }
    affected
}

/// Whether a region has the weight it was given.
#[must_use]
pub fn weight_sight(reading: &TrafficReading, region: &RegionId, percent: u8) -> Sight {
    let mut wrong = Vec::new();
    let mut servers = 0;
    for server in reading.of(region) {
        servers += 1;
        let wanted = crate::drivers::traffic::ServerReading::weight_at(server.full_weight, percent);
        let in_state = percent == 0 || !server.status.starts_with("DRAIN");
        if server.weight != wanted || !in_state {
            wrong.push(format!(
                "{} {} weight {} (wanted {wanted})",
                server.name, server.status, server.weight
            ));
        }
    }
    if servers == 0 {
        return Sight::Failed(format!("the load balancer has no server of {region}"));
    }
    if wrong.is_empty() {
        let mut report = Report::new(format!("{region} has {percent} % on {servers} server(s)"));
        report.times.insert(format!("weight_{percent}"), reading.at);
        Sight::Done(report)
    } else {
        Sight::NotDone(wrong.join(", "))
    }
}

/// Whether a drained region is idle, or the wait is over.
#[must_use]
pub fn idle_sight(
    reading: &TrafficReading,
    region: &RegionId,
    since: Timestamp,
    now: Timestamp,
    deadline_ms: u64,
) -> Sight {
    let (sessions, rate) = reading.load(region);
    let waited = millis_between(since, now);
    if sessions == 0 && rate == 0 {
        let mut report = Report::new(format!("{region} is drained: no open session, no request"));
        report.times.insert("drained".to_owned(), reading.at);
        report.figures.insert("sessions_left".to_owned(), 0.0);
        return Sight::Done(report);
    }
    let left: Vec<String> = reading
        .of(region)
        .filter(|s| s.sessions > 0 || s.rate > 0)
        .map(|s| format!("{}: {} session(s), {} request(s)/s", s.name, s.sessions, s.rate))
        .collect();
    let left = left.join(", ");
    if waited < deadline_ms {
        return Sight::NotDone(left);
    }
    let mut report = Report::new(format!(
        "{region} gets no new session, but after {} s there is left: {left}",
        waited / 1_000
    ));
    report.figures.insert("sessions_left".to_owned(), sessions as f64);
    Sight::Done(report)
}

/// Judges what happened to the servers of some regions between two readings.
///
/// # Errors
/// Why the change of weights has to be taken back.
pub fn judge_watch(
    regions: &[RegionId],
    before: &TrafficReading,
    after: &TrafficReading,
    allowed_error_rate: f64,
) -> Result<String, String> {
    let watched = |reading: &TrafficReading| {
        let servers = reading.servers.iter().filter(|s| regions.contains(&s.region));
        servers.fold((0_u64, 0_u64, 0_usize), |(requests, failures, serving), s| {
            (
                requests + s.requests,
                failures + s.failures,
                serving + usize::from(s.serves()),
            )
        })
    };
    let (requests_before, failures_before, _) = watched(before);
    let (requests_after, failures_after, serving) = watched(after);
    if serving == 0 {
        return Err("no watched server is up and in rotation any more".to_owned());
    }
    let requests = requests_after.saturating_sub(requests_before);
    let failures = failures_after.saturating_sub(failures_before);
    let text = format!("{failures} of {requests} requests failed on {serving} server(s)");
    let share = if requests == 0 {
        0.0
    } else {
        failures as f64 / requests as f64
    };
    if requests >= LEAST_REQUESTS && failures >= LEAST_FAILURES && share > allowed_error_rate {
        return Err(format!(
            "{text}: more than {:.1} % allowed",
            allowed_error_rate * 100.0
        ));
    }
    Ok(text)
}
