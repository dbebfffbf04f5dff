//! The evidence of an explanation: what was seen, each line a way to where it is shown.

use super::{Does, Item, Subject, to_filter, to_row};
use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::widgets::{observed, state};
use aisoc_model::alert::Alert;
use aisoc_model::inventory::Process;
use aisoc_model::lag::Link;
use aisoc_model::observed::Observed;
use aisoc_model::region::{PostgresMember, Region, Standing};
use aisoc_model::sli::SliReading;
use aisoc_model::slo::Condition;
use aisoc_model::vantage::{Says, Vantage};
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};

/// Lines of one kind at most: what is worst comes first.
const MOST: usize = 4;

fn item(label: &'static str, text: Vec<Piece>, does: Does) -> Item {
    Item { label, text, does }
}

/// What an alert rests on.
pub fn of_alert(model: &Model, world: &World, alert: &Alert, condition: Option<Condition>) -> Vec<Item> {
    let mut items = Vec::new();
    let of_region = |id: &RegionId| alert.region.as_ref().is_none_or(|region| region == id);
    match condition {
        Some(Condition::Sli { sli, .. }) => {
            let readings = world
                .slis
                .iter()
                .filter(|(_, reading)| reading.sli == sli && of_region(&reading.region));
            items.extend(readings.take(MOST).map(|(key, r)| indicator(model, key, r)));
        }
        Some(
            Condition::LagAlert { link: kind }
            | Condition::LagPage { link: kind }
            | Condition::LinkBroken { link: kind },
        ) => {
            let links = world.links.iter().filter(|(key, link)| {
                link.kind == kind
                    && match &alert.subject {
                        Some(subject) => subject == *key,
                        None => of_region(&link.to),
                    }
            });
            items.extend(links.take(MOST).map(|(key, l)| link(model, key, l)));
        }
        Some(Condition::SourceLost {}) => {
            let lost = world.sources.iter().filter(|(name, source)| {
                source.problem.is_some() && alert.subject.as_ref().is_none_or(|subject| subject == *name)
            });
            items.extend(lost.take(MOST).map(|(name, source)| {
                let why = source.problem.clone().unwrap_or_default();
                item(
                    "source",
                    vec![piece(format!("{name}: {why}"), Role::Unknown)],
                    Does::Nothing,
                )
            }));
        }
        _ => {}
    }
    if let Some(region) = alert.region.as_ref().and_then(|id| world.regions.get(id)) {
        items.push(region_line(model, region));
        items.extend(probes(model, region));
        items.extend(processes(world, &region.id, alert.subject.as_deref()));
        items.extend(release(model, world, &region.id));
    } else {
        items.extend(world.regions.values().map(|region| region_line(model, region)));
    }
    items
}

/// What is known of a region.
pub fn of_region(model: &Model, world: &World, region: &Region) -> Vec<Item> {
    let id = &region.id;
    let mut items = Vec::new();
    let mut firing = facts::firing(world);
    firing.retain(|(_, alert)| alert.region.as_ref() == Some(id));
    for (key, alert) in firing.into_iter().take(MOST) {
        let (severity, role) = state::severity(alert.severity);
        let text = vec![
            piece(format!("{severity} "), role),
            piece(facts::alert_text(alert), Role::Text),
        ];
        items.push(item("alert", text, Does::Explain(Subject::Alert(key.clone()))));
    }
    items.extend(vantages(model, region));
    items.push(traffic(model, region));
    items.extend(probes(model, region));
    items.extend(region.postgres.iter().map(|(cluster, member)| {
        let of = (region.postgres.len() > 1).then_some(cluster);
        database(model, region, of, member)
    }));
    let now = model.now;
    let mut links: Vec<(&String, &Link)> = world.links.iter().filter(|(_, link)| link.to == *id).collect();
    links.sort_by_key(|(_, link)| (std::cmp::Reverse(facts::level(link, now)), link.kind));
    items.extend(links.into_iter().take(MOST).map(|(key, l)| link(model, key, l)));
    let mut readings: Vec<(&String, &SliReading)> = world
        .slis
        .iter()
        .filter(|(_, reading)| reading.region == *id)
        .collect();
    readings.sort_by_key(|(_, reading)| std::cmp::Reverse(facts::standing(reading, now)));
    items.extend(
        readings
            .into_iter()
            .take(MOST)
            .map(|(key, r)| indicator(model, key, r)),
    );
    items.extend(processes(world, id, None));
    items.extend(release(model, world, id));
    items.extend(readiness(region));
    items.extend(operations(world, id));
    items
}

