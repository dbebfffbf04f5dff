//! The terminal device: its modes, and writing to it without ever blocking for good.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::{OptionalActions, QueueSelector, Termios};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Alternate screen, cursor hidden, no wrapping at the last column.
const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l";
/// CAN ends whatever sequence was cut off.
const CANCEL: &str = "\x18";
/// Everything back, in the reverse order.
const LEAVE: &str = "\x1b[?2026l\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
/// Presses and the wheel, reported in decimal; no movements.
const MOUSE: (&str, &str) = ("\x1b[?1000h\x1b[?1006h", "\x1b[?1006l\x1b[?1000l");
/// No link any more.
const UNLINK: &str = "\x1b]8;;\x1b\\";
/// How long a stalled terminal may keep us from leaving.
const PATIENCE: Duration = Duration::from_millis(80);

/// What is switched on beyond the screen itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extras {
    /// The mouse is reported to us.
    pub mouse: bool,
    /// There may be links on the screen.
    pub links: bool,
}

/// The terminal device.
pub struct Device {
    /// A description of our own, so that non-blocking mode is not the shell's and other programs' too.
    tty: OwnedFd,
    original: Termios,
    active: AtomicBool,
    enter: String,
    leave: String,
}

/// Whether standard input and output are a terminal.
#[must_use]
pub fn is_there() -> bool {
    rustix::termios::isatty(rustix::stdio::stdin()) && rustix::termios::isatty(rustix::stdio::stdout())
}

/// Opens the terminal anew.
///
/// # Errors
/// When it cannot be opened.
pub fn open(flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open("/dev/tty", flags, Mode::empty()).or_else(|_| {
        // No controlling terminal (a kiosk under systemd): the one on standard output by its name.
        let name = rustix::termios::ttyname(rustix::stdio::stdout(), Vec::new())?;
        Ok(rustix::fs::open(name, flags, Mode::empty())?)
    })
}

impl Device {
    /// Opens the terminal and remembers its modes.
    ///
    /// # Errors
    /// When it cannot be opened or read.
    pub fn open(extras: Extras) -> io::Result<Self> {
        let tty = open(OFlags::RDWR | OFlags::NONBLOCK)?;
        let original = rustix::termios::tcgetattr(&tty)?;
        let (mouse_on, mouse_off) = if extras.mouse { MOUSE } else { ("", "") };
        let unlink = if extras.links { UNLINK } else { "" };
        Ok(Self {
            tty,
            original,
            active: AtomicBool::new(false),
            enter: [ENTER, mouse_on].concat(),
            leave: [CANCEL, mouse_off, unlink, LEAVE].concat(),
        })
    }

    /// Raw mode and alternate screen. Nothing when they are on already, except that raw mode is set again.
    ///
    /// # Errors
    /// When the terminal refuses or takes nothing.
    pub fn enter(&self) -> io::Result<()> {
        let mut raw = self.original.clone();
        raw.make_raw();
        rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &raw)?;
        if !self.active.swap(true, Ordering::SeqCst) {
            self.write(self.enter.as_bytes(), || false)?;
        }
        Ok(())
    }

    /// Everything back as it was. Only once for each [`Device::enter`].
    pub fn leave(&self) {
        if !self.active.swap(false, Ordering::SeqCst) {
            return;
        }
        let deadline = Instant::now() + PATIENCE;
        let leave = self.leave.as_bytes();
        if self.write(leave, || Instant::now() > deadline).is_err() {
            // It takes nothing: throw away what waits, so that at least the restoring gets through when it wakes.
            let _ = rustix::termios::tcflush(&self.tty, QueueSelector::OFlush);
            let _ = rustix::io::write(&self.tty, leave);
        }
        let _ = rustix::termios::tcsetattr(&self.tty, OptionalActions::Now, &self.original);
    }

    /// Columns and rows; 80x24 when the terminal does not say.
    #[must_use]
    pub fn size(&self) -> (u16, u16) {
        match rustix::termios::tcgetwinsize(&self.tty) {
            Ok(size) if size.ws_col > 0 && size.ws_row > 0 => (size.ws_col, size.ws_row),
            _ => (80, 24),
        }
    }

    /// Writes all bytes, waiting while the terminal is full, until `give_up` says otherwise.
    ///
    /// # Errors
    /// When the terminal is gone, or it was given up.
    pub fn write(&self, mut bytes: &[u8], give_up: impl Fn() -> bool) -> io::Result<()> {
        while !bytes.is_empty() {
            match rustix::io::write(&self.tty, bytes) {
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => self.wait_for_room()?,
                Err(error) => return Err(error.into()),
            }
            if !bytes.is_empty() && give_up() {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    fn wait_for_room(&self) -> io::Result<()> {
        let mut fds = [PollFd::from_borrowed_fd(self.tty.as_fd(), PollFlags::OUT)];
        let patience = Timespec {
            tv_sec: 0,
            tv_nsec: 20_000_000,
        };
        match poll(&mut fds, Some(&patience)) {
            Ok(_)
                if fds
                    .iter()
                    .any(|fd| fd.revents().intersects(PollFlags::HUP | PollFlags::ERR)) =>
            {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

static HELD: OnceLock<Arc<Device>> = OnceLock::new();

/// Before a panic prints its message, the terminal is given back, so that the message can be read.
pub fn restore_on_panic(device: &Arc<Device>) {
    if HELD.set(Arc::clone(device)).is_err() {
        return;
    }
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        if let Some(device) = HELD.get() {
            device.leave();
        }
        before(info);
        // A console that has lost a thread is not one: it would show what it can no longer know.
        std::process::exit(101);
    }));
}
