//! The most important fact of a page: a large figure with a sentence beside it.

use super::big;
use crate::table::{Piece, piece, width};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// The most important fact of a page.
#[derive(Debug, Clone)]
pub struct Hero {
    /// The figure: digits and a short unit.
    pub figure: String,
    /// What it says.
    pub title: String,
    /// How both look.
    pub role: Role,
    /// Further lines, in order of importance.
    pub lines: Vec<Vec<Piece>>,
}

impl Hero {
    /// A fact.
    pub fn new(figure: impl Into<String>, title: impl Into<String>, role: Role) -> Self {
        Self {
            figure: figure.into(),
            title: title.into(),
            role,
            lines: Vec::new(),
        }
    }

    /// With one more line.
    #[must_use]
    pub fn line(mut self, pieces: Vec<Piece>) -> Self {
        self.lines.push(pieces);
        self
    }

    /// As a memory, when there is a reason why it is no more than that.
    #[must_use]
    pub fn remembered(self, why: Option<String>) -> Self {
        let Some(why) = why else { return self };
        let mut lines = self.lines;
        lines.insert(0, vec![piece(format!("◌ {why}"), Role::Unknown)]);
        Self {
            title: format!("was: {}", self.title),
            role: Role::Unknown,
            lines,
            ..self
        }
    }

    /// With one more line of muted text.
    #[must_use]
    pub fn note(self, text: impl Into<String>) -> Self {
        let text: String = text.into();
        self.line(vec![piece(text, Role::Muted)])
    }
}

/// Lines that a fact takes on a screen of so many rows.
#[must_use]
pub fn height(rows: u16) -> u16 {
    if rows < 20 { 1 } else { big::HEIGHT + 1 }
}

/// Draws the fact and returns what is left of the area.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, hero: &Hero) -> Rect {
    let height = height(canvas.area().height).min(area.height);
    let rest = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    // A calm figure is not green: only what is wrong gets a colour.
    let role = if hero.role == Role::Good {
        Role::Strong
    } else {
        hero.role
    };
    let title = if hero.role == Role::Text {
        Role::Strong
    } else {
        role
    };
    if height <= 1 {
        let mut line = vec![
            piece(format!("{}  ", hero.figure), role),
            piece(hero.title.clone(), title),
        ];
        let room = usize::from(area.width.saturating_sub(1)).saturating_sub(width(&line) + 2);
        if let Some(more) = hero.lines.first() {
            line.push(piece("  ", Role::Text));
            line.extend(whole(more, room));
        }
        canvas.pieces(area.x + 1, area.y, area.width.saturating_sub(1), &line);
        return rest;
    }
    let x = big::draw(canvas, area.x + 1, area.y, &hero.figure, role) + 3;
    let room = area.right().saturating_sub(x);
    canvas.text(x, area.y, room, &hero.title, title);
    for (y, line) in (area.y + 1..area.y + big::HEIGHT).zip(&hero.lines) {
        let said = whole(line, usize::from(room));
        let line = if said.is_empty() { line } else { &said };
        canvas.pieces(x, y, room, line);
    }
    rest
}

/// As many of a line's statements as fit, since half a statement can say something else. None when not even the first
/// one fits.
fn whole(line: &[Piece], room: usize) -> Vec<Piece> {
    if width(line) <= room {
        return line.to_vec();
    }
    let text: Vec<char> = line.iter().flat_map(|piece| piece.text.chars()).collect();
    let ends = |at: &usize| {
        let (before, behind) = text.split_at_checked(*at).unwrap_or_default();
        let apart = behind.starts_with(&[' ', ' ']) || behind.starts_with(&[' ', '·', ' ']);
        apart && before.last().is_some_and(|c| *c != ' ')
    };
    let Some(end) = (1..room.saturating_sub(1)).rev().find(ends) else {
        return Vec::new();
    };
    let mut left = end;
    let mut said: Vec<Piece> = Vec::new();
    for one in line {
        let text: String = one.text.chars().take(left).collect();
        left = left.saturating_sub(one.text.chars().count());
        said.push(piece(text, one.role));
    }
    said.push(piece(" …", Role::Muted));
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_statement_is_whole_or_left_out() {
        let line = [
            piece("▲ ALERT   ", Role::Warn),
            piece("target 5 s, alert 30 s · page 2 min", Role::Muted),
        ];
        let text = |room| -> String { whole(&line, room).iter().map(|p| p.text.clone()).collect() };
        assert_eq!(text(45), "▲ ALERT   target 5 s, alert 30 s · page 2 min");
        assert_eq!(text(44), "▲ ALERT   target 5 s, alert 30 s …");
        assert_eq!(text(33), "▲ ALERT …");
        assert_eq!(text(6), "");
    }
}
