//! SLIs: each indicator of each region against its objective.

use super::PageView;
use crate::facts::{self, Standing};
use crate::format;
use crate::model::Model;
use crate::table::{Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{gauge, observed, sparkline, state, table};
use aisoc_model::RegionId;
use aisoc_model::sli::SliReading;
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
        let (gauge, trend) = if model.size.0 >= 180 { (36, 48) } else { (15, 20) };
        let mut readings: Vec<(&String, &SliReading)> = world.slis.iter().collect();
        readings.sort_by_key(|(_, reading)| reading.sli);
        let rows = readings
            .into_iter()
            .map(|(key, reading)| row(model, key, reading, gauge, trend))
            .collect();
        let columns = vec![
            Column::new("INDICATOR", 14),
            Column::new("REGION", 14),
            Column::new("VALUE", 8).right(),
            Column::new("AGAINST ITS OBJECTIVE", gauge).spare(1),
            Column::new("OBJECTIVE", 9).right(),
            Column::new("STATE", 14),
            Column::new("BURN", 6).right().spare(3),
            Column::new("PER S", 6).right().spare(4),
            Column::new("SAMPLES", 7).right().spare(6),
            Column::new("TREND", trend).spare(5),
        ];
        Table::new(columns, rows)
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &worst(model, world));
        table::draw(
            canvas,
            rest,
            &model.table(),
            model.selected_on(model.page).or(Some("")),
        );
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model.shown()?.slis.get(key).map(|reading| reading.region.clone())
    }
}

fn row(model: &Model, key: &str, reading: &SliReading, gauge: u16, trend: u16) -> Row {
    let now = model.shown_at();
    let standing = facts::standing(reading, now);
    let shown = state::standing(standing);
    let role = if standing == Standing::Met {
        Role::Text
    } else {
        shown.role
    };
    let fresh = reading.value.fresh(now).copied();
    let spent = fresh.map(|value| facts::spent(reading, value));
    let bar = if standing == Standing::Met {
        Role::Muted
    } else {
        shown.role
    };
    let burn = reading.burn_rate.filter(|_| fresh.is_some());
    let history = model.history.latest(key, usize::from(trend));
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
        sparkline::line(history, reading.objective.bound, usize::from(trend)),
    ];
    Row::new(key, cells)
        .field("indicator", Value::text(reading.sli.title()))
        .field("sli", Value::text(reading.sli.name()))
        .field("region", Value::text(reading.region.as_str()))
        .field("state", Value::text(shown.word))
        .field("value", Value::Number(fresh))
        .field("burn", Value::Number(burn))
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
    let figure = reading
        .value
        .fresh(now)
        .map_or_else(|| "?".to_owned(), |value| facts::sli_text(reading, *value));
    let count = |wanted: Standing| {
        world
            .slis
            .values()
            .filter(|r| facts::standing(r, now) == wanted)
            .count()
    };
    let missed = count(Standing::Missed);
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
    let met = count(Standing::Met) + count(Standing::Close);
    let tally = format!(
        "{met} met · {missed} missed · {} unknown · {} without traffic",
        count(Standing::Unknown),
        count(Standing::NoTraffic)
    );
    Hero::new(figure, title, shown.role)
        .line(vec![
            piece(format!("{}   ", shown.text()), shown.role),
            piece(
                format!(
                    "objective {}, window {}",
                    facts::objective_text(reading),
                    format::bound(f64::from(reading.window_seconds))
                ),
                Role::Muted,
            ),
        ])
        .note(tally)
}
