//! The engine: carries out one operation, step by step, with every intent and every result in the journal
//! before and after. It holds no state of its own: what comes next is decided by the [`Record`], which is
//! rebuilt from the journal after a crash.

use crate::operations::action::Action;
use crate::operations::event::{Direction, Event, Outcome, Resolution};
use crate::operations::hands::{Acted, Hands, Report, Sight, Task};
use crate::operations::journal::JournalError;
use crate::operations::record::{Next, Record};
use aisoc_model::Clock;
use aisoc_model::operation::Operation;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Mutex, watch};
use tokio::time::Instant;

/// Time between two tries to write a journal that cannot be written.
const JOURNAL_RETRY: Duration = Duration::from_secs(2);
/// Time between two looks whether the right to act can be proven again.
const RIGHT_RETRY: Duration = Duration::from_millis(300);
/// How long a state that cannot be seen is looked at before a step is given up.
const LOOK_PATIENCE: Duration = Duration::from_secs(5);

/// How often an effect that is cut off on its way is acted anew.
const MOST_AGAIN: u32 = 3;

/// Where events go. The journal in production; in tests one that stops at a chosen entry.
pub trait EventLog: Send + Sync {
    /// Makes an event durable; answers when it was written.
    fn append<'a>(
        &'a self,
        operation: &'a str,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Timestamp, LogError>>;

    /// Whether acting is allowed right now: asked before every act.
    ///
    /// # Errors
    /// Why not: for now, or for good.
    fn may_act(&self) -> Result<(), LogError> {
        Ok(())
    }

    /// The epoch under which events are written, for targets that can tell a later one from an earlier one.
    fn epoch(&self) -> Option<u64> {
        None
    }
}

/// Why an event is not durable.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The journal cannot be written now.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The right to act cannot be proven now.
    #[error("{0}")]
    Withheld(String),
    /// The right to act has gone to somebody else, who goes on with the operation.
    #[error("{0}")]
    Superseded(String),
    /// The log is closed: this process ends.
    #[error("the journal is closed")]
    Closed,
}

/// One operation being carried out.
pub struct Run {
    record: Mutex<Record>,
    view: watch::Sender<Operation>,
    /// Wakes the engine when a person has decided.
    decided: watch::Sender<u64>,
    log: Arc<dyn EventLog>,
    hands: Arc<dyn Hands>,
    clock: Arc<dyn Clock>,
    on_change: Box<dyn Fn() + Send + Sync>,
}

impl Run {
    /// Takes up an operation where its record says it stands.
    pub fn new(
        record: Record,
        log: Arc<dyn EventLog>,
        hands: Arc<dyn Hands>,
        clock: Arc<dyn Clock>,
        on_change: impl Fn() + Send + Sync + 'static,
    ) -> Self {
        Self {
            view: watch::Sender::new(record.operation.clone()),
            decided: watch::Sender::new(0),
            record: Mutex::new(record),
            log,
            hands,
            clock,
            on_change: Box::new(on_change),
        }
    }

    /// The operation as it stands.
    #[must_use]
    pub fn operation(&self) -> Operation {
        self.view.borrow().clone()
    }

