//! Services: processes (or pods) and the releases they run.

use super::PageView;
use crate::facts;
use crate::format::{self, cells};
use crate::model::Model;
use crate::table::{Column, Fields, Make, Piece, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{panel, state, table};
use aisoc_model::RegionId;
use aisoc_model::inventory::{Process, ProcessState, Release, RevisionStatus};
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// Who tells what runs, in `World::sources`.
pub const SOURCE: &str = "supervisor";

/// The page.
pub struct Services;

impl PageView for Services {
    fn title(&self) -> &'static str {
        "Services"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let mut processes: Vec<&Process> = world.processes.values().collect();
        // What is not ready comes first: nobody scrolls to find it.
        let places = facts::places(world);
        processes.sort_by_key(|process| {
            let place = places.of(process.region.as_ref());
            (facts::ready(process), place, process.name.as_str())
        });
        let columns = vec![
            Column::new("PROCESS", 28),
            Column::new("STATE", 13),
            Column::new("VERSION", 9).spare(2),
            Column::new("RESTARTS", 8).right(),
            Column::new("OOM", 3).right().spare(3),
            Column::new("UP", 7).right().spare(1),
            Column::new("MEMORY", 7).right().spare(4),
            Column::new("ZONE", 16).spare(5),
            Column::new("KIND", 13).spare(7),
            Column::new("PID", 7).right().spare(8),
            Column::new("DETAIL", 16).grow(1).most(100).spare(6),
        ];
        let keys = processes.into_iter().map(|process| process.name.clone());
        let row: fn(&Model, &str) -> Option<Row> = |model, key| {
            let process = model.shown()?.processes.get(key)?;
            Some(row(process, model.shown_at()))
        };
        Table::on_demand(columns, keys, Make { row, fields }).none("no supervisor has told of a process yet")
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let mut rest = hero::draw(
            canvas,
            area,
            &headline(world, model.shown_at()).remembered(facts::lost_source(
                world,
                SOURCE,
                model.shown_at(),
            )),
        );
        let height = cells(world.releases.len()) + 1;
        if !world.releases.is_empty() && rest.height > height + 8 {
            let below = Rect {
                y: rest.bottom() - height,
                height,
                ..rest
            };
            rest.height -= height + 1;
            releases(canvas, below, world, model.shown_at());
        }
        table::draw(
            canvas,
            rest,
            &model.table(),
            model.selected_on(model.page).or(Some("")),
        );
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model
            .shown()?
            .processes
            .get(key)
            .and_then(|process| process.region.clone())
    }
}

fn row(process: &Process, now: Timestamp) -> Row {
    let shown = state::process(process.state);
    let some = |count: u32| {
        cell(
            count.to_string(),
            if count == 0 { Role::Faint } else { Role::Notice },
        )
    };
    let text = |text: Option<String>| cell(text.unwrap_or_else(|| "–".to_owned()), Role::Muted);
    let oom = cell(
        process.oom_kills.to_string(),
        if process.oom_kills == 0 {
            Role::Faint
        } else {
            Role::Bad
        },
    );
    let up = process
        .started_at
        .filter(|_| process.pid.is_some())
        .map(|at| format::since(at, now));
    let cells = vec![
        cell(process.name.clone(), Role::Text),
        cell(shown.text(), shown.role),
        text(Some(process.version.clone()).filter(|version| !version.is_empty())),
        some(process.restarts),
        oom,
        text(up),
        text(process.memory_bytes.map(format::bytes)),
        text(process.zone.clone()),
        cell(process.kind.clone(), Role::Muted),
        text(process.pid.map(|pid| pid.to_string())),
        cell(
            process.detail.clone().unwrap_or_default(),
            if facts::ready(process) {
                Role::Muted
            } else {
                Role::Text
            },
        ),
    ];
    Row::new(&*process.name, cells)
}

/// What filters see of a process.
fn fields<'a>(model: &'a Model, key: &'a str) -> Fields<'a> {
    let Some(process) = model.shown().and_then(|world| world.processes.get(key)) else {
        return Fields::new();
    };
    let region = process.region.as_ref().map_or("", RegionId::as_str);
    let memory = process.memory_bytes.map(|bytes| bytes as f64);
    vec![
        ("process", Value::text(process.name.as_str())),
        ("kind", Value::text(process.kind.as_str())),
        ("region", Value::text(region)),
        ("zone", Value::text(process.zone.as_deref().unwrap_or_default())),
        ("state", Value::text(state::process(process.state).word)),
        ("version", Value::text(process.version.as_str())),
        ("restarts", Value::Number(Some(f64::from(process.restarts)))),
        ("oom", Value::Number(Some(f64::from(process.oom_kills)))),
        ("memory", Value::Number(memory)),
    ]
}

