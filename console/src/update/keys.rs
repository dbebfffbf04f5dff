//! Keys, where no text is typed: movement, pages, layers, and the wish to act.

use super::{act, arm, explain, replay, runbook, typing};
use crate::keys::{Code, Command, Key, Scope};
use crate::message::{Click, Effect};
use crate::model::{Layer, Model};
use crate::page::Page;
use crate::palette::Palette;
use tui_input::Input;

/// Pages that `[` leads back through.
const TRAIL: usize = 50;

/// Leaves wherever it is pressed, whatever the settings say.
const INTERRUPT: Key = Key {
    code: Code::Char('c'),
    ctrl: true,
    alt: false,
};

/// Rows that a notch of the wheel moves.
const WHEEL: usize = 3;

/// Lines that can be scrolled at most: what is drawn ends earlier.
pub const SCROLL: u16 = 500;

/// A key was pressed.
pub fn press(model: &mut Model, key: Key) -> Vec<Effect> {
    // Interrupt and suspend work everywhere: a person must always get out.
    if key == INTERRUPT {
        return vec![Effect::Quit];
    }
    let meant = model.preferences.keys.command(key, Scope::Everywhere);
    if let Some(command @ (Command::Suspend | Command::Redraw)) = meant.filter(|_| key.ctrl) {
        return run(model, command);
    }
    model.notice = None;
    match model.layer {
        Layer::Palette(_) | Layer::Filter(_) | Layer::Arming(_) | Layer::Action(_) | Layer::Deciding(_) => {
            typing::press(model, key)
        }
        Layer::None | Layer::Help(_) | Layer::Explain(_) | Layer::Runbook(_) | Layer::Progress(_) => {
            let command = model.preferences.keys.command(key, model.scope());
            command.map(|command| run(model, command)).unwrap_or_default()
        }
    }
}

/// Does what a command says.
pub fn run(model: &mut Model, command: Command) -> Vec<Effect> {
    if scroll(&mut model.layer, command) {
        return Vec::new();
    }
    if let Some(effects) = explain::run(model, command).or_else(|| runbook::run(model, command)) {
        return effects;
    }
    if let Some(effects) = replay::run(model, command) {
        return effects;
    }
    match command {
        Command::Quit => return vec![Effect::Quit],
        Command::Suspend if model.preferences.captive => {
            model.complain("there is no shell here to go to: q leaves");
        }
        Command::Suspend => return vec![Effect::Suspend],
        Command::Copy => return copy(model),
        Command::Redraw => return vec![Effect::Redraw],
        Command::Reconnect => return vec![Effect::Reconnect],
        Command::Help => toggle_help(model),
        Command::Palette => model.layer = Layer::Palette(Box::new(Palette::open(model))),
        Command::Filter => {
            let text = model.filters.get(&model.page).cloned().unwrap_or_default();
            model.layer = Layer::Filter(Input::new(text));
        }
        Command::Close => return close(model),
        Command::Back => travel(model, true),
        Command::Forward => travel(model, false),
        Command::NextPage => go(model, model.page.step(true)),
        Command::PreviousPage => go(model, model.page.step(false)),
        Command::Page(number) => {
            if let Some(page) = Page::numbered(number) {
                go(model, page);
            }
        }
        Command::Up => step(model, |at, _| at.saturating_sub(1)),
        Command::Down => step(model, |at, _| at.saturating_add(1)),
        Command::PageUp => step(model, usize::saturating_sub),
        Command::PageDown => step(model, usize::saturating_add),
        Command::First => step(model, |_, _| 0),
        Command::Last => step(model, |_, _| usize::MAX),
        Command::Open => return open(model),
        Command::Freeze => {
            model.frozen = if model.frozen.is_some() {
                None
            } else {
                model.world.clone()
            }
        }
        // Done above.
        Command::Earlier
        | Command::EarlierFar
        | Command::PreviousEvent
        | Command::Later
        | Command::LaterFar
        | Command::NextEvent
        | Command::Faster
        | Command::Slower
        | Command::Present => {}
        Command::Drain | Command::Restore | Command::Failover | Command::Rollback => {
            return act::wish_for_selected(model, command);
        }
        Command::Arm => arm::toggle(model),
        Command::Override => act::begin_override(model),
        Command::Acknowledge => return act::acknowledge_selected(model),
        Command::Retry | Command::Abort => act::ask_decision(model, command),
    }
    Vec::new()
}

