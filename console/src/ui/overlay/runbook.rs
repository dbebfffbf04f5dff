//! A runbook: for which region, how old, and its lines with the chosen one.

use super::dialog;
use crate::format;
use crate::model::Model;
use crate::runbook::{self, Line, Reading, Stage};
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use aisoc_model::text::sanitize;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, reading: &Reading) {
    let inner = dialog(
        canvas,
        area,
        (runbook::WIDEST, area.height),
        &title(reading),
        Role::Accent,
    );
    match &reading.stage {
        Stage::Asking => {
            canvas.wrapped(inner, "The control plane is writing it.", Role::Muted);
        }
        Stage::Failed(why) => {
            let used = canvas.wrapped(inner, why, Role::Bad);
            let below = Rect {
                y: inner.y + used,
                height: inner.height.saturating_sub(used),
                ..inner
            };
            canvas.wrapped(below, "Enter asks again.", Role::Muted);
        }
        Stage::Shown(runbook) => {
            let past = model.replaying.is_some();
            let place = match &runbook.region {
                Some(region) => format!("for {region}"),
                None => "for any region".to_owned(),
            };
            let head = [
                piece(place, Role::Strong),
                piece(format!(": {}", sanitize(&runbook.because, 200)), Role::Text),
                piece(
                    if past {
                        String::new()
                    } else {
                        format!("  {}", runbook::age(runbook, model.now))
                    },
                    Role::Muted,
                ),
            ];
            canvas.pieces(inner.x, inner.y, inner.width, &head);
            if past {
                canvas.text(
                    inner.x,
                    inner.y + 1,
                    inner.width,
                    &runbook::of_the_present(runbook),
                    Role::Notice,
                );
            }
            let used = 1 + u16::from(past);
            canvas.horizontal(inner.x, inner.y + used, inner.width, '─', Role::Faint);
            let body = Rect {
                y: inner.y + used + 1,
                height: inner.height.saturating_sub(used + 1),
                ..inner
            };
            text(canvas, body, &reading.lines(model.size.0), reading.chosen);
        }
    }
}

fn title(reading: &Reading) -> Vec<Piece> {
    match &reading.stage {
        Stage::Shown(runbook) => vec![
            piece(format!("{}  ", sanitize(&runbook.summary.id, 20)), Role::Strong),
            piece(sanitize(&runbook.summary.title, 90), Role::Strong),
        ],
        Stage::Asking | Stage::Failed(_) => vec![piece(sanitize(&reading.id, 40), Role::Strong)],
    }
}

fn text(canvas: &mut Canvas<'_>, area: Rect, lines: &[Line], chosen: usize) {
    let height = usize::from(area.height);
    let first = chosen
        .saturating_sub(height / 2)
        .min(lines.len().saturating_sub(height));
    for (y, (index, line)) in (area.top()..area.bottom()).zip(lines.iter().enumerate().skip(first)) {
        let is_chosen = index == chosen;
        if is_chosen {
            canvas.put(area.x, y, '▶', Role::Accent);
        }
        let end = canvas.pieces(area.x + 2, y, area.width.saturating_sub(2), &line.pieces);
        if line.does.is_none() {
            continue;
        }
        let leads = if is_chosen {
            [piece("Enter ", Role::Accent), piece("the plan", Role::Muted)]
        } else {
            [piece("", Role::Text), piece("plan", Role::Faint)]
        };
        if end + 2 + format::cells(crate::table::width(&leads)) <= area.right() {
            canvas.pieces_right(end + 2, y, area.right().saturating_sub(end + 2), &leads);
        }
    }
    let below = lines.len().saturating_sub(first + height);
    if below > 0 {
        let more = [piece(
            format!(" ↓ {} ", format::number(below as u64, "more line")),
            Role::Accent,
        )];
        canvas.pieces_right(area.x, area.bottom(), area.width, &more);
    }
}