/// Who looks at the region, and what each says: the verdict needs more than half of them.
fn vantages(model: &Model, region: &Region) -> Vec<Item> {
    let row = |vantage: &Vantage| {
        let mut text = vec![piece(format!("{} ", vantage.name), Role::Text)];
        text.extend(observed::value(&vantage.sight, model.now, |sight| {
            let role = match sight.says {
                Says::Serves => Role::Text,
                Says::Impaired => Role::Warn,
                Says::Fails => Role::Bad,
            };
            (format!("says {}", sight.says.word()), role)
        }));
        if let Some(sight) = &vantage.sight.value {
            text.push(piece(format!("  {}", sight.why), Role::Muted));
        }
        item("seen by", text, Does::Nothing)
    };
    let mut vantages: Vec<&Vantage> = region.verdict.vantages.iter().collect();
    let serves = |v: &Vantage| v.sight.fresh(model.now).is_some_and(|s| s.says == Says::Serves);
    if !vantages.is_empty() && vantages.iter().all(|v| serves(v)) {
        let all = format!("all {} vantage points say that it serves", vantages.len());
        return vec![item("seen by", vec![piece(all, Role::Text)], Does::Nothing)];
    }
    // Those that say something else than that it serves are why anybody looks.
    vantages.sort_by_key(|v| serves(v));
    vantages.into_iter().take(MOST).map(row).collect()
}

/// How ready it is to take over, and what it lacks most.
fn readiness(region: &Region) -> Vec<Item> {
    let Some(readiness) = &region.readiness else {
        let unknown = vec![piece("not known", Role::Unknown)];
        return vec![item("readiness", unknown, Does::Nothing)];
    };
    let mut wanting: Vec<_> = readiness
        .checks
        .iter()
        .filter(|check| check.standing != Standing::Ready)
        .collect();
    wanting.sort_by_key(|check| (check.standing, std::cmp::Reverse(check.points)));
    let role = if wanting.is_empty() {
        Role::Good
    } else {
        Role::Warn
    };
    let score = vec![piece(
        format!("{} of 100 points to take over", readiness.score),
        role,
    )];
    let mut items = vec![item("readiness", score, Does::Nothing)];
    items.extend(wanting.into_iter().take(MOST).map(|check| {
        let text = vec![
            piece(format!("−{} {} ", check.points, check.name), Role::Text),
            piece(format!("{}: {}", check.standing.word(), check.why), Role::Muted),
        ];
        item("", text, Does::Nothing)
    }));
    items
}

fn indicator(model: &Model, key: &str, reading: &SliReading) -> Item {
    let shown = state::standing(facts::standing(reading, model.now));
    let mut text = vec![piece(format!("{} ", reading.sli.title()), Role::Text)];
    text.extend(observed::value(&reading.value, model.now, |value| {
        (facts::sli_text(reading, *value), shown.value_role())
    }));
    text.push(piece(
        format!("  objective {}  ", facts::objective_text(reading)),
        Role::Muted,
    ));
    text.push(piece(shown.text(), shown.role));
    text.push(piece(format!("  {}", reading.region), Role::Muted));
    item("indicator", text, to_row("slis", key))
}

fn link(model: &Model, key: &str, link: &Link) -> Item {
    let level = state::lag(facts::level(link, model.now));
    let mut text = vec![piece(format!("{} ", link.kind.name()), Role::Text)];
    if link.from == link.to {
        text.push(piece(format!("of {}  ", link.to), Role::Muted));
    } else {
        text.push(piece(format!("{} → {}  ", link.from, link.to), Role::Muted));
    }
    text.extend(observed::value(&link.lag_seconds, model.now, |lag| {
        (format::seconds(*lag), level.value_role())
    }));
    text.push(piece(format!("  {}", level.text()), level.role));
    item("lag", text, to_row("lag", key))
}

fn region_line(model: &Model, region: &Region) -> Item {
    let health = state::region(region, model.connection.holds());
    let mut text = vec![
        piece(format!("{} ", region.id), Role::Text),
        piece(health.text(), health.role),
    ];
    if let Some(reason) = region.reasons.first() {
        text.push(piece(format!("  {reason}"), Role::Muted));
    }
    item("region", text, Does::Explain(Subject::Region(region.id.clone())))
}

fn traffic(model: &Model, region: &Region) -> Item {
    let mut text = observed::value(&region.traffic, model.now, |t| {
        (
            format!(
                "weight {} %, {:.0} % of all requests, {} req/s, {} sessions open",
                t.weight_percent,
                t.share_percent,
                format::told(t.requests_per_second.map(format::rate)),
                format::told(t.sessions.map(|n| n.to_string()))
            ),
            Role::Text,
        )
    });
    if let Some(drain) = &region.drain {
        text.push(piece(
            format!(
                "  drained for {} by {}",
                format::since(drain.since, model.now),
                drain.by
            ),
            Role::Notice,
        ));
    }
    item("traffic", text, to_row("overview", region.id.as_str()))
}

