//! Drills: recognises in each frame that one is being done, judges it when it ends, and remembers the latest run.
//!
//! [`Book::step`] is pure. Runs that ended are kept in one small file, so that a restart does not forget a drill that
//! was done last week.

use aisoc_model::alert::AlertState;
use aisoc_model::clock::millis_between;
use aisoc_model::drill::{Checklist, Drill, DrillMeans, DrillResult, DrillRun};
use aisoc_model::inventory::{Fault, FaultSpec, Process};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::region::Health;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

/// What is known of drills: the latest run of each by its id, and what went wrong in the one that goes on.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Book {
    runs: BTreeMap<String, DrillRun>,
    /// The first thing that was not as it should be, by drill.
    wrong: BTreeMap<String, String>,
    /// The first thing that nobody could tell, by drill.
    unclear: BTreeMap<String, String>,
}

impl Book {
    /// Looks at a frame; `true` when a run has ended, which is worth keeping.
    pub fn step(&mut self, world: &World, list: &Checklist, slo: &Slo) -> bool {
        let mut ended = false;
        for drill in &list.drills {
            ended |= match &drill.by {
                DrillMeans::SurvivesLossOf { process } => {
                    let fault = loss_of(world, process);
                    self.fault(world, drill, fault, |book, _| book.survive(world, drill, slo))
                }
                DrillMeans::AlertsOnLossOf {
                    process,
                    alerts,
                    within_seconds,
                } => {
                    let fault = loss_of(world, process);
                    self.fault(world, drill, fault, |book, since| {
                        book.alert(world, drill, alerts, since, *within_seconds)
                    })
                }
                DrillMeans::Operation { kind } => {
                    let latest = world
                        .operations
                        .values()
                        .filter(|o| o.plan.request.target.kind() == *kind)
                        .max_by_key(|o| o.started_at);
                    latest.is_some_and(|operation| self.operation(drill, operation, slo))
                }
                DrillMeans::Impossible { .. } => false,
            };
        }
        ended
    }

    /// A drill that is a fault: it begins with it and ends with it.
    fn fault(
        &mut self,
        world: &World,
        drill: &Drill,
        fault: Option<&Fault>,
        look: impl FnOnce(&mut Self, Timestamp) -> Option<(DrillResult, String)>,
    ) -> bool {
        let running = self.runs.get(&drill.id).is_some_and(|run| run.ended_at.is_none());
        if let (Some(fault), false) = (fault, running) {
            if self
                .runs
                .get(&drill.id)
                .is_some_and(|run| run.since == fault.since)
            {
                // Judged already, although the fault goes on.
                return false;
            }
            self.wrong.remove(&drill.id);
            self.unclear.remove(&drill.id);
            self.runs.insert(
                drill.id.clone(),
                DrillRun {
                    drill: drill.id.clone(),
                    how: in_words(&fault.spec),
                    since: fault.since,
                    ended_at: None,
                    result: DrillResult::Running,
                    evidence: format!("it has to be seen: {}", drill.confirm),
                },
            );
            return false;
        }
        if !running {
            return false;
        }
        let since = self.runs.get(&drill.id).map_or(world.head.at, |run| run.since);
        let early = look(self, since);
        if fault.is_some() && early.is_none() {
            return false;
        }
        let (result, evidence) = self.verdict(drill, early);
        if let Some(run) = self.runs.get_mut(&drill.id) {
            run.ended_at = Some(world.head.at);
            run.result = result;
            run.evidence = evidence;
        }
        true
    }

    /// All has to stay well while a part is gone.
    fn survive(&mut self, world: &World, drill: &Drill, slo: &Slo) -> Option<(DrillResult, String)> {
        let now = world.head.at;
        for region in world.regions.values() {
            if region.health == Health::Down {
                self.went_wrong(drill, format!("{} was DOWN", region.id));
            }
            let Some(reading) = world.slis.get(&SliReading::key(&region.id, SliId::HttpErrorRate)) else {
                continue;
            };
            let target = slo.slis.get(&SliId::HttpErrorRate).map(|t| t.objective);
            match (reading.value.fresh(now), target) {
                (Some(rate), Some(objective)) if !objective.met_by(*rate) => {
                    self.went_wrong(
                        drill,
                        format!("{:.2} % of the requests of {} failed", rate * 100.0, region.id),
                    );
                }
                (None, _) if reading.value.freshness(now).word() != "no traffic" => {
                    self.not_known(drill, format!("the error rate of {} was not known", region.id));
                }
                _ => {}
            }
        }
        None
    }

    /// An alert has to fire in time: the drill is judged as soon as that is decided.
    fn alert(
        &mut self,
        world: &World,
        drill: &Drill,
        rules: &[String],
        since: Timestamp,
        within_seconds: u32,
    ) -> Option<(DrillResult, String)> {
        let limit = u64::from(within_seconds) * 1_000;
        let fired = world.alerts.values().find_map(|alert| {
            let at = alert.fired_at.filter(|at| *at >= since)?;
            (alert.state != AlertState::Pending && rules.contains(&alert.rule)).then_some((alert, at))
        });
        if let Some((alert, at)) = fired {
            let after = millis_between(since, at);
            let text = format!("{} fired after {} s", alert.rule, after / 1_000);
            let result = if after <= limit {
                DrillResult::Passed
            } else {
                DrillResult::Failed
            };
            return Some((result, text));
        }
        let waited = millis_between(since, world.head.at);
        let text = format!("no lag alert within {} s", waited / 1_000);
        if waited > limit {
            return Some((DrillResult::Failed, text));
        }
        self.wrong.insert(drill.id.clone(), text);
        None
    }

