//! Overview: everything at a glance. A list on a small screen, a map on a large one.

mod list;
mod map;
mod parts;

use super::PageView;
use crate::facts::{self, Writers};
use crate::format;
use crate::model::Model;
use crate::table::{Cell, Column, Piece, Row, Table, Value, cell, piece, width};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{observed, state};
use aisoc_model::alert::Severity;
use aisoc_model::lag::LagLevel;
use aisoc_model::observed::Observed;
use aisoc_model::region::{Health, PostgresMember, PostgresRole, Region, RegionRole};
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use ratatui::layout::Rect;

/// The page.
pub struct Overview;

impl PageView for Overview {
    fn title(&self) -> &'static str {
        "Overview"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        // Which cluster is written here is said in full: it has to be one region for each.
        let (database, lag) = match world.several_clusters() {
            false => (9, 8),
            true if is_narrow(model) => (20, 10),
            true => (24, LAG_OF_SEVERAL),
        };
        let columns = vec![
            Column::new("REGION", 14),
            Column::new("ROLE", 9).spare(3),
            Column::new("HEALTH", 14).least(10),
            Column::new("WEIGHT", 6).right(),
            Column::new("REQ/S", 6).right().spare(2),
            Column::new("DATABASE", database),
            Column::new("PG LAG", lag).right().spare(1),
            Column::new("API P99", 8).right().spare(5),
            Column::new("SHARE", 6).right().spare(4),
            Column::new("WHY", 20).grow(1).most(120).spare(6),
        ];
        let mut regions = facts::regions(world);
        if regions.len() > map::MOST {
            // Too many to be seen at once: nobody scrolls to find what is wrong.
            regions.sort_by_key(|region| std::cmp::Reverse(region.health));
        }
        let rows = regions
            .into_iter()
            .map(|region| row(model, world, region))
            .collect();
        Table::new(columns, rows).none("no region has been told of yet")
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &verdict(model, world));
        if map::fits(world, rest) {
            map::draw(canvas, rest, model, world);
        } else {
            list::draw(canvas, rest, model, world);
        }
    }

    fn region(&self, _model: &Model, key: &str) -> Option<RegionId> {
        key.parse().ok()
    }
}

fn row(model: &Model, world: &World, region: &Region) -> Row {
    let now = model.shown_at();
    let health = state::region(region, model.connection.holds());
    let traffic = &region.traffic;
    let weight = traffic.fresh(now).map(|t| f64::from(t.weight_percent));
    let cells = vec![
        cell(region.id.to_string(), Role::Strong),
        cell(region.role.word(), Role::Muted),
        cell(health.text(), health.role),
        observed::short(traffic, now, |t| {
            (
                format!("{} %", t.weight_percent),
                weight_role(region, t.weight_percent),
            )
        }),
        observed::short(traffic, now, |t| {
            (format::told(t.requests_per_second.map(format::rate)), Role::Text)
        }),
        database(region, now, is_narrow(model)),
        replica_lag(world, region, now),
        api_p99(region, now),
        observed::short(traffic, now, |t| {
            (format!("{:.0} %", t.share_percent), Role::Muted)
        }),
        cell(region.reasons.join("; "), Role::Text),
    ];
    Row::new(region.id.as_str(), cells)
        .field("region", Value::text(region.id.to_string()))
        .field("role", Value::text(region.role.word()))
        .field("health", Value::text(health.word))
        .field("weight", Value::Number(weight))
        .field("location", Value::text(region.location.clone()))
}

/// A weight other than full stands out, unless it is the place of a region that only takes over.
fn weight_role(region: &Region, percent: u8) -> Role {
    match percent {
        100 => Role::Text,
        0 if region.role == RegionRole::DrOnly && region.drain.is_none() => Role::Muted,
        _ => Role::Notice,
    }
}

/// Columns of the lag where there are several database clusters: with the name of one that is behind.
const LAG_OF_SEVERAL: u16 = 10;

/// Whether there is no room to name every database cluster in every region.
fn is_narrow(model: &Model) -> bool {
    model.size.0 < 76
}

