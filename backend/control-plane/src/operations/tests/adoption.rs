//! The holder dies at every boundary of the mirrored log: before an event is mirrored, after it and before it is in
//! its own journal, and right behind that. Another control plane adopts, dies early itself, and the first one comes
//! back with its old journal. The end is always the same, and no effect happens twice.

use super::boundaries::{Script, World, ending, started, until_held};
use super::fixture::{EU, US, at, drain, facts, plan, region};
use crate::coordination::adopt::{self, Taken};
use crate::coordination::keys::{Leader, Member, Mirrored};
use crate::coordination::log::TermLog;
use crate::coordination::mirror::{All, Kept, Mirror, MirrorError};
use crate::coordination::right;
use crate::operations::engine::{EventLog, LogError, Run};
use crate::operations::event::Event;
use crate::operations::hands::Hands;
use crate::operations::planner::Prepared;
use aisoc_model::SystemClock;
use aisoc_model::journal::{Entry, verify};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::Target;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const OPERATION: &str = "plan";

/// Where a control plane dies.
#[derive(Debug, Clone, Copy)]
struct Death {
    /// Events that it still writes.
    left: usize,
    place: Place,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    BeforeMirror,
    BeforeJournal,
    BehindJournal,
}

/// What all control planes share.
#[derive(Default)]
struct Shared {
    events: Mutex<Vec<Mirrored>>,
    epoch: Mutex<u64>,
}

impl Shared {
    fn all(&self) -> All {
        All::from([(OPERATION.to_owned(), self.events.lock().unwrap().clone())])
    }
}

/// One life of a control plane: what it shares, and where it dies.
struct Life {
    shared: Arc<Shared>,
    journal: Arc<Mutex<Vec<Entry>>>,
    death: Mutex<Option<Death>>,
    dead: AtomicBool,
}

impl Life {
    fn dies_at(&self, place: Place) -> bool {
        let here = matches!(*self.death.lock().unwrap(), Some(Death { left: 0, place: p }) if p == place);
        self.dead.fetch_or(here, Ordering::SeqCst);
        self.dead.load(Ordering::SeqCst)
    }
}

impl Mirror for Life {
    fn append<'a>(
        &'a self,
        epoch: u64,
        _: &'a str,
        number: u64,
        event: &'a Mirrored,
    ) -> BoxFuture<'a, Result<Kept, MirrorError>> {
        async move {
            let gone = || Err(MirrorError::Behind("dead".into()));
            if epoch != *self.shared.epoch.lock().unwrap() || self.dies_at(Place::BeforeMirror) {
                return gone();
            }
            let mut events = self.shared.events.lock().unwrap();
            if let Some(there) = events.get(usize::try_from(number).unwrap()) {
                return Ok(Kept::Was(Box::new(there.clone())));
            }
            assert_eq!(events.len(), usize::try_from(number).unwrap());
            events.push(event.clone());
            if self.dies_at(Place::BeforeJournal) {
                return gone();
            }
            Ok(Kept::Written)
        }
        .boxed()
    }

    fn read(&self) -> BoxFuture<'_, Result<All, MirrorError>> {
        async { Ok(self.shared.all()) }.boxed()
    }

    fn remove<'a>(&'a self, _: u64, _: &'a str) -> BoxFuture<'a, Result<(), MirrorError>> {
        async { Ok(()) }.boxed()
    }
}

impl EventLog for Life {
    fn append<'a>(
        &'a self,
        operation: &'a str,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Timestamp, LogError>> {
        async move {
            let mut entries = self.journal.lock().unwrap();
            let body = serde_json::to_string(event).unwrap();
            let last = entries.last().map(|e| (e.seq, e.hash.clone()));
            let last = last.as_ref().map(|(seq, hash)| (*seq, hash.as_str()));
            let now = at(i64::try_from(entries.len()).unwrap());
            let entry = Entry::after(last, now, operation, event.kind(), body);
            entries.push(entry);
            if self.dies_at(Place::BehindJournal) {
                return Err(LogError::Closed);
            }
            if let Some(death) = self.death.lock().unwrap().as_mut() {
                death.left -= 1;
            }
            Ok(now)
        }
        .boxed()
    }
}

