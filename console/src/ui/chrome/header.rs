//! The header: which environment, how the connection is, who we are, which page.

use crate::connection::Connection;
use crate::format;
use crate::message::Click;
use crate::model::Model;
use crate::page::Page;
use crate::table::{Piece, piece, width};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::{environment_line, environment_role, environment_word};
use aisoc_model::topology::EnvironmentKind;
use ratatui::layout::Rect;

/// A terminal too small for a page still says the most important thing.
pub fn tiny(canvas: &mut Canvas<'_>, model: &Model) {
    let area = canvas.area();
    let state = connection(model);
    canvas.text(0, 0, area.width, &state.text, state.role);
    if area.height > 1
        && let Some(world) = model.shown()
    {
        let hero = crate::ui::pages::overview::verdict(model, world);
        canvas.text(0, 1, area.width, &hero.title, hero.role);
    }
    if area.height > 2
        && let Some((text, role)) = super::banners::armed_banner(model)
    {
        canvas.text(0, 2, area.width, &text, role);
    }
}

/// Draws the header and returns what is left.
pub fn header(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Rect {
    let two_lines = area.height >= 20;
    let mut left = badge(model);
    if !two_lines {
        left.push(piece(
            format!("  {} {}", model.page.key(), model.page.view().title()),
            Role::Strong,
        ));
    }
    left.push(piece("  ", Role::Text));
    left.push(connection(model));
    let right = identity(model, area.width);
    let end = canvas.pieces(area.x, area.y, area.width, &left);
    let room = area.right().saturating_sub(end + 2);
    // Where not all of it fits, there is still when what is shown was.
    let when = as_of(model);
    if let Some(said) = [right, when].iter().find(|p| format::cells(width(p)) < room) {
        canvas.pieces_right(end + 2, area.y, room.saturating_sub(1), said);
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
#[must_use]
pub fn connection(model: &Model) -> Piece {
    match &model.connection {
        Connection::Live { .. } => piece("● live", Role::Good),
        Connection::Still => piece("● one frame", Role::Muted),
        Connection::Replay => piece(
            format!(" ◄ REPLAY {} ", format::time_of_day(model.now)),
            Role::Replay,
        ),
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
            format!("{} folded  ", format::number(missed.coalesced, "frame")),
            Role::Muted,
        ));
    }
    if missed.gaps > 0 {
        pieces.push(piece(
            format!("{}  ", format::number(missed.gaps, "gap")),
            Role::Notice,
        ));
    }
    if let Some(identity) = &model.identity {
        let role = if identity.operator {
            "operator"
        } else {
            "viewer: read only"
        };
        let who = if identity.name == role {
            format!("{role}  ")
        } else {
            format!("{} ({role})  ", identity.name)
        };
        pieces.push(piece(who, Role::Muted));
        if columns >= 140 {
            // Tokens of today end only when they are taken out of the tokens file.
            pieces.push(piece("session: no expiry  ", Role::Muted));
        }
    }
    if let Some(world) = model.shown().filter(|_| columns >= 100) {
        pieces.push(piece(
            format!("seen by {}{}  ", world.head.control_plane, term(world)),
            Role::Muted,
        ));
    }
    pieces.extend(as_of(model));
    pieces
}

/// When what is shown was.
fn as_of(model: &Model) -> Vec<Piece> {
    let at = model.shown().map(|world| format::time_of_day(world.head.at));
    at.map(|at| piece(format!("as of {at} UTC"), Role::Muted))
        .into_iter()
        .collect()
}

/// The epoch under which the control plane acts, where there are several.
fn term(world: &aisoc_model::world::World) -> String {
    let epoch = world.head.coordination.epoch;
    epoch.map_or_else(String::new, |epoch| format!(", epoch {epoch}"))
}

/// Columns between two tabs; where that makes all of them fit, one less.
const GAP: u16 = 3;

/// A tab: its number key, when it has one, and its title.
fn label(page: Page, here: bool) -> Vec<Piece> {
    let (number, title) = if here {
        (Role::Accent, Role::Strong)
    } else {
        (Role::Faint, Role::Muted)
    };
    let key = page.key();
    let blank = if key.is_empty() { "" } else { " " };
    vec![
        piece(format!("{key}{blank}"), number),
        piece(page.view().title(), title),
    ]
}

/// The tabs over a line in the environment's accent: in production it is heavy all the way. Where not all fit,
/// those around the present one, with marks at the ends where more are.
fn tabs(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let y = area.y + 1;
    let labels: Vec<(Page, Vec<Piece>)> = Page::all().map(|p| (p, label(p, p == model.page))).collect();
    let room = area.width.saturating_sub(4);
    let text: u16 = labels.iter().map(|(_, l)| format::cells(width(l))).sum();
    let gaps = format::cells(labels.len().saturating_sub(1));
    let closer = text + gaps * GAP > room && text + gaps * (GAP - 1) <= room;
    let gap = if closer { GAP - 1 } else { GAP };
    let widths: Vec<u16> = labels
        .iter()
        .map(|(_, l)| format::cells(width(l)) + gap)
        .collect();
    let present = labels.iter().position(|(p, _)| *p == model.page).unwrap_or(0);
    // As many as fit before the present one, but the next one is seen too.
    let last = (present + 1).min(labels.len().saturating_sub(1));
    let needed = |first: usize| widths.iter().take(last + 1).skip(first).sum::<u16>();
    let first = (0..=present)
        .find(|first| needed(*first) <= room + gap)
        .unwrap_or(present);
    let (line, role) = match model.world.as_ref().map(|world| world.head.environment_kind) {
        // Not even a production looks like one that is there.
        Some(kind) if model.replaying.is_some() => ('╌', environment_line(kind)),
        Some(kind @ EnvironmentKind::Production) => ('━', environment_line(kind)),
        Some(kind) => ('─', environment_line(kind)),
        None => ('─', Role::Faint),
    };
    canvas.horizontal(area.x, y + 1, area.width, line, role);
    let mut x = area.x + 1;
    if first > 0 {
        canvas.put(area.x, y, '‹', Role::Accent);
        // A blank behind it: it is no part of a key.
        x += 1;
    }
    for ((page, label), size) in labels.iter().zip(&widths).skip(first) {
        if x + size - gap > area.right().saturating_sub(1) {
            canvas.put(area.right() - 1, y, '›', Role::Accent);
            break;
        }
        let end = canvas.pieces(x, y, area.right().saturating_sub(x), label);
        let tab = Rect {
            x,
            y,
            width: end - x,
            height: 2,
        };
        canvas.clickable(tab, Click::Page(*page));
        if *page == model.page {
            canvas.horizontal(x, y + 1, end - x, '━', Role::Accent);
        }
        x = end + gap;
    }
}
