//! What a control plane does only while consoles look at it: it observes every region and draws frames. One that stands
//! by does neither, and sends consoles and telemetry to the one that does.

use crate::alerts::Alerts;
use crate::coordination::handover::Desk;
use crate::coordination::right::{Seen as Seat, Standing};
use crate::coordination::{Coordinated, keys::Member};
use crate::drivers::traffic::TrafficDriver;
use crate::observe::board::{Board, Seen, StaleAfter};
use crate::observe::{self, Starter};
use crate::operations::Operations;
use crate::runbooks::Books;
use crate::server::Role;
use crate::world::recording::{Recorder, Shelf};
use crate::world::{Drawer, Drills, Frames};
use aisoc_model::Clock;
use aisoc_model::slo::Slo;
use aisoc_model::topology::Topology;
use aisoc_model::world::World;
use aisoc_rpc::recording::About;
use aisoc_telemetry::receive::{Destination, Receiver};
use std::sync::Arc;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What observing and drawing needs.
pub(crate) struct Office {
    pub(crate) topology: Arc<Topology>,
    pub(crate) slo: Arc<Slo>,
    pub(crate) receiver: Receiver,
    pub(crate) traffic: Arc<dyn TrafficDriver>,
    pub(crate) internal_token: String,
    pub(crate) frames: Frames,
    pub(crate) shelf: Arc<Shelf>,
    pub(crate) alerts: Arc<Alerts>,
    pub(crate) drills: Arc<Drills>,
    pub(crate) books: Arc<Books>,
    pub(crate) operations: Operations,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
    pub(crate) role: watch::Sender<Role>,
    /// Where alerts and drills are handed over; `None` when there is nobody to hand them to.
    pub(crate) desk: Option<Desk>,
}

impl Office {
    /// Opens at once and for good: there is nobody to agree with.
    ///
    /// # Errors
    /// When an address in the topology cannot be used, or a token file cannot be read.
    pub(crate) fn alone(&self) -> anyhow::Result<()> {
        self.open()
    }

