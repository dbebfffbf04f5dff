//! The help, from the table of bindings.

use super::{dialog, scrolled};
use crate::keys::{Bound, Keymap};
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::{Canvas, wrap};
use crate::ui::widgets::panel;
use ratatui::layout::Rect;

/// Columns of the widest page of help, its frame included.
const WIDEST: u16 = 150;
/// Columns of the keys.
const KEYS: u16 = 16;

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
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, keys: &Keymap, scroll: u16) {
    let acts = |bound: &&Bound| {
        let group = bound.binding.group;
        group.starts_with("Act") || group.starts_with("Leave")
    };
    let wide = area.width >= 110;
    let inside = area.width.min(WIDEST).saturating_sub(4);
    let each = if wide {
        inside.saturating_sub(2) / 2
    } else {
        inside
    };
    let mut left = groups(keys.all().filter(|b| !acts(b)), each);
    let mut right = groups(keys.all().filter(acts), each);
    right.push(Vec::new());
    right.push(vec![piece("Signs", Role::Heading)]);
    for (sign, meaning, role) in SIGNS {
        right.push(vec![
            piece(format!("  {sign:<14}"), role),
            piece(meaning, Role::Text),
        ]);
    }
    if !wide {
        left.push(Vec::new());
        left.append(&mut right);
    }
    let height = crate::format::cells(left.len().max(right.len())) + 2;
    let inner = dialog(
        canvas,
        area,
        (WIDEST, height),
        &[piece("Help", Role::Strong)],
        Role::Accent,
    );
    let columns = if wide {
        panel::columns(inner, &[1, 1])
    } else {
        vec![inner]
    };
    for (column, lines) in columns.into_iter().zip([left, right]) {
        let below = scrolled(canvas, column, &lines, scroll);
        if below > 0 {
            let more = [piece(
                format!(" ↓ {} ", crate::format::number(u64::from(below), "more line")),
                Role::Accent,
            )];
            canvas.pieces_right(column.x, column.bottom(), column.width, &more);
        }
    }
}

/// Bindings under the headings of their groups.
fn groups<'a>(bindings: impl Iterator<Item = &'a Bound>, width: u16) -> Vec<Vec<Piece>> {
    let room = usize::from(width.saturating_sub(KEYS)).max(12);
    let mut lines: Vec<Vec<Piece>> = Vec::new();
    let mut group = "";
    for bound in bindings {
        let binding = bound.binding;
        if binding.group != group {
            group = binding.group;
            if !lines.is_empty() {
                lines.push(Vec::new());
            }
            let (name, more) = group.split_once(": ").unwrap_or((group, ""));
            lines.push(vec![
                piece(name, Role::Heading),
                piece(format!("  {more}"), Role::Muted),
            ]);
        }
        let mut keys = bound.keys_text();
        for text in wrap(binding.help, room) {
            let shown = format!("  {keys:<14}");
            lines.push(vec![piece(shown, Role::Accent), piece(text, Role::Text)]);
            keys.clear();
        }
    }
    lines
}
