//! The gate: the only way from a person's keys to an effect that changes something.
//!
//! [`Authorised`] has no public constructor, and [`crate::message::Effect::Execute`] cannot be made without one.
//! Whatever else has to hold before an operation may begin (an armed region, a second person) is another condition
//! of [`authorise`] and another variant of [`Refusal`].

use aisoc_model::operation::Operation;
use aisoc_model::plan::{Plan, Target};
use jiff::Timestamp;

/// A plan that a person has confirmed, with what was typed.
#[derive(Debug, Clone, PartialEq)]
pub struct Authorised {
    plan: Box<Plan>,
    confirmation: String,
}

impl Authorised {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What the person typed: the target's name.
    #[must_use]
    pub fn confirmation(&self) -> &str {
        &self.confirmation
    }
}

/// What the gate knows of the situation.
#[derive(Debug, Clone, Copy)]
pub struct Situation {
    /// The control plane's time.
    pub now: Timestamp,
    /// What is on the screen is what is.
    pub trustworthy: bool,
    /// The token may act.
    pub operator: bool,
    /// The view is frozen: what is on the screen was.
    pub frozen: bool,
}

/// Why the gate stays shut.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The token is a viewer's.
    #[error("this token may look, not act: sign in as an operator")]
    Viewer,
    /// The connection is not live.
    #[error("the connection is not live: what you see may not be what is")]
    NotLive,
    /// The view is frozen.
    #[error("the view is frozen: press space to see what is")]
    Frozen,
    /// The answer is not for what was asked.
    #[error("the plan is not for what was asked; ask again")]
    OtherTarget,
    /// The document does not match its hash.
    #[error("the plan does not match its hash: console and control plane differ in version")]
    Altered,
    /// A gate of the plan refuses.
    #[error("the plan's gate '{0}' refuses")]
    Gate(String),
    /// The plan is too old.
    #[error("the plan has expired: the facts are read again")]
    Expired,
    /// No reason.
    #[error("a reason is required: it goes into the record")]
    NoReason,
    /// The typed name is not the target's.
    #[error("that is not the name '{0}'")]
    WrongName(String),
}

/// Whether anyone may act at all now: checked before a plan is asked for, and again at the end.
///
/// # Errors
/// The first condition that does not hold.
pub fn may_act(situation: &Situation) -> Result<(), Refusal> {
    if !situation.trustworthy {
        return Err(Refusal::NotLive);
    }
    if situation.frozen {
        return Err(Refusal::Frozen);
    }
    if !situation.operator {
        return Err(Refusal::Viewer);
    }
    Ok(())
}

/// Lets a plan through that passes its own gates, is for what was asked, is fresh, has a reason, and whose target's
/// name was typed exactly.
///
/// # Errors
/// The first condition that does not hold.
pub fn authorise(
    plan: &Plan,
    asked: &Target,
    typed: &str,
    situation: &Situation,
) -> Result<Authorised, Refusal> {
    may_act(situation)?;
    let target = &plan.request.target;
    if target.kind() != asked.kind() || target.confirmation() != asked.confirmation() {
        return Err(Refusal::OtherTarget);
    }
    if plan.hash != plan.computed_hash() {
        return Err(Refusal::Altered);
    }
    if let Some(gate) = plan.refusals().next() {
        return Err(Refusal::Gate(aisoc_model::text::sanitize(&gate.name, 60)));
    }
    if plan.request.reason.trim().is_empty() {
        return Err(Refusal::NoReason);
    }
    if situation.now >= plan.expires_at {
        return Err(Refusal::Expired);
    }
    if typed != target.confirmation() {
        return Err(Refusal::WrongName(target.confirmation().to_owned()));
    }
    Ok(Authorised {
        plan: Box::new(plan.clone()),
        confirmation: typed.to_owned(),
    })
}

/// The gate of a control plane that refuses a plan for want of a reason.
pub const REASON_GATE: &str = "reason";

/// Whether a reason is all that a plan still lacks: it is asked for under the plan.
#[must_use]
pub fn lacks_only_a_reason(plan: &Plan) -> bool {
    plan.request.reason.trim().is_empty() && plan.refusals().all(|gate| gate.name == REASON_GATE)
}

/// What to do with an operation that is held or runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try the failed step again.
    Retry,
    /// Undo what was done.
    Abort,
}

impl Decision {
    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Retry => "try the failed step again",
            Self::Abort => "abort and undo",
        }
    }
}

/// A decision that a person has confirmed by typing the target's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    operation: String,
    decision: Decision,
}

impl Decided {
    /// The operation's id.
    #[must_use]
    pub fn operation(&self) -> &str {
        &self.operation
    }

    /// What was decided.
    #[must_use]
    pub fn decision(&self) -> Decision {
        self.decision
    }
}

/// Lets a decision about an operation through.
///
/// # Errors
/// The first condition that does not hold.
pub fn decide(
    operation: &Operation,
    decision: Decision,
    typed: &str,
    situation: &Situation,
) -> Result<Decided, Refusal> {
    may_act(situation)?;
    let name = operation.plan.request.target.confirmation();
    if typed != name {
        return Err(Refusal::WrongName(name.to_owned()));
    }
    Ok(Decided {
        operation: operation.id.clone(),
        decision,
    })
}
