//! An explanation: what is wrong, the safe action, and the evidence.

use super::{dialog, environment};
use crate::explain::{self, Does, Explaining, Item};
use crate::format;
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// Columns of the labels.
const LABEL: u16 = 11;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, explaining: &Explaining) {
    let Some(explanation) = explain::explain(model, &explaining.subject) else {
        let inner = dialog(
            canvas,
            area,
            (76, 4),
            &[piece("Explain", Role::Strong)],
            Role::Unknown,
        );
        canvas.wrapped(
            inner,
            "It is not in the latest frame any more: it has ended.",
            Role::Muted,
        );
        return;
    };
    let mut title = explanation.title.clone();
    title.extend(environment(model));
    let height = format::cells(explanation.says.len() + explanation.items.len() + 1) + 2;
    let inner = dialog(canvas, area, (126, height), &title, Role::Accent);
    let mut y = inner.y;
    for line in &explanation.says {
        // The lines to choose from keep at least half of the room.
        if y >= inner.y + inner.height / 2 {
            break;
        }
        canvas.pieces(inner.x, y, inner.width, line);
        y += 1;
    }
    if inner.height >= 10 {
        y += 1;
    }
    let list = Rect {
        y,
        height: inner.bottom().saturating_sub(y),
        ..inner
    };
    items(canvas, list, &explanation.items, explaining.chosen);
}

fn items(canvas: &mut Canvas<'_>, area: Rect, items: &[Item], chosen: usize) {
    let height = usize::from(area.height);
    let chosen = chosen.min(items.len().saturating_sub(1));
    let first = chosen
        .saturating_sub(height / 2)
        .min(items.len().saturating_sub(height));
    for (y, (index, item)) in (area.top()..area.bottom()).zip(items.iter().enumerate().skip(first)) {
        if index == chosen {
            canvas.put(area.x, y, '▶', Role::Accent);
        }
        let role = if item.label == "action" {
            Role::Heading
        } else {
            Role::Muted
        };
        canvas.text(area.x + 2, y, LABEL, item.label, role);
        let room = area.width.saturating_sub(2 + LABEL);
        let end = canvas.pieces(area.x + 2 + LABEL, y, room, &item.text);
        let leads = leads(&item.does);
        if index == chosen
            && !leads.is_empty()
            && end + 2 + format::cells(crate::table::width(&leads)) <= area.right()
        {
            canvas.pieces_right(end + 2, y, area.right().saturating_sub(end + 2), &leads);
        }
    }
    let below = items.len().saturating_sub(first + height);
    if below > 0 {
        let more = [piece(format!(" ↓ {below} more "), Role::Accent)];
        canvas.pieces_right(area.x, area.bottom(), area.width, &more);
    }
}

/// Where a line leads.
fn leads(does: &Does) -> Vec<Piece> {
    let to = match does {
        Does::Nothing => return Vec::new(),
        Does::Go(jump) => format!("page {}", jump.page),
        Does::Plan(_) => "the plan".to_owned(),
        Does::Acknowledge(_) => "acknowledge".to_owned(),
        Does::Explain(_) => "explain".to_owned(),
        Does::Runbook(..) => "read it".to_owned(),
    };
    vec![piece("Enter ", Role::Accent), piece(to, Role::Muted)]
}
