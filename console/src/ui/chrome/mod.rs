//! What surrounds every page.

mod banners;
mod direct;
mod footer;
mod header;

pub use banners::{banners, fault};
pub use direct::direct;
pub use footer::footer;
pub use header::{connection, header, tiny};
