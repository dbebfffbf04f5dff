//! How a process is started: its environment, account, group and log.

use super::adopt::mark;
use crate::parts::{self, Spec};
use crate::world::World;
use anyhow::Context;
use std::fs::File;
use std::process::Stdio;
use tokio::process::Command;

/// The command that starts it, writing into `log`.
pub(super) fn command(world: &World, spec: &Spec, log: File) -> anyhow::Result<Command> {
    let mut command = Command::new(&spec.program);
    command
        .args(&spec.args)
        .env_clear()
        .envs(passed_through())
        .envs(&spec.env)
        .env(mark::WORLD, &world.id)
        .env(mark::PROCESS, &spec.name)
        .env(mark::STATE_DIR, world.state.root())
        .stdin(Stdio::null())
        .stdout(log.try_clone().context("sharing the log")?)
        .stderr(log)
        .current_dir(world.state.root())
        // Its own group: the terminal's Ctrl-C does not reach it.
        .process_group(0);
    if spec.account == parts::Account::Databases
        && let Some(account) = world.account
    {
        // The standard library drops our supplementary groups with the user.
        command.uid(account.uid).gid(account.gid);
    }
    Ok(command)
}

/// Variables that a process inherits from whoever started the world; everything else is set by its spec.
const INHERITED: [&str; 16] = [
    "PATH",
    "HOME",
    "USER",
    "TZ",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "AISOC_LOG",
    "AISOC_TRACE_RATIO",
    "AISOC_GEOIP_DB",
    "AISOC_RULES_DIR",
    "AISOC_PLAYBOOKS_DIR",
    "AISOC_ASSETS_FILE",
    "AISOC_INDICATORS_FILE",
];

fn passed_through() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| INHERITED.contains(&name.as_str()))
}
