//! Roles as styles, from a theme's inks or without any.

use super::Role;
use super::file::{Badge, Inks, Paint};
use crate::capabilities::Colors;
use ratatui::style::{Modifier, Style};

/// What styles are made from.
pub enum Look<'a> {
    /// Inks at a depth.
    Colored(&'a Inks, Colors),
    /// Bold, dim, underline and reverse.
    Mono,
}

impl Look<'_> {
    /// The style of a role.
    pub fn style(&self, role: Role) -> Style {
        match self {
            Self::Colored(inks, depth) => colored(inks, *depth, role),
            Self::Mono => mono(role),
        }
    }

    /// How a memory looks.
    pub fn memory(&self) -> Style {
        match self {
            Self::Colored(inks, depth) => Style::new().fg(inks.ink.faint.at(*depth)),
            Self::Mono => Style::new().add_modifier(Modifier::DIM),
        }
    }

    /// What is painted behind everything.
    pub fn ground(&self) -> Option<Style> {
        match self {
            Self::Colored(inks, depth) => inks
                .paint
                .map(|(front, back)| Style::new().fg(front.at(*depth)).bg(back.at(*depth))),
            Self::Mono => None,
        }
    }
}

fn colored(inks: &Inks, depth: Colors, role: Role) -> Style {
    let fg = |paint: Paint| Style::new().fg(paint.at(depth));
    let on = |badge: Badge| {
        fg(badge.ink)
            .bg(badge.ground.at(depth))
            .add_modifier(Modifier::BOLD)
    };
    let (ink, badge) = (&inks.ink, &inks.badge);
    match role {
        Role::Text => Style::new(),
        Role::Strong => Style::new().add_modifier(Modifier::BOLD),
        Role::Muted => fg(ink.muted),
        Role::Faint => fg(ink.faint),
        Role::Heading => fg(ink.muted).add_modifier(Modifier::BOLD),
        Role::Accent => fg(ink.accent),
        Role::Good => fg(ink.good),
        Role::Notice => fg(ink.notice),
        Role::Warn => fg(ink.warn),
        Role::Bad => fg(ink.bad).add_modifier(Modifier::BOLD),
        Role::Unknown => fg(ink.unknown),
        Role::Drill => on(badge.drill),
        Role::Armed => on(badge.armed),
        Role::Local => on(badge.local),
        Role::Staging => on(badge.staging),
        Role::Production => on(badge.production),
        Role::LocalLine => fg(badge.local.ground),
        Role::StagingLine => fg(badge.staging.ground),
        Role::ProductionLine => fg(badge.production.ground).add_modifier(Modifier::BOLD),
        Role::LostBar => on(badge.lost),
        Role::Replay => on(badge.replay),
        Role::Cursor => Style::new().add_modifier(Modifier::REVERSED),
    }
}

fn mono(role: Role) -> Style {
    let style = Style::new();
    match role {
        Role::Text | Role::Good => style,
        Role::Strong | Role::Heading | Role::Accent | Role::Notice | Role::Warn | Role::ProductionLine => {
            style.add_modifier(Modifier::BOLD)
        }
        Role::Muted | Role::Faint | Role::LocalLine | Role::StagingLine => style.add_modifier(Modifier::DIM),
        Role::Bad => style.add_modifier(Modifier::BOLD | Modifier::UNDERLINED),
        Role::Unknown => style.add_modifier(Modifier::UNDERLINED),
        Role::Drill
        | Role::Armed
        | Role::Local
        | Role::Staging
        | Role::Production
        | Role::LostBar
        | Role::Replay
        | Role::Cursor => style.add_modifier(Modifier::REVERSED | Modifier::BOLD),
    }
}
