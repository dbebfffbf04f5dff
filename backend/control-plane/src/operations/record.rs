//! An operation rebuilt from its journal, and what comes next: pure, so that every way through it can be
//! enumerated. The engine holds no other state; what it would do after a crash is what it does anyway.

use crate::operations::action::{Action, OnFailure};
use crate::operations::event::{Direction, Event, Outcome, Resolution};
use crate::operations::outcome;
use crate::operations::watching::{WATCHED_FAILURES, WATCHED_REQUESTS};
use aisoc_model::operation::{Offer, Operation, OperationState, StepProgress, StepState};
use aisoc_model::plan::{Plan, Target};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// An operation and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// The part everybody sees.
    pub operation: Operation,
    /// What the steps do.
    pub actions: Vec<Action>,
    /// When each step's first intent was written, and whether the step may have changed something since.
    intents: Vec<Option<Intent>>,
    turned: Option<Turned>,
    /// What each step measured last, by the figure's name.
    measured: BTreeMap<String, BTreeMap<usize, f64>>,
    held: bool,
    /// The undo itself failed, and a person let it be.
    given_up: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Intent {
    since: Timestamp,
    effect_possible: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Turned {
    because: String,
    by_operator: bool,
}

/// What the engine has to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Carry out a step.
    Do(usize),
    /// Undo a step.
    Undo(usize),
    /// Turn back, for this reason.
    Turn(String),
    /// Hold, for this reason.
    Hold(String),
    /// Wait for a person.
    Wait,
    /// End it.
    End(OperationState, String),
    /// It has ended.
    Nothing,
}

impl Record {
    /// A record begins with the event that started the operation; any other gives `None`.
    #[must_use]
    pub fn begin(at: Timestamp, event: &Event) -> Option<Self> {
        let Event::Started {
            plan,
            actions,
            by,
            origin,
            approved_by,
            ..
        } = event
        else {
            return None;
        };
        let steps = plan.steps.iter().map(|s| waiting(&s.id)).collect();
        let approved = approved_by.as_ref().map(|a| format!(", approved by {a}"));
        Some(Self {
            operation: Operation {
                id: plan.id.clone(),
                plan: Plan::clone(plan),
                state: OperationState::Running,
                started_by: format!("{by} from {origin}{}", approved.unwrap_or_default()),
                started_at: at,
                ended_at: None,
                steps,
                outcome: None,
                times: BTreeMap::from([("decide".to_owned(), at)]),
                figures: BTreeMap::new(),
                tokens: BTreeMap::new(),
                offers: Vec::new(),
            },
            intents: vec![None; actions.len()],
            actions: actions.clone(),
            turned: None,
            measured: BTreeMap::new(),
            held: false,
            given_up: false,
        })
    }

