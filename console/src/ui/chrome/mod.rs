//! What surrounds every page.

mod banners;
mod footer;
mod header;

pub use banners::banners;
pub use footer::footer;
pub use header::{header, tiny};