    /// A drill that is an operation: its record is what it rests on.
    fn operation(&mut self, drill: &Drill, operation: &Operation, slo: &Slo) -> bool {
        let (result, evidence) = judge_operation(operation, slo);
        let run = DrillRun {
            drill: drill.id.clone(),
            how: format!("operation {}: {}", operation.id, operation.plan.summary),
            since: operation.started_at,
            ended_at: operation.ended_at,
            result,
            evidence,
        };
        if self
            .runs
            .get(&drill.id)
            .is_some_and(|known| *known == run || known.since > run.since)
        {
            return false;
        }
        let ended = run.ended_at.is_some();
        self.runs.insert(drill.id.clone(), run);
        ended
    }

    fn went_wrong(&mut self, drill: &Drill, what: String) {
        self.wrong.entry(drill.id.clone()).or_insert(what);
    }

    fn not_known(&mut self, drill: &Drill, what: String) {
        self.unclear.entry(drill.id.clone()).or_insert(what);
    }

    /// What was decided early counts; else what went wrong, then what nobody could tell.
    fn verdict(&mut self, drill: &Drill, early: Option<(DrillResult, String)>) -> (DrillResult, String) {
        let wrong = self.wrong.remove(&drill.id);
        let unclear = self.unclear.remove(&drill.id);
        early
            .or_else(|| wrong.map(|why| (DrillResult::Failed, why)))
            .or_else(|| unclear.map(|why| (DrillResult::Unclear, why)))
            .unwrap_or_else(|| {
                let text = "no region was down and no error rate missed its objective meanwhile";
                (DrillResult::Passed, text.to_owned())
            })
    }
}

fn judge_operation(operation: &Operation, slo: &Slo) -> (DrillResult, String) {
    let outcome = operation.outcome.clone().unwrap_or_default();
    let Some(ended) = operation.ended_at else {
        return (DrillResult::Running, outcome);
    };
    if operation.state != OperationState::Done {
        return (
            DrillResult::Failed,
            format!("{}: {outcome}", operation.state.word()),
        );
    }
    let took = millis_between(operation.started_at, ended) / 1_000;
    let key = operation.plan.objective.as_deref();
    match slo.recovery.iter().find(|row| Some(row.id.as_str()) == key) {
        Some(row) if took <= row.rto_seconds => (
            DrillResult::Passed,
            format!("took {took} s, the RTO is {} s; {outcome}", row.rto_seconds),
        ),
        Some(row) => (
            DrillResult::Failed,
            format!("took {took} s, the RTO is {} s; {outcome}", row.rto_seconds),
        ),
        None => (
            DrillResult::Unclear,
            format!("took {took} s, against no objective; {outcome}"),
        ),
    }
}

/// The fault in force that takes away a process of a kind.
fn loss_of<'a>(world: &'a World, kind: &str) -> Option<&'a Fault> {
    let is = |name: &String| {
        world
            .processes
            .get(name)
            .is_some_and(|process: &Process| process.kind == kind)
    };
    world.faults.values().find(|fault| match &fault.spec {
        FaultSpec::KillProcess { process, .. } | FaultSpec::FreezeProcess { process } => is(process),
        _ => false,
    })
}

fn in_words(spec: &FaultSpec) -> String {
    match spec {
        FaultSpec::KillProcess { process, .. } => format!("{process} killed by a fault"),
        FaultSpec::FreezeProcess { process } => format!("{process} frozen by a fault"),
        other => format!("{other:?}"),
    }
}

/// The book of a control plane, with its file.
#[derive(Debug)]
pub struct Drills {
    list: Box<Checklist>,
    file: Option<PathBuf>,
    book: Mutex<Book>,
}

impl Drills {
    /// The checklist compiled in, with the runs that a file remembers; without a file nothing is remembered.
    ///
    /// # Errors
    /// When the file exists and cannot be read.
    pub fn open(file: Option<PathBuf>) -> anyhow::Result<Self> {
        let runs = match &file {
            Some(path) => match std::fs::read_to_string(path) {
                Ok(text) => serde_json::from_str(&text)
                    .map_err(|e| anyhow::anyhow!("drill runs {}: {e}; move the file away", path.display()))?,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => BTreeMap::new(),
                Err(e) => anyhow::bail!("drill runs {}: {e}", path.display()),
            },
            None => BTreeMap::new(),
        };
        let book = Book {
            runs,
            ..Book::default()
        };
        Ok(Self {
            list: Box::new(Checklist::builtin()?),
            file,
            book: Mutex::new(book),
        })
    }

    /// Looks at a frame and puts the checklist and the runs into it.
    pub fn judge(&self, world: &mut World, slo: &Slo) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        if book.step(world, &self.list, slo) {
            self.keep(&book.runs);
        }
        world.drills = book.runs.clone();
        world.checklist = Some(self.list.clone());
    }

    /// Takes in runs that another control plane has seen, where they are later than its own.
    pub fn learn(&self, runs: BTreeMap<String, DrillRun>) {
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        for (id, run) in runs {
            let later = book.runs.get(&id).is_none_or(|known| {
                (known.since, known.ended_at.is_some()) < (run.since, run.ended_at.is_some())
            });
            if later {
                book.runs.insert(id, run);
            }
        }
        self.keep(&book.runs);
    }

    /// Writes the runs down. A drill that cannot be remembered is told, and goes on.
    fn keep(&self, runs: &BTreeMap<String, DrillRun>) {
        let Some(path) = &self.file else { return };
        let written = serde_json::to_vec(runs)
            .map_err(std::io::Error::other)
            .and_then(|text| {
                let part = path.with_extension("part");
                std::fs::write(&part, text)?;
                std::fs::rename(&part, path)
            });
        if let Err(error) = written {
            tracing::warn!(file = %path.display(), %error, "a drill's result could not be written down");
        }
    }
}

#[cfg(test)]
mod tests;
