//! The table of bindings.

use super::{Code, Key};

/// What a person can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // each is described in `BINDINGS`
pub enum Command {
    Quit,
    Help,
    Palette,
    Filter,
    Close,
    Back,
    Forward,
    NextPage,
    PreviousPage,
    Page(usize),
    Up,
    Down,
    PageUp,
    PageDown,
    First,
    Last,
    Open,
    Freeze,
    Redraw,
    Suspend,
    Reconnect,
    Drain,
    Restore,
    Failover,
    Rollback,
    Acknowledge,
    Retry,
    Abort,
}

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Wherever no text is being typed.
    Everywhere,
    /// On the progress view of an operation.
    Progress,
}

/// A binding.
#[derive(Debug, Clone, Copy)]
pub struct Binding {
    /// Its keys; none means: by the palette only.
    pub keys: &'static [Key],
    /// What they do.
    pub command: Command,
    /// Where.
    pub scope: Scope,
    /// Group in the help.
    pub group: &'static str,
    /// One or two words for the footer; empty when it is not shown there.
    pub short: &'static str,
    /// What it does, for the help.
    pub help: &'static str,
}

const MOVE: &str = "Move";
const LOOK: &str = "Look";
const ACT: &str = "Act: each asks for a plan; a typed name confirms";
const LEAVE: &str = "Leave";

const fn everywhere(
    keys: &'static [Key],
    command: Command,
    group: &'static str,
    short: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        command,
        scope: Scope::Everywhere,
        group,
        short,
        help,
    }
}

const fn progress(
    keys: &'static [Key],
    command: Command,
    short: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        command,
        scope: Scope::Progress,
        group: ACT,
        short,
        help,
    }
}

/// All bindings, in the order of the help.
pub const BINDINGS: &[Binding] = &[
    everywhere(
        &[Key::char('j'), Key::plain(Code::Down), Key::ctrl('n')],
        Command::Down,
        MOVE,
        "",
        "next row",
    ),
    everywhere(
        &[Key::char('k'), Key::plain(Code::Up), Key::ctrl('p')],
        Command::Up,
        MOVE,
        "",
        "previous row",
    ),
    everywhere(
        &[Key::plain(Code::PageDown), Key::ctrl('f'), Key::ctrl('d')],
        Command::PageDown,
        MOVE,
        "",
        "a screen down",
    ),
    everywhere(
        &[Key::plain(Code::PageUp), Key::ctrl('b'), Key::ctrl('u')],
        Command::PageUp,
        MOVE,
        "",
        "a screen up",
    ),
    everywhere(
        &[Key::char('g'), Key::plain(Code::Home)],
        Command::First,
        MOVE,
        "",
        "first row",
    ),
    everywhere(
        &[Key::char('G'), Key::plain(Code::End)],
        Command::Last,
        MOVE,
        "",
        "last row",
    ),
    everywhere(
        &[Key::plain(Code::Tab), Key::plain(Code::Right), Key::char('l')],
        Command::NextPage,
        MOVE,
        "",
        "next page",
    ),
    everywhere(
        &[Key::plain(Code::BackTab), Key::plain(Code::Left), Key::char('h')],
        Command::PreviousPage,
        MOVE,
        "",
        "previous page",
    ),
    everywhere(
        &[Key::char('[')],
        Command::Back,
        MOVE,
        "",
        "back to the page before",
    ),
    everywhere(&[Key::char(']')], Command::Forward, MOVE, "", "forward again"),
    everywhere(
        &[Key::plain(Code::Enter)],
        Command::Open,
        LOOK,
        "open",
        "open what is selected",
    ),
    everywhere(
        &[Key::char(':')],
        Command::Palette,
        LOOK,
        "palette",
        "palette: everything by name, fuzzy",
    ),
    everywhere(
        &[Key::char('/')],
        Command::Filter,
        LOOK,
        "filter",
        "filter: words, lag>5s, region=eu-*",
    ),
    everywhere(
        &[Key::char(' ')],
        Command::Freeze,
        LOOK,
        "freeze",
        "freeze the view, and let go",
    ),
    everywhere(
        &[Key::plain(Code::Esc)],
        Command::Close,
        LOOK,
        "",
        "close, clear the filter, back",
    ),
    everywhere(&[Key::char('?')], Command::Help, LOOK, "help", "this help"),
    everywhere(
        &[Key::ctrl('l')],
        Command::Redraw,
        LOOK,
        "",
        "draw everything again",
    ),
    everywhere(
        &[Key::plain(Code::F(5))],
        Command::Drain,
        ACT,
        "drain",
        "drain the selected region",
    ),
    everywhere(
        &[Key::plain(Code::F(6))],
        Command::Restore,
        ACT,
        "restore",
        "restore the selected region",
    ),
    everywhere(
        &[Key::plain(Code::F(7))],
        Command::Failover,
        ACT,
        "failover",
        "make the selected region the writer",
    ),
    everywhere(
        &[Key::plain(Code::F(8))],
        Command::Rollback,
        ACT,
        "roll back",
        "roll back the selected region's release",
    ),
    everywhere(
        &[Key::plain(Code::F(9))],
        Command::Acknowledge,
        ACT,
        "acknowledge",
        "acknowledge the selected alert",
    ),
    progress(
        &[Key::plain(Code::F(2))],
        Command::Retry,
        "try again",
        "held operation: try the failed step again",
    ),
    progress(
        &[Key::plain(Code::F(3))],
        Command::Abort,
        "abort",
        "running or held operation: abort and undo",
    ),
    everywhere(&[], Command::Reconnect, LEAVE, "", "connect again now"),
    everywhere(
        &[Key::ctrl('z')],
        Command::Suspend,
        LEAVE,
        "",
        "suspend to the shell",
    ),
    everywhere(
        &[Key::char('q'), Key::ctrl('c')],
        Command::Quit,
        LEAVE,
        "quit",
        "quit; operations go on",
    ),
];

