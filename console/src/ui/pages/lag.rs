//! Lag: what follows what, how far behind, against which bounds.

use super::PageView;
use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Cell, Column, Fields, Make, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{gauge, observed, sparkline, state, table};
use aisoc_model::RegionId;
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::world::World;
use ratatui::layout::Rect;
use std::collections::BTreeSet;

/// The page.
pub struct Lag;

impl PageView for Lag {
    fn title(&self) -> &'static str {
        "Lag"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let mut links: Vec<(&String, &Link)> = world.links.iter().collect();
        let places = facts::places(world);
        // What is far behind or not known comes first: nobody scrolls to find it.
        let now = model.shown_at();
        links.sort_by_cached_key(|(_, link)| {
            let place = |id| places.of(Some(id));
            let level = Some(facts::level(link, now)).filter(|level| *level > LagLevel::AboveTarget);
            let bad = level.filter(|_| !facts::not_configured(&link.lag_seconds));
            let route = (place(&link.from), place(&link.to));
            (std::cmp::Reverse(bad), link.kind, route)
        });
        let keys = links.into_iter().map(|(key, _)| key.clone());
        let absent = absent(world).into_iter().map(str::to_owned);
        let row: fn(&Model, &str) -> Option<Row> = |model, key| {
            let link = model.shown()?.links.get(key);
            Some(link.map_or_else(|| absent_row(model, key), |link| row(model, key, link)))
        };
        let make = Make { row, fields };
        Table::on_demand(columns(trend_of(model)), keys.chain(absent), make)
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &worst(model, world));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.links.get_key_value(&row.key));
        let space = chosen.map_or(rest, |(key, link)| {
            detail(model, key, link, rest.width).below(canvas, rest, rows.rows.len())
        });
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model.shown()?.links.get(key).map(|link| link.to.clone())
    }
}

fn columns(trend: u16) -> Vec<Column> {
    vec![
        Column::new("KIND", 14).least(10),
        Column::new("FROM", 14),
        Column::new("TO", 14),
        Column::new("LAG", 10).least(9).right(),
        Column::new("LEVEL", 14).glyph(),
        Column::new("BEHIND", 9).right().spare(4),
        Column::new("TARGET", 6).right().spare(2),
        Column::new("ALERT", 6).right().spare(3),
        Column::new("PAGE", 6).right().spare(6),
        Column::new("STATE", 12).spare(7),
        Column::new("TREND", trend).spare(5),
    ]
}

fn row(model: &Model, key: &str, link: &Link) -> Row {
    let now = model.shown_at();
    let trend = trend_of(model);
    let level = facts::level(link, now);
    let shown = state::lag(level);
    let role = shown.value_role();
    let bounds = model.shown().and_then(|world| facts::bounds(world, link.kind));
    let bound = |value: Option<f64>| cell(value.map_or_else(|| "–".to_owned(), format::bound), Role::Muted);
    let to: Cell = if link.from == link.to {
        cell("itself", Role::Muted)
    } else {
        cell(link.to.to_string(), Role::Text)
    };
    let target = bounds.map_or(1.0, |b| b.target_seconds);
    let history = model.history.latest(key, usize::from(trend));
    let cells = vec![
        cell(link.name(several(model)), Role::Text),
        cell(link.from.to_string(), Role::Text),
        to,
        observed::short(&link.lag_seconds, now, |lag| (format::seconds(*lag), role)),
        cell(shown.text(), shown.role),
        observed::short(&link.lag_amount, now, |amount| {
            let text = match link.amount_unit() {
                "bytes" => format::bytes(*amount),
                _ => format!("{} rec", format::count(*amount)),
            };
            (text, Role::Muted)
        }),
        bound(bounds.map(|b| b.target_seconds)),
        bound(bounds.map(|b| b.alert_seconds)),
        bound(bounds.and_then(|b| b.page_seconds)),
        observed::short(&link.state, now, |state| (state.clone(), Role::Muted)),
        sparkline::line(history, target, usize::from(trend)),
    ];
    Row::new(key, cells)
}

/// Whether there is more than one database cluster to tell apart.
fn several(model: &Model) -> bool {
    model.shown().is_some_and(World::several_clusters)
}

