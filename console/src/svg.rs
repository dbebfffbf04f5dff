//! A buffer as a picture for a document: self-contained SVG, one `<text>` for each run of equal style.

use crate::theme::Name;
use ratatui::buffer::{Buffer, Cell};
use ratatui::style::{Color, Modifier};
use std::fmt::Write;
use unicode_width::UnicodeWidthStr;

/// Width of a cell, pixels: 0.6 of the font's size, as `DejaVu Sans Mono` and Menlo have it.
const CELL_WIDTH: f64 = 8.4;
/// Height of a row, pixels.
const CELL_HEIGHT: f64 = 17.0;
/// Distance of the base line from the top of its row, pixels.
const BASE_LINE: f64 = 13.0;
const FONT_SIZE: u8 = 14;
/// What a picture is drawn on: the default foreground and background of the terminal that it shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ground {
    /// Light on dark.
    Dark,
    /// Dark on light.
    Light,
}

impl Ground {
    /// The one that a theme is made for.
    #[must_use]
    pub fn of(theme: Name) -> Self {
        match theme {
            Name::Light => Self::Light,
            Name::Dark | Name::HighContrast | Name::Deuteranopia | Name::Tritanopia | Name::Mono => {
                Self::Dark
            }
        }
    }

    const fn ink(self) -> &'static str {
        match self {
            Self::Dark => "#d0d4da",
            Self::Light => "#1c2026",
        }
    }

    const fn paper(self) -> &'static str {
        match self {
            Self::Dark => "#14171c",
            Self::Light => "#ffffff",
        }
    }
}

/// The sixteen basic colours, as xterm shows them on a dark ground.
const BASIC: [&str; 16] = [
    "#2a2f37", "#d75f5f", "#5faf5f", "#d7af5f", "#5f87d7", "#af5faf", "#5fafaf", "#c0c4ca", "#6c7380",
    "#ff8787", "#87d787", "#ffd787", "#87afff", "#d787d7", "#87d7d7", "#ffffff",
];

/// The picture of a buffer.
#[must_use]
pub fn picture(buffer: &Buffer, ground: Ground) -> String {
    let (width, height) = (
        f64::from(buffer.area.width) * CELL_WIDTH,
        f64::from(buffer.area.height) * CELL_HEIGHT,
    );
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.1} {height:.1}\" \
         font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\" font-size=\"{FONT_SIZE}\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
        ground.paper()
    );
    for (row, cells) in (0_u32..).zip(buffer.content.chunks(usize::from(buffer.area.width).max(1))) {
        draw_row(&mut svg, row, cells, ground);
    }
    svg.push_str("</svg>\n");
    svg
}

fn draw_row(svg: &mut String, row: u32, cells: &[Cell], ground: Ground) {
    let mut column = 0;
    while let Some(rest) = cells.get(column..).filter(|r| !r.is_empty()) {
        let alike = rest
            .iter()
            .take_while(|c| rest.first().is_some_and(|first| same_style(first, c)))
            .count();
        let run = rest.get(..alike).unwrap_or_default();
        draw_run(svg, row, column, run, ground);
        column += alike.max(1);
    }
}

fn same_style(a: &Cell, b: &Cell) -> bool {
    (a.fg, a.bg, a.modifier) == (b.fg, b.bg, b.modifier)
}

fn draw_run(svg: &mut String, row: u32, column: usize, run: &[Cell], on: Ground) {
    let Some(first) = run.first() else { return };
    let (mut ink, mut ground) = (color(first.fg, on.ink()), color(first.bg, on.paper()));
    if first.modifier.contains(Modifier::REVERSED) {
        std::mem::swap(&mut ink, &mut ground);
    }
    let (x, y) = (column as f64 * CELL_WIDTH, f64::from(row) * CELL_HEIGHT);
    let width = run.len() as f64 * CELL_WIDTH;
    if ground != on.paper() {
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{CELL_HEIGHT:.1}\" fill=\"{ground}\"/>"
        );
    }
    // Cells behind a wide glyph are empty; a run of blanks needs no text.
    let text: String = run.iter().map(Cell::symbol).collect();
    if text.trim().is_empty() {
        return;
    }
    let mut attributes = String::new();
    for (modifier, attribute) in [
        (Modifier::BOLD, " font-weight=\"bold\""),
        (Modifier::ITALIC, " font-style=\"italic\""),
        (Modifier::UNDERLINED, " text-decoration=\"underline\""),
        (Modifier::DIM, " opacity=\"0.6\""),
    ] {
        if first.modifier.contains(modifier) {
            attributes.push_str(attribute);
        }
    }
    let trimmed = text.trim_end();
    let length = trimmed.width() as f64 * CELL_WIDTH;
    let base = y + BASE_LINE;
    let _ = writeln!(
        svg,
        "<text x=\"{x:.1}\" y=\"{base:.1}\" fill=\"{ink}\" textLength=\"{length:.1}\" xml:space=\"preserve\"{attributes}>{}</text>",
        escape(trimmed)
    );
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

fn color(color: Color, default: &str) -> String {
    let basic = |index: usize| BASIC.get(index).copied().unwrap_or(default).to_owned();
    match color {
        Color::Reset => default.to_owned(),
        Color::Black => basic(0),
        Color::Red => basic(1),
        Color::Green => basic(2),
        Color::Yellow => basic(3),
        Color::Blue => basic(4),
        Color::Magenta => basic(5),
        Color::Cyan => basic(6),
        Color::Gray => basic(7),
        Color::DarkGray => basic(8),
        Color::LightRed => basic(9),
        Color::LightGreen => basic(10),
        Color::LightYellow => basic(11),
        Color::LightBlue => basic(12),
        Color::LightMagenta => basic(13),
        Color::LightCyan => basic(14),
        Color::White => basic(15),
        Color::Rgb(r, g, b) => format!("#{r:02x}{g:02x}{b:02x}"),
        Color::Indexed(index) => indexed(index),
    }
}

/// A colour of the 256-colour palette of xterm: 16 basic colours, a 6x6x6 cube, 24 greys.
#[must_use]
pub fn indexed(index: u8) -> String {
    match index {
        0..16 => BASIC
            .get(usize::from(index))
            .copied()
            .unwrap_or(Ground::Dark.ink())
            .to_owned(),
        16..232 => {
            let cube = index - 16;
            let level = |step: u8| if step == 0 { 0 } else { 55 + step * 40 };
            format!(
                "#{:02x}{:02x}{:02x}",
                level(cube / 36),
                level(cube / 6 % 6),
                level(cube % 6)
            )
        }
        232.. => {
            let grey = 8 + (index - 232) * 10;
            format!("#{grey:02x}{grey:02x}{grey:02x}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::layout::Rect;
    use ratatui::style::Style;

    #[test]
    fn runs_of_equal_style_are_one_text_and_markup_is_escaped() {
        let mut buffer = Buffer::empty(Rect::new(0, 0, 12, 1));
        buffer.set_string(0, 0, "a<b", Style::new());
        buffer.set_string(4, 0, "red", Style::new().fg(Color::Red).bg(Color::Indexed(16)));
        let svg = picture(&buffer, Ground::Dark);
        assert_eq!(svg.matches("<text").count(), 2);
        assert!(svg.contains(">a&lt;b</text>") && svg.contains("fill=\"#d75f5f\""));
        assert!(svg.contains("fill=\"#000000\""));
    }

    #[test]
    fn the_cube_and_the_greys() {
        assert_eq!(
            (indexed(16), indexed(231), indexed(232)),
            ("#000000".into(), "#ffffff".into(), "#080808".into())
        );
    }
}
