//! Gates about whole regions: who says that one is down, whether this observer is to be believed, what the others
//! have to carry, where tenants may be, and how soon after a failover the next may come.

use super::{Case, needs_override, pass, refuse};
use crate::drivers::tenants::TenantHome;
use crate::drivers::traffic::TrafficReading;
use crate::operations::load::{self, ago};
use crate::world::verdict::CONTROL_PLANE;
use aisoc_model::clock::millis_between;
use aisoc_model::plan::Gate;
use aisoc_model::region::{Health, Region, RegionRole};
use aisoc_model::text::sanitize;
use aisoc_model::vantage::{Says, Verdict};
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;

/// Tenants that are named in a gate; the rest is counted.
const NAMED: usize = 20;

/// A region is down only when a quorum of vantage points says so.
#[must_use]
pub fn down_quorum(case: &Case<'_>, region: &RegionId) -> Gate {
    let name = "region_down_quorum";
    let Some(state) = case.facts.world.regions.get(region) else {
        return refuse(name, format!("nothing is known of {region}"), vec![]);
    };
    let verdict = &state.verdict;
    let evidence = lines(region, verdict, case);
    match verdict.health {
        Health::Down => pass(name, format!("{region} is down: {}", verdict.why), evidence),
        Health::Unknown => refuse(
            name,
            format!("whether {region} is down is not known: {}", verdict.why),
            evidence,
        ),
        Health::Healthy | Health::Degraded => needs_override(
            name,
            format!(
                "{region} is not down: {}; a drain and a planned failover move it without loss",
                verdict.why
            ),
            evidence,
        ),
    }
}

fn lines(region: &RegionId, verdict: &Verdict, case: &Case<'_>) -> Vec<String> {
    let text = verdict.describe(region, case.facts.now);
    text.lines().skip(1).map(|line| line.trim().to_owned()).collect()
}

/// How a region looks to this control plane's own probes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// It serves, or a part of it does.
    Serves,
    /// Its api answers and says itself why it cannot serve.
    Answers(String),
    /// Nothing that can be told from a cut network: no answer, or one that is not the api's own.
    Silent(&'static str),
}

/// Whether an observer that sees this is to be believed.
///
/// One that sees every region fail at once is more likely cut off than right. It is not when the regions *answer*
/// that they cannot serve: a lost writer takes every api out of service, and an answer is a sign that the network
/// between works. More than half of the regions have to answer: a control plane in a region that is cut off still
/// hears its own api complain.
///
/// # Errors
/// Why not.
pub fn trusted(seen: &[Seen]) -> Result<String, String> {
    let of = seen.len();
    let count = |wanted: fn(&Seen) -> bool| seen.iter().filter(|s| wanted(s)).count();
    let serving = count(|s| matches!(s, Seen::Serves));
    let answering = count(|s| matches!(s, Seen::Answers(_)));
    if of == 0 {
        return Err("this control plane sees no region at all".to_owned());
    }
    if serving > 0 {
        return Ok(format!("this control plane sees {serving} of {of} regions serve"));
    }
    if answering * 2 > of {
        return Ok(format!(
            "no region serves, but {answering} of {of} answer this control plane that they cannot: its network works"
        ));
    }
    Err(
        "this control plane sees every region fail at once: more likely it is cut off itself; nothing is changed on its word"
            .to_owned(),
    )
}

fn own_sight(region: &Region, now: Timestamp) -> Seen {
    let says = region.verdict.says(CONTROL_PLANE, now);
    if let Some(Says::Serves | Says::Impaired) = says {
        return Seen::Serves;
    }
    // Only the api itself gives a reason: what stands between does not know any.
    let answer = region.api.iter().find_map(|probe| {
        let health = probe.health.fresh(now).filter(|h| h.status != 0)?;
        Some(format!("{} {}", health.status, health.reason.as_deref()?))
    });
    match (answer, says) {
        (Some(answer), _) => Seen::Answers(answer),
        (None, Some(_)) => Seen::Silent("FAILS"),
        (None, None) => Seen::Silent("unknown"),
    }
}

/// An observer that is cut off changes nothing.
#[must_use]
pub fn observer_trust(case: &Case<'_>) -> Gate {
    let name = "observer_trust";
    let regions = case.facts.world.regions.values();
    let (ids, seen): (Vec<&RegionId>, Vec<Seen>) = regions
        .map(|region| (&region.id, own_sight(region, case.facts.now)))
        .unzip();
    let evidence = ids
        .iter()
        .zip(&seen)
        .map(|(id, seen)| match seen {
            Seen::Serves => format!("{id}: serves"),
            Seen::Answers(what) => format!("{id}: answers {}", sanitize(what, 120)),
            Seen::Silent(word) => format!("{id}: {word}"),
        })
        .collect();
    match trusted(&seen) {
        Ok(why) => pass(name, why, evidence),
        Err(why) => refuse(name, why, evidence),
    }
}

