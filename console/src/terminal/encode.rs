//! The difference of two frames as bytes for a terminal: few, in one piece, between marks of synchronized output.
//!
//! Every cell is one column wide: [`crate::ui::canvas`] lets nothing else in.

use super::links::{self, Link};
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;

/// Cells that are cheaper to write again than to jump over.
const JUMP: u16 = 4;

/// The bytes that turn `previous` into `next` on the screen; none when nothing changed. Without a previous frame,
/// or with one of another size, the whole screen.
#[must_use]
pub fn frame(previous: Option<&Buffer>, next: &Buffer) -> Vec<u8> {
    linked_frame(previous.map(|buffer| (buffer, [].as_slice())), (next, &[]))
}

/// As [`frame`], of screens with links.
#[must_use]
pub fn linked_frame<'a>(
    previous: Option<(&Buffer, &[Link])>,
    (next, links): (&Buffer, &'a [Link]),
) -> Vec<u8> {
    let (previous, linked) = match previous.filter(|(p, _)| p.area == next.area) {
        Some((buffer, links)) => (Some(buffer), links),
        None => (None, [].as_slice()),
    };
    let mut pen = Pen::<'a>::default();
    if previous.is_none() {
        // Erase takes the background of the pen.
        pen.out.push_str("\x1b[m\x1b[2J");
    }
    let blank = Cell::default();
    let width = next.area.width;
    for y in 0..next.area.height {
        let row = |buffer: &'_ Buffer| -> (usize, usize) {
            let start = usize::from(y) * usize::from(buffer.area.width);
            (start, start + usize::from(buffer.area.width))
        };
        let (start, end) = row(next);
        let Some(cells) = next.content.get(start..end) else {
            continue;
        };
        let before = previous.and_then(|p| p.content.get(start..end));
        let has_links = links.iter().chain(linked).any(|link| link.y == y);
        if before == Some(cells) && !has_links {
            continue;
        }
        let filled = cells.iter().rposition(|c| *c != blank).map_or(0, |last| last + 1);
        for (x, cell) in (0..width).zip(cells) {
            let old = before.and_then(|b| b.get(usize::from(x))).unwrap_or(&blank);
            let link = if has_links { links::at(links, x, y) } else { None };
            if old == cell && !(has_links && link != links::at(linked, x, y)) {
                continue;
            }
            if usize::from(x) >= filled && before.is_some_and(|b| changed_from(b, cells, x) > 3) {
                pen.go(x, y, cells, !has_links);
                pen.link(None);
                pen.style(&blank);
                pen.out.push_str("\x1b[K");
                break;
            }
            pen.go(x, y, cells, !has_links);
            pen.link(link);
            pen.put(cell);
        }
    }
    if pen.out.is_empty() {
        return Vec::new();
    }
    pen.link(None);
    pen.style(&blank);
    format!("\x1b[?2026h{}\x1b[?2026l", pen.out).into_bytes()
}

fn changed_from(before: &[Cell], now: &[Cell], x: u16) -> usize {
    before
        .iter()
        .zip(now)
        .skip(usize::from(x))
        .filter(|(a, b)| a != b)
        .count()
}

/// Lines of text with colours, for a file or a pager.
#[must_use]
pub fn lines(buffer: &Buffer) -> String {
    let mut pen = Pen::default();
    let blank = Cell::default();
    for row in buffer.content.chunks(usize::from(buffer.area.width).max(1)) {
        let filled = row.iter().rposition(|c| *c != blank).map_or(0, |last| last + 1);
        for cell in row.iter().take(filled) {
            pen.put(cell);
        }
        pen.style(&blank);
        pen.out.push('\n');
    }
    pen.out
}

/// Where the terminal's cursor is and how it writes.
struct Pen<'a> {
    out: String,
    link: Option<&'a str>,
    at: Option<(u16, u16)>,
    fg: Color,
    bg: Color,
    modifier: Modifier,
}

impl Default for Pen<'_> {
    fn default() -> Self {
        Self {
            out: String::new(),
            link: None,
            at: None,
            fg: Color::Reset,
            bg: Color::Reset,
            modifier: Modifier::empty(),
        }
    }
}

impl<'a> Pen<'a> {
    /// Moves to a cell, by the cheapest way; `over` what lies between only if it can be written again as it is.
    fn go(&mut self, x: u16, y: u16, row: &[Cell], over: bool) {
        match self.at {
            Some(at) if at == (x, y) => {}
            Some((from, line)) if line == y && from < x => {
                let gap = row.get(usize::from(from)..usize::from(x)).unwrap_or_default();
                if over && x - from <= JUMP && gap.iter().all(|cell| self.writes(cell)) {
                    for cell in gap {
                        self.out.push_str(cell.symbol());
                    }
                } else {
                    let _ = write!(self.out, "\x1b[{}C", x - from);
                }
            }
            _ => {
                let _ = write!(self.out, "\x1b[{};{}H", y + 1, x + 1);
            }
        }
        self.at = Some((x, y));
    }

    /// Begins or ends a link.
    fn link(&mut self, address: Option<&'a str>) {
        if self.link != address {
            let _ = write!(self.out, "\x1b]8;;{}\x1b\\", address.unwrap_or_default());
            self.link = address;
        }
    }

    fn writes(&self, cell: &Cell) -> bool {
        (self.fg, self.bg, self.modifier) == (cell.fg, cell.bg, cell.modifier)
    }

