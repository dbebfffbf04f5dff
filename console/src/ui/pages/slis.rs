//! SLIs: each indicator of each region against its objective.

use super::PageView;
use crate::facts::{self, Standing};
use crate::format;
use crate::model::Model;
use crate::table::{Column, Fields, Make, Piece, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{gauge, observed, sparkline, state, table};
use aisoc_model::RegionId;
use aisoc_model::sli::{GoodSide, SliReading};
use aisoc_model::world::World;
use ratatui::layout::Rect;

/// The page.
pub struct Slis;

impl PageView for Slis {
    fn title(&self) -> &'static str {
        "SLIs"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let (gauge, trend) = widths(model);
        let mut readings: Vec<(&String, &SliReading)> = world.slis.iter().collect();
        let places = facts::places(world);
        // What is missed or not known comes first: nobody scrolls to find it.
        let now = model.shown_at();
        readings.sort_by_cached_key(|(_, reading)| {
            let standing = facts::standing(reading, now);
            let bad = Some(standing).filter(|standing| *standing >= Standing::Unknown);
            let place = places.of(Some(&reading.region));
            (std::cmp::Reverse(bad), reading.sli, place)
        });
        let columns = vec![
            Column::new("INDICATOR", 14),
            Column::new("REGION", 14),
            Column::new("VALUE", 8).right(),
            Column::new("USED", gauge).spare(2),
            Column::new("OBJECTIVE", 9).right().spare(1),
            Column::new("STATE", 12),
            Column::new("BURN", 6).right().spare(3),
            Column::new("PER S", 6).right().spare(4),
            Column::new("SAMPLES", 7).right().spare(6),
            Column::new("TREND", trend).spare(5),
        ];
        let keys = readings.into_iter().map(|(key, _)| key.clone());
        let row: fn(&Model, &str) -> Option<Row> = |model, key| {
            let reading = model.shown()?.slis.get(key)?;
            let (gauge, trend) = widths(model);
            Some(row(model, key, reading, gauge, trend))
        };
        Table::on_demand(columns, keys, Make { row, fields }).none("no indicator has been measured yet")
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &worst(model, world));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.slis.get_key_value(&row.key));
        let space = chosen.map_or(rest, |(key, reading)| {
            detail(model, key, reading, rest.width).below(canvas, rest, rows.rows.len())
        });
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model.shown()?.slis.get(key).map(|reading| reading.region.clone())
    }
}

/// Columns of the gauge and of the trend.
fn widths(model: &Model) -> (u16, u16) {
    match model.size.0 {
        0..=99 => (9, 12),
        100..=179 => (18, 12),
        _ => (36, 40),
    }
}

fn row(model: &Model, key: &str, reading: &SliReading, gauge: u16, trend: u16) -> Row {
    let now = model.shown_at();
    let standing = facts::standing(reading, now);
    let shown = state::standing(standing);
    let role = shown.value_role();
    let fresh = reading.value.fresh(now).copied();
    let spent = fresh.map(|value| facts::spent(reading, value));
    let bar = shown.bar_role();
    let burn = reading.burn_rate.filter(|_| fresh.is_some());
    let cells = vec![
        cell(reading.sli.title(), Role::Text),
        cell(reading.region.to_string(), Role::Text),
        observed::short(&reading.value, now, |value| {
            (facts::sli_text(reading, *value), role)
        }),
        gauge::against_bound(spent, gauge, bar),
        cell(facts::objective_text(reading), Role::Muted),
        cell(shown.text(), shown.role),
        cell(
            burn.map_or_else(|| "–".to_owned(), |b| format!("{b:.1}×")),
            burn_role(burn),
        ),
        cell(format::rate(reading.per_second), Role::Muted),
        cell(format::count(reading.samples), Role::Muted),
        self::trend(model, key, reading, trend),
    ];
    Row::new(key, cells)
}

/// What filters see of an indicator.
fn fields<'a>(model: &'a Model, key: &'a str) -> Fields<'a> {
    let Some(reading) = model.shown().and_then(|world| world.slis.get(key)) else {
        return Fields::new();
    };
    let now = model.shown_at();
    let fresh = reading.value.fresh(now).copied();
    let shown = state::standing(facts::standing(reading, now));
    vec![
        ("indicator", Value::text(reading.sli.title())),
        ("sli", Value::text(reading.sli.name())),
        ("region", Value::text(reading.region.as_str())),
        ("state", Value::text(shown.word)),
        ("value", Value::Number(fresh)),
        (
            "burn",
            Value::Number(reading.burn_rate.filter(|_| fresh.is_some())),
        ),
    ]
}

