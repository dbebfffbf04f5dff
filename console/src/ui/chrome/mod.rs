//! What surrounds every page.

mod banners;
mod footer;
mod header;

pub use banners::{banners, fault};
pub use footer::footer;
pub use header::{connection, header, tiny};
