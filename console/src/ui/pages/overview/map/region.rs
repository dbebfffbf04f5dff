//! A region's box on the map.

use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::{Canvas, wrap};
use crate::ui::pages::overview::weight_role;
use crate::ui::widgets::{gauge, observed, state};
use aisoc_model::ClusterName;
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::observed::Observed;
use aisoc_model::region::{PostgresMember, PostgresRole, Region};
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// Columns of the labels.
const LABEL: usize = 9;

/// A region's box.
pub fn draw(
    canvas: &mut Canvas<'_>,
    area: Rect,
    model: &Model,
    (world, region): (&World, &Region),
    selected: bool,
) {
    let health = state::region(region, model.connection.holds());
    let line = match health.role {
        Role::Good if selected => Role::Accent,
        Role::Good => Role::Faint,
        role => role,
    };
    let mark = if selected {
        piece("▶ ", Role::Accent)
    } else {
        piece("", Role::Text)
    };
    let title = [
        mark,
        piece(region.id.to_string(), Role::Strong),
        piece(format!("  {} ", region.role.word()), Role::Muted),
    ];
    canvas.frame(area, &title, line);
    let inner = Rect {
        x: area.x + 2,
        y: area.y + 1,
        width: area.width - 4,
        height: area.height - 2,
    };
    let written: Vec<&str> = region
        .written_here(model.shown_at())
        .map(ClusterName::as_str)
        .collect();
    if !written.is_empty() {
        let text = if world.several_clusters() {
            format!("{} WRITES GO HERE", written.join(", "))
        } else {
            "WRITES GO HERE".to_owned()
        };
        canvas.pieces_right(inner.x, inner.y, inner.width, &[piece(text, Role::Strong)]);
    }
    let half = inner.width.saturating_sub(16);
    canvas.text(inner.x, inner.y, half, &health.text(), health.role);
    for (y, line) in (inner.y + 1..inner.bottom()).zip(lines(model, world, region, inner)) {
        canvas.pieces(inner.x, y, inner.width, &line);
    }
}

/// What a region's box says, the most important first.
fn lines(model: &Model, world: &World, region: &Region, room: Rect) -> Vec<Vec<Piece>> {
    let now = model.shown_at();
    let labelled = |text: &str, mut pieces: Vec<Piece>| {
        pieces.insert(0, piece(format!("{text:<LABEL$}"), Role::Muted));
        pieces
    };
    let mut lines = Vec::new();
    for reason in region.reasons.iter().take(2) {
        // In a low box a second line would cost another fact.
        let over = if room.height > 10 {
            wrap(reason, usize::from(room.width))
        } else {
            vec![reason.clone()]
        };
        let over = over.into_iter().take(2);
        lines.extend(over.map(|line| vec![piece(line, Role::Text)]));
    }
    if let Some(drain) = &region.drain {
        let text = format!("for {}, by {}", format::since(drain.since, now), drain.by);
        let ends = match &drain.overdue {
            Some(_) => piece("OVERDUE, ".to_owned(), Role::Bad),
            None => piece(
                format!("ends in {}, ", format::since(now, drain.expires_at)),
                Role::Notice,
            ),
        };
        lines.push(labelled("drained", vec![ends, piece(text, Role::Notice)]));
    }
    lines.push(labelled("traffic", traffic(region, now)));
    lines.push(labelled("api", api(region, now)));
    for (name, member) in postgres(world, region, now, usize::from(room.width)) {
        lines.push(labelled(&name, member));
    }
    lines.push(labelled("events", events(world, region, now)));
    lines.push(labelled("redis", redis(region, now)));
    lines.push(labelled("services", services(world, region)));
    lines.push(labelled("release", release(world, region, now)));
    lines.push(labelled(
        "where",
        vec![piece(region.location.clone(), Role::Muted)],
    ));
    if let Some(traffic) = region.traffic.fresh(now) {
        for server in &traffic.servers {
            let good = server.status.starts_with("UP");
            let text = format!(
                "{} {}, {}, {}",
                server.name, server.status, server.weight, server.check
            );
            lines.push(labelled(
                "lb",
                vec![piece(
                    text,
                    if good || region.drain.is_some() {
                        Role::Muted
                    } else {
                        Role::Warn
                    },
                )],
            ));
        }
    }
    if let Some(bus) = region.bus.fresh(now) {
        for group in &bus.groups {
            let text = format!(
                "{:<12} {} behind, {}",
                group.group,
                format::count(group.records),
                format::seconds(group.seconds)
            );
            lines.push(labelled("consumer", vec![piece(text, Role::Muted)]));
        }
        lines.push(labelled(
            "bus",
            vec![piece(
                format!("{} on disk", format::bytes(bus.bytes)),
                Role::Muted,
            )],
        ));
    }
    lines
}

fn traffic(region: &Region, now: Timestamp) -> Vec<Piece> {
    let weight = observed::value(&region.traffic, now, |t| {
        (
            format!("{:>3} % ", t.weight_percent),
            weight_role(region, t.weight_percent),
        )
    });
    let Some(t) = region.traffic.fresh(now) else {
        return weight;
    };
    let mut line = weight;
    line.extend(gauge::share(f64::from(t.weight_percent) / 100.0, 4, Role::Muted));
    line.push(piece(
        format!(
            " {} req/s, {} open",
            format::told(t.requests_per_second.map(format::rate)),
            format::told(t.sessions.map(|n| n.to_string()))
        ),
        Role::Text,
    ));
    line
}

