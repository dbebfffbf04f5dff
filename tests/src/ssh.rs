//! Somebody who works over ssh: a real sshd on loopback, and a command in a terminal at the far end of its line.
//! What the bastion of `deploy/bastion` allows is tested with the console.

use anyhow::{Context, Result, ensure};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::wait::until;

/// How long the server may take to listen.
const PATIENCE: Duration = Duration::from_mins(1);

/// An sshd that lets its own user in, with a key of its own.
#[derive(Debug)]
pub struct SshServer {
    directory: tempfile::TempDir,
    port: u16,
    user: String,
    server: Child,
}

impl SshServer {
    /// Starts one on a free port.
    ///
    /// # Errors
    /// When `sshd` or `ssh-keygen` is missing, or it does not listen.
    pub async fn start() -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("aisoc-ssh-").tempdir()?;
        let path = |name: &str| directory.path().join(name);
        let user = said(Command::new("id").arg("-un"))?;
        for key in ["host", "key"] {
            let options = ["-q", "-t", "ed25519", "-N", "", "-f"];
            said(Command::new("ssh-keygen").args(options).arg(path(key)))?;
        }
        if user == "root" {
            std::fs::create_dir_all("/run/sshd")?;
        }
        let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let at = directory.path().display();
        let settings = format!(
            "ListenAddress 127.0.0.1:{port}\nHostKey {at}/host\nAuthorizedKeysFile {at}/key.pub\nPidFile none\n\
             UsePAM no\nStrictModes no\nPermitRootLogin prohibit-password\nPasswordAuthentication no\n"
        );
        std::fs::write(path("sshd_config"), settings)?;
        let server = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(path("sshd_config"))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(path("sshd.log"))?)
            .spawn()
            .context("sshd is installed by `make packages`")?;
        let started = Self {
            directory,
            port,
            user,
            server,
        };
        until("sshd listens", PATIENCE, async || {
            Ok(TcpStream::connect(("127.0.0.1", port)).ok().map(drop))
        })
        .await?;
        Ok(started)
    }

    /// A command in a terminal at the other end; the line is cut when the client is killed. No argument may need
    /// quoting.
    ///
    /// # Errors
    /// When `ssh` cannot be started.
    pub fn run(&self, command: &[&str]) -> Result<Child> {
        let path = |name: &str| -> PathBuf { self.directory.path().join(name) };
        let options = [
            "-tt",
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
        ];
        Command::new("ssh")
            .args(options)
            .args(["-p", &self.port.to_string(), "-i"])
            .arg(path("key"))
            .arg(format!("{}@127.0.0.1", self.user))
            .args(command)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(path("ssh.log"))?)
            .spawn()
            .context("ssh is installed by `make packages`")
    }

    /// What the server and the last client said, for the message of a test that fails.
    #[must_use]
    pub fn log(&self) -> String {
        ["sshd.log", "ssh.log"]
            .map(|name| std::fs::read_to_string(self.directory.path().join(name)).unwrap_or_default())
            .concat()
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let ended = self.server.kill().and_then(|()| self.server.wait());
        drop(ended);
    }
}

/// What a command says that has to succeed.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(
        output.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
