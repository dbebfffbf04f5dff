//! A page without a terminal: the same function from a frame to a buffer, printed.

use crate::capabilities::Capabilities;
use crate::model::Model;
use crate::svg;
use crate::terminal::encode;
use crate::theme::Theme;
use crate::ui;
use clap::ValueEnum;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// How a snapshot is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Style {
    /// Characters only.
    Text,
    /// With colours, as the environment allows (`NO_COLOR` is obeyed).
    Ansi,
    /// A picture for a document.
    Svg,
}

/// A screen, as lines of text.
#[must_use]
pub fn render(model: &Model, style: Style) -> String {
    let mut capabilities = Capabilities::detect(|name| std::env::var(name).ok());
    if style == Style::Svg {
        // A picture is the same wherever it is made.
        capabilities = Capabilities::FULL;
    }
    if style == Style::Ansi && std::env::var_os("NO_COLOR").is_none() {
        // Asked for by name: a pipe or an unset TERM must not turn colours off.
        capabilities.colors = capabilities.colors.max(crate::capabilities::Colors::Indexed);
    }
    print(&draw(model, capabilities), style)
}

/// The buffer of a state.
#[must_use]
pub fn draw(model: &Model, capabilities: Capabilities) -> Buffer {
    let (width, height) = model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    ui::draw(model, &Theme::new(capabilities), &mut buffer);
    buffer
}

/// A buffer as lines of text.
#[must_use]
pub fn print(buffer: &Buffer, style: Style) -> String {
    match style {
        Style::Ansi => encode::lines(buffer),
        Style::Svg => svg::picture(buffer),
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
