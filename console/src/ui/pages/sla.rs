//! SLA: how the tenants' incidents are detected, acknowledged and resolved, against what was agreed. An incident that
//! nobody acknowledged in time counts as a breach, not as missing.

use super::PageView;
use crate::format;
use crate::model::Model;
use crate::table::{Cell, Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{observed, table};
use aisoc_model::RegionId;
use aisoc_model::sla::{SlaFigures, SlaReading, Spread};
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// The source of the figures in `World::sources`.
const SOURCE: &str = "incidents";

/// The page.
pub struct Sla;

impl PageView for Sla {
    fn title(&self) -> &'static str {
        "SLA"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let now = model.shown_at();
        let mut readings: Vec<(&String, &SlaReading)> = world.sla.iter().collect();
        readings.sort_by_key(|(_, r)| {
            (
                r.figures.value.as_ref().is_none_or(|f| f.breached == 0),
                r.rank(),
                &r.tenant,
            )
        });
        let columns = vec![
            Column::new("TENANT", 14),
            Column::new("SEVERITY", 13),
            Column::new("BREACHED", 8).right(),
            Column::new("WAITING", 7).right(),
            Column::new("AGREED", 6).right(),
            Column::new("MTTA", 8).right().spare(1),
            Column::new("MTTD", 8).right().spare(2),
            Column::new("MTTR", 8).right().spare(3),
            Column::new("INCIDENTS", 9).right().spare(4),
            Column::new("ACK P95", 8).right().spare(5),
            Column::new("DETECT P95", 10).right().spare(6),
            Column::new("RESOLVE P95", 11).right().spare(7),
            Column::new("NAME", 22).spare(8),
        ];
        Table::new(
            columns,
            readings
                .into_iter()
                .map(|(key, reading)| row(key, reading, now))
                .collect(),
        )
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &headline(world, model.shown_at()));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows.selected(selected).and_then(|row| world.sla.get(&row.key));
        let space = chosen.map_or(rest, |reading| {
            detail(reading, model.shown_at()).below(canvas, rest, rows.rows.len())
        });
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, _model: &Model, _key: &str) -> Option<RegionId> {
        None
    }
}

fn row(key: &str, reading: &SlaReading, now: Timestamp) -> Row {
    let figure = |show: &dyn Fn(&SlaFigures) -> (String, Role)| -> Cell {
        observed::short(&reading.figures, now, show)
    };
    let count = |value: u64, role: Role| {
        if value == 0 {
            ("0".to_owned(), Role::Faint)
        } else {
            (format::count(value), role)
        }
    };
    let time = |spread: Option<Spread>, part: fn(&Spread) -> f64| {
        spread.map_or_else(
            || ("–".to_owned(), Role::Faint),
            |s| (format::seconds(part(&s)), Role::Text),
        )
    };
    let mean: fn(&Spread) -> f64 = |s| s.mean;
    let p95: fn(&Spread) -> f64 = |s| s.p95;
    let agreed = reading
        .acknowledge_minutes
        .map_or_else(|| "none".to_owned(), |m| format::age(u64::from(m) * 60_000));
    let cells = vec![
        cell(reading.tenant.clone(), Role::Text),
        cell(reading.level.clone(), level_role(reading)),
        figure(&|f| count(f.breached, Role::Bad)),
        figure(&|f| count(f.unacknowledged, Role::Notice)),
        cell(agreed, Role::Muted),
        figure(&|f| time(f.acknowledge, mean)),
        figure(&|f| time(f.detect, mean)),
        figure(&|f| time(f.resolve, mean)),
        figure(&|f| (format::count(f.incidents), Role::Muted)),
        figure(&|f| time(f.acknowledge, p95)),
        figure(&|f| time(f.detect, p95)),
        figure(&|f| time(f.resolve, p95)),
        cell(reading.name.clone(), Role::Muted),
    ];
    let fresh = reading.figures.fresh(now);
    Row::new(key, cells)
        .field("tenant", Value::text(reading.tenant.clone()))
        .field("name", Value::text(reading.name.clone()))
        .field("severity", Value::text(reading.level.clone()))
        .field("breached", Value::Number(fresh.map(|f| f.breached as f64)))
        .field("waiting", Value::Number(fresh.map(|f| f.unacknowledged as f64)))
        .field(
            "mtta",
            Value::Number(fresh.and_then(|f| f.acknowledge).map(|s| s.mean)),
        )
        .field(
            "mttd",
            Value::Number(fresh.and_then(|f| f.detect).map(|s| s.mean)),
        )
        .field(
            "mttr",
            Value::Number(fresh.and_then(|f| f.resolve).map(|s| s.mean)),
        )
}

fn level_role(reading: &SlaReading) -> Role {
    match reading.rank() {
        0 => Role::Bad,
        1 => Role::Warn,
        2 => Role::Notice,
        _ => Role::Muted,
    }
}