    /// Follows the operation.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Operation> {
        self.view.subscribe()
    }

    /// Carries the operation out to its end, or until the log is closed.
    pub async fn carry_out(&self) {
        // Subscribed before the record is looked at: a decision in between is not missed.
        let mut decided = self.decided.subscribe();
        loop {
            decided.mark_unchanged();
            let next = self.record.lock().await.next();
            let alive = match next {
                Next::Do(step) => self.step(step, Direction::Do).await,
                Next::Undo(step) => self.step(step, Direction::Undo).await,
                Next::Turn(because) => self.note(Event::Turned { because }).await,
                Next::Hold(why) => self.note(Event::Held { why }).await,
                Next::Wait => decided.changed().await.is_ok(),
                Next::End(state, outcome) => self.note(Event::Ended { state, outcome }).await,
                Next::Nothing => break,
            };
            if !alive {
                return;
            }
        }
        let id = self.record.lock().await.operation.id.clone();
        self.hands.ended(&id);
    }

    /// A person's decision.
    ///
    /// # Errors
    /// Why it does not apply.
    pub async fn resolve(&self, decision: Resolution, by: &str) -> Result<Operation, ResolveError> {
        let mut record = self.record.lock().await;
        let operation = &record.operation;
        if operation.state.ended() {
            let word = operation.state.word();
            return Err(ResolveError::Refused(format!(
                "operation {} has ended: {word}",
                operation.id
            )));
        }
        match decision {
            Resolution::Retry if !record.is_held() => {
                return Err(ResolveError::Refused(
                    "nothing is held: there is nothing to retry".to_owned(),
                ));
            }
            Resolution::Abort if record.past_no_return() && !record.is_held() => {
                return Err(ResolveError::Refused(
                    "past the point of no return: it cannot be aborted, only ended".to_owned(),
                ));
            }
            Resolution::Abort if record.is_turned() && !record.is_held() => {
                return Err(ResolveError::Refused("it is being undone already".to_owned()));
            }
            Resolution::Retry | Resolution::Abort => {}
        }
        let event = Event::Resolved {
            decision,
            by: by.to_owned(),
        };
        let id = record.operation.id.clone();
        let at = self.log.append(&id, &event).await.map_err(ResolveError::Log)?;
        self.apply(&mut record, at, &event);
        self.decided.send_modify(|n| *n += 1);
        Ok(record.operation.clone())
    }

    fn apply(&self, record: &mut Record, at: Timestamp, event: &Event) {
        record.apply(at, event);
        self.view.send_replace(record.operation.clone());
        (self.on_change)();
    }

    /// Writes an event and applies it. While the journal cannot be written nothing is done. Answers whether
    /// to go on.
    async fn note(&self, event: Event) -> bool {
        !matches!(self.note_if(|_| true, event).await, Noted::Closed)
    }

    /// Writes an event when the record admits it, with nothing in between.
    async fn note_if(&self, admit: impl Fn(&Record) -> bool, event: Event) -> Noted {
        loop {
            let mut record = self.record.lock().await;
            if !admit(&record) {
                return Noted::Overtaken;
            }
            let id = record.operation.id.clone();
            match self.log.append(&id, &event).await {
                Ok(at) => {
                    self.apply(&mut record, at, &event);
                    return Noted::Written;
                }
                Err(LogError::Closed) => return Noted::Closed,
                Err(LogError::Superseded(why)) => {
                    tracing::error!(operation = %id, why, "it is not ours any more: nothing is done or written");
                    return Noted::Closed;
                }
                Err(error) => {
                    let stalled = record.operation.clone();
                    drop(record);
                    self.stand_still(stalled, &error).await;
                }
            }
        }
    }

    /// Shows why nothing happens, and waits a little.
    async fn stand_still(&self, mut stalled: Operation, error: &LogError) {
        let (why, pause) = match error {
            LogError::Withheld(why) => (why.clone(), RIGHT_RETRY),
            other => (other.to_string(), JOURNAL_RETRY),
        };
        let outcome = Some(format!("stands still: {why}"));
        if self.view.borrow().outcome != outcome {
            tracing::error!(operation = %stalled.id, why, "the operation stands still");
            stalled.outcome = outcome;
            self.view.send_replace(stalled);
            (self.on_change)();
        }
        tokio::time::sleep(pause).await;
    }

    /// Looks before acting. Acting blind is never right: what cannot be seen is looked at again, for a while.
    async fn look(&self, task: &Task, action: &Action) -> Sight {
        let begun = Instant::now();
        loop {
            let seen = self.hands.observe(task, action).await;
            if !matches!(seen, Sight::Unknown(_)) || begun.elapsed() > LOOK_PATIENCE {
                return seen;
            }
            tokio::time::sleep(action.poll()).await;
        }
    }

    /// observe -> already done? -> intent -> act -> verify by observation -> result.
    async fn step(&self, step: usize, direction: Direction) -> bool {
        let (mut task, action, request) = {
            let record = self.record.lock().await;
            let Some(action) = record.actions.get(step) else {
                return closing(&record.operation.id);
            };
            let planned = record.operation.plan.steps.get(step);
            let (action, request) = match direction {
                Direction::Do => (Some(action.clone()), planned.map(|p| p.request.clone())),
                Direction::Undo => (action.undo(), planned.and_then(|p| p.undo.clone())),
            };
            let Some(action) = action else {
                return closing(&record.operation.id);
            };
            let task = Task {
                operation: record.operation.id.clone(),
                direction,
                since: record.since(step),
                sent_before: direction == Direction::Do && record.may_have_acted(step),
                decided: record.operation.started_at,
                epoch: self.log.epoch(),
            };
            (task, action, request.unwrap_or_default())
        };
        let begun_before = task.sent_before;
        match self.look(&task, &action).await {
            Sight::Done(report) => {
                let outcome = if begun_before {
                    Outcome::Done
                } else {
                    Outcome::AlreadyDone
                };
                return self.result(step, direction, outcome, report).await;
            }
            Sight::Failed(why) => return self.failed(step, direction, Outcome::Failed, why).await,
            Sight::Refused(why) => return self.failed(step, direction, Outcome::Refused, why).await,
            Sight::Unknown(why) => {
                let why = format!("not begun, because its state cannot be seen: {why}");
                let outcome = if begun_before {
                    Outcome::Unknown
                } else {
                    Outcome::Refused
                };
                return self.failed(step, direction, outcome, why).await;
            }
            Sight::NotDone(_) | Sight::Lost(_) => {}
        }
        let intent = Event::Intent {
            step,
            direction,
            request,
        };
        let not_turned = |record: &Record| direction == Direction::Undo || !record.is_turned();
        match self.note_if(not_turned, intent).await {
            Noted::Written => {}
            // A person has aborted meanwhile: the record knows what comes next.
            Noted::Overtaken => return true,
            Noted::Closed => return false,
        }
        if direction == Direction::Do {
            task.since = self.record.lock().await.since(step);
        } else {
            task.since = Some(self.clock.now());
        }
        self.act_and_verify(step, &task, &action, 0).await
    }

    /// Waits for something, unless a person aborts meanwhile and the step changes nothing: then there is nothing
    /// to wait for. What is cut off is only ever looking and waiting, never the journal.
    async fn unless_turned<T>(
        &self,
        task: &Task,
        action: &Action,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        if task.direction == Direction::Undo || action.undo().is_some() || action.point_of_no_return() {
            return Some(work.await);
        }
        tokio::select! {
            done = work => Some(done),
            () = self.turned() => None,
        }
    }

    async fn turned(&self) {
        let mut view = self.view.subscribe();
        let aborting = |o: &Operation| o.state == aisoc_model::operation::OperationState::Aborting;
        if view.wait_for(aborting).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// `again` counts how often the effect was cut off and acted anew.
    async fn act_and_verify(&self, step: usize, task: &Task, action: &Action, again: u32) -> bool {
        let direction = task.direction;
        match self.log.may_act() {
            Ok(()) => {}
            Err(LogError::Closed | LogError::Superseded(_)) => return false,
            Err(error) => {
                // What was seen before is old when the right is proven again: the step begins anew.
                let stalled = self.record.lock().await.operation.clone();
                self.stand_still(stalled, &error).await;
                return true;
            }
        }
        let begun = Instant::now();
        let Some(acted) = self
            .unless_turned(task, action, self.hands.act(task, action))
            .await
        else {
            return true;
        };
        match acted {
            Acted::Done(report) => return self.result(step, direction, Outcome::Done, report).await,
            Acted::Failed(report) => return self.result(step, direction, Outcome::Failed, report).await,
            Acted::Sent => {}
            Acted::Refused(why) => {
                // Somebody else may have done it in the meantime; else nothing changed.
                return match self.hands.observe(task, action).await {
                    Sight::Done(report) => self.result(step, direction, Outcome::Done, report).await,
                    Sight::Failed(why) => self.failed(step, direction, Outcome::Failed, why).await,
                    // What an earlier try may have left behind is undone with the rest.
                    _ if task.sent_before && action.undo().is_some() => {
                        self.failed(step, direction, Outcome::Failed, why).await
                    }
                    _ => self.failed(step, direction, Outcome::Refused, why).await,
                };
            }
            Acted::Unknown(why) => {
                if !self.note(Event::Unknown { step, why }).await {
                    return false;
                }
            }
        }
        let mut noted_unknown = false;
        loop {
            let observed = self
                .unless_turned(task, action, self.hands.observe(task, action))
                .await;
            let Some(seen) = observed else {
                return true;
            };
            let over = begun.elapsed() >= action.deadline();
            match seen {
                Sight::Done(report) => return self.result(step, direction, Outcome::Done, report).await,
                Sight::Failed(why) => return self.failed(step, direction, Outcome::Failed, why).await,
                Sight::Refused(why) => return self.failed(step, direction, Outcome::Refused, why).await,
                Sight::NotDone(what) if over => {
                    let seconds = action.deadline().as_secs();
                    let why = format!("not done after {seconds} s: {what}");
                    return self.failed(step, direction, Outcome::Failed, why).await;
                }
                Sight::Unknown(why) if over => {
                    let why = format!("outcome unknown: {why}");
                    return self.failed(step, direction, Outcome::Unknown, why).await;
                }
                Sight::Lost(why) if over || again >= MOST_AGAIN => {
                    return self.failed(step, direction, Outcome::Failed, why).await;
                }
                Sight::Lost(why) => {
                    if !self.note(Event::Unknown { step, why }).await {
                        return false;
                    }
                    let task = Task {
                        sent_before: true,
                        ..task.clone()
                    };
                    return Box::pin(self.act_and_verify(step, &task, action, again + 1)).await;
                }
                Sight::NotDone(what) => self.show(step, what).await,
                Sight::Unknown(why) => {
                    if !noted_unknown && !self.note(Event::Unknown { step, why }).await {
                        return false;
                    }
                    noted_unknown = true;
                }
            }
            let pause = tokio::time::sleep(action.poll());
            if self.unless_turned(task, action, pause).await.is_none() {
                return true;
            }
        }
    }

    /// Shows what a step waits for. Not journaled: it changes nothing and comes several times a second.
    async fn show(&self, step: usize, what: String) {
        let mut record = self.record.lock().await;
        let Some(progress) = record.operation.steps.get_mut(step) else {
            return;
        };
        if progress.detail.as_deref() != Some(what.as_str()) {
            progress.detail = Some(what);
            self.view.send_replace(record.operation.clone());
            (self.on_change)();
        }
    }

    async fn result(&self, step: usize, direction: Direction, outcome: Outcome, report: Report) -> bool {
        let result = Event::Result {
            step,
            direction,
            outcome,
            detail: report.detail,
            times: report.times,
            figures: report.figures,
            token: report.token.map(|t| *t),
        };
        self.note(result).await
    }

    /// A failure; when nobody can tell, or an undo failed, a person has to look.
    async fn failed(&self, step: usize, direction: Direction, outcome: Outcome, why: String) -> bool {
        let result = Event::Result {
            step,
            direction,
            outcome,
            detail: why.clone(),
            times: BTreeMap::new(),
            figures: BTreeMap::new(),
            token: None,
        };
        if !self.note(result).await {
            return false;
        }
        let hold = match (direction, outcome) {
            (Direction::Undo, _) => Some(format!("the undo failed: {why}")),
            (Direction::Do, Outcome::Unknown) => Some(why),
            _ => None,
        };
        match hold {
            Some(why) => self.note(Event::Held { why }).await,
            None => true,
        }
    }
}

fn closing(operation: &str) -> bool {
    tracing::error!(
        operation,
        "the record has no such step: the operation is left as it is"
    );
    false
}

enum Noted {
    Written,
    Overtaken,
    Closed,
}

/// Why a decision was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// It does not apply.
    #[error("{0}")]
    Refused(String),
    /// It could not be made durable.
    #[error(transparent)]
    Log(LogError),
}
