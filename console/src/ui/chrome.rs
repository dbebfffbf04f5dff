//! What surrounds every page: header, banners, footer.

use crate::connection::Connection;
use crate::format;
use crate::keys::{self, Command};
use crate::model::{Layer, Model};
use crate::page::Page;
use crate::table::{Piece, piece, width};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::{environment_role, environment_word};
use aisoc_model::inventory::FaultSpec;
use ratatui::layout::Rect;

/// A terminal too small for a page still says the most important thing.
pub fn tiny(canvas: &mut Canvas<'_>, model: &Model) {
    let area = canvas.area();
    let state = connection(model);
    canvas.text(0, 0, area.width, &state.text, state.role);
    if area.height > 1
        && let Some(world) = model.shown()
    {
        let hero = super::pages::overview::verdict(model, world);
        canvas.text(0, 1, area.width, &hero.title, hero.role);
    }
}

/// Draws the header and returns what is left.
pub fn header(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Rect {
    let two_lines = area.height >= 20;
    let mut left = badge(model);
    if !two_lines {
        left.push(piece(
            format!("  {} {}", model.page.number(), model.page.view().title()),
            Role::Strong,
        ));
    }
    left.push(piece("  ", Role::Text));
    left.push(connection(model));
    let right = identity(model, area.width);
    let end = canvas.pieces(area.x, area.y, area.width, &left);
    let room = area.right().saturating_sub(end + 2);
    if format::cells(width(&right)) <= room {
        canvas.pieces_right(end + 2, area.y, room.saturating_sub(1), &right);
    }
    if !two_lines {
        return Rect {
            y: area.y + 1,
            height: area.height - 1,
            ..area
        };
    }
    tabs(canvas, area, model);
    Rect {
        y: area.y + 3,
        height: area.height - 3,
        ..area
    }
}

fn badge(model: &Model) -> Vec<Piece> {
    match &model.world {
        None => vec![piece(" AiSOC Regions ", Role::Strong)],
        Some(world) => {
            let kind = world.head.environment_kind;
            vec![
                piece(format!(" {} ", environment_word(kind)), environment_role(kind)),
                piece(format!(" {}", world.head.environment), Role::Strong),
            ]
        }
    }
}

/// The connection in a few words.
fn connection(model: &Model) -> Piece {
    match &model.connection {
        Connection::Live { .. } => piece("● live", Role::Good),
        Connection::Still => piece("● one frame", Role::Muted),
        Connection::Connecting { .. } => piece("◌ connecting", Role::Unknown),
        Connection::Silent { since, .. } => piece(
            format!("◌ silent {}", format::since(*since, model.now)),
            Role::Unknown,
        ),
        Connection::Lost { since, .. } => {
            piece(format!("✕ lost {}", format::since(*since, model.now)), Role::Bad)
        }
        Connection::Refused { .. } => piece("✕ token refused", Role::Bad),
    }
}

fn identity(model: &Model, columns: u16) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let missed = model.missed;
    if missed.coalesced > 0 {
        pieces.push(piece(
            format!("{} frames folded  ", missed.coalesced),
            Role::Muted,
        ));
    }
    if missed.gaps > 0 {
        pieces.push(piece(format!("{} gaps  ", missed.gaps), Role::Notice));
    }
    if let Some(identity) = &model.identity {
        let role = if identity.operator {
            "operator"
        } else {
            "viewer: read only"
        };
        pieces.push(piece(format!("{} ({role})  ", identity.name), Role::Muted));
    }
    if let Some(world) = model.shown() {
        if columns >= 100 {
            pieces.push(piece(
                format!("seen by {}  ", world.head.control_plane),
                Role::Muted,
            ));
        }
        pieces.push(piece(
            format!("as of {} UTC", format::time_of_day(world.head.at)),
            Role::Muted,
        ));
    }
    pieces
}

