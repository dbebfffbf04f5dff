//! Large figures: three lines high, out of half blocks. Where there are no blocks, ordinary bold text.

use crate::theme::Role;
use crate::ui::canvas::Canvas;

/// Lines that a large figure takes.
pub const HEIGHT: u16 = 3;

/// Pixels of a character, five rows from the top; the highest bit is the left one.
fn pixels(c: char) -> (u16, [u8; 5]) {
    match c {
        '0' => (3, [7, 5, 5, 5, 7]),
        '1' => (2, [1, 3, 1, 1, 1]),
        '2' => (3, [7, 1, 7, 4, 7]),
        '3' => (3, [7, 1, 7, 1, 7]),
        '4' => (3, [5, 5, 7, 1, 1]),
        '5' => (3, [7, 4, 7, 1, 7]),
        '6' => (3, [7, 4, 7, 5, 7]),
        '7' => (3, [7, 1, 1, 2, 2]),
        '8' => (3, [7, 5, 7, 5, 7]),
        '9' => (3, [7, 5, 7, 1, 7]),
        '.' => (1, [0, 0, 0, 0, 1]),
        ':' => (1, [0, 1, 0, 1, 0]),
        '/' => (3, [1, 1, 2, 4, 4]),
        '-' => (3, [0, 0, 7, 0, 0]),
        '%' => (3, [5, 1, 2, 4, 5]),
        'P' => (3, [7, 5, 7, 4, 4]),
        'm' => (5, [0, 0, 0b11110, 0b10101, 0b10101]),
        's' => (3, [0, 7, 4, 1, 7]),
        'i' => (1, [1, 0, 1, 1, 1]),
        'n' => (3, [0, 0, 7, 5, 5]),
        'h' => (3, [4, 4, 7, 5, 5]),
        'd' => (3, [1, 1, 7, 5, 7]),
        'x' => (3, [0, 5, 2, 5, 0]),
        '?' => (3, [7, 1, 3, 0, 2]),
        _ => (1, [0; 5]),
    }
}

/// Columns that a text takes.
#[must_use]
pub fn width(text: &str) -> u16 {
    text.chars()
        .map(|c| pixels(c).0 + 1)
        .sum::<u16>()
        .saturating_sub(1)
}

/// Draws a text, three lines from `y`; returns the column behind it.
pub fn draw(canvas: &mut Canvas<'_>, x: u16, y: u16, text: &str, role: Role) -> u16 {
    if !canvas.theme().has_blocks() {
        return canvas.text(x, y + 1, 40, text, role);
    }
    let mut at = x;
    for c in text.chars() {
        let (columns, rows) = pixels(c);
        for column in 0..columns {
            let bit = |row: usize| {
                rows.get(row)
                    .is_some_and(|bits| bits >> (columns - 1 - column) & 1 == 1)
            };
            for (line, row) in (0..HEIGHT).zip([0, 2, 4]) {
                let block = match (bit(row), bit(row + 1)) {
                    (true, true) => '█',
                    (true, false) => '▀',
                    (false, true) => '▄',
                    (false, false) => continue,
                };
                canvas.put(at + column, y + line, block, role);
            }
        }
        at += columns + 1;
    }
    at.saturating_sub(1)
}
