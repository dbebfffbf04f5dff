//! A page without a terminal: the same function from a frame to a buffer, printed.

use crate::capabilities::{Capabilities, Colors};
use crate::model::Model;
use crate::svg::{self, Ground};
use crate::terminal::encode;
use crate::theme::{Name, Theme};
use crate::ui;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How a snapshot is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Characters only.
    Text,
    /// With colours, as the environment allows (`NO_COLOR` is obeyed).
    Ansi,
    /// A picture for a document, on a ground of its own.
    Svg(Ground),
}

/// A screen in a theme, as lines of text.
#[must_use]
pub fn render(model: &Model, style: Style, theme: Name) -> String {
    let mut capabilities = Capabilities::detect(|name| std::env::var(name).ok());
    if matches!(style, Style::Svg(_)) {
        // A picture is the same wherever it is made.
        capabilities = Capabilities::FULL;
    }
    if style == Style::Ansi && std::env::var_os("NO_COLOR").is_none() {
        // Asked for by name: a pipe or an unset TERM must not turn colours off.
        capabilities.colors = capabilities.colors.max(Colors::Indexed);
    }
    print(&drawn(model, &Theme::named(theme, capabilities)), style)
}

/// The buffer of a state in the usual theme.
#[must_use]
pub fn draw(model: &Model, capabilities: Capabilities) -> Buffer {
    drawn(model, &Theme::new(capabilities))
}

/// The buffer of a state.
#[must_use]
pub fn drawn(model: &Model, theme: &Theme) -> Buffer {
    let (width, height) = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    ui::draw(model, theme, &mut buffer);
    buffer
}

/// A buffer as lines of text.
#[must_use]
pub fn print(buffer: &Buffer, style: Style) -> String {
    match style {
        Style::Ansi => encode::lines(buffer),
        Style::Svg(ground) => svg::picture(buffer, ground),
        Style::Text => {
            let width = usize::from(buffer.area.width).max(1);
            let mut text = String::new();
            for row in buffer.content.chunks(width) {
                let line: String = row.iter().map(ratatui::buffer::Cell::symbol).collect();
                text.push_str(line.trim_end());
                text.push('\n');
            }
            text
        }
    }
}
