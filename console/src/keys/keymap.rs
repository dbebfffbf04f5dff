//! Which keys do what for this person: the table of bindings, with the changes of a configuration.

use super::{BINDINGS, Binding, Code, Command, Key, Scope, meaning};
use std::collections::BTreeMap;

/// Which keys do what for this person.
#[derive(Debug, Clone)]
pub struct Keymap {
    bound: Vec<Bound>,
}

/// A binding with its keys.
#[derive(Debug, Clone)]
pub struct Bound {
    /// What they do, and how it is called.
    pub binding: &'static Binding,
    /// The keys; none means: by the palette only.
    pub keys: Vec<Key>,
}

/// Why some keys cannot be bound so.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeymapError {
    /// An action would be started by habit.
    #[error("{command} acts, and {key} is {means}: give it a function key")]
    Habit {
        /// The action.
        command: &'static str,
        /// The key.
        key: Key,
        /// What the key means to fingers.
        means: &'static str,
    },
    /// A key would do two things.
    #[error("{key} would do both {first} and {second}")]
    Twice {
        /// The key.
        key: Key,
        /// What it does.
        first: &'static str,
        /// What it would do, too.
        second: &'static str,
    },
    /// Without it there is no way on.
    #[error("{0} needs a key")]
    Needed(&'static str),
}

impl KeymapError {
    /// The commands that it is about.
    #[must_use]
    pub fn commands(&self) -> Vec<&'static str> {
        match self {
            Self::Habit { command, .. } | Self::Needed(command) => vec![command],
            Self::Twice { first, second, .. } => vec![first, second],
        }
    }
}

impl Default for Keymap {
    fn default() -> Self {
        let bound = |binding: &'static Binding| Bound {
            binding,
            keys: binding.keys.to_vec(),
        };
        Self {
            bound: BINDINGS.iter().map(bound).collect(),
        }
    }
}

impl Keymap {
    /// The usual keys, but others for the commands named here.
    ///
    /// # Errors
    /// When an action would sit on a key of movement or editing, a key would do two things, or quitting or closing
    /// would have none.
    pub fn with(changes: &BTreeMap<&'static str, Vec<Key>>) -> Result<Self, KeymapError> {
        let mut keymap = Self::default();
        for bound in &mut keymap.bound {
            if let Some(keys) = changes.get(bound.binding.command.name()) {
                bound.keys.clone_from(keys);
            }
        }
        keymap.check()?;
        Ok(keymap)
    }

    fn check(&self) -> Result<(), KeymapError> {
        for (index, bound) in self.bound.iter().enumerate() {
            let command = bound.binding.command;
            if bound.keys.is_empty() && matches!(command, Command::Quit | Command::Close | Command::Palette) {
                return Err(KeymapError::Needed(command.name()));
            }
            for key in &bound.keys {
                if let (true, Some(means)) = (command.acts(), meaning(*key)) {
                    return Err(KeymapError::Habit {
                        command: command.name(),
                        key: *key,
                        means,
                    });
                }
                let other = self
                    .bound
                    .iter()
                    .take(index)
                    .find(|other| other.binding.scope == bound.binding.scope && other.keys.contains(key));
                if let Some(other) = other {
                    return Err(KeymapError::Twice {
                        key: *key,
                        first: other.binding.command.name(),
                        second: command.name(),
                    });
                }
            }
        }
        Ok(())
    }

    /// All bindings, in the order of the help.
    pub fn all(&self) -> impl Iterator<Item = &Bound> {
        self.bound.iter()
    }

    /// What a key does in a scope.
    #[must_use]
    pub fn command(&self, key: Key, scope: Scope) -> Option<Command> {
        let of = |scope| {
            self.bound
                .iter()
                .find(|b| b.binding.scope == scope && b.keys.contains(&key))
                .map(|b| b.binding.command)
        };
        match (of(scope).or_else(|| of(Scope::Everywhere))?, key.code) {
            (Command::Page(_), Code::Char('m')) => Some(Command::Page(11)),
            (Command::Page(_), Code::Char(digit)) => {
                let number = digit.to_digit(10).and_then(|n| usize::try_from(n).ok())?;
                Some(Command::Page(if number == 0 { 10 } else { number }))
            }
            (command, _) => Some(command),
        }
    }

    /// A command's binding.
    #[must_use]
    pub fn binding(&self, command: Command) -> Option<&Bound> {
        self.bound.iter().find(|b| b.binding.command == command)
    }

    /// The first key of a command, as text; empty when it has none.
    #[must_use]
    pub fn name(&self, command: Command) -> String {
        self.binding(command)
            .and_then(|b| b.keys.first())
            .map(Key::to_string)
            .unwrap_or_default()
    }
}

impl Bound {
    /// Its keys as text: `j Down ^N`; `:` when it has none; `1 … 0 m` for a row of them.
    #[must_use]
    pub fn keys_text(&self) -> String {
        match (self.keys.as_slice(), self.binding.command) {
            ([], _) => ":".to_owned(),
            ([first, .., last], Command::Page(_)) if last.code == Code::Char('m') => {
                let zero = Key::char('0');
                format!("{first} … {zero} {last}")
            }
            ([first, .., last], Command::Page(_)) => format!("{first} … {last}"),
            (keys, _) => keys.iter().map(Key::to_string).collect::<Vec<_>>().join(" "),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn keymap(command: &'static str, keys: &[&str]) -> Result<Keymap, KeymapError> {
        let keys = keys.iter().map(|k| k.parse().unwrap()).collect();
        Keymap::with(&BTreeMap::from([(command, keys)]))
    }

    #[test]
    fn numbers_choose_pages() {
        let keys = Keymap::default();
        assert_eq!(
            keys.command(Key::char('3'), Scope::Everywhere),
            Some(Command::Page(3))
        );
        assert_eq!(
            keys.command(Key::char('0'), Scope::Everywhere),
            Some(Command::Page(10))
        );
        assert_eq!(
            keys.command(Key::char('m'), Scope::Everywhere),
            Some(Command::Page(11))
        );
    }

    #[test]
    fn a_changed_key_does_what_it_was_given() {
        let keys = keymap("drain", &["F10"]).unwrap();
        assert_eq!(
            keys.command(Key::plain(Code::F(10)), Scope::Everywhere),
            Some(Command::Drain)
        );
        assert_eq!(keys.command(Key::plain(Code::F(5)), Scope::Everywhere), None);
        assert_eq!(keys.name(Command::Drain), "F10");
    }

    #[rstest]
    #[case("drain", &["x"], "drain acts, and x is editing in vi: give it a function key")]
    #[case("failover", &["^N"], "failover acts, and ^N is a command of emacs and readline: give it a function key")]
    #[case("help", &["q"], "q would do both help and quit")]
    #[case("quit", &[], "quit needs a key")]
    fn what_cannot_be_bound(#[case] command: &'static str, #[case] keys: &[&str], #[case] why: &str) {
        assert_eq!(keymap(command, keys).unwrap_err().to_string(), why);
    }
}
