//! The one place that decides colours and characters. Views speak in [`Role`]s.
//!
//! The terminal's own background and foreground are kept: the screen is at home on light and dark ones, and a
//! frame costs fewer bytes. Colour is spent only where something matters, and never says anything alone.

use crate::capabilities::{Capabilities, Colors, Glyphs};
use ratatui::style::{Color, Modifier, Style};

/// What a piece of text is; the theme says how it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Ordinary.
    Text,
    /// Ordinary, and important.
    Strong,
    /// Labels, units, what is good to know.
    Muted,
    /// Lines, and what is behind.
    Faint,
    /// Titles of panels.
    Heading,
    /// Keys, selection, what can be acted on.
    Accent,
    /// A good state.
    Good,
    /// Off its target, not yet wrong.
    Notice,
    /// Wrong: an alert.
    Warn,
    /// Badly wrong: a page.
    Bad,
    /// Not known, stale or lost.
    Unknown,
    /// A drill: faults injected on purpose.
    Drill,
    /// The badge of a local environment.
    Local,
    /// The badge of a staging environment.
    Staging,
    /// The badge of a production environment.
    Production,
    /// The line that says the connection is lost.
    LostBar,
    /// The cursor of an input.
    Cursor,
}

impl Role {
    /// All, for tests.
    pub const ALL: [Self; 17] = [
        Self::Text,
        Self::Strong,
        Self::Muted,
        Self::Faint,
        Self::Heading,
        Self::Accent,
        Self::Good,
        Self::Notice,
        Self::Warn,
        Self::Bad,
        Self::Unknown,
        Self::Drill,
        Self::Local,
        Self::Staging,
        Self::Production,
        Self::LostBar,
        Self::Cursor,
    ];
}

/// How roles look on a terminal of certain capabilities.
#[derive(Debug, Clone, Copy)]
pub struct Theme {
    capabilities: Capabilities,
}

/// A colour at each depth.
struct Paint(u8, u8, u8, u8, Color);

const MUTED: Paint = Paint(139, 146, 160, 246, Color::DarkGray);
const FAINT: Paint = Paint(92, 99, 112, 241, Color::DarkGray);
const ACCENT: Paint = Paint(97, 164, 235, 75, Color::LightBlue);
const GOOD: Paint = Paint(94, 176, 110, 71, Color::Green);
const NOTICE: Paint = Paint(214, 176, 62, 178, Color::Yellow);
const WARN: Paint = Paint(239, 138, 52, 208, Color::LightYellow);
const BAD: Paint = Paint(240, 78, 82, 203, Color::LightRed);
const UNKNOWN: Paint = Paint(176, 136, 222, 140, Color::LightMagenta);
const BLACK: Paint = Paint(16, 18, 22, 233, Color::Black);
const WHITE: Paint = Paint(250, 250, 250, 231, Color::White);
const LOCAL: Paint = Paint(110, 160, 150, 73, Color::Cyan);
const STAGING: Paint = Paint(214, 176, 62, 178, Color::Yellow);
const PRODUCTION: Paint = Paint(200, 30, 48, 160, Color::Red);
const LOST: Paint = Paint(120, 70, 160, 97, Color::Magenta);

impl Theme {
    /// A theme for these capabilities.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self { capabilities }
    }

    /// What the terminal can show.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        if self.capabilities.colors == Colors::Mono {
            mono(role)
        } else {
            self.colored(role)
        }
    }

    fn colored(self, role: Role) -> Style {
        let on = |front: &Paint, back: &Paint| {
            Style::new()
                .fg(self.color(front))
                .bg(self.color(back))
                .add_modifier(Modifier::BOLD)
        };
        let fg = |paint: &Paint| Style::new().fg(self.color(paint));
        match role {
            Role::Text => Style::new(),
            Role::Strong => Style::new().add_modifier(Modifier::BOLD),
            Role::Muted => fg(&MUTED),
            Role::Faint => fg(&FAINT),
            Role::Heading => fg(&MUTED).add_modifier(Modifier::BOLD),
            Role::Accent => fg(&ACCENT),
            Role::Good => fg(&GOOD),
            Role::Notice => fg(&NOTICE),
            Role::Warn => fg(&WARN),
            Role::Bad => fg(&BAD).add_modifier(Modifier::BOLD),
            Role::Unknown => fg(&UNKNOWN),
            Role::Drill => on(&BLACK, &NOTICE),
            Role::Local => on(&BLACK, &LOCAL),
            Role::Staging => on(&BLACK, &STAGING),
            Role::Production => on(&WHITE, &PRODUCTION),
            Role::LostBar => on(&WHITE, &LOST),
            Role::Cursor => Style::new().add_modifier(Modifier::REVERSED),
        }
    }

    fn color(self, Paint(r, g, b, index, named): &Paint) -> Color {
        match self.capabilities.colors {
            Colors::True => Color::Rgb(*r, *g, *b),
            Colors::Indexed => Color::Indexed(*index),
            Colors::Ansi16 => *named,
            Colors::Mono => Color::Reset,
        }
    }

    /// How everything looks that is only a memory: after a lost connection.
    #[must_use]
    pub fn memory(&self) -> Style {
        if self.capabilities.colors == Colors::Mono {
            Style::new().add_modifier(Modifier::DIM)
        } else {
            Style::new().fg(self.color(&FAINT))
        }
    }

    /// Whether blocks are there to draw large figures with.
    #[must_use]
    pub fn has_blocks(&self) -> bool {
        self.capabilities.glyphs != Glyphs::Ascii
    }

    /// The character that stands for `c` on this terminal. Always one column wide.
    #[must_use]
    pub fn glyph(&self, c: char) -> char {
        match self.capabilities.glyphs {
            Glyphs::Full => c,
            Glyphs::Console if in_console_font(c) => c,
            Glyphs::Console | Glyphs::Ascii => ascii(c),
        }
    }
}

fn mono(role: Role) -> Style {
    let style = Style::new();
    match role {
        Role::Text | Role::Good => style,
        Role::Strong | Role::Heading | Role::Accent | Role::Notice | Role::Warn => {
            style.add_modifier(Modifier::BOLD)
        }
        Role::Muted | Role::Faint => style.add_modifier(Modifier::DIM),
        Role::Bad => style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::Unknown => style.add_modifier(Modifier::UNDERLINED),
        Role::Drill | Role::Local | Role::Staging | Role::Production | Role::LostBar | Role::Cursor => {
            style.add_modifier(Modifier::REVERSED | Modifier::BOLD)
        }
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
        '↑' => '^',
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
    fn no_color_means_no_color() {
        let theme = Theme::new(Capabilities::PLAIN);
        for role in Role::ALL {
            let style = theme.style(role);
            assert_eq!((style.fg, style.bg), (None, None), "{role:?}");
        }
        assert!(theme.memory().fg.is_none());
    }

    #[test]
    fn seven_bits_means_seven_bits() {
        let theme = Theme::new(Capabilities::PLAIN);
        for c in "─│┌█▀▄░→●○▲✖✓≤…日".chars() {
            assert!(theme.glyph(c).is_ascii());
        }
    }

    #[test]
    fn bad_and_good_never_look_the_same() {
        for colors in [Colors::Mono, Colors::Ansi16, Colors::Indexed, Colors::True] {
            let theme = Theme::new(Capabilities {
                colors,
                glyphs: Glyphs::Full,
            });
            assert_ne!(theme.style(Role::Bad), theme.style(Role::Good));
            assert_ne!(theme.style(Role::Unknown), theme.style(Role::Good));
        }
    }
}
