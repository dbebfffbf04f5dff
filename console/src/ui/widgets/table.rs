//! Drawing a table: columns that fit, the selected row in view.

use crate::message::Click;
use crate::table::{Column, Piece, Table, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// Columns between two columns.
const GAP: u16 = 2;
/// Columns for the mark of the selected row.
const MARK: u16 = 2;

/// Draws a table with the row of key `selected` marked.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, table: &Table, selected: Option<&str>) {
    if area.height == 0 {
        return;
    }
    let widths = widths(&table.columns, area.width.saturating_sub(MARK));
    let mut x = area.x + MARK;
    for (column, width) in table.columns.iter().zip(&widths) {
        if let Some(width) = *width {
            let title = [piece(column.title, Role::Faint)];
            place(canvas, x, area.y, width, &title, column.right);
            x += width + GAP;
        }
    }
    let mut body = Rect {
        y: area.y + 1,
        height: area.height - 1,
        ..area
    };
    let overflows = table.rows.len() > usize::from(body.height);
    if overflows && body.height > 1 {
        // A line for what is not in view.
        body.height -= 1;
    }
    let chosen = table.position(selected).unwrap_or(0);
    let first = first_row(chosen, table.rows.len(), usize::from(body.height));
    for (y, (index, row)) in (body.top()..body.bottom()).zip(table.rows.iter().enumerate().skip(first)) {
        let mut x = body.x + MARK;
        if selected.is_some() && index == chosen {
            canvas.put(body.x, y, '▶', Role::Accent);
        }
        if selected.is_some() {
            let line = Rect { y, height: 1, ..body };
            canvas.clickable(line, Click::Row(row.key.clone()));
        }
        for ((column, width), cell) in table.columns.iter().zip(&widths).zip(&row.cells) {
            let Some(width) = *width else { continue };
            place(canvas, x, y, width, cell, column.right);
            x += width + GAP;
        }
    }
    if overflows {
        let below = table.rows.len().saturating_sub(first + usize::from(body.height));
        let part = |count: usize, text: String| if count > 0 { text } else { String::new() };
        let text = [
            part(first, format!("↑ {first} above   ")),
            part(below, format!("↓ {below} below")),
        ]
        .concat();
        canvas.text(
            body.x + MARK,
            body.bottom(),
            body.width.saturating_sub(MARK),
            &text,
            Role::Muted,
        );
    }
    if table.rows.is_empty() && body.height > 0 {
        let text = if table.total > 0 {
            "nothing passes the filter"
        } else {
            "nothing here"
        };
        canvas.text(body.x + MARK, body.y, body.width, text, Role::Muted);
    }
}

fn place(canvas: &mut Canvas<'_>, x: u16, y: u16, width: u16, pieces: &[Piece], right: bool) {
    if right {
        canvas.pieces_right(x, y, width, pieces);
    } else {
        canvas.pieces(x, y, width, pieces);
    }
}

/// The first row in view: the chosen one stays in the middle where it can.
fn first_row(chosen: usize, rows: usize, height: usize) -> usize {
    chosen.saturating_sub(height / 2).min(rows.saturating_sub(height))
}

/// The width of each column, `None` for those that find no room.
fn widths(columns: &[Column], room: u16) -> Vec<Option<u16>> {
    let mut shown: Vec<bool> = columns.iter().map(|_| true).collect();
    let needed = |shown: &[bool]| -> u16 {
        columns
            .iter()
            .zip(shown)
            .filter(|(_, s)| **s)
            .map(|(c, _)| c.width + GAP)
            .sum::<u16>()
            .saturating_sub(GAP)
    };
    while needed(&shown) > room {
        let last = columns
            .iter()
            .enumerate()
            .filter(|(i, c)| c.spare > 0 && shown.get(*i) == Some(&true));
        let Some((index, _)) = last.max_by_key(|(_, c)| c.spare) else {
            break;
        };
        if let Some(slot) = shown.get_mut(index) {
            *slot = false;
        }
    }
    let left = room.saturating_sub(needed(&shown));
    let lacking = needed(&shown).saturating_sub(room);
    let shares: u16 = columns
        .iter()
        .zip(&shown)
        .filter(|(_, s)| **s)
        .map(|(c, _)| c.grow)
        .sum();
    let width = |column: &Column| {
        if column.grow == 0 {
            return column.width;
        }
        let extra = u32::from(left) * u32::from(column.grow) / u32::from(shares.max(1));
        // What grows also gives way when even the columns that stay do not fit.
        (column.width + u16::try_from(extra).unwrap_or(0))
            .saturating_sub(lacking)
            .max(4)
    };
    columns
        .iter()
        .zip(&shown)
        .map(|(column, shown)| shown.then(|| width(column)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 3] = [
        Column::new("A", 10).grow(1),
        Column::new("B", 5).spare(1),
        Column::new("C", 5).spare(2),
    ];

    #[test]
    fn columns_go_when_there_is_no_room_and_grow_when_there_is() {
        assert_eq!(widths(&COLUMNS, 40), [Some(26), Some(5), Some(5)]);
        assert_eq!(widths(&COLUMNS, 18), [Some(11), Some(5), None]);
        assert_eq!(widths(&COLUMNS, 12), [Some(12), None, None]);
        assert_eq!(widths(&COLUMNS, 6), [Some(6), None, None]);
    }

    #[test]
    fn the_chosen_row_is_in_view() {
        for chosen in 0..100 {
            let first = first_row(chosen, 100, 10);
            assert!((first..first + 10).contains(&chosen));
        }
    }
}
