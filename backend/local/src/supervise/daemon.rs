//! The supervisor as a process of its own: takes the state directory, ends what an earlier one left, serves until it
//! is asked to stop.

use super::lifecycle::Supervisor;
use super::proc::Identity;
use super::{adopt, http};
use crate::error::{Failure, as_failure, exit};
use crate::state::{StateDir, write_json};
use crate::world::World;
use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// `supervisor.json`: who the supervisor is and where it answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The process.
    pub identity: Identity,
    /// `http://127.0.0.1:port`.
    pub url: String,
    /// Id of this start.
    pub world_id: String,
}

/// The daemon: `aisoc local supervise`.
///
/// # Errors
/// When the world cannot be prepared; the reason is also left in the state directory for whoever started us.
pub async fn run(state: StateDir) -> anyhow::Result<()> {
    // We were started from a terminal; its end is not ours.
    let _ = rustix::process::setsid();
    let outcome = serve(state.clone()).await;
    if let Err(error) = &outcome {
        let failure = as_failure(error);
        tracing::error!(what = failure.what, next = failure.next, "the supervisor ends");
        let record = serde_json::json!({ "code": failure.code, "what": failure.what, "next": failure.next });
        let _ = write_json(&failure_path(&state), &record);
    }
    outcome
}

/// Where a supervisor that could not start leaves the reason.
#[must_use]
pub fn failure_path(state: &StateDir) -> PathBuf {
    state.run("failure.json")
}

async fn serve(state: StateDir) -> anyhow::Result<()> {
    std::fs::create_dir_all(state.root()).with_context(|| format!("making {}", state.root().display()))?;
    let _lock = take_lock(&state.at("supervisor.lock"))?;
    let ended = adopt::end(&state).await;
    if ended > 0 {
        tracing::warn!(ended, "ended processes of an earlier supervisor that was killed");
    }
    let exe = std::env::current_exe().context("finding our own program")?;
    let world = World::prepare(state.clone(), exe)?;
    let port = world.ports.global("supervisor");
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port))
        .await
        .with_context(|| format!("listening on 127.0.0.1:{port}"))?;
    let world_id = world.id.clone();
    let supervisor = Supervisor::new(world)?;
    let record = Record {
        identity: Identity::of(std::process::id()).context("reading our own start time")?,
        url: format!("http://127.0.0.1:{port}"),
        world_id,
    };
    write_json(&state.supervisor_json(), &record)?;
    let stop = supervisor.stop.clone();
    let router = http::router(Arc::clone(&supervisor));
    let serving = tokio::spawn(async move { axum::serve(listener, router).await });
    supervisor.start();
    wait_for_end(&stop).await?;
    supervisor.stop_all().await;
    let _ = std::fs::remove_file(state.supervisor_json());
    serving.abort();
    tracing::info!("everything is stopped");
    Ok(())
}

async fn wait_for_end(stop: &CancellationToken) -> anyhow::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("waiting for SIGINT")?;
    tokio::select! {
        () = stop.cancelled() => {}
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    stop.cancel();
    Ok(())
}

/// One supervisor for a state directory: the lock goes with the process, however it ends.
///
/// # Errors
/// When another one has it.
pub fn take_lock(path: &Path) -> anyhow::Result<std::fs::File> {
    let file = std::fs::OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .with_context(|| format!("opening {}", path.display()))?;
    flock(&file, FlockOperation::NonBlockingLockExclusive).map_err(|_| {
        Failure::new(
            exit::REFUSED,
            "another supervisor runs this world",
            "see it with `aisoc local status`, end it with `aisoc local down`",
        )
    })?;
    Ok(file)
}
