//! Frames into segments: when a new one begins, and what happens when the disk refuses.

use super::shelf::{Open, Shelf};
use aisoc_model::world::World;
use aisoc_rpc::recording::{About, RecordingError, Writer};
use std::io;
use std::sync::Arc;

/// A segment is this long at most, milliseconds.
const SEGMENT_MS: i64 = 10 * 60_000;
/// A complaint about the disk is made this often, milliseconds.
const COMPLAIN_MS: i64 = 60_000;

/// Writes frames to segments.
pub(super) struct Keeper {
    shelf: Arc<Shelf>,
    about: About,
    writer: Writer,
    open: Option<(Open, i64)>,
    complained: Option<i64>,
}

impl Keeper {
    pub(super) fn new(shelf: Arc<Shelf>, about: About) -> Self {
        Self {
            shelf,
            about,
            writer: Writer::default(),
            open: None,
            complained: None,
        }
    }

    /// Keeps a frame. When that is not possible nothing is recorded for a while, which shows as a gap.
    pub(super) fn frame(&mut self, world: &World) {
        // Nothing has been looked at yet.
        if world.regions.is_empty() {
            return;
        }
        let at = world.head.at.as_millisecond();
        let result = self.write(at, |writer| writer.frame(world).map(Some));
        self.judge(at, result);
    }

    /// Writes down that nothing has changed.
    pub(super) fn beat(&mut self, now: i64) {
        if self.open.is_some() {
            let result = self.write(now, |writer| Ok(writer.beat(now)));
            self.judge(now, result);
        }
    }

    fn write(
        &mut self,
        at: i64,
        record: impl FnOnce(&mut Writer) -> Result<Option<Vec<u8>>, RecordingError>,
    ) -> io::Result<()> {
        let full = self.shelf.segment_bytes();
        let over =
            |(open, began): &(Open, i64)| at.saturating_sub(*began) >= SEGMENT_MS || open.bytes() >= full;
        if self.open.as_ref().is_some_and(over)
            && let Some((open, _)) = self.open.take()
        {
            open.close()?;
        }
        let (mut open, began) = if let Some(open) = self.open.take() {
            open
        } else {
            self.writer.begin_anew();
            let about = Writer::about(&self.about, at).map_err(io::Error::other)?;
            let open = self.shelf.begin(at, &about)?;
            self.shelf.trim(at);
            (open, at)
        };
        let record = record(&mut self.writer).map_err(io::Error::other)?;
        if let Some(record) = record {
            self.shelf.append(&mut open, at, &record)?;
        }
        // Not reached after an error: the next frame begins another segment.
        self.open = Some((open, began));
        Ok(())
    }

    fn judge(&mut self, at: i64, result: io::Result<()>) {
        match result {
            Ok(()) => {
                if self.complained.take().is_some() {
                    tracing::info!("frames are recorded again");
                }
            }
            Err(error) => {
                let due = self
                    .complained
                    .is_none_or(|before| at.saturating_sub(before) >= COMPLAIN_MS);
                if due {
                    self.complained = Some(at);
                    let directory = self.shelf.directory().display();
                    tracing::warn!(%error, %directory, "a frame could not be recorded: is there space on the disk?");
                }
            }
        }
    }
}
