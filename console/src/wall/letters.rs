//! Letters that can be read from five metres: an 8x8 font, drawn as large as there is room.

use crate::capabilities::Glyphs;
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use font8x8::legacy::BASIC_LEGACY;
use ratatui::layout::Rect;

/// Pixels of a letter, in both directions.
const PIXELS: u16 = 8;
/// The sixteen ways in which four pixels fill a cell: upper left, upper right, lower left, lower right.
const QUADRANTS: [char; 16] = [
    ' ', '▘', '▝', '▀', '▖', '▌', '▞', '▛', '▗', '▚', '▐', '▜', '▄', '▙', '▟', '█',
];

/// How large a pixel is, in halves of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scale {
    across: u16,
    down: u16,
}

impl Scale {
    /// Columns of a letter.
    #[must_use]
    pub const fn columns(self) -> u16 {
        PIXELS * self.across / 2
    }

    /// Rows of a letter.
    #[must_use]
    pub const fn rows(self) -> u16 {
        PIXELS * self.down / 2
    }

    /// The sizes that a terminal can draw, the largest first. A cell is twice as high as it is wide.
    fn all(glyphs: Glyphs) -> impl Iterator<Item = Self> {
        let scale = |across, down| Self { across, down };
        let whole = (1..=8)
            .rev()
            .flat_map(move |n| [scale(4 * n, 2 * n), scale(2 * n, 2 * n)]);
        let half = (glyphs != Glyphs::Ascii).then(|| scale(2, 1));
        let quarter = (glyphs == Glyphs::Full).then(|| scale(1, 1));
        whole.chain(half).chain(quarter)
    }
}

/// A text broken into lines, and the largest letters in which it fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fitted {
    /// The letters; `None` for ordinary text.
    pub scale: Option<Scale>,
    /// The lines.
    pub lines: Vec<String>,
}

impl Fitted {
    /// One line in letters of a size.
    #[must_use]
    pub fn line(text: &str, scale: Option<Scale>) -> Self {
        Self {
            scale,
            lines: vec![text.to_owned()],
        }
    }

    /// Columns that its longest line takes.
    #[must_use]
    pub fn columns(&self) -> u16 {
        let longest = self
            .lines
            .iter()
            .map(|line| line.chars().count())
            .max()
            .unwrap_or(0);
        crate::format::cells(longest).saturating_mul(self.scale.map_or(1, Scale::columns))
    }

    /// Rows that it takes.
    #[must_use]
    pub fn rows(&self) -> u16 {
        let each = self.scale.map_or(1, Scale::rows);
        crate::format::cells(self.lines.len()).saturating_mul(each)
    }
}

/// Fits a text into an area, broken at blanks, in letters as large as possible.
#[must_use]
pub fn fit(text: &str, (width, height): (u16, u16), glyphs: Glyphs) -> Fitted {
    let longest = text
        .split_whitespace()
        .map(|word| word.chars().count())
        .max()
        .unwrap_or(0);
    for scale in Scale::all(glyphs) {
        let room = usize::from(width / scale.columns().max(1));
        if room < longest || room == 0 {
            continue;
        }
        let fitted = Fitted {
            scale: Some(scale),
            lines: crate::ui::canvas::wrap(text, room),
        };
        if fitted.rows() <= height {
            return fitted;
        }
    }
    let mut lines = crate::ui::canvas::wrap(text, usize::from(width).max(1));
    lines.truncate(usize::from(height));
    Fitted { scale: None, lines }
}

/// Fits a text into an area as one line, blanks and all.
#[must_use]
pub fn fit_line(text: &str, (width, height): (u16, u16), glyphs: Glyphs) -> Fitted {
    let letters = crate::format::cells(text.chars().count());
    let fits = |scale: &Scale| letters.saturating_mul(scale.columns()) <= width && scale.rows() <= height;
    Fitted::line(text, Scale::all(glyphs).find(fits))
}

