//! Signals. A panic hook does not see them, and a parent may have them ignored: each has a handler of its own.

use rustix::process::{Signal as Number, getpid, kill_process};
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// What a signal asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// To end; the signal's number.
    End(i32),
    /// To suspend.
    Suspend,
    /// To go on after a stop.
    Continue,
    /// To look at the terminal's size.
    Resize,
}

/// The signals that the console listens to.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
    quit: Signal,
    stop: Signal,
    go_on: Signal,
    resize: Signal,
}

impl Signals {
    /// Listens from now on; inside a runtime only.
    ///
    /// # Errors
    /// When a handler cannot be installed.
    pub fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            quit: signal(SignalKind::quit())?,
            stop: signal(SignalKind::from_raw(Number::TSTP.as_raw()))?,
            go_on: signal(SignalKind::from_raw(Number::CONT.as_raw()))?,
            resize: signal(SignalKind::window_change())?,
        })
    }

    /// The next one; safe to drop and call again.
    pub async fn next(&mut self) -> Asked {
        tokio::select! {
            biased;
            _ = self.terminate.recv() => Asked::End(Number::TERM.as_raw()),
            _ = self.interrupt.recv() => Asked::End(Number::INT.as_raw()),
            _ = self.hang_up.recv() => Asked::End(Number::HUP.as_raw()),
            _ = self.quit.recv() => Asked::End(Number::QUIT.as_raw()),
            _ = self.stop.recv() => Asked::Suspend,
            _ = self.go_on.recv() => Asked::Continue,
            _ = self.resize.recv() => Asked::Resize,
        }
    }
}

/// Stops this process until someone has it continue.
pub fn stop_myself() {
    let _ = kill_process(getpid(), Number::STOP);
}
