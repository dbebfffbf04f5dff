//! Under a plan: what a person has to do now.

use super::{environment_word, input};
use crate::action::{self, Action, Stage};
use crate::format;
use crate::keys::Command;
use crate::model::Model;
use crate::table::piece;
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use aisoc_model::plan::Plan;
use ratatui::layout::Rect;
use tui_input::Input;

/// Columns of the labels before what is typed.
const LABEL: u16 = 9;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, action: &Action) {
    let say = |canvas: &mut Canvas<'_>, text: &str, role: Role| {
        canvas.text(area.x, area.y, area.width, text, role);
    };
    match &action.stage {
        Stage::Planning => say(canvas, "Reading the facts…", Role::Muted),
        Stage::Refused(plan) => refused(canvas, area, model, plan),
        Stage::Override(plan, typed) => {
            let known: Vec<&str> = action::overridable(plan).collect();
            let ask = [
                piece(
                    "Override a gate: its name, a blank, and why. It may be: ",
                    Role::Muted,
                ),
                piece(known.join(", "), Role::Warn),
            ];
            canvas.pieces(area.x, area.y, area.width, &ask);
            typing(
                canvas,
                area,
                "override",
                typed,
                "the gate's name, then why it does not hold now",
            );
        }
        Stage::Reason(_, typed) => {
            let ask = "Why? It goes into the record. Then the plan is made anew with it.";
            say(canvas, ask, Role::Muted);
            typing(
                canvas,
                area,
                "reason",
                typed,
                "maintenance of rack 4, ticket OPS-123",
            );
        }
        Stage::Confirm(plan, typed) => confirm(canvas, area, model, (action, plan), typed),
        Stage::Sent(_) => say(
            canvas,
            "Confirmed. The control plane reads the facts again, writes it down and begins.",
            Role::Accent,
        ),
        Stage::Failed(_) => say(
            canvas,
            "Nothing has been carried out. Enter reads the facts again, Esc backs out.",
            Role::Muted,
        ),
    }
    if let Some(remark) = &action.remark {
        canvas.text(area.x, area.y + 3, area.width, remark, Role::Warn);
    }
}

fn typing(canvas: &mut Canvas<'_>, area: Rect, label: &str, typed: &Input, expects: &str) {
    canvas.text(area.x, area.y + 1, LABEL, label, Role::Accent);
    let room = area.width.saturating_sub(LABEL);
    input(canvas, area.x + LABEL, area.y + 1, room, typed, expects);
}

fn refused(canvas: &mut Canvas<'_>, area: Rect, model: &Model, plan: &Plan) {
    let gates: Vec<String> = plan.refusals().map(|gate| gate.name.clone()).collect();
    let (x, y, width) = (area.x, area.y, area.width);
    let text = format!("Refused by: {}. Nothing has changed.", gates.join(", "));
    canvas.text(x, y, width, &text, Role::Bad);
    let text = "The evidence is read again while this is shown. Esc backs out.";
    canvas.text(x, y + 1, width, text, Role::Muted);
    if action::overridable(plan).next().is_some() {
        let hint = [
            piece(model.preferences.keys.name(Command::Override), Role::Accent),
            piece(" overrides a gate by its name, with a reason", Role::Muted),
        ];
        canvas.pieces(x, y + 2, width, &hint);
    }
}

fn confirm(
    canvas: &mut Canvas<'_>,
    area: Rect,
    model: &Model,
    (action, plan): (&Action, &Plan),
    typed: &Input,
) {
    let kind = model.world.as_ref().map(|world| world.head.environment_kind);
    let ask = [
        piece("To carry it out in ", Role::Muted),
        piece(kind.map_or("", environment_word).to_owned(), Role::Strong),
        piece(" type ", Role::Muted),
        piece(plan.request.target.confirmation().to_owned(), Role::Strong),
        piece(", then Enter.", Role::Muted),
    ];
    canvas.pieces(area.x, area.y, area.width, &ask);
    typing(canvas, area, "name", typed, "");
    let (holds, role) = if model.now >= plan.expires_at {
        let text = "The plan has expired: Enter reads the facts again.".to_owned();
        (text, Role::Warn)
    } else if plan.needs_approval() {
        let left = format::since(model.now, plan.expires_at);
        let text = format!(
            "A second person first: `aisoc-console approve {}` as another operator. It holds for {left}.",
            plan.id
        );
        (text, Role::Warn)
    } else {
        let left = format::since(model.now, plan.expires_at);
        let standing = action.look.standing();
        let read = standing.map_or(plan.created_at, |standing| standing.at);
        let read = format::since(read, model.now);
        let text = if standing.is_some_and(|standing| standing.preparing.is_some()) {
            format!("The plan holds for {left}; what is missing is waited for first.")
        } else {
            format!("It holds for {left}; read {read} ago, and again at the end.")
        };
        (text, Role::Muted)
    };
    canvas.text(area.x, area.y + 2, area.width, &holds, role);
}
