//! Panels of the overview.

use crate::facts::{self, Standing};
use crate::format::{self, cells};
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::{gauge, observed, panel, state};
use aisoc_model::alert::AlertState;
use aisoc_model::lag::{Link, LinkKind};
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::world::World;
use ratatui::layout::Rect;

/// Kinds of links in the order of the screen.
pub const KINDS: [LinkKind; 6] = [
    LinkKind::Postgres,
    LinkKind::Redis,
    LinkKind::Bus,
    LinkKind::EventStore,
    LinkKind::ClickHouse,
    LinkKind::ObjectStorage,
];

/// The worst link of each kind.
pub fn worst_lags(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let inner = panel::panel(canvas, area, "Replication, worst of each", &[]);
    let now = model.shown_at();
    let mut y = inner.y;
    for kind in KINDS {
        let links: Vec<&Link> = world.links.values().filter(|link| link.kind == kind).collect();
        let value = |link: &Link| link.lag_seconds.fresh(now).copied().unwrap_or_default();
        let worst = links.iter().max_by(|a, b| {
            facts::level(a, now)
                .cmp(&facts::level(b, now))
                .then(value(a).total_cmp(&value(b)))
        });
        if y >= inner.bottom() {
            break;
        }
        let Some(worst) = worst else { continue };
        let level = state::lag(facts::level(worst, now));
        let role = if level.role == Role::Good {
            Role::Text
        } else {
            level.role
        };
        let lag = observed::short(&worst.lag_seconds, now, |lag| (format::seconds(*lag), role));
        canvas.text(inner.x, y, 11, kind.name(), Role::Text);
        canvas.pieces_right(inner.x + 12, y, 7, &lag);
        let line = [
            piece(level.text(), level.role),
            piece(format!(" → {}", worst.to), Role::Muted),
        ];
        canvas.pieces(inner.x + 20, y, inner.width.saturating_sub(20), &line);
        y += 1;
    }
    if world.links.is_empty() && inner.height > 0 {
        canvas.text(inner.x, inner.y, inner.width, "no link is known", Role::Unknown);
    }
}

/// The worst region of each indicator.
pub fn worst_slis(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let inner = panel::panel(canvas, area, "Indicators, worst of each", &[]);
    let now = model.shown_at();
    for (y, sli) in (inner.top()..inner.bottom()).zip(SliId::ALL) {
        let used = |reading: &SliReading| {
            reading
                .value
                .fresh(now)
                .map_or(0.0, |value| facts::spent(reading, *value))
        };
        let worst = world
            .slis
            .values()
            .filter(|reading| reading.sli == sli)
            .max_by(|a, b| {
                facts::standing(a, now)
                    .cmp(&facts::standing(b, now))
                    .then(used(a).total_cmp(&used(b)))
            });
        canvas.text(inner.x, y, 14, sli.title(), Role::Text);
        let Some(worst) = worst else {
            canvas.text(
                inner.x + 15,
                y,
                inner.width.saturating_sub(15),
                "? unknown",
                Role::Unknown,
            );
            continue;
        };
        let standing = facts::standing(worst, now);
        let shown = state::standing(standing);
        let (value, bar) = reading(worst, standing, now, 9);
        canvas.pieces_right(inner.x + 15, y, 7, &value);
        let x = canvas.pieces(inner.x + 23, y, 9, &bar) + 1;
        canvas.text(x, y, inner.right().saturating_sub(x), &shown.text(), shown.role);
    }
}

/// An indicator's value and its gauge.
fn reading(
    reading: &SliReading,
    standing: Standing,
    now: jiff::Timestamp,
    width: u16,
) -> (Vec<Piece>, Vec<Piece>) {
    let shown = state::standing(standing);
    let role = if standing == Standing::Met {
        Role::Text
    } else {
        shown.role
    };
    let bar = if standing == Standing::Met {
        Role::Muted
    } else {
        shown.role
    };
    let value = observed::short(&reading.value, now, |value| {
        (facts::sli_text(reading, *value), role)
    });
    let spent = reading
        .value
        .fresh(now)
        .map(|value| facts::spent(reading, *value));
    (value, gauge::against_bound(spent, width, bar))
}

