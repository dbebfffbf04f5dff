//! The thread that reads keys. A reader of our own: it ends when the terminal hangs up, instead of spinning, and it
//! holds no key back.

use super::Event;
use super::device;
use super::parse::{self, Input};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use std::os::fd::{AsFd, OwnedFd};
use tokio::sync::mpsc;

/// How long the rest of a key's sequence may take to arrive; after it, an Escape is an Escape.
const REST: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 30_000_000,
};
/// What is kept of a sequence that never ends.
const LONGEST: usize = 256;

/// Starts the thread.
pub fn start(events: mpsc::Sender<Event>) {
    super::thread("terminal-read", move || {
        let why = match device::open(OFlags::RDONLY) {
            Ok(tty) => read(&tty, &events),
            Err(error) => error.to_string(),
        };
        let _ = events.blocking_send(Event::Gone(why));
    });
}

/// Reads until the terminal is gone, and says why.
fn read(tty: &OwnedFd, events: &mpsc::Sender<Event>) -> String {
    let mut pending: Vec<u8> = Vec::with_capacity(64);
    let mut chunk = [0_u8; 256];
    loop {
        let mut fds = [PollFd::from_borrowed_fd(tty.as_fd(), PollFlags::IN)];
        let wait = if pending.is_empty() { None } else { Some(&REST) };
        let more = match poll(&mut fds, wait) {
            Ok(count) => count > 0,
            Err(Errno::INTR) => continue,
            Err(error) => return error.to_string(),
        };
        if more {
            match rustix::io::read(tty, &mut chunk) {
                Ok(0) => return "it hung up".to_owned(),
                Ok(count) => pending.extend_from_slice(chunk.get(..count).unwrap_or_default()),
                Err(Errno::INTR | Errno::AGAIN) => continue,
                Err(error) => return error.to_string(),
            }
        }
        let mut used = 0;
        while let Some((input, length)) = parse::input(pending.get(used..).unwrap_or_default(), !more) {
            used += length;
            let event = match input {
                Some(Input::Key(key)) => Event::Key(key),
                Some(Input::Mouse(mouse)) => Event::Mouse(mouse),
                None => continue,
            };
            if events.blocking_send(event).is_err() {
                return "nobody reads keys any more".to_owned();
            }
        }
        pending.drain(..used);
        if pending.len() > LONGEST {
            pending.clear();
        }
    }
}
