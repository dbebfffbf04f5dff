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
            // A heading over a glyph alone would be a letter.
            let title = if width > 1 { column.title } else { "" };
            let title = [piece(title, Role::Faint)];
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
            match cell.first() {
                Some(state) if column.glyph && width == 1 => {
                    let glyph = state.text.chars().next().unwrap_or(' ');
                    canvas.put(x, y, glyph, state.role);
                }
                _ => place(canvas, x, y, width, cell, column.right),
            }
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
            table.none
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

/// The width of each column, `None` for those that find no room. A figure is never cut: half of one is another one.
fn widths(columns: &[Column], room: u16) -> Vec<Option<u16>> {
    let mut widths: Vec<Option<u16>> = columns.iter().map(|column| Some(column.width)).collect();
    // What can be spared goes first, the least important before the others.
    while lacking(&widths, room) > 0
        && let Some(index) = spared_first(columns, &widths)
    {
        set(&mut widths, index, None);
    }
    // Then the words of states, then text gives way, and at last whole columns from the right.
    for (index, column) in columns.iter().enumerate().rev().filter(|(_, c)| c.glyph) {
        if lacking(&widths, room) > 0 && column.spare == 0 {
            set(&mut widths, index, Some(1));
        }
    }
    for _ in 0..lacking(&widths, room) {
        let slack = |(index, column): (usize, &Column)| {
            let width = widths.get(index).copied().flatten()?;
            let slack = width.saturating_sub(column.least);
            (slack > 0).then_some((slack, index, width))
        };
        let Some((_, index, width)) = columns.iter().enumerate().filter_map(slack).max() else {
            break;
        };
        set(&mut widths, index, Some(width - 1));
    }
    while lacking(&widths, room) > 0 {
        match widths.iter().rposition(Option::is_some) {
            Some(0) | None => {
                set(&mut widths, 0, Some(room));
                break;
            }
            Some(index) => set(&mut widths, index, None),
        }
    }
    let left = room.saturating_sub(needed(&widths));
    let growing = columns.iter().zip(&widths).filter(|(_, width)| width.is_some());
    let shares: u16 = growing.map(|(column, _)| column.grow).sum();
    let grown = |(column, width): (&Column, &Option<u16>)| {
        let extra = u32::from(left) * u32::from(column.grow) / u32::from(shares.max(1));
        let wide = (*width)?.saturating_add(u16::try_from(extra).unwrap_or(0));
        Some(wide.min(column.most.max((*width)?)))
    };
    columns.iter().zip(&widths).map(grown).collect()
}

fn set(widths: &mut [Option<u16>], index: usize, to: Option<u16>) {
    if let Some(width) = widths.get_mut(index) {
        *width = to;
    }
}

/// Columns that all of them take, with the gaps between them.
fn needed(widths: &[Option<u16>]) -> u16 {
    let all: u16 = widths.iter().flatten().map(|width| width + GAP).sum();
    all.saturating_sub(GAP)
}

fn lacking(widths: &[Option<u16>], room: u16) -> u16 {
    needed(widths).saturating_sub(room)
}

/// The shown column that can be spared before the others.
fn spared_first(columns: &[Column], widths: &[Option<u16>]) -> Option<usize> {
    let shown = columns.iter().zip(widths).enumerate();
    let spare = shown.filter(|(_, (column, width))| width.is_some() && column.spare > 0);
    let first = spare.max_by_key(|(_, (column, _))| column.spare);
    first.map(|(index, _)| index)
}

#[cfg(test)]
mod tests {
    use super::*;

    const COLUMNS: [Column; 5] = [
        Column::new("NAME", 10).least(8).grow(1).most(20),
        Column::new("FIGURE", 5).right(),
        Column::new("STATE", 9).glyph(),
        Column::new("B", 5).spare(1),
        Column::new("C", 5).spare(2),
    ];

    #[test]
    fn columns_go_when_there_is_no_room_and_grow_when_there_is() {
        assert_eq!(
            widths(&COLUMNS, 46),
            [Some(14), Some(5), Some(9), Some(5), Some(5)]
        );
        assert_eq!(
            widths(&COLUMNS, 90),
            [Some(20), Some(5), Some(9), Some(5), Some(5)]
        );
        assert_eq!(widths(&COLUMNS, 40), [Some(15), Some(5), Some(9), Some(5), None]);
        assert_eq!(widths(&COLUMNS, 28), [Some(10), Some(5), Some(9), None, None]);
        assert_eq!(widths(&COLUMNS, 27), [Some(17), Some(5), Some(1), None, None]);
        assert_eq!(widths(&COLUMNS, 18), [Some(8), Some(5), Some(1), None, None]);
        assert_eq!(widths(&COLUMNS, 16), [Some(9), Some(5), None, None, None]);
        assert_eq!(widths(&COLUMNS, 12), [Some(12), None, None, None, None]);
        assert_eq!(widths(&COLUMNS, 6), [Some(6), None, None, None, None]);
    }

    #[test]
    fn a_figure_is_whole_or_it_is_not_there() {
        for room in 0..100 {
            let figure = widths(&COLUMNS, room)[1];
            assert!(figure.is_none() || figure == Some(5), "{room}");
        }
    }

    #[test]
    fn the_chosen_row_is_in_view() {
        for chosen in 0..100 {
            let first = first_row(chosen, 100, 10);
            assert!((first..first + 10).contains(&chosen));
        }
    }
}
