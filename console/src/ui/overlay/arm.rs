//! The question whether a region is armed.

use super::{dialog, environment};
use crate::action::{Arming, Next};
use crate::format;
use crate::keys::Command;
use crate::model::Model;
use crate::safety::ARMED_FOR;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::{Canvas, wrap};
use crate::ui::widgets::state;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, arming: &Arming) {
    let mut title = vec![piece(format!("arm {}  ", arming.region), Role::Strong)];
    title.extend(environment(model));
    let lines = lines(model, arming, usize::from(area.width.saturating_sub(4).min(72)));
    let height = format::cells(lines.len()) + 2;
    let inner = dialog(canvas, area, (76, height), &title, Role::Warn);
    for (y, line) in (inner.top()..inner.bottom()).zip(&lines) {
        canvas.pieces(inner.x, y, inner.width, line);
    }
}

fn lines(model: &Model, arming: &Arming, width: usize) -> Vec<Vec<Piece>> {
    let key = model.preferences.keys.name(Command::Arm);
    let region = &arming.region;
    let minutes = format::bound(ARMED_FOR.as_secs_f64());
    let mut lines = vec![vec![
        piece("This console only looks. ", Role::Text),
        piece(key.clone(), Role::Accent),
        piece(" arms ", Role::Text),
        piece(region.to_string(), Role::Strong),
        piece(format!(" for {minutes}."), Role::Text),
    ]];
    if let Some(found) = model.world.as_ref().and_then(|world| world.regions.get(region)) {
        let health = state::region(found, model.connection.holds());
        lines.push(vec![
            piece("It is ", Role::Muted),
            piece(health.text(), health.role),
            piece(
                format!(", {}, {}.", found.role.word(), found.location),
                Role::Muted,
            ),
        ]);
    }
    if let Some(armed) = model.armed.as_ref().filter(|armed| armed.region != *region) {
        lines.push(vec![piece(
            format!("{} is armed now; it will be read-only again.", armed.region),
            Role::Notice,
        )]);
    }
    lines.push(Vec::new());
    let next = match &arming.then {
        Some(Next::Plan(target)) => format!(
            "Then the plan is shown: {} {}. Nothing is carried out before you have typed the name under it.",
            target.kind().word(),
            target.confirmation()
        ),
        Some(Next::Decide(_, decision)) => {
            format!("Then you are asked for the name, to {}.", decision.word())
        }
        None => "Every action still shows its plan and asks for the name.".to_owned(),
    };
    lines.extend(
        wrap(&next, width)
            .into_iter()
            .map(|line| vec![piece(line, Role::Muted)]),
    );
    lines.push(Vec::new());
    lines.push(vec![
        piece(key, Role::Accent),
        piece(" arms it   ", Role::Text),
        piece("Esc", Role::Accent),
        piece(" leaves everything read-only", Role::Text),
    ]);
    lines
}
