//! The wall: a screen that nobody touches. Large, rotating, and without any action: it reads frames, and the only
//! input that means anything is leaving. Nothing here can send a request.

mod draw;
mod letters;
mod rotation;
mod sheet;

#[cfg(test)]
mod tests;

use crate::capabilities::Capabilities;
use crate::config;
use crate::error::ConsoleError;
use crate::keys::{Code, Key};
use crate::message::{Effect, SourceEvent};
use crate::model::Model;
use crate::page::Page;
use crate::runtime::{Options, RESIZE_REST, rest, variable};
use crate::source::live::Live;
use crate::source::{Outbox, Source};
use crate::terminal::device::Extras;
use crate::terminal::signals::{Asked, Signals};
use crate::terminal::{Event, Terminal};
use crate::theme::{Choice, Name, Theme};
use crate::update;
use jiff::Timestamp;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use rotation::Turn;
use std::time::Duration;
use tokio::time::Instant;

/// Seconds are counted on the screen.
const TICK: Duration = Duration::from_secs(1);

/// The wall's state.
pub struct Wall {
    model: Model,
    times: config::Wall,
    /// Since when pages rotate; an alert that took the screen begins it anew, at the overview.
    began: Timestamp,
}

impl Wall {
    fn new(endpoint: &str, times: config::Wall, size: (u16, u16), now: Timestamp) -> Self {
        Self {
            model: Model::new(endpoint, Page::OVERVIEW, size, now),
            times,
            began: now,
        }
    }

    /// Takes what the source says; `true` when a whole frame has to be fetched.
    fn hear(&mut self, event: SourceEvent, at: Timestamp) -> bool {
        let effects = update::hear(&mut self.model, event, at);
        self.settle();
        effects.contains(&Effect::Reconnect)
    }

    fn tell_time(&mut self, at: Timestamp) {
        update::tell_time(&mut self.model, at);
        self.settle();
    }

    /// While an alert has the screen, or nothing can be trusted, the rotation waits at its beginning.
    fn settle(&mut self) {
        if sheet::alarm(&self.model).is_some() || !self.model.connection.trustworthy() {
            self.began = self.model.now;
        }
    }

    fn turn(&self) -> Turn {
        let since = aisoc_model::clock::millis_between(self.began, self.model.now);
        rotation::turn(since / 1_000, self.times)
    }
}

/// Whether a key leaves; no other key means anything.
fn leaves(key: Key) -> bool {
    key == Key::char('q') || key == Key::ctrl('c') || (key.code == Code::Char('Q') && !key.alt)
}

/// Shows the wall until someone leaves.
///
/// A signal ends the process here, after the terminal was given back: with 128 plus its number.
///
/// # Errors
/// When there is no terminal that can show it, or it broke.
pub async fn run(options: Options) -> Result<(), ConsoleError> {
    let Some(endpoint) = options.endpoints.first().cloned() else {
        return Err(ConsoleError::NoEndpoint);
    };
    let mut signals = Signals::listen()?;
    let mut terminal = Terminal::take(Extras::default())?;
    // Nobody asked who looks: unless something else is set, the colours are those that most eyes tell apart.
    let name = match options.config.theme {
        Choice::Auto => Name::Deuteranopia,
        Choice::Named(name) => name,
    };
    let theme = Theme::named(name, Capabilities::detect(variable));
    let mut wall = Wall::new(&endpoint, options.config.wall, terminal.size(), Timestamp::now());
    let mut spare = show(&wall, &theme, &mut terminal, None);
    let (source, handle) = Live::new(options.endpoints, options.token);
    let (outbox, mut frames) = Outbox::new();
    tokio::spawn(source.run(outbox));
    let mut resize: Option<Instant> = None;
    let mut beat = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            biased;
            asked = signals.next() => match asked {
                Asked::End(number) => {
                    terminal.give_back();
                    std::process::exit(128 + number);
                }
                // There is nobody who could have it go on.
                Asked::Suspend => {}
                Asked::Continue => terminal.resume()?,
                Asked::Resize => resize = Some(Instant::now() + RESIZE_REST),
            },
            event = terminal.event() => match event {
                Event::Key(key) if leaves(key) => {
                    terminal.give_back();
                    return Ok(());
                }
                Event::Key(_) | Event::Mouse(_) => continue,
                Event::Written => {}
                Event::Gone(why) => {
                    terminal.give_back();
                    return Err(std::io::Error::other(why).into());
                }
            },
            Some(event) = frames.recv() => if wall.hear(event, Timestamp::now()) {
                handle.reconnect();
            },
            () = rest(resize), if resize.is_some() => {
                resize = None;
                terminal.forget();
                wall.model.size = terminal.size();
            }
            _ = beat.tick() => wall.tell_time(Timestamp::now()),
        }
        if resize.is_none() && !terminal.busy() {
            spare = show(&wall, &theme, &mut terminal, spare);
        }
    }
}

fn show(wall: &Wall, theme: &Theme, terminal: &mut Terminal, spare: Option<Buffer>) -> Option<Buffer> {
    let (columns, rows) = wall.model.size;
    let mut buffer = spare.unwrap_or_default();
    buffer.resize(Rect::new(0, 0, columns, rows));
    draw::draw(wall, theme, &mut buffer);
    terminal.show(buffer, Vec::new())
}
