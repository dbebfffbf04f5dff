//! Drawing text into a buffer. The only place that writes cells, so the only one that has to be careful: every cell
//! gets exactly one column, and nothing that a terminal could take for a command.

use crate::format::cells;
use crate::message::Click;
use crate::table::Piece;
use crate::theme::{Role, Theme};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use std::borrow::Borrow;
use unicode_width::UnicodeWidthChar;

/// What a click on an area means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Where.
    pub area: Rect,
    /// What.
    pub means: Click,
}

/// A buffer with a theme.
pub struct Canvas<'a> {
    buffer: &'a mut Buffer,
    theme: &'a Theme,
    hits: Vec<Hit>,
}

impl<'a> Canvas<'a> {
    /// A canvas over a buffer.
    pub fn new(buffer: &'a mut Buffer, theme: &'a Theme) -> Self {
        Self {
            buffer,
            theme,
            hits: Vec::new(),
        }
    }

    /// Says what a click on an area means.
    pub fn clickable(&mut self, area: Rect, means: Click) {
        self.hits.push(Hit { area, means });
    }

    /// What clicks mean on what was drawn.
    #[must_use]
    pub fn into_hits(self) -> Vec<Hit> {
        self.hits
    }

    /// The theme.
    #[must_use]
    pub fn theme(&self) -> &Theme {
        self.theme
    }

    /// The whole area.
    #[must_use]
    pub fn area(&self) -> Rect {
        self.buffer.area
    }

    /// Writes text into at most `max` columns, with an ellipsis when it does not fit; returns the column behind it.
    pub fn text(&mut self, x: u16, y: u16, max: u16, text: &str, role: Role) -> u16 {
        let style = self.theme.style(role);
        let length = cells(text.chars().count());
        let mut at = x;
        let end = x.saturating_add(max);
        for (index, c) in (0..=u16::MAX).zip(text.chars()) {
            if at >= end {
                break;
            }
            let cut = length > max && index + 1 == max;
            self.set(at, y, if cut { '…' } else { c }, style);
            at += 1;
        }
        at
    }

    /// Writes pieces one after the other.
    pub fn pieces<P: Borrow<Piece>>(&mut self, x: u16, y: u16, max: u16, pieces: &[P]) -> u16 {
        let end = x.saturating_add(max);
        let mut at = x;
        for piece in pieces {
            let piece = piece.borrow();
            at = self.text(at, y, end.saturating_sub(at), &piece.text, piece.role);
        }
        at
    }

    /// Writes pieces so that they end at the right of `max` columns.
    pub fn pieces_right(&mut self, x: u16, y: u16, max: u16, pieces: &[Piece]) -> u16 {
        let start = x + max.saturating_sub(cells(crate::table::width(pieces)));
        self.pieces(start, y, x + max - start, pieces)
    }

    /// Writes a text over several lines of `width`, broken at blanks; returns the lines used.
    pub fn wrapped(&mut self, area: Rect, text: &str, role: Role) -> u16 {
        let mut used = 0;
        for line in wrap(text, usize::from(area.width)) {
            if used >= area.height {
                break;
            }
            self.text(area.x, area.y + used, area.width, &line, role);
            used += 1;
        }
        used
    }

    /// One cell.
    pub fn set(&mut self, x: u16, y: u16, c: char, style: Style) {
        // Most is printable ASCII: it is one column wide, and the same on every terminal.
        let glyph = match c {
            ' '..='~' => c,
            _ if c.width() == Some(1) => self.theme.glyph(c),
            _ => self.theme.glyph('\u{FFFD}'),
        };
        if let Some(cell) = self.buffer.cell_mut((x, y)) {
            // What was there before must not shine through: everything that a cell of ours has is set.
            cell.set_char(glyph);
            cell.fg = style.fg.unwrap_or_default();
            cell.bg = style.bg.unwrap_or_default();
            cell.modifier = style.add_modifier;
        }
    }

    /// One cell of a role.
    pub fn put(&mut self, x: u16, y: u16, c: char, role: Role) {
        let style = self.theme.style(role);
        self.set(x, y, c, style);
    }

    /// A line to the right.
    pub fn horizontal(&mut self, x: u16, y: u16, length: u16, c: char, role: Role) {
        for at in x..x.saturating_add(length) {
            self.put(at, y, c, role);
        }
    }

    /// Fills an area with blanks of a role.
    pub fn fill(&mut self, area: Rect, role: Role) {
        let style = self.theme.style(role);
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    cell.reset();
                    cell.set_style(style);
                }
            }
        }
    }

    /// A box with a title on its upper line.
    pub fn frame(&mut self, area: Rect, title: &[Piece], role: Role) {
        if area.width < 2 || area.height < 2 {
            return;
        }
        let (right, bottom) = (area.right() - 1, area.bottom() - 1);
        self.horizontal(area.x + 1, area.y, area.width - 2, '─', role);
        self.horizontal(area.x + 1, bottom, area.width - 2, '─', role);
        for y in area.y + 1..bottom {
            self.put(area.x, y, '│', role);
            self.put(right, y, '│', role);
        }
        for (x, y, c) in [
            (area.x, area.y, '┌'),
            (right, area.y, '┐'),
            (area.x, bottom, '└'),
            (right, bottom, '┘'),
        ] {
            self.put(x, y, c, role);
        }
        if !title.is_empty() && area.width > 6 {
            let x = area.x + 3;
            self.put(x - 1, area.y, ' ', role);
            let end = self.pieces(x, area.y, area.width - 5, title);
            self.put(end, area.y, ' ', role);
        }
    }

    /// Takes every colour from an area and shows it as a memory.
    pub fn remember(&mut self, area: Rect) {
        let style = self.theme.memory();
        let area = area.intersection(self.buffer.area);
        for y in area.top()..area.bottom() {
            for x in area.left()..area.right() {
                if let Some(cell) = self.buffer.cell_mut((x, y)) {
                    let symbol = cell.symbol().to_owned();
                    cell.reset();
                    cell.set_symbol(&symbol).set_style(style);
                }
            }
        }
    }
}

/// Lines of at most `width` characters, broken at blanks where there are any.
#[must_use]
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut length = 0;
    for word in text.split_whitespace() {
        let size = word.chars().count();
        if length > 0 && length + 1 + size > width {
            lines.push(std::mem::take(&mut line));
            length = 0;
        }
        if length > 0 {
            line.push(' ');
            length += 1;
        }
        line.push_str(word);
        length += size;
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}
