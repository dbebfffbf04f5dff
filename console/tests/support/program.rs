//! The program in a pseudo-terminal, and what a person would see there.

use super::control_plane::ControlPlane;
use portable_pty::{Child, CommandBuilder, MasterPty, PtySize, native_pty_system};
use std::io::{Read, Write};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};
use tempfile::NamedTempFile;

/// Time within which anything that is waited for has to happen.
const PATIENCE: Duration = Duration::from_mins(1);

/// How the program is started.
pub struct Setting {
    pub endpoint: String,
    pub token: String,
    pub size: (u16, u16),
    pub variables: Vec<(&'static str, &'static str)>,
    /// Whether anyone reads the terminal.
    pub read: bool,
    /// Bytes that are read in a second, at most.
    pub rate: usize,
    pub arguments: Vec<String>,
    /// Settings, written to a file.
    pub config: String,
    /// The program is started by a parent that ignores a hang-up.
    pub hang_up_ignored: bool,
}

/// A program whose terminal goes away ends.
pub fn ends_without_its_terminal(plane: &ControlPlane, mut setting: Setting) {
    // A reader would keep the terminal open.
    setting.read = false;
    let mut program = Program::start(&setting);
    plane.wait_watched();
    program.hang_up();
    program.wait_exit(PATIENCE).expect("it ends without its terminal");
}

impl Setting {
    pub fn on(plane: &ControlPlane) -> Self {
        Self::new(&plane.address)
    }

    pub fn new(endpoint: &str) -> Self {
        Self {
            endpoint: endpoint.to_owned(),
            token: "good".to_owned(),
            size: (120, 40),
            variables: vec![],
            read: true,
            rate: usize::MAX,
            arguments: vec![],
            config: String::new(),
            hang_up_ignored: false,
        }
    }
}

/// A file with a token in it.
pub fn token_file(token: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(token.as_bytes()).unwrap();
    file
}

/// The running program.
pub struct Program {
    child: Box<dyn Child + Send + Sync>,
    master: Option<Box<dyn MasterPty + Send>>,
    writer: Option<Box<dyn Write + Send>>,
    output: Receiver<Vec<u8>>,
    terminal: vt100::Parser,
    raw: Vec<u8>,
    /// Exist as long as the program does.
    files: Vec<NamedTempFile>,
}

impl Program {
    pub fn start(setting: &Setting) -> Self {
        let (token, config) = (token_file(&setting.token), token_file(&setting.config));
        let console = env!("CARGO_BIN_EXE_aisoc-console");
        let mut command = if setting.hang_up_ignored {
            let mut shell = CommandBuilder::new("sh");
            shell.args(["-c", "trap '' HUP; exec \"$@\"", "sh", console]);
            shell
        } else {
            CommandBuilder::new(console)
        };
        command.args(["--endpoint", &setting.endpoint, "--token-file"]);
        command.arg(token.path());
        command.arg("--config");
        command.arg(config.path());
        command.args(&setting.arguments);
        for name in [
            "NO_COLOR",
            "LC_ALL",
            "LC_CTYPE",
            "COLORTERM",
            "COLORFGBG",
            "ACCESSIBLE",
            "AISOC_THEME",
            "AISOC_ENDPOINT",
            "AISOC_STATE_DIR",
        ] {
            command.env_remove(name);
        }
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for (name, value) in &setting.variables {
            command.env(name, value);
        }
        let mut program = Self::spawn(command, setting.size, setting.read.then_some(setting.rate));
        program.files = vec![token, config];
        program
    }

    /// It ends well at its key, and the terminal is as it was.
    pub fn quit(&mut self) {
        self.write(b"q");
        assert_eq!(self.wait_exit(PATIENCE), Some(0));
        self.assert_restored();
    }

    /// Any program in a terminal; `read` says whether anyone reads it, and how fast.
    pub fn spawn(command: CommandBuilder, (columns, rows): (u16, u16), read: Option<usize>) -> Self {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        let pair = native_pty_system().openpty(size).unwrap();
        let child = pair.slave.spawn_command(command).unwrap();
        drop(pair.slave);
        let (sender, output) = channel();
        if let Some(rate) = read {
            let mut reader = pair.master.try_clone_reader().unwrap();
            std::thread::spawn(move || {
                // A tenth of a second's worth at a time.
                let mut chunk = vec![0; (rate / 10).clamp(1, 65_536)];
                while let Ok(count @ 1..) = reader.read(&mut chunk) {
                    if rate < usize::MAX {
                        std::thread::sleep(Duration::from_millis(100));
                    }
                    if sender.send(chunk[..count].to_vec()).is_err() {
                        return;
                    }
                }
            });
        }
        let writer = pair.master.take_writer().unwrap();
        Self {
            child,
            master: Some(pair.master),
            writer: Some(writer),
            output,
            terminal: vt100::Parser::new(rows, columns, 0),
            raw: Vec::new(),
            files: Vec::new(),
        }
    }

