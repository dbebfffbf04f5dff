//! What a frame says, in the answers that people ask for: who writes, what fires, what is worst.

use aisoc_model::alert::{Alert, AlertState, Severity};
use aisoc_model::clock::millis_between;
use aisoc_model::inventory::{Process, ProcessState, Release};
use aisoc_model::lag::{LagBounds, LagLevel, Link, LinkKind};
use aisoc_model::observed::{Freshness, Observed};
use aisoc_model::plan::Target;
use aisoc_model::region::{PostgresMember, PostgresRole, Region, RegionRole};
use aisoc_model::service_map::{Edge, EdgeFigures};
use aisoc_model::sli::{GoodSide, SliId, SliReading, SliUnit};
use aisoc_model::slo::Condition;
use aisoc_model::world::World;
use aisoc_model::{Absence, ClusterName, RegionId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Who accepts writes, by fresh observation only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Writers {
    /// One member, and every member was looked at.
    One(RegionId),
    /// One member; another one could not be looked at.
    OneSeen(RegionId),
    /// More than one.
    Many(Vec<RegionId>),
    /// None, and every member was looked at.
    None,
    /// None was seen, but not every member could be looked at.
    Unknown,
}

/// Who accepts the writes of a database cluster at `now`.
#[must_use]
pub fn writers(world: &World, cluster: &ClusterName, now: Timestamp) -> Writers {
    let mut writing = Vec::new();
    let mut unseen = world.regions.is_empty();
    for region in world.regions.values() {
        let Some(observed) = region.member(cluster) else {
            continue;
        };
        match observed.fresh(now) {
            Some(member) if member.role == PostgresRole::Writer => writing.push(region.id.clone()),
            Some(_) => {}
            None => unseen |= !matches!(observed.absence, Some(Absence::NotConfigured)),
        }
    }
    match (writing.len(), writing.pop()) {
        (1, Some(one)) if unseen => Writers::OneSeen(one),
        (1, Some(one)) => Writers::One(one),
        (_, Some(last)) => {
            writing.push(last);
            Writers::Many(writing)
        }
        (_, None) if unseen => Writers::Unknown,
        (_, None) => Writers::None,
    }
}

/// Who accepts the writes of each database cluster at `now`. Before any region is known there is one that nobody knows.
#[must_use]
pub fn all_writers(world: &World, now: Timestamp) -> Vec<(Option<&ClusterName>, Writers)> {
    let clusters = world.clusters();
    if clusters.is_empty() {
        return vec![(None, Writers::Unknown)];
    }
    let several = clusters.len() > 1;
    let of = |cluster| (Some(cluster).filter(|_| several), writers(world, cluster, now));
    clusters.into_iter().map(of).collect()
}

/// ` of NAME` where a person has to be told of which database cluster something is.
#[must_use]
pub fn of_cluster(cluster: Option<&ClusterName>) -> String {
    cluster.map_or_else(String::new, |cluster| format!(" of {cluster}"))
}

/// What an operation is about: its region or release, and its database cluster where there are several.
#[must_use]
pub fn about(world: Option<&World>, target: &Target) -> String {
    let several = world.is_some_and(World::several_clusters);
    match target.cluster().filter(|_| several) {
        Some(cluster) => format!("{}/{cluster}", target.confirmation()),
        None => target.confirmation().to_owned(),
    }
}

/// The database cluster of which more than one member is freshly seen to accept writes.
#[must_use]
pub fn writers_many(world: &World, now: Timestamp) -> Option<&ClusterName> {
    let mut clusters = world.clusters().into_iter();
    clusters.find(|cluster| matches!(writers(world, cluster, now), Writers::Many(_)))
}

/// Whether a member of this region accepts writes, freshly seen.
#[must_use]
pub fn writes(region: &Region, now: Timestamp) -> bool {
    region.written_here(now).next().is_some()
}

/// A text for each of a region's database members, one behind the other; with the names of the clusters where there
/// are several.
pub fn of_members<T, I: IntoIterator<Item = T>>(
    region: &Region,
    label: impl Fn(String) -> T,
    mut show: impl FnMut(&ClusterName, &Observed<PostgresMember>) -> I,
) -> Vec<T> {
    let several = region.postgres.len() > 1;
    let mut all = Vec::new();
    for (cluster, member) in &region.postgres {
        if several {
            let gap = if all.is_empty() { "" } else { "  " };
            all.push(label(format!("{gap}{cluster} ")));
        }
        all.extend(show(cluster, member));
    }
    all
}

/// The regions in their places: primary, secondaries, DR-only, each by label. Places do not move when roles do.
#[must_use]
pub fn regions(world: &World) -> Vec<&Region> {
    let mut regions: Vec<&Region> = world.regions.values().collect();
    regions.sort_by_key(|region| match region.role {
        RegionRole::Primary => 0,
        RegionRole::Secondary => 1,
        RegionRole::DrOnly => 2,
    });
    regions
}

/// The region that a target is about: the one that has to be armed. `None` for a release that is not known.
#[must_use]
pub fn target_region(world: &World, target: &Target) -> Option<RegionId> {
    match target {
        Target::Drain { region, .. }
        | Target::RenewDrain { region, .. }
        | Target::Restore { region }
        | Target::Fence { region, .. }
        | Target::RegionFailover { region, .. }
        | Target::Rejoin { region, .. } => Some(region.clone()),
        Target::Failover { to, .. } | Target::EmergencyFailover { to, .. } | Target::Promote { to, .. } => {
            Some(to.clone())
        }
        Target::Rollback { release, .. }
        | Target::GreenDeploy { release, .. }
        | Target::GreenSwitch { release }
        | Target::GreenCancel { release }
        | Target::BlueDelete { release } => world.releases.get(release).map(|r| r.region.clone()),
    }
}

/// Why what a source brings is only a memory at `now`, when it is: processes and releases carry no age of their own.
#[must_use]
pub fn lost_source(world: &World, name: &str, now: Timestamp) -> Option<String> {
    let source = world.sources.get(name)?;
    let age = source.last_success.map(|at| millis_between(at, now));
    if age.is_some_and(|age| age <= u64::from(source.lost_after_ms)) {
        return None;
    }
    let since = age.map_or_else(
        || "never seen".to_owned(),
        |age| format!("last seen {} ago", crate::format::age(age)),
    );
    let why = source.problem.as_deref().unwrap_or("nothing new");
    Some(format!("{name}: {why} ({since})"))
}

/// The places of all regions on the screen.
#[derive(Debug)]
pub struct Places<'a>(BTreeMap<&'a RegionId, usize>);

