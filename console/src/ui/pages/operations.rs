//! Operations: the one that runs, and the record of those that ended.

use super::PageView;
use crate::facts;
use crate::format;
use crate::message::Effect;
use crate::model::{Following, Layer, Model};
use crate::table::{Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::overlay::progress;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{panel, state, table};
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::operation::Operation;
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// The page.
pub struct Operations;

impl PageView for Operations {
    fn title(&self) -> &'static str {
        "Operations"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let now = model.shown_at();
        let mut operations: Vec<&Operation> = world.operations.values().collect();
        operations
            .sort_by_key(|operation| (operation.state.ended(), std::cmp::Reverse(operation.started_at)));
        let columns = vec![
            Column::new("OPERATION", 18).least(9),
            Column::new("TARGET", 22).least(14),
            Column::new("STATE", 10).glyph(),
            Column::new("STARTED", 8).right(),
            Column::new("TOOK", 7).right(),
            Column::new("BY", 12).spare(2),
            Column::new("WRITE OUTAGE", 12).right().spare(3),
            Column::new("OUTCOME", 20).grow(3).most(110).spare(1),
            Column::new("REASON", 20).grow(1).most(70).spare(4),
        ];
        Table::new(
            columns,
            operations
                .into_iter()
                .map(|operation| row(world, operation, now))
                .collect(),
        )
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let mut rest = hero::draw(canvas, area, &headline(world, model.shown_at()));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.operations.get(&row.key));
        if let Some(operation) = chosen
            && rest.height >= 14
        {
            let table = format::cells(rows.rows.len()).clamp(3, 8) + 3;
            let height = rest.height.saturating_sub(table);
            let below = Rect {
                y: rest.bottom() - height,
                height,
                ..rest
            };
            rest.height -= height + 1;
            let target = &operation.plan.request.target;
            let title = format!("{} {}", target.kind().word(), facts::about(model.shown(), target));
            let inner = panel::panel(canvas, below, &title, &[piece("Enter opens it", Role::Muted)]);
            // The last line is for what does not fit.
            let inner = Rect {
                height: inner.height.saturating_sub(1),
                ..inner
            };
            progress::content(canvas, inner, model, operation, 0);
        }
        table::draw(canvas, rest, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        let world = model.shown()?;
        facts::target_region(world, &world.operations.get(key)?.plan.request.target)
    }

    fn open(&self, model: &mut Model, key: &str) -> Vec<Effect> {
        model.layer = Layer::Progress(Following::new(key));
        Vec::new()
    }
}

fn row(world: &World, operation: &Operation, now: Timestamp) -> Row {
    let shown = state::operation(operation.state);
    let target = &operation.plan.request.target;
    let took = millis_between(operation.started_at, operation.ended_at.unwrap_or(now));
    let outage = operation
        .figures
        .get("write_outage_ms")
        .map(|ms| format::seconds(ms / 1_000.0));
    let cells = vec![
        cell(target.kind().word(), Role::Text),
        cell(facts::about(Some(world), target), Role::Text),
        cell(shown.text(), shown.role),
        cell(format::time_of_day(operation.started_at), Role::Muted),
        cell(format::clock(took), Role::Muted),
        cell(who(operation), Role::Muted),
        cell(outage.unwrap_or_else(|| "–".to_owned()), Role::Muted),
        cell(operation.outcome.clone().unwrap_or_default(), Role::Text),
        cell(operation.plan.request.reason.clone(), Role::Muted),
    ];
    Row::new(&*operation.id, cells)
        .field("operation", Value::text(target.kind().word()))
        .field("target", Value::text(target.confirmation().to_owned()))
        .field("state", Value::text(shown.word))
        .field("by", Value::text(operation.started_by.clone()))
        .field("reason", Value::text(operation.plan.request.reason.clone()))
        .field("took", Value::Number(Some(took as f64 / 1_000.0)))
}

/// Who began it; from where is in its record.
fn who(operation: &Operation) -> String {
    let by = operation.started_by.as_str();
    by.split_once(" from ").map_or(by, |(who, _)| who).to_owned()
}

/// The other half of a blue/green release, and how long it is kept.
fn beside(release: &aisoc_model::inventory::Release, now: Timestamp) -> Option<String> {
    let parallel = release.parallel.as_ref()?;
    let colour = parallel.colour.word();
    Some(match parallel.keep_until {
        None => format!("{}: {colour} is beside what serves", release.name),
        Some(until) if until <= now => format!("{}: {colour} may be deleted", release.name),
        Some(until) => format!(
            "{}: {colour} is kept to switch back to, {} left",
            release.name,
            format::clock(millis_between(now, until))
        ),
    })
}

fn headline(world: &World, now: Timestamp) -> Hero {
    let Some(operation) = world.running_operation() else {
        let latest = world
            .operations
            .values()
            .max_by_key(|operation| operation.started_at);
        let note = latest.map_or_else(
            || "none has been carried out since this control plane remembers".to_owned(),
            |last| {
                let target = &last.plan.request.target;
                let ago = format::since(last.ended_at.unwrap_or(last.started_at), now);
                format!(
                    "latest: {} {} {} {ago} ago",
                    target.kind().word(),
                    facts::about(Some(world), target),
                    last.state.word()
                )
            },
        );
        let hero = Hero::new("0", "No operation is running", Role::Good).note(note);
        return world
            .releases
            .values()
            .filter_map(|r| beside(r, now))
            .fold(hero, Hero::note);
    };
    let shown = state::operation(operation.state);
    let target = &operation.plan.request.target;
    let elapsed = format::clock(millis_between(operation.started_at, now));
    let done = operation
        .steps
        .iter()
        .filter(|step| step.ended_at.is_some())
        .count();
    Hero::new(
        elapsed,
        format!(
            "{} {} {}",
            target.kind().word(),
            facts::about(Some(world), target),
            shown.word
        ),
        shown.role,
    )
    .note(operation.plan.summary.clone())
    .note(format!(
        "{done} of {} steps ended · by {}",
        operation.steps.len(),
        operation.started_by
    ))
}
