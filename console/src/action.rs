//! An action on its way: from the wish to the plan to the typed name.

use crate::safety::Decision;
use aisoc_model::plan::{Plan, Target};
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
}

/// How far an action is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// The control plane is deciding what would be done.
    Planning,
    /// The plan is shown and its own gates refuse it.
    Refused(Box<Plan>),
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
            Stage::Refused(plan) | Stage::Reason(plan, _) | Stage::Confirm(plan, _) | Stage::Sent(plan) => {
                Some(plan)
            }
            Stage::Planning | Stage::Failed(_) => None,
        }
    }
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
