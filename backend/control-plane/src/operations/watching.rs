//! How what is seen while traffic is shifted is judged. Pure.

use crate::drivers::traffic::{ServerReading, TrafficReading};
use crate::operations::hands::{Report, Sight};
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::sli::SliId;
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Requests below which an error share says nothing.
pub(crate) const LEAST_REQUESTS: u64 = 20;
/// Requests below which a 99th percentile is the mood of one or two.
const LEAST_FOR_P99: u64 = 500;
/// Failed requests below which a change of weights is never blamed.
pub(crate) const LEAST_FAILURES: u64 = 3;

/// Requests that were watched after changes of weights, summed over an operation's watches.
pub(crate) const WATCHED_REQUESTS: &str = "watched_requests";
/// Those of them that failed.
pub(crate) const WATCHED_FAILURES: &str = "watched_failures";

/// Whether a region has the weight it was given.
#[must_use]
pub fn weight_sight(reading: &TrafficReading, region: &RegionId, percent: u8) -> Sight {
    let mut wrong = Vec::new();
    let mut servers = 0;
    for server in reading.of(region) {
        servers += 1;
        let wanted = ServerReading::weight_at(server.full_weight, percent);
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
    let waited = millis_between(since, now);
    let Some(load) = reading.load(region) else {
        return blind_sight(region, waited, deadline_ms);
    };
    if load.sessions == 0 && load.rate == 0 {
        let mut report = Report::new(format!("{region} is drained: no open session, no request"));
        report.times.insert("drained".to_owned(), reading.at);
        report.figures.insert("sessions_left".to_owned(), 0.0);
        return Sight::Done(report);
    }
    let left: Vec<String> = reading
        .of(region)
        .filter_map(|s| Some((&s.name, s.load?)))
        .filter(|(_, load)| load.sessions > 0 || load.rate > 0)
        .map(|(name, load)| format!("{name}: {} session(s), {} request(s)/s", load.sessions, load.rate))
        .collect();
    let left = left.join(", ");
    if waited < deadline_ms {
        return Sight::NotDone(left);
    }
    let mut report = Report::new(format!(
        "{region} gets no new session, but after {} s there is left: {left}",
        waited / 1_000
    ));
    report
        .figures
        .insert("sessions_left".to_owned(), load.sessions as f64);
    Sight::Done(report)
}

/// The product does not tell what is in flight: time is all there is to wait for, and that is said.
fn blind_sight(region: &RegionId, waited: u64, deadline_ms: u64) -> Sight {
    if waited < deadline_ms {
        return Sight::NotDone(format!(
            "{} of {} s: what is in flight cannot be seen at this load balancer",
            waited / 1_000,
            deadline_ms / 1_000
        ));
    }
    Sight::Done(Report::new(format!(
        "{region} gets no new session; what was in flight had {} s to end, and whether it has cannot be seen at this \
         load balancer",
        waited / 1_000
    )))
}

/// Whether the addresses that clients keep have run out.
#[must_use]
pub fn dns_sight(
    reading: &TrafficReading,
    region: &RegionId,
    since: Timestamp,
    now: Timestamp,
    tail_ms: u64,
) -> Sight {
    let still = match reading.load(region) {
        Some(load) => format!("{} request(s)/s still arrive", load.rate),
        None => "what still arrives is not told by this load balancer".to_owned(),
    };
    let waited = millis_between(since, now);
    if waited < tail_ms {
        let left = (tail_ms - waited).div_ceil(1_000);
        return Sight::NotDone(format!("DNS tail: {left} s left; {still}"));
    }
    let mut report = Report::new(format!("the DNS answers of before have run out; {still}"));
    report.times.insert("dns_tail".to_owned(), now);
    Sight::Done(report)
}

/// Whether a region is out of rotation.
#[must_use]
pub fn drained_sight(reading: &TrafficReading, region: &RegionId) -> Sight {
    match reading.percent(region) {
        Some(0) => Sight::Done(Report::new(format!(
            "{region} is out of rotation, and stays there"
        ))),
        Some(percent) => Sight::Failed(format!(
            "{region} has {percent} % of its weight: it is not drained any more; `restore` ends the record of its drain"
        )),
        None => Sight::Failed(format!("the load balancer has no server of {region}")),
    }
}

/// What some regions' requests meet, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Servers that are up and in rotation.
    serving: usize,
    /// Requests and failures that the load balancer has counted; `None` when it does not.
    counted: Option<(u64, u64)>,
    /// Indicators that are out of bounds, by what a person reads.
    bad: BTreeSet<String>,
}

