//! Which character stands for another one where a terminal's font lacks it.

use crate::capabilities::Glyphs;

/// The character that stands for `c`. Always one column wide.
#[must_use]
pub fn of(c: char, glyphs: Glyphs) -> char {
    match glyphs {
        Glyphs::Full => c,
        Glyphs::Console if in_console_font(c) => c,
        Glyphs::Console if c == '▴' => '▲',
        Glyphs::Console if c == '▾' => '▼',
        Glyphs::Console | Glyphs::Ascii => ascii(c),
    }
}

fn in_console_font(c: char) -> bool {
    c.is_ascii()
        || matches!(
            c,
            '─' | '│'
                | '┌'
                | '┐'
                | '└'
                | '┘'
                | '├'
                | '┤'
                | '┬'
                | '┴'
                | '┼'
                | '█'
                | '▀'
                | '▄'
                | '░'
                | '▒'
                | '←'
                | '↑'
                | '→'
                | '↓'
                | '●'
                | '·'
                | '▲'
                | '▼'
                | '►'
                | '◄'
        )
}

fn ascii(c: char) -> char {
    match c {
        c if c.is_ascii() => c,
        '─' | '–' | '—' => '-',
        '│' | '┃' | '▏' | '▕' | '▌' => '|',
        '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' | '┏' | '┓' | '┗' | '┛' | '╭' | '╮' | '╰'
        | '╯' | '✓' => '+',
        '█' | '▉' | '▊' | '▋' | '■' | '▇' | '▆' | '▅' => '#',
        '▀' => '"',
        '▄' | '▃' | '▂' | '▁' => '_',
        '━' | '▍' | '▎' | '▓' | '▒' => '=',
        '░' | '·' | '…' | '┄' | '╌' => '.',
        '→' | '►' | '▶' | '›' | '≥' => '>',
        '←' | '◄' | '◀' | '‹' | '≤' => '<',
        '↑' | '▴' => '^',
        '↓' | '▼' | '▾' => 'v',
        '●' | '◆' => '*',
        '○' | '◇' | '◌' => 'o',
        '▲' => '!',
        '✖' | '✕' | '×' => 'x',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seven_bits_means_seven_bits() {
        for c in "─│┌█▀▄░→●○▲✖✓≤…日".chars() {
            assert!(of(c, Glyphs::Ascii).is_ascii());
        }
    }
}