/// Every indicator of every region against its objective.
pub fn sli_matrix(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let window = world
        .slis
        .values()
        .next()
        .map(|r| format!("window {}", format::bound(f64::from(r.window_seconds))));
    let aside = [piece(window.unwrap_or_default(), Role::Muted)];
    let inner = panel::panel(canvas, area, "Service level indicators", &aside);
    let now = model.shown_at();
    let regions = facts::regions(world);
    let left = 25;
    let each = inner.width.saturating_sub(left) / cells(regions.len().max(1)).max(1);
    if each < 14 || inner.height < 2 {
        return worst_slis(canvas, area, model, world);
    }
    for (index, region) in (0..).zip(&regions) {
        let x = inner.x + left + index * each;
        canvas.text(
            x + 2,
            inner.y,
            each.saturating_sub(2),
            region.id.as_str(),
            Role::Muted,
        );
    }
    for (y, sli) in (inner.y + 1..inner.bottom()).zip(SliId::ALL) {
        canvas.text(inner.x, y, 14, sli.title(), Role::Text);
        for (index, region) in (0..).zip(&regions) {
            let x = inner.x + left + index * each;
            let Some(found) = world.slis.get(&SliReading::key(&region.id, sli)) else {
                canvas.text(x + 2, y, each.saturating_sub(2), "? unknown", Role::Unknown);
                continue;
            };
            if index == 0 {
                canvas.text(inner.x + 15, y, 9, &facts::objective_text(found), Role::Muted);
            }
            let standing = facts::standing(found, now);
            let shown = state::standing(standing);
            if matches!(standing, Standing::NoTraffic | Standing::NotConfigured) {
                canvas.text(x + 2, y, each.saturating_sub(3), &shown.text(), shown.role);
                continue;
            }
            let (value, bar) = reading(found, standing, now, each.saturating_sub(13).min(24));
            canvas.put(x, y, shown.glyph, shown.role);
            canvas.pieces_right(x + 2, y, 7, &value);
            canvas.pieces(x + 10, y, each.saturating_sub(12), &bar);
        }
    }
}

/// The alerts that fire, the gravest first.
pub fn alerts(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let now = model.shown_at();
    let firing = facts::firing(world);
    let pending = world
        .alerts
        .values()
        .filter(|alert| alert.state == AlertState::Pending)
        .count();
    let aside = [piece(
        format!("{} firing, {pending} pending", firing.len()),
        Role::Muted,
    )];
    let inner = panel::panel(canvas, area, "Alerts", &aside);
    if firing.is_empty() && inner.height > 0 {
        canvas.text(inner.x, inner.y, inner.width, "none is firing", Role::Muted);
    }
    let shown = usize::from(inner.height);
    for (y, (index, (_, alert))) in (inner.top()..inner.bottom()).zip(firing.iter().enumerate()) {
        if index + 1 == shown && firing.len() > shown {
            let text = format!("{} more: page 4", firing.len() - index);
            canvas.text(inner.x, y, inner.width, &text, Role::Muted);
            break;
        }
        let (label, role) = state::severity(alert.severity);
        let region = alert.region.as_ref().map_or("all", |id| id.as_str());
        let since = format::since(alert.fired_at.unwrap_or(alert.since), now);
        let seen = alert
            .acknowledged
            .as_ref()
            .map_or_else(String::new, |ack| format!("  ✓ {}", ack.by));
        let line = [
            piece(format!("{label}  "), role),
            piece(format!("{:>6}  ", since), Role::Muted),
            piece(format!("{region:<15} "), Role::Text),
            piece(alert.summary.clone(), Role::Text),
            piece(seen, Role::Muted),
        ];
        canvas.pieces(inner.x, y, inner.width, &line);
    }
}

/// Every link that starts or ends nowhere on the map, and all of them where there is room.
pub fn links(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let inner = panel::panel(canvas, area, "Replication", &[]);
    let now = model.shown_at();
    let mut links: Vec<&Link> = world.links.values().collect();
    links.sort_by_key(|link| (std::cmp::Reverse(facts::level(link, now)), link.kind));
    for (y, link) in (inner.top()..inner.bottom()).zip(links) {
        let level = state::lag(facts::level(link, now));
        let role = if level.role == Role::Good {
            Role::Text
        } else {
            level.role
        };
        let lag = observed::short(&link.lag_seconds, now, |lag| (format::seconds(*lag), role));
        canvas.text(inner.x, y, 11, link.kind.name(), Role::Text);
        canvas.pieces_right(inner.x + 12, y, 7, &lag);
        let route = if link.from == link.to {
            link.from.to_string()
        } else {
            format!("{} → {}", link.from, link.to)
        };
        let line = [
            piece(format!("{:<15}", level.text()), level.role),
            piece(route, Role::Muted),
        ];
        canvas.pieces(inner.x + 20, y, inner.width.saturating_sub(20), &line);
    }
}
