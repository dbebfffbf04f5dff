//! The holder dies at every boundary of the mirrored log: before an event is mirrored, after it and before it is in
//! its own journal, and right behind that. Another control plane adopts, dies early itself, and the first one comes
//! back with its old journal. The end is always the same, and no effect happens twice. Which operations:
//! [`super::kinds`].

use super::boundaries::{Begun, Script, World, ending, seconds, started, until_held};
use super::fixture::at;
use super::kinds::Scenario;
use crate::coordination::adopt::{self, Taken};
use crate::coordination::keys::{Leader, Member, Mirrored};
use crate::coordination::log::TermLog;
use crate::coordination::mirror::{All, Kept, Mirror, MirrorError};
use crate::coordination::right;
use crate::operations::engine::{EventLog, LogError, Run};
use crate::operations::event::Event;
use crate::operations::hands::Hands;
use crate::operations::planner::Prepared;
use crate::operations::record::Record;
use aisoc_model::SystemClock;
use aisoc_model::journal::{Entry, verify};
use aisoc_model::operation::Operation;
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Notify;

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
        let events = self.events.lock().unwrap().clone();
        let mirrored = (!events.is_empty()).then(|| (OPERATION.to_owned(), events));
        mirrored.into_iter().collect()
    }
}

/// One life of a control plane: what it shares, and where it dies.
struct Life {
    shared: Arc<Shared>,
    journal: Arc<Mutex<Vec<Entry>>>,
    death: Mutex<Option<Death>>,
    dead: AtomicBool,
    died: Notify,
}