/// Wins the seat, takes over, and goes on until the operation ends or the control plane dies.
async fn live(
    name: &str,
    shared: &Arc<Shared>,
    journal: &Arc<Mutex<Vec<Entry>>>,
    world: &Arc<World>,
    death: Option<Death>,
) -> Option<Operation> {
    let epoch = {
        let mut epoch = shared.epoch.lock().unwrap();
        *epoch += 1;
        *epoch
    };
    let entries = journal.lock().unwrap().clone();
    let taken = adopt::take_over(name, &entries, &shared.all());
    let [taken] = <[Taken; 1]>::try_from(taken).unwrap();
    let life = Arc::new(Life {
        shared: Arc::clone(shared),
        journal: Arc::clone(journal),
        death: Mutex::new(None),
        dead: AtomicBool::new(false),
    });
    for Mirrored { at, by, epoch, event } in taken.missing.clone() {
        let adopted = Event::Adopted {
            from: by,
            epoch,
            at,
            what: Box::new(event),
        };
        EventLog::append(life.as_ref(), OPERATION, &adopted)
            .await
            .unwrap();
    }
    let (herald, right) = right::pair();
    let leader = Leader {
        member: Member {
            name: name.to_owned(),
            consoles: String::new(),
            otlp: String::new(),
        },
        epoch,
        lease: 1,
    };
    herald.held(&leader, Instant::now() + Duration::from_hours(1));
    *life.death.lock().unwrap() = death;
    let mirrored = shared.events.lock().unwrap().len();
    let log: Arc<dyn EventLog> = Arc::new(TermLog::new(
        name,
        epoch,
        (right, Arc::clone(&life) as Arc<dyn Mirror>),
        Arc::clone(&life) as Arc<dyn EventLog>,
        Arc::new(SystemClock),
        BTreeMap::from([(OPERATION.to_owned(), taken.count(mirrored))]),
    ));
    let run = Run::new(
        taken.record,
        log,
        Arc::clone(world) as Arc<dyn Hands>,
        Arc::new(SystemClock),
        || {},
    );
    tokio::select! {
        () = run.carry_out() => {}
        () = until_held(&run) => {}
        () = async {
            while !life.dead.load(Ordering::SeqCst) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            // The engine itself stops at its next entry; give it the time to.
            tokio::time::sleep(Duration::from_millis(2)).await;
        } => {}
    }
    let taken = adopt::take_over(name, &[], &shared.all()).remove(0);
    let operation = taken.record.operation;
    operation.state.ended().then_some(operation)
}

/// Control planes a, b, a, … one after the other; the last one lives.
async fn through(prepared: &Prepared, script: Script, deaths: &[Death]) -> (Operation, Vec<String>, usize) {
    let shared = Arc::new(Shared::default());
    shared.events.lock().unwrap().push(Mirrored {
        at: at(0),
        by: "a".into(),
        epoch: 0,
        event: started(prepared),
    });
    let world = World::new(script);
    let journals = [Arc::default(), Arc::default()];
    let mut ended = None;
    let mut lives = deaths.iter().map(|d| Some(*d)).chain([None]);
    for (name, journal) in [("a", &journals[0]), ("b", &journals[1])].iter().cycle() {
        let Some(death) = lives.next() else { break };
        ended = live(name, &shared, journal, &world, death).await;
        if ended.is_some() {
            break;
        }
    }
    for journal in &journals {
        verify(journal.lock().unwrap().iter()).unwrap();
    }
    let mirrored = shared.events.lock().unwrap().len();
    (
        ended.expect("it ends when nobody kills it"),
        world.effects_only(),
        mirrored,
    )
}

async fn enumerate(prepared: &Prepared, script: Script, expected: OperationState) {
    let (whole, effects, events) = through(prepared, script, &[]).await;
    assert_eq!(whole.state, expected, "{script:?}: {:?}", whole.outcome);
    let deaths: Vec<Death> = (0..events)
        .flat_map(|left| {
            [Place::BeforeMirror, Place::BeforeJournal, Place::BehindJournal]
                .map(|place| Death { left, place })
        })
        .collect();
    for first in &deaths {
        let (once, after, _) = through(prepared, script, &[*first]).await;
        assert_eq!(ending(&once), ending(&whole), "{script:?} killed at {first:?}");
        assert_eq!(after, effects, "{script:?} killed at {first:?}");
        // The one that adopts dies soon, too, and the first one comes back with what it had.
        for second in deaths.iter().take(6) {
            let (twice, after, _) = through(prepared, script, &[*first, *second]).await;
            let told = format!("{script:?} killed at {first:?}, {second:?}");
            assert_eq!(ending(&twice), ending(&whole), "{told}");
            assert_eq!(after, effects, "{told}");
        }
    }
}

#[tokio::test]
async fn a_drain_adopted_anywhere_ends_the_same() {
    let prepared = plan(drain(US), &facts(at(0)));
    enumerate(&prepared, Script::Good, OperationState::Done).await;
    enumerate(&prepared, Script::AnswerLost("weight-10"), OperationState::Done).await;
    enumerate(&prepared, Script::Refuse("weight-0"), OperationState::Failed).await;
}

#[tokio::test]
async fn a_restore_adopted_anywhere_ends_the_same() {
    let mut facts = facts(at(0));
    let drained = facts.traffic.as_mut().unwrap().as_mut().unwrap();
    for server in drained.servers.iter_mut().filter(|s| s.region == region(US)) {
        server.weight = 0;
    }
    let prepared = plan(Target::Restore { region: region(US) }, &facts);
    enumerate(&prepared, Script::Good, OperationState::Done).await;
}

#[tokio::test]
async fn a_failover_adopted_anywhere_ends_the_same() {
    let prepared = plan(Target::Failover { to: region(EU) }, &facts(at(0)));
    enumerate(&prepared, Script::Good, OperationState::Done).await;
    enumerate(&prepared, Script::AnswerLost("switchover"), OperationState::Done).await;
    enumerate(&prepared, Script::Refuse("switchover"), OperationState::Failed).await;
}

#[tokio::test]
async fn a_rollback_adopted_anywhere_ends_the_same() {
    let target = Target::Rollback {
        release: format!("aisoc-{US}"),
        revision: None,
    };
    let prepared = plan(target, &facts(at(0)));
    enumerate(&prepared, Script::Good, OperationState::Done).await;
    enumerate(&prepared, Script::FailOnce("roll-back"), OperationState::Done).await;
}