/// The latest values: what is bad grows upwards, whichever side of the objective is good.
fn trend(model: &Model, key: &str, reading: &SliReading, columns: u16) -> Vec<Piece> {
    let history = model.history.latest(key, usize::from(columns));
    let bound = reading.objective.bound;
    match reading.objective.good {
        GoodSide::Below => sparkline::line(history, bound, usize::from(columns)),
        GoodSide::Above => {
            let missing = history.map(|sample| sample.map(|value| (1.0 - value).max(0.0)));
            sparkline::line(missing, 1.0 - bound, usize::from(columns))
        }
    }
}

/// What there is to know about one indicator.
fn detail(model: &Model, key: &str, reading: &SliReading, width: u16) -> Detail {
    let now = model.shown_at();
    let shown = state::standing(facts::standing(reading, now));
    let columns = width.saturating_sub(16).min(118);
    let trend = trend(model, key, reading, columns);
    let text = |value: &f64| (facts::sli_text(reading, *value), shown.value_role());
    let mut value = observed::value(&reading.value, now, text);
    value.push(piece(format!("   {}", shown.text()), shown.role));
    let burn = match reading.burn_rate.filter(|_| reading.value.fresh(now).is_some()) {
        Some(rate) if rate > 0.0 => format!("{rate:.1}× the rate that spends exactly the error budget"),
        Some(_) => "none of the error budget is being spent".to_owned(),
        None => "nothing to judge".to_owned(),
    };
    let measured = format!(
        "{}{}, {} per second, by {}",
        format::number(reading.samples, "sample"),
        window(reading),
        format::rate(reading.per_second),
        reading.value.source
    );
    let detail = Detail::new(format!(
        "{} in {}  ({})",
        reading.sli.title(),
        reading.region,
        reading.sli.name()
    ))
    .line("value", value)
    .text("objective", facts::objective_text(reading))
    .text("burn rate", burn)
    .text("measured", measured)
    .line("trend", trend);
    match observed::why(&reading.value, now) {
        Some(why) => detail.line("why", vec![piece(why, Role::Unknown)]),
        None => detail,
    }
}

/// Over what time it is measured; nothing for what is only counted as it is.
fn window(reading: &SliReading) -> String {
    match reading.window_seconds {
        0 => String::new(),
        seconds => format!(", window {}", format::bound(f64::from(seconds))),
    }
}

fn burn_role(burn: Option<f64>) -> Role {
    match burn {
        Some(rate) if rate >= 1.0 => Role::Bad,
        Some(_) => Role::Muted,
        None => Role::Faint,
    }
}

fn worst(model: &Model, world: &World) -> Hero {
    let now = model.shown_at();
    let Some(reading) = facts::worst_sli(world, now) else {
        return Hero::new("-", "No indicator is known", Role::Unknown);
    };
    let standing = facts::standing(reading, now);
    let shown = state::standing(standing);
    let count = |wanted: Standing| {
        world
            .slis
            .values()
            .filter(|r| facts::standing(r, now) == wanted)
            .count()
    };
    let missed = count(Standing::Missed);
    let met = count(Standing::Met) + count(Standing::Close);
    // While all is well the whole is the news; else the worst.
    let figure = match reading.value.fresh(now) {
        Some(value) if missed > 0 => facts::sli_text(reading, *value),
        _ => format!("{met}/{}", met + missed + count(Standing::Unknown)),
    };
    let title = match standing {
        Standing::Missed => format!(
            "{missed} missed; worst: {} in {}",
            reading.sli.title(),
            reading.region
        ),
        Standing::Unknown => "no objective is missed, but not everything is known".to_owned(),
        Standing::NoTraffic | Standing::NotConfigured => "nothing is measured: no traffic".to_owned(),
        Standing::Met | Standing::Close => {
            format!(
                "every objective is met; closest: {} in {}",
                reading.sli.title(),
                reading.region
            )
        }
    };
    let tally = format!(
        "{met} met · {missed} missed · {} unknown · {} without traffic",
        count(Standing::Unknown),
        count(Standing::NoTraffic)
    );
    Hero::new(figure, title, shown.role)
        .line(vec![
            piece(format!("{}   ", shown.text()), shown.role),
            piece(
                format!("objective {}{}", facts::objective_text(reading), window(reading)),
                Role::Muted,
            ),
        ])
        .note(tally)
}