/// The places of all regions on the screen.
#[must_use]
pub fn places(world: &World) -> Places<'_> {
    let regions = regions(world);
    Places(
        regions
            .into_iter()
            .enumerate()
            .map(|(at, r)| (&r.id, at))
            .collect(),
    )
}

impl Places<'_> {
    /// The place of a region; what is not a region comes behind them.
    #[must_use]
    pub fn of(&self, id: Option<&RegionId>) -> usize {
        id.and_then(|id| self.0.get(id).copied()).unwrap_or(self.0.len())
    }
}

/// The share of failed calls that the api's objective allows; the only bound there is for a share of calls. Without an
/// objective none is allowed.
#[must_use]
pub fn failures_allowed(world: &World) -> f64 {
    let objective = world
        .slis
        .values()
        .find(|reading| reading.sli == SliId::HttpErrorRate)
        .map(|reading| reading.objective.bound);
    objective.unwrap_or(0.0)
}

/// The ways of the service map that fail more often than that, the worst first.
#[must_use]
pub fn failing_ways(world: &World, now: Timestamp) -> Vec<(&Edge, &EdgeFigures)> {
    let allowed = failures_allowed(world);
    let mut failing: Vec<_> = world
        .service_map
        .values()
        .filter_map(|edge| Some((edge, edge.figures.fresh(now)?)))
        .filter(|(_, figures)| figures.error_share > allowed)
        .collect();
    failing.sort_by(|(_, a), (_, b)| b.error_share.total_cmp(&a.error_share));
    failing
}

/// The alerts that fire, the gravest first, then the oldest.
#[must_use]
pub fn firing(world: &World) -> Vec<(&String, &Alert)> {
    let mut firing: Vec<_> = world
        .alerts
        .iter()
        .filter(|(_, a)| a.state == AlertState::Firing)
        .collect();
    firing.sort_by_key(|(_, alert)| (alert.severity, alert.since));
    firing
}

/// What an alert says, with what it is about where its rule watches several things.
#[must_use]
pub fn alert_text(alert: &Alert) -> String {
    match &alert.subject {
        Some(subject) => format!("{}: {}", subject_text(alert, subject), alert.summary),
        None => alert.summary.clone(),
    }
}

