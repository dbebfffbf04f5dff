//! One process and the task that owns it: starts it, looks whether it is ready, restarts it with back-off, stops
//! it. Nothing else waits for the child, so its number stays ours until the task has seen its end.

use super::adopt::mark;
use super::logfile;
use super::probe;
use super::proc::{self, Identity};
use super::table::Table;
use crate::parts::{self, Spec};
use crate::world::World;
use aisoc_model::inventory::ProcessState;
use anyhow::Context;
use rustix::process::Signal;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::process::Child;
use tokio::sync::{mpsc, oneshot, watch};

/// First pause before a restart, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// A process that was up for this long starts its back-off anew.
const STABLE: Duration = Duration::from_secs(30);
/// Pause between looks at a process that is starting, and the longest one.
const STARTING: (Duration, Duration) = (Duration::from_millis(100), Duration::from_millis(500));
/// Pause between looks at one that stopped answering.
const UNREADY: Duration = Duration::from_secs(1);

/// What is known about a process now.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// State.
    pub state: ProcessState,
    /// The process, while it runs.
    pub identity: Option<Identity>,
    /// Why it is not ready, or how it last ended.
    pub detail: Option<String>,
    /// Unwanted ends after which it was started again.
    pub restarts: u32,
    /// Ends by the kernel's out-of-memory killer.
    pub oom_kills: u32,
    /// When it was started.
    pub started_at: Option<jiff::Timestamp>,
    /// The role that its own answer names (Patroni).
    pub role: Option<String>,
}

/// Orders to the task. Each answers when it is carried out.
#[derive(Debug)]
pub enum Command {
    /// Run it from now on.
    Start,
    /// End it in good order and leave it stopped.
    Stop(oneshot::Sender<()>),
    /// End it in good order and run it by another spec.
    Replace(Box<Spec>, oneshot::Sender<()>),
    /// When it ends, leave it ended (a fault is about to kill it).
    Hold(String, oneshot::Sender<()>),
    /// Run it again.
    Release,
    /// Look at it now.
    Look,
}

/// What is done right before each start, for example writing its configuration.
pub type Prepare = Arc<dyn Fn() -> anyhow::Result<()> + Send + Sync>;

/// The supervisor's end of a process.
#[derive(Clone)]
pub struct Handle {
    /// How it is run now.
    pub spec: Arc<Mutex<Spec>>,
    /// What is known about it.
    pub status: watch::Receiver<Status>,
    commands: mpsc::Sender<Command>,
}

