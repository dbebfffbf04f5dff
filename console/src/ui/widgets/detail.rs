//! What there is to know about the selected row, below its table.

use super::panel;
use crate::format::cells;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// Columns of the labels.
const LABEL: u16 = 12;

/// From so many columns on it stands beside its table.
const WIDE: u16 = 280;

/// A titled list of labelled lines.
#[derive(Debug, Clone)]
pub struct Detail {
    title: String,
    lines: Vec<(&'static str, Vec<Piece>)>,
}

impl Detail {
    /// A list without lines.
    pub fn new(title: impl Into<String>) -> Self {
        Self {
            title: title.into(),
            lines: Vec::new(),
        }
    }

    /// With a line.
    #[must_use]
    pub fn line(mut self, label: &'static str, pieces: Vec<Piece>) -> Self {
        self.lines.push((label, pieces));
        self
    }

    /// With a line of ordinary text.
    #[must_use]
    pub fn text(self, label: &'static str, text: impl Into<String>) -> Self {
        let text: String = text.into();
        self.line(label, vec![piece(text, Role::Text)])
    }

    /// Draws it at the bottom of an area that a table of `rows` rows shares, when both have room; on the widest
    /// screens beside the table, where the eye is. Returns what is left for the table.
    pub fn below(&self, canvas: &mut Canvas<'_>, area: Rect, rows: usize) -> Rect {
        if area.width >= WIDE {
            let table = area.width * 3 / 5;
            let x = area.x + table + 2;
            self.draw(
                canvas,
                Rect {
                    x,
                    width: area.right().saturating_sub(x),
                    ..area
                },
            );
            return Rect { width: table, ..area };
        }
        let height = cells(self.lines.len()) + 1;
        // The table keeps its rows, or at least a handful of them.
        let needed = cells(rows.saturating_add(1)).min(12) + 1;
        if area.height < height + needed {
            return area;
        }
        let place = Rect {
            y: area.bottom() - height,
            height,
            ..area
        };
        self.draw(canvas, place);
        Rect {
            height: area.height - height - 1,
            ..area
        }
    }

    fn draw(&self, canvas: &mut Canvas<'_>, place: Rect) {
        let inner = panel::panel(canvas, place, &self.title, &[]);
        for (y, (label, pieces)) in (inner.top()..inner.bottom()).zip(&self.lines) {
            canvas.text(inner.x + 2, y, LABEL, label, Role::Muted);
            canvas.pieces(
                inner.x + 2 + LABEL,
                y,
                inner.width.saturating_sub(2 + LABEL),
                pieces,
            );
        }
    }
}
