//! One picture out of all observations: the world, frame by frame.
//!
//! [`merge::merge`] is the one function from what was seen to a frame; it is pure. [`Drawer`] calls it once a
//! second, and at once when something notable happened, and publishes each frame that differs from the last.

pub mod drawer;
pub mod drills;
pub mod health;
pub mod links;
pub mod merge;
pub mod postgres;
pub mod readiness;
pub mod ready;
pub mod recording;
pub mod traffic;
pub mod verdict;

#[cfg(test)]
pub(crate) mod example;

pub use drawer::{Drawer, Frames};
pub use drills::Drills;
