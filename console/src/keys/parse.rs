//! Keys by name, as the help shows them and a configuration writes them.

use super::{Code, Key};
use std::str::FromStr;

/// A text names no key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no key: write j, ^N, M-x, F5, Enter, Esc, Tab, S-Tab, space, Up, PgDn, Home, BkSp or Delete"
)]
pub struct BadKey(String);

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let bad = || BadKey(aisoc_model::text::sanitize(text, 40));
        let (alt, rest) = strip(text, &["M-", "Alt-"]);
        let (ctrl, rest) = strip(rest, &["^", "C-", "Ctrl-"]);
        let mut characters = rest.chars();
        let code = match (characters.next(), characters.next()) {
            (Some(c), None) if ctrl => Code::Char(c.to_ascii_lowercase()),
            (Some(c), None) if !c.is_control() => Code::Char(c),
            _ => named(rest).ok_or_else(bad)?,
        };
        Ok(Self { code, ctrl, alt })
    }
}

/// Takes a modifier off the front, unless it is the whole key.
fn strip<'a>(text: &'a str, prefixes: &[&str]) -> (bool, &'a str) {
    prefixes
        .iter()
        .filter_map(|prefix| text.strip_prefix(prefix))
        .find(|rest| !rest.is_empty())
        .map_or((false, text), |rest| (true, rest))
}

fn named(text: &str) -> Option<Code> {
    let lower = text.to_ascii_lowercase();
    if let Some(number) = lower.strip_prefix('f').and_then(|n| n.parse().ok()) {
        return (1..=12).contains(&number).then_some(Code::F(number));
    }
    Some(match lower.as_str() {
        "space" => Code::Char(' '),
        "enter" | "return" => Code::Enter,
        "esc" | "escape" => Code::Esc,
        "tab" => Code::Tab,
        "s-tab" | "backtab" => Code::BackTab,
        "bksp" | "backspace" => Code::Backspace,
        "delete" | "del" => Code::Delete,
        "up" => Code::Up,
        "down" => Code::Down,
        "left" => Code::Left,
        "right" => Code::Right,
        "home" => Code::Home,
        "end" => Code::End,
        "pgup" | "pageup" => Code::PageUp,
        "pgdn" | "pagedown" => Code::PageDown,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::BINDINGS;
    use super::*;
    use rstest::rstest;

    #[test]
    fn what_the_help_shows_can_be_written() {
        for key in BINDINGS.iter().flat_map(|b| b.keys) {
            assert_eq!(key.to_string().parse(), Ok(*key), "{key}");
        }
    }

    #[rstest]
    #[case("M-x", Key { code: Code::Char('x'), ctrl: false, alt: true })]
    #[case("C-n", Key::ctrl('n'))]
    #[case("^", Key::char('^'))]
    #[case("pagedown", Key::plain(Code::PageDown))]
    fn other_spellings(#[case] text: &str, #[case] key: Key) {
        assert_eq!(text.parse(), Ok(key));
    }

    #[rstest]
    #[case("")]
    #[case("F13")]
    #[case("Hyper")]
    #[case("\u{1b}")]
    fn what_is_no_key(#[case] text: &str) {
        assert!(text.parse::<Key>().is_err());
    }
}
