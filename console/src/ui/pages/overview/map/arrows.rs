//! The arrows between two regions on the map, with the lag on them.

use crate::facts;
use crate::format::{self, cells};
use crate::model::Model;
use crate::table::{Piece, piece, width};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::pages::overview::parts;
use crate::ui::widgets::{observed, state};
use aisoc_model::RegionId;
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// The links between two regions, those of each kind together, from `left` first.
fn between<'a>(world: &'a World, left: &RegionId, right: &RegionId) -> Vec<(&'a Link, bool)> {
    let mut found = Vec::new();
    for kind in parts::KINDS {
        for (from, to, forward) in [(left, right, true), (right, left, false)] {
            let between = facts::of_kind(world, kind).filter(|l| l.from == *from && l.to == *to);
            found.extend(between.map(|link| (link, forward)));
        }
    }
    found
}

fn short(kind: LinkKind) -> &'static str {
    match kind {
        LinkKind::Postgres => "postgres",
        LinkKind::Redis => "redis",
        LinkKind::Bus => "bus",
        LinkKind::EventStore => "store",
        LinkKind::ClickHouse => "clickhouse",
        LinkKind::ObjectStorage => "objects",
    }
}

/// What an arrow says, and how it looks.
fn label(link: &Link, several: bool, now: Timestamp, words: bool) -> (Vec<Piece>, Role) {
    let level = facts::level(link, now);
    let shown = state::lag(level);
    let role = shown.value_role();
    let name = match &link.cluster {
        Some(cluster) if several => cluster.as_str(),
        _ => short(link.kind),
    };
    let mut pieces = vec![piece(format!(" {name} "), Role::Muted)];
    if let Some(absent) = observed::brief(&link.lag_seconds, now) {
        pieces.extend(absent);
        pieces.push(piece(" ", Role::Text));
        return (pieces, shown.role);
    }
    pieces.extend(observed::short(&link.lag_seconds, now, |lag| {
        (format::seconds(*lag), role)
    }));
    let state = if words {
        format!(" {} ", shown.text())
    } else {
        format!(" {} ", shown.glyph)
    };
    pieces.push(piece(state, shown.role));
    (
        pieces,
        if level == LagLevel::Ok {
            Role::Faint
        } else {
            shown.role
        },
    )
}

/// Arrows across the gap between the left region and one at the right.
pub fn across(
    canvas: &mut Canvas<'_>,
    gap: Rect,
    model: &Model,
    world: &World,
    (left, right): (&RegionId, &RegionId),
) {
    let now = model.shown_at();
    let several = world.several_clusters();
    let links = between(world, left, right);
    let spread = if cells(links.len()) * 2 <= gap.height + 1 {
        2
    } else {
        1
    };
    let used = (cells(links.len()) * spread)
        .saturating_sub(spread - 1)
        .min(gap.height);
    let top = gap.y + (gap.height - used) / 2;
    for (index, (link, forward)) in (0..).zip(links) {
        let y = top + index * spread;
        if y >= gap.bottom() {
            break;
        }
        let (text, line) = label(link, several, now, true);
        let dash = if facts::level(link, now) == LagLevel::Unknown {
            '┄'
        } else {
            '─'
        };
        let (start, length) = (gap.x + 1, gap.width.saturating_sub(2));
        canvas.horizontal(start, y, length, dash, line);
        if forward {
            canvas.put(start + length - 1, y, '▶', line);
        } else {
            canvas.put(start, y, '◀', line);
        }
        let size = cells(width(&text)).min(length.saturating_sub(4));
        canvas.pieces(start + (length - size) / 2, y, size, &text);
    }
}

/// Arrows in the gap between two regions at the right.
pub fn down(
    canvas: &mut Canvas<'_>,
    gap: Rect,
    model: &Model,
    world: &World,
    (upper, lower): (&RegionId, &RegionId),
) {
    let now = model.shown_at();
    let several = world.several_clusters();
    let links = between(world, upper, lower);
    let count = cells(links.len()).max(1);
    let slot = ((gap.width - 4) / count).max(3);
    let mut labels = Vec::new();
    for (index, (link, downward)) in (0..).zip(links) {
        let (text, line) = label(link, several, now, slot >= 24);
        let x = gap.x + 3 + index * slot;
        let unknown = facts::level(link, now) == LagLevel::Unknown;
        for y in gap.top()..gap.bottom() {
            canvas.put(x, y, if unknown { '┆' } else { '│' }, line);
        }
        if downward {
            canvas.put(x, gap.bottom() - 1, '▾', line);
        } else {
            canvas.put(x, gap.y, '▴', line);
        }
        // Labels stand on two lines by turns: each has the room of two arrows, and covers the line between.
        let last = index + 2 >= count;
        let room = if last {
            gap.right().saturating_sub(x + 1)
        } else {
            slot * 2 - 2
        };
        labels.push((x + 1, gap.y + 1 + index % 2, room, text));
    }
    for (x, y, room, text) in labels {
        canvas.pieces(x, y, room, &text);
    }
}