/// Which certificate ends first; one that cannot be read comes before all.
fn certificates(world: &World, now: Timestamp) -> String {
    let left = |name: &str| {
        let says = world.certificates.get(name)?.says.fresh(now)?;
        Some(says.days_left(now))
    };
    let mut names: Vec<&str> = world.certificates.keys().map(String::as_str).collect();
    names.sort_by(|a, b| {
        let days = |name| left(name).unwrap_or(f64::NEG_INFINITY);
        days(a).total_cmp(&days(b))
    });
    let Some(first) = names.first() else {
        return "certificates: not configured".to_owned();
    };
    let end = match left(first) {
        None => "not known".to_owned(),
        Some(days) if days < 0.0 => "OVER".to_owned(),
        Some(days) => format!("in {}", format::seconds(days * 86_400.0)),
    };
    format!("certificates: {}, first to end: {first}, {end}", names.len())
}

fn headline(world: &World, now: Timestamp) -> Hero {
    let total = world.processes.len();
    if total == 0 {
        return Hero::new("?", "No process is known", Role::Unknown);
    }
    let ready = world
        .processes
        .values()
        .filter(|process| facts::ready(process))
        .count();
    let oom: u32 = world.processes.values().map(|process| process.oom_kills).sum();
    let restarts: u32 = world.processes.values().map(|process| process.restarts).sum();
    let memory: u64 = world
        .processes
        .values()
        .filter_map(|process| process.memory_bytes)
        .sum();
    let (title, role) = match world.processes.values().find(|process| !facts::ready(process)) {
        None => ("Every process is ready".to_owned(), Role::Good),
        Some(first) => {
            let down = total - ready;
            let more = if down > 1 {
                format!(" and {} more", down - 1)
            } else {
                String::new()
            };
            let waits = world
                .processes
                .values()
                .all(|p| facts::ready(p) || p.state == ProcessState::Starting);
            let role = if waits { Role::Notice } else { Role::Bad };
            (format!("ready; not ready: {}{more}", first.name), role)
        }
    };
    let rollouts: Vec<&str> = world
        .releases
        .values()
        .filter(|r| r.rollout.is_some())
        .map(|r| r.name.as_str())
        .collect();
    let figure = format!("{ready}/{total}");
    let hero = Hero::new(figure, title, role).note(format!(
        "restarts: {restarts} · killed for memory: {oom} · {} in use",
        format::bytes(memory)
    ));
    let hero = hero.note(format!(
        "{} · Kubernetes: not configured",
        certificates(world, now)
    ));
    if rollouts.is_empty() {
        return hero;
    }
    hero.line(vec![piece(
        format!("rollout in progress: {}", rollouts.join(", ")),
        Role::Accent,
    )])
}

fn releases(canvas: &mut Canvas<'_>, area: Rect, world: &World, now: Timestamp) {
    let inner = panel::panel(canvas, area, "Releases", &[]);
    for (y, release) in (inner.top()..inner.bottom()).zip(world.releases.values()) {
        canvas.pieces(
            inner.x + 2,
            y,
            inner.width.saturating_sub(2),
            &release_line(release, now),
        );
    }
}

fn release_line(release: &Release, now: Timestamp) -> Vec<Piece> {
    let mut line = vec![piece(format!("{:<24}", release.name), Role::Text)];
    if let Some(current) = release.current() {
        line.push(piece(format!("rev {:<4}", current.number), Role::Strong));
        line.push(piece(
            format!("{:>7} ago  ", format::since(current.at, now)),
            Role::Muted,
        ));
    } else {
        line.push(piece("no revision deployed  ", Role::Bad));
    }
    if let Some(rollout) = &release.rollout {
        line.push(piece(format!("▶ {rollout}  "), Role::Accent));
    }
    if release
        .history
        .last()
        .is_some_and(|latest| latest.status == RevisionStatus::Failed)
    {
        line.push(piece("✖ latest revision failed  ", Role::Bad));
    }
    if let Some(current) = release.current() {
        line.push(piece(current.description.clone(), Role::Muted));
    }
    line
}
