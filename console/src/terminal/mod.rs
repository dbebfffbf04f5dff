//! Ownership of the terminal: raw mode, alternate screen, signals, one writer. Everything that is switched on is
//! switched off again on every path: leaving, signals, panics, a lost or a stalled terminal.
//!
//! `ratatui`'s own `Terminal` is not used: it asks the terminal for its cursor and waits, and it prints and panics in
//! its `Drop`. Views draw into a `ratatui` buffer; [`encode`] turns the difference of two into bytes.

pub mod device;
pub mod encode;
pub mod input;
pub mod links;
pub mod mouse;
pub mod osc;
pub mod parse;
pub mod signals;
pub mod writer;

use crate::error::ConsoleError;
use crate::keys::Key;
use device::{Device, Extras};
use links::Link;
use mouse::Mouse;
use ratatui::buffer::Buffer;
use std::sync::Arc;
use tokio::sync::mpsc;
use writer::Writer;

/// What the terminal's threads report.
#[derive(Debug)]
pub enum Event {
    /// A key was pressed.
    Key(Key),
    /// The mouse was used.
    Mouse(Mouse),
    /// A frame was written: there is room for the next one.
    Written,
    /// The terminal is gone.
    Gone(String),
}

/// The terminal while the console holds it.
pub struct Terminal {
    device: Arc<Device>,
    writer: Writer,
    shown: Option<Buffer>,
    links: Vec<Link>,
    also: Vec<u8>,
    events: mpsc::Receiver<Event>,
}

impl Terminal {
    /// Takes the terminal: raw mode, alternate screen, threads for reading and writing.
    ///
    /// # Errors
    /// When there is none, or it cannot show a screen.
    pub fn take(extras: Extras) -> Result<Self, ConsoleError> {
        let term = std::env::var("TERM").unwrap_or_default();
        if !device::is_there() {
            return Err(ConsoleError::NoTerminal);
        }
        if term.is_empty() || term == "dumb" {
            return Err(ConsoleError::Incapable(if term.is_empty() {
                "(unset)".to_owned()
            } else {
                term
            }));
        }
        let device = Arc::new(Device::open(extras)?);
        device::restore_on_panic(&device);
        device.enter()?;
        let (sender, events) = mpsc::channel(64);
        let writer = Writer::start(Arc::clone(&device), sender.clone());
        input::start(sender);
        Ok(Self {
            device,
            writer,
            shown: None,
            links: Vec::new(),
            also: Vec::new(),
            events,
        })
    }

    /// Columns and rows.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        self.device.size()
    }

    /// The next report of the terminal's threads; safe to drop and call again.
    pub async fn event(&mut self) -> Event {
        self.events
            .recv()
            .await
            .unwrap_or_else(|| Event::Gone("its reader ended".to_owned()))
    }

    /// A report that is there already.
    pub fn ready_event(&mut self) -> Option<Event> {
        self.events.try_recv().ok()
    }

    /// Whether the last frame is still on its way.
    #[must_use]
    pub fn busy(&self) -> bool {
        self.writer.busy()
    }

    /// Forgets what is on the screen: the next frame is drawn whole.
    pub fn forget(&mut self) {
        self.shown = None;
    }

    /// Has the terminal do something besides, with the next frame.
    pub fn also(&mut self, bytes: &[u8]) {
        self.also.extend_from_slice(bytes);
    }

    /// Shows a frame in one write, or nothing when nothing changed. The buffer that was shown before comes back for
    /// reuse.
    pub fn show(&mut self, next: Buffer, links: Vec<Link>) -> Option<Buffer> {
        let previous = self.shown.as_ref().map(|buffer| (buffer, self.links.as_slice()));
        let mut bytes = encode::linked_frame(previous, (&next, &links));
        bytes.append(&mut self.also);
        self.links = links;
        if !bytes.is_empty() {
            self.writer.put(bytes);
        }
        self.shown.replace(next)
    }

    /// Gives the terminal back, stops the process, and takes the terminal again when it goes on.
    ///
    /// # Errors
    /// When the terminal cannot be taken again.
    pub fn suspend(&mut self) -> Result<(), ConsoleError> {
        self.device.leave();
        signals::stop_myself();
        self.resume()
    }

    /// Takes the terminal again after the process was stopped.
    ///
    /// # Errors
    /// When it cannot be taken.
    pub fn resume(&mut self) -> Result<(), ConsoleError> {
        self.device.enter()?;
        self.forget();
        Ok(())
    }

    /// Gives the terminal back. Does not wait for a frame that a stalled terminal does not take.
    pub fn give_back(&self) {
        self.writer.abandon();
        self.device.leave();
    }
}

/// A thread with a name, so that its work can be told apart from outside.
fn thread(name: &str, work: impl FnOnce() + Send + 'static) {
    // Without threads nothing is drawn or read: the events' channel closes, and the console ends and says so.
    let _ = std::thread::Builder::new().name(name.to_owned()).spawn(work);
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.give_back();
    }
}
