//! One process and the task that owns it: starts it, looks whether it is ready, restarts it with back-off, stops
//! it. Nothing else waits for the child, so its number stays ours until the task has seen its end.

use super::ending::{describe, killed_for_memory, terminate};
use super::handle::{Command, Handle, Status};
use super::looking::keep_looking;
use super::proc::Identity;
use super::table::Table;
use super::{launch, logfile};
use crate::parts::Spec;
use crate::world::World;
use aisoc_model::inventory::ProcessState;
use anyhow::Context;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::process::Child;
use tokio::sync::{mpsc, watch};

/// First pause before a restart, and the longest.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));
/// A process that was up for this long starts its back-off anew.
const STABLE: Duration = Duration::from_secs(30);
/// What is done right before each start, for example writing its configuration.
pub type Prepare = Arc<dyn Fn() -> anyhow::Result<()> + Send + Sync>;

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
        let mut command = launch::command(&self.world, &spec, log)?;
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
