//! What is concluded about a region, and why. Pure: facts in, conclusion out.
//!
//! Whether a region serves is decided by a quorum of vantage points, each with the spec's two removal rules on the
//! region's api instances. Everything else
//! can only take it from healthy to degraded, or to unknown when nobody has looked. Not known is never healthy.

use aisoc_model::ClusterName;
use aisoc_model::inventory::{Process, ProcessState};
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::observed::{Freshness, Observed};
use aisoc_model::region::{ApiHealth, ApiProbe, Health, PostgresMember, PostgresRole, Region, RegionRole};
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::RegionRemoval;
use aisoc_model::vantage::{Check, Says};
use jiff::Timestamp;

/// Reasons shown at most; the rest is counted.
const MAX_REASONS: usize = 8;

/// What a conclusion rests on.
pub struct Facts<'a> {
    /// The region, its own health not filled in yet.
    pub region: &'a Region,
    /// Links that end here.
    pub links: Vec<&'a Link>,
    /// Its indicators.
    pub slis: Vec<&'a SliReading>,
    /// Its processes.
    pub processes: Vec<&'a Process>,
    /// Whether there is more than one database cluster, so that it is said of which.
    pub several_clusters: bool,
    /// The spec's removal rules.
    pub removal: RegionRemoval,
}

/// The conclusion and its reasons, worst first.
#[must_use]
pub fn conclude(facts: &Facts<'_>, now: Timestamp) -> (Health, Vec<String>) {
    let mut findings = Vec::new();
    api(facts, now, &mut findings);
    traffic(facts.region, now, &mut findings);
    for (cluster, member) in &facts.region.postgres {
        database(facts, cluster, member, now, &mut findings);
    }
    part("Redis", &facts.region.redis, now, &mut findings);
    part("bus", &facts.region.bus, now, &mut findings);
    lags(facts, &mut findings);
    indicators(facts, now, &mut findings);
    processes(facts, &mut findings);
    let health = findings
        .iter()
        .map(|(health, _)| *health)
        .max()
        .unwrap_or(Health::Healthy);
    findings.sort_by_key(|(health, _)| std::cmp::Reverse(*health));
    let more = findings.len().saturating_sub(MAX_REASONS);
    let mut reasons: Vec<String> = findings
        .into_iter()
        .take(MAX_REASONS)
        .map(|(_, reason)| aisoc_model::text::sanitize(&reason, 160))
        .collect();
    if more > 0 {
        reasons.push(format!("and {more} more"));
    }
    (health, reasons)
}

type Findings = Vec<(Health, String)>;

/// The check that a health is, for the removal rules.
pub(crate) fn check(probe: &ApiProbe, health: &ApiHealth) -> Check {
    Check {
        instance: probe.instance.clone(),
        status: health.status,
        latency_ms: health.latency_ms,
        failed: health.consecutive_failures,
        slow: health.consecutive_slow,
        reason: health.reason.clone(),
    }
}

fn api(facts: &Facts<'_>, now: Timestamp, findings: &mut Findings) {
    let (probes, verdict) = (&facts.region.api, &facts.region.verdict);
    if probes.is_empty() {
        findings.push((Health::Unknown, "no api instance is configured".to_owned()));
        return;
    }
    if verdict.health == Health::Down {
        let said = verdict.vantages.iter().filter_map(|v| v.sight.fresh(now));
        let why = said
            .into_iter()
            .find(|s| s.says == Says::Fails)
            .map_or("", |s| s.why.as_str());
        let (agree, of) = (verdict.agree, verdict.of);
        let words = format!("does not serve, say {agree} of {of} vantage points: {why}");
        findings.push((Health::Down, words));
        return;
    }
    if verdict.agree > 0 {
        findings.push((verdict.health, verdict.why.clone()));
    }
    for probe in probes {
        match probe.health.fresh(now) {
            None => findings.push((Health::Unknown, format!("{}: health not known", probe.instance))),
            Some(health) => findings.extend(
                check(probe, health)
                    .complaint(facts.removal)
                    .map(|words| (Health::Degraded, format!("{}: {words}", probe.instance))),
            ),
        }
    }
}

