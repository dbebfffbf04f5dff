//! The overview of a small screen: regions as rows, then what is worst of everything else.

use super::parts;
use crate::format::cells;
use crate::model::Model;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::{panel, table};
use aisoc_model::world::World;
use ratatui::layout::Rect;

/// Draws it.
pub fn draw(canvas: &mut Canvas<'_>, area: Rect, model: &Model, world: &World) {
    let rows = model.table();
    // Regions first; the rest shares what they leave, and regions scroll when there are very many.
    let wanted = cells(rows.rows.len().max(1)) + 1;
    let height = wanted.min(area.height.max(4) / 2 + 2).min(area.height);
    let regions = Rect { height, ..area };
    table::draw(canvas, regions, &rows, model.selected_on(model.page).or(Some("")));
    let mut rest = Rect {
        y: area.y + height,
        height: area.height - height,
        ..area
    };
    if rest.height >= 9 && area.width >= 76 {
        let band = Rect {
            y: rest.y + 1,
            height: 7,
            ..rest
        };
        if let [left, right] = panel::columns(band, &[37, 39]).as_slice() {
            parts::worst_lags(canvas, *left, model, world);
            parts::worst_slis(canvas, *right, model, world);
        }
        rest = Rect {
            y: rest.y + 8,
            height: rest.height - 8,
            ..rest
        };
    } else if rest.height >= 11 {
        let band = Rect {
            y: rest.y + 1,
            height: 5,
            ..rest
        };
        parts::worst_lags(canvas, band, model, world);
        rest = Rect {
            y: rest.y + 6,
            height: rest.height - 6,
            ..rest
        };
    }
    if rest.height >= 3 {
        let alerts = Rect {
            y: rest.y + 1,
            height: rest.height - 1,
            ..rest
        };
        parts::alerts(canvas, alerts, model, world);
    }
}
