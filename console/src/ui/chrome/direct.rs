//! What the regions' health endpoints say when no control plane is left. On every page: it is all that is known.

use crate::direct::Answer;
use crate::format::{self, cells};
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::panel;
use ratatui::layout::Rect;

/// Draws it at the top of an area when there is something to say; returns what is left.
pub fn direct(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Rect {
    let Some((at, answers)) = &model.direct.seen else {
        return area;
    };
    // In the order of the questions: that of the places on the screen.
    let regions: Vec<&[Answer]> = answers
        .chunk_by(|a, b| a.endpoint.region == b.endpoint.region)
        .collect();
    // At most half of the screen: what was known before stays in view.
    let height = (cells(regions.len()) + 2).min(area.height / 2);
    if height < 3 {
        return area;
    }
    let place = Rect {
        x: area.x + 1,
        width: area.width.saturating_sub(2),
        height,
        ..area
    };
    let age = format::since(*at, model.now);
    let title = "DIRECT: no control plane answers; the console asks each api itself";
    let inner = panel::panel(canvas, place, title, &[piece(format!("{age} ago"), Role::Muted)]);
    let room = usize::from(inner.height.saturating_sub(1));
    for (y, answers) in (inner.top()..inner.bottom()).zip(regions.iter().take(room)) {
        canvas.pieces(inner.x, y, inner.width, &line(answers));
    }
    if regions.len() > room {
        let more = format::number((regions.len() - room) as u64, "more region");
        canvas.text(inner.x, inner.bottom() - 1, inner.width, &more, Role::Muted);
    }
    Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    }
}

fn line(answers: &[Answer]) -> Vec<Piece> {
    let region = answers
        .first()
        .map_or("", |answer| answer.endpoint.region.as_str());
    let mut line = vec![piece(format!("{region:<16}"), Role::Strong)];
    for answer in answers {
        line.push(piece(format!("{} ", answer.endpoint.instance), Role::Muted));
        line.push(match &answer.result {
            Ok(said) if said.status == 200 => {
                piece(format!("● answers 200 in {} ms   ", said.took_ms), Role::Text)
            }
            Ok(said) => {
                let reason = said.reason.as_deref().unwrap_or("no reason given");
                piece(format!("✖ answers {}: {reason}   ", said.status), Role::Bad)
            }
            Err(why) => piece(format!("✕ {why}   "), Role::Bad),
        });
    }
    line
}
