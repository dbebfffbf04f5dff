//! States as glyph, word and role: never a colour alone.

use crate::facts::Standing;
use crate::theme::Role;
use aisoc_model::alert::Severity;
use aisoc_model::inventory::ProcessState;
use aisoc_model::lag::LagLevel;
use aisoc_model::operation::{OperationState, StepState};
use aisoc_model::plan::Decision;
use aisoc_model::region::{Health, Region};

/// A state on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// One character.
    pub glyph: char,
    /// One or two words.
    pub word: &'static str,
    /// How it looks.
    pub role: Role,
}

impl State {
    const fn new(glyph: char, word: &'static str, role: Role) -> Self {
        Self { glyph, word, role }
    }

    /// How the value beside it looks: only what is not well gets a colour.
    #[must_use]
    pub fn value_role(&self) -> Role {
        if self.role == Role::Good {
            Role::Text
        } else {
            self.role
        }
    }

    /// How the bar beside it looks.
    #[must_use]
    pub fn bar_role(&self) -> Role {
        if self.role == Role::Good {
            Role::Muted
        } else {
            self.role
        }
    }

    /// Glyph and word.
    #[must_use]
    pub fn text(&self) -> String {
        format!("{} {}", self.glyph, self.word)
    }
}

/// What is still to be typed.
pub const WANTED: State = State::new('·', "asked for below", Role::Notice);

/// A region's health; a drained region says so, because its silence is wanted.
#[must_use]
pub fn region(region: &Region, trustworthy: bool) -> State {
    if !trustworthy {
        return match region.health {
            Health::Healthy => State::new('◌', "was healthy", Role::Unknown),
            Health::Degraded => State::new('◌', "was degraded", Role::Unknown),
            Health::Unknown => State::new('◌', "was unknown", Role::Unknown),
            Health::Down => State::new('◌', "was DOWN", Role::Unknown),
        };
    }
    match region.health {
        Health::Healthy if region.drain.is_some() => State::new('◇', "drained", Role::Notice),
        Health::Healthy => State::new('●', "healthy", Role::Good),
        Health::Degraded => State::new('▲', "degraded", Role::Warn),
        Health::Unknown => State::new('?', "unknown", Role::Unknown),
        Health::Down => State::new('✖', "DOWN", Role::Bad),
    }
}

/// A lag's level.
#[must_use]
pub fn lag(level: LagLevel) -> State {
    match level {
        LagLevel::Ok => State::new('●', "ok", Role::Good),
        LagLevel::AboveTarget => State::new('▲', "above target", Role::Notice),
        LagLevel::Unknown => State::new('?', "unknown", Role::Unknown),
        LagLevel::Alert => State::new('▲', "ALERT", Role::Warn),
        LagLevel::Page => State::new('✖', "PAGE", Role::Bad),
    }
}

/// An indicator against its objective.
#[must_use]
pub fn standing(standing: Standing) -> State {
    match standing {
        Standing::Met => State::new('●', "met", Role::Good),
        Standing::Close => State::new('▲', "close", Role::Notice),
        Standing::Missed => State::new('✖', "MISSED", Role::Bad),
        Standing::Unknown => State::new('?', "unknown", Role::Unknown),
        Standing::NoTraffic => State::new('·', "no traffic", Role::Muted),
        Standing::NotConfigured => State::new('–', "not configured", Role::Faint),
    }
}

/// A severity.
#[must_use]
pub fn severity(severity: Severity) -> (&'static str, Role) {
    match severity {
        Severity::P1 => ("P1", Role::Bad),
        Severity::P2 => ("P2", Role::Warn),
        Severity::P3 => ("P3", Role::Notice),
        Severity::P4 => ("P4", Role::Muted),
    }
}

/// A process's state.
#[must_use]
pub fn process(state: ProcessState) -> State {
    match state {
        ProcessState::Ready => State::new('●', "ready", Role::Good),
        ProcessState::Starting => State::new('◌', "starting", Role::Notice),
        ProcessState::Unready => State::new('▲', "unready", Role::Warn),
        ProcessState::BackingOff => State::new('✖', "backing off", Role::Bad),
        ProcessState::Stopped => State::new('✖', "stopped", Role::Bad),
        ProcessState::Frozen => State::new('✖', "frozen", Role::Bad),
    }
}

/// An operation's state.
#[must_use]
pub fn operation(state: OperationState) -> State {
    match state {
        OperationState::Running => State::new('▶', "running", Role::Accent),
        OperationState::Held => State::new('▲', "HELD", Role::Warn),
        OperationState::Aborting => State::new('◀', "aborting", Role::Notice),
        OperationState::Done => State::new('✓', "done", Role::Good),
        OperationState::Failed => State::new('✖', "FAILED", Role::Bad),
        OperationState::Aborted => State::new('○', "aborted", Role::Muted),
    }
}

/// A step's state.
#[must_use]
pub fn step(state: StepState) -> State {
    match state {
        StepState::Waiting => State::new('·', "waiting", Role::Faint),
        StepState::Running => State::new('▶', "running", Role::Accent),
        StepState::Done => State::new('✓', "done", Role::Good),
        StepState::AlreadyDone => State::new('✓', "was done", Role::Good),
        StepState::Unknown => State::new('?', "looking again", Role::Unknown),
        StepState::Failed => State::new('✖', "FAILED", Role::Bad),
        StepState::Undone => State::new('○', "undone", Role::Muted),
        StepState::Skipped => State::new('–', "skipped", Role::Faint),
    }
}

/// A gate's decision.
#[must_use]
pub fn gate(decision: Decision) -> State {
    match decision {
        Decision::Pass => State::new('✓', "pass", Role::Good),
        Decision::Overridden => State::new('▲', "overridden", Role::Warn),
        Decision::NeedsApproval => State::new('▲', "second person", Role::Warn),
        Decision::NeedsOverride => State::new('✖', "needs override", Role::Bad),
        Decision::Refuse => State::new('✖', "REFUSES", Role::Bad),
    }
}
