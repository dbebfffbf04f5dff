//! `aisoc local down` and `reset`.

use crate::client::{Client, running};
use crate::error::{Failure, exit};
use crate::state::StateDir;
use crate::supervise::{adopt, take_lock};
use clap::Args;
use reqwest::Method;
use rustix::process::Signal;
use std::time::Duration;

/// Everything together may take this long to stop; then the supervisor is ended and what it left is ended too.
const PATIENCE: Duration = Duration::from_secs(75);

/// Options of `reset`.
#[derive(Debug, Args)]
pub(super) struct ResetArgs {
    /// Stops a running world first.
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(state: &StateDir) -> anyhow::Result<u8> {
    if !state.exists() {
        println!("There is no local world in {}.", state.root().display());
        return Ok(exit::OK);
    }
    let stopped = stop_supervisor(state).await?;
    let _lock = take_lock(&state.at("supervisor.lock"))?;
    let left = adopt::end(state).await;
    let _ = std::fs::remove_file(state.supervisor_json());
    match (stopped, left) {
        (true, 0) => println!("The local world is stopped."),
        (true, n) => println!(
            "The local world is stopped; {n} processes that its supervisor had not ended were ended too."
        ),
        (false, 0) => println!("The local world was not running."),
        (false, n) => println!("The supervisor was not running; {n} processes that it had left were ended."),
    }
    Ok(exit::OK)
}

/// Answers whether one was running.
async fn stop_supervisor(state: &StateDir) -> anyhow::Result<bool> {
    let Some(record) = running(state)? else {
        return Ok(false);
    };
    let asked = match Client::connect(state) {
        Ok(client) => client.send(Method::POST, "/v1/stop", None).await.is_ok(),
        Err(_) => false,
    };
    if !asked && !record.identity.signal(Signal::TERM) && record.identity.alive() {
        return Err(Failure::new(
            exit::FORBIDDEN,
            format!(
                "the supervisor (pid {}) belongs to another user",
                record.identity.pid
            ),
            "run `aisoc local down` as the user that started it",
        )
        .into());
    }
    // A frozen supervisor would never hear us.
    record.identity.signal(Signal::CONT);
    if !adopt::gone(&[record.identity], PATIENCE).await {
        eprintln!(
            "The supervisor did not end within {} s and is killed.",
            PATIENCE.as_secs()
        );
        record.identity.signal(Signal::KILL);
        adopt::gone(&[record.identity], Duration::from_secs(5)).await;
    }
    Ok(true)
}

pub(super) async fn reset(state: &StateDir, args: &ResetArgs) -> anyhow::Result<u8> {
    if running(state)?.is_some() && !args.force {
        return Err(Failure::refused(
            "the local world is running; its state is not deleted under it",
            "stop it with `aisoc local down`, or use `aisoc local reset --force`",
        )
        .into());
    }
    if state.exists() {
        run(state).await?;
    }
    state.delete()?;
    println!("The state in {} is deleted.", state.root().display());
    Ok(exit::OK)
}
