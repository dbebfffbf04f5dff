//! The footer: the latest notice, else the keys that matter here.

use crate::action::{self, Action, Stage};
use crate::filter::Filter;
use crate::format;
use crate::keys::Command;
use crate::model::{Layer, Model};
use crate::table::{Piece, piece, width};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::overlay;
use ratatui::layout::Rect;

/// Draws the footer: the latest notice, else the keys that matter here.
pub fn footer(canvas: &mut Canvas<'_>, area: Rect, model: &Model) {
    canvas.fill(area, Role::Text);
    if let Layer::Filter(input) = &model.layer {
        let end = canvas.text(area.x + 1, area.y, 2, "/", Role::Accent);
        let said = filtered(model, input.value());
        let room = area
            .right()
            .saturating_sub(end)
            .saturating_sub(format::cells(width(&said)) + 3);
        overlay::input(canvas, end, area.y, room, input, "words, lag>5s, region=eu-*");
        canvas.pieces_right(end, area.y, area.right().saturating_sub(end + 1), &said);
        return;
    }
    if let Some(notice) = &model.notice {
        let role = if notice.bad { Role::Warn } else { Role::Text };
        canvas.text(
            area.x + 1,
            area.y,
            area.width.saturating_sub(2),
            &notice.text,
            role,
        );
        return;
    }
    let mut x = area.x + 1;
    let filter = model.filters.get(&model.page);
    if let Some(text) = filter {
        let shown = [
            piece("/", Role::Accent),
            piece(format!("{text}  "), Role::Strong),
            piece("Esc", Role::Accent),
            piece(" clears it   ", Role::Muted),
        ];
        x = canvas.pieces(x, area.y, area.right().saturating_sub(x), &shown);
    }
    for (key, short) in hints(model) {
        let hint = [piece(key, Role::Accent), piece(format!(" {short}"), Role::Muted)];
        if x + format::cells(width(&hint)) > area.right() {
            break;
        }
        x = canvas.pieces(x, area.y, area.right().saturating_sub(x), &hint) + 2;
    }
}

/// What a filter does while it is typed: how many rows pass, and which field there is none of.
fn filtered(model: &Model, typed: &str) -> Vec<Piece> {
    let whole = model.page.view().table(model);
    let filter = Filter::parse(typed);
    let known = whole.fields(model);
    if let Some(field) = filter.unknown_field(&known).filter(|_| !known.is_empty()) {
        return vec![piece(
            format!("no field '{field}': there are {}", known.join(", ")),
            Role::Warn,
        )];
    }
    let passing = whole.passing(model, &filter);
    vec![piece(
        format!("{passing} of {} rows", whole.rows.len()),
        Role::Muted,
    )]
}

/// Keys and what they do, the most important first.
fn hints(model: &Model) -> Vec<(String, &'static str)> {
    let fixed = |hints: &[(&str, &'static str)]| {
        hints
            .iter()
            .map(|(key, does)| ((*key).to_owned(), *does))
            .collect()
    };
    let order: &[Command] = match model.layer {
        Layer::Action(ref action) => return under_plan(model, action),
        Layer::Arming(_) => {
            let key = model.preferences.keys.name(Command::Arm);
            return vec![(key, "arm"), ("Esc".to_owned(), "back out")];
        }
        Layer::Explain(_) => return fixed(&[("Enter", "go there"), ("↑↓", "choose"), ("Esc", "close")]),
        Layer::Runbook(_) => {
            return fixed(&[
                ("Enter", "the plan of a command"),
                ("Tab", "next command"),
                ("↑↓ PgUp PgDn", "move"),
                ("Esc", "close"),
            ]);
        }
        Layer::Deciding(_) => return fixed(&[("Esc", "back out")]),
        Layer::Palette(_) => return fixed(&[("Enter", "choose"), ("↑↓", "move"), ("Esc", "close")]),
        Layer::Help(_) => return fixed(&[("Esc", "close"), ("j k", "scroll")]),
        Layer::Progress(ref following) if model.operation(&following.id).is_none_or(|o| o.state.ended()) => {
            &[Command::Close, Command::Quit]
        }
        Layer::Progress(_) => &[Command::Close, Command::Retry, Command::Abort, Command::Quit],
        _ if model.replaying.is_some() => return replaying(model),
        _ if model.identity.as_ref().is_some_and(|identity| !identity.operator) => LOOKING,
        _ if model.page.view().title() == "Alerts" => SEEING,
        _ => ACTING,
    };
    let hint = |command: &Command| {
        let bound = model.preferences.keys.binding(*command)?;
        let short = if *command == Command::Close {
            "close"
        } else {
            bound.binding.short
        };
        Some((bound.keys.first()?.to_string(), short))
    };
    order.iter().filter_map(hint).collect()
}

/// While a recording is shown: how to go through it.
fn replaying(model: &Model) -> Vec<(String, &'static str)> {
    let keys = &model.preferences.keys;
    let both = |one, other| format!("{} {}", keys.name(one), keys.name(other));
    let mut hints = vec![
        (keys.name(Command::Freeze), "play, pause"),
        (both(Command::Earlier, Command::Later), "10 s"),
        (both(Command::EarlierFar, Command::LaterFar), "5 min"),
        (
            both(Command::PreviousEvent, Command::NextEvent),
            "alert, operation",
        ),
        (both(Command::Slower, Command::Faster), "speed"),
    ];
    if model.replaying.as_ref().is_some_and(|r| r.present.is_some()) {
        hints.insert(0, (keys.name(Command::Close), "back to now"));
    }
    for (command, short) in [(Command::Help, "help"), (Command::Quit, "quit")] {
        hints.push((keys.name(command), short));
    }
    hints
}

/// Under a plan that refuses: what may be overridden.
fn under_plan(model: &Model, action: &Action) -> Vec<(String, &'static str)> {
    let mut hints = vec![
        ("Esc".to_owned(), "back out"),
        ("↑↓ PgUp PgDn".to_owned(), "scroll"),
    ];
    if let Stage::Refused(plan) = &action.stage
        && action::overridable(plan).next().is_some()
    {
        hints.push((model.preferences.keys.name(Command::Override), "override a gate"));
    }
    hints
}

const LOOKING: &[Command] = &[
    Command::Help,
    Command::Palette,
    Command::Quit,
    Command::Filter,
    Command::Open,
    Command::Freeze,
];
const SEEING: &[Command] = &[
    Command::Help,
    Command::Palette,
    Command::Quit,
    Command::Open,
    Command::Acknowledge,
    Command::Arm,
    Command::Drain,
    Command::Restore,
    Command::Failover,
    Command::Rollback,
    Command::Filter,
    Command::Freeze,
];
const ACTING: &[Command] = &[
    Command::Help,
    Command::Palette,
    Command::Quit,
    Command::Open,
    Command::Arm,
    Command::Drain,
    Command::Restore,
    Command::Failover,
    Command::Rollback,
    Command::Filter,
    Command::Freeze,
];