/// Has the terminal keep the name of what is selected.
fn copy(model: &mut Model) -> Vec<Effect> {
    let table = model.table();
    let Some(row) = table.selected(model.selected_on(model.page)) else {
        model.complain("nothing is selected");
        return Vec::new();
    };
    let name = row.key.clone();
    model.tell(format!("copied {name}"));
    vec![Effect::Copy(name)]
}

/// A click selects; on what is selected already, it opens. What lies over the page is for keys.
pub fn click(model: &mut Model, click: Click) -> Vec<Effect> {
    if !matches!(model.layer, Layer::None) {
        return Vec::new();
    }
    model.notice = None;
    match click {
        Click::Page(page) => go(model, page),
        Click::Row(key) => {
            if model.selected_on(model.page) == Some(key.as_str()) {
                return open(model);
            }
            model.selected.insert(model.page, key);
        }
    }
    Vec::new()
}

/// The wheel moves as the arrows do.
pub fn wheel(model: &mut Model, up: bool) {
    let command = if up { Command::Up } else { Command::Down };
    if matches!(
        model.layer,
        Layer::None | Layer::Help(_) | Layer::Runbook(_) | Layer::Progress(_)
    ) {
        for _ in 0..WHEEL {
            run(model, command);
        }
    }
}

/// Movement scrolls what lies over the page; the page below stands still.
fn scroll(layer: &mut Layer, command: Command) -> bool {
    let at = match layer {
        Layer::Help(at) => at,
        Layer::Progress(following) => &mut following.scroll,
        _ => return false,
    };
    *at = match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => at.saturating_add(1),
        Command::PageUp => at.saturating_sub(10),
        Command::PageDown => at.saturating_add(10),
        Command::First => 0,
        Command::Last => SCROLL,
        _ => return false,
    }
    .min(SCROLL);
    true
}

fn toggle_help(model: &mut Model) {
    model.layer = if matches!(model.layer, Layer::Help(_)) {
        Layer::None
    } else {
        Layer::Help(0)
    };
}

/// What lies on top goes: a layer, then the filter, then the past, then the page.
fn close(model: &mut Model) -> Vec<Effect> {
    if !matches!(model.layer, Layer::None) {
        model.layer = Layer::None;
    } else if model.filters.remove(&model.page).is_none() {
        if model.replaying.as_ref().is_some_and(|r| r.present.is_some()) {
            return replay::leave(model);
        }
        travel(model, true);
    }
    Vec::new()
}

/// Goes to a page; the present one is remembered.
pub fn go(model: &mut Model, page: Page) {
    model.layer = Layer::None;
    if page == model.page {
        return;
    }
    if model.back.len() >= TRAIL {
        model.back.remove(0);
    }
    model.back.push(model.page);
    model.forward.clear();
    model.page = page;
}

fn travel(model: &mut Model, back: bool) {
    let (from, to) = if back {
        (&mut model.back, &mut model.forward)
    } else {
        (&mut model.forward, &mut model.back)
    };
    if let Some(page) = from.pop() {
        to.push(model.page);
        model.page = page;
    }
    model.layer = Layer::None;
}

/// Moves the selection; `to` gets the present position and the rows of a screen.
fn step(model: &mut Model, to: impl Fn(usize, usize) -> usize) {
    let table = model.table();
    let present = table.position(model.selected_on(model.page)).unwrap_or(0);
    let screen = usize::from(model.size.1).saturating_sub(8).max(1);
    let wanted = to(present, screen).min(table.rows.len().saturating_sub(1));
    if let Some(row) = table.rows.get(wanted) {
        model.selected.insert(model.page, row.key.clone());
    }
}

fn open(model: &mut Model) -> Vec<Effect> {
    if !matches!(model.layer, Layer::None) {
        return Vec::new();
    }
    let table = model.table();
    let Some(key) = table
        .selected(model.selected_on(model.page))
        .map(|row| row.key.clone())
    else {
        return Vec::new();
    };
    model.selected.insert(model.page, key.clone());
    model.page.view().open(model, &key)
}
