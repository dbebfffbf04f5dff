//! The supervisor itself: what it owns, where it is in its life.

use super::fence::Fences;
use super::handle::{Command, Handle};
use super::node::Weights;
use super::process::{self, Prepare};
use super::table::Table;
use super::{keep, start};
use crate::faults::Faults;
use crate::parts::{self, Spec};
use crate::releases::Releases;
use crate::supervise::proc::Identity;
use crate::world::World;
use crate::world::ports::Ports;
use aisoc_model::SystemClock;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
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

/// The supervisor of one world.
pub struct Supervisor {
    /// What was decided before the start.
    pub world: Arc<World>,
    /// Faults in force.
    pub faults: Faults,
    /// Database instances that operations keep down.
    pub fences: Fences,
    /// Client for everything that answers HTTP.
    pub http: reqwest::Client,
    ports: Mutex<Ports>,
    releases: Mutex<Releases>,
    handles: Mutex<BTreeMap<String, Handle>>,
    latencies: Mutex<BTreeMap<Identity, u32>>,
    phase: Mutex<Phase>,
    table: Arc<Table>,
    /// What the databases weigh.
    pub(super) databases: Weights,
    pub(super) stop: CancellationToken,
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
        super::ending::watch_memory_kills();
        crate::rates::reset(&world)?;
        let releases = Releases::open(world.state.at("releases.json"), Arc::new(SystemClock))?;
        let fences = Fences::open(world.state.at("fences.json"))?;
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
            fences,
            http,
            releases: Mutex::new(releases),
            handles: Mutex::default(),
            latencies: Mutex::default(),
            phase: Mutex::new(Phase::Starting("begins".to_owned())),
            table: Arc::new(table),
            databases: Weights::default(),
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
        if supervisor.world.config.parts.services {
            supervisor.add_parallels();
        }
        Ok(supervisor)
    }

    /// What must be written before each start of a part.
    fn prepare_of(self: &Arc<Self>, spec: &Spec) -> Option<Prepare> {
        let weak = Arc::downgrade(self);
        let (kind, name, region) = (spec.kind.clone(), spec.name.clone(), spec.region.clone());
        match kind.as_str() {
            "haproxy" | "redis" | "patroni" => Some(Arc::new(move || {
                weak.upgrade().map_or(Ok(()), |supervisor| {
                    start::write_configuration(&supervisor, &kind, &name, region.as_ref())
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

/// Starts a process that was added.
pub(super) async fn start_process(handle: &Handle) {
    handle.tell(Command::Start).await;
}
