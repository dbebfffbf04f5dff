//! Explanations: moving in them, and what opening a line does.

use super::{act, keys};
use crate::explain::{self, Does, Explaining, Subject};
use crate::keys::Command;
use crate::message::Effect;
use crate::model::{Layer, Model};

/// Opens an explanation.
pub fn open(model: &mut Model, subject: Subject) {
    model.layer = Layer::Explain(Explaining::new(subject));
}

/// Movement chooses a line; opening does what the line says. `None`: the command means something else.
pub fn run(model: &mut Model, command: Command) -> Option<Vec<Effect>> {
    let Layer::Explain(explaining) = &model.layer else {
        return None;
    };
    let explanation = explain::explain(model, &explaining.subject);
    let items = explanation.map(|e| e.items).unwrap_or_default();
    let at = explaining.chosen;
    let to = match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => at.saturating_add(1),
        Command::PageUp => at.saturating_sub(10),
        Command::PageDown => at.saturating_add(10),
        Command::First => 0,
        Command::Last => usize::MAX,
        Command::Open => {
            let does = items.into_iter().nth(at).map_or(Does::Nothing, |item| item.does);
            return Some(choose(model, does));
        }
        _ => return None,
    };
    if let Layer::Explain(explaining) = &mut model.layer {
        explaining.chosen = to.min(items.len().saturating_sub(1));
    }
    Some(Vec::new())
}

fn choose(model: &mut Model, does: Does) -> Vec<Effect> {
    match does {
        Does::Nothing => Vec::new(),
        Does::Plan(target) => act::wish(model, target),
        Does::Acknowledge(key) => act::acknowledge(model, &key),
        Does::Explain(subject) => {
            open(model, subject);
            Vec::new()
        }
        Does::Runbook(id, region) => super::runbook::open(model, &id, region),
        Does::Go(jump) => {
            keys::go(model, jump.page);
            if let Some(row) = jump.row {
                // A row that a filter hides cannot be shown.
                model.filters.remove(&jump.page);
                model.selected.insert(jump.page, row);
            }
            if let Some(filter) = jump.filter {
                model.filters.insert(jump.page, filter);
            }
            Vec::new()
        }
    }
}
