//! What lies over a page: help, palette, plan, progress.

pub mod help;
pub mod palette;
pub mod plan;
pub mod progress;

use crate::model::{Layer, Model};
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
        Layer::Help => help::draw(canvas, area),
        Layer::Palette(palette) => palette::draw(canvas, area, model, palette),
        Layer::Action(action) => plan::draw(canvas, area, model, action),
        Layer::Progress(id) => progress::draw(canvas, area, model, id, None),
        Layer::Deciding(deciding) => progress::draw(canvas, area, model, &deciding.operation, Some(deciding)),
    }
}

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
