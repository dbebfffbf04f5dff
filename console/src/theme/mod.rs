//! The one place that decides colours and characters. Views speak in [`Role`]s.
//!
//! The themes are data (`assets/themes`), compiled in. Most keep the terminal's own background and foreground: the
//! screen is at home there, and a frame costs fewer bytes. Colour is spent only where something matters, and never
//! says anything alone.

mod choice;
pub mod file;
mod glyphs;
mod styles;

#[cfg(test)]
mod tests;

pub use choice::{Choice, Name, UnknownTheme};

use crate::capabilities::{Capabilities, Colors, Glyphs};
use ratatui::buffer::Buffer;
use ratatui::style::Style;

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
    /// The line that says which region is armed.
    Armed,
    /// The badge of a local environment.
    Local,
    /// The badge of a staging environment.
    Staging,
    /// The badge of a production environment.
    Production,
    /// A line in a local environment's accent.
    LocalLine,
    /// A line in a staging environment's accent.
    StagingLine,
    /// A line in a production environment's accent.
    ProductionLine,
    /// The line that says the connection is lost.
    LostBar,
    /// The line that says that a recording is shown.
    Replay,
    /// The cursor of an input.
    Cursor,
}

impl Role {
    /// All, in the order of their declaration.
    pub const ALL: [Self; 22] = [
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
        Self::Armed,
        Self::Local,
        Self::Staging,
        Self::Production,
        Self::LocalLine,
        Self::StagingLine,
        Self::ProductionLine,
        Self::LostBar,
        Self::Replay,
        Self::Cursor,
    ];
}

/// How roles look on a terminal of certain capabilities.
#[derive(Debug, Clone)]
pub struct Theme {
    name: Name,
    capabilities: Capabilities,
    styles: [Style; Role::ALL.len()],
    memory: Style,
    ground: Option<Style>,
}

impl Theme {
    /// The usual theme for these capabilities.
    #[must_use]
    pub fn new(capabilities: Capabilities) -> Self {
        Self::named(Name::Dark, capabilities)
    }

    /// A theme for these capabilities.
    #[must_use]
    pub fn named(name: Name, mut capabilities: Capabilities) -> Self {
        let file = file::of(name);
        if file.is_none() {
            capabilities.colors = Colors::Mono;
        }
        let look = match (&file, capabilities.colors) {
            (Some(inks), colors) if colors != Colors::Mono => styles::Look::Colored(inks, colors),
            _ => styles::Look::Mono,
        };
        let ground = look.ground();
        let on_ground = |style: Style| ground.map_or(style, |ground| ground.patch(style));
        Self {
            name,
            capabilities,
            styles: Role::ALL.map(|role| on_ground(look.style(role))),
            memory: on_ground(look.memory()),
            ground,
        }
    }

    /// Which one it is.
    #[must_use]
    pub fn name(&self) -> Name {
        self.name
    }

    /// What the terminal can show.
    #[must_use]
    pub fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    /// The style of a role.
    #[must_use]
    pub fn style(&self, role: Role) -> Style {
        self.styles.get(role as usize).copied().unwrap_or_default()
    }

    /// How everything looks that is only a memory: after a lost connection.
    #[must_use]
    pub fn memory(&self) -> Style {
        self.memory
    }

    /// An empty screen: blank, on this theme's ground if it paints one.
    pub fn clear(&self, buffer: &mut Buffer) {
        buffer.reset();
        if let Some(ground) = self.ground {
            buffer.set_style(buffer.area, ground);
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
        glyphs::of(c, self.capabilities.glyphs)
    }
}
