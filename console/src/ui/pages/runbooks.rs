//! Runbooks: which there are, what triggers each, and which are asked for by an alert that fires now.

use super::PageView;
use crate::format;
use crate::message::Effect;
use crate::model::Model;
use crate::runbook;
use crate::table::{Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{state, table};
use aisoc_model::RegionId;
use aisoc_model::alert::AlertState;
use aisoc_model::runbook::RunbookSummary;
use aisoc_model::world::World;
use ratatui::layout::Rect;

/// The page.
pub struct Runbooks;

impl PageView for Runbooks {
    fn title(&self) -> &'static str {
        "Runbooks"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let columns = vec![
            Column::new("ID", 6),
            Column::new("NOW", 18).least(16),
            Column::new("WHAT", 50).least(20).grow(1).most(60),
            Column::new("TRIGGER", 34).grow(2).most(110).spare(1),
            Column::new("NAME", 24).spare(2),
        ];
        let rows = world.runbooks.values().map(|one| row(world, one)).collect();
        Table::new(columns, rows)
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &headline(world));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.runbooks.get(&row.key));
        let space = chosen.map_or(rest, |one| {
            detail(model, world, one).below(canvas, rest, rows.rows.len())
        });
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        runbook::firing(model.shown()?, key).1.cloned()
    }

    /// A runbook opens to be read: for the region where its alert fires, else for the one chosen on the overview.
    fn open(&self, model: &mut Model, key: &str) -> Vec<Effect> {
        let region = model.shown().and_then(|world| {
            let (firing, _) = runbook::firing(world, key);
            let chosen = model.selected_on(crate::page::Page::OVERVIEW)?;
            let known = world.regions.keys().find(|id| id.as_str() == chosen)?;
            (firing == 0).then(|| known.clone())
        });
        crate::update::open_runbook(model, key, region)
    }
}

fn row(world: &World, one: &RunbookSummary) -> Row {
    let (count, region) = runbook::firing(world, &one.id);
    let now = match (count, region) {
        (0, _) => cell("– nothing fires", Role::Faint),
        (_, Some(region)) => cell(format!("▲ {region}"), Role::Warn),
        (_, None) => cell("▲ the platform", Role::Warn),
    };
    let cells = vec![
        cell(one.id.clone(), Role::Strong),
        now,
        cell(one.title.clone(), Role::Text),
        cell(one.trigger.clone(), Role::Muted),
        cell(one.slug.clone(), Role::Muted),
    ];
    Row::new(&*one.id, cells)
        .field("id", Value::text(one.id.clone()))
        .field("name", Value::text(one.slug.clone()))
        .field("what", Value::text(one.title.clone()))
        .field("trigger", Value::text(one.trigger.clone()))
        .field("firing", Value::Number(Some(count as f64)))
}

/// Which runbooks are asked for.
#[must_use]
pub fn headline(world: &World) -> Hero {
    if world.runbooks.is_empty() {
        return Hero::new("?", "No runbook is known", Role::Unknown)
            .note("this frame was drawn by a control plane that has none to offer");
    }
    let wanted: Vec<&RunbookSummary> = world
        .runbooks
        .values()
        .filter(|one| runbook::firing(world, &one.id).0 > 0)
        .collect();
    let commands = "each is written for the region in question when it is opened; its commands lead to plans";
    match wanted.as_slice() {
        [] => Hero::new("0", "No alert asks for a runbook", Role::Good).note(commands),
        [one] => Hero::new("1", format!("{} is asked for by what fires", one.id), Role::Warn).note(commands),
        more => {
            let ids: Vec<&str> = more.iter().map(|one| one.id.as_str()).collect();
            let title = format!("{} are asked for by what fires", ids.join(", "));
            Hero::new(more.len().to_string(), title, Role::Warn).note(commands)
        }
    }
}

fn detail(model: &Model, world: &World, one: &RunbookSummary) -> Detail {
    let mut detail = Detail::new(format!("{}  {}", one.id, one.title))
        .text("trigger", one.trigger.clone())
        .text("alerts", one.rules.join(", "));
    let mut firing: Vec<_> = world
        .alerts
        .values()
        .filter(|alert| alert.state == AlertState::Firing && alert.runbook.as_deref() == Some(&*one.id))
        .collect();
    firing.sort_by_key(|alert| (alert.severity, alert.since));
    for alert in firing.into_iter().take(4) {
        let (severity, role) = state::severity(alert.severity);
        let place = alert.region.as_ref().map_or("the platform", RegionId::as_str);
        let since = format::since(alert.fired_at.unwrap_or(alert.since), model.shown_at());
        detail = detail.line(
            "fires",
            vec![
                piece(format!("{severity} "), role),
                piece(format!("{} in {place}", alert.rule), Role::Text),
                piece(format!(" for {since}"), Role::Muted),
            ],
        );
    }
    detail.line(
        "read it",
        vec![
            piece("Enter", Role::Accent),
            piece("  or  ", Role::Muted),
            piece(format!("aisoc-console runbook {}", one.id), Role::Accent),
        ],
    )
}
