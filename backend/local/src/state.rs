//! The state directory: where everything of a local world lives, and how its files are written.

use crate::error::{Failure, exit};
use crate::privileges::Account;
use anyhow::Context;
use serde::{Serialize, de::DeserializeOwned};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Longest state directory: HAProxy's runtime socket lives below it and a socket's path is limited to 97 bytes.
const LONGEST: usize = 72;

/// Marks a directory as ours, so that `reset` never deletes anything else.
const MARKER: &str = ".aisoc-local";

/// What `reset` deletes; anything else in the directory is left alone.
const CONTENT: [&str; 14] = [
    "world.toml",
    "topology",
    "console.toml",
    "supervisor.json",
    "supervisor.lock",
    "processes.json",
    "releases.json",
    "lb.json",
    "fences.json",
    "leader",
    "leader-eu",
    "tokens",
    "logs",
    "run",
];

/// A state directory, absolute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateDir {
    root: PathBuf,
}

impl StateDir {
    /// The directory that was asked for, or the default: `/var/lib/aisoc/local` for root, else below
    /// `$XDG_STATE_HOME` (`~/.local/state`).
    ///
    /// # Errors
    /// When there is no home directory, or the path cannot be used in the configuration files of the parts.
    pub fn resolve(asked: Option<&Path>) -> anyhow::Result<Self> {
        let root = match asked {
            Some(path) => std::path::absolute(path).with_context(|| format!("reading {}", path.display()))?,
            None => default_root()?,
        };
        let text = root.to_str().unwrap_or("\u{0}");
        if text.len() > LONGEST
            || !text
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"/._-+@".contains(&b))
        {
            return Err(Failure::usage(
                format!("state directory {} cannot be used", root.display()),
                format!(
                    "use a path of at most {LONGEST} characters out of a-z A-Z 0-9 / . _ - + @ (it goes into a socket path and \
                     into configuration files)"
                ),
            )
            .into());
        }
        Ok(Self { root })
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below it.
    pub fn at(&self, relative: impl AsRef<Path>) -> PathBuf {
        self.root.join(relative)
    }

    /// The operator's configuration.
    #[must_use]
    pub fn world_toml(&self) -> PathBuf {
        self.at("world.toml")
    }

    /// The configuration of a region's control plane.
    #[must_use]
    pub fn topology_toml(&self, region: &str) -> PathBuf {
        self.at("topology").join(format!("{region}.toml"))
    }

    /// The api instances that each region looks at.
    #[must_use]
    pub fn peers_toml(&self) -> PathBuf {
        self.at("peers.toml")
    }

    /// How consoles find the control plane.
    #[must_use]
    pub fn console_toml(&self) -> PathBuf {
        self.at("console.toml")
    }

    /// Who the supervisor is and where it answers.
    #[must_use]
    pub fn supervisor_json(&self) -> PathBuf {
        self.at("supervisor.json")
    }

    /// A token's file.
    #[must_use]
    pub fn token(&self, name: &str) -> PathBuf {
        self.at("tokens").join(name)
    }

    /// A process's log, `us-east-1/api-a` -> `logs/us-east-1.api-a.log`.
    #[must_use]
    pub fn log(&self, process: &str) -> PathBuf {
        self.at("logs").join(format!("{}.log", process.replace('/', ".")))
    }

    /// Generated configuration of the parts, and sockets.
    #[must_use]
    pub fn run(&self, name: &str) -> PathBuf {
        self.at("run").join(name)
    }

    /// A region's data.
    #[must_use]
    pub fn data(&self, region: &str) -> PathBuf {
        self.at("data").join(region)
    }

    /// Makes the directory with its parts, readable to nobody else where secrets are.
    ///
    /// # Errors
    /// When it cannot be made, written, or reached by the account that the databases run as.
    pub fn create(&self, account: Option<Account>) -> anyhow::Result<()> {
        let cannot = |e: std::io::Error| {
            Failure::new(
                exit::FAILED,
                format!(
                    "state directory {} cannot be made or written: {e}",
                    self.root.display()
                ),
                "choose another one with --state-dir, or give this one to the user that runs aisoc",
            )
        };
        std::fs::DirBuilder::new()
            .recursive(true)
            .mode(0o755)
            .create(&self.root)
            .map_err(cannot)?;
        if account.is_some() {
            // The databases' account passes through, it need not list.
            let mode = self.root.metadata().map_err(cannot)?.permissions().mode();
            std::fs::set_permissions(&self.root, std::fs::Permissions::from_mode(mode | 0o111))
                .map_err(cannot)?;
        }
        for (name, mode) in [
            ("tokens", 0o700),
            ("logs", 0o755),
            ("run", 0o755),
            ("topology", 0o700),
            ("data", 0o755),
        ] {
            std::fs::DirBuilder::new()
                .recursive(true)
                .mode(mode)
                .create(self.at(name))
                .map_err(cannot)?;
        }
        std::fs::write(
            self.at(MARKER),
            "Made by `aisoc local up`; `aisoc local reset` deletes it.\n",
        )
        .map_err(cannot)?;
        if let Some(account) = account {
            self.check_reachable(account)?;
        }
        Ok(())
    }

