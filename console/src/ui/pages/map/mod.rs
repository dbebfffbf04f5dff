//! The service map, from traces: who calls whom, how often, how slowly, and what fails on the way.

pub mod graph;
pub mod lanes;

use super::PageView;
use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{observed, panel, table};
use aisoc_model::RegionId;
use aisoc_model::observed::Freshness;
use aisoc_model::service_map::{Edge, EdgeFigures, Node, NodeKind, slowest};
use aisoc_model::world::World;
use graph::{Look, duration, per_second};
use jiff::Timestamp;
use ratatui::layout::Rect;

/// A graph needs at least so many columns and rows; below that there is the table.
const GRAPH: (u16, u16) = (110, 26);
/// Rows of the table under the graph for which there has to be room.
const TABLE_BELOW: u16 = 8;
/// What every topic of ours begins with.
const OURS: &str = "aisoc.";

/// The page.
pub struct Map;

impl PageView for Map {
    fn title(&self) -> &'static str {
        "Map"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let columns = vec![
            Column::new("REGION", 14).least(9),
            Column::new("FROM", 12).grow(1).most(16),
            Column::new("TO", 14).least(11).grow(2).most(44),
            Column::new("RATE", 12).right().spare(1),
            Column::new("ERRORS", 7).right(),
            Column::new("P50", 8).right().spare(2),
            Column::new("P99", 7).right(),
            Column::new("SAMPLED", 14).right().spare(3),
        ];
        let rows = all(world).into_iter().map(|edge| row(edge, model)).collect();
        Table::new(columns, rows).none("a way is drawn when a trace has gone along it")
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &headline(model, world));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.service_map.get(&row.key));
        let Some(edge) = chosen else {
            return table::draw(canvas, rest, &rows, selected.or(Some("")));
        };
        let space = detail(edge, model.shown_at()).below(canvas, rest, rows.rows.len());
        let screen = canvas.area();
        if screen.width < GRAPH.0 || screen.height < GRAPH.1 {
            return table::draw(canvas, space, &rows, selected.or(Some("")));
        }
        let left = draw_graph(model, world, canvas, space, edge);
        if left.height >= TABLE_BELOW {
            table::draw(canvas, left, &rows, selected.or(Some("")));
        }
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model
            .shown()?
            .service_map
            .get(key)
            .map(|edge| edge.region.clone())
    }
}

/// Draws the graph of the chosen edge's region and returns what is left below it.
fn draw_graph(model: &Model, world: &World, canvas: &mut Canvas<'_>, area: Rect, edge: &Edge) -> Rect {
    let now = model.shown_at();
    let region = &edge.region;
    let aside = [piece(
        "rate  failed  p99; j k choose, another region behind the last line",
        Role::Faint,
    )];
    let inner = panel::panel(canvas, area, &format!("{region}: who calls whom"), &aside);
    let callers = lanes::of(world, region);
    let height = graph::height(&callers).min(inner.height);
    let place = Rect { height, ..inner };
    let here: Vec<&Edge> = world
        .service_map
        .values()
        .filter(|e| e.region == *region)
        .collect();
    let slow = slowest(&here, now).map(|(edge, _)| key(edge));
    let chosen = key(edge);
    let look = Look {
        region,
        chosen: Some(&chosen),
        slowest: slow.as_deref(),
        errors: facts::failures_allowed(world),
        now,
    };
    graph::draw(canvas, place, &callers, look);
    Rect {
        y: inner.y + height + 1,
        height: inner.height.saturating_sub(height + 1),
        ..inner
    }
}

/// Every edge, region by region as they stand on the overview.
fn all(world: &World) -> Vec<&Edge> {
    facts::regions(world)
        .into_iter()
        .flat_map(|region| lanes::edges(world, &region.id))
        .collect()
}

fn key(edge: &Edge) -> String {
    Edge::key(&edge.region, &edge.from, &edge.to)
}

/// A node's name as seen from a region; a topic of ours without what all of them begin with.
fn name(node: &Node, region: &RegionId) -> String {
    let short = node.name.strip_prefix(OURS).unwrap_or(&node.name);
    let shown = Node {
        name: short.to_owned(),
        ..node.clone()
    };
    shown.label(region)
}

