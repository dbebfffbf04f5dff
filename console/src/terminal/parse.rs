//! Bytes from a terminal into keys and what the mouse does. Pure.

use super::mouse::{self, Mouse};
use crate::keys::{Code, Key};

/// What a person did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// Pressed a key.
    Key(Key),
    /// Used the mouse.
    Mouse(Mouse),
}

/// The first input in `bytes` and how many bytes it took; it is `None` for a sequence that means nothing here.
/// `None` when more bytes are needed; with `complete` there will be none, and what is there counts as it stands.
#[must_use]
pub fn input(bytes: &[u8], complete: bool) -> Option<(Option<Input>, usize)> {
    match mouse::parse(bytes, complete) {
        mouse::Parsed::Whole(mouse, length) => Some((mouse.map(Input::Mouse), length)),
        mouse::Parsed::Cut => None,
        mouse::Parsed::None => key(bytes, complete).map(|(key, length)| (key.map(Input::Key), length)),
    }
}

fn key(bytes: &[u8], complete: bool) -> Option<(Option<Key>, usize)> {
    let (first, rest) = bytes.split_first()?;
    match first {
        0x1b => escape(rest, complete),
        b'\r' | b'\n' => Some((Some(Key::plain(Code::Enter)), 1)),
        b'\t' => Some((Some(Key::plain(Code::Tab)), 1)),
        0x7f | 0x08 => Some((Some(Key::plain(Code::Backspace)), 1)),
        0 => Some((Some(Key::ctrl(' ')), 1)),
        control @ 1..=0x1a => Some((Some(Key::ctrl(char::from(control + b'a' - 1))), 1)),
        0x1c..=0x1f => Some((None, 1)),
        _ => character(bytes, complete),
    }
}

fn character(bytes: &[u8], complete: bool) -> Option<(Option<Key>, usize)> {
    let length = match bytes.first()? {
        0..=0x7f => 1,
        0xc2..=0xdf => 2,
        0xe0..=0xef => 3,
        0xf0..=0xf4 => 4,
        _ => return Some((None, 1)),
    };
    match bytes.get(..length) {
        None if complete => Some((None, bytes.len())),
        None => None,
        Some(whole) => match std::str::from_utf8(whole)
            .ok()
            .and_then(|text| text.chars().next())
        {
            Some(c) => Some((Some(Key::char(c)), length)),
            None => Some((None, 1)),
        },
    }
}

fn escape(rest: &[u8], complete: bool) -> Option<(Option<Key>, usize)> {
    match rest.first() {
        None if complete => Some((Some(Key::plain(Code::Esc)), 1)),
        None => None,
        Some(b'[') => sequence(rest.get(1..)?, complete),
        Some(b'O') => match rest.get(1) {
            None if complete => Some((None, 2)),
            None => None,
            Some(b'M') => Some((Some(Key::plain(Code::Enter)), 3)),
            Some(last) => Some((final_byte(*last).map(Key::plain), 3)),
        },
        Some(0x1b) => Some((Some(Key::plain(Code::Esc)), 1)),
        Some(_) => {
            let (found, length) = key(rest, complete)?;
            Some((found.map(|key| Key { alt: true, ..key }), length + 1))
        }
    }
}

/// What follows `ESC [`.
fn sequence(body: &[u8], complete: bool) -> Option<(Option<Key>, usize)> {
    // The Linux console sends F1 to F5 as `ESC [ [ A`.
    if body.first() == Some(&b'[') {
        return match body.get(1) {
            None if complete => Some((None, 3)),
            None => None,
            Some(last @ b'A'..=b'E') => Some((Some(Key::plain(Code::F(last - b'A' + 1))), 4)),
            Some(_) => Some((None, 4)),
        };
    }
    let Some(end) = body.iter().position(|b| (0x40..=0x7e).contains(b)) else {
        return complete.then_some((None, body.len() + 2));
    };
    let parameters: Vec<u8> = body
        .get(..end)?
        .split(|b| *b == b';')
        .map(|p| {
            std::str::from_utf8(p)
                .ok()
                .and_then(|t| t.parse().ok())
                .unwrap_or(0)
        })
        .collect();
    let first = parameters.first().copied().unwrap_or(0);
    let modifiers = parameters.get(1).copied().unwrap_or(1).saturating_sub(1);
    let code = match body.get(end)? {
        b'~' => tilde(first),
        b'Z' => Some(Code::BackTab),
        last => final_byte(*last),
    };
    let found = code.map(|code| Key {
        code,
        ctrl: modifiers & 4 != 0,
        alt: modifiers & 2 != 0,
    });
    Some((found, end + 3))
}

fn final_byte(last: u8) -> Option<Code> {
    Some(match last {
        b'A' => Code::Up,
        b'B' => Code::Down,
        b'C' => Code::Right,
        b'D' => Code::Left,
        b'H' => Code::Home,
        b'F' => Code::End,
        b'P'..=b'S' => Code::F(last - b'P' + 1),
        _ => return None,
    })
}

fn tilde(number: u8) -> Option<Code> {
    Some(match number {
        1 | 7 => Code::Home,
        3 => Code::Delete,
        4 | 8 => Code::End,
        5 => Code::PageUp,
        6 => Code::PageDown,
        11..=15 => Code::F(number - 10),
        17..=21 => Code::F(number - 11),
        23 | 24 => Code::F(number - 12),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn all(bytes: &[u8]) -> Vec<Key> {
        let (mut at, mut keys) = (0, Vec::new());
        while let Some((found, length)) = input(&bytes[at..], true) {
            at += length;
            if let Some(Input::Key(key)) = found {
                keys.push(key);
            }
        }
        assert_eq!(at, bytes.len());
        keys
    }

    #[rstest]
    #[case(b"q", Key::char('q'))]
    #[case(b"\x1b[A", Key::plain(Code::Up))]
    #[case(b"\x1bOA", Key::plain(Code::Up))]
    #[case(b"\x1b[15~", Key::plain(Code::F(5)))]
    #[case(b"\x1b[17~", Key::plain(Code::F(6)))]
    #[case(b"\x1b[20~", Key::plain(Code::F(9)))]
    #[case(b"\x1b[24~", Key::plain(Code::F(12)))]
    #[case(b"\x1b[[E", Key::plain(Code::F(5)))]
    #[case(b"\x1bOQ", Key::plain(Code::F(2)))]
    #[case(b"\x1b[Z", Key::plain(Code::BackTab))]
    #[case(b"\x1b", Key::plain(Code::Esc))]
    #[case(b"\x03", Key::ctrl('c'))]
    #[case("é".as_bytes(), Key::char('é'))]
    #[case(b"\x1bf", Key { code: Code::Char('f'), ctrl: false, alt: true })]
    #[case(b"\x1b[1;5C", Key { code: Code::Right, ctrl: true, alt: false })]
    fn keys(#[case] bytes: &[u8], #[case] expected: Key) {
        assert_eq!(all(bytes), [expected]);
    }

    #[test]
    fn a_cut_sequence_waits_for_its_rest() {
        for cut in 1..4 {
            assert_eq!(input(&b"\x1b[15~"[..cut], false), None);
        }
        assert_eq!(input(b"\xc3", false), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_consumed(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut at = 0;
            while let Some((_, length)) = input(&bytes[at..], true) {
                prop_assert!(length > 0);
                at += length;
                prop_assert!(at <= bytes.len());
            }
            prop_assert_eq!(at, bytes.len());
        }
    }
}
