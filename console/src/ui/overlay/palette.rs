//! The palette.

use super::{dialog, input};
use crate::palette::Palette;
use crate::table::piece;
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, open: &Palette) {
    let inner = dialog(
        canvas,
        area,
        (72, 18),
        &[piece("Palette", Role::Strong)],
        Role::Accent,
    );
    canvas.text(inner.x, inner.y, 2, ":", Role::Accent);
    input(
        canvas,
        inner.x + 2,
        inner.y,
        inner.width.saturating_sub(2),
        &open.input,
        "a few letters: drn us, fail eu, lag",
    );
    let found = open.found();
    let count = found.len();
    let list = Rect {
        y: inner.y + 2,
        height: inner.height.saturating_sub(2),
        ..inner
    };
    if count == 0 {
        canvas.text(list.x + 2, list.y, list.width, "nothing fits", Role::Muted);
    }
    let height = usize::from(list.height);
    let first = open
        .chosen
        .saturating_sub(height / 2)
        .min(count.saturating_sub(height));
    for (y, (index, entry)) in (list.top()..list.bottom()).zip(found.enumerate().skip(first)) {
        let Some(entry) = entry else { continue };
        let chosen = index == open.chosen;
        if chosen {
            canvas.put(list.x, y, '▶', Role::Accent);
        }
        let role = if chosen { Role::Strong } else { Role::Text };
        canvas.text(list.x + 2, y, list.width.saturating_sub(12), &entry.name, role);
        canvas.pieces_right(list.x, y, list.width, &[piece(entry.key.clone(), Role::Muted)]);
    }
}
