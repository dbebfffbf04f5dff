//! Lines that hold on every page: what is armed, a connection that is not live, a frozen view, a drill, a running operation.

use crate::connection::Connection;
use crate::facts;
use crate::format;
use crate::model::{Layer, Model};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets;
use aisoc_model::inventory::FaultSpec;
use aisoc_model::world::CoordinationMode;
use aisoc_model::{ClusterName, RegionId};
use ratatui::layout::Rect;

/// Draws the lines that hold on every page and returns what is left.
pub fn banners(canvas: &mut Canvas<'_>, area: Rect, model: &Model) -> Rect {
    let lines = [
        armed_banner(model),
        replay_banner(model),
        present_banner(model),
        connection_banner(model),
        quorum_banner(model),
        frozen_banner(model),
        drill_banner(model),
        operation_banner(model),
    ];
    let mut rest = area;
    for (text, role) in lines.into_iter().flatten() {
        if rest.height < 4 {
            break;
        }
        canvas.fill(Rect { height: 1, ..rest }, role);
        canvas.text(rest.x + 1, rest.y, rest.width.saturating_sub(2), &text, role);
        rest = Rect {
            y: rest.y + 1,
            height: rest.height - 1,
            ..rest
        };
    }
    // A line apart, where the map on the overview still has room.
    if rest.y > area.y && rest.height >= 35 {
        rest = Rect {
            y: rest.y + 1,
            height: rest.height - 1,
            ..rest
        };
    }
    rest
}

/// What is armed, where, and for how long. Also on a screen that is too small for anything else.
#[must_use]
pub fn armed_banner(model: &Model) -> Option<(String, Role)> {
    let armed = model.armed.as_ref()?;
    let kind = model.world.as_ref().map(|world| world.head.environment_kind)?;
    let left = aisoc_model::clock::millis_between(model.now, armed.until);
    Some((
        format!(
            "ARMED {} in {} for {} · the rest is read-only · {} disarms",
            armed.region,
            crate::ui::environment_word(kind),
            format::clock(left),
            model.preferences.keys.name(crate::keys::Command::Arm)
        ),
        Role::Armed,
    ))
}

fn connection_banner(model: &Model) -> Option<(String, Role)> {
    let seen = model.world.as_ref()?;
    let age = format::since(seen.head.at, model.now);
    let memory = format!("the frame below is {age} old");
    let text = match &model.connection {
        Connection::Live { .. } | Connection::Still | Connection::Replay => return None,
        Connection::Connecting { endpoint } => format!("◌ CONNECTING to {endpoint}: {memory}"),
        Connection::Silent { since, .. } => {
            format!(
                "◌ NOTHING HEARD for {}: {memory}",
                format::since(*since, model.now)
            )
        }
        Connection::Lost { since, why, retry_at } => {
            let next = match retry_at {
                Some(at) => format!("next try in {}", format::since(model.now, *at)),
                None => "trying now".to_owned(),
            };
            format!(
                "✕ CONNECTION LOST for {} · {next} · {memory} · {why}",
                format::since(*since, model.now)
            )
        }
        Connection::Refused { why } => format!("✕ TOKEN REFUSED: {memory} · {why}"),
    };
    Some((text, Role::LostBar))
}

/// What is shown was: when, how it goes on, and what there is to know about that time.
fn replay_banner(model: &Model) -> Option<(String, Role)> {
    let replaying = model.replaying.as_ref()?;
    let position = &replaying.position;
    let ago = format::since(position.at, replaying.today);
    let at = position.at.strftime("%Y-%m-%d %H:%M:%S");
    let goes = match (position.playing, position.speed) {
        (true, 1) => "playing".to_owned(),
        (true, speed) => format!("playing ×{speed}"),
        (false, _) if position.ended => "paused at the end".to_owned(),
        (false, _) => "paused".to_owned(),
    };
    let mut text = format!("◄ REPLAY {at} UTC, {ago} ago");
    if let Some((_, to)) = position.unrecorded {
        let to = format::time_of_day(to);
        text = format!("{text} · NOTHING RECORDED until {to}");
    }
    text = format!("{text} · {goes}");
    if let Some(remark) = &position.remark {
        text = format!("{text} · {}", aisoc_model::text::sanitize(remark, 200));
    }
    Some((text, Role::Replay))
}