/// What a key does in a scope; the number keys choose pages.
#[must_use]
pub fn command(key: Key, scope: Scope) -> Option<Command> {
    let of = |scope| {
        BINDINGS
            .iter()
            .find(|b| b.scope == scope && b.keys.contains(&key))
            .map(|b| b.command)
    };
    if let Some(found) = of(scope).or_else(|| of(Scope::Everywhere)) {
        return Some(found);
    }
    match key {
        Key {
            code: Code::Char(c @ '1'..='9'),
            ctrl: false,
            alt: false,
        } => c
            .to_digit(10)
            .and_then(|n| usize::try_from(n).ok())
            .map(Command::Page),
        _ => None,
    }
}

/// The binding of a command.
#[must_use]
pub fn binding(command: Command) -> Option<&'static Binding> {
    BINDINGS.iter().find(|b| b.command == command)
}

/// The first key of a command, as text; empty when it has none.
#[must_use]
pub fn name(command: Command) -> String {
    binding(command)
        .and_then(|b| b.keys.first())
        .map(Key::to_string)
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_is_bound_twice_in_a_scope() {
        let mut seen = HashSet::new();
        for binding in BINDINGS {
            for key in binding.keys {
                let scope = binding.scope == Scope::Progress;
                assert!(seen.insert((scope, *key)), "{key} is bound twice");
            }
        }
    }

    #[test]
    fn actions_are_on_function_keys_only() {
        use Command::{Abort, Acknowledge, Drain, Failover, Restore, Retry, Rollback};
        for command in [Drain, Restore, Failover, Rollback, Acknowledge, Retry, Abort] {
            for key in binding(command).unwrap().keys {
                assert!(matches!(key.code, Code::F(_)), "{command:?} on {key}");
            }
        }
    }

    #[test]
    fn numbers_choose_pages() {
        assert_eq!(command(Key::char('3'), Scope::Everywhere), Some(Command::Page(3)));
        assert_eq!(command(Key::char('0'), Scope::Everywhere), None);
    }
}
