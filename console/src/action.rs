//! An action on its way: from the wish to the plan to the typed name.

use crate::safety::Decision;
use aisoc_model::RegionId;
use aisoc_model::plan::{Decision as GateDecision, Gate, Override, Plan, Standing, Target};
use jiff::Timestamp;
use tui_input::{Input, InputRequest};

/// An action on its way.
#[derive(Debug, Clone)]
pub struct Action {
    /// What was asked for.
    pub target: Target,
    /// Replies with another ticket belong to an earlier wish.
    pub ticket: u64,
    /// How far it is.
    pub stage: Stage,
    /// A word about the last thing that was typed.
    pub remark: Option<String>,
    /// Lines of the plan that are above the view.
    pub scroll: u16,
    /// When the plan that is shown was asked for: a refused one is made anew while it is on the screen.
    pub asked_at: Timestamp,
    /// It is being made anew.
    pub renewing: bool,
    /// How the plan that is shown stands now.
    pub look: Look,
}

/// How a plan that is shown stands, asked again and again while it is shown. Asking is also what has it kept ready.
#[derive(Debug, Clone, Default)]
pub struct Look {
    /// When it was asked last.
    pub asked_at: Option<Timestamp>,
    /// No answer has come to that yet.
    pub waiting: bool,
    /// The latest answer, or why there is none.
    pub answer: Option<Result<Box<Standing>, String>>,
}

impl Look {
    /// The latest answer.
    #[must_use]
    pub fn standing(&self) -> Option<&Standing> {
        self.answer.as_ref()?.as_ref().ok().map(AsRef::as_ref)
    }
}

/// How far an action is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// The control plane is deciding what would be done.
    Planning,
    /// The plan is shown and its own gates refuse it.
    Refused(Box<Plan>),
    /// The plan is shown and refused; the override of a gate by its name, with a reason, is being typed.
    Override(Box<Plan>, Input),
    /// The plan is shown; a reason is being typed.
    Reason(Box<Plan>, Input),
    /// The plan with its reason is shown; the target's name is being typed.
    Confirm(Box<Plan>, Input),
    /// The plan was confirmed; the control plane writes it down.
    Sent(Box<Plan>),
    /// There is no plan, or it was not taken.
    Failed(String),
}

impl Action {
    /// The plan that is shown, if there is one.
    #[must_use]
    pub fn plan(&self) -> Option<&Plan> {
        match &self.stage {
            Stage::Refused(plan)
            | Stage::Override(plan, _)
            | Stage::Reason(plan, _)
            | Stage::Confirm(plan, _)
            | Stage::Sent(plan) => Some(plan),
            Stage::Planning | Stage::Failed(_) => None,
        }
    }

    /// The plan that is shown and may be carried out once a person has said what is missing.
    #[must_use]
    pub fn viable(&self) -> Option<&Plan> {
        match &self.stage {
            Stage::Reason(plan, _) | Stage::Confirm(plan, _) => Some(plan),
            _ => None,
        }
    }

    /// The gates as they are decided now, as far as that is known; else as they were when the plan was made.
    #[must_use]
    pub fn gates(&self) -> &[Gate] {
        let standing = self.viable().and_then(|_| self.look.standing());
        match (standing, self.plan()) {
            (Some(standing), _) => &standing.gates,
            (None, Some(plan)) => &plan.gates,
            (None, None) => &[],
        }
    }
}

/// The question whether a region is armed.
#[derive(Debug, Clone, PartialEq)]
pub struct Arming {
    /// The region.
    pub region: RegionId,
    /// What was wanted, and goes on when it is armed.
    pub then: Option<Next>,
}

/// What goes on when a region is armed.
#[derive(Debug, Clone, PartialEq)]
pub enum Next {
    /// A plan is asked for.
    Plan(Target),
    /// A decision about an operation is asked for.
    Decide(String, Decision),
}

/// A decision about an operation on its way.
#[derive(Debug, Clone)]
pub struct Deciding {
    /// The operation's id.
    pub operation: String,
    /// What was chosen.
    pub decision: Decision,
    /// The target's name, being typed.
    pub input: Input,
    /// A word about the last thing that was typed.
    pub remark: Option<String>,
}

/// The gates of a plan that may be overridden by name.
pub fn overridable(plan: &Plan) -> impl Iterator<Item = &str> {
    plan.gates
        .iter()
        .filter(|gate| gate.decision == GateDecision::NeedsOverride)
        .map(|gate| gate.name.as_str())
}

/// An override as it is typed: the gate's name, a blank, and why.
///
/// # Errors
/// What is missing, as a sentence.
pub fn read_override(plan: &Plan, typed: &str) -> Result<Override, String> {
    let typed = typed.trim();
    let (gate, reason) = typed.split_once(char::is_whitespace).unwrap_or((typed, ""));
    let gate = gate.trim_end_matches(':');
    if !overridable(plan).any(|name| name == gate) {
        let known: Vec<&str> = overridable(plan).collect();
        return Err(format!("name the gate first: {}", known.join(", ")));
    }
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(format!(
            "say why '{gate}' may be overridden: it goes into the record"
        ));
    }
    Ok(Override {
        gate: gate.to_owned(),
        reason: reason.to_owned(),
    })
}

/// Changes a line of text by a key, as readline does; `false` when the key means nothing there.
pub fn edit(input: &mut Input, key: crate::keys::Key) -> bool {
    use crate::keys::Code;
    let request = match (key.code, key.ctrl, key.alt) {
        (Code::Char(c), false, false) => InputRequest::InsertChar(c),
        (Code::Backspace, ..) | (Code::Char('h'), true, _) => InputRequest::DeletePrevChar,
        (Code::Delete, ..) | (Code::Char('d'), true, _) => InputRequest::DeleteNextChar,
        (Code::Left, ..) | (Code::Char('b'), true, _) => InputRequest::GoToPrevChar,
        (Code::Right, ..) | (Code::Char('f'), true, _) => InputRequest::GoToNextChar,
        (Code::Home, ..) | (Code::Char('a'), true, _) => InputRequest::GoToStart,
        (Code::End, ..) | (Code::Char('e'), true, _) => InputRequest::GoToEnd,
        (Code::Char('w'), true, _) => InputRequest::DeletePrevWord,
        (Code::Char('u'), true, _) => InputRequest::DeleteLine,
        (Code::Char('k'), true, _) => InputRequest::DeleteTillEnd,
        (Code::Char('b'), _, true) => InputRequest::GoToPrevWord,
        (Code::Char('f'), _, true) => InputRequest::GoToNextWord,
        _ => return false,
    };
    // A line is a line: a paste of a book must not become the reason.
    if matches!(request, InputRequest::InsertChar(_)) && input.value().len() >= 500 {
        return true;
    }
    input.handle(request);
    true
}