/// The database's part in a region: `WRITER` stands out, because there must be exactly one.
fn database(region: &Region, now: jiff::Timestamp, narrow: bool) -> Cell {
    let part = |member: &Observed<PostgresMember>| {
        observed::short(member, now, |member| match member.role {
            PostgresRole::Writer => ("WRITER".to_owned(), Role::Strong),
            PostgresRole::Replica => ("replica".to_owned(), Role::Muted),
            PostgresRole::Neither => (member.state.clone(), Role::Warn),
        })
    };
    let label = |text| piece(text, Role::Muted);
    if !narrow {
        return facts::of_members(region, label, |_, member| part(member));
    }
    // What is written here is named; which ones the others are goes without saying.
    let written: Vec<&str> = region.written_here(now).map(ClusterName::as_str).collect();
    let mut all = Cell::new();
    if !written.is_empty() {
        let names = if region.postgres.len() > 1 {
            format!("{} ", written.join(", "))
        } else {
            String::new()
        };
        all.extend([label(names), piece("WRITER", Role::Strong)]);
    }
    let others = region
        .postgres
        .iter()
        .filter(|(cluster, _)| !region.writes(cluster, now));
    let mut parts: Vec<Cell> = others.map(|(_, member)| part(member)).collect();
    parts.dedup();
    for part in parts {
        if !all.is_empty() {
            all.push(label(", ".to_owned()));
        }
        all.extend(part);
    }
    all
}

/// The worst lag of the links that feed this region's database members; a writer has none.
fn replica_lag(world: &World, region: &Region, now: jiff::Timestamp) -> Cell {
    let worst = region.postgres.keys().max_by_key(|cluster| {
        let fed = !region.writes(cluster, now);
        (
            fed,
            facts::feed_of(world, cluster, &region.id).map(|link| facts::level(link, now)),
        )
    });
    let Some(cluster) = worst else { return Cell::new() };
    let mut lag = member_lag(world, region, cluster, now);
    let level = facts::feed_of(world, cluster, &region.id).map(|link| facts::level(link, now));
    let behind = level.is_none_or(|level| level > LagLevel::Ok) && !region.writes(cluster, now);
    // Which one it is matters when it is behind; a figure is whole, a name may be cut.
    let room = usize::from(LAG_OF_SEVERAL).saturating_sub(width(&lag) + 1);
    if region.postgres.len() > 1 && behind && room >= 2 {
        let name = cluster.as_str();
        let name = if name.len() > room {
            format!("{}… ", name.chars().take(room - 1).collect::<String>())
        } else {
            format!("{name} ")
        };
        lag.insert(0, piece(name, Role::Muted));
    }
    lag
}

fn member_lag(world: &World, region: &Region, cluster: &ClusterName, now: jiff::Timestamp) -> Cell {
    match facts::feed_of(world, cluster, &region.id) {
        _ if region.writes(cluster, now) => cell("–", Role::Faint),
        None => cell("?", Role::Unknown),
        Some(link) => {
            let level = state::lag(facts::level(link, now));
            let role = level.value_role();
            observed::short(&link.lag_seconds, now, |lag| (format::seconds(*lag), role))
        }
    }
}

/// The slowest of a region's api instances, by the control plane's own probes.
fn api_p99(region: &Region, now: jiff::Timestamp) -> Cell {
    let slowest = region
        .api
        .iter()
        .filter_map(|probe| probe.health.fresh(now))
        .map(|health| health.p99_ms);
    match slowest.fold(None, |worst: Option<f64>, p99| {
        Some(worst.map_or(p99, |w| w.max(p99)))
    }) {
        Some(p99) => cell(format::seconds(p99 / 1_000.0), Role::Text),
        None => cell("?", Role::Unknown),
    }
}

