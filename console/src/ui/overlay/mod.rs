//! What lies over a page: help, palette, arming, explanation, runbook, plan, progress.

pub mod arm;
pub mod explain;
mod glance;
pub mod help;
pub mod palette;
pub mod plan;
pub mod progress;
mod question;
mod readiness;
pub mod runbook;

use crate::model::{Following, Layer, Model};
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::{environment_role, environment_word};
use ratatui::layout::Rect;
use tui_input::Input;

/// Draws what lies over the page.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    match &model.layer {
        Layer::None | Layer::Filter(_) => {}
        Layer::Help(scroll) => help::draw(canvas, area, &model.preferences.keys, *scroll),
        Layer::Palette(palette) => palette::draw(canvas, area, palette),
        Layer::Arming(arming) => arm::draw(canvas, area, model, arming),
        Layer::Explain(explaining) => explain::draw(canvas, area, model, explaining),
        Layer::Runbook(reading) => runbook::draw(canvas, area, model, reading),
        Layer::Action(action) => plan::draw(canvas, area, model, action),
        Layer::Progress(following) => progress::draw(canvas, area, model, following, None),
        Layer::Deciding(deciding) => {
            let following = Following::new(&*deciding.operation);
            progress::draw(canvas, area, model, &following, Some(deciding));
        }
    }
}

/// Lines of the tallest plan and progress: below them there is room for the page.
const TALLEST: u16 = 60;

/// An empty box of at most `width` by `height` in the middle of an area; returns its inside.
fn dialog(
    canvas: &mut Canvas<'_>,
    area: Rect,
    (width, height): (u16, u16),
    title: &[Piece],
    line: Role,
) -> Rect {
    let width = width.min(area.width);
    let height = height.min(area.height);
    let place = Rect {
        x: area.x + (area.width - width) / 2,
        y: area.y + (area.height - height) / 3,
        width,
        height,
    };
    canvas.fill(place, Role::Text);
    canvas.frame(place, title, line);
    Rect {
        x: place.x + 2,
        y: place.y + 1,
        width: place.width.saturating_sub(4),
        height: place.height.saturating_sub(2),
    }
}

/// Lines that may be more than the area holds: those from `scroll` on, and how many are below.
fn scrolled(canvas: &mut Canvas<'_>, area: Rect, lines: &[Vec<Piece>], scroll: u16) -> u16 {
    let most = crate::format::cells(lines.len()).saturating_sub(area.height);
    let skip = scroll.min(most);
    for (y, line) in (area.top()..area.bottom()).zip(lines.iter().skip(usize::from(skip))) {
        canvas.pieces(area.x, y, area.width, line);
    }
    most - skip
}

/// The environment as word and colour, for the title of whatever changes something.
fn environment(model: &Model) -> Vec<Piece> {
    let Some(world) = &model.world else {
        return Vec::new();
    };
    let kind = world.head.environment_kind;
    vec![
        piece(format!(" {} ", environment_word(kind)), environment_role(kind)),
        piece(format!(" {} ", world.head.environment), Role::Strong),
    ]
}

/// A line of text being typed, with its cursor; what it expects, while it is empty.
pub fn input(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, input: &Input, expects: &str) {
    let room = usize::from(width.saturating_sub(1)).max(1);
    let skip = input.cursor().saturating_sub(room.saturating_sub(1));
    let text: String = input.value().chars().skip(skip).take(room).collect();
    if input.value().is_empty() {
        canvas.text(x + 1, y, width.saturating_sub(1), expects, Role::Faint);
    } else {
        canvas.text(x, y, width, &text, Role::Strong);
    }
    let at = input.cursor().saturating_sub(skip);
    let under = text.chars().nth(at).unwrap_or(' ');
    canvas.put(x + crate::format::cells(at), y, under, Role::Cursor);
}
