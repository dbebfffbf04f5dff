//! Keys while text is typed: palette, filter, reason, name.

use super::{act, arm, keys as moving};
use crate::action::{Next, Stage, edit};
use crate::keys::{Code, Command, Key, Scope};
use crate::message::Effect;
use crate::model::{Following, Layer, Model};
use crate::palette::{self, Does};

/// A key was pressed while a layer with an input is open.
pub fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    if key.code == Code::Esc {
        return escape(model);
    }
    match &mut model.layer {
        Layer::Filter(input) => {
            if key.code == Code::Enter {
                model.layer = Layer::None;
            } else if edit(input, key) {
                let text = input.value().to_owned();
                if text.trim().is_empty() {
                    model.filters.remove(&model.page);
                } else {
                    model.filters.insert(model.page, text);
                }
            }
            Vec::new()
        }
        Layer::Palette(_) => in_palette(model, key),
        Layer::Arming(_) => {
            // Only the key that arms: not Enter, not y.
            if model.preferences.keys.command(key, Scope::Everywhere) == Some(Command::Arm) {
                return arm::arm(model);
            }
            Vec::new()
        }
        Layer::Action(_) if model.preferences.keys.command(key, Scope::Plan) == Some(Command::Override) => {
            act::begin_override(model);
            Vec::new()
        }
        Layer::Action(action) => match (&mut action.stage, key.code) {
            (_, Code::Down) => scroll(&mut action.scroll, 1),
            (_, Code::PageDown) => scroll(&mut action.scroll, 10),
            (_, Code::Up) => scroll(&mut action.scroll, -1),
            (_, Code::PageUp) => scroll(&mut action.scroll, -10),
            (Stage::Reason(..), Code::Enter) => act::give_reason(model),
            (Stage::Override(..), Code::Enter) => act::give_override(model),
            (Stage::Confirm(..), Code::Enter) => act::confirm(model),
            (Stage::Failed(_), Code::Enter) => act::ask_again(model),
            (Stage::Reason(_, input) | Stage::Override(_, input) | Stage::Confirm(_, input), _) => {
                action.remark = None;
                edit(input, key);
                Vec::new()
            }
            _ => Vec::new(),
        },
        Layer::Deciding(deciding) => {
            if key.code == Code::Enter {
                return act::confirm_decision(model);
            }
            deciding.remark = None;
            edit(&mut deciding.input, key);
            Vec::new()
        }
        Layer::None | Layer::Help(_) | Layer::Explain(_) | Layer::Runbook(_) | Layer::Progress(_) => {
            Vec::new()
        }
    }
}

/// A plan may be longer than the screen.
fn scroll(at: &mut u16, by: i16) -> Vec<Effect> {
    *at = at.saturating_add_signed(by).min(moving::SCROLL);
    Vec::new()
}

/// Escape backs out. A plan that was sent is being carried out: its progress is what there is to see then.
fn escape(model: &mut Model) -> Vec<Effect> {
    let next = match &model.layer {
        Layer::Deciding(deciding) => Layer::Progress(Following::new(&*deciding.operation)),
        Layer::Filter(_) => {
            model.filters.remove(&model.page);
            Layer::None
        }
        Layer::Action(action) => match &action.stage {
            Stage::Sent(plan) => Layer::Progress(Following::new(&*plan.id)),
            Stage::Override(plan, _) => {
                let mut back = action.clone();
                back.stage = Stage::Refused(plan.clone());
                back.remark = None;
                Layer::Action(back)
            }
            _ => Layer::None,
        },
        Layer::Arming(arming) => match &arming.then {
            Some(Next::Decide(operation, _)) => Layer::Progress(Following::new(&**operation)),
            _ => Layer::None,
        },
        _ => Layer::None,
    };
    model.layer = next;
    Vec::new()
}

fn in_palette(model: &mut Model, key: Key) -> Vec<Effect> {
    let Layer::Palette(palette) = &mut model.layer else {
        return Vec::new();
    };
    let last = palette.found().len().saturating_sub(1);
    let (down, up) = (Key::ctrl('n'), Key::ctrl('p'));
    match key.code {
        Code::Enter => {
            let entry = palette.choice().cloned();
            model.layer = Layer::None;
            return entry.map(|entry| choose(model, entry)).unwrap_or_default();
        }
        Code::Down | Code::Tab => palette.chosen = palette.chosen.saturating_add(1).min(last),
        Code::Up | Code::BackTab => palette.chosen = palette.chosen.saturating_sub(1),
        _ if key == down => palette.chosen = palette.chosen.saturating_add(1).min(last),
        _ if key == up => palette.chosen = palette.chosen.saturating_sub(1),
        _ => {
            edit(&mut palette.input, key);
            palette.search();
            palette.chosen = 0;
        }
    }
    Vec::new()
}

fn choose(model: &mut Model, entry: palette::Entry) -> Vec<Effect> {
    model.chosen.retain(|name| *name != entry.name);
    if model.chosen.len() >= palette::HISTORY {
        model.chosen.remove(0);
    }
    model.chosen.push(entry.name);
    match entry.does {
        Does::Command(command) => moving::run(model, command),
        Does::Page(page) => {
            moving::go(model, page);
            Vec::new()
        }
        Does::Plan(target) => act::wish(model, target),
        Does::Runbook(id) => super::runbook::open(model, &id, None),
        Does::Acknowledge(key) => act::acknowledge(model, &key),
        Does::Theme(name) => {
            model.preferences.theme = name;
            vec![Effect::Redraw]
        }
    }
}
