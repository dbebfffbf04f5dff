//! Draws frames and publishes them.

use super::drills::Drills;
use super::merge::{Setting, merge};
use crate::alerts::Alerts;
use crate::observe::board::Board;
use crate::observe::milliseconds;
use crate::runbooks::Books;
use aisoc_model::operation::Operation;
use aisoc_model::region::Drain;
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;
use aisoc_model::world::{Coordination, Head, World};
use aisoc_model::{Clock, RegionId};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// A frame at least this often, so that ages and losses show.
const AT_LEAST_EVERY: Duration = Duration::from_secs(1);
/// And never more often than this, whatever happens.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);

/// What is being carried out, as far as a frame shows it.
pub trait Acting: Send + Sync {
    /// Running operations and the latest ended ones.
    fn operations(&self) -> Vec<Operation>;
    /// Drains in force.
    fn drains(&self) -> BTreeMap<RegionId, Drain>;
    /// Which control plane may act.
    fn coordination(&self) -> Coordination {
        Coordination::default()
    }
    /// Changes when any of that does.
    fn changed(&self) -> watch::Receiver<u64>;
}

/// The latest frame, for whoever wants it.
#[derive(Debug, Clone)]
pub struct Frames {
    latest: watch::Sender<Arc<World>>,
}

impl Frames {
    /// Begins with an empty frame: nothing is known.
    #[must_use]
    pub fn new(head: Head) -> Self {
        Self {
            latest: watch::Sender::new(Arc::new(World::empty(head))),
        }
    }

    /// The latest frame.
    #[must_use]
    pub fn latest(&self) -> Arc<World> {
        Arc::clone(&self.latest.borrow())
    }

    /// Follows the frames; a slow follower sees the latest, not each.
    #[must_use]
    pub fn follow(&self) -> watch::Receiver<Arc<World>> {
        self.latest.subscribe()
    }

    /// Publishes `world` as the frame after the latest, unless nothing but its time would be new.
    pub fn publish(&self, mut world: World) {
        self.latest.send_if_modified(|latest| {
            world.head.seq = latest.head.seq;
            let at = std::mem::replace(&mut world.head.at, latest.head.at);
            if world == **latest {
                return false;
            }
            world.head.seq = latest.head.seq.saturating_add(1);
            world.head.at = at;
            *latest = Arc::new(world);
            true
        });
    }
}

/// Draws frames.
pub struct Drawer {
    /// What there is.
    pub topology: Arc<Topology>,
    /// Thresholds, sped up as the environment wants.
    pub slo: Arc<Slo>,
    /// What was seen.
    pub board: Arc<Board>,
    /// What alerts.
    pub alerts: Arc<Alerts>,
    /// Drills, and how they went.
    pub drills: Arc<Drills>,
    /// Runbooks that can be asked for.
    pub books: Arc<Books>,
    /// What is being carried out.
    pub acting: Arc<dyn Acting>,
    /// Where frames go.
    pub frames: Frames,
    /// The present time.
    pub clock: Arc<dyn Clock>,
}

impl Drawer {
    /// Draws until `shutdown`: once a second, and soon after anything notable.
    pub async fn run(self, shutdown: CancellationToken) {
        let mut acted = self.acting.changed();
        let mut tick = tokio::time::interval(AT_LEAST_EVERY);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = tick.tick() => {}
                () = self.board.notable() => {}
                () = self.alerts.changed() => {}
                Ok(()) = acted.changed() => {}
            }
            self.draw();
            tokio::select! {
                () = shutdown.cancelled() => return,
                () = tokio::time::sleep(AT_MOST_EVERY) => {}
            }
        }
    }

    /// Draws one frame.
    pub fn draw(&self) {
        let setting = Setting {
            topology: &self.topology,
            slo: &self.slo,
            operations: self.acting.operations(),
            drains: self.acting.drains(),
        };
        let mut head = self.frames.latest().head.clone();
        head.at = milliseconds(self.clock.now());
        head.coordination = self.acting.coordination();
        let mut world = self.board.read(|seen| merge(seen, &setting, head));
        self.alerts.judge(&mut world, &self.slo);
        self.drills.judge(&mut world, &self.slo);
        world.runbooks.clone_from(self.books.list());
        self.frames.publish(world);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::example;
    use aisoc_model::clock::ManualClock;

    struct Idle(watch::Sender<u64>);

    impl Acting for Idle {
        fn operations(&self) -> Vec<Operation> {
            vec![]
        }

        fn drains(&self) -> BTreeMap<RegionId, Drain> {
            BTreeMap::new()
        }

        fn changed(&self) -> watch::Receiver<u64> {
            self.0.subscribe()
        }
    }

    fn drawer(clock: Arc<dyn Clock>) -> (Drawer, Frames) {
        let topology = Arc::new(example::topology());
        let frames = Frames::new(example::head(0, example::now()));
        let drawer = Drawer {
            slo: Arc::new(example::slo()),
            board: Arc::new(Board::new(example::seen(&topology, example::now()))),
            alerts: Arc::new(Alerts::default()),
            drills: Arc::new(Drills::open(None).unwrap()),
            books: Arc::new(Books::open(Arc::new(example::slo())).unwrap()),
            acting: Arc::new(Idle(watch::Sender::new(0))),
            frames: frames.clone(),
            topology,
            clock,
        };
        (drawer, frames)
    }

    #[test]
    fn frames_count_up_and_only_when_something_changed() {
        let clock = Arc::new(ManualClock::at(example::now()));
        let (drawer, frames) = drawer(clock.clone());
        drawer.draw();
        assert_eq!(frames.latest().head.seq, 1);
        clock.advance(Duration::from_millis(500));
        drawer.draw();
        assert_eq!(frames.latest().head.seq, 1);
        // Time alone makes everything stale, and that is a change.
        clock.advance(Duration::from_mins(1));
        drawer.draw();
        assert_eq!(frames.latest().head.seq, 2);
        assert!(frames.latest().regions.values().all(|r| !r.reasons.is_empty()));
    }

    #[tokio::test]
    async fn a_storm_of_events_makes_at_most_five_frames_a_second() {
        let clock = Arc::new(ManualClock::at(example::now()));
        let (drawer, frames) = drawer(clock);
        let board = drawer.board.clone();
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(drawer.run(shutdown.clone()));
        let started = std::time::Instant::now();
        let mut n = 0;
        while started.elapsed() < Duration::from_secs(2) {
            n += 1;
            board.update(|seen| {
                let us = seen.regions.get_mut(&example::us()).unwrap();
                us.redis.value.as_mut().unwrap().offset = n;
                true
            });
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        let drawn = frames.latest().head.seq;
        assert!((3..=11).contains(&drawn), "{drawn} frames in 2 s");
        shutdown.cancel();
        task.await.unwrap();
    }
}
