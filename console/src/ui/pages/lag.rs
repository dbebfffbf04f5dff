//! Lag: what follows what, how far behind, against which bounds.

use super::PageView;
use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Cell, Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{observed, sparkline, state, table};
use aisoc_model::RegionId;
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::world::World;
use ratatui::layout::Rect;

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
        let trend = if model.size.0 >= 180 { 48 } else { 20 };
        let mut links: Vec<(&String, &Link)> = world.links.iter().collect();
        links.sort_by_key(|(_, link)| (link.kind, link.from.clone(), link.to.clone()));
        let mut rows: Vec<Row> = links
            .into_iter()
            .map(|(key, link)| row(model, key, link, trend))
            .collect();
        rows.extend(absent(world, model));
        Table::new(columns(trend), rows)
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &worst(model, world));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let reason = rows
            .selected(selected)
            .and_then(|row| world.links.get(&row.key))
            .and_then(|link| observed::why(&link.lag_seconds, model.shown_at()));
        let mut space = rest;
        if let Some(reason) = reason
            && rest.height > 6
        {
            space.height -= 2;
            canvas.text(rest.x + 2, rest.bottom() - 1, rest.width, &reason, Role::Unknown);
        }
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model.shown()?.links.get(key).map(|link| link.to.clone())
    }
}

fn columns(trend: u16) -> Vec<Column> {
    vec![
        Column::new("KIND", 14),
        Column::new("FROM", 14),
        Column::new("TO", 14),
        Column::new("LAG", 10).right(),
        Column::new("LEVEL", 14),
        Column::new("BEHIND", 12).right().spare(4),
        Column::new("TARGET", 6).right().spare(2),
        Column::new("ALERT", 6).right().spare(3),
        Column::new("PAGE", 6).right().spare(6),
        Column::new("STATE", 12).spare(5),
        Column::new("TREND", trend).spare(7),
    ]
}

fn row(model: &Model, key: &str, link: &Link, trend: u16) -> Row {
    let now = model.shown_at();
    let level = facts::level(link, now);
    let shown = state::lag(level);
    let role = if level == LagLevel::Ok {
        Role::Text
    } else {
        shown.role
    };
    let bounds = model.slo.as_ref().and_then(|slo| slo.lag.get(&link.kind));
    let bound = |value: Option<f64>| cell(value.map_or_else(|| "–".to_owned(), format::bound), Role::Muted);
    let to: Cell = if link.from == link.to {
        cell("(its own store)", Role::Muted)
    } else {
        cell(link.to.to_string(), Role::Text)
    };
    let target = bounds.map_or(1.0, |b| b.target_seconds);
    let history = model.history.latest(key, usize::from(trend));
    let cells = vec![
        cell(link.kind.name(), Role::Text),
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
        .field("kind", Value::text(link.kind.name()))
        .field("from", Value::text(link.from.as_str()))
        .field("to", Value::text(link.to.as_str()))
        .field("region", Value::text(link.from.as_str()))
        .field("region", Value::text(link.to.as_str()))
        .field("level", Value::text(shown.word))
        .field("lag", Value::Number(link.lag_seconds.fresh(now).copied()))
        .field(
            "behind",
            Value::Number(link.lag_amount.fresh(now).map(|amount| *amount as f64)),
        )
}

/// Kinds that have a threshold but no link: nobody was told to look.
fn absent(world: &World, model: &Model) -> Vec<Row> {
    let kinds: Vec<LinkKind> = model.slo.iter().flat_map(|slo| slo.lag.keys().copied()).collect();
    let missing = kinds
        .into_iter()
        .filter(|kind| !world.links.values().any(|link| link.kind == *kind));
    missing
        .map(|kind| {
            let dash = || cell("–", Role::Faint);
            let cells = vec![
                cell(kind.name(), Role::Muted),
                dash(),
                dash(),
                dash(),
                cell("not configured", Role::Faint),
            ];
            Row::new(kind.name(), cells)
                .field("kind", Value::text(kind.name()))
                .field("level", Value::text("not configured"))
        })
        .collect()
}

fn worst(model: &Model, world: &World) -> Hero {
    let now = model.shown_at();
    let Some(link) = facts::worst_link(world, model.slo.as_ref(), now) else {
        return Hero::new("-", "No replication link is known", Role::Unknown);
    };
    let level = facts::level(link, now);
    let shown = state::lag(level);
    let name = if link.from == link.to {
        format!("{} of {}", link.kind.name(), link.from)
    } else {
        format!("{} {} → {}", link.kind.name(), link.from, link.to)
    };
    let figure = link
        .lag_seconds
        .fresh(now)
        .map_or_else(|| "?".to_owned(), |lag| format::seconds(*lag));
    let bounds = model.slo.as_ref().and_then(|slo| slo.lag.get(&link.kind));
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
        let text = format!("{unknown} of {} links are not freshly known", world.links.len());
        hero.line(vec![piece(text, Role::Unknown)])
    } else {
        hero.note(format!("all {} links are freshly known", world.links.len()))
    }
}
