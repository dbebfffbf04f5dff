//! Alerts: what fires, since when, who has seen it, and how long there is to respond.

use super::PageView;
use crate::explain::Subject;
use crate::facts;
use crate::format;
use crate::keys::Command;
use crate::message::Effect;
use crate::model::Model;
use crate::table::{Column, Fields, Make, Piece, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::{state, table};
use aisoc_model::RegionId;
use aisoc_model::alert::{Alert, AlertState, Severity};
use aisoc_model::clock::millis_between;
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// The page.
pub struct Alerts;

impl PageView for Alerts {
    fn title(&self) -> &'static str {
        "Alerts"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let mut alerts: Vec<(&String, &Alert)> = world.alerts.iter().collect();
        alerts.sort_by_key(|(_, alert)| (order(alert.state), alert.severity, alert.since));
        let columns = vec![
            Column::new("SEV", 3),
            Column::new("STATE", 10).glyph(),
            Column::new("REGION", 14),
            Column::new("SINCE", 7).right(),
            Column::new("WHAT", 28).least(8).grow(1).most(84),
            Column::new("RUNBOOK", 7).spare(3),
            Column::new("RESPOND IN", 11).right().spare(1),
            Column::new("SEEN BY", 12).spare(2),
        ];
        let keys = alerts.into_iter().map(|(key, _)| key.clone());
        let row: fn(&Model, &str) -> Option<Row> = |model, key| {
            let alert = model.shown()?.alerts.get(key)?;
            Some(row(model, key, alert, model.shown_at()))
        };
        Table::on_demand(columns, keys, Make { row, fields })
            .none("none fires, none is pending, and none has ended lately")
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(canvas, area, &headline(world));
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.alerts.get_key_value(&row.key));
        let space = chosen.map_or(rest, |(key, alert)| {
            detail(model, key, alert).below(canvas, rest, rows.rows.len())
        });
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model
            .shown()?
            .alerts
            .get(key)
            .and_then(|alert| alert.region.clone())
    }

    /// An alert opens as its explanation.
    fn open(&self, model: &mut Model, key: &str) -> Vec<Effect> {
        crate::update::open_explanation(model, Subject::Alert(key.to_owned()));
        Vec::new()
    }
}

fn order(state: AlertState) -> u8 {
    match state {
        AlertState::Firing => 0,
        AlertState::Pending => 1,
        AlertState::Resolved => 2,
    }
}

fn row(model: &Model, key: &str, alert: &Alert, now: Timestamp) -> Row {
    let firing = alert.state == AlertState::Firing;
    let (severity, mut role) = state::severity(alert.severity);
    let (glyph, state_role) = match alert.state {
        AlertState::Firing => ('▲', role),
        AlertState::Pending => ('◌', Role::Notice),
        AlertState::Resolved => ('✓', Role::Good),
    };
    if !firing {
        role = Role::Muted;
    }
    let region = alert.region.as_ref().map_or("all regions", RegionId::as_str);
    let text = if firing { Role::Text } else { Role::Muted };
    let since = alert.fired_at.filter(|_| firing).unwrap_or(alert.since);
    let cells = vec![
        cell(severity, role),
        cell(format!("{glyph} {}", word(alert.state)), state_role),
        cell(region.to_owned(), text),
        cell(format::since(since, now), Role::Muted),
        cell(facts::alert_text(alert), text),
        cell(
            alert.runbook.clone().unwrap_or_else(|| "–".to_owned()),
            Role::Muted,
        ),
        escalation(model, alert, now),
        alert.acknowledged.as_ref().map_or_else(
            || cell("–", Role::Faint),
            |ack| cell(format!("✓ {}", ack.by), Role::Muted),
        ),
    ];
    Row::new(key, cells)
}

/// What filters see of an alert.
fn fields<'a>(model: &'a Model, key: &'a str) -> Fields<'a> {
    let Some(alert) = model.shown().and_then(|world| world.alerts.get(key)) else {
        return Fields::new();
    };
    let region = alert.region.as_ref().map_or("all regions", RegionId::as_str);
    let seen = alert.acknowledged.as_ref().map_or("", |ack| ack.by.as_str());
    let age = millis_between(alert.since, model.shown_at()) as f64 / 1_000.0;
    vec![
        ("severity", Value::text(state::severity(alert.severity).0)),
        ("state", Value::text(word(alert.state))),
        ("region", Value::text(region)),
        ("rule", Value::text(alert.rule.as_str())),
        ("summary", Value::text(alert.summary.as_str())),
        ("seen", Value::text(seen)),
        ("age", Value::Number(Some(age))),
    ]
}

