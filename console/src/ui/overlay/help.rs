//! The help, from the table of bindings.

use super::dialog;
use crate::keys::{BINDINGS, Key};
use crate::table::piece;
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::panel;
use ratatui::layout::Rect;

/// What the signs mean, for those who see them for the first time.
const SIGNS: [(&str, &str, Role); 8] = [
    ("●", "well", Role::Good),
    ("▲", "off its target, or an alert", Role::Warn),
    ("✖", "badly wrong", Role::Bad),
    ("?", "unknown: never seen, or nothing fresh", Role::Unknown),
    ("◌ 12 s", "stale: nothing new for so long", Role::Unknown),
    ("✕ 12 s", "lost: looking fails now", Role::Unknown),
    ("·", "no traffic: nothing to measure", Role::Muted),
    ("–", "not configured, or does not apply", Role::Faint),
];

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect) {
    let inner = dialog(
        canvas,
        area,
        (124, 36),
        &[piece("Help", Role::Strong)],
        Role::Accent,
    );
    let wide = inner.width >= 90;
    let columns = if wide {
        panel::columns(inner, &[1, 1])
    } else {
        vec![inner]
    };
    let mut column = 0;
    let Some(mut at) = columns.first().copied() else {
        return;
    };
    let mut group = "";
    for binding in BINDINGS {
        let keys: Vec<String> = binding.keys.iter().map(Key::to_string).collect();
        if binding.group != group {
            group = binding.group;
            // Acting begins the second column.
            if wide && column == 0 && group.starts_with("Act") {
                column = 1;
                at = columns.get(1).copied().unwrap_or(at);
            } else if at.y > inner.y && inner.height > 30 {
                at = down(at);
            }
            canvas.text(at.x, at.y, at.width, group, Role::Heading);
            at = down(at);
        }
        if at.height == 0 {
            return;
        }
        let line = [
            piece(format!("  {:<16}", keys.join(" ")), Role::Accent),
            piece(binding.help, Role::Text),
        ];
        canvas.pieces(at.x, at.y, at.width, &line);
        at = down(at);
    }
    if at.height > 9 {
        at = down(at);
        canvas.text(at.x, at.y, at.width, "Signs", Role::Heading);
        for (sign, meaning, role) in SIGNS {
            at = down(at);
            let line = [piece(format!("  {sign:<16}"), role), piece(meaning, Role::Text)];
            canvas.pieces(at.x, at.y, at.width, &line);
        }
    }
}

fn down(area: Rect) -> Rect {
    Rect {
        y: area.y + 1,
        height: area.height.saturating_sub(1),
        ..area
    }
}
