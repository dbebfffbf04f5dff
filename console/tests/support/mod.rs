//! What the tests of the real program stand on.

pub mod control_plane;
pub mod program;