/// What an alert is about, without its region, which is said beside it.
fn subject_text(alert: &Alert, subject: &str) -> String {
    let here = |name: &str| {
        alert
            .region
            .as_ref()
            .is_some_and(|region| region.as_str() == name)
    };
    let parts: Vec<&str> = subject.split(':').collect();
    match parts.as_slice() {
        [kind, from, to] if from == to => (*kind).to_owned(),
        [kind, from, to] if here(to) => format!("{kind} from {from}"),
        [kind, from, to] => format!("{kind} {from} → {to}"),
        [what, region] if here(region) => (*what).to_owned(),
        _ => match subject.split_once('/') {
            Some((region, name)) if here(region) => name.to_owned(),
            _ => subject.to_owned(),
        },
    }
}

/// What a rule saw and what it holds that against, in the unit of what it looks at.
#[must_use]
pub fn alert_figures(world: &World, alert: &Alert) -> Option<(String, String)> {
    let value = alert.value?;
    let rule = world
        .thresholds
        .as_ref()
        .and_then(|told| told.rules.get(&alert.rule));
    let show = |figure: f64| match rule {
        Some(Condition::Sli { sli, .. }) => match sli.unit() {
            SliUnit::Seconds => crate::format::seconds(figure),
            SliUnit::Ratio => crate::format::percent(figure),
        },
        Some(Condition::LagAlert { .. } | Condition::LagPage { .. }) => crate::format::seconds(figure),
        Some(Condition::CertificateExpiry { .. }) => crate::format::seconds(figure * 86_400.0),
        _ => format!("{figure:.4}")
            .trim_end_matches('0')
            .trim_end_matches('.')
            .to_owned(),
    };
    Some((show(value), show(alert.bound)))
}

/// How many alerts of a severity fire.
#[must_use]
pub fn count_firing(world: &World, severity: Severity) -> usize {
    world
        .alerts
        .values()
        .filter(|a| a.state == AlertState::Firing && a.severity == severity)
        .count()
}

/// The replication that feeds a region's member of a database cluster.
#[must_use]
pub fn feed_of<'a>(world: &'a World, cluster: &ClusterName, to: &RegionId) -> Option<&'a Link> {
    of_kind(world, LinkKind::Postgres).find(|link| link.to == *to && link.cluster.as_ref() == Some(cluster))
}

/// The link of a kind that feeds a region. Links are looked up by the beginning of their key: there are very many.
#[must_use]
pub fn feed<'a>(world: &'a World, kind: LinkKind, to: &RegionId) -> Option<&'a Link> {
    of_kind(world, kind).find(|link| link.to == *to)
}

/// The links of a kind.
pub fn of_kind(world: &World, kind: LinkKind) -> impl Iterator<Item = &Link> {
    // Behind the kind comes a colon, or a slash and a database cluster, which is before it.
    let first = format!("{}/", kind.name());
    world
        .links
        .range(first..)
        .map(|(_, link)| link)
        .take_while(move |link| link.kind == kind)
}

/// The level of a link at `now`: a value that has gone stale since the frame was drawn is not known any more.
#[must_use]
pub fn level(link: &Link, now: Timestamp) -> LagLevel {
    if link.lag_seconds.fresh(now).is_some() || not_configured(&link.lag_seconds) {
        link.level
    } else {
        LagLevel::Unknown
    }
}

/// Whether nobody was told to look.
#[must_use]
pub fn not_configured<T>(observed: &Observed<T>) -> bool {
    matches!(observed.absence, Some(Absence::NotConfigured))
}

/// What the lags of a kind of link are held to, as far as the frame says.
#[must_use]
pub fn bounds(world: &World, kind: LinkKind) -> Option<&LagBounds> {
    world.thresholds.as_ref()?.lag.get(&kind)
}

/// The link that is worst: by level, then by how much of its target it uses.
#[must_use]
pub fn worst_link(world: &World, now: Timestamp) -> Option<&Link> {
    let used = |link: &Link| {
        let target = bounds(world, link.kind).map_or(1.0, |b| b.target_seconds.max(0.001));
        link.lag_seconds.fresh(now).copied().unwrap_or_default() / target
    };
    world
        .links
        .values()
        .filter(|link| !not_configured(&link.lag_seconds))
        .max_by(|a, b| {
            level(a, now)
                .cmp(&level(b, now))
                .then(used(a).total_cmp(&used(b)))
        })
}

/// How an indicator stands against its objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Not set up.
    NotConfigured,
    /// Nothing to measure.
    NoTraffic,
    /// Met.
    Met,
    /// Met, but more than three quarters of the bound are used.
    Close,
    /// Not freshly known.
    Unknown,
    /// Missed.
    Missed,
}

