//! Lanes drawn: a box for each caller, an arrow for each way out, what was measured on the arrow.

use super::lanes::Caller;
use super::name;
use crate::format::{self, cells};
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use aisoc_model::RegionId;
use aisoc_model::observed::Freshness;
use aisoc_model::service_map::Edge;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// Columns of a box.
const BOX: u16 = 18;
/// Columns of what was measured.
const FIGURES: usize = 24;
/// Columns of a name behind an arrow when another arrow follows.
const NAME: u16 = 16;

/// What is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Look<'a> {
    /// The region.
    pub region: &'a RegionId,
    /// The chosen edge's key.
    pub chosen: Option<&'a str>,
    /// The edge that takes longest.
    pub slowest: Option<&'a str>,
    /// The share of failed calls above which they are too many.
    pub errors: f64,
    /// The time.
    pub now: Timestamp,
}

/// Lines that the graph takes.
#[must_use]
pub fn height(callers: &[Caller<'_>]) -> u16 {
    cells(callers.iter().map(|caller| caller.ways.len() + 2).sum())
}

/// Draws the graph; when there is no room for all of it, the part with the chosen edge.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, callers: &[Caller<'_>], look: Look<'_>) {
    let whole = height(callers);
    let chosen = chosen_line(callers, look.chosen);
    let skip = chosen
        .saturating_sub(area.height / 2)
        .min(whole.saturating_sub(area.height));
    let mut line = 0;
    let put = |line: u16| -> Option<u16> {
        let y = line.checked_sub(skip)?;
        (y < area.height).then_some(area.y + y)
    };
    let x = area.x + 2;
    for caller in callers {
        let ways = cells(caller.ways.len());
        for (offset, left, middle, right) in [(0, '┌', '─', '┐'), (ways + 1, '└', '─', '┘')] {
            if let Some(y) = put(line + offset) {
                canvas.put(x, y, left, Role::Faint);
                canvas.horizontal(x + 1, y, BOX - 2, middle, Role::Faint);
                canvas.put(x + BOX - 1, y, right, Role::Faint);
            }
        }
        for (offset, way) in (1..).zip(&caller.ways) {
            let Some(y) = put(line + offset) else { continue };
            canvas.put(x, y, '│', Role::Faint);
            if offset == 1 {
                let text = name(caller.node, look.region);
                canvas.text(x + 2, y, BOX - 3, &text, Role::Strong);
            }
            canvas.put(x + BOX - 1, y, '├', Role::Faint);
            if way
                .iter()
                .any(|edge| key(edge).as_str() == look.chosen.unwrap_or_default())
            {
                canvas.put(area.x, y, '▶', Role::Accent);
            }
            arrows(canvas, (x + BOX, y), area.right(), way, look);
        }
        line += ways + 2;
    }
    let below = whole.saturating_sub(skip + area.height);
    if below > 0 {
        let more = [piece(
            format!(" ↓ {} ", crate::format::number(u64::from(below), "more line")),
            Role::Accent,
        )];
        canvas.pieces_right(area.x, area.bottom().saturating_sub(1), area.width, &more);
    }
}

fn chosen_line(callers: &[Caller<'_>], chosen: Option<&str>) -> u16 {
    let mut line = 0;
    for caller in callers {
        for (offset, way) in (1..).zip(&caller.ways) {
            if way.iter().any(|edge| Some(key(edge).as_str()) == chosen) {
                return line + offset;
            }
        }
        line += cells(caller.ways.len()) + 2;
    }
    0
}

/// `── 12/s  0.2 %  41 ms ─▶ name`, once or twice.
fn arrows(canvas: &mut Canvas<'_>, (mut x, y): (u16, u16), right: u16, way: &[&Edge], look: Look<'_>) {
    for (index, edge) in way.iter().enumerate() {
        let (figures, line) = figures(edge, look);
        let role = if key(edge).as_str() == look.chosen.unwrap_or_default() {
            Role::Accent
        } else {
            Role::Faint
        };
        let end = canvas.pieces(x, y, right.saturating_sub(x), &[piece(line.to_string(), role)]);
        let end = canvas.pieces(end, y, right.saturating_sub(end), &figures);
        let arrow = [piece(format!("{line}▶ "), role)];
        let end = canvas.pieces(end, y, right.saturating_sub(end), &arrow);
        let last = index + 1 == way.len();
        let room = right.saturating_sub(end).min(if last { 40 } else { NAME });
        let text = name(&edge.to, look.region);
        let after = canvas.text(end, y, room, &text, Role::Text);
        x = if last { after } else { (end + NAME).max(after + 1) };
        if !last && after + 1 < x {
            canvas.horizontal(after + 1, y, x - after - 1, line, role);
        }
    }
}

/// What was measured, always as wide, and the line that it stands on.
fn figures(edge: &Edge, look: Look<'_>) -> (Vec<Piece>, char) {
    let said = |text: String, role| {
        (
            vec![piece(format!("{:^FIGURES$}", format!(" {text} ")), role)],
            '┄',
        )
    };
    match edge.figures.freshness(look.now) {
        Freshness::Fresh(f) => {
            let failing = f.error_share > look.errors;
            let slow = look.slowest == Some(key(edge).as_str());
            let pieces = vec![
                piece(format!(" {:>7}", per_second(f.per_second)), Role::Text),
                piece(
                    format!(" {:>6}", format::percent(f.error_share)),
                    if failing { Role::Bad } else { Role::Muted },
                ),
                piece(
                    format!(" {:>7} ", duration(f.p99_seconds)),
                    if slow { Role::Notice } else { Role::Text },
                ),
            ];
            (pieces, '─')
        }
        Freshness::NoTraffic => said("no traffic".to_owned(), Role::Muted),
        Freshness::NotConfigured => said("not configured".to_owned(), Role::Faint),
        Freshness::Stale(_, age) => said(format!("stale {}", format::age(age)), Role::Unknown),
        Freshness::Lost(_, age, _) => said(format!("lost {}", format::age(age)), Role::Unknown),
        Freshness::Unknown(_) => said("unknown".to_owned(), Role::Unknown),
    }
}

/// A rate with its unit; slow ones by the minute.
#[must_use]
pub fn per_second(rate: f64) -> String {
    if rate >= 0.1 {
        format!("{}/s", format::rate(rate))
    } else {
        format!("{}/min", format::rate(rate * 60.0))
    }
}

/// A duration, fine enough for what a service calls.
#[must_use]
pub fn duration(seconds: f64) -> String {
    if seconds > 0.0 && seconds < 0.01 {
        format!("{:.1} ms", seconds * 1_000.0)
    } else {
        format::seconds(seconds)
    }
}

fn key(edge: &Edge) -> String {
    Edge::key(&edge.region, &edge.from, &edge.to)
}