fn headline(world: &World, now: Timestamp) -> Hero {
    let source = world.sources.get(SOURCE);
    if world.sla.is_empty() {
        return match source {
            None => Hero::new("-", "Not configured: nobody reads the incidents", Role::Faint),
            Some(source) => match (&source.problem, source.last_success) {
                (Some(why), _) => Hero::new("?", "How incidents are handled is not known", Role::Unknown)
                    .line(vec![piece(why.clone(), Role::Unknown)]),
                (None, None) => Hero::new("?", "Nobody has looked yet", Role::Unknown),
                (None, Some(_)) => Hero::new("0", "No incident was opened within the window", Role::Good),
            },
        };
    }
    let fresh: Vec<&SlaFigures> = world.sla.values().filter_map(|r| r.figures.fresh(now)).collect();
    if fresh.is_empty() {
        let why = world
            .sla
            .values()
            .find_map(|r| observed::why(&r.figures, now))
            .unwrap_or_default();
        return Hero::new(
            "?",
            "How incidents are handled is not freshly known",
            Role::Unknown,
        )
        .line(vec![piece(why, Role::Unknown)]);
    }
    let sum = |part: fn(&SlaFigures) -> u64| fresh.iter().map(|f| part(f)).sum::<u64>();
    let (incidents, breached, waiting) = (
        sum(|f| f.incidents),
        sum(|f| f.breached),
        sum(|f| f.unacknowledged),
    );
    let window = world.sla.values().next().map_or(0, |r| r.window_seconds);
    let (title, role) = if breached > 0 {
        (
            format!(
                "of {} not acknowledged in time",
                format::number(incidents, "incident")
            ),
            Role::Bad,
        )
    } else {
        (
            format!("breaches in {}", format::number(incidents, "incident")),
            Role::Good,
        )
    };
    let mean = |part: fn(&SlaFigures) -> Option<Spread>| {
        let spreads: Vec<Spread> = fresh.iter().filter_map(|f| part(f)).collect();
        let count: u64 = spreads.iter().map(|s| s.count).sum();
        let total: f64 = spreads.iter().map(|s| s.mean * s.count as f64).sum();
        if count == 0 {
            "none yet".to_owned()
        } else {
            format::seconds(total / count as f64)
        }
    };
    Hero::new(format::count(breached), title, role)
        .line(vec![
            piece("MTTD ", Role::Muted),
            piece(mean(|f| f.detect), Role::Strong),
            piece("   MTTA ", Role::Muted),
            piece(mean(|f| f.acknowledge), Role::Strong),
            piece("   MTTR ", Role::Muted),
            piece(mean(|f| f.resolve), Role::Strong),
        ])
        .note(format!(
            "{} for somebody · window {}",
            waits(waiting),
            format::age(u64::from(window) * 1_000)
        ))
}

fn waits(count: u64) -> String {
    let wait = if count == 1 { "waits" } else { "wait" };
    format!("{count} {wait}")
}

fn detail(reading: &SlaReading, now: Timestamp) -> Detail {
    let title = format!("{} ({}), {}", reading.name, reading.tenant, reading.level);
    let spread = |spread: Option<Spread>, none: &str| {
        spread.map_or_else(
            || vec![piece(none.to_owned(), Role::Muted)],
            |s| {
                vec![
                    piece(format!("{:<9}", format::seconds(s.mean)), Role::Strong),
                    piece(
                        format!(
                            "half within {}, 95 % within {}, of {}",
                            format::seconds(s.p50),
                            format::seconds(s.p95),
                            format::count(s.count)
                        ),
                        Role::Muted,
                    ),
                ]
            },
        )
    };
    let agreed = match reading.acknowledge_minutes {
        Some(minutes) => format!("acknowledged within {}", format::age(u64::from(minutes) * 60_000)),
        None => "nothing is agreed for this severity".to_owned(),
    };
    let mut detail = Detail::new(title).text("agreed", agreed);
    if let Some(figures) = &reading.figures.value {
        detail = detail
            .line("MTTD", spread(figures.detect, "no incident"))
            .line("MTTA", spread(figures.acknowledge, "nobody has acknowledged one"))
            .line("MTTR", spread(figures.resolve, "none was closed"))
            .text(
                "incidents",
                format!(
                    "{} opened, {} for somebody, {} breached",
                    figures.incidents,
                    waits(figures.unacknowledged),
                    figures.breached
                ),
            );
    }
    let age = reading.figures.age_ms(now).map_or_else(
        || "never".to_owned(),
        |age| format!("{} ago, by {}", format::age(age), reading.figures.source),
    );
    detail = detail.text("seen", age);
    match observed::why(&reading.figures, now) {
        Some(why) => detail.line("why", vec![piece(why, Role::Unknown)]),
        None => detail,
    }
}
