//! A titled part of a page: a heading with a thin line, no box.

use crate::table::Piece;
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// Draws the heading and returns the area below it.
pub fn panel(canvas: &mut Canvas<'_>, area: Rect, title: &str, aside: &[Piece]) -> Rect {
    if area.height == 0 || area.width < 4 {
        return Rect { height: 0, ..area };
    }
    let end = canvas.text(area.x, area.y, area.width, title, Role::Heading);
    let start = end.saturating_add(1);
    canvas.horizontal(
        start,
        area.y,
        area.right().saturating_sub(start),
        '─',
        Role::Faint,
    );
    if !aside.is_empty() {
        let width = crate::format::cells(crate::table::width(aside));
        let room = area.right().saturating_sub(start + 2);
        if width < room {
            let x = area.right() - width - 1;
            canvas.put(x, area.y, ' ', Role::Text);
            canvas.pieces(x + 1, area.y, width, aside);
        }
    }
    Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    }
}

/// Columns side by side with a gap of two, each with a share of the width.
#[must_use]
pub fn columns(area: Rect, shares: &[u16]) -> Vec<Rect> {
    let whole: u16 = shares.iter().sum::<u16>().max(1);
    let gaps = crate::format::cells(shares.len().saturating_sub(1)) * 2;
    let room = area.width.saturating_sub(gaps);
    let mut x = area.x;
    let mut given = 0;
    let mut rects = Vec::with_capacity(shares.len());
    for share in shares {
        given += share;
        let width = u16::try_from(u32::from(room) * u32::from(*share) / u32::from(whole)).unwrap_or(room);
        // The last one takes what rounding left over.
        let width = if given == whole {
            area.right().saturating_sub(x)
        } else {
            width
        };
        rects.push(Rect { x, width, ..area });
        x += width + 2;
    }
    rects
}
