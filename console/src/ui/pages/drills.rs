//! Drills: the chaos checklist, when each was done last, and how it went. What was never done says so.

use super::PageView;
use crate::format;
use crate::model::Model;
use crate::table::{Column, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::table;
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::drill::{Checklist, Drill, DrillMeans, DrillResult, DrillRun};
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// The page.
pub struct Drills;

/// How a drill stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Running,
    Failed,
    Never,
    Overdue,
    Unclear,
    Passed,
    Impossible,
}

impl PageView for Drills {
    fn title(&self) -> &'static str {
        "Drills"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let now = model.shown_at();
        let columns = vec![
            Column::new("DRILL", 44).least(20),
            Column::new("RESULT", 16),
            Column::new("LAST DONE", 9).right(),
            Column::new("TO BE SEEN", 40).spare(2),
            Column::new("EVIDENCE", 30).grow(1).most(110).spare(1),
        ];
        let list = world.checklist.as_deref();
        let rows = list
            .into_iter()
            .flat_map(|list| list.drills.iter().map(|drill| row(list, drill, world, now)))
            .collect();
        Table::new(columns, rows).none("no checklist came with this frame")
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let now = model.shown_at();
        let rest = hero::draw(canvas, area, &headline(world, now));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let key = rows.selected(selected).map(|row| row.key.as_str());
        let chosen = world.checklist.as_deref().and_then(|list| {
            let drill = list.drills.iter().find(|drill| Some(drill.id.as_str()) == key)?;
            Some(detail(list, drill, world.drills.get(&drill.id), now))
        });
        let space = chosen.map_or(rest, |detail| detail.below(canvas, rest, rows.rows.len()));
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, _model: &Model, _key: &str) -> Option<RegionId> {
        None
    }
}

fn standing(list: &Checklist, drill: &Drill, run: Option<&DrillRun>, now: Timestamp) -> Standing {
    if matches!(drill.by, DrillMeans::Impossible { .. }) {
        return Standing::Impossible;
    }
    let Some(run) = run else {
        return Standing::Never;
    };
    let limit = u64::from(list.every_days) * 86_400_000;
    match run.result {
        DrillResult::Running => Standing::Running,
        DrillResult::Failed => Standing::Failed,
        DrillResult::Unclear => Standing::Unclear,
        DrillResult::Passed if millis_between(run.since, now) > limit => Standing::Overdue,
        DrillResult::Passed => Standing::Passed,
    }
}

fn shown(standing: Standing) -> (&'static str, Role) {
    match standing {
        Standing::Running => ("▶ running", Role::Accent),
        Standing::Failed => ("✖ FAILED", Role::Bad),
        Standing::Never => ("? never run", Role::Unknown),
        Standing::Overdue => ("▲ overdue", Role::Notice),
        Standing::Unclear => ("? unclear", Role::Unknown),
        Standing::Passed => ("✓ passed", Role::Good),
        Standing::Impossible => ("– no means here", Role::Faint),
    }
}

fn row(checklist: &Checklist, drill: &Drill, world: &World, now: Timestamp) -> Row {
    let run = world.drills.get(&drill.id);
    let (result, role) = shown(standing(checklist, drill, run, now));
    let last = run.map(|run| format::since(run.since, now));
    let evidence = match (&drill.by, run) {
        (DrillMeans::Impossible { why }, _) => why.clone(),
        (_, Some(run)) => run.evidence.clone(),
        (_, None) => "nothing has been recorded".to_owned(),
    };
    let cells = vec![
        cell(drill.title.clone(), Role::Text),
        cell(result, role),
        cell(last.unwrap_or_else(|| "–".to_owned()), Role::Muted),
        cell(drill.confirm.clone(), Role::Muted),
        cell(evidence.clone(), Role::Muted),
    ];
    Row::new(&*drill.id, cells)
        .field("drill", Value::text(drill.title.clone()))
        .field(
            "result",
            Value::text(result.trim_start_matches(|c: char| !c.is_ascii())),
        )
        .field("evidence", Value::text(evidence))
        .field(
            "age",
            Value::Number(run.map(|run| millis_between(run.since, now) as f64 / 1_000.0)),
        )
}

fn headline(world: &World, now: Timestamp) -> Hero {
    let Some(list) = world.checklist.as_deref() else {
        return Hero::new("?", "Which drills there are is not known", Role::Unknown)
            .note("the control plane that drew this frame did not say");
    };
    let of = |wanted: Standing| {
        list.drills
            .iter()
            .filter(|drill| standing(list, drill, world.drills.get(&drill.id), now) == wanted)
            .count()
    };
    let possible = list.drills.len() - of(Standing::Impossible);
    let passed = of(Standing::Passed);
    let (title, role) = if of(Standing::Running) > 0 {
        ("passed; a drill is running".to_owned(), Role::Accent)
    } else if of(Standing::Failed) > 0 {
        (format!("passed; {} failed", of(Standing::Failed)), Role::Bad)
    } else if passed == possible {
        (
            format!("Every drill passed within {} days", list.every_days),
            Role::Good,
        )
    } else {
        (format!("passed within {} days", list.every_days), Role::Notice)
    };
    Hero::new(format!("{passed}/{possible}"), title, role)
        .note(format!(
            "{} never run · {} overdue · {} unclear · {} without means in this environment",
            of(Standing::Never),
            of(Standing::Overdue),
            of(Standing::Unclear),
            of(Standing::Impossible)
        ))
        .note(format!(
            "the checklist asks for each every {} days, in staging",
            list.every_days
        ))
}

fn detail(list: &Checklist, drill: &Drill, run: Option<&DrillRun>, now: Timestamp) -> Detail {
    let (word, role) = shown(standing(list, drill, run, now));
    let mut detail = Detail::new(drill.title.clone())
        .line("result", vec![piece(word, role)])
        .text("to be seen", drill.confirm.clone());
    detail = match (&drill.by, run) {
        (DrillMeans::Impossible { why }, _) => detail.text("why not", why.clone()),
        (_, None) => detail.text("last", "never, as far as this control plane remembers"),
        (_, Some(run)) => {
            let took = run.ended_at.map_or_else(
                || "it goes on".to_owned(),
                |end| format!("took {}", format::age(millis_between(run.since, end))),
            );
            detail
                .text("how", run.how.clone())
                .text(
                    "last",
                    format!(
                        "{} UTC, {} ago, {took}",
                        format::time_of_day(run.since),
                        format::since(run.since, now)
                    ),
                )
                .text("evidence", run.evidence.clone())
        }
    };
    match &drill.command {
        Some(command) => detail.line("begin with", vec![piece(command.clone(), Role::Accent)]),
        None => detail,
    }
}
