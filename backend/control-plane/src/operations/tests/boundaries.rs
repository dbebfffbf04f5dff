//! The engine killed at every boundary of its journal: before an entry is written and right after it, once and
//! twice, for operations that go well, that are undone, and that are held. The end is always the same, and no
//! effect happens twice. Which operations: [`super::kinds`].

use super::fixture::{self, AP, EU, US, at, drain, facts, plan, region};
use super::kinds::Scenario;
use crate::operations::action::Action;
use crate::operations::engine::{EventLog, LogError, Run};
use crate::operations::event::{Direction, Event, Resolution};
use crate::operations::hands::{Acted, Hands, Report, Sight, Task};
use crate::operations::planner::Prepared;
use crate::operations::record::{Next, Record};
use aisoc_model::SystemClock;
use aisoc_model::operation::{Operation, OperationState, StepState};
use aisoc_model::plan::Target;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use tokio::sync::Notify;

/// A log that ends the process at a chosen entry.
#[derive(Default)]
struct Fused {
    entries: Mutex<Vec<Event>>,
    fuse: Mutex<Option<Fuse>>,
    died: Notify,
}

#[derive(Debug, Clone, Copy)]
struct Fuse {
    /// Entries that are still written.
    left: usize,
    /// Whether the one behind them is written too, and only its writer dies.
    written: bool,
}

impl EventLog for Fused {
    fn append<'a>(&'a self, _: &'a str, event: &'a Event) -> BoxFuture<'a, Result<Timestamp, LogError>> {
        async move {
            let mut fuse = self.fuse.lock().unwrap();
            let mut entries = self.entries.lock().unwrap();
            match fuse.as_mut() {
                Some(fuse) if fuse.left == 0 => {
                    if fuse.written {
                        entries.push(event.clone());
                        // Only once: a second writer would find the process dead.
                        fuse.written = false;
                    }
                    self.died.notify_one();
                    return Err(LogError::Closed);
                }
                Some(fuse) => fuse.left -= 1,
                None => {}
            }
            entries.push(event.clone());
            Ok(at(i64::try_from(entries.len()).unwrap()))
        }
        .boxed()
    }
}

