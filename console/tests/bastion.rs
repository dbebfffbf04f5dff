//! The bastion with a real sshd on loopback, started from the very file of `deploy/bastion`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[allow(dead_code)]
#[path = "../src/fixture/mod.rs"]
mod fixture;
#[allow(dead_code)]
mod support;

use portable_pty::CommandBuilder;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use support::control_plane::ControlPlane;
use support::program::Program;
use tempfile::TempDir;

const PATIENCE: Duration = Duration::from_mins(1);

/// A bastion of its own: keys, tokens, settings, and an sshd in front of them.
struct Bastion {
    directory: TempDir,
    port: u16,
    user: String,
    sshd: Child,
}

impl Bastion {
    fn start(plane: &ControlPlane) -> Self {
        let directory = tempfile::Builder::new().prefix("bastion").tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let user = output(Command::new("id").arg("-un"));
        for key in ["host", "ann", "ben", "cid", "dan"] {
            output(
                Command::new("ssh-keygen")
                    .args(["-q", "-t", "ed25519", "-N", "", "-C", key, "-f"])
                    .arg(path(key)),
            );
        }
        // Dan's key is not among them; Cid's has no token.
        let keys: String = ["ann", "ben", "cid"]
            .map(|name| {
                format!(
                    "restrict,pty {}",
                    std::fs::read_to_string(path(&format!("{name}.pub"))).unwrap()
                )
            })
            .concat();
        std::fs::write(path("authorized_keys"), keys).unwrap();
        std::fs::create_dir(path("tokens")).unwrap();
        std::fs::write(path("tokens/ann"), "good\n").unwrap();
        std::fs::write(path("tokens/ben"), "look\n").unwrap();
        std::fs::write(
            path("console.toml"),
            format!("endpoints = [\"{}\"]\n", plane.address),
        )
        .unwrap();
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        std::fs::write(
            path("sshd_config"),
            settings(&directory.path().display().to_string(), &user, port),
        )
        .unwrap();
        if user == "root" {
            std::fs::create_dir_all("/run/sshd").unwrap();
        }
        let sshd = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(path("sshd.log")).unwrap())
            .spawn()
            .expect("sshd is installed: `make packages`");
        let bastion = Self {
            directory,
            port,
            user,
            sshd,
        };
        wait("sshd listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        bastion
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What `ssh` is called with for a key, before the destination.
    fn options(&self, key: &str) -> Vec<String> {
        let mut options: Vec<String> = [
            "-F",
            "/dev/null",
            "-o",
            "StrictHostKeyChecking=no",
            "-o",
            "UserKnownHostsFile=/dev/null",
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            "IdentityAgent=none",
            "-o",
            "BatchMode=yes",
            "-o",
            "LogLevel=ERROR",
        ]
        .map(str::to_owned)
        .to_vec();
        options.extend(["-p".to_owned(), self.port.to_string(), "-i".to_owned()]);
        options.push(self.path(key).display().to_string());
        options
    }

    fn destination(&self) -> String {
        format!("{}@127.0.0.1", self.user)
    }

    /// The console through ssh, in a terminal.
    fn console(&self, key: &str) -> Program {
        let mut command = CommandBuilder::new("ssh");
        command.args(self.options(key));
        command.args(["-o", "SendEnv=LANG", "-t", &self.destination()]);
        command.env("TERM", "xterm-256color");
        command.env("LANG", "C.UTF-8");
        for name in ["LC_ALL", "LC_CTYPE", "NO_COLOR", "ACCESSIBLE"] {
            command.env_remove(name);
        }
        Program::spawn(command, (120, 40), Some(usize::MAX))
    }

    /// One call of ssh without a terminal.
    fn ssh(&self, key: &str, before: &[&str], command: &[&str]) -> (Option<i32>, String) {
        let output = Command::new("ssh")
            .args(self.options(key))
            .args(before)
            .arg(self.destination())
            .args(command)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    }

    /// Consoles that run for this bastion.
    fn consoles(&self) -> usize {
        let mine = self.directory.path().display().to_string();
        let lines = std::fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|process| {
                let line = std::fs::read(process.path().join("cmdline")).ok()?;
                Some(String::from_utf8_lossy(&line).into_owned())
            });
        lines
            .filter(|line| line.contains("captive") && line.contains(&mine))
            .count()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.path("sshd.log")).unwrap_or_default()
    }
}