    pub fn write(&mut self, bytes: &[u8]) {
        self.writer.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// Takes what has arrived until now.
    pub fn drain(&mut self) {
        while let Ok(bytes) = self.output.recv_timeout(Duration::from_millis(50)) {
            self.take(&bytes);
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.terminal.process(bytes);
        self.raw.extend_from_slice(bytes);
    }

    /// Waits until the screen is as it should be.
    pub fn wait_until(&mut self, what: &str, good: impl Fn(&str) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = self.terminal.screen().contents();
            if good(&text) {
                return;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(bytes) => self.take(&bytes),
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                    panic!(
                        "waited for {what}; the screen shows:\n{}",
                        self.terminal.screen().contents()
                    );
                }
            }
        }
    }

    pub fn wait_for(&mut self, text: &str) {
        self.wait_until(text, |screen| screen.contains(text));
    }

    /// The exit code, when it ends in time.
    pub fn wait_exit(&mut self, patience: Duration) -> Option<u32> {
        let deadline = Instant::now() + patience;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                self.drain();
                return Some(status.exit_code());
            }
            if Instant::now() > deadline {
                return None;
            }
            self.drain();
        }
    }

    pub fn wait_stopped(&self) {
        let deadline = Instant::now() + PATIENCE;
        while self.stat(0) != "T" {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    pub fn signal(&self, number: i32) {
        let pid = rustix::process::Pid::from_raw(i32::try_from(self.pid()).unwrap()).unwrap();
        let signal = rustix::process::Signal::from_named_raw(number).unwrap();
        rustix::process::kill_process(pid, signal).unwrap();
    }

    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = PtySize {
            rows,
            cols: columns,
            pixel_width: 0,
            pixel_height: 0,
        };
        self.master.as_ref().unwrap().resize(size).unwrap();
        self.terminal.screen_mut().set_size(rows, columns);
    }

    /// The terminal goes away.
    pub fn hang_up(&mut self) {
        self.writer = None;
        self.master = None;
    }

    pub fn alternate_screen(&self) -> bool {
        self.terminal.screen().alternate_screen()
    }

    pub fn assert_restored(&mut self) {
        self.drain();
        let screen = self.terminal.screen();
        assert!(
            !screen.alternate_screen() && !screen.hide_cursor(),
            "the terminal is not restored"
        );
        let text = String::from_utf8_lossy(&self.raw).into_owned();
        let (on, off) = (
            text.matches("\u{1b}[?2026h").count(),
            text.matches("\u{1b}[?2026l").count(),
        );
        assert!(off >= on, "{on} frames begun, {off} ended");
    }

    pub fn text(&self) -> String {
        self.terminal.screen().contents()
    }

    /// Waits until the program has written something.
    pub fn wait_raw(&mut self, wanted: &str) {
        let deadline = Instant::now() + PATIENCE;
        while !String::from_utf8_lossy(&self.raw).contains(wanted) {
            assert!(
                Instant::now() < deadline,
                "waited for {wanted:?}; the screen shows:\n{}",
                self.text()
            );
            self.drain();
        }
    }

    /// What a thread of this name has done: calls of `write`, and times that it woke up.
    pub fn thread(&self, name: &str) -> (u64, u64) {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).unwrap();
        let named = tasks.flatten().map(|task| task.path()).find(|task| {
            std::fs::read_to_string(task.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
        });
        let task = named.expect("a thread of this name");
        let number = |file: &str, field: &str| {
            let text = std::fs::read_to_string(task.join(file)).unwrap();
            let line = text
                .lines()
                .find_map(|line| line.strip_prefix(field))
                .unwrap()
                .to_owned();
            line.trim().parse::<u64>().unwrap()
        };
        (
            number("io", "syscw:"),
            number("status", "voluntary_ctxt_switches:"),
        )
    }

    pub fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub fn bytes(&self) -> usize {
        self.raw.len()
    }

    fn pid(&self) -> u32 {
        self.child.process_id().unwrap()
    }

    /// A field of `/proc/PID/stat` behind the name.
    fn stat(&self, field: usize) -> String {
        let text = std::fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let (_, rest) = text.rsplit_once(") ").unwrap();
        rest.split(' ').nth(field).unwrap().to_owned()
    }

    pub fn cpu(&self) -> Duration {
        let ticks: u64 = [11, 12]
            .iter()
            .map(|field| self.stat(*field).parse::<u64>().unwrap())
            .sum();
        Duration::from_millis(ticks * 10)
    }

    pub fn rss(&self) -> u64 {
        self.stat(21).parse::<u64>().unwrap() * 4_096
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
