//! The product's two programs, run as a user runs them.

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use tokio::process::Command;

/// What a finished command left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; -1 when a signal ended it.
    pub code: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Finished {
    /// The JSON document on standard output.
    ///
    /// # Errors
    /// When it is not that document; the error shows both outputs.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_str(&self.stdout).with_context(|| {
            format!(
                "exit code {}, stdout: {}\nstderr: {}",
                self.code, self.stdout, self.stderr
            )
        })
    }

    /// Itself, when it ended with `code`.
    ///
    /// # Errors
    /// When it did not; the error shows both outputs.
    pub fn expect_code(self, code: i32) -> Result<Self> {
        if self.code != code {
            bail!(
                "exit code {} instead of {code}\nstdout: {}\nstderr: {}",
                self.code,
                self.stdout,
                self.stderr
            );
        }
        Ok(self)
    }
}

/// Path of a built program: beside this executable (`target/<profile>`), or one above it, where tests run.
///
/// # Errors
/// When it was not built; `make test` and `make bench` build it first.
pub fn program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe().context("path of the test's executable")?;
    let found = own
        .ancestors()
        .skip(1)
        .take(2)
        .map(|dir| dir.join(name))
        .find(|path| path.is_file());
    found.with_context(|| {
        format!(
            "{name} is not built beside {}: run `cargo build --workspace --bins` first",
            own.display()
        )
    })
}

/// Runs a program to its end.
///
/// # Errors
/// When it cannot be started.
pub async fn run(name: &str, state_dir: &Path, arguments: &[&str]) -> Result<Finished> {
    let output = Command::new(program(name)?)
        .args(arguments)
        .env("AISOC_STATE_DIR", state_dir)
        .env_remove("AISOC_ENDPOINT")
        .env_remove("AISOC_TOKEN_FILE")
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .with_context(|| format!("cannot run {name} {arguments:?}"))?;
    Ok(Finished {
        code: output.status.code().unwrap_or(-1),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
