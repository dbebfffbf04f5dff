//! Arming: the console is read-only until one region is armed, for a time.

use super::act;
use crate::action::{Arming, Next};
use crate::message::Effect;
use crate::model::{Layer, Model};
use crate::safety::{self, ARMED_FOR, Armed, Refusal};
use aisoc_model::RegionId;
use aisoc_model::plan::Target;
use jiff::Timestamp;

/// The key for it: what is armed is read-only again; else the question about the selected region opens.
pub fn toggle(model: &mut Model) {
    if let Some(armed) = model.armed.take() {
        return model.tell(format!("{} is read-only again", armed.region));
    }
    match model.focus() {
        Some(region) => ask(model, region, None),
        None => model.complain("no region is selected: nothing is known yet"),
    }
}

/// Opens the question.
pub fn ask(model: &mut Model, region: RegionId, then: Option<Next>) {
    if let Err(refusal) = safety::may_act(&model.situation()) {
        return model.complain(refusal.to_string());
    }
    model.layer = Layer::Arming(Box::new(Arming { region, then }));
}

/// Whether a target may be acted on; when only its region has to be armed, that is asked and `then` goes on.
pub fn needed(model: &mut Model, target: &Target, then: Next) -> bool {
    let situation = model.situation();
    let refusal = safety::may_act(&situation)
        .and_then(|()| safety::armed_for(target, &situation))
        .err();
    match refusal {
        None => return false,
        Some(Refusal::NotArmed(_) | Refusal::ArmedElsewhere { .. }) => {
            let world = model.world.as_deref();
            if let Some(region) = world.and_then(|world| crate::facts::target_region(world, target)) {
                model.layer = Layer::Arming(Box::new(Arming {
                    region,
                    then: Some(then),
                }));
            }
        }
        Some(refusal) => model.complain(refusal.to_string()),
    }
    true
}

/// The question was answered: the region is armed, and what was wanted goes on.
pub fn arm(model: &mut Model) -> Vec<Effect> {
    let Layer::Arming(arming) = std::mem::replace(&mut model.layer, Layer::None) else {
        return Vec::new();
    };
    if let Err(refusal) = safety::may_act(&model.situation()) {
        model.complain(refusal.to_string());
        return Vec::new();
    }
    let Some(world) = &model.world else {
        return Vec::new();
    };
    if !world.regions.contains_key(&arming.region) {
        model.complain(format!("{} is not known any more", arming.region));
        return Vec::new();
    }
    model.armed = Some(Armed {
        region: arming.region,
        environment: world.head.environment.clone(),
        until: model.now.saturating_add(ARMED_FOR).unwrap_or(Timestamp::MAX),
    });
    match arming.then {
        Some(Next::Plan(target)) => act::wish(model, target),
        Some(Next::Decide(operation, decision)) => {
            act::open_decision(model, operation, decision);
            Vec::new()
        }
        None => Vec::new(),
    }
}

/// What was armed is read-only again when its time is over.
pub fn expire(model: &mut Model) {
    if model.armed.as_ref().is_some_and(|armed| armed.until <= model.now)
        && let Some(armed) = model.armed.take()
    {
        model.tell(format!("{} is read-only again: its time is over", armed.region));
    }
}

/// What was armed is read-only again, because nobody knows any more what would be acted on.
pub fn drop_armed(model: &mut Model, why: &str) {
    if let Some(armed) = model.armed.take() {
        model.complain(format!("{} is read-only again: {why}", armed.region));
    }
}