/// The most important fact of all: do we serve, who writes, is something wrong.
#[must_use]
pub fn verdict(model: &Model, world: &World) -> Hero {
    let now = model.shown_at();
    let regions = facts::regions(world);
    let healthy = regions.iter().filter(|r| r.health == Health::Healthy).count();
    let figure = if regions.is_empty() {
        "?".to_owned()
    } else {
        format!("{healthy}/{}", regions.len())
    };
    let writers = facts::all_writers(world, now);
    // The first in place among those that are worst.
    let worst = regions.iter().rev().max_by_key(|region| region.health);
    let many = writers.iter().find_map(|(cluster, writers)| match writers {
        Writers::Many(ids) => Some((*cluster, ids)),
        _ => None,
    });
    let none = writers.iter().find(|(_, writers)| *writers == Writers::None);
    let (title, role) = match (worst, many, none) {
        (None, ..) => ("No region is known".to_owned(), Role::Unknown),
        (_, Some((cluster, ids)), _) => {
            let of = facts::of_cluster(cluster);
            (format!("MORE THAN ONE WRITER{of}: {}", names(ids)), Role::Bad)
        }
        (_, _, Some((cluster, _))) => {
            let of = facts::of_cluster(*cluster);
            (format!("NO WRITER{of}: nothing accepts writes"), Role::Bad)
        }
        (Some(region), ..) => worst_region(region, &regions),
    };
    let hero = Hero::new(figure, title, role)
        .line(writes_line(&writers, healthy, regions.len()))
        .line(alerts_line(world, model.connection.holds()));
    if model.connection.holds() {
        hero
    } else {
        Hero {
            title: format!("was: {}", hero.title),
            role: Role::Unknown,
            ..hero
        }
    }
}

fn worst_region(worst: &Region, regions: &[&Region]) -> (String, Role) {
    let why = worst
        .reasons
        .first()
        .map_or_else(String::new, |reason| format!(": {reason}"));
    let who = match regions
        .iter()
        .filter(|region| region.health == worst.health)
        .count()
    {
        0 | 1 => format!("{} is", worst.id),
        alike => format!("{} and {} more are", worst.id, alike - 1),
    };
    match worst.health {
        Health::Down => (format!("{who} DOWN{why}"), Role::Bad),
        Health::Unknown => (format!("{who} unknown{why}"), Role::Unknown),
        Health::Degraded => (format!("{who} degraded{why}"), Role::Warn),
        Health::Healthy => {
            let drained: Vec<RegionId> = regions
                .iter()
                .filter(|r| r.drain.is_some())
                .map(|r| r.id.clone())
                .collect();
            if drained.is_empty() {
                ("All regions are healthy".to_owned(), Role::Good)
            } else {
                (
                    format!("All regions are healthy; drained: {}", names(&drained)),
                    Role::Notice,
                )
            }
        }
    }
}

fn names(ids: &[RegionId]) -> String {
    ids.iter().map(RegionId::as_str).collect::<Vec<_>>().join(", ")
}

fn writes_line(clusters: &[(Option<&ClusterName>, Writers)], healthy: usize, regions: usize) -> Vec<Piece> {
    let mut line = Vec::new();
    for (cluster, writers) in clusters {
        if !line.is_empty() {
            line.push(piece("  ·  ", Role::Muted));
        }
        line.extend(cluster.map(|name| piece(format!("{name}: "), Role::Muted)));
        line.extend(writers_line(writers));
    }
    if healthy < regions {
        line.push(piece(
            format!("  ·  {healthy} of {regions} regions healthy"),
            Role::Muted,
        ));
    }
    line
}

fn writers_line(writers: &Writers) -> Vec<Piece> {
    let mut line = match writers {
        Writers::One(id) | Writers::OneSeen(id) => {
            vec![
                piece("writes go to ", Role::Muted),
                piece(id.to_string(), Role::Strong),
            ]
        }
        Writers::Many(ids) => vec![piece(format!("writes go to {} AT ONCE", names(ids)), Role::Bad)],
        Writers::None => vec![piece("writes go nowhere", Role::Bad)],
        Writers::Unknown => vec![piece("where writes go is unknown", Role::Unknown)],
    };
    if matches!(writers, Writers::OneSeen(_)) {
        line.push(piece("; not every member could be seen", Role::Unknown));
    }
    line
}

fn alerts_line(world: &World, trustworthy: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for severity in [Severity::P1, Severity::P2, Severity::P3, Severity::P4] {
        let count = facts::count_firing(world, severity);
        if count > 0 {
            let (label, role) = state::severity(severity);
            pieces.push(piece(format!("{label} ×{count}  "), role));
        }
    }
    if pieces.is_empty() {
        let text = if trustworthy {
            "no alert is firing"
        } else {
            "no alert was firing"
        };
        return vec![piece(text, Role::Muted)];
    }
    pieces.insert(0, piece("alerts firing: ", Role::Muted));
    pieces
}
