//! Which conditions hold in a frame. Pure.

use aisoc_model::clock::millis_between;
use aisoc_model::inventory::{Process, ProcessState};
use aisoc_model::lag::{Link, LinkKind};
use aisoc_model::observed::{Absence, Freshness, Observed};
use aisoc_model::region::{Health, PostgresMember};
use aisoc_model::sli::{Objective, SliId};
use aisoc_model::slo::{AlertRule, Condition, Slo};
use aisoc_model::world::{Source, World};
use aisoc_model::{ClusterName, RegionId};
use jiff::{SignedDuration, Timestamp};

/// How long a kill for memory is held against an instance that has come back since.
const OOM_HOLD: SignedDuration = SignedDuration::from_mins(10);

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// It does.
    Yes,
    /// It does not.
    No,
    /// There is no fresh data to tell by.
    Unknown,
}

/// A rule's verdict on one thing that it watches.
#[derive(Debug, Clone, PartialEq)]
pub struct Instance {
    /// The region it is about.
    pub region: Option<RegionId>,
    /// What within the region.
    pub subject: Option<String>,
    /// The verdict.
    pub holds: Holds,
    /// The value that decided.
    pub value: Option<f64>,
    /// What it was held against.
    pub bound: f64,
    /// What the rule's summary does not say: who it is.
    pub note: Option<String>,
}

impl Instance {
    fn of(holds: Holds) -> Self {
        Self {
            region: None,
            subject: None,
            holds,
            value: None,
            bound: 0.0,
            note: None,
        }
    }

    fn region(self, region: &RegionId) -> Self {
        let region = Some(region.clone());
        Self { region, ..self }
    }

    fn subject(self, subject: impl Into<String>) -> Self {
        let subject = Some(subject.into());
        Self { subject, ..self }
    }

    fn measured(self, value: Option<f64>, bound: f64) -> Self {
        Self { value, bound, ..self }
    }
}

impl From<bool> for Holds {
    fn from(holds: bool) -> Self {
        if holds { Self::Yes } else { Self::No }
    }
}

/// What `rule` says of a frame: one verdict for each thing that it watches.
#[must_use]
pub fn instances(rule: &AlertRule, world: &World, slo: &Slo) -> Vec<Instance> {
    let now = world.head.at;
    match rule.when {
        Condition::Sli { sli, bound } => indicator(world, sli, bound, now),
        Condition::LagAlert { link } => {
            let bound = slo.lag.get(&link).map(|bounds| bounds.alert_seconds);
            lag(world, link, bound, now)
        }
        Condition::LagPage { link } => {
            let bound = slo.lag.get(&link).and_then(|bounds| bounds.page_seconds);
            lag(world, link, bound, now)
        }
        Condition::LinkBroken { link } => links(world, link)
            .map(|(key, link)| {
                let broken = !works(link, now);
                Instance::of(broken.into()).region(&link.to).subject(key)
            })
            .collect(),
        Condition::RegionDown {} => world
            .regions
            .values()
            .map(|region| {
                // The verdict of the vantage points, not one observer's: this is what people are woken for.
                let holds = match region.verdict.health {
                    Health::Down => Holds::Yes,
                    Health::Unknown => Holds::Unknown,
                    Health::Healthy | Health::Degraded => Holds::No,
                };
                let verdict = &region.verdict;
                let (agree, quorum) = (f64::from(verdict.agree), f64::from(verdict.quorum));
                Instance::of(holds)
                    .region(&region.id)
                    .measured(Some(agree), quorum)
            })
            .collect(),
        Condition::NoWriter {} => by_cluster(world, |cluster| Instance::of(no_writer(world, cluster, now))),
        Condition::TwoWriters {} => by_cluster(world, |cluster| two_writers(world, cluster, now)),
        Condition::InstanceDown {} => processes(world, |process| process.state != ProcessState::Ready),
        Condition::OomKilled {} => processes(world, |process| killed_for_memory(process, now)),
        Condition::CertificateExpiry { days } => certificates(world, f64::from(days), now),
        Condition::SourceLost {} => world
            .sources
            .iter()
            .map(|(name, source)| {
                let lost = is_lost(source, world.head.started_at, now);
                let bound = f64::from(source.lost_after_ms) / 1_000.0;
                let instance = Instance::of(lost.into()).subject(name).measured(None, bound);
                match region_of(name, world) {
                    Some(region) => instance.region(region),
                    None => instance,
                }
            })
            .collect(),
    }
}

fn certificates(world: &World, days: f64, now: Timestamp) -> Vec<Instance> {
    world
        .certificates
        .iter()
        .map(|(name, certificate)| {
            let left = certificate.says.map(|says| says.days_left(now));
            let instance = Instance::of(judge(&left, now, |left| left < days))
                .subject(name)
                // Tenths of a day: a figure that changed with every frame would be sent with every frame.
                .measured(left.value.map(|left| (left * 10.0).floor() / 10.0), days);
            match &certificate.region {
                Some(region) => instance.region(region),
                None => instance,
            }
        })
        .collect()
}