fn probes(model: &Model, region: &Region) -> Vec<Item> {
    let row = |probe: &aisoc_model::region::ApiProbe| {
        let mut text = vec![piece(format!("{} ", probe.instance), Role::Text)];
        text.extend(observed::value(&probe.health, model.now, |health| {
            let slow = format::seconds(health.p99_ms / 1_000.0);
            match (health.status, &health.reason) {
                (200, _) => (format!("answers 200, p99 {slow}"), Role::Text),
                (0, _) => (
                    format!("does not answer, {} times in a row", health.consecutive_failures),
                    Role::Bad,
                ),
                (status, reason) => (
                    format!(
                        "answers {status}, {} times in a row: {}",
                        health.consecutive_failures,
                        reason.as_deref().unwrap_or("no reason given")
                    ),
                    Role::Bad,
                ),
            }
        }));
        let process = format!("{}/{}", region.id, probe.instance);
        item("api", text, to_row("services", process))
    };
    region.api.iter().take(MOST).map(row).collect()
}

fn database(
    model: &Model,
    region: &Region,
    cluster: Option<&ClusterName>,
    member: &Observed<PostgresMember>,
) -> Item {
    use aisoc_model::region::PostgresRole::{Neither, Replica, Writer};
    let mut text = observed::value(member, model.now, |member| {
        let timeline = member
            .timeline
            .map_or_else(String::new, |t| format!(", timeline {t}"));
        let tag = if member.nofailover { ", nofailover" } else { "" };
        match member.role {
            Writer => (format!("writer{timeline}"), Role::Strong),
            Replica => (
                format!(
                    "replica, {}{timeline}{tag}",
                    member
                        .replication_state
                        .as_deref()
                        .unwrap_or("its state is not told")
                ),
                Role::Text,
            ),
            Neither => (format!("{}{timeline}", member.state), Role::Warn),
        }
    });
    if let Some(cluster) = cluster {
        text.insert(0, piece(format!("{cluster}: "), Role::Muted));
    }
    item(
        "postgres",
        text,
        to_filter("lag", format!("postgres region={}", region.id)),
    )
}

/// The processes of a region that are not ready, or the one that an alert names.
fn processes(world: &World, region: &RegionId, subject: Option<&str>) -> Vec<Item> {
    let mine = |process: &&Process| process.region.as_ref() == Some(region);
    let total = world.processes.values().filter(mine).count();
    let ready = world
        .processes
        .values()
        .filter(mine)
        .filter(|process| facts::ready(process))
        .count();
    let chosen = world
        .processes
        .values()
        .filter(mine)
        .filter(|process| !facts::ready(process) || Some(process.name.as_str()) == subject);
    let mut items: Vec<Item> = chosen
        .take(MOST)
        .map(|process| {
            let shown = state::process(process.state);
            let detail = process.detail.as_deref().unwrap_or_default();
            let text = vec![
                piece(format!("{} ", process.name), Role::Text),
                piece(shown.text(), shown.role),
                piece(format!("  {detail}"), Role::Muted),
            ];
            item("process", text, to_row("services", process.name.clone()))
        })
        .collect();
    let text = vec![piece(
        format!("{ready} of {total} processes are ready"),
        Role::Muted,
    )];
    items.push(item(
        "services",
        text,
        to_filter("services", format!("region={region}")),
    ));
    items
}

fn release(model: &Model, world: &World, region: &RegionId) -> Option<Item> {
    let release = facts::release(world, region)?;
    let mut text = vec![piece(format!("{} ", release.name), Role::Text)];
    match (release.current(), &release.rollout) {
        (_, Some(rollout)) => text.push(piece(format!("▶ {rollout}"), Role::Accent)),
        (Some(current), None) => text.push(piece(
            format!(
                "revision {}, made {} ago: {}",
                current.number,
                format::since(current.at, model.now),
                current.description
            ),
            Role::Muted,
        )),
        (None, None) => text.push(piece("nothing is deployed", Role::Bad)),
    }
    Some(item("release", text, to_row("releases", release.name.clone())))
}

fn operations(world: &World, region: &RegionId) -> Vec<Item> {
    let mut mine: Vec<_> = world
        .operations
        .values()
        .filter(|o| facts::target_region(world, &o.plan.request.target).as_ref() == Some(region))
        .collect();
    mine.sort_by_key(|operation| std::cmp::Reverse(operation.started_at));
    mine.into_iter()
        .take(1)
        .map(|operation| {
            let shown = state::operation(operation.state);
            let target = &operation.plan.request.target;
            let text = vec![
                piece(
                    format!("{} {} ", target.kind().word(), target.confirmation()),
                    Role::Text,
                ),
                piece(shown.text(), shown.role),
            ];
            item("operation", text, to_row("operations", operation.id.clone()))
        })
        .collect()
}
