//! Panels of the overview.

use crate::facts::{self, Standing};
use crate::format::{self, cells};
use crate::model::Model;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::{gauge, observed, panel, state};
use aisoc_model::alert::{Alert, AlertState};
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

/// What a link replicates, in eleven columns: with the database cluster's name where there are several.
fn name(link: &Link, world: &World) -> String {
    match &link.cluster {
        Some(cluster) if world.several_clusters() => format!("pg {cluster}"),
        _ => link.kind.name().to_owned(),
    }
}

/// The worst link of each kind, the worst first.
pub fn worst_lags(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let now = model.shown_at();
    let value = |link: &Link| link.lag_seconds.fresh(now).copied().unwrap_or_default();
    let of_kind = |kind| {
        facts::of_kind(world, kind).max_by(|a, b| {
            let levels = facts::level(a, now).cmp(&facts::level(b, now));
            levels.then(value(a).total_cmp(&value(b)))
        })
    };
    let mut worst: Vec<&Link> = KINDS.into_iter().filter_map(of_kind).collect();
    worst.sort_by_key(|link| std::cmp::Reverse(facts::level(link, now)));
    let aside = hidden(worst.len(), area);
    let inner = panel::panel(canvas, area, "Replication, worst", &aside);
    for (y, link) in (inner.top()..inner.bottom()).zip(&worst) {
        let level = state::lag(facts::level(link, now));
        canvas.text(inner.x, y, 11, &name(link, world), Role::Text);
        let lag = observed::short(&link.lag_seconds, now, |lag| {
            (format::seconds(*lag), level.value_role())
        });
        canvas.pieces_right(inner.x + 12, y, 7, &lag);
        let to = format!(" {}", link.to);
        let room = usize::from(inner.width.saturating_sub(20));
        // The glyph stands for its word before a region's name is cut.
        let mut state = level.text();
        if state.chars().count() + to.chars().count() > room {
            state = level.glyph.to_string();
        }
        let line = [piece(state, level.role), piece(to, Role::Muted)];
        canvas.pieces(inner.x + 20, y, cells(room), &line);
    }
    if world.links.is_empty() && inner.height > 0 {
        canvas.text(inner.x, inner.y, inner.width, "no link is known", Role::Unknown);
    }
}

/// The worst region of each indicator, the worst first.
pub fn worst_slis(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let now = model.shown_at();
    let used = |reading: &SliReading| {
        let value = reading.value.fresh(now);
        value.map_or(0.0, |value| facts::spent(reading, *value))
    };
    let of_sli = |sli| {
        let readings = world.slis.values().filter(move |reading| reading.sli == sli);
        readings.max_by(|a, b| {
            let standings = facts::standing(a, now).cmp(&facts::standing(b, now));
            standings.then(used(a).total_cmp(&used(b)))
        })
    };
    let mut worst: Vec<&SliReading> = SliId::ALL.into_iter().filter_map(of_sli).collect();
    worst.sort_by_key(|reading| std::cmp::Reverse(facts::standing(reading, now)));
    let aside = hidden(worst.len(), area);
    let inner = panel::panel(canvas, area, "Indicators, worst", &aside);
    for (y, found) in (inner.top()..inner.bottom()).zip(&worst) {
        canvas.text(inner.x, y, 14, found.sli.title(), Role::Text);
        let standing = facts::standing(found, now);
        let shown = state::standing(standing);
        let (value, bar) = reading(found, standing, now, 7);
        canvas.pieces_right(inner.x + 15, y, 6, &value);
        let x = canvas.pieces(inner.x + 22, y, 7, &bar) + 1;
        canvas.text(x, y, inner.right().saturating_sub(x), &shown.text(), shown.role);
    }
    if world.slis.is_empty() && inner.height > 0 {
        canvas.text(
            inner.x,
            inner.y,
            inner.width,
            "no indicator is known",
            Role::Unknown,
        );
    }
}

/// How many rows a panel of this area cannot show.
fn hidden(rows: usize, area: Rect) -> Vec<Piece> {
    let room = usize::from(area.height.saturating_sub(1));
    match rows.saturating_sub(room) {
        0 => Vec::new(),
        more => vec![piece(format!("{more} more"), Role::Muted)],
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
    let role = shown.value_role();
    let bar = shown.bar_role();
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
    let left = 24;
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
            let (value, bar) = reading(found, standing, now, each.saturating_sub(12).min(24));
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
        let text = if model.connection.holds() {
            "none is firing"
        } else {
            "none was firing"
        };
        canvas.text(inner.x, inner.y, inner.width, text, Role::Muted);
    }
    // Two lines each in a narrow panel: the gravest can be read, the others are counted.
    let tall = inner.width < 60 && inner.height >= 4;
    let step = if tall { 2 } else { 1 };
    let room = usize::from(inner.height) / step;
    for (y, (index, (_, alert))) in (inner.top()..inner.bottom())
        .step_by(step)
        .zip(firing.iter().enumerate())
    {
        if index + 1 == room && firing.len() > room {
            let text = format!("{} more on page 4", firing.len() - index);
            canvas.text(inner.x, y, inner.width, &text, Role::Muted);
            break;
        }
        let (first, second) = alert_lines(alert, now);
        if tall {
            canvas.pieces(inner.x, y, inner.width, &first);
            canvas.pieces(inner.x + 4, y + 1, inner.width.saturating_sub(4), &second);
        } else {
            let line: Vec<Piece> = first.into_iter().chain(second).collect();
            canvas.pieces(inner.x, y, inner.width, &line);
        }
    }
}

fn alert_lines(alert: &Alert, now: jiff::Timestamp) -> (Vec<Piece>, Vec<Piece>) {
    let (label, role) = state::severity(alert.severity);
    let region = alert.region.as_ref().map_or("all regions", |id| id.as_str());
    let since = format::since(alert.fired_at.unwrap_or(alert.since), now);
    let mut first = vec![
        piece(format!("{label}  "), role),
        piece(format!("{region:<15} "), Role::Text),
        piece(format!("{since:>6}  "), Role::Muted),
    ];
    if let Some(seen) = &alert.acknowledged {
        first.push(piece(format!("✓ {}  ", seen.by), Role::Muted));
    }
    (first, vec![piece(facts::alert_text(alert), Role::Text)])
}

/// Every link that starts or ends nowhere on the map, and all of them where there is room.
pub fn links(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let inner = panel::panel(canvas, area, "Replication", &[]);
    let now = model.shown_at();
    let mut links: Vec<&Link> = world.links.values().collect();
    let places = facts::places(world);
    links.sort_by_cached_key(|link| {
        let place = |id| places.of(Some(id));
        let level = std::cmp::Reverse(facts::level(link, now));
        (level, link.kind, place(&link.from), place(&link.to))
    });
    for (y, link) in (inner.top()..inner.bottom()).zip(links) {
        let level = state::lag(facts::level(link, now));
        let role = level.value_role();
        let lag = observed::short(&link.lag_seconds, now, |lag| (format::seconds(*lag), role));
        canvas.text(inner.x, y, 11, &name(link, world), Role::Text);
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
