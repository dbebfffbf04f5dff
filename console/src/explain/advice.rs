//! Which action fits what is seen, and why; or why none does.
//!
//! The order is that of least harm: undo what was just changed, take a sick region out of rotation, move the writer
//! only when the writer itself is what is wrong. What is not known gives no advice.

use crate::facts::{self, Writers};
use crate::format;
use crate::palette;
use aisoc_model::alert::Alert;
use aisoc_model::clock::millis_between;
use aisoc_model::inventory::Release;
use aisoc_model::lag::LagLevel;
use aisoc_model::plan::Target;
use aisoc_model::region::{Health, PostgresRole, Region, RegionRole};
use aisoc_model::sli::SliId;
use aisoc_model::slo::Condition;
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;

/// A release counts as a likely cause when it was made this long before the trouble began, milliseconds.
const RECENT: u64 = 3_600_000;

/// What to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Advice {
    /// This, because.
    Act(Target, String),
    /// Nothing that an operation of the console would mend, because.
    None(String),
}

/// For an alert.
pub fn for_alert(world: &World, alert: &Alert, condition: Option<Condition>, now: Timestamp) -> Advice {
    let region = alert.region.as_ref().and_then(|id| world.regions.get(id));
    let began = alert.since;
    match (condition, region) {
        (Some(Condition::TwoWriters {}), _) => match facts::writers_many(world, now) {
            Some(cluster) => fence(world, cluster, now),
            None => Advice::None("only one member is seen to accept writes now".to_owned()),
        },
        (Some(Condition::NoWriter {}), _) => match without_writer(world, now) {
            Some(cluster) => failover(world, cluster, None, true, "nothing accepts writes", now),
            None => Advice::None("a writer is seen now".to_owned()),
        },
        (Some(Condition::RegionDown {}), Some(region)) => down(world, region, now),
        (Some(Condition::Sli { sli, .. }), Some(region)) => rollback(world, &region.id, began, now)
            .unwrap_or_else(|| match sli {
                SliId::HttpRequestDurationP99 | SliId::HttpErrorRate => drain(world, region, now),
                SliId::EventIngestionLagP99
                | SliId::AlertFusionLatencyP99
                | SliId::AgentRunDurationP95
                | SliId::PodReadyRatio => Advice::None(
                    "no release was made shortly before, and draining does not move what is processed"
                        .to_owned(),
                ),
            }),
        (Some(Condition::InstanceDown {} | Condition::OomKilled {}), Some(region)) => {
            rollback(world, &region.id, began, now).unwrap_or_else(|| {
                Advice::None("no release was made shortly before; the supervisor restarts it".to_owned())
            })
        }
        (
            Some(Condition::LagAlert { link } | Condition::LagPage { link } | Condition::LinkBroken { link }),
            _,
        ) => Advice::None(format!(
            "an operation would not mend {} replication; do not fail over to what lags",
            link.name()
        )),
        (Some(Condition::CertificateExpiry { .. }), _) => {
            Advice::None("certificates are renewed outside of the console".to_owned())
        }
        (Some(Condition::SourceLost {}), _) => Advice::None(
            "what cannot be seen must not be acted on: find out why it does not answer".to_owned(),
        ),
        _ => Advice::None("no operation is known to help; see the evidence and the runbook".to_owned()),
    }
}

/// For a region as it is.
pub fn for_region(world: &World, region: &Region, now: Timestamp) -> Advice {
    if let Some(cluster) = facts::writers_many(world, now) {
        return fence(world, cluster, now);
    }
    match (region.health, &region.drain) {
        (Health::Healthy, Some(_)) => Advice::Act(
            Target::Restore {
                region: region.id.clone(),
            },
            "it is drained, and healthy".to_owned(),
        ),
        (Health::Healthy, None) => Advice::None("it is healthy".to_owned()),
        (Health::Unknown, _) => {
            Advice::None("what is not known must not be acted on: see what does not answer".to_owned())
        }
        (Health::Down, _) => down(world, region, now),
        (Health::Degraded, _) => {
            rollback(world, &region.id, now, now).unwrap_or_else(|| drain(world, region, now))
        }
    }
}

fn down(world: &World, region: &Region, now: Timestamp) -> Advice {
    if let Some(cluster) = region.written_here(now).next() {
        return failover(
            world,
            cluster,
            Some(&region.id),
            false,
            "it holds the writer",
            now,
        );
    }
    match without_writer(world, now) {
        Some(cluster) if region.role == RegionRole::Primary => {
            failover(world, cluster, Some(&region.id), true, "no writer is seen", now)
        }
        _ => drain(world, region, now),
    }
}

