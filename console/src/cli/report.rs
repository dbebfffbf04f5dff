//! The world in lines of text.

use super::exit::Exit;
use super::table::columns;
use aisoc_console::ui::pages::map::graph::{duration, per_second};
use aisoc_console::{facts, runbook};
use aisoc_model::ClusterName;
use aisoc_model::alert::{Alert, AlertState};
use aisoc_model::lag::{LagLevel, Link};
use aisoc_model::observed::{Freshness, Observed};
use aisoc_model::region::{Health, PostgresRole, Region, Standing};
use aisoc_model::service_map::EdgeFigures;
use aisoc_model::sli::{SliReading, SliUnit};
use aisoc_model::text::sanitize;
use aisoc_model::vantage::Verdict;
use aisoc_model::world::World;
use jiff::Timestamp;
use std::fmt::Write;

/// Longest text from a server in a cell.
const CELL: usize = 60;

/// Whether everything is healthy: what `status` exits with.
pub fn verdict(world: &World) -> Exit {
    let healthy = !world.regions.is_empty()
        && world.regions.values().all(|r| r.health == Health::Healthy)
        && firing(world).next().is_none();
    if healthy { Exit::Ok } else { Exit::NotAsWanted }
}

/// What `health-check` exits with.
pub fn serves(verdict: &Verdict) -> Exit {
    match verdict.health {
        Health::Healthy => Exit::Ok,
        Health::Degraded | Health::Down => Exit::NotAsWanted,
        Health::Unknown => Exit::Unknown,
    }
}

/// The whole picture in a few lines.
pub fn status(world: &World) -> String {
    let mut text = format!(
        "{} ({}), seen by {} at {}\n{}\n\n{}\n",
        sanitize(&world.head.environment, CELL),
        kind(world),
        sanitize(&world.head.control_plane, CELL),
        clock(world.head.at),
        sanitize(&world.head.coordination.sentence(), 300),
        regions(world)
    );
    let firing: Vec<&Alert> = firing(world).map(|(_, a)| a).collect();
    if firing.is_empty() {
        text.push_str("\nno alert is firing\n");
    } else {
        text.push('\n');
        text.push_str(&alerts(world));
    }
    for fault in world.faults.values() {
        let _ = writeln!(text, "fault injected: {:?}", fault.spec);
    }
    if let Some(operation) = world.running_operation() {
        let _ = writeln!(
            text,
            "\n{} {}: {} ({})",
            operation.plan.request.target.kind().word(),
            operation.state.word(),
            sanitize(&operation.plan.summary, 200),
            operation.id
        );
    }
    text
}

/// One line: what `watch` prints when it changes.
pub fn one_line(world: &World) -> String {
    let regions: Vec<String> = world
        .regions
        .values()
        .map(|r| {
            format!(
                "{} {}{}",
                r.id,
                r.health.word(),
                r.drain.as_ref().map_or("", |_| " drained")
            )
        })
        .collect();
    let alerts: Vec<String> = firing(world)
        .map(|(key, a)| format!("{:?} {}", a.severity, sanitize(key, CELL)))
        .collect();
    let operation = world
        .running_operation()
        .map(|o| format!("; {} {}", o.plan.request.target.kind().word(), o.state.word()))
        .unwrap_or_default();
    let alerts = if alerts.is_empty() {
        "no alerts".to_owned()
    } else {
        alerts.join(", ")
    };
    format!(
        "{}; writer {}; {alerts}{operation}",
        regions.join(", "),
        writers(world)
    )
}

fn kind(world: &World) -> &'static str {
    use aisoc_model::topology::EnvironmentKind::{Local, Production, Staging};
    match world.head.environment_kind {
        Local => "local",
        Staging => "staging",
        Production => "PRODUCTION",
    }
}

fn writers(world: &World) -> String {
    let now = world.head.at;
    let several = world.several_clusters();
    let said = |cluster: &ClusterName| {
        let names: Vec<&str> = world.writers(cluster, now).iter().map(|r| r.as_str()).collect();
        let names = if names.is_empty() {
            "none seen".to_owned()
        } else {
            names.join(" AND ")
        };
        if several {
            format!("{cluster} {names}")
        } else {
            names
        }
    };
    let said: Vec<String> = world.clusters().into_iter().map(said).collect();
    if said.is_empty() {
        "none seen".to_owned()
    } else {
        said.join(", ")
    }
}