/// A world that remembers every effect and refuses to be changed to what it is already.
pub(super) struct World {
    weights: Mutex<BTreeMap<String, u8>>,
    writer: Mutex<String>,
    revision: Mutex<u32>,
    fenced: Mutex<bool>,
    /// Where the services of each region connect to.
    hosts: Mutex<BTreeMap<String, String>>,
    restarted: Mutex<BTreeSet<String>>,
    /// Share of the other half, and whether there is one and it has changed places.
    halves: Mutex<(u8, bool, bool)>,
    escorted: Mutex<bool>,
    effects: Mutex<Vec<String>>,
    script: Script,
}

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Script {
    Good,
    /// This step is refused whenever it is tried.
    Refuse(&'static str),
    /// This step is taken, and refused only afterwards.
    RefuseLate(&'static str),
    /// This step fails until it has been tried twice.
    FailOnce(&'static str),
    /// Its answer is lost, though it happened.
    AnswerLost(&'static str),
}

impl World {
    /// The world as the plan found it.
    pub(super) fn before(prepared: &Prepared, script: Script) -> Arc<Self> {
        let actions = &prepared.actions;
        let has = |wanted: fn(&Action) -> bool| actions.iter().any(wanted);
        let mut weights = BTreeMap::new();
        for action in actions {
            if let Action::SetWeight { region, before, .. } = action {
                weights.entry(region.to_string()).or_insert(*before);
            }
        }
        let revision = actions.iter().find_map(|a| match a {
            Action::RollBack { before, .. } => Some(*before),
            _ => None,
        });
        let fenced = has(|a| matches!(a, Action::Release { .. }));
        let beside = !has(|a| matches!(a, Action::DeployGreen { .. }));
        Arc::new(Self {
            weights: Mutex::new(weights),
            writer: Mutex::new(US.to_owned()),
            revision: Mutex::new(revision.unwrap_or_default()),
            fenced: Mutex::new(fenced),
            hosts: Mutex::default(),
            restarted: Mutex::default(),
            halves: Mutex::new((0, beside, false)),
            escorted: Mutex::default(),
            effects: Mutex::default(),
            script,
        })
    }

    fn there(&self, action: &Action) -> Option<bool> {
        match action {
            Action::SetWeight { region, percent, .. } => {
                Some(self.weights.lock().unwrap().get(region.as_str()) == Some(percent))
            }
            Action::Fence { .. } => Some(*self.fenced.lock().unwrap()),
            Action::Release { .. } | Action::Return { .. } => Some(!*self.fenced.lock().unwrap()),
            Action::MakeManagedWriter { to, .. } => Some(*self.writer.lock().unwrap() == to.as_str()),
            Action::Switchover { to, .. } | Action::Elect { to, .. } | Action::FirstWrite { to } => {
                Some(*self.writer.lock().unwrap() == to.region.as_str())
            }
            Action::Escort { .. } => Some(*self.escorted.lock().unwrap()),
            Action::EndEscort { .. } => Some(!*self.escorted.lock().unwrap()),
            Action::RollBack { revision, .. } | Action::Rollout { revision, .. } => {
                Some(*self.revision.lock().unwrap() == *revision)
            }
            Action::PointDsn { region, address, .. } => {
                Some(self.hosts.lock().unwrap().get(region.as_str()) == Some(address))
            }
            Action::Restart { release, .. } => Some(self.restarted.lock().unwrap().contains(release)),
            Action::DeployGreen { .. } => Some(self.halves.lock().unwrap().1),
            Action::Share { percent, .. } => Some(self.halves.lock().unwrap().0 == *percent),
            Action::Swap { .. } => Some(self.halves.lock().unwrap().2),
            Action::RemoveParallel { .. } => Some(!self.halves.lock().unwrap().1),
            _ => None,
        }
    }

    fn effect(&self, action: &Action) {
        assert_ne!(
            self.there(action),
            Some(true),
            "{action:?} acted on what was there already"
        );
        match action {
            Action::SetWeight { region, percent, .. } => {
                self.weights.lock().unwrap().insert(region.to_string(), *percent);
            }
            Action::MakeManagedWriter { to, .. } => *self.writer.lock().unwrap() = to.to_string(),
            Action::Switchover { to, .. } => *self.writer.lock().unwrap() = to.region.to_string(),
            Action::Elect { to, .. } => {
                assert!(
                    *self.fenced.lock().unwrap(),
                    "elected beside a writer that is not fenced"
                );
                *self.writer.lock().unwrap() = to.region.to_string();
            }
            Action::Fence { .. } => *self.fenced.lock().unwrap() = true,
            Action::Release { .. } | Action::Return { .. } => *self.fenced.lock().unwrap() = false,
            Action::Escort { .. } => *self.escorted.lock().unwrap() = true,
            Action::EndEscort { .. } => *self.escorted.lock().unwrap() = false,
            Action::RollBack { revision, .. } => *self.revision.lock().unwrap() = *revision,
            Action::PointDsn { region, address, .. } => {
                let mut hosts = self.hosts.lock().unwrap();
                hosts.insert(region.to_string(), address.clone());
            }
            Action::Restart { release, .. } => {
                self.restarted.lock().unwrap().insert(release.clone());
            }
            Action::DeployGreen { .. } => self.halves.lock().unwrap().1 = true,
            Action::Share { percent, .. } => self.halves.lock().unwrap().0 = *percent,
            Action::Swap { .. } => self.halves.lock().unwrap().2 = true,
            Action::RemoveParallel { .. } => self.halves.lock().unwrap().1 = false,
            _ => return,
        }
        self.effects.lock().unwrap().push(format!("{action:?}"));
    }

    /// What was done, without what was only tried.
    pub(super) fn effects_only(&self) -> Vec<String> {
        let effects = self.effects.lock().unwrap().clone();
        effects.into_iter().filter(|e| !e.starts_with("tried")).collect()
    }

    fn tried(&self, key: &str) -> usize {
        let mut effects = self.effects.lock().unwrap();
        effects.push(format!("tried {key}"));
        effects.iter().filter(|e| **e == format!("tried {key}")).count()
    }
}

impl Hands for World {
    fn observe<'a>(&'a self, task: &'a Task, action: &'a Action) -> BoxFuture<'a, Sight> {
        async move {
            match self.there(action) {
                _ if task.since.is_some()
                    && matches!(self.script, Script::RefuseLate(step) if step == action.key()) =>
                {
                    Sight::Refused("no after all".into())
                }
                Some(true) => Sight::Done(Report::new("there")),
                Some(false) | None => Sight::NotDone("not there".into()),
            }
        }
        .boxed()
    }

    fn act<'a>(&'a self, task: &'a Task, action: &'a Action) -> BoxFuture<'a, Acted> {
        async move {
            let key = action.key();
            if task.direction == Direction::Do {
                match self.script {
                    Script::Refuse(step) if step == key => return Acted::Refused("no".into()),
                    Script::RefuseLate(step) if step == key => return Acted::Sent,
                    Script::FailOnce(step) if step == key && self.tried(&key) == 1 => {
                        return Acted::Failed(Report::new("not this time"));
                    }
                    Script::AnswerLost(step) if step == key => {
                        self.effect(action);
                        return Acted::Unknown("connection reset".into());
                    }
                    _ => {}
                }
            }
            self.effect(action);
            match self.there(action) {
                Some(_) => Acted::Sent,
                None => Acted::Done(Report::new("seen")),
            }
        }
        .boxed()
    }

    fn ended(&self, _: &str) {}
}