/// How some regions serve, by the load balancer and by their own indicators.
#[must_use]
pub fn service(reading: &TrafficReading, world: &World, slo: &Slo, regions: &[RegionId]) -> Service {
    let servers = || reading.servers.iter().filter(|s| regions.contains(&s.region));
    let counted = servers().try_fold((0_u64, 0_u64), |(requests, failures), server| {
        let load = server.load?;
        Some((requests + load.requests, failures + load.failures))
    });
    Service {
        serving: servers().filter(|s| s.serves()).count(),
        counted,
        bad: regions
            .iter()
            .flat_map(|region| bad_indicators(world, slo, region))
            .collect(),
    }
}

/// Errors count from the objective on. Slowness counts from where the load balancer's own rule would remove the
/// region: more requests make everybody a little slower, and that is no reason to take a region back.
fn bad_indicators(world: &World, slo: &Slo, region: &RegionId) -> Vec<String> {
    let slow = slo.region_removal.slow_p99_seconds;
    let indicators = world.slis.values().filter(|s| &s.region == region);
    indicators
        .filter_map(|reading| {
            let value = *reading.value.fresh(world.head.at)?;
            let failures = value * reading.samples as f64;
            match reading.sli {
                _ if reading.samples < LEAST_REQUESTS => None,
                SliId::HttpErrorRate if failures < LEAST_FAILURES as f64 => None,
                SliId::HttpErrorRate if !reading.objective.met_by(value) => Some(format!(
                    "the error rate of {region} misses its objective of {:.1} %",
                    reading.objective.bound * 100.0
                )),
                SliId::HttpRequestDurationP99 if value > slow && reading.samples >= LEAST_FOR_P99 => {
                    Some(format!("the p99 of {region} is above {slow} s"))
                }
                _ => None,
            }
        })
        .collect()
}

/// Judges what a change of weights did between two moments. What was bad before is not held against it.
///
/// # Errors
/// Why the change has to be taken back.
pub fn judge(before: &Service, after: &Service, allowed_error_rate: f64) -> Result<Report, String> {
    if after.serving == 0 {
        return Err("no watched server is up and in rotation any more".to_owned());
    }
    if let Some(bad) = after.bad.difference(&before.bad).next() {
        return Err(bad.clone());
    }
    let servers = after.serving;
    let (Some((requests_before, failures_before)), Some((requests_after, failures_after))) =
        (before.counted, after.counted)
    else {
        return Ok(Report::new(format!(
            "no indicator got worse on {servers} server(s); this load balancer does not count failed requests"
        )));
    };
    let requests = requests_after.saturating_sub(requests_before);
    let failures = failures_after.saturating_sub(failures_before);
    let text = format!("{failures} of {requests} requests failed on {servers} server(s)");
    let judged = |detail: String| {
        let mut report = Report::new(detail);
        let figures = &mut report.figures;
        figures.insert(WATCHED_REQUESTS.to_owned(), requests as f64);
        figures.insert(WATCHED_FAILURES.to_owned(), failures as f64);
        report
    };
    if requests < LEAST_REQUESTS {
        return Ok(judged(format!("{text}: too few to judge by")));
    }
    let share = failures as f64 / requests as f64;
    if failures >= LEAST_FAILURES && share > allowed_error_rate {
        return Err(format!(
            "{text}: more than {:.1} % allowed",
            allowed_error_rate * 100.0
        ));
    }
    Ok(judged(text))
}