/// Draws a fitted text from the top of an area; `centred` or from its left. Returns the rows used.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, fitted: &Fitted, role: Role, centred: bool) -> u16 {
    let mut y = area.y;
    for line in &fitted.lines {
        let letters = crate::format::cells(line.chars().count());
        let width = letters
            .saturating_mul(fitted.scale.map_or(1, Scale::columns))
            .min(area.width);
        let x = area.x + if centred { (area.width - width) / 2 } else { 0 };
        match fitted.scale {
            None => {
                canvas.text(x, y, area.width, line, role);
                y += 1;
            }
            Some(scale) => {
                for (index, c) in (0..).zip(line.chars()) {
                    letter(canvas, (x + index * scale.columns(), y), c, scale, role);
                }
                y += scale.rows();
            }
        }
    }
    y - area.y
}

/// A character's pixels, rows from the top, the lowest bit at the left. What neither the font nor the signs of states
/// have is a full block: a question mark would say "unknown".
fn pixels(c: char) -> [u8; 8] {
    match c {
        '●' => [0x00, 0x3c, 0x7e, 0x7e, 0x7e, 0x7e, 0x3c, 0x00],
        '◌' | '○' => [0x00, 0x3c, 0x42, 0x42, 0x42, 0x42, 0x3c, 0x00],
        '▲' => [0x00, 0x08, 0x1c, 0x1c, 0x3e, 0x3e, 0x7f, 0x00],
        '✖' | '✕' | '×' => [0x00, 0x63, 0x77, 0x3e, 0x1c, 0x3e, 0x77, 0x63],
        '◇' => [0x00, 0x08, 0x14, 0x22, 0x41, 0x22, 0x14, 0x08],
        '–' => [0x00, 0x00, 0x00, 0x3e, 0x00, 0x00, 0x00, 0x00],
        '·' => [0x00, 0x00, 0x00, 0x18, 0x18, 0x00, 0x00, 0x00],
        '…' => [0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x5b, 0x5b],
        _ => {
            let known = usize::try_from(u32::from(c))
                .ok()
                .and_then(|code| BASIC_LEGACY.get(code));
            known.copied().unwrap_or([0x7f; 8])
        }
    }
}

fn letter(canvas: &mut Canvas<'_>, (x, y): (u16, u16), c: char, scale: Scale, role: Role) {
    let rows = pixels(c);
    let lit = |half_x: u16, half_y: u16| {
        let (column, row) = (half_x / scale.across, half_y / scale.down);
        rows.get(usize::from(row))
            .is_some_and(|bits| bits >> column & 1 == 1)
    };
    for dy in 0..scale.rows() {
        for dx in 0..scale.columns() {
            let parts = [(0, 0), (1, 0), (0, 1), (1, 1)];
            let index = (0..).zip(parts).fold(0_usize, |index, (bit, (right, low))| {
                index | usize::from(lit(dx * 2 + right, dy * 2 + low)) << bit
            });
            if let Some(block) = QUADRANTS.get(index).filter(|block| **block != ' ') {
                canvas.put(x + dx, y + dy, *block, role);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("3/3", (80, 8), Glyphs::Full, Some((16, 8)), 1)]
    #[case("3/3", (80, 40), Glyphs::Full, Some((24, 24)), 1)]
    #[case("All regions are healthy", (78, 8), Glyphs::Full, Some((4, 4)), 2)]
    #[case("All regions are healthy", (78, 8), Glyphs::Ascii, None, 1)]
    #[case("us-east-1 is DOWN", (400, 20), Glyphs::Full, Some((16, 16)), 1)]
    #[case("", (80, 8), Glyphs::Full, Some((64, 32)), 0)]
    fn as_large_as_there_is_room(
        #[case] text: &str,
        #[case] room: (u16, u16),
        #[case] glyphs: Glyphs,
        #[case] size: Option<(u16, u16)>,
        #[case] lines: usize,
    ) {
        let fitted = fit(text, room, glyphs);
        if !text.is_empty() {
            assert_eq!(fitted.scale.map(|s| (s.columns(), s.rows())), size);
        }
        assert_eq!(fitted.lines.len(), lines);
        assert!(fitted.rows() <= room.1);
    }
}