fn tabs(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let y = area.y + 1;
    let mut x = area.x + 1;
    for page in Page::all() {
        let here = page == model.page;
        let (number, title) = if here {
            (Role::Accent, Role::Strong)
        } else {
            (Role::Faint, Role::Muted)
        };
        let label = [
            piece(page.number().to_string(), number),
            piece(format!(" {}", page.view().title()), title),
        ];
        let end = canvas.pieces(x, y, area.right().saturating_sub(x), &label);
        if here {
            canvas.horizontal(x, y + 1, end - x, '━', Role::Accent);
        } else {
            canvas.horizontal(x, y + 1, end - x, '─', Role::Faint);
        }
        canvas.horizontal(
            end,
            y + 1,
            3.min(area.right().saturating_sub(end)),
            '─',
            Role::Faint,
        );
        x = end + 3;
    }
    canvas.horizontal(area.x, y + 1, 1, '─', Role::Faint);
    canvas.horizontal(x, y + 1, area.right().saturating_sub(x), '─', Role::Faint);
}

/// Draws the lines that hold on every page and returns what is left.
pub fn banners(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Rect {
    let lines = [
        connection_banner(model),
        frozen_banner(model),
        drill_banner(model),
        operation_banner(model),
    ];
    let mut rest = area;
    for (text, role) in lines.into_iter().flatten() {
        if rest.height < 4 {
            break;
        }
        canvas.fill(Rect { height: 1, ..rest }, role);
        canvas.text(rest.x + 1, rest.y, rest.width.saturating_sub(2), &text, role);
        rest = Rect {
            y: rest.y + 1,
            height: rest.height - 1,
            ..rest
        };
    }
    rest
}

fn connection_banner(model: &Model) -> Option<(String, Role)> {
    let seen = model.world.as_ref()?;
    let age = format::since(seen.head.at, model.now);
    let memory = format!("the frame below is {age} old");
    let text = match &model.connection {
        Connection::Live { .. } | Connection::Still => return None,
        Connection::Connecting { endpoint } => format!("◌ CONNECTING to {endpoint}: {memory}"),
        Connection::Silent { since, .. } => {
            format!(
                "◌ NOTHING HEARD for {}: {memory}",
                format::since(*since, model.now)
            )
        }
        Connection::Lost { since, why, retry_at } => {
            let next = match retry_at {
                Some(at) => format!("next try in {}", format::since(model.now, *at)),
                None => "trying now".to_owned(),
            };
            format!(
                "✕ CONNECTION LOST for {} · {next} · {memory} · {why}",
                format::since(*since, model.now)
            )
        }
        Connection::Refused { why } => format!("✕ TOKEN REFUSED: {memory} · {why}"),
    };
    Some((text, Role::LostBar))
}

fn frozen_banner(model: &Model) -> Option<(String, Role)> {
    let frozen = model.frozen.as_ref()?;
    let age = format::since(frozen.head.at, model.now);
    let at = format::time_of_day(frozen.head.at);
    Some((
        format!("◌ FROZEN at {at}, {age} ago: space lets go"),
        Role::LostBar,
    ))
}

fn drill_banner(model: &Model) -> Option<(String, Role)> {
    let world = model.shown()?;
    if world.faults.is_empty() {
        return None;
    }
    let now = model.shown_at();
    let faults: Vec<String> = world
        .faults
        .values()
        .map(|f| format!("{} ({})", fault(&f.spec), format::since(f.since, now)))
        .collect();
    Some((format!("DRILL: {}", faults.join(" · ")), Role::Drill))
}

/// A fault in words.
fn fault(spec: &FaultSpec) -> String {
    match spec {
        FaultSpec::KillProcess { process, hold: true } => format!("{process} killed and kept down"),
        FaultSpec::KillProcess { process, hold: false } => format!("{process} killed"),
        FaultSpec::FreezeProcess { process } => format!("{process} frozen"),
        FaultSpec::KillNode { region } => format!("database node of {region} killed"),
        FaultSpec::FreezeNode { region } => format!("database node of {region} frozen"),
        FaultSpec::KillRegion { region } => format!("{region} killed"),
        FaultSpec::FreezeRegion { region } => format!("{region} frozen"),
        FaultSpec::CutReplication { region } => format!("replication to {region} cut"),
        FaultSpec::StallReplication { region } => format!("replication to {region} stalled"),
        FaultSpec::ApiLatency { region, milliseconds } => {
            format!("api of {region} slowed by {milliseconds} ms")
        }
    }
}

fn operation_banner(model: &Model) -> Option<(String, Role)> {
    // The progress view and the page of operations say it larger.
    if matches!(model.layer, Layer::Progress(_) | Layer::Deciding(_))
        || model.page.view().title() == "Operations"
    {
        return None;
    }
    let operation = model.shown()?.running_operation()?;
    let state = super::widgets::state::operation(operation.state);
    let step = operation.current_step();
    let title = step
        .and_then(|at| operation.plan.steps.get(at))
        .map_or("", |step| step.title.as_str());
    let elapsed = aisoc_model::clock::millis_between(operation.started_at, model.shown_at());
    let target = &operation.plan.request.target;
    let text = format!(
        "{} {} {} {} · step {} of {}: {title} · {}",
        state.glyph,
        target.kind().word(),
        target.confirmation(),
        state.word,
        step.map_or(operation.steps.len(), |at| at + 1),
        operation.steps.len(),
        format::clock(elapsed)
    );
    Some((text, state.role))
}

/// Draws the footer: the latest notice, else the keys that matter here.
pub fn footer(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    if let Layer::Filter(input) = &model.layer {
        let end = canvas.text(area.x + 1, area.y, 2, "/", Role::Accent);
        return super::overlay::input(
            canvas,
            end,
            area.y,
            area.right().saturating_sub(end),
            input,
            "words, lag>5s, region=eu-*",
        );
    }
    if let Some(notice) = &model.notice {
        let role = if notice.bad { Role::Warn } else { Role::Text };
        canvas.text(
            area.x + 1,
            area.y,
            area.width.saturating_sub(2),
            &notice.text,
            role,
        );
        return;
    }
    let mut x = area.x + 1;
    let filter = model.filters.get(&model.page);
    if let Some(text) = filter {
        let shown = [
            piece("/", Role::Accent),
            piece(format!("{text}  "), Role::Strong),
            piece("Esc", Role::Accent),
            piece(" clears it   ", Role::Muted),
        ];
        x = canvas.pieces(x, area.y, area.right().saturating_sub(x), &shown);
    }
    for (key, short) in hints(model) {
        let hint = [piece(key, Role::Accent), piece(format!(" {short}"), Role::Muted)];
        if x + format::cells(width(&hint)) > area.right() {
            break;
        }
        x = canvas.pieces(x, area.y, area.right().saturating_sub(x), &hint) + 2;
    }
}

/// Keys and what they do, the most important first.
fn hints(model: &Model) -> Vec<(String, &'static str)> {
    let fixed = |hints: &[(&str, &'static str)]| {
        hints
            .iter()
            .map(|(key, does)| ((*key).to_owned(), *does))
            .collect()
    };
    let order: &[Command] = match model.layer {
        Layer::Action(_) => return fixed(&[("Esc", "back out"), ("↑↓ PgUp PgDn", "scroll")]),
        Layer::Deciding(_) => return fixed(&[("Esc", "back out")]),
        Layer::Palette(_) => return fixed(&[("Enter", "choose"), ("↑↓", "move"), ("Esc", "close")]),
        Layer::Help(_) => return fixed(&[("Esc", "close"), ("j k", "scroll")]),
        Layer::Progress(_) => &[Command::Close, Command::Retry, Command::Abort, Command::Quit],
        _ if model.identity.as_ref().is_some_and(|identity| !identity.operator) => LOOKING,
        _ if model.page.view().title() == "Alerts" => SEEING,
        _ => ACTING,
    };
    let hint = |command: &Command| {
        let binding = keys::binding(*command)?;
        let short = if *command == Command::Close {
            "close"
        } else {
            binding.short
        };
        Some((binding.keys.first()?.to_string(), short))
    };
    order.iter().filter_map(hint).collect()
}

const LOOKING: &[Command] = &[
    Command::Help,
    Command::Palette,
    Command::Quit,
    Command::Filter,
    Command::Open,
    Command::Freeze,
];
const SEEING: &[Command] = &[
    Command::Help,
    Command::Palette,
    Command::Quit,
    Command::Acknowledge,
    Command::Drain,
    Command::Restore,
    Command::Failover,
    Command::Rollback,
    Command::Filter,
    Command::Freeze,
];
const ACTING: &[Command] = &[
    Command::Help,
    Command::Palette,
    Command::Quit,
    Command::Drain,
    Command::Restore,
    Command::Failover,
    Command::Rollback,
    Command::Filter,
    Command::Open,
    Command::Freeze,
];
