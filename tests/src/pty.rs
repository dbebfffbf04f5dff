//! A program in a pseudo-terminal: what it writes, and when.

use anyhow::{Context, Result};
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How often a slow line takes bytes.
const TAKES_PER_SECOND: usize = 20;

/// How fast the terminal takes what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Line {
    /// At once.
    Fast,
    /// Like a poor connection.
    BytesPerSecond(usize),
}

/// A program that runs in a terminal of its own.
pub struct Terminal {
    child: Box<dyn Child + Send + Sync>,
    input: Box<dyn Write + Send>,
    output: Arc<Mutex<Output>>,
    begun: Instant,
    // Closing the master hangs up the terminal; kept until the end.
    _master: Box<dyn MasterPty + Send>,
}

/// What has come out so far.
#[derive(Debug, Clone, Default)]
pub struct Output {
    /// All bytes.
    pub bytes: Vec<u8>,
    /// Time from the start to the first byte.
    pub first: Option<Duration>,
    /// Time from the start to the last byte.
    pub last: Option<Duration>,
}

impl Terminal {
    /// Starts a program in a terminal of `columns` x `rows`.
    ///
    /// # Errors
    /// When there is no pseudo-terminal, or the program cannot be started.
    pub fn start(program: &Path, state_dir: &Path, columns: u16, rows: u16) -> Result<Self> {
        Self::start_over(Line::Fast, program, state_dir, (columns, rows))
    }

    /// The same at the end of some line.
    ///
    /// # Errors
    /// When there is no pseudo-terminal, or the program cannot be started.
    pub fn start_over(
        line: Line,
        program: &Path,
        state_dir: &Path,
        (columns, rows): (u16, u16),
    ) -> Result<Self> {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size)?;
        let mut command = CommandBuilder::new(program);
        command.env("AISOC_STATE_DIR", state_dir);
        command.env("TERM", "xterm-256color");
        command.env("COLORTERM", "truecolor");
        command.env("LANG", "C.UTF-8");
        let begun = Instant::now();
        let child = pair.slave.spawn_command(command)?;
        drop(pair.slave);
        let mut reader = pair.master.try_clone_reader()?;
        let input = pair.master.take_writer()?;
        let output = Arc::new(Mutex::new(Output::default()));
        let sink = Arc::clone(&output);
        std::thread::spawn(move || {
            let mut buffer = [0_u8; 8_192];
            let room = match line {
                Line::Fast => buffer.len(),
                Line::BytesPerSecond(rate) => buffer.len().min(rate.div_ceil(TAKES_PER_SECOND)),
            };
            while let Ok(count) = reader.read(buffer.get_mut(..room).unwrap_or_default()) {
                if let Line::BytesPerSecond(_) = line {
                    std::thread::sleep(Duration::from_secs(1) / u32::try_from(TAKES_PER_SECOND).unwrap_or(1));
                }
                let Some(part) = buffer.get(..count).filter(|p| !p.is_empty()) else {
                    break;
                };
                let mut sink = sink.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                let now = begun.elapsed();
                sink.first.get_or_insert(now);
                sink.last = Some(now);
                sink.bytes.extend_from_slice(part);
            }
        });
        Ok(Self {
            child,
            input,
            output,
            begun,
            _master: pair.master,
        })
    }

    /// Process id.
    ///
    /// # Errors
    /// When it has ended.
    pub fn pid(&self) -> Result<u32> {
        self.child.process_id().context("the program has ended")
    }

    /// Types some keys.
    ///
    /// # Errors
    /// When the terminal is gone.
    pub fn keys(&mut self, keys: &str) -> Result<()> {
        self.input.write_all(keys.as_bytes())?;
        self.input.flush()?;
        Ok(())
    }

    /// What has come out so far.
    #[must_use]
    pub fn output(&self) -> Output {
        self.output
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .clone()
    }

    /// How many bytes have come out so far.
    #[must_use]
    pub fn written(&self) -> usize {
        let output = self.output.lock();
        output
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .bytes
            .len()
    }

    /// Time since the start.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it has not ended by the deadline; it is killed then.
    pub fn wait(&mut self, deadline: Duration) -> Result<u32> {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.exit_code());
            }
            if Instant::now() > end {
                self.child.kill()?;
                anyhow::bail!("the program has not ended within {} s", deadline.as_secs());
            }
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            let killed = self.child.kill();
            drop(killed);
        }
    }
}
