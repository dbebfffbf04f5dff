//! The stream of frames of one console: a snapshot, then deltas, then heartbeats.
//!
//! There is no queue. The stream remembers the one frame that it sent last; when the console is ready for
//! more, the delta from that frame to the latest is computed, however many frames lie between.

use super::encoded::Encoded;
use aisoc_model::Clock;
use aisoc_model::world::World;
use aisoc_rpc::error::RpcError;
use aisoc_rpc::proto::frame::Content;
use aisoc_rpc::proto::{Frame, Heartbeat};
use futures::Stream;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::Status;

/// A sign of life when nothing changed for this long.
const HEARTBEAT: Duration = Duration::from_secs(1);

pub(super) struct Watcher {
    pub(super) follow: watch::Receiver<Arc<World>>,
    pub(super) encoded: Arc<Encoded>,
    pub(super) clock: Arc<dyn Clock>,
    /// Ends when this control plane answers consoles no more.
    pub(super) term: CancellationToken,
    pub(super) shutdown: CancellationToken,
}

struct State {
    watcher: Watcher,
    sent: Option<Arc<World>>,
}

/// The frames for one console. Ends with the control plane.
///
/// `place` is one of the places for watchers; it is given back when the stream ends.
pub(super) fn frames<P: Send + 'static>(
    watcher: Watcher,
    place: P,
) -> impl Stream<Item = Result<Frame, Status>> + Send + 'static {
    let state = State { watcher, sent: None };
    futures::stream::unfold((state, place), |(mut state, place)| async move {
        let frame = state.next().await?;
        Some((frame.map_err(|e| Status::internal(e.to_string())), (state, place)))
    })
}

impl State {
    async fn next(&mut self) -> Option<Result<Frame, RpcError>> {
        let Some(sent) = self.sent.clone() else {
            let world = Arc::clone(&self.watcher.follow.borrow_and_update());
            let frame = self.snapshot(&world);
            self.sent = Some(world);
            return Some(frame);
        };
        tokio::select! {
            () = self.watcher.shutdown.cancelled() => None,
            () = self.watcher.term.cancelled() => None,
            changed = self.watcher.follow.changed() => {
                changed.ok()?;
                let world = Arc::clone(&self.watcher.follow.borrow_and_update());
                let frame = self.delta(&sent, &world);
                self.sent = Some(world);
                Some(frame)
            }
            () = tokio::time::sleep(HEARTBEAT) => Some(Ok(Frame {
                content: Some(Content::Heartbeat(Heartbeat {
                    seq: sent.head.seq,
                    at_ms: self.watcher.clock.now().as_millisecond(),
                })),
                coalesced: 0,
            })),
        }
    }

    fn snapshot(&self, world: &World) -> Result<Frame, RpcError> {
        let bytes = self.watcher.encoded.snapshot(world)?;
        Ok(Frame {
            content: Some(Content::Snapshot(bytes.to_vec())),
            coalesced: 0,
        })
    }

    fn delta(&self, from: &World, to: &World) -> Result<Frame, RpcError> {
        let bytes = self.watcher.encoded.delta(from, to)?;
        let left_out = to.head.seq.saturating_sub(from.head.seq).saturating_sub(1);
        Ok(Frame {
            content: Some(Content::Delta(bytes.to_vec())),
            coalesced: u32::try_from(left_out).unwrap_or(u32::MAX),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::{Frames, example};
    use aisoc_model::SystemClock;
    use aisoc_model::world::Delta;
    use futures::{FutureExt, StreamExt};

    fn watcher(frames: &Frames) -> Watcher {
        Watcher {
            follow: frames.follow(),
            encoded: Arc::default(),
            clock: Arc::new(SystemClock),
            term: CancellationToken::new(),
            shutdown: CancellationToken::new(),
        }
    }

    fn publish(frames: &Frames, step: u32) {
        let mut world = (*frames.latest()).clone();
        world.regions = example::world().regions;
        let us = world.regions.get_mut(&example::us()).unwrap();
        us.reasons = vec![step.to_string()];
        frames.publish(world);
    }

    #[tokio::test]
    async fn a_console_that_does_not_read_gets_one_delta_for_all_it_missed() {
        let frames = Frames::new(example::head(0, example::now()));
        let mut stream = Box::pin(super::frames(watcher(&frames), ()));
        let Some(Content::Snapshot(bytes)) = stream.next().await.unwrap().unwrap().content else {
            panic!("the first frame is a snapshot");
        };
        let mut world: World = serde_json::from_slice(&bytes).unwrap();
        for step in 0..1_000 {
            publish(&frames, step);
        }
        let frame = stream.next().await.unwrap().unwrap();
        assert_eq!(frame.coalesced, 999);
        let Some(Content::Delta(bytes)) = frame.content else {
            panic!("a delta follows");
        };
        world
            .apply(serde_json::from_slice::<Delta>(&bytes).unwrap())
            .unwrap();
        assert_eq!(world, *frames.latest());
        // Nothing else was queued: what comes next is a heartbeat.
        assert!(stream.next().now_or_never().is_none());
        let beat = stream.next().await.unwrap().unwrap();
        assert!(matches!(
            beat.content,
            Some(Content::Heartbeat(Heartbeat { seq: 1_000, .. }))
        ));
    }

    #[tokio::test]
    async fn the_stream_ends_with_the_control_plane() {
        let frames = Frames::new(example::head(0, example::now()));
        let watcher = watcher(&frames);
        let shutdown = watcher.shutdown.clone();
        let mut stream = Box::pin(super::frames(watcher, ()));
        stream.next().await.unwrap().unwrap();
        shutdown.cancel();
        assert!(stream.next().await.is_none());
    }
}
