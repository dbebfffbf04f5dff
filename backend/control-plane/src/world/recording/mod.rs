//! The recording: every frame that this control plane drew, kept for a while.
//!
//! It is written while this control plane observes the regions (one that stands by draws no frames and records none),
//! in segments of some minutes that each begin with a whole frame ([`aisoc_rpc::recording`] is their format). What a
//! kill leaves at the end of a segment is cut off at the next start; the oldest segments go when they are too old or
//! all of them too large. It is not the journal: nothing is decided by it, and losing it loses no evidence of what was
//! done.

mod keeper;
mod shelf;

#[cfg(test)]
mod tests;

pub use shelf::{Extent, Limits, Segment, Shelf};

use aisoc_model::Clock;
use aisoc_model::world::World;
use aisoc_rpc::recording::{About, BEAT_MS};
use keeper::Keeper;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Records frames.
pub struct Recorder {
    /// Where they are kept.
    pub shelf: Arc<Shelf>,
    /// Who draws them.
    pub about: About,
    /// The present time.
    pub clock: Arc<dyn Clock>,
}

impl Recorder {
    /// Records until the end of a term.
    pub async fn run(self, mut frames: watch::Receiver<Arc<World>>, term: CancellationToken) {
        let mut keeper = Keeper::new(self.shelf, self.about);
        frames.mark_unchanged();
        loop {
            let frame = tokio::select! {
                () = term.cancelled() => return,
                changed = frames.changed() => {
                    if changed.is_err() {
                        return;
                    }
                    Some(Arc::clone(&frames.borrow_and_update()))
                }
                () = tokio::time::sleep(Duration::from_millis(BEAT_MS)) => None,
            };
            let now = self.clock.now().as_millisecond();
            // A disk that hesitates must not hold up what else runs here.
            let kept = tokio::task::spawn_blocking(move || {
                match frame {
                    Some(world) => keeper.frame(&world),
                    None => keeper.beat(now),
                }
                keeper
            });
            match kept.await {
                Ok(kept) => keeper = kept,
                Err(error) => {
                    tracing::error!(%error, "nothing is recorded any more");
                    return;
                }
            }
        }
    }
}
