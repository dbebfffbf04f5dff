//! Time travel as the screen knows it: where in a recording it is, what a person may want of it, and the present that
//! waits meanwhile.

use crate::connection::Connection;
use crate::history::History;
use aisoc_model::world::World;
use jiff::{SignedDuration, Timestamp};

/// How much faster than it was a recording can be played.
pub const SPEEDS: [u16; 7] = [1, 2, 4, 8, 16, 32, 64];
/// A small step through time, milliseconds.
pub const STEP_MS: i64 = 10_000;
/// A large one.
pub const STRIDE_MS: i64 = 5 * 60_000;

/// What a person wants of a recording.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To play it, or to pause.
    Play,
    /// To be at a time, milliseconds since 1970.
    To(i64),
    /// To be so many milliseconds later, or earlier.
    By(i64),
    /// To play it faster.
    Faster,
    /// To play it more slowly.
    Slower,
    /// To see the next alert or operation that began, changed or ended, or the one before.
    Happening {
        /// The next one.
        forward: bool,
    },
}

/// Where in a recording it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The time that is shown.
    pub at: Timestamp,
    /// The first moment that is recorded.
    pub from: Timestamp,
    /// The last one.
    pub to: Timestamp,
    /// It goes on by itself.
    pub playing: bool,
    /// How much faster than it was.
    pub speed: u16,
    /// The time in which nothing was recorded, when this is in it.
    pub unrecorded: Option<(Timestamp, Timestamp)>,
    /// What was found, or left out.
    pub remark: Option<String>,
    /// There is nothing after it.
    pub ended: bool,
}

/// What a recording brings.
#[derive(Debug, Clone)]
pub struct Replayed {
    /// The frame; `None` while it is the same one.
    pub world: Option<Box<World>>,
    /// Where this is.
    pub position: Position,
}

/// A screen that shows what was.
#[derive(Debug, Clone)]
pub struct Replaying {
    /// Where it is.
    pub position: Position,
    /// What is, when this is a live console.
    pub present: Option<Box<Present>>,
    /// The time on this machine's clock, or the control plane's where there is a present.
    pub today: Timestamp,
}

/// The present while something else is shown: it goes on.
#[derive(Debug, Clone)]
pub struct Present {
    /// The latest frame.
    pub world: Option<Box<World>>,
    /// How the connection goes.
    pub connection: Connection,
    /// Values for sparklines.
    pub history: History,
    /// The control plane's clock minus this machine's.
    pub clock_offset: SignedDuration,
}
