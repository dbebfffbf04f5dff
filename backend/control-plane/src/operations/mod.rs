//! Operations: drain, restore, failover, fence, rollback. Planned, gated, confirmed, carried out, recorded.
//!
//! `facts` are read, `gates` and `planner` decide on them without IO, `engine` carries out what `record` says is
//! next with everything in the `journal`, `live` is what touches the world through the drivers.

pub mod action;
mod admission;
mod approvals;
mod archive;
pub mod blue_green;
pub mod drain;
pub mod dsn;
pub mod emergency;
pub mod engine;
pub mod escort;
pub mod event;
mod expiry;
pub mod facts;
pub mod failover;
pub mod fence;
pub mod gates;
pub mod hands;
pub mod journal;
mod ledger;
mod live;
pub mod load;
pub(crate) mod log;
pub mod managed;
mod outcome;
pub mod planner;
pub mod record;
pub mod region_failover;
pub mod rollback;
mod shelf;
mod term;
mod warm;
pub mod watching;

#[cfg(test)]
mod tests;

pub use event::Resolution;

use crate::coordination::Coordinated;
use crate::drivers::Drivers;
use aisoc_model::operation::Operation;
use aisoc_model::plan::{Plan, PlanRequest};
use aisoc_model::region::Drain;
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;
use aisoc_model::world::World;
use aisoc_model::{Clock, RegionId};
use anyhow::Context;
use approvals::Approvals;
use engine::{EventLog, LogError, ResolveError, Run};
use escort::Escorts;
use event::Event;
use expiry::Overdue;
use facts::Own;
use hands::Hands;
use journal::Journal;
use ledger::Ledger;
use live::Live;
use load::LoadBook;
use log::JournalLog;
use record::Record;
use shelf::Shelf;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use term::Terms;
use tokio::sync::{Semaphore, watch};
use warm::Warmth;

/// Plans that are made at the same time: each asks the real systems.
const PLANNERS: usize = 4;

/// The latest frame of the world.
pub trait WorldView: Send + Sync {
    /// The frame.
    fn world(&self) -> Arc<World>;
}

/// Why a call about an operation failed.
#[derive(Debug, thiserror::Error)]
pub enum OperationError {
    /// There is no such plan or operation.
    #[error(
        "there is no plan or operation '{0}'; plans are not kept for long, `operations list` shows operations"
    )]
    NotFound(String),
    /// The request makes no sense.
    #[error("{0}")]
    Invalid(String),
    /// A gate, a drift, an expiry, or a wrong confirmation.
    #[error("{0}")]
    Refused(String),
    /// The journal could not be written, so nothing was done.
    #[error("nothing was done: {0}")]
    Journal(String),
    /// What was asked for could not be looked up.
    #[error("the operation cannot be looked up: {0}")]
    Unreadable(String),
}

/// The operations of one control plane.
#[derive(Clone)]
pub struct Operations(Arc<Inner>);

struct Inner {
    topology: Arc<Topology>,
    slo: Arc<Slo>,
    view: Arc<dyn WorldView>,
    clock: Arc<dyn Clock>,
    drivers: Drivers,
    log: Arc<JournalLog>,
    hands: Arc<dyn Hands>,
    shelf: Mutex<Shelf>,
    approvals: Mutex<Approvals>,
    warmth: Warmth,
    escorts: Arc<Escorts>,
    ledger: Mutex<Ledger>,
    overdue: Mutex<Overdue>,
    /// Held while an operation is begun: the check that none is running and its begin are one.
    beginning: tokio::sync::Mutex<()>,
    planners: Semaphore,
    load: Arc<LoadBook>,
    terms: Terms,
    changed: watch::Sender<u64>,
}

impl Operations {
    /// Opens the journal and takes up what had not ended. `slo` is as it is in force, sped up or not.
    ///
    /// # Errors
    /// When the journal cannot be opened or an address in the topology cannot be used.
    pub async fn open(
        topology: Arc<Topology>,
        slo: Arc<Slo>,
        view: Arc<dyn WorldView>,
        clock: Arc<dyn Clock>,
    ) -> anyhow::Result<Self> {
        let drivers = Drivers::from_topology(&topology, &clock)?;
        Self::open_with(topology, slo, view, clock, drivers).await
    }

