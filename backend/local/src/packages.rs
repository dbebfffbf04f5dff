//! System packages: what the local world needs, what is missing, how to get it.

use crate::error::{Failure, exit};
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The one list, shared with the shell script that runs before anything is compiled.
const LIST: &str = include_str!("../../../assets/packages.txt");

/// Oldest PostgreSQL that is supported.
const OLDEST_POSTGRES: u32 = 15;

/// Not needed to run the world, only to test it.
const TEST_ONLY: [&str; 1] = ["tmux"];

/// A package of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Package {
    /// Its name for apt.
    pub name: &'static str,
    /// The program that must be there.
    pub program: &'static str,
    /// What it is for.
    pub why: &'static str,
}

/// Programs of the parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Binaries {
    /// Directory of PostgreSQL's programs.
    pub postgres_dir: PathBuf,
    /// Patroni.
    pub patroni: PathBuf,
    /// etcd.
    pub etcd: PathBuf,
    /// HAProxy.
    pub haproxy: PathBuf,
    /// Redis.
    pub redis: PathBuf,
}

impl Binaries {
    /// Finds all of them.
    ///
    /// # Errors
    /// When one is missing: a [`Failure`] with exit code 8 that names all that are, and the command.
    pub fn find() -> anyhow::Result<Self> {
        let missing = missing_to_run();
        if !missing.is_empty() {
            return Err(explain(&missing).into());
        }
        let need = |program: &str| {
            on_path(program).with_context(|| format!("{program} was there a moment ago and is gone"))
        };
        Ok(Self {
            postgres_dir: postgres_dir().context("PostgreSQL was there a moment ago and is gone")?,
            patroni: need("patroni")?,
            etcd: need("etcd")?,
            haproxy: need("haproxy")?,
            redis: need("redis-server")?,
        })
    }
}

/// The packages of the list.
#[must_use]
pub fn all() -> Vec<Package> {
    LIST.lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let mut fields = line.split('\t');
            Some(Package {
                name: fields.next().filter(|n| !n.is_empty())?,
                program: fields.next()?,
                why: fields.next()?,
            })
        })
        .collect()
}

/// Those whose program is not there.
#[must_use]
pub fn missing() -> Vec<Package> {
    all()
        .into_iter()
        .filter(|p| match p.program {
            "postgres" => postgres_dir().is_none(),
            program => on_path(program).is_none(),
        })
        .collect()
}

/// Those of them without which the world does not run.
#[must_use]
pub fn missing_to_run() -> Vec<Package> {
    missing()
        .into_iter()
        .filter(|p| !TEST_ONLY.contains(&p.program))
        .collect()
}

/// The failure that names what is missing and how to get it.
#[must_use]
pub fn explain(missing: &[Package]) -> Failure {
    let lines: Vec<String> = missing
        .iter()
        .map(|p| format!("  {:<14} {}", p.name, p.why))
        .collect();
    Failure::new(
        exit::PACKAGES,
        format!("system packages are missing:\n{}", lines.join("\n")),
        format!("install them with: {}", command_line(missing)),
    )
}

fn command_line(missing: &[Package]) -> String {
    let names: Vec<&str> = missing.iter().map(|p| p.name).collect();
    let sudo = if rustix::process::geteuid().is_root() {
        ""
    } else {
        "sudo "
    };
    format!(
        "{sudo}apt-get update && {sudo}apt-get install -y --no-install-recommends {}",
        names.join(" ")
    )
}

/// Installs what is missing through apt, when we may.
///
/// # Errors
/// When there is no apt, we are neither root nor may use sudo without a password, or apt fails: with the exact
/// command and exit code 8.
pub fn install(missing: &[Package]) -> Result<(), Failure> {
    let by_hand = |why: String| {
        let mut failure = explain(missing);
        failure.what = format!("{}\n{why}", failure.what);
        failure
    };
    if on_path("apt-get").is_none() {
        return Err(by_hand(
            "they were not installed: this system has no apt-get".to_owned(),
        ));
    }
    let sudo: &[&str] = if rustix::process::geteuid().is_root() {
        &[]
    } else if sudo_without_password() {
        &["sudo", "-n"]
    } else {
        return Err(by_hand(
            "they were not installed: neither root nor sudo without a password".to_owned(),
        ));
    };
    for package in missing {
        println!("installing {} ({})", package.name, package.why);
    }
    let names = missing.iter().map(|p| p.name);
    let install: Vec<&str> = ["apt-get", "install", "-y", "--no-install-recommends"]
        .into_iter()
        .chain(names)
        .collect();
    for step in [&["apt-get", "update"][..], &install] {
        let words: Vec<&str> = sudo.iter().chain(step.iter()).copied().collect();
        let (program, rest) = words.split_first().unwrap_or((&"false", &[]));
        let status = Command::new(program)
            .args(rest)
            .env("DEBIAN_FRONTEND", "noninteractive")
            .stdin(Stdio::null())
            .status();
        match status {
            Ok(status) if status.success() => {}
            Ok(status) => return Err(by_hand(format!("`{}` ended with {status}", words.join(" ")))),
            Err(e) => {
                return Err(by_hand(format!(
                    "`{}` could not be started: {e}",
                    words.join(" ")
                )));
            }
        }
    }
    let still = self::missing();
    let still: Vec<Package> = missing.iter().filter(|p| still.contains(p)).copied().collect();
    if still.is_empty() {
        Ok(())
    } else {
        Err(explain(&still))
    }
}

fn sudo_without_password() -> bool {
    on_path("sudo").is_some()
        && Command::new("sudo")
            .args(["-n", "true"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|s| s.success())
}

/// A program on `PATH`, or where Debian keeps programs of the system that an ordinary user's `PATH` lacks.
#[must_use]
pub fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/usr/local/bin", "/usr/bin"].map(PathBuf::from))
        .map(|dir| dir.join(program))
        .find(|file| is_program(file))
}

/// Whether `file` is a file that may be executed.
#[must_use]
pub fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0)
}

fn postgres_dir() -> Option<PathBuf> {
    let versions = std::fs::read_dir("/usr/lib/postgresql").ok();
    let newest = versions
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let dir = entry.path().join("bin");
            (version >= OLDEST_POSTGRES && is_program(&dir.join("postgres"))).then_some((version, dir))
        })
        .max_by_key(|(version, _)| *version)
        .map(|(_, dir)| dir);
    newest.or_else(|| {
        let dir = on_path("postgres")?.parent()?.to_owned();
        let version = Command::new(dir.join("postgres"))
            .arg("--version")
            .output()
            .ok()?;
        let version = String::from_utf8_lossy(&version.stdout).into_owned();
        (major(&version)? >= OLDEST_POSTGRES).then_some(dir)
    })
}

fn major(version: &str) -> Option<u32> {
    let number = version
        .split_whitespace()
        .find(|w| w.starts_with(|c: char| c.is_ascii_digit()))?;
    number.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_every_part_once() {
        let programs: Vec<&str> = all().iter().map(|p| p.program).collect();
        assert_eq!(
            programs,
            [
                "postgres",
                "patroni",
                "etcd",
                "haproxy",
                "redis-server",
                "tmux",
                "sshd"
            ]
        );
    }

    #[test]
    fn the_explanation_names_package_reason_and_command() {
        let failure = explain(&all());
        assert_eq!(failure.code, 8);
        assert!(failure.what.contains("etcd-server") && failure.what.contains("load balancer"));
        assert!(failure.next.contains("apt-get install -y"));
    }

    #[test]
    fn versions_are_read_from_what_postgres_says() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta1"), Some(18));
        assert_eq!(major("nothing"), None);
    }
}