    /// Opens and closes as the seat is won and lost, until shutdown.
    pub(crate) async fn follow(self, coordinated: Coordinated) {
        let mut seen = coordinated.right.follow();
        loop {
            let seat = seen.borrow_and_update().clone();
            let opens = wanted(&seat, &self.topology.control_plane.name, self.is_open()) == Wanted::Open;
            if opens && !self.is_open() {
                self.inherit().await;
            }
            if let Err(error) = self.turn(&seat) {
                let why = format!("{error:#}");
                tracing::error!(why, "the regions cannot be observed");
                self.role.send_replace(Role::Nobody(why));
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                changed = seen.changed() => {
                    if changed.is_err() {
                        return;
                    }
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(&*self.role.borrow(), Role::Here(_))
    }

    /// Takes over what the last holder knew. Without an answer it begins with what it knows itself.
    async fn inherit(&self) {
        let Some(desk) = &self.desk else { return };
        match desk.read().await {
            Ok(handover) => {
                self.alerts.restore(handover.alerts, self.clock.now());
                self.drills.learn(handover.drills);
            }
            Err(error) => tracing::warn!(%error, "what the last control plane knew of alerts is not known"),
        }
    }

    fn turn(&self, seat: &Seat) -> anyhow::Result<()> {
        let open = self.is_open();
        match wanted(seat, &self.topology.control_plane.name, open) {
            Wanted::Open if !open => self.open(),
            Wanted::Open => Ok(()),
            Wanted::At(holder) => {
                let there = matches!(&*self.role.borrow(), Role::There(now) if *now == holder);
                if !there {
                    self.receiver.send_to(Destination::At(holder.otlp.clone()));
                    self.close(Role::There(holder));
                }
                Ok(())
            }
            Wanted::Wait(why) => {
                self.receiver.send_to(Destination::Unknown);
                self.close(Role::Nobody(why));
                Ok(())
            }
        }
    }

    fn close(&self, role: Role) {
        if let Role::Here(term) = self.role.send_replace(role) {
            tracing::warn!("stands by: the regions are observed elsewhere");
            term.cancel();
        }
    }

    fn open(&self) -> anyhow::Result<()> {
        let term = self.shutdown.child_token();
        let (topology, slo) = (&self.topology, &self.slo);
        let stale = StaleAfter {
            parts_ms: observe::pace(topology).stale_after_ms(),
            health_ms: observe::health_pace(topology, slo).stale_after_ms(),
            traffic_ms: observe::traffic_pace(topology, self.traffic.as_ref()).stale_after_ms(),
        };
        let seen = Seen::nothing_of(topology, stale);
        let board = Arc::new(Board::new(seen));
        // What an earlier term saw is not what is: nothing is known until it is seen.
        self.frames
            .publish(World::empty(self.frames.latest().head.clone()));
        let starter = Starter {
            board: Arc::clone(&board),
            clock: Arc::clone(&self.clock),
            tasks: self.tasks.clone(),
            shutdown: term.clone(),
        };
        let windows = Arc::new(self.receiver.clone());
        let traffic = Arc::clone(&self.traffic);
        observe::start(topology, slo, windows, traffic, &self.internal_token, &starter)?;
        let drawer = Drawer {
            topology: Arc::clone(topology),
            slo: Arc::clone(slo),
            board,
            alerts: Arc::clone(&self.alerts),
            drills: Arc::clone(&self.drills),
            books: Arc::clone(&self.books),
            acting: Arc::new(self.operations.clone()),
            frames: self.frames.clone(),
            clock: Arc::clone(&self.clock),
        };
        let recorder = Recorder {
            shelf: Arc::clone(&self.shelf),
            about: About {
                control_plane: topology.control_plane.name.clone(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
                left_out: Vec::new(),
            },
            clock: Arc::clone(&self.clock),
        };
        self.tasks.spawn(recorder.run(self.frames.follow(), term.clone()));
        self.tasks.spawn(drawer.run(term.clone()));
        if let Some(desk) = self.desk.clone() {
            self.tasks.spawn(desk.keep(self.frames.follow(), term.clone()));
        }
        self.receiver.send_to(Destination::Here);
        self.role.send_replace(Role::Here(term));
        Ok(())
    }
}

#[derive(Debug, PartialEq)]
enum Wanted {
    Open,
    At(Member),
    Wait(String),
}

/// Who answers consoles when the seat is like this.
fn wanted(seat: &Seat, me: &str, open: bool) -> Wanted {
    match (&seat.standing, &seat.holder) {
        // Cut off, nobody can be asked: what can be seen from here is shown, and nothing is done.
        (Standing::Holder(_) | Standing::CutOff { .. }, _) => Wanted::Open,
        (Standing::Standby, Some(holder)) if holder.name != me => Wanted::At(holder.clone()),
        (Standing::Standby, _) => Wanted::Wait(
            "this control plane was restarted, and its former lease has not ended yet".to_owned(),
        ),
        // Just lost, and soon won again by somebody.
        (Standing::Vacant(_), _) if open => Wanted::Open,
        (Standing::Vacant(why), _) => Wanted::Wait(why.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(standing: Standing, holder: Option<&str>) -> Seat {
        Seat {
            standing,
            holder: holder.map(member),
            epoch: Some(1),
            members: vec![],
        }
    }

    fn member(name: &str) -> Member {
        Member {
            name: name.to_owned(),
            consoles: String::new(),
            otlp: String::new(),
        }
    }

    #[test]
    fn who_answers() {
        let cut_off = Standing::CutOff {
            held: None,
            why: "timeout".into(),
        };
        let vacant = || Standing::Vacant("nobody".into());
        for (seat, open, expected) in [
            (seat(Standing::Holder(1), Some("a")), false, Wanted::Open),
            (seat(Standing::Standby, Some("b")), true, Wanted::At(member("b"))),
            (seat(cut_off, Some("b")), false, Wanted::Open),
            (seat(vacant(), None), true, Wanted::Open),
            (seat(vacant(), None), false, Wanted::Wait("nobody".into())),
        ] {
            assert_eq!(wanted(&seat, "a", open), expected, "{seat:?}");
        }
        let former = seat(Standing::Standby, Some("a"));
        assert!(matches!(wanted(&former, "a", false), Wanted::Wait(why) if why.contains("restarted")));
    }
}
