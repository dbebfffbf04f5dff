//! What a frame says about the subject of a runbook, as sentences. What is not known says so, and why.

use crate::scene::{Scene, Subject};
use crate::words::{duration, of_sli, percent};
use aisoc_model::alert::Alert;
use aisoc_model::certificate::Certificate;
use aisoc_model::inventory::{Process, ProcessState};
use aisoc_model::lag::LinkKind;
use aisoc_model::observed::{Freshness, Observed};
use aisoc_model::region::{PostgresRole, Region};
use aisoc_model::sli::GoodSide;
use aisoc_model::world::World;
use jiff::Timestamp;
use serde::Serialize;

/// Sentences about a region.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Facts {
    /// Health, traffic and whether it holds the writer.
    pub(crate) region: Vec<String>,
    /// The indicators of the service in question.
    pub(crate) indicators: Vec<String>,
    /// PostgreSQL replication from and to the region.
    pub(crate) replication: Vec<String>,
    /// The event pipeline of the region.
    pub(crate) pipeline: Vec<String>,
    /// Instances of the service in question.
    pub(crate) instances: Vec<String>,
    /// The other regions, and how ready they are.
    pub(crate) others: Vec<String>,
    /// The TLS certificates of the region, the one that ends first at the top.
    pub(crate) certificates: Vec<String>,
    /// Where a rollback of the region's release would lead.
    pub(crate) rollback: String,
    /// There is a revision to roll back to.
    pub(crate) may_roll_back: bool,
    /// The region is drained.
    pub(crate) drained: bool,
}

pub(crate) fn of(node: &str, scene: &Scene<'_>, subject: &Subject) -> Facts {
    let known = scene
        .world
        .and_then(|world| Some((world, world.regions.get(subject.known.as_ref()?)?)));
    let Some((world, region)) = known else {
        let unknown = || vec!["not known: this was written without a frame of the regions".to_owned()];
        return Facts {
            region: unknown(),
            indicators: unknown(),
            replication: unknown(),
            pipeline: unknown(),
            instances: unknown(),
            others: unknown(),
            certificates: unknown(),
            rollback: "not known: this was written without a frame of the regions".to_owned(),
            may_roll_back: true,
            drained: false,
        };
    };
    let now = scene.now;
    let release = world
        .releases
        .values()
        .find(|release| release.region == region.id);
    let back = release.and_then(|release| Some((release, release.rollback_target()?)));
    Facts {
        region: about(region, now),
        indicators: indicators(world, region, node, now),
        replication: replication(world, region, now),
        pipeline: pipeline(world, region, now),
        instances: instances(world, region, node),
        others: others(world, region),
        certificates: certificates(world, region, now),
        rollback: back.map_or_else(
            || "no revision is known to roll back to".to_owned(),
            |(release, to)| {
                let from = release
                    .current()
                    .map_or_else(|| "?".to_owned(), |r| r.number.to_string());
                format!(
                    "{} runs revision {from}; {} was good before it",
                    release.name, to.number
                )
            },
        ),
        may_roll_back: back.is_some(),
        drained: region.drain.is_some(),
    }
}

/// An alert that fires.
pub(crate) fn alert(alert: &Alert, now: Timestamp) -> String {
    let place = alert
        .region
        .as_ref()
        .map_or_else(|| "the platform".to_owned(), ToString::to_string);
    let about = alert
        .subject
        .as_ref()
        .map_or_else(String::new, |s| format!(" ({s})"));
    let age = now
        .duration_since(alert.fired_at.unwrap_or(alert.since))
        .as_secs_f64();
    format!(
        "{:?} {} in {place}{about} for {}: {}",
        alert.severity,
        alert.rule,
        duration(age.max(0.0).round()),
        alert.summary
    )
}

/// A value as a sentence, or why there is none.
fn said<T>(observed: &Observed<T>, now: Timestamp, show: impl Fn(&T) -> String) -> String {
    match observed.freshness(now) {
        Freshness::Fresh(value) => show(value),
        Freshness::Stale(value, age) => format!("{} (stale: {} s old)", show(value), age / 1_000),
        Freshness::Lost(value, age, why) => {
            format!("{} (lost {} s ago: {why})", show(value), age / 1_000)
        }
        Freshness::Unknown(why) => format!("not known: {why}"),
        Freshness::NoTraffic => "no traffic".to_owned(),
        Freshness::NotConfigured => "not configured".to_owned(),
    }
}

fn about(region: &Region, now: Timestamp) -> Vec<String> {
    let mut lines = vec![format!(
        "{} is {} ({})",
        region.id,
        region.health.word(),
        region.role.word()
    )];
    lines.extend(region.reasons.iter().take(5).cloned());
    lines.push(format!(
        "requests: {}",
        said(&region.traffic, now, |traffic| {
            let rate = traffic
                .requests_per_second
                .map_or_else(String::new, |r| format!(", {r:.1} per second now"));
            format!(
                "weight {} %, {} of all requests{rate}",
                traffic.weight_percent,
                percent((traffic.share_percent / 100.0 * 1_000.0).round() / 1_000.0)
            )
        })
    ));
    let several = region.postgres.len() > 1;
    for (cluster, member) in &region.postgres {
        let name = if several {
            format!("PostgreSQL {cluster}")
        } else {
            "PostgreSQL".to_owned()
        };
        let says = said(member, now, |member| match member.role {
            PostgresRole::Writer => "it holds the writer; writes of all regions go there".to_owned(),
            PostgresRole::Replica => "a replica".to_owned(),
            PostgresRole::Neither => format!("neither writer nor replica now ({})", member.state),
        });
        lines.push(format!("{name}: {says}"));
    }
    if let Some(drain) = &region.drain {
        lines.push(format!("it is drained by {}: {}", drain.by, drain.reason));
    }
    lines
}