impl Handle {
    /// A copy of its spec.
    #[must_use]
    pub fn spec(&self) -> Spec {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the label of the revision only.
    pub fn relabel(&self, version: &str) {
        version.clone_into(&mut self.spec.lock().unwrap_or_else(PoisonError::into_inner).version);
    }

    /// A copy of what is known.
    #[must_use]
    pub fn status(&self) -> Status {
        self.status.borrow().clone()
    }

    /// Sends an order that nobody waits for.
    pub async fn tell(&self, command: Command) {
        let _ = self.commands.send(command).await;
    }

    /// Sends an order and waits until it is carried out.
    pub async fn order(&self, command: impl FnOnce(oneshot::Sender<()>) -> Command) {
        let (done, wait) = oneshot::channel();
        if self.commands.send(command(done)).await.is_ok() {
            let _ = wait.await;
        }
    }

    /// Waits for a condition on its status; answers whether it came true in time.
    pub async fn wait(&self, within: Duration, condition: impl FnMut(&Status) -> bool) -> bool {
        let mut status = self.status.clone();
        matches!(
            tokio::time::timeout(within, status.wait_for(condition)).await,
            Ok(Ok(_))
        )
    }
}

/// Makes the task of a process; it runs the process when it is told to.
pub fn spawn(
    world: Arc<World>,
    table: Arc<Table>,
    http: reqwest::Client,
    spec: Spec,
    prepare: Option<Prepare>,
) -> Handle {
    let (status, seen) = watch::channel(Status {
        state: ProcessState::Starting,
        identity: None,
        detail: Some("waits for its turn".to_owned()),
        restarts: 0,
        oom_kills: 0,
        started_at: None,
        role: None,
    });
    let (commands, orders) = mpsc::channel(16);
    let spec = Arc::new(Mutex::new(spec));
    let runner = Runner {
        world,
        table,
        http,
        spec: Arc::clone(&spec),
        prepare,
        status,
        orders,
        wanted: false,
        held: None,
        failures: 0,
        log_start: 0,
    };
    tokio::spawn(runner.run());
    Handle {
        spec,
        status: seen,
        commands,
    }
}

struct Runner {
    world: Arc<World>,
    table: Arc<Table>,
    http: reqwest::Client,
    spec: Arc<Mutex<Spec>>,
    prepare: Option<Prepare>,
    status: watch::Sender<Status>,
    orders: mpsc::Receiver<Command>,
    wanted: bool,
    held: Option<String>,
    failures: u32,
    /// Length of the log when the process was started: what is older was written by another.
    log_start: u64,
}

/// Why the attendance of a running child ended.
enum End {
    /// By itself.
    Exited(std::io::Result<ExitStatus>, Duration),
    /// We ended it.
    Ordered,
    /// The supervisor is gone; the child is left alone.
    Abandoned,
}

impl Runner {
    async fn run(mut self) {
        loop {
            if !self.wanted || self.held.is_some() {
                let why = self.held.clone();
                self.rests(ProcessState::Stopped, why.as_deref());
                match self.orders.recv().await {
                    Some(order) => self.at_rest(order),
                    None => return,
                }
                continue;
            }
            match self.start() {
                Ok(child) => match self.attend(child).await {
                    End::Abandoned => return,
                    End::Ordered => self.failures = 0,
                    End::Exited(status, lived) => {
                        if lived >= STABLE {
                            self.failures = 0;
                        }
                        self.ended(&status);
                        if !self.back_off().await {
                            return;
                        }
                    }
                },
                Err(error) => {
                    self.rests(
                        ProcessState::BackingOff,
                        Some(&format!("cannot be started: {error:#}")),
                    );
                    if !self.back_off().await {
                        return;
                    }
                }
            }
        }
    }

