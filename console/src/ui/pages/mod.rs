//! The pages. A new one is a file here and a line in [`ALL`].

pub mod alerts;
pub mod drills;
pub mod lag;
pub mod map;
pub mod operations;
pub mod overview;
pub mod releases;
pub mod runbooks;
pub mod services;
pub mod sla;
pub mod slis;

use crate::explain::Subject;
use crate::message::Effect;
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

    /// Opens a row: what is known of its region, unless the page has something better.
    fn open(&self, model: &mut Model, key: &str) -> Vec<Effect> {
        if let Some(region) = self.region(model, key) {
            crate::update::open_explanation(model, Subject::Region(region));
        }
        Vec::new()
    }
}

/// All pages, in the order of the tabs; the first eleven have keys.
pub const ALL: &[&dyn PageView] = &[
    &overview::Overview,
    &lag::Lag,
    &slis::Slis,
    &alerts::Alerts,
    &services::Services,
    &releases::Releases,
    &operations::Operations,
    &sla::Sla,
    &drills::Drills,
    &runbooks::Runbooks,
    &map::Map,
];