    fn check_reachable(&self, account: Account) -> anyhow::Result<()> {
        for dir in self.root.ancestors() {
            let meta = dir
                .metadata()
                .with_context(|| format!("reading {}", dir.display()))?;
            let bit = if meta.uid() == account.uid {
                0o100
            } else if meta.gid() == account.gid {
                0o010
            } else {
                0o001
            };
            if meta.mode() & bit == 0 {
                return Err(Failure::usage(
                    format!(
                        "the databases run as uid {} and cannot reach {} (mode {:o})",
                        account.uid,
                        dir.display(),
                        meta.mode() & 0o777
                    ),
                    "choose a --state-dir that everybody may pass through, for example /var/lib/aisoc/local",
                )
                .into());
            }
        }
        Ok(())
    }

    /// Whether a world was ever made here.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.at(MARKER).exists()
    }

    /// Deletes the world's files; the directory too when nothing else is in it.
    ///
    /// # Errors
    /// When the directory was not made by us or cannot be deleted.
    pub fn delete(&self) -> anyhow::Result<()> {
        if !self.exists() {
            return Err(Failure::usage(
                format!(
                    "{} is not the state directory of a local world",
                    self.root.display()
                ),
                "nothing was deleted; name the right one with --state-dir",
            )
            .into());
        }
        for name in CONTENT.into_iter().chain(["data", MARKER]) {
            let path = self.at(name);
            let done = match std::fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_dir() => std::fs::remove_dir_all(&path),
                Ok(_) => std::fs::remove_file(&path),
                Err(_) => Ok(()),
            };
            done.with_context(|| format!("deleting {}", path.display()))?;
        }
        // Not empty means that somebody keeps something here: theirs to keep.
        let _ = std::fs::remove_dir(&self.root);
        Ok(())
    }
}

fn default_root() -> anyhow::Result<PathBuf> {
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/lib/aisoc/local"));
    }
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|v| !v.is_empty())
            .map(PathBuf::from)
    };
    set("XDG_STATE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".local/state")))
        .map(|base| base.join("aisoc/local"))
        .ok_or_else(|| {
            Failure::usage(
                "no place for the local world: neither XDG_STATE_HOME nor HOME is set",
                "name one with --state-dir",
            )
            .into()
        })
}

/// Writes a file as a whole or not at all: temporary file beside it, fsync, rename.
///
/// # Errors
/// When the directory cannot be written.
pub fn write_atomic(path: &Path, content: &[u8], mode: u32) -> anyhow::Result<()> {
    let name = path.file_name().and_then(|n| n.to_str()).unwrap_or("file");
    let temporary = path.with_file_name(format!(".{name}.new"));
    let write = || -> std::io::Result<()> {
        let _ = std::fs::remove_file(&temporary);
        let mut file = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(mode)
            .open(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        std::fs::rename(&temporary, path)
    };
    write().with_context(|| format!("writing {}", path.display()))
}

/// Writes a value as JSON, as a whole or not at all.
///
/// # Errors
/// As [`write_atomic`].
pub fn write_json<T: Serialize>(path: &Path, value: &T) -> anyhow::Result<()> {
    write_atomic(path, &serde_json::to_vec_pretty(value)?, 0o600)
}

/// Reads a JSON file; `None` when there is none.
///
/// # Errors
/// When it is there but unreadable or not of this shape.
pub fn read_json<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Option<T>> {
    match std::fs::read(path) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .with_context(|| format!("{} is not what aisoc wrote there; delete it", path.display())),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e).with_context(|| format!("reading {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_that_would_break_a_configuration_file_are_refused() {
        assert!(StateDir::resolve(Some(Path::new("/tmp/a b"))).is_err());
        assert!(StateDir::resolve(Some(Path::new(&format!("/{}", "x".repeat(100))))).is_err());
        assert!(StateDir::resolve(Some(Path::new("/tmp/aisoc-1"))).is_ok());
    }

    #[test]
    fn reset_deletes_only_what_is_ours() {
        let dir = tempfile::tempdir().unwrap();
        let state = StateDir::resolve(Some(dir.path())).unwrap();
        std::fs::write(dir.path().join("thesis.doc"), "precious").unwrap();
        assert!(
            state.delete().is_err(),
            "a directory without our mark is not touched"
        );
        state.create(None).unwrap();
        std::fs::write(state.world_toml(), "x").unwrap();
        state.delete().unwrap();
        assert!(dir.path().join("thesis.doc").exists());
        assert!(!state.world_toml().exists());
        assert!(!state.exists());
    }

    #[test]
    fn an_atomic_write_replaces_and_keeps_its_mode() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        write_atomic(&file, b"one", 0o600).unwrap();
        write_atomic(&file, b"two", 0o600).unwrap();
        assert_eq!(std::fs::read(&file).unwrap(), b"two");
        assert_eq!(file.metadata().unwrap().mode() & 0o777, 0o600);
    }
}