fn row(edge: &Edge, model: &Model) -> Row {
    let now = model.shown_at();
    let fresh = edge.figures.fresh(now);
    let some = |show: &dyn Fn(&EdgeFigures) -> (String, Role)| {
        fresh.map_or_else(
            || cell("–", Role::Faint),
            |figures| {
                let (text, role) = show(figures);
                cell(text, role)
            },
        )
    };
    let errors = model.shown().map_or(0.0, facts::failures_allowed);
    let rate = observed::brief(&edge.figures, now)
        .unwrap_or_else(|| some(&|f| (per_second(f.per_second), Role::Text)));
    let cells = vec![
        cell(edge.region.to_string(), Role::Muted),
        cell(name(&edge.from, &edge.region), Role::Text),
        cell(name(&edge.to, &edge.region), Role::Text),
        rate,
        some(&|f| {
            let role = if f.error_share > errors {
                Role::Bad
            } else {
                Role::Muted
            };
            (format::percent(f.error_share), role)
        }),
        some(&|f| (duration(f.p50_seconds), Role::Muted)),
        some(&|f| (duration(f.p99_seconds), Role::Text)),
        some(&|f| (format!("{} in {} s", f.sampled, f.window_seconds), Role::Muted)),
    ];
    Row::new(key(edge), cells)
        .field("region", Value::text(edge.region.to_string()))
        .field("from", Value::text(name(&edge.from, &edge.region)))
        .field("to", Value::text(name(&edge.to, &edge.region)))
        .field("rate", Value::Number(fresh.map(|f| f.per_second)))
        .field("errors", Value::Number(fresh.map(|f| f.error_share * 100.0)))
        .field("p99", Value::Number(fresh.map(|f| f.p99_seconds)))
}

/// The most important thing about the ways.
#[must_use]
pub fn headline(model: &Model, world: &World) -> Hero {
    let now = model.shown_at();
    let edges: Vec<&Edge> = world.service_map.values().collect();
    if edges.is_empty() {
        let heard = facts::lost_source(world, "otlp", now)
            .unwrap_or_else(|| "services send telemetry, but no trace of a call yet".to_owned());
        return Hero::new("?", "No trace has reached the control plane", Role::Unknown).note(heard);
    }
    let silent = edges
        .iter()
        .filter(|edge| matches!(edge.figures.freshness(now), Freshness::NoTraffic))
        .count();
    let unknown = edges
        .iter()
        .filter(|edge| edge.figures.fresh(now).is_none())
        .count()
        - silent;
    let failing = facts::failing_ways(world, now);
    let note = format!(
        "{} ways · {} failing · {silent} without traffic · {unknown} not known · of sampled traces",
        edges.len(),
        failing.len()
    );
    let slow = slowest(&edges, now);
    let hero = match (failing.first(), slow) {
        (Some((first, _)), _) => Hero::new(
            failing.len().to_string(),
            format!("of {} ways fail too often: {}", edges.len(), way(first)),
            Role::Bad,
        ),
        (None, Some((edge, figures))) => Hero::new(
            duration(figures.p99_seconds),
            format!("{} takes longest (p99)", way(edge)),
            Role::Text,
        ),
        (None, None) if unknown > 0 => Hero::new("?", "What is called now is not known", Role::Unknown),
        (None, None) => Hero::new("0", "No traffic on any way", Role::Notice),
    };
    let hero = hero.note(note);
    match slow.filter(|_| !failing.is_empty()) {
        Some((edge, figures)) => hero.note(format!(
            "{} takes longest: p99 {}",
            way(edge),
            duration(figures.p99_seconds)
        )),
        None => hero,
    }
}

/// A way in words.
#[must_use]
pub fn way(edge: &Edge) -> String {
    let (from, to) = (name(&edge.from, &edge.region), name(&edge.to, &edge.region));
    format!("{from} → {to} in {}", edge.region)
}

fn detail(edge: &Edge, now: Timestamp) -> Detail {
    let mut detail = Detail::new(way(edge));
    detail = match edge.figures.freshness(now) {
        Freshness::Fresh(f) => detail.text(
            "measured",
            format!(
                "about {}, {} failed, p50 {}, p99 {}; {} sampled calls in {} s, the last {} ago",
                per_second(f.per_second),
                format::percent(f.error_share),
                duration(f.p50_seconds),
                duration(f.p99_seconds),
                f.sampled,
                f.window_seconds,
                format::told(edge.figures.observed_at.map(|at| format::since(at, now)))
            ),
        ),
        _ => detail.text(
            "measured",
            observed::why(&edge.figures, now).unwrap_or_else(|| "no traffic within the window".to_owned()),
        ),
    };
    let means = match (edge.from.kind, edge.to.kind) {
        (_, NodeKind::Bus) => {
            "how long a record waits in the topic until it is taken, by the clocks of both ends"
        }
        (NodeKind::Bus, _) => "how long a record is worked on after it was taken from the topic",
        (NodeKind::Client, _) => "how long requests from outside take, as the service itself measures them",
        (_, NodeKind::Datastore) => "how long the call takes as its caller sees it, retries included",
        _ => "how long the called service takes",
    };
    detail.text("duration", means)
}
