//! How the plan on the screen stands: asked again and again, which also has the control plane keep it ready. When
//! the plan is not shown any more nobody asks, and what was made ready for it ends.

use crate::action::Stage;
use crate::message::{Effect, Failure};
use crate::model::{Layer, Model};
use aisoc_model::clock::millis_between;
use aisoc_model::plan::Standing;

/// Time between two questions, milliseconds. The control plane forgets a plan that nobody asks for within a few seconds.
const EVERY: u64 = 900;
/// A question without an answer for this long is asked again, milliseconds.
const PATIENCE: u64 = 5_000;

/// Asks how the plan stands that is shown, when it is time.
pub fn look(model: &mut Model) -> Vec<Effect> {
    if !model.connection.trustworthy() || model.frozen.is_some() {
        return Vec::new();
    }
    let now = model.now;
    let Layer::Action(action) = &mut model.layer else {
        return Vec::new();
    };
    let Some(plan) = action.viable().filter(|plan| now < plan.expires_at) else {
        return Vec::new();
    };
    let plan = plan.id.clone();
    let since = action.look.asked_at.map(|at| millis_between(at, now));
    let wait = if action.look.waiting { PATIENCE } else { EVERY };
    if since.is_some_and(|since| since < wait) {
        return Vec::new();
    }
    action.look.asked_at = Some(now);
    action.look.waiting = true;
    let ticket = action.ticket;
    vec![Effect::Standing { ticket, plan }]
}

/// Takes the answer, if it is about the plan that is shown.
pub fn take(model: &mut Model, ticket: u64, result: Result<Box<Standing>, Failure>) {
    let Layer::Action(action) = &mut model.layer else {
        return;
    };
    if action.ticket != ticket || !matches!(action.stage, Stage::Reason(..) | Stage::Confirm(..)) {
        return;
    }
    let shown = action.viable().map(|plan| plan.id.as_str());
    if let Ok(standing) = &result
        && Some(standing.plan.as_str()) != shown
    {
        return;
    }
    action.look.waiting = false;
    action.look.answer = Some(result.map_err(|failure| failure.text));
}
