//! The life of the supervisor: take the state directory, end what an earlier one left, start the parts in order,
//! serve, and on the way out stop everything in order.

use super::process::{self, Command, Handle, Prepare};
use super::table::Table;
use super::{adopt, http, keep, start};
use crate::error::{Failure, as_failure, exit};
use crate::faults::Faults;
use crate::parts::{self, Spec};
use crate::releases::Releases;
use crate::state::{StateDir, write_json};
use crate::supervise::proc::Identity;
use crate::world::World;
use crate::world::ports::Ports;
use aisoc_model::SystemClock;
use anyhow::Context;
use rustix::fs::{FlockOperation, flock};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Where the supervisor is in its life.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "phase", content = "detail")]
pub enum Phase {
    /// Starting the parts; what it waits for.
    Starting(String),
    /// Everything was started.
    Running,
    /// A part could not be started.
    Failed(Failed),
    /// Stopping the parts.
    Stopping,
}

/// Why the world did not start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// What was waited for and why it did not come.
    pub why: String,
    /// The log that tells more.
    pub log: Option<PathBuf>,
}

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

/// The supervisor of one world.
pub struct Supervisor {
    /// What was decided before the start.
    pub world: Arc<World>,
    /// Faults in force.
    pub faults: Faults,
    /// Client for everything that answers HTTP.
    pub http: reqwest::Client,
    ports: Mutex<Ports>,
    releases: Mutex<Releases>,
    handles: Mutex<BTreeMap<String, Handle>>,
    latencies: Mutex<BTreeMap<Identity, u32>>,
    phase: Mutex<Phase>,
    table: Arc<Table>,
    stop: CancellationToken,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Supervisor {
    /// A supervisor of a prepared world; nothing runs yet.
    ///
    /// # Errors
    /// When the history of releases or the process table cannot be read or written.
    pub fn new(world: World) -> anyhow::Result<Arc<Self>> {
        process::watch_memory_kills();
        crate::rates::reset(&world)?;
        let releases = Releases::open(world.state.at("releases.json"), Arc::new(SystemClock))?;
        let table = Table::create(world.state.at("processes.json"), &world.id)?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(Duration::from_secs(3))
            // A connection that the other side closed while it was idle must not look like a process that does not answer.
            .pool_max_idle_per_host(0)
            .build()
            .context("making the HTTP client")?;
        let supervisor = Arc::new(Self {
            ports: Mutex::new(world.ports.clone()),
            world: Arc::new(world),
            faults: Faults::default(),
            http,
            releases: Mutex::new(releases),
            handles: Mutex::default(),
            latencies: Mutex::default(),
            phase: Mutex::new(Phase::Starting("begins".to_owned())),
            table: Arc::new(table),
            stop: CancellationToken::new(),
        });
        let specs = parts::plan(
            &supervisor.world,
            &supervisor.ports(),
            &supervisor.releases().in_force(),
        );
        for spec in specs {
            let prepare = supervisor.prepare_of(&spec);
            supervisor.add(spec, prepare);
        }
        Ok(supervisor)
    }

    /// What must be written before each start of a part.
    fn prepare_of(self: &Arc<Self>, spec: &Spec) -> Option<Prepare> {
        let weak = Arc::downgrade(self);
        let (kind, region) = (spec.kind.clone(), spec.region.clone());
        match kind.as_str() {
            "haproxy" | "redis" | "patroni" => Some(Arc::new(move || {
                weak.upgrade().map_or(Ok(()), |supervisor| {
                    start::write_configuration(&supervisor, &kind, region.as_ref())
                })
            })),
            _ => None,
        }
    }

    /// Ports in force.
    pub fn ports(&self) -> MutexGuard<'_, Ports> {
        locked(&self.ports)
    }

    /// Releases.
    pub fn releases(&self) -> MutexGuard<'_, Releases> {
        locked(&self.releases)
    }

    pub(crate) fn latencies(&self) -> MutexGuard<'_, BTreeMap<Identity, u32>> {
        locked(&self.latencies)
    }

    /// All processes by name.
    #[must_use]
    pub fn handles(&self) -> Vec<(String, Handle)> {
        locked(&self.handles)
            .iter()
            .map(|(n, h)| (n.clone(), h.clone()))
            .collect()
    }

    /// One process.
    #[must_use]
    pub fn handle(&self, name: &str) -> Option<Handle> {
        locked(&self.handles).get(name).cloned()
    }

    /// Adds a process; it runs when it is told to.
    pub(super) fn add(&self, spec: Spec, prepare: Option<Prepare>) -> Handle {
        let name = spec.name.clone();
        let handle = process::spawn(
            Arc::clone(&self.world),
            Arc::clone(&self.table),
            self.http.clone(),
            spec,
            prepare,
        );
        locked(&self.handles).insert(name, handle.clone());
        handle
    }

    pub(super) fn remove(&self, name: &str) {
        locked(&self.handles).remove(name);
    }

    /// Gives a process the name of another, which it replaces.
    pub(super) fn rename(&self, from: &str, to: &str, handle: &Handle) {
        let mut handles = locked(&self.handles);
        handles.remove(from);
        to.clone_into(&mut handle.spec.lock().unwrap_or_else(PoisonError::into_inner).name);
        handles.insert(to.to_owned(), handle.clone());
    }

    /// Where it is in its life.
    #[must_use]
    pub fn phase(&self) -> Phase {
        locked(&self.phase).clone()
    }

    pub(crate) fn phase_is_running(&self) -> bool {
        *locked(&self.phase) == Phase::Running
    }

    pub(super) fn set_phase(&self, phase: Phase) {
        tracing::info!(?phase, "phase");
        *locked(&self.phase) = phase;
    }

    /// Asks it to stop everything and end.
    pub fn ask_to_stop(&self) {
        self.stop.cancel();
    }

    /// Starts every part in order, in the background.
    pub fn start(self: &Arc<Self>) {
        tokio::spawn(keep::run(Arc::clone(self)));
        let supervisor = Arc::clone(self);
        tokio::spawn(async move {
            let phase = tokio::select! {
                outcome = start::all(&supervisor) => match outcome {
                    Ok(()) => Phase::Running,
                    Err(failed) => Phase::Failed(failed),
                },
                () = supervisor.stop.cancelled() => return,
            };
            supervisor.set_phase(phase);
        });
    }

    /// Stops every part in order.
    pub async fn stop_all(self: &Arc<Self>) {
        self.set_phase(Phase::Stopping);
        // Who is frozen cannot hear that it shall stop.
        self.thaw_all();
        start::stop_all(self).await;
    }
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

/// Starts a process that was added.
pub(super) async fn start_process(handle: &Handle) {
    handle.tell(Command::Start).await;
}