    fn put(&mut self, cell: &Cell) {
        self.style(cell);
        self.out.push_str(cell.symbol());
        if let Some((x, _)) = &mut self.at {
            *x += 1;
        }
    }

    fn style(&mut self, cell: &Cell) {
        if self.writes(cell) {
            return;
        }
        let plain = cell.fg == Color::Reset && cell.bg == Color::Reset && cell.modifier.is_empty();
        if plain {
            self.out.push_str("\x1b[m");
        } else {
            self.out.push_str("\x1b[");
            let mut first = true;
            let mut code = |out: &mut String, text: &str| {
                if !std::mem::take(&mut first) {
                    out.push(';');
                }
                out.push_str(text);
            };
            // Taking a modifier away needs codes that not every terminal knows: begin anew instead.
            if !cell.modifier.contains(self.modifier) {
                code(&mut self.out, "0");
                (self.fg, self.bg, self.modifier) = (Color::Reset, Color::Reset, Modifier::empty());
            }
            for (modifier, number) in MODIFIERS {
                if cell.modifier.contains(modifier) && !self.modifier.contains(modifier) {
                    code(&mut self.out, number);
                }
            }
            if cell.fg != self.fg {
                code(&mut self.out, &color(cell.fg, 30));
            }
            if cell.bg != self.bg {
                code(&mut self.out, &color(cell.bg, 40));
            }
            self.out.push('m');
        }
        (self.fg, self.bg, self.modifier) = (cell.fg, cell.bg, cell.modifier);
    }
}

const MODIFIERS: [(Modifier, &str); 5] = [
    (Modifier::BOLD, "1"),
    (Modifier::DIM, "2"),
    (Modifier::ITALIC, "3"),
    (Modifier::UNDERLINED, "4"),
    (Modifier::REVERSED, "7"),
];

/// A colour's code; `base` is 30 for the foreground, 40 for the background.
fn color(color: Color, base: u8) -> String {
    let named = |offset: u8| (base + offset).to_string();
    match color {
        Color::Reset => named(9),
        Color::Black => named(0),
        Color::Red => named(1),
        Color::Green => named(2),
        Color::Yellow => named(3),
        Color::Blue => named(4),
        Color::Magenta => named(5),
        Color::Cyan => named(6),
        Color::Gray => named(7),
        Color::DarkGray => named(60),
        Color::LightRed => named(61),
        Color::LightGreen => named(62),
        Color::LightYellow => named(63),
        Color::LightBlue => named(64),
        Color::LightMagenta => named(65),
        Color::LightCyan => named(66),
        Color::White => named(67),
        Color::Indexed(index) => format!("{};5;{index}", base + 8),
        Color::Rgb(r, g, b) => format!("{};2;{r};{g};{b}", base + 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    /// What a terminal shows after some frames.
    fn shown(frames: &[Buffer]) -> vt100::Parser {
        let area = frames[0].area;
        let mut terminal = vt100::Parser::new(area.height, area.width, 0);
        let mut previous: Option<&Buffer> = None;
        for next in frames {
            terminal.process(&frame(previous, next));
            previous = Some(next);
        }
        terminal
    }

    fn buffer(cells: &[(u8, u8)]) -> Buffer {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 4));
        for (cell, (symbol, style)) in buffer.content.iter_mut().zip(cells) {
            cell.set_char(char::from(b"  ab#"[usize::from(symbol % 5)]));
            let style = match style % 4 {
                0 => Style::new(),
                1 => Style::new().fg(Color::Rgb(1, 2, 3)),
                2 => Style::new().add_modifier(Modifier::BOLD).fg(Color::Indexed(75)),
                _ => Style::new().bg(Color::Red).add_modifier(Modifier::REVERSED),
            };
            cell.set_style(style);
        }
        buffer
    }

    proptest! {
        #[test]
        fn a_terminal_shows_what_was_drawn(
            frames in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 48), 1..4),
        ) {
            let frames: Vec<Buffer> = frames.iter().map(|f| buffer(f)).collect();
            let terminal = shown(&frames);
            let last = frames.last().unwrap();
            for y in 0..4 {
                for x in 0..12 {
                    let cell = terminal.screen().cell(y, x).unwrap();
                    let wanted = &last[(x, y)];
                    let text = if cell.contents().is_empty() { " " } else { cell.contents() };
                    prop_assert_eq!(text, wanted.symbol());
                    prop_assert_eq!(cell.bold(), wanted.modifier.contains(Modifier::BOLD));
                    prop_assert_eq!(cell.inverse(), wanted.modifier.contains(Modifier::REVERSED));
                    let bg = if wanted.bg == Color::Red { vt100::Color::Idx(1) } else { vt100::Color::Default };
                    prop_assert_eq!(cell.bgcolor(), bg);
                }
            }
        }
    }

    #[test]
    fn nothing_changed_is_no_byte() {
        let same = buffer(&[(2, 1); 48]);
        assert!(frame(Some(&same), &same.clone()).is_empty());
    }

    #[test]
    fn a_frame_is_closed_and_small() {
        let before = buffer(&[(2, 0); 48]);
        let mut after = before.clone();
        after[(3, 2)].set_char('b');
        let bytes = frame(Some(&before), &after);
        assert_eq!(bytes, b"\x1b[?2026h\x1b[3;4Hb\x1b[?2026l");
    }
}
