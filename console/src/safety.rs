//! The gate: the only way from a person's keys to an effect that changes something.
//!
//! [`Permitted`] has no public constructor, and [`crate::message::Effect::Act`] cannot be made without one. There is
//! one gate, [`gate`], for whatever a person may want; a new condition is a line in it and a variant of [`Refusal`].

use crate::facts;
use aisoc_model::RegionId;
use aisoc_model::operation::Operation;
use aisoc_model::plan::{Plan, Target};
use aisoc_model::world::World;
use jiff::{SignedDuration, Timestamp};

/// How long a region stays armed.
pub const ARMED_FOR: SignedDuration = SignedDuration::from_mins(10);

/// The one region that may be acted on, until when, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Armed {
    /// The region.
    pub region: RegionId,
    /// The environment's name: a region of another environment is another region.
    pub environment: String,
    /// When it is read-only again.
    pub until: Timestamp,
}

/// What the gate knows of the situation.
#[derive(Debug, Clone, Copy)]
#[allow(clippy::struct_excessive_bools)] // each is a condition of its own
pub struct Situation<'a> {
    /// The control plane's time.
    pub now: Timestamp,
    /// What is on the screen is what is.
    pub trustworthy: bool,
    /// What is on the screen was recorded.
    pub past: bool,
    /// The token may act.
    pub operator: bool,
    /// The view is frozen: what is on the screen was.
    pub frozen: bool,
    /// What is armed.
    pub armed: Option<&'a Armed>,
    /// The latest frame.
    pub world: Option<&'a World>,
}

/// What a person wants.
#[derive(Debug, Clone, Copy)]
pub enum Intent<'a> {
    /// Carry out a plan that was shown.
    Execute {
        /// The plan.
        plan: &'a Plan,
        /// What was asked for.
        asked: &'a Target,
        /// What was typed to confirm it.
        typed: &'a str,
    },
    /// Decide about an operation that runs or is held.
    Decide {
        /// The operation.
        operation: &'a Operation,
        /// What about it.
        decision: Decision,
        /// What was typed to confirm it.
        typed: &'a str,
    },
    /// Write down that an alert was seen. It changes the record only: nothing is armed and nothing typed.
    Acknowledge {
        /// The alert's key.
        alert: &'a str,
    },
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

/// What the gate let through.
#[derive(Debug, Clone, PartialEq)]
pub struct Permitted(Request);

/// The request that was let through.
#[derive(Debug, Clone, PartialEq)]
pub enum Request {
    /// Carry out a plan.
    Execute {
        /// The plan.
        plan: Box<Plan>,
        /// What the person typed: the target's name.
        confirmation: String,
    },
    /// Decide about an operation.
    Resolve {
        /// Its id.
        operation: String,
        /// What about it.
        decision: Decision,
    },
    /// Acknowledge an alert by its key.
    Acknowledge(String),
}

impl Permitted {
    /// The request.
    #[must_use]
    pub fn request(&self) -> &Request {
        &self.0
    }
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
    /// A recording is shown.
    #[error("this is a replay: nothing can be done to what was")]
    Past,
    /// The view is frozen.
    #[error("the view is frozen: press space to see what is")]
    Frozen,
    /// Nothing is armed, or no longer.
    #[error("{0} is read-only: arm it first")]
    NotArmed(String),
    /// Another region is armed.
    #[error("{armed} is armed, not {wanted}: arm {wanted} to act on it")]
    ArmedElsewhere {
        /// What is armed.
        armed: RegionId,
        /// What it would have to be.
        wanted: RegionId,
    },
    /// Nobody knows which region the target belongs to.
    #[error("the region of {0} is not known: it cannot be armed")]
    NoRegion(String),
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
    /// The operation has ended.
    #[error("the operation has ended: there is nothing to decide")]
    Ended,
    /// The typed name is not the target's.
    #[error("that is not the name '{0}'")]
    WrongName(String),
}

/// Whether anyone may act at all now: checked before anything is armed or asked for, and again at the end.
///
/// # Errors
/// The first condition that does not hold.
pub fn may_act(situation: &Situation<'_>) -> Result<(), Refusal> {
    if situation.past {
        return Err(Refusal::Past);
    }
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

/// Whether the region of a target is the armed one: checked before a plan is asked for, and again at the end.
///
/// # Errors
/// The first condition that does not hold.
pub fn armed_for(target: &Target, situation: &Situation<'_>) -> Result<(), Refusal> {
    let wanted = situation
        .world
        .and_then(|world| facts::target_region(world, target))
        .ok_or_else(|| Refusal::NoRegion(target.confirmation().to_owned()))?;
    let environment = situation.world.map(|world| world.head.environment.as_str());
    match situation.armed {
        Some(armed) if armed.until <= situation.now || Some(armed.environment.as_str()) != environment => {
            Err(Refusal::NotArmed(wanted.to_string()))
        }
        Some(armed) if armed.region != wanted => Err(Refusal::ArmedElsewhere {
            armed: armed.region.clone(),
            wanted,
        }),
        Some(_) => Ok(()),
        None => Err(Refusal::NotArmed(wanted.to_string())),
    }
}

/// The gate. A plan passes that is for what was asked, of the armed region, unaltered, let through by its own gates,
/// with a reason, not expired, and whose target's name was typed exactly; a decision, of the armed region and with
/// the name typed exactly.
///
/// # Errors
/// The first condition that does not hold.
pub fn gate(intent: Intent<'_>, situation: &Situation<'_>) -> Result<Permitted, Refusal> {
    may_act(situation)?;
    match intent {
        Intent::Execute { plan, asked, typed } => {
            let target = &plan.request.target;
            if target != asked {
                return Err(Refusal::OtherTarget);
            }
            armed_for(target, situation)?;
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
            named(target, typed)?;
            Ok(Permitted(Request::Execute {
                plan: Box::new(plan.clone()),
                confirmation: typed.to_owned(),
            }))
        }
        Intent::Decide {
            operation,
            decision,
            typed,
        } => {
            let target = &operation.plan.request.target;
            armed_for(target, situation)?;
            if operation.state.ended() {
                return Err(Refusal::Ended);
            }
            named(target, typed)?;
            Ok(Permitted(Request::Resolve {
                operation: operation.id.clone(),
                decision,
            }))
        }
        Intent::Acknowledge { alert } => Ok(Permitted(Request::Acknowledge(alert.to_owned()))),
    }
}

fn named(target: &Target, typed: &str) -> Result<(), Refusal> {
    if typed == target.confirmation() {
        Ok(())
    } else {
        Err(Refusal::WrongName(target.confirmation().to_owned()))
    }
}

/// The gate of a control plane that refuses a plan for want of a reason.
pub const REASON_GATE: &str = "reason";

/// Whether a reason is all that a plan still lacks: it is asked for under the plan.
#[must_use]
pub fn lacks_only_a_reason(plan: &Plan) -> bool {
    plan.request.reason.trim().is_empty() && plan.refusals().all(|gate| gate.name == REASON_GATE)
}
