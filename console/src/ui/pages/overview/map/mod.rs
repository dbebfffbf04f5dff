//! The map: regions in their places, what flows between them as arrows with the lag on them.
//!
//! The first region stands at the left over the whole height, the others one below the other at the right: every
//! pair of neighbours is joined by straight lines. Places never change; arrows turn when roles do.

mod arrows;
mod region;

use super::parts;
use crate::facts;
use crate::format::cells;
use crate::model::Model;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::panel;
use aisoc_model::region::Region;
use aisoc_model::world::World;
use ratatui::layout::Rect;

/// Lines between two regions at the right, for the arrows between them.
const BETWEEN: u16 = 4;
/// Lines below the map: indicators of all regions.
const BELOW: u16 = 9;

/// From so many columns on the panels stand beside the map.
const WIDE: u16 = 280;

/// Regions on a map at most: more have no straight lines between them.
pub const MOST: usize = 4;

/// Whether there is room for a map, and the regions are few enough for straight lines.
#[must_use]
pub fn fits(world: &World, area: Rect) -> bool {
    let right = cells(world.regions.len()).saturating_sub(1);
    world.regions.len() <= MOST
        && right >= 1
        && area.width >= 100
        && area.height >= right * 7 + (right - 1) * BETWEEN + BELOW
}

/// Draws it with the panels below.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    if area.width >= WIDE {
        // Arrows across a whole wall say no more than short ones: the figures stand beside the map.
        let map = Rect {
            width: area.width * 11 / 20,
            ..area
        };
        let x = map.right() + 3;
        beside(
            canvas,
            Rect {
                x,
                width: area.right().saturating_sub(x),
                ..area
            },
            model,
            world,
        );
        let left = regions_and_arrows(canvas, map, model, world);
        parts::links(canvas, left, model, world);
    } else {
        let left = regions_and_arrows(canvas, area, model, world);
        panels(canvas, left, model, world);
    }
}

/// Draws regions and what flows between them; returns what is left below.
fn regions_and_arrows(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) -> Rect {
    let regions = facts::regions(world);
    let Some((first, others)) = regions.split_first() else {
        return area;
    };
    let table = model.table();
    let selected = table.selected(model.selected_on(model.page));
    let chosen = |region: &Region| selected.is_some_and(|row| row.key == region.id.as_str());
    let count = cells(others.len());
    let room = area.height.saturating_sub(BELOW + 1 + (count - 1) * BETWEEN);
    // A wall has room for all that is known of a region.
    let most = if area.height >= 80 { 22 } else { 11 };
    let each = (room / count).min(most);
    let map = Rect {
        height: each * count + (count - 1) * BETWEEN,
        ..area
    };
    let side = (area.width * 3 / 8).clamp(36, 64);
    let left = Rect { width: side, ..map };
    region::draw(canvas, left, model, (world, first), chosen(first));
    let mut above: Option<(&Region, Rect)> = None;
    for (index, other) in (0..).zip(others) {
        let place = Rect {
            x: map.right() - side,
            y: map.y + index * (each + BETWEEN),
            width: side,
            height: each,
        };
        region::draw(canvas, place, model, (world, other), chosen(other));
        let gap = Rect {
            x: left.right(),
            y: place.y + 1,
            width: place.x - left.right(),
            height: each - 2,
        };
        arrows::across(canvas, gap, model, world, (&first.id, &other.id));
        if let Some((upper, upper_place)) = above {
            let gap = Rect {
                y: upper_place.bottom(),
                height: BETWEEN,
                ..place
            };
            arrows::down(canvas, gap, model, world, (&upper.id, &other.id));
        }
        above = Some((other, place));
    }
    Rect {
        y: map.bottom() + 1,
        height: area.height.saturating_sub(map.height + 1),
        ..area
    }
}

/// The panels one below the other.
fn beside(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let slis = Rect {
        height: BELOW.min(area.height),
        ..area
    };
    let alerts = Rect {
        y: slis.bottom(),
        height: area.height - slis.height,
        ..area
    };
    parts::sli_matrix(canvas, slis, model, world);
    parts::alerts(canvas, alerts, model, world);
}

fn panels(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    if area.width >= 180 {
        if let [slis, links, alerts] = panel::columns(area, &[86, 66, 44]).as_slice() {
            parts::sli_matrix(canvas, *slis, model, world);
            parts::links(canvas, *links, model, world);
            parts::alerts(canvas, *alerts, model, world);
        }
    } else if let [slis, alerts] = panel::columns(area, &[16, 8]).as_slice() {
        parts::sli_matrix(canvas, *slis, model, world);
        parts::alerts(canvas, *alerts, model, world);
    }
}
