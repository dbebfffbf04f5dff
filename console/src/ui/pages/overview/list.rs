//! The overview of a small screen: regions as rows, then what is worst of everything else.

use super::parts;
use crate::facts;
use crate::format::cells;
use crate::model::Model;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::{panel, table};
use aisoc_model::world::World;
use ratatui::layout::Rect;

/// Lines of the panels with what is worst: a heading and six indicators.
const WORST: u16 = 7;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let rows = model.table();
    // Regions first; the rest shares what they leave, and regions scroll when there are very many.
    let wanted = cells(rows.rows.len().max(1)) + 1;
    let height = wanted.min(area.height / 2 + 2).min(area.height);
    let regions = Rect { height, ..area };
    table::draw(canvas, regions, &rows, model.selected_on(model.page).or(Some("")));
    let mut rest = below(area, height);
    // What fires has its lines before what is merely worst.
    let alerts = cells(facts::firing(world).len()).min(4) + 1;
    let band = rest.height.saturating_sub(alerts + 2).min(WORST);
    if band >= 3 {
        let place = Rect {
            y: rest.y + 1,
            height: band,
            ..rest
        };
        if area.width >= 76 {
            if let [left, right] = panel::columns(place, &[36, 40]).as_slice() {
                parts::worst_lags(canvas, *left, model, world);
                parts::worst_slis(canvas, *right, model, world);
            }
        } else {
            parts::worst_lags(canvas, place, model, world);
        }
        rest = below(rest, band + 1);
    }
    if rest.height >= 2 {
        let gap = u16::from(rest.height > alerts);
        parts::alerts(canvas, below(rest, gap), model, world);
    }
}

fn below(area: Rect, used: u16) -> Rect {
    let used = used.min(area.height);
    Rect {
        y: area.y + used,
        height: area.height - used,
        ..area
    }
}