/// Some other region has to serve.
#[must_use]
pub fn survivors(case: &Case<'_>, region: &RegionId) -> Gate {
    let name = "last_healthy_region";
    let others: Vec<_> = case
        .topology
        .regions
        .iter()
        .filter(|r| &r.id != region)
        .filter_map(|r| case.facts.world.regions.get(&r.id))
        .collect();
    let evidence = others
        .iter()
        .map(|r| format!("{} {}: {}", r.id, r.verdict.health.word(), r.verdict.why))
        .collect();
    let serve = others
        .iter()
        .filter(|r| matches!(r.verdict.health, Health::Healthy | Health::Degraded))
        .count();
    if serve == 0 {
        let why = format!("no other region serves: {region} is the last one");
        return refuse(name, why, evidence);
    }
    pass(name, format!("{serve} other region(s) serve"), evidence)
}

/// What remains in rotation can carry what was asked at most in the last day. `raised` are regions that the plan
/// itself gives their full weight.
#[must_use]
pub fn survivor_peak(
    case: &Case<'_>,
    reading: &TrafficReading,
    leaving: &RegionId,
    raised: Option<&RegionId>,
) -> Gate {
    let name = "survivor_peak";
    let now = case.facts.now;
    let mut carried = 0.0;
    let mut evidence = Vec::new();
    let mut rated = true;
    for config in case.topology.regions.iter().filter(|r| &r.id != leaving) {
        let full: u32 = reading.of(&config.id).map(|s| u32::from(s.full_weight)).sum();
        let weight: u32 = if raised == Some(&config.id) {
            full
        } else {
            reading
                .of(&config.id)
                .filter(|s| s.serves())
                .map(|s| u32::from(s.weight))
                .sum()
        };
        let Some(rate) = config.rated_requests_per_second else {
            rated = false;
            evidence.push(format!(
                "{}: rated_requests_per_second is not configured",
                config.id
            ));
            continue;
        };
        if weight == 0 || full == 0 {
            evidence.push(format!("{}: not in rotation", config.id));
            continue;
        }
        let share = f64::from(weight) / f64::from(full);
        carried += rate * share;
        evidence.push(format!(
            "{}: rated {rate:.0} requests/s, {:.0} % in rotation",
            config.id,
            share * 100.0
        ));
    }
    if !rated {
        let why = "what a region can carry is not configured: only weights are compared";
        return pass(name, why, evidence);
    }
    let Some(peak) = case.facts.own.peak else {
        let why = "no request rate was observed in the last 24 h: the peak is not known";
        return needs_override(name, why, evidence);
    };
    let present = load::rate(&case.facts.world, now);
    evidence.push(format!(
        "peak of the last 24 h: {:.1} requests/s, {}; {} of 1440 minutes were observed",
        peak.per_second,
        ago(peak.at, now),
        peak.minutes
    ));
    if let Some(present) = present {
        evidence.push(format!("now: {present:.1} requests/s"));
    }
    let why = format!(
        "{carried:.0} requests/s can be carried, the peak of the last 24 h was {:.1}",
        peak.per_second
    );
    if present.is_some_and(|present| present > carried) {
        return refuse(
            name,
            format!("only {carried:.0} requests/s can be carried, and more are asked now"),
            evidence,
        );
    }
    if peak.per_second > carried {
        return needs_override(name, format!("only {why}"), evidence);
    }
    pass(name, why, evidence)
}

/// The next failover of a database cluster waits until its last one is understood: a person acknowledges it, or the block ends.
#[must_use]
pub fn block_period(case: &Case<'_>, clusters: &[&ClusterName]) -> Gate {
    let name = "block_period";
    let now = case.facts.now;
    let seconds = case.slo.failover.block_period_seconds;
    let recent: Vec<_> = case
        .facts
        .own
        .failovers
        .iter()
        .filter(|f| f.clusters.is_empty() || f.clusters.iter().any(|c| clusters.contains(&c)))
        .filter(|f| !f.acknowledged && millis_between(f.ended_at, now) as f64 / 1_000.0 < seconds)
        .collect();
    let Some(last) = recent.last() else {
        return pass(
            name,
            format!("no failover within the last {seconds:.0} s that nobody acknowledged"),
            vec![],
        );
    };
    let left = seconds - millis_between(last.ended_at, now) as f64 / 1_000.0;
    let evidence = recent
        .iter()
        .map(|f| format!("operation {}: {}, {}", f.id, f.what, ago(f.ended_at, now)))
        .collect();
    needs_override(
        name,
        format!(
            "{} ended {}: another failover is blocked for {left:.0} s, or until somebody has run `aisoc-console operations acknowledge {}`",
            last.what,
            ago(last.ended_at, now),
            last.id
        ),
        evidence,
    )
}