    /// The same, as one of several control planes.
    ///
    /// # Errors
    /// When the journal cannot be opened or an address in the topology cannot be used.
    pub async fn open_coordinated(
        topology: Arc<Topology>,
        slo: Arc<Slo>,
        view: Arc<dyn WorldView>,
        clock: Arc<dyn Clock>,
        coordinated: Option<Coordinated>,
    ) -> anyhow::Result<Self> {
        let drivers = Drivers::from_topology(&topology, &clock)?;
        Self::open_coordinated_with(topology, slo, view, clock, drivers, coordinated).await
    }

    /// The same, with given drivers.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub async fn open_with(
        topology: Arc<Topology>,
        slo: Arc<Slo>,
        view: Arc<dyn WorldView>,
        clock: Arc<dyn Clock>,
        drivers: Drivers,
    ) -> anyhow::Result<Self> {
        Self::open_coordinated_with(topology, slo, view, clock, drivers, None).await
    }

    /// The same, with given drivers and as one of several control planes.
    ///
    /// # Errors
    /// When the journal cannot be opened.
    pub async fn open_coordinated_with(
        topology: Arc<Topology>,
        slo: Arc<Slo>,
        view: Arc<dyn WorldView>,
        clock: Arc<dyn Clock>,
        drivers: Drivers,
        coordinated: Option<Coordinated>,
    ) -> anyhow::Result<Self> {
        let journal = Journal::open(Path::new(&topology.control_plane.data_dir)).await?;
        let entries = journal.entries().await?;
        let chain = aisoc_model::journal::verify(&entries).map_err(|e| e.to_string());
        let log = Arc::new(JournalLog::new(journal, Arc::clone(&clock), chain));
        let events: Arc<dyn EventLog> = Arc::clone(&log) as Arc<dyn EventLog>;
        let escorts = Escorts::new(&drivers, &events, &clock, Escorts::left(&entries));
        let escorts = Arc::new(escorts);
        let hands = Live::new(
            drivers.clone(),
            Arc::clone(&view),
            Arc::clone(&clock),
            Arc::clone(&slo),
            Arc::clone(&escorts),
        );
        let (ledger, unfinished) = Ledger::rebuild(&entries);
        let load = LoadBook::open(Path::new(&topology.control_plane.data_dir));
        load::sample(&load, Arc::clone(&view), Arc::clone(&clock));
        let operations = Self(Arc::new(Inner {
            topology,
            slo,
            view,
            clock,
            drivers,
            log,
            hands: Arc::new(hands),
            shelf: Mutex::default(),
            approvals: Mutex::default(),
            warmth: Warmth::default(),
            escorts,
            ledger: Mutex::new(ledger),
            overdue: Mutex::default(),
            beginning: tokio::sync::Mutex::new(()),
            planners: Semaphore::new(PLANNERS),
            load,
            terms: Terms::new(coordinated.clone()),
            changed: watch::Sender::new(0),
        }));
        if let Some(coordinated) = coordinated {
            // What had not ended may be another control plane's by now: the seat decides.
            operations.0.ledger().clear_drains();
            term::start(&operations, coordinated);
        } else {
            let log: Arc<dyn EventLog> = Arc::clone(&operations.0.log) as Arc<dyn EventLog>;
            for record in unfinished {
                let log = Arc::clone(&log);
                operations
                    .resume(record, log, None)
                    .await
                    .context("resuming an operation")?;
            }
        }
        expiry::start(&operations);
        warm::tidy(&operations);
        Ok(operations)
    }

    /// Decides what an operation would do. Changes nothing.
    ///
    /// # Errors
    /// [`OperationError::Invalid`] for unknown names and impossible overrides; [`OperationError::Refused`] when
    /// too many plans are being made.
    pub async fn plan(&self, request: PlanRequest, who: &str) -> Result<Plan, OperationError> {
        let inner = &self.0;
        let Ok(_permit) = inner.planners.try_acquire() else {
            return Err(OperationError::Refused(format!(
                "{PLANNERS} plans are being made: try again"
            )));
        };
        let id = uuid::Uuid::now_v7().to_string();
        let prepared = inner.prepare(&request, &id, who).await?;
        let plan = prepared.plan.clone();
        inner.shelf().put(prepared, inner.clock.now());
        Ok(plan)
    }

    /// Carries a plan out; answers when that is durable and has begun.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] without such a plan; [`OperationError::Refused`] by a gate, a drift, an expiry
    /// or a wrong confirmation; [`OperationError::Journal`] when it cannot be made durable.
    pub async fn execute(
        &self,
        plan_id: &str,
        hash: &str,
        confirmation: &str,
        who: &str,
        origin: &str,
    ) -> Result<Operation, OperationError> {
        let operations = self.clone();
        let [plan_id, hash, confirmation, who, origin] =
            [plan_id, hash, confirmation, who, origin].map(str::to_owned);
        unbroken(async move {
            operations
                .begin(&plan_id, &hash, &confirmation, &who, &origin)
                .await
        })
        .await
    }

    async fn begin(
        &self,
        plan_id: &str,
        hash: &str,
        confirmation: &str,
        who: &str,
        origin: &str,
    ) -> Result<Operation, OperationError> {
        let inner = &self.0;
        let _beginning = inner.beginning.lock().await;
        // Before the gates: whoever has won the seat since then has not seen them.
        let to_begin = inner.log_to_begin();
        if let Some(operation) = self.get(plan_id) {
            let word = operation.state.word();
            return Err(OperationError::Refused(format!(
                "plan {plan_id} was carried out already: {word}"
            )));
        }
        let shown = inner.shelf().get(plan_id);
        let shown = shown.ok_or_else(|| not_found(plan_id))?;
        let approved = inner.approvals().admit(&shown.plan, who, inner.clock.now());
        let admitted = match approved {
            Ok(by) => inner.admit(&shown, hash, confirmation).await.map(|now| (now, by)),
            Err(error) => Err(error),
        };
        let (now, approved_by) = match admitted {
            Ok(admitted) => admitted,
            Err(error) => {
                inner.note_refusal(plan_id, hash, who, origin, &error).await;
                return Err(error);
            }
        };
        let (log, epoch) = match to_begin {
            Ok(log) => log,
            Err(no_quorum) => {
                let glass = inner.break_glass(&shown.plan, who, approved_by.as_deref(), &no_quorum);
                (glass.await?, None)
            }
        };
        let started = Event::Started {
            plan: Box::new(shown.plan.clone()),
            actions: now.actions,
            by: who.to_owned(),
            origin: origin.to_owned(),
            approved_by,
            epoch,
        };
        let at = log.append(plan_id, &started).await;
        let at = at.map_err(|e| OperationError::Journal(e.to_string()))?;
        inner.shelf().take(plan_id);
        let record = Record::begin(at, &started)
            .ok_or_else(|| OperationError::Invalid("a plan begins with its start".to_owned()))?;
        Ok(self.run(record, log).operation())
    }

    /// A person's decision about an operation.
    ///
    /// # Errors
    /// [`OperationError::NotFound`], or why it does not apply.
    pub async fn resolve(
        &self,
        id: &str,
        decision: Resolution,
        who: &str,
    ) -> Result<Operation, OperationError> {
        let run = self.0.ledger().running(id);
        let Some(run) = run else {
            return match self.get(id) {
                Some(operation) => {
                    let word = operation.state.word();
                    Err(OperationError::Refused(format!(
                        "operation {id} has ended: {word}"
                    )))
                }
                None => Err(not_found(id)),
            };
        };
        let who = who.to_owned();
        unbroken(async move {
            run.resolve(decision, &who).await.map_err(|e| match e {
                ResolveError::Refused(why) => OperationError::Refused(why),
                ResolveError::Log(e) => OperationError::Journal(e.to_string()),
            })
        })
        .await
    }

    /// A person has understood how an operation ended: what was blocked because of it is free again.
    ///
    /// # Errors
    /// [`OperationError::NotFound`], or that it has not ended.
    pub async fn acknowledge(&self, id: &str, who: &str) -> Result<Operation, OperationError> {
        let Some(operation) = self.get(id) else {
            return Err(not_found(id));
        };
        if !operation.state.ended() {
            let word = operation.state.word();
            let why = format!("operation {id} has not ended: {word}; acknowledge it when it has");
            return Err(OperationError::Refused(why));
        }
        let event = Event::Acknowledged { by: who.to_owned() };
        let noted = self.0.log.append(id, &event).await;
        noted.map_err(|e| OperationError::Journal(e.to_string()))?;
        self.0.ledger().acknowledge(id);
        self.0.bump();
        Ok(operation)
    }

    /// One operation.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<Operation> {
        self.0.ledger().get(id)
    }

    /// Running operations and the latest ended ones, oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<Operation> {
        self.0.ledger().list()
    }

    /// The regions that an operation has drained.
    #[must_use]
    pub fn drains(&self) -> BTreeMap<RegionId, Drain> {
        let mut drains = self.0.ledger().drains();
        self.0.overdue(|overdue| {
            for (region, drain) in &mut drains {
                drain.overdue = overdue.why(region).map(str::to_owned);
            }
        });
        drains
    }

    /// Counts changes of anything above.
    #[must_use]
    pub fn changed(&self) -> watch::Receiver<u64> {
        self.0.changed.subscribe()
    }

    /// Stops: nothing is written to the journal any more, and nothing is begun. What runs is taken up by the next
    /// start from where its journal ends, as after a kill.
    pub fn close(&self) {
        self.0.log.close();
    }

    async fn resume(
        &self,
        record: Record,
        log: Arc<dyn EventLog>,
        adopted_from: Option<(String, u64)>,
    ) -> Result<(), LogError> {
        let inner = &self.0;
        let id = record.operation.id.clone();
        let event = match inner.log.chain() {
            Ok(_) => Event::Resumed {
                control_plane: inner.topology.control_plane.name.clone(),
                adopted_from: adopted_from.clone(),
            },
            Err(why) => Event::Held {
                why: format!("the journal is not to be trusted, so it was not taken up by itself: {why}"),
            },
        };
        let at = log.append(&id, &event).await?;
        let mut record = record;
        record.apply(at, &event);
        if let Some((from, epoch)) = adopted_from {
            tracing::warn!(operation = %id, from, epoch, "ADOPTED");
        } else {
            tracing::warn!(operation = %id, "taken up again after a restart");
        }
        self.run(record, log);
        Ok(())
    }

    fn run(&self, record: Record, log: Arc<dyn EventLog>) -> Arc<Run> {
        let inner = &self.0;
        let weak = Arc::downgrade(inner);
        let on_change = move || {
            if let Some(inner) = weak.upgrade() {
                inner.bump();
            }
        };
        let (hands, clock) = (Arc::clone(&inner.hands), Arc::clone(&inner.clock));
        let run = Arc::new(Run::new(record, log, hands, clock, on_change));
        inner.ledger().begin(Arc::clone(&run));
        inner.bump();
        let (task, weak) = (Arc::clone(&run), Arc::downgrade(inner));
        // A task of its own: no console, no stream and no request has to live for it.
        tokio::spawn(async move {
            task.carry_out().await;
            if let Some(inner) = weak.upgrade() {
                let operation = task.operation();
                // After a change of term the ledger has another run of the same operation, or none.
                let current = inner.ledger().has(&task);
                if current {
                    inner.ledger().settle(&operation);
                    inner.bump();
                    inner.settled(&operation).await;
                }
            }
        });
        run
    }
}

/// Runs to its end even when the caller goes away: a console that is killed at the wrong moment must not leave an
/// operation that is in the journal and that nobody carries out.
async fn unbroken<T: Send + 'static>(
    work: impl Future<Output = Result<T, OperationError>> + Send + 'static,
) -> Result<T, OperationError> {
    match tokio::spawn(work).await {
        Ok(result) => result,
        Err(e) => Err(OperationError::Journal(format!(
            "the control plane is ending: {e}"
        ))),
    }
}

fn not_found(id: &str) -> OperationError {
    OperationError::NotFound(aisoc_model::text::sanitize(id, 60))
}

impl Inner {
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn approvals(&self) -> MutexGuard<'_, Approvals> {
        self.approvals.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bump(&self) {
        self.changed.send_modify(|n| *n = n.wrapping_add(1));
    }

    fn own(&self) -> Own {
        let several = self.topology.several_clusters();
        let ledger = self.ledger();
        Own {
            drains: ledger.drains(),
            running: ledger.unfinished(several),
            failovers: ledger.failovers(several),
            peak: self.load.peak(self.clock.now()),
            right: self.right(),
            journal: self.log.chain(),
        }
    }
}
