//! What keys already mean under a person's fingers. An action on one of them would be started by habit.

use super::{Code, Key};

/// What a key means in vi, readline or emacs; `None` for the keys that mean nothing there.
#[must_use]
pub fn meaning(key: Key) -> Option<&'static str> {
    let modified = match (key.ctrl, key.alt) {
        (true, _) => "a command of emacs and readline",
        (false, true) => "a word command of emacs and readline",
        (false, false) => "",
    };
    Some(match key.code {
        Code::F(_) => return None,
        Code::Char(_) if !modified.is_empty() => modified,
        Code::Char(
            'h' | 'j' | 'k' | 'l' | 'w' | 'b' | 'e' | 'g' | 'G' | 'H' | 'M' | 'L' | '0' | '$' | '^',
        ) => "movement in vi",
        Code::Char(
            'd' | 'x' | 'c' | 's' | 'r' | 'p' | 'P' | 'y' | 'u' | 'i' | 'a' | 'o' | 'O' | 'J' | '.',
        ) => "editing in vi",
        Code::Char(_) => "a character that readline and emacs type",
        Code::Enter | Code::Tab | Code::BackTab => "completion or a new line",
        Code::Backspace | Code::Delete => "editing everywhere",
        Code::Esc => "leaving a mode in vi",
        Code::Up
        | Code::Down
        | Code::Left
        | Code::Right
        | Code::Home
        | Code::End
        | Code::PageUp
        | Code::PageDown => "movement everywhere",
    })
}

#[cfg(test)]
mod tests {
    use super::super::BINDINGS;
    use super::*;

    #[test]
    fn no_action_is_on_a_key_that_means_movement_or_editing() {
        for binding in BINDINGS.iter().filter(|b| b.command.acts()) {
            for key in binding.keys {
                assert_eq!(meaning(*key), None, "{} on {key}", binding.command.name());
            }
        }
    }

    #[test]
    fn every_letter_and_control_letter_means_something() {
        for c in (b' '..=b'~').map(char::from) {
            assert!(meaning(Key::char(c)).is_some(), "{c}");
            assert!(meaning(Key::ctrl(c)).is_some(), "^{c}");
        }
        assert_eq!(meaning(Key::plain(Code::F(5))), None);
    }
}