fn traffic(region: &Region, now: Timestamp, findings: &mut Findings) {
    if !part("load balancer", &region.traffic, now, findings) {
        return;
    }
    let Some(traffic) = region.traffic.fresh(now) else {
        return;
    };
    let out: Vec<&str> = traffic
        .servers
        .iter()
        .filter(|s| s.status.starts_with("DOWN") || s.status.starts_with("NOLB"))
        .map(|s| s.name.as_str())
        .collect();
    if !out.is_empty() {
        findings.push((
            Health::Degraded,
            format!("load balancer has {} out: {}", out.len(), out.join(", ")),
        ));
    }
    if let Some(why) = region.drain.as_ref().and_then(|d| d.overdue.as_ref()) {
        findings.push((
            Health::Degraded,
            format!("its drain has expired and it could not be restored: {why}"),
        ));
    }
    // A DR-only region is without weight by design, a drained one by an operation.
    if traffic.weight_percent == 0 && region.drain.is_none() && region.role != RegionRole::DrOnly {
        findings.push((
            Health::Degraded,
            "weight 0 at the load balancer without a drain".to_owned(),
        ));
    }
}

fn database(
    facts: &Facts<'_>,
    cluster: &ClusterName,
    member: &Observed<PostgresMember>,
    now: Timestamp,
    findings: &mut Findings,
) {
    let of = if facts.several_clusters {
        format!(" {cluster}")
    } else {
        String::new()
    };
    if !part(&format!("PostgreSQL{of}"), member, now, findings) {
        return;
    }
    let Some(member) = member.fresh(now) else {
        return;
    };
    if member.role == PostgresRole::Neither {
        findings.push((
            Health::Degraded,
            format!("PostgreSQL{of} is neither writer nor replica: {}", member.state),
        ));
    } else if member.patroni_version.is_empty() {
        findings.push((Health::Degraded, format!("{}{of}", member.state)));
    }
    if member.paused {
        findings.push((Health::Degraded, format!("Patroni{of} is in maintenance mode")));
    }
    // The writer's own region has no such link.
    let own = |l: &&&Link| l.kind == LinkKind::Postgres && l.cluster.as_ref() == Some(cluster);
    let Some(link) = facts.links.iter().find(own) else {
        return;
    };
    match link.state.fresh(now) {
        Some(state) if state != "streaming" => {
            findings.push((Health::Degraded, format!("PostgreSQL{of} replica {state}")));
        }
        _ => {
            part(&format!("PostgreSQL{of} lag"), &link.lag_seconds, now, findings);
        }
    }
}

/// Whether a part was looked at with success; otherwise why not. Looking that fails *now* is a finding about
/// the part; not having looked is not knowing.
fn part<T>(name: &str, observed: &Observed<T>, now: Timestamp, findings: &mut Findings) -> bool {
    match observed.freshness(now) {
        Freshness::Fresh(_) => return true,
        Freshness::NotConfigured | Freshness::NoTraffic => {}
        Freshness::Lost(_, _, why) => {
            findings.push((Health::Degraded, format!("{name} is lost: {why}")));
        }
        Freshness::Stale(_, age) => {
            findings.push((Health::Unknown, format!("{name} last seen {} s ago", age / 1_000)));
        }
        Freshness::Unknown(why) => findings.push((Health::Unknown, format!("{name}: {why}"))),
    }
    false
}

fn lags(facts: &Facts<'_>, findings: &mut Findings) {
    for link in &facts.links {
        if matches!(link.level, LagLevel::Alert | LagLevel::Page) {
            let seconds = link.lag_seconds.value.unwrap_or_default();
            let words = format!(
                "{} from {} is {seconds:.0} s behind",
                link.name(facts.several_clusters),
                link.from
            );
            findings.push((Health::Degraded, words));
        }
    }
}

fn indicators(facts: &Facts<'_>, now: Timestamp, findings: &mut Findings) {
    // Instances that are not ready are named by themselves.
    for reading in facts.slis.iter().filter(|s| s.sli != SliId::PodReadyRatio) {
        if let Some(value) = reading.value.fresh(now)
            && !reading.objective.met_by(*value)
        {
            let words = format!("{} misses its objective", reading.sli.title());
            findings.push((Health::Degraded, words));
        }
    }
}

fn processes(facts: &Facts<'_>, findings: &mut Findings) {
    let not_ready: Vec<&str> = facts
        .processes
        .iter()
        .filter(|p| p.state != ProcessState::Ready)
        .map(|p| p.name.rsplit('/').next().unwrap_or(&p.name))
        .collect();
    if !not_ready.is_empty() {
        findings.push((Health::Degraded, format!("not ready: {}", not_ready.join(", "))));
    }
}

#[cfg(test)]
mod tests;
