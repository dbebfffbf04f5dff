//! The pages. A new one is a file here and a line in [`ALL`].

pub mod alerts;
pub mod lag;
pub mod operations;
pub mod overview;
pub mod services;
pub mod slis;

use crate::model::Model;
use crate::table::Table;
use crate::ui::canvas::Canvas;
use aisoc_model::RegionId;
use ratatui::layout::Rect;

/// What a page shows.
pub trait PageView: Sync {
    /// Its title; in lower case its name in commands.
    fn title(&self) -> &'static str;

    /// Its rows, unfiltered.
    fn table(&self, model: &Model) -> Table;

    /// Draws it. There is a frame: `model.shown()` is not empty.
    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect);

    /// The region that a row is about.
    fn region(&self, model: &Model, key: &str) -> Option<RegionId>;

    /// Opens a row.
    fn open(&self, _model: &mut Model, _key: &str) {}
}

/// All pages, in the order of their number keys.
pub const ALL: &[&dyn PageView] = &[
    &overview::Overview,
    &lag::Lag,
    &slis::Slis,
    &alerts::Alerts,
    &services::Services,
    &operations::Operations,
];