fn word(state: AlertState) -> &'static str {
    match state {
        AlertState::Firing => "firing",
        AlertState::Pending => "pending",
        AlertState::Resolved => "resolved",
    }
}

/// The escalation clock: how long there is to respond, until someone has.
fn escalation(model: &Model, alert: &Alert, now: Timestamp) -> Vec<Piece> {
    if alert.state != AlertState::Firing || alert.acknowledged.is_some() {
        return cell("–", Role::Faint);
    }
    let row = model
        .thresholds()
        .and_then(|told| told.escalation(alert.severity));
    let Some(limit) = row.and_then(|row| row.response_seconds) else {
        return cell("–", Role::Faint);
    };
    let limit = limit.saturating_mul(1_000);
    let since = millis_between(alert.fired_at.unwrap_or(alert.since), now);
    match limit.checked_sub(since) {
        Some(left) => cell(
            format::clock(left),
            if left < limit / 3 { Role::Warn } else { Role::Text },
        ),
        None => cell(format!("over {}", format::age(since - limit)), Role::Bad),
    }
}

fn headline(world: &World) -> Hero {
    let firing = facts::firing(world);
    let count = |severity| facts::count_firing(world, severity);
    let unseen = firing
        .iter()
        .filter(|(_, alert)| alert.acknowledged.is_none())
        .count();
    let pending = world
        .alerts
        .values()
        .filter(|a| a.state == AlertState::Pending)
        .count();
    let Some((_, worst)) = firing.first() else {
        return Hero::new("0", "No alert is firing", Role::Good).note(format!("{pending} pending"));
    };
    let (_, role) = state::severity(worst.severity);
    let place = worst
        .region
        .as_ref()
        .map_or_else(String::new, |region| format!(" in {region}"));
    let tally: Vec<Piece> = [Severity::P1, Severity::P2, Severity::P3, Severity::P4]
        .into_iter()
        .flat_map(|severity| {
            let (label, role) = state::severity(severity);
            let role = if count(severity) == 0 { Role::Faint } else { role };
            [
                piece(format!("{label} ×{}", count(severity)), role),
                piece("   ", Role::Text),
            ]
        })
        .chain([piece(
            format!("{pending} pending · {unseen} not acknowledged"),
            Role::Muted,
        )])
        .collect();
    Hero::new(
        firing.len().to_string(),
        format!("firing; worst: {}{place}", worst.summary),
        role,
    )
    .line(tally)
}

fn detail(model: &Model, key: &str, alert: &Alert) -> Detail {
    let now = model.shown_at();
    let matrix = model
        .thresholds()
        .and_then(|told| told.escalation(alert.severity));
    let figures = model.shown().and_then(|world| facts::alert_figures(world, alert));
    let value = match figures {
        Some((value, bound)) => vec![
            piece(value, Role::Strong),
            piece(format!(" against {bound}"), Role::Muted),
        ],
        None => vec![piece("– a state, not a figure", Role::Muted)],
    };
    let since = format!(
        "{} UTC, {} ago",
        format::time_of_day(alert.since),
        format::since(alert.since, now)
    );
    let escalation = matrix.map_or_else(
        || "none".to_owned(),
        |row| {
            let next = row
                .escalate_to
                .as_ref()
                .map_or_else(String::new, |to| format!(", then {to}"));
            format!("{}{next} ({})", row.first, row.response)
        },
    );
    let seen = match &alert.acknowledged {
        Some(ack) => vec![piece(
            format!("{}, {} ago", ack.by, format::since(ack.at, now)),
            Role::Text,
        )],
        None => vec![
            piece("nobody yet; ", Role::Notice),
            piece(model.preferences.keys.name(Command::Acknowledge), Role::Accent),
            piece(" acknowledges it", Role::Muted),
        ],
    };
    let explain = vec![
        piece(model.preferences.keys.name(Command::Open), Role::Accent),
        piece(
            " explains it: the action that fits, and the evidence",
            Role::Muted,
        ),
    ];
    Detail::new(alert.rule.clone())
        .text("what", facts::alert_text(alert))
        .line("value", value)
        .text("since", since)
        .text(
            "runbook",
            alert.runbook.clone().unwrap_or_else(|| "none".to_owned()),
        )
        .text("escalation", escalation)
        .line("seen by", seen)
        .line("explain", explain)
        .line("key", vec![piece(key.to_owned(), Role::Faint)])
}
