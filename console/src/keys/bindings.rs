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
    Earlier,
    EarlierFar,
    PreviousEvent,
    Later,
    LaterFar,
    NextEvent,
    Faster,
    Slower,
    Present,
    Copy,
    Redraw,
    Suspend,
    Reconnect,
    Arm,
    Override,
    Drain,
    Restore,
    Failover,
    Rollback,
    Acknowledge,
    Retry,
    Abort,
}

impl Command {
    /// Its name in the configuration, in the documentation and in the palette.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Quit => "quit",
            Self::Help => "help",
            Self::Palette => "palette",
            Self::Filter => "filter",
            Self::Close => "close",
            Self::Back => "back",
            Self::Forward => "forward",
            Self::NextPage => "next-page",
            Self::PreviousPage => "previous-page",
            Self::Page(_) => "page",
            Self::Up => "up",
            Self::Down => "down",
            Self::PageUp => "page-up",
            Self::PageDown => "page-down",
            Self::First => "first",
            Self::Last => "last",
            Self::Open => "open",
            Self::Freeze => "freeze",
            Self::Earlier => "earlier",
            Self::EarlierFar => "earlier-far",
            Self::PreviousEvent => "previous-event",
            Self::Later => "later",
            Self::LaterFar => "later-far",
            Self::NextEvent => "next-event",
            Self::Faster => "faster",
            Self::Slower => "slower",
            Self::Present => "present",
            Self::Copy => "copy",
            Self::Redraw => "redraw",
            Self::Suspend => "suspend",
            Self::Reconnect => "reconnect",
            Self::Arm => "arm",
            Self::Override => "override",
            Self::Drain => "drain",
            Self::Restore => "restore",
            Self::Failover => "failover",
            Self::Rollback => "rollback",
            Self::Acknowledge => "acknowledge",
            Self::Retry => "retry",
            Self::Abort => "abort",
        }
    }

    /// Whether it leads to something that changes a region: its keys must not be those of movement or editing.
    #[must_use]
    pub const fn acts(self) -> bool {
        matches!(
            self,
            Self::Arm
                | Self::Override
                | Self::Drain
                | Self::Restore
                | Self::Failover
                | Self::Rollback
                | Self::Acknowledge
                | Self::Retry
                | Self::Abort
        )
    }

    /// Whether it only moves: quicker by key than by name.
    #[must_use]
    pub const fn moves(self) -> bool {
        matches!(
            self,
            Self::Up
                | Self::Down
                | Self::PageUp
                | Self::PageDown
                | Self::First
                | Self::Last
                | Self::NextPage
                | Self::PreviousPage
                | Self::Page(_)
                | Self::Open
                | Self::Close
                | Self::Palette
        )
    }
}

/// Where a binding holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Wherever no text is being typed.
    Everywhere,
    /// Under a plan.
    Plan,
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
const TIME: &str = "Look back in time: what was recorded";
const ACT: &str = "Act: arm, see the plan, type the name";
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

const fn under(
    scope: Scope,
    keys: &'static [Key],
    command: Command,
    short: &'static str,
    help: &'static str,
) -> Binding {
    Binding {
        keys,
        command,
        scope,
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
        &[
            Key::char('1'),
            Key::char('2'),
            Key::char('3'),
            Key::char('4'),
            Key::char('5'),
            Key::char('6'),
            Key::char('7'),
            Key::char('8'),
            Key::char('9'),
            Key::char('0'),
            Key::char('m'),
        ],
        Command::Page(0),
        MOVE,
        "",
        "page by number; 0 is the tenth, m the map",
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
        "freeze the view, and let go; in a replay: play and pause",
    ),
    everywhere(
        &[Key::char('y')],
        Command::Copy,
        LOOK,
        "",
        "copy the name of what is selected (OSC 52)",
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
        &[Key::char('<')],
        Command::Earlier,
        TIME,
        "back in time",
        "10 s earlier; on an operation: where it began",
    ),
    everywhere(
        &[Key::char('>')],
        Command::Later,
        TIME,
        "later",
        "10 s later, and at last the present",
    ),
    everywhere(
        &[Key::char('{')],
        Command::EarlierFar,
        TIME,
        "",
        "5 minutes earlier",
    ),
    everywhere(&[Key::char('}')], Command::LaterFar, TIME, "", "5 minutes later"),
    everywhere(
        &[Key::char('N')],
        Command::PreviousEvent,
        TIME,
        "",
        "the alert or operation before",
    ),
    everywhere(
        &[Key::char('n')],
        Command::NextEvent,
        TIME,
        "next event",
        "the next alert or operation",
    ),
    everywhere(&[Key::char('+')], Command::Faster, TIME, "faster", "play faster"),
    everywhere(&[Key::char('-')], Command::Slower, TIME, "", "play more slowly"),
    everywhere(&[], Command::Present, TIME, "", "back to the present (Esc, too)"),
    everywhere(
        &[Key::plain(Code::F(4))],
        Command::Arm,
        ACT,
        "arm",
        "arm the selected region for ten minutes, or disarm",
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
    under(
        Scope::Plan,
        &[Key::plain(Code::F(2))],
        Command::Override,
        "override",
        "refused plan: override a gate by its name, with a reason",
    ),
    under(
        Scope::Progress,
        &[Key::plain(Code::F(2))],
        Command::Retry,
        "try again",
        "held operation: try the failed step again",
    ),
    under(
        Scope::Progress,
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_key_is_bound_twice_in_a_scope() {
        let mut seen = HashSet::new();
        for binding in BINDINGS {
            for key in binding.keys {
                let scope = format!("{:?}", binding.scope);
                assert!(seen.insert((scope, *key)), "{key} is bound twice");
            }
        }
    }

    #[test]
    fn names_are_unique() {
        let names: HashSet<_> = BINDINGS.iter().map(|b| b.command.name()).collect();
        assert_eq!(names.len(), BINDINGS.len());
    }

    #[test]
    fn what_acts_is_in_the_group_that_says_so() {
        for binding in BINDINGS {
            assert_eq!(
                binding.command.acts(),
                binding.group.starts_with("Act"),
                "{}",
                binding.command.name()
            );
        }
    }
}
