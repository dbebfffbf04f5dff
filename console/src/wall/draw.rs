//! Drawing the wall.

use super::Wall;
use super::letters::{self, Fitted};
use super::rotation::Turn;
use super::sheet::{self, Sheet};
use crate::connection::Connection;
use crate::format;
use crate::table::piece;
use crate::theme::{Role, Theme};
use crate::ui::canvas::Canvas;
use crate::ui::{chrome, environment_line, environment_role, environment_word};
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

/// Rows from which the header is in letters, too.
const LARGE: u16 = 60;

/// Draws the wall into a buffer of any size.
pub fn draw(wall: &Wall, theme: &Theme, buffer: &mut Buffer) {
    theme.clear(buffer);
    let mut canvas = Canvas::new(buffer, theme);
    let area = canvas.area();
    if area.width < 24 || area.height < 8 {
        return chrome::tiny(&mut canvas, &wall.model);
    }
    let body = header(&mut canvas, area, wall);
    let below = Rect {
        y: area.bottom() - 1,
        height: 1,
        ..area
    };
    let body = Rect {
        height: body.height.saturating_sub(1),
        ..body
    };
    let trusted = wall.model.connection.trustworthy();
    match (&wall.model.world, sheet::alarm(&wall.model)) {
        (Some(_), Some(alarm)) if trusted => {
            canvas.fill(
                Rect {
                    height: body.height + 1,
                    ..body
                },
                Role::Production,
            );
            page(&mut canvas, body, &alarm);
        }
        (Some(world), _) if trusted => {
            let turn = wall.turn();
            page(&mut canvas, body, &sheet::of(turn.view, &wall.model, world));
            countdown(&mut canvas, below, turn);
        }
        _ => page(&mut canvas, body, &sheet::lost(&wall.model)),
    }
}

/// Which environment, whether what is shown is what is, and of when it is.
fn header(canvas: &mut Canvas<'_>, area: Rect, wall: &Wall) -> Rect {
    let model = &wall.model;
    if area.height >= LARGE {
        return large_header(canvas, area, wall);
    }
    let mut x = area.x + 1;
    if let Some(world) = &model.world {
        let kind = world.head.environment_kind;
        let badge = [
            piece(format!(" {} ", environment_word(kind)), environment_role(kind)),
            piece(format!(" {}  ", world.head.environment), Role::Strong),
        ];
        x = canvas.pieces(x, area.y, area.width, &badge);
        canvas.horizontal(area.x, area.y + 1, area.width, '━', environment_line(kind));
        let clock = match &model.connection {
            Connection::Live { .. } | Connection::Still | Connection::Replay => piece(
                format!("{} UTC ", format::time_of_day(world.head.at)),
                Role::Strong,
            ),
            _ => piece(
                format!(" last good {} UTC ", format::time_of_day(world.head.at)),
                Role::LostBar,
            ),
        };
        canvas.pieces_right(x, area.y, area.right().saturating_sub(x), &[clock]);
    }
    canvas.pieces(
        x,
        area.y,
        area.right().saturating_sub(x + 24),
        &[chrome::connection(model)],
    );
    Rect {
        y: area.y + 2,
        height: area.height - 2,
        ..area
    }
}

/// The same, in letters.
fn large_header(canvas: &mut Canvas<'_>, area: Rect, wall: &Wall) -> Rect {
    let model = &wall.model;
    let state = chrome::connection(model);
    let (mut place, mut rule) = (None, Role::Faint);
    let mut clock = (String::new(), Role::Unknown);
    if let Some(world) = &model.world {
        let kind = world.head.environment_kind;
        place = Some((format!(" {} ", environment_word(kind)), environment_role(kind)));
        rule = environment_line(kind);
        let at = format::time_of_day(world.head.at);
        clock = if model.connection.trustworthy() {
            (at, Role::Strong)
        } else {
            (format!("last good {at}"), Role::Unknown)
        };
    }
    let glyphs = canvas.theme().capabilities().glyphs;
    let strip = Rect { height: 4, ..area };
    let mut x = area.x;
    let parts = place
        .into_iter()
        .chain([(format!(" {}", state.text), state.role)]);
    for (text, role) in parts {
        let fitted = letters::fit_line(&text, (area.width / 3, strip.height), glyphs);
        let part = Rect {
            x,
            width: fitted.columns().min(area.right().saturating_sub(x)),
            ..strip
        };
        canvas.fill(part, role);
        letters::draw(canvas, part, &fitted, role, false);
        x += part.width;
    }
    let fitted = letters::fit_line(&clock.0, (area.width / 3, strip.height), glyphs);
    let x = area.right().saturating_sub(fitted.columns() + 2);
    let part = Rect {
        x,
        width: area.right().saturating_sub(x),
        ..strip
    };
    letters::draw(canvas, part, &fitted, clock.1, false);
    canvas.horizontal(area.x, area.y + 4, area.width, '━', rule);
    Rect {
        y: area.y + 5,
        height: area.height - 5,
        ..area
    }
}

/// The figure, the sentence and the lines, each as large as its share of the screen allows.
fn page(canvas: &mut Canvas<'_>, area: Rect, sheet: &Sheet) {
    let glyphs = canvas.theme().capabilities().glyphs;
    let width = area.width.saturating_sub(4);
    let inner = Rect {
        x: area.x + 2,
        width,
        ..area
    };
    let role = if sheet.role == Role::Good {
        Role::Strong
    } else {
        sheet.role
    };
    let part = |of: u16| area.height.saturating_mul(of) / 20;
    let figure = letters::fit(&sheet.figure, (width, part(9)), glyphs);
    let title = letters::fit(&sheet.title, (width, part(8)), glyphs);
    let mut y = area.y + u16::from(area.height >= 16);
    y += letters::draw(canvas, Rect { y, ..inner }, &figure, role, true) + 1;
    y += letters::draw(canvas, Rect { y, ..inner }, &title, role, true) + 1;
    lines(
        canvas,
        Rect {
            y,
            height: area.bottom().saturating_sub(y),
            ..inner
        },
        &sheet.lines,
    );
}

/// The lines, all in letters of one size: the largest in which all of them fit.
fn lines(canvas: &mut Canvas<'_>, area: Rect, lines: &[(String, Role)]) {
    let glyphs = canvas.theme().capabilities().glyphs;
    let longest = lines
        .iter()
        .map(|(text, _)| text.chars().count())
        .max()
        .unwrap_or(0);
    let each = area.height / format::cells(lines.len()).max(1);
    let scale = letters::fit_line(&"m".repeat(longest), (area.width, each), glyphs).scale;
    let mut y = area.y;
    for (text, role) in lines {
        if y >= area.bottom() {
            break;
        }
        if let Some(scale) = scale {
            let line = Fitted::line(text, Some(scale));
            y += letters::draw(canvas, Rect { y, ..area }, &line, *role, false);
        } else {
            canvas.text(area.x, y, area.width, text, *role);
            y += 1;
        }
    }
}

/// What is next, and when.
fn countdown(canvas: &mut Canvas<'_>, area: Rect, turn: Turn) {
    let text = format!(
        "{}  next: {} in {} s ",
        turn.view.word(),
        turn.next.word(),
        turn.left
    );
    let x = canvas.text(area.x + 1, area.y, area.width, &text, Role::Muted) + 1;
    let room = area.right().saturating_sub(x + 1);
    let gone = f64::from(turn.of - turn.left) / f64::from(turn.of.max(1));
    let done = format::part_of(gone, room);
    canvas.horizontal(x, area.y, room, '─', Role::Faint);
    canvas.horizontal(x, area.y, done.min(room), '━', Role::Accent);
}