    /// Adds what happened.
    pub fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::Started { .. }
            | Event::Approved { .. }
            | Event::Refused { .. }
            | Event::Escorted { .. }
            | Event::EscortEnded { .. }
            | Event::BrokenGlass { .. }
            | Event::Acknowledged { .. }
            | Event::Adopted { .. } => {}
            Event::Resumed { adopted_from, .. } => {
                if adopted_from.is_some() {
                    self.operation.times.insert("adopted".to_owned(), at);
                }
            }
            Event::Intent { step, direction, .. } => self.intent(at, *step, *direction),
            Event::Unknown { step, why } => {
                if let Some(progress) = self.operation.steps.get_mut(*step) {
                    progress.state = StepState::Unknown;
                    progress.detail = Some(why.clone());
                }
            }
            Event::Result {
                step,
                direction,
                outcome,
                detail,
                times,
                figures,
                token,
            } => {
                self.result(at, *step, *direction, *outcome, detail);
                self.operation
                    .times
                    .extend(times.iter().map(|(k, v)| (k.clone(), *v)));
                self.measured(*step, figures);
                let demoted = self.actions.get(*step).and_then(Action::demoted);
                if let (Some(seat), Some(token)) = (demoted, token) {
                    self.operation.tokens.insert(seat.cluster.clone(), token.clone());
                }
            }
            Event::Turned { because } => self.turn(because.clone(), false),
            Event::Held { why } => {
                self.held = true;
                self.operation.state = OperationState::Held;
                self.operation.outcome = Some(why.clone());
            }
            Event::Resolved { decision, by } => self.resolved(*decision, by),
            Event::Ended { state, outcome } => self.ended(at, *state, outcome),
        }
    }

    /// The latest value of a figure holds; what counts something over several steps is summed. Where several clusters'
    /// writers move, their canaries are counted together, and of the rest the worst of them holds.
    fn measured(&mut self, step: usize, figures: &BTreeMap<String, f64>) {
        let several = self.operation.plan.clusters.len() > 1;
        for (name, value) in figures {
            let of_steps = self.measured.entry(name.clone()).or_default();
            of_steps.insert(step, *value);
            let known = self.operation.figures.entry(name.clone()).or_insert(0.0);
            *known = match name.as_str() {
                WATCHED_REQUESTS | WATCHED_FAILURES => *known + value,
                "acknowledged_canaries" | "lost_canaries" if several => of_steps.values().sum(),
                "key_to_first_write_ms" | "rpo_bytes" | "rpo_seconds" | "write_outage_ms" if several => {
                    of_steps.values().copied().fold(0.0, f64::max)
                }
                _ => *value,
            };
        }
    }

    fn intent(&mut self, at: Timestamp, step: usize, direction: Direction) {
        if let Some(progress) = self.operation.steps.get_mut(step) {
            progress.state = StepState::Running;
            progress.ended_at = None;
            progress.started_at.get_or_insert(at);
        }
        if direction == Direction::Do
            && let Some(slot) = self.intents.get_mut(step)
        {
            let since = slot.as_ref().map_or(at, |i| i.since);
            *slot = Some(Intent {
                since,
                effect_possible: true,
            });
        }
    }

    fn result(&mut self, at: Timestamp, step: usize, direction: Direction, outcome: Outcome, detail: &str) {
        let Some(progress) = self.operation.steps.get_mut(step) else {
            return;
        };
        progress.started_at.get_or_insert(at);
        progress.ended_at = Some(at);
        progress.detail = Some(detail.to_owned());
        progress.state = match (direction, outcome) {
            (Direction::Do, Outcome::Done) => StepState::Done,
            (Direction::Do, Outcome::AlreadyDone) => StepState::AlreadyDone,
            (Direction::Undo, Outcome::Done | Outcome::AlreadyDone) => StepState::Undone,
            (_, Outcome::Refused | Outcome::Failed) => StepState::Failed,
            (_, Outcome::Unknown) => StepState::Unknown,
        };
        if outcome == Outcome::Unknown {
            // Held right after; a retry observes again.
            progress.ended_at = None;
        }
        if direction == Direction::Do
            && outcome == Outcome::Refused
            && let Some(Some(intent)) = self.intents.get_mut(step)
        {
            intent.effect_possible = false;
        }
    }

    fn turn(&mut self, because: String, by_operator: bool) {
        self.operation.state = OperationState::Aborting;
        self.operation.outcome = Some(because.clone());
        self.turned = Some(Turned { because, by_operator });
    }

    fn resolved(&mut self, decision: Resolution, by: &str) {
        let was_held = std::mem::take(&mut self.held);
        match decision {
            Resolution::Retry if was_held => {
                let undoing = self.turned.is_some();
                self.operation.state = if undoing {
                    OperationState::Aborting
                } else {
                    OperationState::Running
                };
                self.operation.outcome = self.turned.as_ref().map(|t| t.because.clone());
                for (progress, action) in self.operation.steps.iter_mut().zip(&self.actions) {
                    let failed = matches!(progress.state, StepState::Failed | StepState::Unknown);
                    if failed && (undoing || action.on_failure() != OnFailure::GoOn) {
                        progress.state = StepState::Waiting;
                        progress.ended_at = None;
                    }
                }
            }
            Resolution::Retry => {}
            Resolution::Abort if self.turned.is_some() => self.given_up = was_held,
            Resolution::Abort => self.turn(format!("aborted by {by}"), true),
        }
    }

    fn ended(&mut self, at: Timestamp, state: OperationState, outcome: &str) {
        self.operation.state = state;
        self.operation.ended_at = Some(at);
        self.operation.outcome = Some(outcome.to_owned());
        self.operation.offers = self.offers();
        for progress in &mut self.operation.steps {
            if matches!(progress.state, StepState::Waiting) {
                progress.state = StepState::Skipped;
            }
        }
    }

    /// Since when a step is being carried out, over restarts.
    #[must_use]
    pub fn since(&self, step: usize) -> Option<Timestamp> {
        self.intents
            .get(step)
            .and_then(|i| i.as_ref().map(|intent| intent.since))
    }

    /// Whether a step may have been sent without its outcome being known: a process died, or nobody answered.
    #[must_use]
    pub fn may_have_acted(&self, step: usize) -> bool {
        let intent = self.intents.get(step).and_then(Option::as_ref);
        intent.is_some_and(|i| i.effect_possible)
    }

    /// Whether there is no way back any more.
    #[must_use]
    pub fn past_no_return(&self) -> bool {
        self.actions
            .iter()
            .zip(&self.intents)
            .any(|(a, i)| a.point_of_no_return() && i.as_ref().is_some_and(|i| i.effect_possible))
    }

    /// Whether a person has to decide.
    #[must_use]
    pub fn is_held(&self) -> bool {
        self.held
    }

    /// Whether it is being undone.
    #[must_use]
    pub fn is_turned(&self) -> bool {
        self.turned.is_some()
    }

    /// What comes next.
    #[must_use]
    pub fn next(&self) -> Next {
        if self.operation.state.ended() {
            return Next::Nothing;
        }
        if self.held {
            return Next::Wait;
        }
        match &self.turned {
            Some(turned) => self.next_undo(turned),
            None => self.next_step(),
        }
    }

    fn next_step(&self) -> Next {
        for (i, (progress, action)) in self.operation.steps.iter().zip(&self.actions).enumerate() {
            let why = || outcome::failure(&self.operation, i);
            match progress.state {
                StepState::Done | StepState::AlreadyDone => {}
                StepState::Failed => match action.on_failure() {
                    OnFailure::GoOn => {}
                    OnFailure::Undo if !self.past_no_return() => return Next::Turn(why()),
                    OnFailure::Undo | OnFailure::Hold => return Next::Hold(why()),
                },
                _ => return Next::Do(i),
            }
        }
        let failed = |s: &StepProgress| s.state == StepState::Failed;
        match self.operation.steps.iter().position(failed) {
            None => Next::End(
                OperationState::Done,
                outcome::done(&self.operation, &self.actions),
            ),
            Some(step) => {
                let outcome = outcome::incomplete(&self.operation, &self.actions, step);
                Next::End(OperationState::Failed, outcome)
            }
        }
    }

    fn next_undo(&self, turned: &Turned) -> Next {
        let because = &turned.because;
        if self.given_up {
            let why = format!(
                "{because}; the undo was given up: compare the steps with what is, and repair by hand"
            );
            return Next::End(OperationState::Failed, why);
        }
        if self.past_no_return() {
            let why = format!("{because}; it was past the point of no return and ended as it stands");
            return Next::End(OperationState::Failed, why);
        }
        let steps = self.operation.steps.iter().zip(&self.actions).zip(&self.intents);
        for (i, ((progress, action), intent)) in steps.enumerate().rev() {
            let touched = intent.as_ref().is_some_and(|i| i.effect_possible);
            if !touched || action.undo().is_none() || progress.state == StepState::Undone {
                continue;
            }
            return Next::Undo(i);
        }
        let rest = outcome::put_back(&self.operation, &self.actions);
        let state = if turned.by_operator {
            OperationState::Aborted
        } else {
            OperationState::Failed
        };
        Next::End(state, format!("{because}; {rest}"))
    }

    /// What makes sense next. The way back only when redundancy is there again: without it, it would be a move to a
    /// member that does not follow.
    fn offers(&self) -> Vec<Offer> {
        if !self.operation.times.contains_key("redundancy") {
            return Vec::new();
        }
        let back = |action: &Action| match action {
            Action::Redundancy { from, to, .. } => Some(Offer {
                target: Target::Failover {
                    cluster: from.cluster.clone(),
                    to: from.region.clone(),
                },
                why: format!(
                    "{} follows {} again: fail back when it suits",
                    from.region, to.region
                ),
            }),
            _ => None,
        };
        self.actions.iter().filter_map(back).collect()
    }
}

fn waiting(id: &str) -> StepProgress {
    StepProgress {
        id: id.to_owned(),
        state: StepState::Waiting,
        started_at: None,
        ended_at: None,
        detail: None,
    }
}