fn api(region: &Region, now: Timestamp) -> Vec<Piece> {
    let mut line = Vec::new();
    for probe in &region.api {
        let zone = probe.zone.chars().last().unwrap_or(' ');
        line.push(piece(format!("{zone} "), Role::Muted));
        line.extend(observed::short(&probe.health, now, |health| {
            let latency = format::seconds(health.p99_ms / 1_000.0);
            match health.status {
                0 => ("✖ no answer".to_owned(), Role::Bad),
                200 => (format!("● {latency}"), Role::Text),
                status => (format!("✖ {status}"), Role::Bad),
            }
        }));
        line.push(piece("  ", Role::Text));
    }
    if line.is_empty() {
        line.push(piece("? no instance is known", Role::Unknown));
    }
    line
}

/// A line for each of the region's database members, labelled with the clusters' names where there are several.
fn postgres(world: &World, region: &Region, now: Timestamp, width: usize) -> Vec<(String, Vec<Piece>)> {
    let several = world.several_clusters();
    let members = region.postgres.iter().map(|(cluster, observed)| {
        let label = if several {
            format!("pg {cluster} ")
        } else {
            "postgres ".to_owned()
        };
        let room = width.saturating_sub(label.len().max(LABEL));
        let member = member(world, region, (cluster, observed), now, room);
        (label, member)
    });
    members.collect()
}

fn member(
    world: &World,
    region: &Region,
    (cluster, observed): (&ClusterName, &Observed<PostgresMember>),
    now: Timestamp,
    room: usize,
) -> Vec<Piece> {
    // Not every Patroni tells a replica's state; its writer does.
    let feed = facts::feed_of(world, cluster, &region.id);
    let seen = feed.and_then(|link| link.state.fresh(now));
    observed::value(observed, now, |member| {
        let timeline = member
            .timeline
            .map_or_else(String::new, |t| format!(", timeline {t}"));
        let tags = if member.nofailover { ", nofailover" } else { "" };
        let paused = if member.paused { ", PAUSED" } else { "" };
        match member.role {
            PostgresRole::Writer => (format!("writer{timeline}{paused}"), Role::Text),
            PostgresRole::Replica => {
                let known = member.replication_state.as_ref().or(seen);
                let how = known.map_or("state unknown,", String::as_str);
                let role = if how == "streaming" {
                    Role::Text
                } else {
                    Role::Warn
                };
                let text = format!("{how} replica{paused}{tags}");
                // Half a timeline would be another one.
                let timeline = if text.len() + timeline.len() > room {
                    ""
                } else {
                    &timeline
                };
                (format!("{text}{timeline}"), role)
            }
            PostgresRole::Neither => (format!("{}{timeline}{paused}", member.state), Role::Warn),
        }
    })
}

fn redis(region: &Region, now: Timestamp) -> Vec<Piece> {
    observed::value(&region.redis, now, |member| {
        if member.role == "master" {
            return ("leader".to_owned(), Role::Text);
        }
        let link = member.link.as_deref().unwrap_or("unknown");
        (
            format!("replica, link {link}"),
            if link == "up" { Role::Text } else { Role::Warn },
        )
    })
}

fn events(world: &World, region: &Region, now: Timestamp) -> Vec<Piece> {
    let store = world
        .links
        .get(&Link::key(LinkKind::EventStore, &region.id, &region.id));
    let behind = store.filter(|link| facts::level(link, now) > LagLevel::Ok);
    let mut line = observed::value(&region.bus, now, |bus| {
        let role = if bus.spool_pending > 10_000 {
            Role::Warn
        } else {
            Role::Text
        };
        let stored = format!("{} stored", format::count(bus.stored_events));
        // An empty spool goes without saying when something else is to be said.
        let spool = match bus.spool_pending {
            0 if behind.is_some() => String::new(),
            pending => format!(", {} in spool", format::count(pending)),
        };
        (format!("{stored}{spool}"), role)
    });
    if let Some(link) = behind {
        let level = state::lag(facts::level(link, now));
        line.push(piece(format!(", {} ", level.glyph), level.role));
        line.extend(observed::short(&link.lag_seconds, now, |lag| {
            (format!("{} behind", format::seconds(*lag)), level.role)
        }));
    }
    line
}

fn services(world: &World, region: &Region) -> Vec<Piece> {
    let mine: Vec<_> = world
        .processes
        .values()
        .filter(|p| p.region.as_ref() == Some(&region.id))
        .collect();
    let ready = mine.iter().filter(|process| facts::ready(process)).count();
    if mine.is_empty() {
        return vec![piece("? unknown", Role::Unknown)];
    }
    let role = if ready == mine.len() {
        Role::Text
    } else {
        Role::Warn
    };
    vec![piece(format!("{ready} of {} ready", mine.len()), role)]
}

fn release(world: &World, region: &Region, now: Timestamp) -> Vec<Piece> {
    let Some(release) = facts::release(world, &region.id) else {
        return vec![piece("? unknown", Role::Unknown)];
    };
    if let Some(rollout) = &release.rollout {
        return vec![piece(format!("▶ {rollout}"), Role::Accent)];
    }
    match release.current() {
        Some(current) => vec![piece(
            format!("rev {}, {} ago", current.number, format::since(current.at, now)),
            Role::Muted,
        )],
        None => vec![piece("✖ none deployed", Role::Bad)],
    }
}