fn firing(world: &World) -> impl Iterator<Item = (&String, &Alert)> {
    world.alerts.iter().filter(|(_, a)| a.state == AlertState::Firing)
}

/// A table of the regions.
pub fn regions(world: &World) -> String {
    let now = world.head.at;
    let rows: Vec<[String; 8]> = world.regions.values().map(|r| region_row(r, now)).collect();
    columns(
        [
            "REGION", "ROLE", "HEALTH", "WEIGHT", "REQ/S", "SESSIONS", "POSTGRES", "WHY",
        ],
        &rows,
    )
}

fn region_row(region: &Region, now: Timestamp) -> [String; 8] {
    let drained = region.drain.as_ref().map_or_else(String::new, |drain| {
        if drain.overdue.is_some() {
            " drained, OVERDUE".to_owned()
        } else {
            format!(" drained, ends in {}", age(now, drain.expires_at))
        }
    });
    [
        region.id.to_string(),
        region.role.word().to_owned(),
        format!("{}{drained}", region.health.word()),
        cell(&region.traffic, now, |t| format!("{} %", t.weight_percent)),
        cell(&region.traffic, now, |t| {
            told(t.requests_per_second.map(|n| format!("{n:.1}")))
        }),
        cell(&region.traffic, now, |t| told(t.sessions.map(|n| n.to_string()))),
        facts::of_members(
            region,
            |label| label,
            |_, member| {
                [cell(member, now, |p| match p.role {
                    PostgresRole::Writer => "writer".to_owned(),
                    PostgresRole::Replica => p
                        .replication_state
                        .clone()
                        .unwrap_or_else(|| "replica".to_owned()),
                    PostgresRole::Neither => p.state.clone(),
                })]
            },
        )
        .concat(),
        sanitize(&region.reasons.join("; "), 100),
    ]
}

/// How ready each region is to take over, and what it lacks.
pub fn readiness(world: &World) -> String {
    let mut text = String::new();
    for region in world.regions.values() {
        let Some(readiness) = &region.readiness else {
            let _ = writeln!(text, "\n{} readiness not known", region.id);
            continue;
        };
        let _ = writeln!(text, "\n{} readiness {} of 100", region.id, readiness.score);
        let mut checks: Vec<_> = readiness
            .checks
            .iter()
            .filter(|c| c.standing != Standing::Ready)
            .collect();
        checks.sort_by_key(|c| c.standing);
        for check in checks {
            let _ = writeln!(
                text,
                "  {:<9}  -{:<2}  {:<13}  {}",
                check.standing.word(),
                check.points,
                sanitize(&check.name, 20),
                sanitize(&check.why, 120)
            );
        }
    }
    text
}

fn told(text: Option<String>) -> String {
    text.unwrap_or_else(|| "not told".to_owned())
}

/// A table of the replication links.
pub fn lag(world: &World) -> String {
    let now = world.head.at;
    let several = world.several_clusters();
    let kind = |l: &Link| match l.cluster.as_ref().filter(|_| several) {
        Some(cluster) => format!("{} {cluster}", l.kind.name()),
        None => l.kind.name().to_owned(),
    };
    let rows: Vec<[String; 6]> = world
        .links
        .values()
        .map(|l| {
            [
                kind(l),
                format!("{} -> {}", l.from, l.to),
                cell(&l.lag_seconds, now, |s| format!("{s:.2} s")),
                cell(&l.lag_amount, now, |n| format!("{n} {}", l.amount_unit())),
                cell(&l.state, now, Clone::clone),
                level(l.level).to_owned(),
            ]
        })
        .collect();
    columns(["KIND", "LINK", "LAG", "AMOUNT", "STATE", "LEVEL"], &rows)
}

fn level(level: LagLevel) -> &'static str {
    match level {
        LagLevel::Ok => "ok",
        LagLevel::AboveTarget => "above target",
        LagLevel::Unknown => "unknown",
        LagLevel::Alert => "ALERT",
        LagLevel::Page => "PAGE",
    }
}

/// A table of the indicators.
pub fn slis(world: &World) -> String {
    let now = world.head.at;
    let rows: Vec<[String; 7]> = world
        .slis
        .values()
        .map(|s| {
            [
                s.region.to_string(),
                s.sli.name().to_owned(),
                cell(&s.value, now, |v| value(s, *v)),
                value(s, s.objective.bound),
                s.value
                    .fresh(now)
                    .map_or("-", |v| if s.objective.met_by(*v) { "met" } else { "MISSED" })
                    .to_owned(),
                s.burn_rate.map_or_else(|| "-".to_owned(), |b| format!("{b:.1}")),
                format!("{} in {} s", s.samples, s.window_seconds),
            ]
        })
        .collect();
    columns(
        ["REGION", "INDICATOR", "VALUE", "OBJECTIVE", "", "BURN", "SAMPLES"],
        &rows,
    )
}