    fn spec(&self) -> Spec {
        self.spec.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn rests(&self, state: ProcessState, detail: Option<&str>) {
        self.status.send_if_modified(|s| {
            // Before its first start a process waits for its turn; that is not "stopped on purpose".
            let waiting = state == ProcessState::Stopped && s.started_at.is_none() && detail.is_none();
            let new = Status {
                state: if waiting { s.state } else { state },
                detail: if waiting {
                    s.detail.clone()
                } else {
                    detail.map(str::to_owned).or_else(|| s.detail.clone())
                },
                identity: None,
                role: None,
                ..s.clone()
            };
            let changed = *s != new;
            *s = new;
            changed
        });
    }

    /// An order while no process runs.
    fn at_rest(&mut self, order: Command) {
        match order {
            Command::Start => self.wanted = true,
            Command::Release => self.held = None,
            Command::Stop(done) => {
                self.wanted = false;
                let _ = done.send(());
            }
            Command::Hold(why, done) => {
                self.held = Some(why);
                let _ = done.send(());
            }
            Command::Replace(spec, done) => {
                *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = *spec;
                self.wanted = true;
                let _ = done.send(());
            }
            Command::Look => {}
        }
    }

    /// Waits before the next start; an order ends the wait. Answers `false` when the supervisor is gone.
    async fn back_off(&mut self) -> bool {
        if !self.wanted || self.held.is_some() {
            return true;
        }
        let pause = BACKOFF.0.saturating_mul(1 << self.failures.min(5)).min(BACKOFF.1);
        self.failures += 1;
        let until = tokio::time::Instant::now() + pause;
        loop {
            match tokio::time::timeout_at(until, self.orders.recv()).await {
                Err(_) => return true,
                Ok(None) => return false,
                Ok(Some(Command::Look)) => {}
                Ok(Some(order)) => {
                    self.at_rest(order);
                    return true;
                }
            }
        }
    }

    fn start(&mut self) -> anyhow::Result<Child> {
        if let Some(prepare) = &self.prepare {
            prepare()?;
        }
        let spec = self.spec();
        let log = logfile::open(&spec.log)?;
        self.log_start = log.metadata().map_or(0, |m| m.len());
        let mut command = tokio::process::Command::new(&spec.program);
        command
            .args(&spec.args)
            .env_clear()
            .envs(passed_through())
            .envs(&spec.env)
            .env(mark::WORLD, &self.world.id)
            .env(mark::PROCESS, &spec.name)
            .env(mark::STATE_DIR, self.world.state.root())
            .stdin(Stdio::null())
            .stdout(log.try_clone().context("sharing the log")?)
            .stderr(log)
            .current_dir(self.world.state.root())
            // Its own group: the terminal's Ctrl-C does not reach it.
            .process_group(0);
        if spec.account == parts::Account::Databases
            && let Some(account) = self.world.account
        {
            // The standard library drops our supplementary groups with the user.
            command.uid(account.uid).gid(account.gid);
        }
        let child = command
            .spawn()
            .with_context(|| format!("starting {}", spec.program.display()))?;
        let identity = child.id().and_then(Identity::of);
        self.table.set(&spec.name, identity);
        self.status.send_modify(|s| {
            s.state = ProcessState::Starting;
            s.identity = identity;
            s.detail = None;
            s.started_at = Some(jiff::Timestamp::now());
        });
        Ok(child)
    }

    async fn attend(&mut self, mut child: Child) -> End {
        let since = Instant::now();
        let spec = self.spec();
        let end = loop {
            let looking = keep_looking(
                &spec,
                &self.http,
                &self.status,
                self.world.config.intervals.readiness_ms,
            );
            let order = tokio::select! {
                status = child.wait() => break End::Exited(status, since.elapsed()),
                order = self.orders.recv() => order,
                () = looking => continue,
            };
            match order {
                None => return End::Abandoned,
                Some(Command::Start | Command::Look) => {}
                Some(Command::Release) => self.held = None,
                Some(Command::Hold(why, done)) => {
                    self.held = Some(why);
                    let _ = done.send(());
                }
                Some(Command::Stop(done)) => {
                    self.wanted = false;
                    terminate(&mut child, &spec).await;
                    self.table.set(&spec.name, None);
                    self.rests(ProcessState::Stopped, Some("stopped"));
                    let _ = done.send(());
                    return End::Ordered;
                }
                Some(Command::Replace(next, done)) => {
                    terminate(&mut child, &spec).await;
                    self.table.set(&spec.name, None);
                    *self.spec.lock().unwrap_or_else(PoisonError::into_inner) = *next;
                    self.rests(ProcessState::Starting, Some("replaced"));
                    let _ = done.send(());
                    return End::Ordered;
                }
            }
        };
        self.table.set(&spec.name, None);
        end
    }

    fn ended(&self, status: &std::io::Result<ExitStatus>) {
        let spec = self.spec();
        let how = match status {
            Ok(status) => describe(*status),
            Err(e) => format!("its end could not be read: {e}"),
        };
        let out_of_memory = killed_for_memory(status);
        let wrote = spec.log.metadata().is_ok_and(|m| m.len() > self.log_start);
        let last = logfile::tail(&spec.log, 1)
            .pop()
            .filter(|_| wrote)
            .unwrap_or_default();
        tracing::warn!(process = spec.name, how, "process ended");
        self.status.send_modify(|s| {
            s.identity = None;
            s.role = None;
            s.oom_kills += u32::from(out_of_memory);
            if self.held.is_some() {
                return;
            }
            s.restarts += 1;
            s.state = ProcessState::BackingOff;
            s.detail = Some(if last.is_empty() {
                how.clone()
            } else {
                format!("{how}; last log line: {last}")
            });
        });
    }
}

/// Variables that a process inherits from whoever started the world; everything else is set by its spec.
fn passed_through() -> impl Iterator<Item = (String, String)> {
    std::env::vars().filter(|(name, _)| {
        matches!(
            name.as_str(),
            "PATH" | "HOME" | "USER" | "TZ" | "LANG" | "LC_ALL" | "RUST_LOG" | "RUST_BACKTRACE" | "TMPDIR"
        ) || matches!(
            name.as_str(),
            "AISOC_LOG" | "AISOC_TRACE_RATIO" | "AISOC_GEOIP_DB" | "AISOC_RULES_DIR"
        ) || matches!(
            name.as_str(),
            "AISOC_PLAYBOOKS_DIR" | "AISOC_ASSETS_FILE" | "AISOC_INDICATORS_FILE"
        ) || matches!(name.as_str(), "AISOC_CORPUS")
    })
}

async fn keep_looking(
    spec: &Spec,
    http: &reqwest::Client,
    status: &watch::Sender<Status>,
    readiness_ms: u64,
) {
    let mut pause = STARTING.0;
    let mut missed = 0;
    let mut was_ready = matches!(status.borrow().state, ProcessState::Ready | ProcessState::Unready);
    loop {
        let frozen = status.borrow().identity.is_some_and(Identity::frozen);
        let look = if frozen {
            Err("stopped by a signal".to_owned())
        } else {
            probe::look(&spec.probe, http).await
        };
        missed = if look.is_ok() { 0 } else { missed + 1 };
        if was_ready && missed == 1 && !frozen {
            // Once may be chance.
            tokio::time::sleep(STARTING.1).await;
            continue;
        }
        let (state, detail, role) = match look {
            Ok(role) => (ProcessState::Ready, None, role),
            Err(why) if frozen => (ProcessState::Frozen, Some(why), None),
            Err(why) if was_ready => (ProcessState::Unready, Some(why), None),
            Err(why) => (ProcessState::Starting, Some(why), None),
        };
        pause = match state {
            // A database without a role is about to get one, and everything waits for it.
            ProcessState::Ready if role.is_none() && matches!(spec.probe, parts::Probe::Patroni(_)) => {
                STARTING.1
            }
            ProcessState::Ready => Duration::from_millis(readiness_ms),
            ProcessState::Starting => pause.saturating_mul(3).div_f64(2.0).min(STARTING.1),
            _ => UNREADY,
        };
        was_ready |= state == ProcessState::Ready;
        status.send_if_modified(|s| {
            let changed = s.state != state || s.detail != detail || s.role != role;
            s.state = state;
            s.detail = detail;
            s.role = role;
            changed
        });
        tokio::time::sleep(pause).await;
    }
}

/// Ends a child: SIGTERM, after its grace SIGKILL.
async fn terminate(child: &mut Child, spec: &Spec) {
    let identity = child.id().and_then(Identity::of);
    if let Some(identity) = identity {
        identity.signal(Signal::TERM);
        identity.signal(Signal::CONT);
    }
    if tokio::time::timeout(spec.grace, child.wait()).await.is_err() {
        tracing::warn!(process = spec.name, "did not end within its grace; killed");
        if let Some(identity) = identity {
            identity.signal(Signal::KILL);
        }
        let _ = child.wait().await;
    }
}

fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

/// Whether the kernel killed it for memory: SIGKILL, and the kernel's counter has moved since the last such look.
fn killed_for_memory(status: &std::io::Result<ExitStatus>) -> bool {
    static SEEN: std::sync::OnceLock<Mutex<u64>> = std::sync::OnceLock::new();
    let count = proc::oom_kills();
    let mut seen = SEEN
        .get_or_init(|| Mutex::new(count))
        .lock()
        .unwrap_or_else(PoisonError::into_inner);
    let moved = count > *seen;
    *seen = count;
    moved && status.as_ref().is_ok_and(|s| s.signal() == Some(9))
}

/// Remembers the kernel's counter before anything is started.
pub fn watch_memory_kills() {
    let _ = killed_for_memory(&Ok(ExitStatus::from_raw(0)));
}