impl Life {
    fn dies_at(&self, place: Place) -> bool {
        let here = matches!(*self.death.lock().unwrap(), Some(Death { left: 0, place: p }) if p == place);
        let dead = self.dead.fetch_or(here, Ordering::SeqCst) || here;
        if dead {
            self.died.notify_one();
        }
        dead
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

impl Life {
    fn new(shared: &Arc<Shared>, journal: &Arc<Mutex<Vec<Entry>>>) -> Arc<Self> {
        Arc::new(Self {
            shared: Arc::clone(shared),
            journal: Arc::clone(journal),
            death: Mutex::new(None),
            dead: AtomicBool::new(false),
            died: Notify::new(),
        })
    }

    /// Carries an operation out until it ends or this control plane dies; a held one is tried again.
    async fn carry_out(&self, record: Record, log: Arc<dyn EventLog>, world: &Arc<World>) {
        let hands = Arc::clone(world) as Arc<dyn Hands>;
        let run = Run::new(record, log, hands, Arc::new(SystemClock), || {});
        tokio::select! {
            () = run.carry_out() => {}
            () = until_held(&run) => {}
            () = async {
                self.died.notified().await;
                // The engine itself stops at its next entry; give it the time to.
                for _ in 0..50 {
                    tokio::task::yield_now().await;
                }
            } => {}
        }
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
    let life = Life::new(shared, journal);
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
    let mirrored = shared.events.lock().unwrap().len();
    for (at, event) in taken.unmirrored.clone() {
        let by = name.to_owned();
        let event = Mirrored { at, by, epoch, event };
        shared.events.lock().unwrap().push(event);
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
    let log: Arc<dyn EventLog> = Arc::new(TermLog::new(
        name,
        epoch,
        (right, Arc::clone(&life) as Arc<dyn Mirror>),
        Arc::clone(&life) as Arc<dyn EventLog>,
        Arc::new(SystemClock),
        BTreeMap::from([(OPERATION.to_owned(), taken.count(mirrored))]),
    ));
    life.carry_out(taken.record, log, world).await;
    let taken = adopt::take_over(name, &[], &shared.all()).remove(0);
    let operation = taken.record.operation;
    operation.state.ended().then_some(operation)
}

type Journals = [Arc<Mutex<Vec<Entry>>>; 2];

/// Control planes a, b, a, … one after the other; the last one lives.
async fn lives(shared: &Arc<Shared>, journals: &Journals, world: &Arc<World>, deaths: &[Death]) -> Operation {
    let mut ended = None;
    let mut lives = deaths.iter().map(|d| Some(*d)).chain([None]);
    for (name, journal) in [("a", &journals[0]), ("b", &journals[1])].iter().cycle() {
        let Some(death) = lives.next() else { break };
        ended = live(name, shared, journal, world, death).await;
        if ended.is_some() {
            break;
        }
    }
    if deaths.len() < 2 {
        for journal in journals {
            verify(journal.lock().unwrap().iter()).unwrap();
        }
    }
    ended.expect("it ends when nobody kills it")
}

async fn through(prepared: &Prepared, script: Script, deaths: &[Death]) -> (Operation, Vec<String>, usize) {
    let shared = Arc::new(Shared::default());
    shared.events.lock().unwrap().push(Mirrored {
        at: at(0),
        by: "a".into(),
        epoch: 0,
        event: started(prepared, Begun::Epoch(0)),
    });
    let (world, journals) = (World::before(prepared, script), Journals::default());
    let ended = lives(&shared, &journals, &world, deaths).await;
    let mirrored = shared.events.lock().unwrap().len();
    (ended, world.effects_only(), mirrored)
}

/// Where a control plane that has broken the glass dies: there is its own journal only.
struct Alone(Arc<Life>);

impl EventLog for Alone {
    fn append<'a>(
        &'a self,
        operation: &'a str,
        event: &'a Event,
    ) -> BoxFuture<'a, Result<Timestamp, LogError>> {
        async move {
            if self.0.dies_at(Place::BeforeJournal) {
                return Err(LogError::Closed);
            }
            EventLog::append(self.0.as_ref(), operation, event).await
        }
        .boxed()
    }
}

/// Begun by a alone, which dies; then there is agreement again, and a, b, a, … hold the seat one after the other.
async fn through_glass(
    prepared: &Prepared,
    script: Script,
    alone: Option<Death>,
    deaths: &[Death],
) -> (Operation, Vec<String>, usize) {
    let shared = Arc::new(Shared::default());
    let (world, journals) = (World::before(prepared, script), Journals::default());
    let life = Life::new(&shared, &journals[0]);
    let begin = started(prepared, Begun::Glass);
    EventLog::append(life.as_ref(), OPERATION, &begin).await.unwrap();
    *life.death.lock().unwrap() = alone;
    let record = Record::begin(at(0), &begin).unwrap();
    life.carry_out(record, Arc::new(Alone(Arc::clone(&life))), &world)
        .await;
    let written = journals[0].lock().unwrap().len();
    let ended = lives(&shared, &journals, &world, deaths).await;
    (ended, world.effects_only(), written)
}

fn all_deaths(events: usize, places: &[Place]) -> Vec<Death> {
    (0..events)
        .flat_map(|left| places.iter().map(move |place| Death { left, place: *place }))
        .collect()
}

/// Kills the holder everywhere, and then the one that adopts.
pub(super) async fn enumerate(scenario: &Scenario) {
    let Scenario {
        prepared,
        script,
        ends,
        effects: count,
    } = scenario;
    let (whole, effects, events) = through(prepared, *script, &[]).await;
    let told = format!("{}: {script:?}", prepared.plan.summary);
    assert_eq!(whole.state, *ends, "{told}: {:?}", whole.outcome);
    assert_eq!(effects.len(), *count, "{told}: {effects:#?}");
    let deaths = all_deaths(
        events,
        &[Place::BeforeMirror, Place::BeforeJournal, Place::BehindJournal],
    );
    for first in &deaths {
        let (once, after, _) = through(prepared, *script, &[*first]).await;
        assert_eq!(ending(&once), ending(&whole), "{told} killed at {first:?}");
        assert_eq!(after, effects, "{told} killed at {first:?}");
        // The one that adopts dies soon, too, and the first one comes back with what it had.
        for second in deaths.iter().take(seconds(scenario)) {
            let (twice, after, _) = through(prepared, *script, &[*first, *second]).await;
            let told = format!("{told} killed at {first:?}, {second:?}");
            assert_eq!(ending(&twice), ending(&whole), "{told}");
            assert_eq!(after, effects, "{told}");
        }
    }
}

/// Kills the one that has broken the glass everywhere, and then the one that took it back to agreement.
pub(super) async fn enumerate_broken_glass(scenario: &Scenario) {
    let Scenario { prepared, script, .. } = scenario;
    let (whole, effects, events) = through_glass(prepared, *script, None, &[]).await;
    assert_eq!((whole.state, effects.len()), (scenario.ends, scenario.effects));
    assert!(whole.started_by.contains("approved by second"));
    for alone in all_deaths(events, &[Place::BeforeJournal, Place::BehindJournal]) {
        let (once, after, _) = through_glass(prepared, *script, Some(alone), &[]).await;
        let told = format!("{} killed at {alone:?}", prepared.plan.summary);
        assert_eq!((ending(&once), &after), (ending(&whole), &effects), "{told}");
        for second in all_deaths(2, &[Place::BeforeMirror, Place::BehindJournal]) {
            let (twice, after, _) = through_glass(prepared, *script, Some(alone), &[second]).await;
            assert_eq!(
                (ending(&twice), &after),
                (ending(&whole), &effects),
                "{told}, {second:?}"
            );
        }
    }
}