fn indicator(world: &World, sli: SliId, bound: Option<f64>, now: Timestamp) -> Vec<Instance> {
    world
        .slis
        .values()
        .filter(|reading| reading.sli == sli)
        .map(|reading| {
            let objective = Objective {
                bound: bound.unwrap_or(reading.objective.bound),
                ..reading.objective
            };
            let holds = judge(&reading.value, now, |value| !objective.met_by(value));
            Instance::of(holds)
                .region(&reading.region)
                .measured(reading.value.value, objective.bound)
        })
        .collect()
}

fn lag(world: &World, kind: LinkKind, bound: Option<f64>, now: Timestamp) -> Vec<Instance> {
    let Some(bound) = bound else {
        return Vec::new();
    };
    links(world, kind)
        .map(|(key, link)| {
            Instance::of(judge(&link.lag_seconds, now, |lag| lag > bound))
                .region(&link.to)
                .subject(key)
                .measured(link.lag_seconds.value, bound)
        })
        .collect()
}

fn judge(observed: &Observed<f64>, now: Timestamp, holds: impl FnOnce(f64) -> bool) -> Holds {
    match observed.freshness(now) {
        Freshness::Fresh(value) => holds(*value).into(),
        // Nothing was asked of the service, so nobody was served badly.
        Freshness::NoTraffic | Freshness::NotConfigured => Holds::No,
        Freshness::Stale(..) | Freshness::Lost(..) | Freshness::Unknown(_) => Holds::Unknown,
    }
}

fn links(world: &World, kind: LinkKind) -> impl Iterator<Item = (&String, &Link)> {
    world.links.iter().filter(move |(_, link)| link.kind == kind)
}

/// Whether a link is known, now, to replicate. What nobody can tell counts as broken.
fn works(link: &Link, now: Timestamp) -> bool {
    match link.state.freshness(now) {
        Freshness::Fresh(state) => match link.kind {
            LinkKind::Postgres => state == "streaming",
            LinkKind::Redis => state == "up",
            _ => !state.starts_with("failing"),
        },
        Freshness::NotConfigured => true,
        _ => false,
    }
}

/// One verdict for each database cluster; with several of them its subject says of which.
fn by_cluster(world: &World, look: impl Fn(&ClusterName) -> Instance) -> Vec<Instance> {
    let clusters = world.clusters();
    let several = clusters.len() > 1;
    let verdict = |cluster: &ClusterName| {
        let instance = look(cluster);
        if several {
            instance.subject(cluster.as_str())
        } else {
            instance
        }
    };
    clusters.into_iter().map(verdict).collect()
}

fn members<'a>(
    world: &'a World,
    cluster: &'a ClusterName,
) -> impl Iterator<Item = &'a Observed<PostgresMember>> {
    world.regions.values().filter_map(|r| r.member(cluster))
}

fn no_writer(world: &World, cluster: &ClusterName, now: Timestamp) -> Holds {
    if members(world, cluster).any(|m| matches!(m.absence, Some(Absence::NotYet))) {
        return Holds::Unknown;
    }
    world.writers(cluster, now).is_empty().into()
}

fn two_writers(world: &World, cluster: &ClusterName, now: Timestamp) -> Instance {
    let writing = world.writers(cluster, now);
    let all_known = members(world, cluster).all(|m| m.fresh(now).is_some());
    let holds = match writing.len() {
        // One that is not seen may still write: what fires is not over because its witness is gone.
        0 | 1 if !all_known => Holds::Unknown,
        0 | 1 => Holds::No,
        _ => Holds::Yes,
    };
    let note = (writing.len() > 1).then(|| crate::world::postgres::named(&writing, cluster, world));
    Instance {
        note,
        ..Instance::of(holds).measured(Some(writing.len() as f64), 1.0)
    }
}

fn processes(world: &World, holds: impl Fn(&Process) -> bool) -> Vec<Instance> {
    let now = world.head.at;
    let known = world
        .sources
        .get("supervisor")
        .is_some_and(|s| !is_lost(s, world.head.started_at, now));
    world
        .processes
        .values()
        .map(|process| {
            let verdict = if known {
                holds(process).into()
            } else {
                Holds::Unknown
            };
            let instance = Instance::of(verdict).subject(&process.name);
            match &process.region {
                Some(region) => instance.region(region),
                None => instance,
            }
        })
        .collect()
}

fn killed_for_memory(process: &Process, now: Timestamp) -> bool {
    let back_for_long = process.state == ProcessState::Ready
        && process
            .started_at
            .is_some_and(|at| now.duration_since(at) > OOM_HOLD);
    process.oom_kills > 0 && !back_for_long
}

fn is_lost(source: &Source, started_at: Timestamp, now: Timestamp) -> bool {
    let since = source.last_success.unwrap_or(started_at);
    millis_between(since, now) > u64::from(source.lost_after_ms)
}

/// The region in a source's name: `patroni:eu-west-1`, `health:eu-west-1/api-a`.
fn region_of<'a>(source: &str, world: &'a World) -> Option<&'a RegionId> {
    let (_, rest) = source.split_once(':')?;
    let label = rest.split('/').next()?;
    world.regions.keys().find(|id| id.as_str() == label)
}

#[cfg(test)]
mod tests;