/// Tenants whose data would leave the regions they are bound to when the writer moves `from` -> `to`.
#[must_use]
pub fn residency(case: &Case<'_>, from: Option<&RegionId>, to: &RegionId) -> Gate {
    let name = "residency";
    let tenants = match &case.facts.tenants {
        Some(Ok(tenants)) => tenants,
        Some(Err(why)) => {
            return refuse(
                name,
                "which tenants are bound to a region is not known",
                vec![why.clone()],
            );
        }
        None => return refuse(name, "the tenants were not looked at", vec![]),
    };
    let bound = |t: &&TenantHome| !t.residency.is_empty() && !t.residency.contains(to);
    let ours: Vec<&TenantHome> = tenants.iter().filter(|t| t.cluster == *case.cluster).collect();
    let (leaving, outside): (Vec<&TenantHome>, Vec<&TenantHome>) = ours
        .iter()
        .copied()
        .filter(bound)
        .partition(|t| from.is_none_or(|from| t.residency.contains(from)));
    let line = |t: &&TenantHome| {
        let regions: Vec<&str> = t.residency.iter().map(RegionId::as_str).collect();
        format!("{}: home {}, data only in {}", t.name, t.home, regions.join(", "))
    };
    let evidence: Vec<String> = leaving
        .iter()
        .map(line)
        .chain(outside.iter().map(|t| format!("{}; outside already", line(t))))
        .take(NAMED)
        .collect();
    if leaving.is_empty() {
        let why = format!(
            "no tenant's data leaves the regions it is bound to ({} tenants)",
            ours.len()
        );
        return pass(name, why, evidence);
    }
    needs_override(
        name,
        format!(
            "the data of {} would be written in {to}, outside of the regions they are bound to: needs a legal decision",
            names(&leaving)
        ),
        evidence,
    )
}

/// Tenants by name, the first ones; the rest is counted.
#[must_use]
pub fn names(tenants: &[&TenantHome]) -> String {
    let mut names: Vec<&str> = tenants.iter().take(NAMED).map(|t| t.name.as_str()).collect();
    let more = tenants.len().saturating_sub(NAMED);
    let rest = format!("{more} more");
    if more > 0 {
        names.push(&rest);
    }
    names.join(", ")
}

/// The tenants that a move of the writer affects, as sentences for the plan.
#[must_use]
pub fn affected_tenants(case: &Case<'_>, from: Option<&RegionId>, to: &RegionId) -> Vec<String> {
    let Some(Ok(tenants)) = &case.facts.tenants else {
        return vec!["which tenants are bound to a region is not known".to_owned()];
    };
    let leaving: Vec<&TenantHome> = tenants
        .iter()
        .filter(|t| t.cluster == *case.cluster)
        .filter(|t| !t.residency.is_empty() && !t.residency.contains(to))
        .filter(|t| from.is_none_or(|from| t.residency.contains(from)))
        .collect();
    if leaving.is_empty() {
        return Vec::new();
    }
    vec![format!(
        "leaves the regions its data is bound to: {}",
        names(&leaving)
    )]
}

/// DR-only regions take over only when they are named, and naming the target is how that is done; the gate
/// leaves it in the record, and refuses a target that is the region to leave.
#[must_use]
pub fn target_role(case: &Case<'_>, region: &RegionId, to: &RegionId) -> Gate {
    let name = "dr_only_explicit";
    if region == to {
        return refuse(name, format!("{to} is the region to leave"), vec![]);
    }
    dr_only(case, to)
}

/// Naming a candidate is naming its region: the gate leaves in the record that a DR-only one was.
#[must_use]
pub fn dr_only(case: &Case<'_>, to: &RegionId) -> Gate {
    let name = "dr_only_explicit";
    match case.topology.region(to).map(|r| r.role) {
        None => refuse(name, format!("{to} is not a region of this topology"), vec![]),
        Some(RegionRole::DrOnly) => pass(
            name,
            format!("{to} is DR-only and was named explicitly"),
            vec!["automatic choice never takes it".to_owned()],
        ),
        Some(role) => pass(name, format!("{to} is a {} region", role.word()), vec![]),
    }
}