/// What there is to know about one link.
fn detail(model: &Model, key: &str, link: &Link, width: u16) -> Detail {
    let now = model.shown_at();
    let level = state::lag(facts::level(link, now));
    let bounds = model.shown().and_then(|world| facts::bounds(world, link.kind));
    let used = bounds.and_then(|b| {
        link.lag_seconds
            .fresh(now)
            .map(|lag| lag / b.alert_seconds.max(f64::MIN_POSITIVE))
    });
    let target = bounds.map_or(1.0, |b| b.target_seconds);
    let columns = width.saturating_sub(16).min(118);
    let trend = sparkline::line(
        model.history.latest(key, usize::from(columns)),
        target,
        usize::from(columns),
    );
    let seen = link.lag_seconds.age_ms(now).map_or_else(
        || format!("never, by {}", link.lag_seconds.source),
        |age| format!("{} ago, by {}", format::age(age), link.lag_seconds.source),
    );
    let route = if link.from == link.to {
        format!("{} of {}", link.name(several(model)), link.from)
    } else {
        format!("{}: {} → {}", link.name(several(model)), link.from, link.to)
    };
    let mut against = gauge::against_bound(used, columns.min(48), level.bar_role());
    against.push(piece("  │ = alert bound", Role::Muted));
    let mut lag = observed::value(&link.lag_seconds, now, |lag| {
        (format::seconds(*lag), level.value_role())
    });
    lag.push(piece(format!("   {}", level.text()), level.role));
    let detail = Detail::new(route)
        .line("lag", lag)
        .line("against", against)
        .line(
            "state",
            observed::value(&link.state, now, |state| (state.clone(), Role::Text)),
        )
        .text("seen", seen)
        .line("trend", trend);
    match observed::why(&link.lag_seconds, now) {
        Some(why) => detail.line("why", vec![piece(why, Role::Unknown)]),
        None => detail,
    }
}

/// What stands in the place of what is not configured here.
const INSTEAD: [(&str, &str); 2] = [
    ("clickhouse", "the embedded event store"),
    ("kafka", "the embedded bus"),
];

/// Kinds that have a threshold but no link, and the bus that others use: nobody was told to look, which is not the
/// same as not knowing.
fn absent(world: &World) -> Vec<&'static str> {
    let there: BTreeSet<LinkKind> = world.links.values().map(|link| link.kind).collect();
    let kinds = world.thresholds.iter().flat_map(|told| told.lag.keys());
    let missing = kinds.filter(|kind| !there.contains(kind)).map(|kind| kind.name());
    missing.chain(["kafka"]).collect()
}

fn absent_row(model: &Model, kind: &str) -> Row {
    let dash = || cell("–", Role::Faint);
    let instead = INSTEAD
        .iter()
        .find(|(name, _)| *name == kind && trend_of(model) >= 40);
    let cells = vec![
        cell(kind.to_owned(), Role::Muted),
        dash(),
        dash(),
        dash(),
        cell("not configured", Role::Faint),
        dash(),
        dash(),
        dash(),
        dash(),
        dash(),
        instead.map_or_else(Vec::new, |(_, instead)| {
            cell(format!("{instead} is here"), Role::Faint)
        }),
    ];
    Row::new(kind, cells)
}

/// What filters see of a link, or of a kind of which there is none.
fn fields<'a>(model: &'a Model, key: &'a str) -> Fields<'a> {
    let Some(link) = model.shown().and_then(|world| world.links.get(key)) else {
        return vec![
            ("kind", Value::text(key)),
            ("level", Value::text("not configured")),
        ];
    };
    let now = model.shown_at();
    let amount = link.lag_amount.fresh(now).map(|amount| *amount as f64);
    vec![
        ("kind", Value::text(link.kind.name())),
        ("from", Value::text(link.from.as_str())),
        ("to", Value::text(link.to.as_str())),
        ("region", Value::text(link.from.as_str())),
        ("region", Value::text(link.to.as_str())),
        ("level", Value::text(state::lag(facts::level(link, now)).word)),
        ("lag", Value::Number(link.lag_seconds.fresh(now).copied())),
        ("behind", Value::Number(amount)),
    ]
}

/// Columns of the trend.
fn trend_of(model: &Model) -> u16 {
    if model.size.0 >= 180 { 40 } else { 12 }
}

fn worst(model: &Model, world: &World) -> Hero {
    let now = model.shown_at();
    let Some(link) = facts::worst_link(world, now) else {
        return Hero::new("-", "No replication link is known", Role::Unknown);
    };
    let level = facts::level(link, now);
    let shown = state::lag(level);
    let name = if link.from == link.to {
        format!("{} of {}", link.name(world.several_clusters()), link.from)
    } else {
        format!(
            "{} {} → {}",
            link.name(world.several_clusters()),
            link.from,
            link.to
        )
    };
    let figure = link
        .lag_seconds
        .fresh(now)
        .map_or_else(|| "?".to_owned(), |lag| format::seconds(*lag));
    let bounds = model.shown().and_then(|world| facts::bounds(world, link.kind));
    let against = bounds.map_or_else(String::new, |b| {
        let page = b
            .page_seconds
            .map(|p| format!(", page {}", format::bound(p)))
            .unwrap_or_default();
        format!(
            "target {}, alert {}{page}",
            format::bound(b.target_seconds),
            format::bound(b.alert_seconds)
        )
    });
    let unknown = world
        .links
        .values()
        .filter(|l| facts::level(l, now) == LagLevel::Unknown)
        .count();
    let hero = Hero::new(figure, format!("worst lag: {name}"), shown.role).line(vec![
        piece(format!("{}   ", shown.text()), shown.role),
        piece(against, Role::Muted),
    ]);
    if unknown > 0 {
        let are = if unknown == 1 { "is" } else { "are" };
        let text = format!("{unknown} of {} links {are} not freshly known", world.links.len());
        hero.line(vec![piece(text, Role::Unknown)])
    } else {
        hero.note(format!("all {} links are freshly known", world.links.len()))
    }
}