/// Who calls whom.
pub fn map(world: &World) -> String {
    if world.service_map.is_empty() {
        return "no trace has reached the control plane\n".to_owned();
    }
    let now = world.head.at;
    let rows: Vec<[String; 7]> = world
        .service_map
        .values()
        .map(|edge| {
            let some = |show: &dyn Fn(&EdgeFigures) -> String| {
                edge.figures.fresh(now).map_or_else(|| "-".to_owned(), show)
            };
            [
                edge.region.to_string(),
                sanitize(&edge.from.label(&edge.region), 60),
                sanitize(&edge.to.label(&edge.region), 60),
                cell(&edge.figures, now, |f| per_second(f.per_second)),
                some(&|f| format!("{:.2} %", f.error_share * 100.0)),
                some(&|f| duration(f.p50_seconds)),
                some(&|f| duration(f.p99_seconds)),
            ]
        })
        .collect();
    columns(["REGION", "FROM", "TO", "RATE", "FAILED", "P50", "P99"], &rows)
}

/// Runbooks, and which are asked for by what fires.
pub fn runbooks(world: &World) -> String {
    let rows: Vec<[String; 4]> = world
        .runbooks
        .values()
        .map(|one| {
            let (count, region) = runbook::firing(world, &one.id);
            let now = match (count, region) {
                (0, _) => "-".to_owned(),
                (_, Some(region)) => format!("fires in {region}"),
                (_, None) => "fires".to_owned(),
            };
            [one.id.clone(), one.slug.clone(), now, one.trigger.clone()]
        })
        .collect();
    columns(["ID", "NAME", "NOW", "TRIGGER"], &rows)
}

fn value(reading: &SliReading, value: f64) -> String {
    match reading.sli.unit() {
        SliUnit::Ratio => format!("{:.2} %", value * 100.0),
        SliUnit::Seconds if value < 1.0 => format!("{:.0} ms", value * 1000.0),
        SliUnit::Seconds => format!("{value:.2} s"),
    }
}

/// A table of the alerts, the worst first.
pub fn alerts(world: &World) -> String {
    if world.alerts.is_empty() {
        return "no alerts\n".to_owned();
    }
    let mut alerts: Vec<(&String, &Alert)> = world.alerts.iter().collect();
    alerts.sort_by_key(|(key, a)| (a.state != AlertState::Firing, a.severity, (*key).clone()));
    let rows: Vec<[String; 6]> = alerts
        .into_iter()
        .map(|(key, a)| {
            let state = match a.state {
                AlertState::Pending => "pending",
                AlertState::Firing => "FIRING",
                AlertState::Resolved => "resolved",
            };
            [
                format!("{:?}", a.severity),
                state.to_owned(),
                age(a.since, world.head.at),
                sanitize(key, 80),
                sanitize(&a.summary, 80),
                a.acknowledged
                    .as_ref()
                    .map_or_else(String::new, |k| format!("by {}", sanitize(&k.by, 20))),
            ]
        })
        .collect();
    columns(["SEV", "STATE", "AGE", "ALERT", "SUMMARY", "ACKNOWLEDGED"], &rows)
}

fn age(since: Timestamp, now: Timestamp) -> String {
    let seconds = aisoc_model::clock::millis_between(since, now) / 1000;
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3600),
    }
}

/// A cell: the value while fresh, else the word for why there is none.
fn cell<T>(observed: &Observed<T>, now: Timestamp, text: impl Fn(&T) -> String) -> String {
    match observed.freshness(now) {
        Freshness::Fresh(value) => sanitize(&text(value), CELL),
        Freshness::Stale(value, age) => sanitize(&format!("{} (stale {} s)", text(value), age / 1000), CELL),
        Freshness::Lost(value, age, _) => sanitize(&format!("{} (lost {} s)", text(value), age / 1000), CELL),
        other => other.word().to_owned(),
    }
}

/// Time of day, UTC.
pub fn clock(at: Timestamp) -> String {
    at.strftime("%H:%M:%SZ").to_string()
}