fn record(entries: &[Event]) -> Record {
    let mut record = Record::begin(at(0), &entries[0]).unwrap();
    for (i, event) in entries.iter().enumerate().skip(1) {
        record.apply(at(i64::try_from(i).unwrap()), event);
    }
    record
}

/// One life of the process: takes the operation up and goes on until it ends, dies, or waits for a person.
async fn live(log: &Arc<Fused>, world: &Arc<World>) -> Option<Operation> {
    let entries = log.entries.lock().unwrap().clone();
    let run = Run::new(
        record(&entries),
        Arc::clone(log) as Arc<dyn EventLog>,
        Arc::clone(world) as Arc<dyn Hands>,
        Arc::new(SystemClock),
        || {},
    );
    tokio::select! {
        () = run.carry_out() => {}
        () = until_held(&run) => {}
        // A death in the middle of a person's decision leaves the engine waiting for the next one.
        () = dead(log) => {}
    }
    let operation = record(&log.entries.lock().unwrap()).operation;
    operation.state.ended().then_some(operation)
}

/// A person who always says "again"; never ends.
pub(super) async fn until_held(run: &Run) {
    let mut seen = run.watch();
    loop {
        if seen.wait_for(|o| o.state == OperationState::Held).await.is_err()
            || run.resolve(Resolution::Retry, "op").await.is_err()
        {
            std::future::pending::<()>().await;
        }
    }
}

async fn dead(log: &Fused) {
    log.died.notified().await;
    // The engine itself stops at its next entry; give it the time to.
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

/// How an operation is begun.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begun {
    /// By a single control plane.
    Single,
    /// Under an epoch.
    Epoch(u64),
    /// By two people, without agreement.
    Glass,
}

pub(super) fn started(prepared: &Prepared, begun: Begun) -> Event {
    Event::Started {
        plan: Box::new(prepared.plan.clone()),
        actions: prepared.actions.clone(),
        by: "op".into(),
        origin: "test".into(),
        approved_by: matches!(begun, Begun::Glass).then(|| "second".to_owned()),
        epoch: match begun {
            Begun::Epoch(epoch) => Some(epoch),
            Begun::Single | Begun::Glass => None,
        },
    }
}

/// What has to be the same however often the process died.
pub(super) fn ending(operation: &Operation) -> (OperationState, Vec<StepState>) {
    let step = |s: StepState| match s {
        StepState::AlreadyDone => StepState::Done,
        // A refused step of which a dead process may have done a part is undone, too: to no effect.
        StepState::Failed => StepState::Undone,
        s => s,
    };
    (
        operation.state,
        operation.steps.iter().map(|s| step(s.state)).collect(),
    )
}

async fn through(prepared: &Prepared, script: Script, deaths: &[Fuse]) -> (Operation, Vec<String>, usize) {
    let log = Arc::new(Fused::default());
    log.entries.lock().unwrap().push(started(prepared, Begun::Single));
    let world = World::before(prepared, script);
    for death in deaths {
        *log.fuse.lock().unwrap() = Some(*death);
        if live(&log, &world).await.is_some() {
            break;
        }
    }
    *log.fuse.lock().unwrap() = None;
    let operation = live(&log, &world).await.expect("it ends when nobody kills it");
    let effects = world.effects_only();
    let written = log.entries.lock().unwrap().len();
    (operation, effects, written)
}

/// Second deaths that are tried: at the first entries of who takes it up. What goes wrong on the way is enumerated with
/// one death only: what a second one adds is the same for all of them.
pub(super) fn seconds(scenario: &Scenario) -> usize {
    if scenario.script == Script::Good { 6 } else { 0 }
}

