//! The screen before the first frame: nothing is known, and that is said.

use crate::connection::Connection;
use crate::format;
use crate::model::Model;
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use ratatui::layout::Rect;

/// Why there is nothing to show, in a line.
#[must_use]
pub fn reason(model: &Model) -> String {
    match &model.connection {
        Connection::Connecting { endpoint } => format!("connecting to {endpoint}"),
        Connection::Lost { why, .. } | Connection::Refused { why } => why.clone(),
        Connection::Silent { endpoint, .. } => format!("{endpoint} says nothing"),
        Connection::Live { endpoint } => format!("{endpoint} has sent nothing yet"),
        Connection::Still | Connection::Replay => "no frame".to_owned(),
    }
}

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    let (title, role, lines) = match &model.connection {
        Connection::Connecting { endpoint } => (
            "Connecting",
            Role::Strong,
            vec![endpoint.clone(), "Nothing is known yet.".to_owned()],
        ),
        Connection::Lost { since, why, retry_at } => {
            let next = match retry_at {
                Some(at) => format!("Next try in {}.", format::since(model.now, *at)),
                None => "Trying now.".to_owned(),
            };
            let since = format!(
                "No control plane has answered for {}. {next}",
                format::since(*since, model.now)
            );
            (
                "No connection",
                Role::Bad,
                vec![why.clone(), since, "Nothing is known yet.".to_owned()],
            )
        }
        Connection::Refused { why } => {
            let next = "It is not tried again by itself: `:` and \"connect again\" when the token is right."
                .to_owned();
            ("Token refused", Role::Bad, vec![why.clone(), next])
        }
        Connection::Live { endpoint } | Connection::Silent { endpoint, .. } => (
            "Connected",
            Role::Strong,
            vec![endpoint.clone(), "Waiting for the first frame.".to_owned()],
        ),
        Connection::Still | Connection::Replay => ("No frame", Role::Strong, Vec::new()),
    };
    let width = area.width.saturating_sub(8).min(76);
    let x = area.x + (area.width.saturating_sub(width)) / 2;
    let mut y = area.y + area.height / 3;
    canvas.text(x, y, width, title, role);
    y += 2;
    for line in lines {
        let rest = Rect {
            x,
            y,
            width,
            height: area.bottom().saturating_sub(y),
        };
        y += canvas.wrapped(rest, &line, Role::Muted) + 1;
    }
}
