//! The screen as a pure function of the state. One file per page, overlay and widget; nothing here does IO.

pub mod canvas;
pub mod chrome;
pub mod overlay;
pub mod pages;
pub mod waiting;
pub mod widgets;

#[cfg(test)]
mod tests;

use crate::model::{Layer, Model};
use crate::theme::{Role, Theme};
use canvas::{Canvas, Hit};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Draws the state into a buffer of any size; says what clicks on it mean.
pub fn draw(model: &Model, theme: &Theme, buffer: &mut Buffer) -> Vec<Hit> {
    theme.clear(buffer);
    let mut canvas = Canvas::new(buffer, theme);
    let area = canvas.area();
    if area.width < 24 || area.height < 6 {
        chrome::tiny(&mut canvas, model);
        return Vec::new();
    }
    let below_header = chrome::header(&mut canvas, area, model);
    let body = chrome::banners(&mut canvas, below_header, model);
    let body = chrome::direct(&mut canvas, body, model);
    let body = Rect {
        height: body.height.saturating_sub(1),
        ..body
    };
    if model.shown().is_some() {
        let inner = inset(body);
        model.page.view().draw(model, &mut canvas, inner);
        if !model.connection.holds() {
            canvas.remember(body);
        }
    } else {
        waiting::draw(&mut canvas, body, model);
    }
    if !matches!(model.layer, Layer::None | Layer::Filter(_)) {
        // What lies on top has the eye.
        canvas.remember(body);
    }
    overlay::draw(&mut canvas, body, model);
    let footer = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    chrome::footer(&mut canvas, footer, model);
    canvas.into_hits()
}

/// A page keeps a column free at each side, and a line at the bottom when there is room.
fn inset(area: Rect) -> Rect {
    let side = u16::from(area.width >= 60);
    let bottom = u16::from(area.height >= 24);
    Rect {
        x: area.x + side,
        width: area.width.saturating_sub(side * 2),
        height: area.height.saturating_sub(bottom),
        ..area
    }
}

/// The role of an environment's badge.
#[must_use]
pub fn environment_role(kind: aisoc_model::topology::EnvironmentKind) -> Role {
    use aisoc_model::topology::EnvironmentKind::{Local, Production, Staging};
    match kind {
        Local => Role::Local,
        Staging => Role::Staging,
        Production => Role::Production,
    }
}

/// The role of a line in an environment's accent.
#[must_use]
pub fn environment_line(kind: aisoc_model::topology::EnvironmentKind) -> Role {
    use aisoc_model::topology::EnvironmentKind::{Local, Production, Staging};
    match kind {
        Local => Role::LocalLine,
        Staging => Role::StagingLine,
        Production => Role::ProductionLine,
    }
}

/// The word of an environment's badge.
#[must_use]
pub fn environment_word(kind: aisoc_model::topology::EnvironmentKind) -> &'static str {
    use aisoc_model::topology::EnvironmentKind::{Local, Production, Staging};
    match kind {
        Local => "LOCAL",
        Staging => "STAGING",
        Production => "PRODUCTION",
    }
}