/// Kills the process everywhere, once and twice.
pub(super) async fn enumerate(scenario: &Scenario) {
    let Scenario {
        prepared,
        script,
        ends,
        effects: count,
    } = scenario;
    let (whole, effects, entries) = through(prepared, *script, &[]).await;
    let told = format!("{}: {script:?}", prepared.plan.summary);
    assert_eq!(whole.state, *ends, "{told}: {:?}", whole.outcome);
    assert_eq!(effects.len(), *count, "{told}: {effects:#?}");
    let fuses: Vec<Fuse> = (0..entries)
        .flat_map(|left| [false, true].map(|written| Fuse { left, written }))
        .collect();
    for first in &fuses {
        let (once, after, _) = through(prepared, *script, &[*first]).await;
        assert_eq!(ending(&once), ending(&whole), "{told} killed at {first:?}");
        assert_eq!(after, effects, "{told} killed at {first:?}");
        // A second death soon after: the process that takes it up dies at its first entries, too.
        for second in fuses.iter().take(seconds(scenario)) {
            let (twice, after, _) = through(prepared, *script, &[*first, *second]).await;
            let told = format!("{told} killed at {first:?}, {second:?}");
            assert_eq!(ending(&twice), ending(&whole), "{told}");
            assert_eq!(after, effects, "{told}");
        }
    }
}

#[tokio::test]
async fn an_undone_drain_says_what_was_taken_back() {
    let prepared = plan(drain(US), &facts(at(0)));
    let (operation, _, _) = through(&prepared, Script::Refuse("weight-0"), &[]).await;
    let undone = operation.steps.iter().filter(|s| s.state == StepState::Undone);
    let undone: Vec<&str> = undone.map(|s| s.id.as_str()).collect();
    assert_eq!(undone, ["weight-50", "weight-10"]);
    let outcome = operation.outcome.unwrap();
    assert!(
        outcome
            .contains("into drain state: no new session' failed: no; taken back: us-east-1 has 100 % again"),
        "{outcome}"
    );
}

#[test]
fn an_abort_undoes_before_the_point_of_no_return_and_ends_as_it_stands_behind_it() {
    let abort = Event::Resolved {
        decision: Resolution::Abort,
        by: "op".into(),
    };
    let intent = |step| Event::Intent {
        step,
        direction: Direction::Do,
        request: String::new(),
    };
    let mut draining = record(&[started(&plan(drain(US), &facts(at(0))), Begun::Single), intent(0)]);
    assert!(!draining.past_no_return());
    draining.apply(at(9), &abort);
    assert_eq!(draining.operation.state, OperationState::Aborting);
    assert_eq!(draining.next(), Next::Undo(0));

    let failover = plan(
        Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        },
        &facts(at(0)),
    );
    let switchover = failover
        .actions
        .iter()
        .position(Action::point_of_no_return)
        .unwrap();
    let mut moving = record(&[started(&failover, Begun::Single), intent(0), intent(switchover)]);
    assert!(moving.past_no_return());
    moving.apply(
        at(9),
        &Event::Held {
            why: "unknown".into(),
        },
    );
    assert_eq!(moving.next(), Next::Wait);
    moving.apply(at(10), &abort);
    let Next::End(state, why) = moving.next() else {
        panic!("{:?}", moving.next())
    };
    assert_eq!(state, OperationState::Failed);
    assert!(why.contains("past the point of no return"), "{why}");
}

#[test]
fn an_undo_that_fails_is_retried_or_given_up_loudly() {
    let events = [
        started(&plan(drain(US), &facts(at(0))), Begun::Single),
        Event::Intent {
            step: 0,
            direction: Direction::Do,
            request: String::new(),
        },
        Event::Turned { because: "no".into() },
        Event::Held {
            why: "the undo failed".into(),
        },
    ];
    let held = record(&events);
    let resolved = |decision| {
        let mut record = held.clone();
        record.apply(
            at(9),
            &Event::Resolved {
                decision,
                by: "op".into(),
            },
        );
        record.next()
    };
    assert_eq!(resolved(Resolution::Retry), Next::Undo(0));
    assert!(
        matches!(resolved(Resolution::Abort), Next::End(OperationState::Failed, why) if why.contains("by hand"))
    );
}

#[test]
fn steps_of_other_regions_are_not_in_a_plan() {
    let prepared = plan(drain(US), &facts(at(0)));
    let others = [region(EU), region(AP)];
    let touches = |a: &Action| matches!(a, Action::SetWeight { region, .. } if others.contains(region));
    assert!(!prepared.actions.iter().any(touches));
    assert_eq!(
        fixture::gate(&prepared, "one_operation").evidence,
        Vec::<String>::new()
    );
}