/// What is, while something else is shown: only when it is worth leaving the past for.
fn present_banner(model: &Model) -> Option<(String, Role)> {
    let present = model.replaying.as_ref()?.present.as_ref()?;
    let back = model.preferences.keys.name(crate::keys::Command::Close);
    if !present.connection.trustworthy() {
        return Some((
            format!("✕ NOW: the connection is not live · {back} shows it"),
            Role::LostBar,
        ));
    }
    let world = present.world.as_ref()?;
    let firing = crate::facts::firing(world);
    let new: Vec<_> = firing
        .iter()
        .filter(|(key, alert)| {
            let then = model.world.as_ref().and_then(|past| past.alerts.get(*key));
            then.is_none_or(|then| then.state != alert.state)
        })
        .collect();
    let (_, worst) = new.iter().min_by_key(|(_, alert)| alert.severity)?;
    let count = match new.len() {
        1 => "an alert fires".to_owned(),
        count => format!("{count} alerts fire"),
    };
    Some((
        format!(
            "▲ NOW: {count}, {:?} {} · {back} shows it",
            worst.severity, worst.rule
        ),
        Role::Drill,
    ))
}

/// Nobody may act: what runs stands still, and nothing can be begun.
fn quorum_banner(model: &Model) -> Option<(String, Role)> {
    let coordination = &model.shown()?.head.coordination;
    (coordination.mode == CoordinationMode::NoQuorum)
        .then(|| (format!("✕ NO QUORUM: {}", coordination.sentence()), Role::LostBar))
}

fn frozen_banner(model: &Model) -> Option<(String, Role)> {
    let at = format::time_of_day(model.frozen.as_ref()?.head.at);
    let long = model.frozen_for()?.words();
    let key = model.preferences.keys.name(crate::keys::Command::Freeze);
    Some((
        format!("◌ FROZEN at {at} UTC{long}: {key} lets go"),
        Role::LostBar,
    ))
}

fn drill_banner(model: &Model) -> Option<(String, Role)> {
    let world = model.shown()?;
    if world.faults.is_empty() {
        return None;
    }
    let now = model.shown_at();
    let faults: Vec<String> = world
        .faults
        .values()
        .map(|f| format!("{} ({})", fault(&f.spec), format::since(f.since, now)))
        .collect();
    Some((format!("DRILL: {}", faults.join(" · ")), Role::Drill))
}

/// A fault in words.
#[must_use]
pub fn fault(spec: &FaultSpec) -> String {
    match spec {
        FaultSpec::KillProcess { process, hold: true } => format!("{process} killed and kept down"),
        FaultSpec::KillProcess { process, hold: false } => format!("{process} killed"),
        FaultSpec::FreezeProcess { process } => format!("{process} frozen"),
        FaultSpec::KillNode { region, cluster } => {
            format!("database node of {} killed", node(region, cluster.as_ref()))
        }
        FaultSpec::FreezeNode { region, cluster } => {
            format!("database node of {} frozen", node(region, cluster.as_ref()))
        }
        FaultSpec::KillRegion { region } => format!("{region} killed"),
        FaultSpec::FreezeRegion { region } => format!("{region} frozen"),
        FaultSpec::CutReplication { region, cluster } => {
            format!("replication to {} cut", node(region, cluster.as_ref()))
        }
        FaultSpec::StallReplication { region, cluster } => {
            format!("replication to {} stalled", node(region, cluster.as_ref()))
        }
        FaultSpec::ApiLatency { region, milliseconds } => {
            format!("api of {region} slowed by {milliseconds} ms")
        }
    }
}

/// A database node as `aisoc local fault` names it.
fn node(region: &RegionId, cluster: Option<&ClusterName>) -> String {
    cluster.map_or_else(|| region.to_string(), |cluster| format!("{region}/{cluster}"))
}

fn operation_banner(model: &Model) -> Option<(String, Role)> {
    // The progress view and the page of operations say it larger.
    if matches!(model.layer, Layer::Progress(_) | Layer::Deciding(_))
        || model.page.view().title() == "Operations"
    {
        return None;
    }
    let operation = model.shown()?.running_operation()?;
    let state = widgets::state::operation(operation.state);
    let step = operation.current_step();
    let title = step
        .and_then(|at| operation.plan.steps.get(at))
        .map_or("", |step| step.title.as_str());
    let elapsed = aisoc_model::clock::millis_between(operation.started_at, model.shown_at());
    let target = &operation.plan.request.target;
    let text = format!(
        "{} {} {} {} · step {} of {}: {title} · {}",
        state.glyph,
        target.kind().word(),
        facts::about(model.shown(), target),
        state.word,
        step.map_or(operation.steps.len(), |at| at + 1),
        operation.steps.len(),
        format::clock(elapsed)
    );
    Some((text, state.role))
}