impl Drop for Bastion {
    fn drop(&mut self) {
        let _ = self.sshd.kill();
        let _ = self.sshd.wait();
    }
}

/// The file of `deploy/bastion`, for this directory and this user.
fn settings(directory: &str, user: &str, port: u16) -> String {
    let shipped = include_str!("../../deploy/bastion/aisoc-bastion.conf");
    for needed in [
        "/usr/bin/aisoc-console",
        "/etc/aisoc/bastion",
        "Match User aisoc-bastion",
    ] {
        assert!(shipped.contains(needed), "{needed}");
    }
    let shipped = shipped
        .replace("/usr/bin/aisoc-console", env!("CARGO_BIN_EXE_aisoc-console"))
        .replace("/etc/aisoc/bastion", directory)
        .replace("Match User aisoc-bastion", &format!("Match User {user}"));
    format!(
        "ListenAddress 127.0.0.1:{port}\nHostKey {directory}/host\nPidFile none\nUsePAM no\nStrictModes no\n\
         PermitRootLogin prohibit-password\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n{shipped}"
    )
}

fn output(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().unwrap();
    assert!(
        status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&stderr)
    );
    String::from_utf8_lossy(&stdout).trim().to_owned()
}

fn wait(what: &str, good: impl Fn() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !good() {
        assert!(Instant::now() < deadline, "waited until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_key_opens_the_console_in_its_role_and_nothing_else() {
    let plane = ControlPlane::start(fixture::healthy());
    let bastion = Bastion::start(&plane);

    let mut operator = bastion.console("ann");
    operator.wait_until("an operator's console", |text| {
        text.contains("● live") && text.contains("sre (operator)")
    });
    // There is no shell behind it.
    operator.write(b"\x1a");
    operator.wait_for("no shell here");
    operator.write(b"q");
    assert_eq!(operator.wait_exit(PATIENCE), Some(0), "{}", bastion.log());

    let mut viewer = bastion.console("ben");
    viewer.wait_until("a viewer's console", |text| {
        text.contains("● live") && text.contains("viewer: read only") && text.contains("us-east-1")
    });
    viewer.write(b"\x1b[15~");
    viewer.wait_for("may look, not act");
    viewer.write(b"q");
    assert_eq!(viewer.wait_exit(PATIENCE), Some(0), "{}", bastion.log());

    let (code, text) = bastion.ssh("cid", &[], &[]);
    assert_eq!(code, Some(4), "{text}");
    assert!(text.contains("cid, your key has no token here"), "{text}");

    let (code, text) = bastion.ssh("dan", &[], &[]);
    assert_eq!(code, Some(255), "{text}");
    assert!(text.contains("Permission denied"), "{text}");
}

#[test]
fn no_command_no_file_no_forwarding() {
    let plane = ControlPlane::start(fixture::healthy());
    let bastion = Bastion::start(&plane);
    let marker = bastion.path("marker");
    let touch = format!("touch {}", marker.display());
    for (before, command) in [
        (&[][..], &[touch.as_str()][..]),
        (&["-tt"], &["bash", "-i"]),
        (&["-s"], &["sftp"]),
    ] {
        let (code, text) = bastion.ssh("ann", before, command);
        assert_eq!(code, Some(2), "{before:?} {command:?}: {text}");
        // sshd passes on what a subsystem writes, not its errors.
        let told = text.contains("opens the console and nothing else");
        assert!(told || before == ["-s"], "{before:?} {command:?}: {text}");
    }
    assert!(!marker.exists());

    let target = plane.address.trim_start_matches("http://").to_owned();
    let (code, text) = bastion.ssh("ann", &["-W", &target], &[]);
    assert_eq!(code, Some(255), "{text}");
    let backwards = format!("0:{target}");
    let (code, text) = bastion.ssh(
        "ann",
        &["-N", "-o", "ExitOnForwardFailure=yes", "-R", &backwards],
        &[],
    );
    assert_eq!(code, Some(255), "{text}");
    assert_eq!(bastion.consoles(), 0);
}

#[test]
fn a_dropped_connection_leaves_nothing_running() {
    let plane = ControlPlane::start(fixture::healthy());
    let bastion = Bastion::start(&plane);
    let mut console = bastion.console("ann");
    console.wait_for("● live");
    assert!(bastion.consoles() > 0);
    console.signal(9);
    wait("its console has ended", || bastion.consoles() == 0);
}