/// How an indicator stands at `now`.
#[must_use]
pub fn standing(reading: &SliReading, now: Timestamp) -> Standing {
    match reading.value.freshness(now) {
        Freshness::Fresh(value) if !reading.objective.met_by(*value) => Standing::Missed,
        Freshness::Fresh(value) if spent(reading, *value) > 0.75 => Standing::Close,
        Freshness::Fresh(_) => Standing::Met,
        Freshness::NoTraffic => Standing::NoTraffic,
        Freshness::NotConfigured => Standing::NotConfigured,
        Freshness::Stale(..) | Freshness::Lost(..) | Freshness::Unknown(_) => Standing::Unknown,
    }
}

/// How much of what the objective allows is used: 1 = all of it.
#[must_use]
pub fn spent(reading: &SliReading, value: f64) -> f64 {
    let bound = reading.objective.bound;
    match reading.objective.good {
        GoodSide::Below => value / bound.max(f64::MIN_POSITIVE),
        GoodSide::Above => (1.0 - value) / (1.0 - bound).max(f64::MIN_POSITIVE),
    }
}

/// The indicator that is worst: by standing, then by how much of its objective is used.
#[must_use]
pub fn worst_sli(world: &World, now: Timestamp) -> Option<&SliReading> {
    let used = |reading: &SliReading| {
        reading
            .value
            .fresh(now)
            .map_or(0.0, |value| spent(reading, *value))
    };
    world.slis.values().max_by(|a, b| {
        standing(a, now)
            .cmp(&standing(b, now))
            .then(used(a).total_cmp(&used(b)))
    })
}

/// Whether a process is as it should be.
#[must_use]
pub fn ready(process: &Process) -> bool {
    process.state == ProcessState::Ready
}

/// The release of a region.
#[must_use]
pub fn release<'a>(world: &'a World, region: &RegionId) -> Option<&'a Release> {
    world.releases.values().find(|release| &release.region == region)
}

/// An indicator's value in its unit.
#[must_use]
pub fn sli_text(reading: &SliReading, value: f64) -> String {
    match reading.sli.unit() {
        SliUnit::Seconds => crate::format::seconds(value),
        SliUnit::Ratio => crate::format::percent(value),
    }
}

/// An objective as text: `< 500 ms`, `> 99 %`.
#[must_use]
pub fn objective_text(reading: &SliReading) -> String {
    let sign = if reading.objective.good == GoodSide::Below {
        '<'
    } else {
        '>'
    };
    let bound = reading.objective.bound;
    match reading.sli.unit() {
        SliUnit::Seconds => format!("{sign} {}", crate::format::bound(bound)),
        SliUnit::Ratio => format!("{sign} {} %", (bound * 10_000.0).round() / 100.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use rstest::rstest;

    #[rstest]
    #[case("event_store:ap-southeast-1:ap-southeast-1", "event_store")]
    #[case("bus:us-east-1:ap-southeast-1", "bus from us-east-1")]
    #[case("bus:ap-southeast-1:us-east-1", "bus ap-southeast-1 → us-east-1")]
    #[case("postgres:ap-southeast-1", "postgres")]
    #[case("ap-southeast-1/enrichment", "enrichment")]
    #[case("eu-west-1/enrichment", "eu-west-1/enrichment")]
    #[case("haproxy", "haproxy")]
    fn what_an_alert_is_about_is_said_without_its_region(#[case] subject: &str, #[case] said: &str) {
        let mut alert = fixture::incident().alerts.into_values().next().unwrap();
        alert.region = Some(fixture::id("ap-southeast-1"));
        assert_eq!(subject_text(&alert, subject), said);
    }

    #[test]
    fn figures_of_an_alert_have_their_unit() {
        let world = fixture::incident();
        let figures = |rule: &str| {
            let mut alert = world.alerts.values().next().unwrap().clone();
            (alert.rule, alert.value, alert.bound) = (rule.to_owned(), Some(1.14), 0.5);
            alert_figures(&world, &alert).unwrap()
        };
        assert_eq!(
            figures("AiSOCHighLatency"),
            ("1.1 s".to_owned(), "500 ms".to_owned())
        );
        assert_eq!(
            figures("AiSOCPodsNotReady"),
            ("114 %".to_owned(), "50 %".to_owned())
        );
        assert_eq!(figures("unheard of"), ("1.14".to_owned(), "0.5".to_owned()));
    }
}