fn indicators(world: &World, region: &Region, node: &str, now: Timestamp) -> Vec<String> {
    let of_node = |service: &str| service == node || node == "clients" || node == "postgresql";
    let mut lines: Vec<String> = world
        .slis
        .values()
        .filter(|reading| reading.region == region.id && of_node(service(reading.sli)))
        .map(|reading| {
            let value = said(&reading.value, now, |value| of_sli(reading.sli, *value));
            let sign = match reading.objective.good {
                GoodSide::Below => '<',
                GoodSide::Above => '>',
            };
            let bound = of_sli(reading.sli, reading.objective.bound);
            format!(
                "{}: {value}; the objective is {sign} {bound}",
                reading.sli.title()
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push("no indicator is known there".to_owned());
    }
    lines
}

fn service(sli: aisoc_model::sli::SliId) -> &'static str {
    use aisoc_model::sli::SliId;
    match sli {
        SliId::HttpRequestDurationP99 | SliId::HttpErrorRate => "api",
        SliId::EventIngestionLagP99 => "ingest",
        SliId::AlertFusionLatencyP99 => "alert-fusion",
        SliId::AgentRunDurationP95 => "agents",
        SliId::PodReadyRatio => "all",
    }
}

fn replication(world: &World, region: &Region, now: Timestamp) -> Vec<String> {
    let several = world.several_clusters();
    let mut lines: Vec<String> = world
        .links
        .values()
        .filter(|link| link.kind == LinkKind::Postgres && (link.from == region.id || link.to == region.id))
        .map(|link| {
            let of = match &link.cluster {
                Some(cluster) if several => format!("{cluster}: "),
                _ => String::new(),
            };
            format!(
                "{of}{} to {}: {}, state {}",
                link.from,
                link.to,
                said(&link.lag_seconds, now, |s| format!("{} behind", duration(*s))),
                said(&link.state, now, Clone::clone)
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push("no replication link of it is known".to_owned());
    }
    lines
}

fn pipeline(world: &World, region: &Region, now: Timestamp) -> Vec<String> {
    let mut lines = vec![format!(
        "bus: {}",
        said(&region.bus, now, |bus| {
            let behind: Vec<String> = bus
                .groups
                .iter()
                .filter(|group| group.records > 0)
                .take(6)
                .map(|g| format!("{} is {} records of {} behind", g.group, g.records, g.topic))
                .collect();
            let groups = if behind.is_empty() {
                "every consumer has caught up".to_owned()
            } else {
                behind.join(", ")
            };
            format!(
                "{} accepted events wait in the spool; {groups}",
                bus.spool_pending
            )
        })
    )];
    let pipes = [LinkKind::Bus, LinkKind::EventStore];
    let pipes = world
        .links
        .values()
        .filter(|link| pipes.contains(&link.kind) && link.from == region.id);
    lines.extend(pipes.map(|link| {
        let lag = said(&link.lag_seconds, now, |s| format!("{} behind", duration(*s)));
        format!("{} {} to {}: {lag}", link.kind.name(), link.from, link.to)
    }));
    lines
}

fn instances(world: &World, region: &Region, node: &str) -> Vec<String> {
    let here = |p: &&Process| p.region.as_ref() == Some(&region.id);
    let kind = if node == "postgresql" { "postgres" } else { node };
    let mut lines: Vec<String> = world
        .processes
        .values()
        .filter(here)
        .filter(|process| process.kind == kind)
        .take(12)
        .map(instance)
        .collect();
    if lines.is_empty() {
        lines.push(format!("no instance of {node} is known in {}", region.id));
    }
    lines
}

fn instance(process: &Process) -> String {
    let state = match process.state {
        ProcessState::Starting => "starting",
        ProcessState::Ready => "ready",
        ProcessState::Unready => "NOT READY",
        ProcessState::BackingOff => "waits before its next start",
        ProcessState::Stopped => "stopped",
        ProcessState::Frozen => "frozen",
    };
    let memory = process.memory_bytes.map_or_else(
        || "memory not known".to_owned(),
        |bytes| format!("{} MiB", bytes / (1024 * 1024)),
    );
    format!(
        "{}: {state}, {}, {} restarts, {} kills for memory, {memory}",
        process.name, process.version, process.restarts, process.oom_kills
    )
}

fn certificates(world: &World, region: &Region, now: Timestamp) -> Vec<String> {
    let mut watched: Vec<_> = world
        .certificates
        .iter()
        .filter(|(_, one)| one.region.as_ref().is_none_or(|id| *id == region.id))
        .collect();
    watched.sort_by_key(|(_, one)| one.says.value.as_ref().map(|says| says.not_after));
    if watched.is_empty() {
        return vec![format!("no certificate of {} is watched", region.id)];
    }
    let line = |(name, one): (&String, &Certificate)| {
        let says = said(&one.says, now, |says| {
            format!(
                "{} ends {} UTC, in {:.0} days",
                says.subject,
                says.not_after.strftime("%Y-%m-%d %H:%M"),
                says.days_left(now)
            )
        });
        format!("{name}: {says}")
    };
    watched.into_iter().take(12).map(line).collect()
}

fn others(world: &World, region: &Region) -> Vec<String> {
    let mut lines: Vec<String> = world
        .regions
        .values()
        .filter(|other| other.id != region.id)
        .map(|other| {
            let ready = other.readiness.as_ref().map_or_else(
                || "readiness not known".to_owned(),
                |readiness| format!("readiness {} of 100", readiness.score),
            );
            format!(
                "{} ({}): {}, {ready}",
                other.id,
                other.role.word(),
                other.health.word()
            )
        })
        .collect();
    if lines.is_empty() {
        lines.push("there is no other region".to_owned());
    }
    lines
}