/// The database cluster of which no writer is seen.
fn without_writer(world: &World, now: Timestamp) -> Option<&ClusterName> {
    let none = |cluster: &&ClusterName| {
        matches!(
            facts::writers(world, cluster, now),
            Writers::None | Writers::Unknown
        )
    };
    world.clusters().into_iter().find(none)
}

/// Taking a region out of rotation: only when it gets requests and another healthy one can take them.
fn drain(world: &World, region: &Region, now: Timestamp) -> Advice {
    if region.drain.is_some() {
        return Advice::None("it is drained already".to_owned());
    }
    match region.traffic.fresh(now) {
        None => return Advice::None("what it is sent is not known".to_owned()),
        Some(traffic) if traffic.weight_percent == 0 || traffic.share_percent == 0.0 => {
            return Advice::None("it is sent no requests".to_owned());
        }
        Some(_) => {}
    }
    let takes = |other: &&Region| {
        other.id != region.id
            && other.health == Health::Healthy
            && other.drain.is_none()
            && other.traffic.fresh(now).is_some_and(|t| t.share_percent > 0.0)
    };
    match world.regions.values().find(takes) {
        Some(other) => Advice::Act(
            palette::drain(region.id.clone()),
            format!("its requests go to {} meanwhile", other.id),
        ),
        None => {
            Advice::None("no other healthy region serves requests: draining would make it worse".to_owned())
        }
    }
}

/// Going back to the last good revision, when a release was made shortly before the trouble.
fn rollback(world: &World, region: &RegionId, began: Timestamp, now: Timestamp) -> Option<Advice> {
    let release: &Release = facts::release(world, region)?;
    let current = release.current()?;
    let target = release.last_good_before(current.number)?;
    if release.rollout.is_some() || millis_between(current.at, began) > RECENT || current.at > began {
        return None;
    }
    Some(Advice::Act(
        Target::Rollback {
            release: release.name.clone(),
            revision: None,
        },
        format!(
            "revision {} was made {} ago, shortly before; {} was good",
            current.number,
            format::since(current.at, now),
            target.number
        ),
    ))
}

/// Stopping the writer of the older timeline, when it is known which one that is.
fn fence(world: &World, cluster: &ClusterName, now: Timestamp) -> Advice {
    let mut writing: Vec<(Option<u64>, &Region)> = world
        .regions
        .values()
        .filter_map(|region| Some((region.fresh_member(cluster, now)?, region)))
        .filter(|(member, _)| member.role == PostgresRole::Writer)
        .map(|(member, region)| (member.timeline, region))
        .collect();
    writing.sort_by_key(|(timeline, _)| *timeline);
    match writing.as_slice() {
        [(Some(old), region), (Some(new), _), ..] if old < new => Advice::Act(
            Target::Fence {
                cluster: cluster.clone(),
                region: region.id.clone(),
            },
            format!("two members accept writes; it is on timeline {old}, the other one on {new}"),
        ),
        _ => Advice::None(
            "two members accept writes, and it is not known which one is the older: see the runbook"
                .to_owned(),
        ),
    }
}

/// Moving the writer to the replica that is nearest to it, by fresh evidence only; with a fence first when the old
/// writer does not answer.
fn failover(
    world: &World,
    cluster: &ClusterName,
    from: Option<&RegionId>,
    gone: bool,
    why: &str,
    now: Timestamp,
) -> Advice {
    let fit = |region: &&Region| {
        Some(&region.id) != from
            && region.role != RegionRole::DrOnly
            && region.health == Health::Healthy
            && region.fresh_member(cluster, now).is_some_and(|member| {
                member.role == PostgresRole::Replica && !member.nofailover && !member.paused
            })
    };
    let lag = |region: &Region| {
        facts::feed_of(world, cluster, &region.id)
            .filter(|link| facts::level(link, now) <= LagLevel::AboveTarget)
            .and_then(|link| link.lag_seconds.fresh(now).copied())
    };
    let best = world.regions.values().filter(fit).min_by(|a, b| {
        let key = |region| lag(region).unwrap_or(f64::MAX);
        key(a).total_cmp(&key(b))
    });
    match best {
        Some(best) => Advice::Act(
            if gone {
                Target::EmergencyFailover {
                    cluster: cluster.clone(),
                    to: best.id.clone(),
                    proof: None,
                }
            } else {
                Target::Failover {
                    cluster: cluster.clone(),
                    to: best.id.clone(),
                }
            },
            format!(
                "{why}; {} is the replica nearest to it{}",
                best.id,
                lag(best).map_or_else(String::new, |s| format!(", {} behind", format::seconds(s)))
            ),
        ),
        None => Advice::None(format!(
            "{why}, but no healthy replica is freshly known that may take over"
        )),
    }
}
