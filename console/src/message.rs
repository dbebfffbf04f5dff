//! Everything that can happen to the console, and everything it can ask for.

use crate::direct::{Answer, Endpoint};
use crate::keys::Key;
use crate::notify::Notification;
use crate::page::Page;
use crate::replay::{Replayed, Wish};
use crate::safety::Permitted;
use aisoc_model::RegionId;
use aisoc_model::operation::Operation;
use aisoc_model::plan::{Plan, PlanRequest, Standing};
use aisoc_model::runbook::Runbook;
use aisoc_model::world::{Delta, World};
use jiff::Timestamp;

/// Something happened. `at` is this machine's clock.
#[derive(Debug, Clone)]
pub enum Message {
    /// A key was pressed.
    Key(Key, Timestamp),
    /// Something on the screen was clicked.
    Click(Click, Timestamp),
    /// The wheel was turned, towards the top or not.
    Wheel(bool, Timestamp),
    /// The terminal has another size.
    Resize(u16, u16),
    /// A second passed while something on the screen counts them.
    Tick(Timestamp),
    /// The source of frames has something.
    Source(SourceEvent, Timestamp),
    /// A request came back.
    Reply(Reply, Timestamp),
    /// The process was stopped and goes on: nothing on the screen can be relied on.
    Resumed(Timestamp),
}

impl Message {
    /// Whether it is one of those that come every second by themselves: a delta or a heartbeat.
    #[must_use]
    pub fn ticks(&self) -> bool {
        matches!(
            self,
            Self::Source(SourceEvent::Delta(..) | SourceEvent::Heartbeat(_), _)
        )
    }
}

/// What a click means where it was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Click {
    /// A page's name.
    Page(Page),
    /// A row of the page's table, by its key.
    Row(String),
}

/// What a source of frames says.
#[derive(Debug, Clone)]
pub enum SourceEvent {
    /// It tries an address.
    Connecting(String),
    /// It is connected, as whom.
    Connected {
        /// The address.
        endpoint: String,
        /// Who we are there.
        identity: Identity,
    },
    /// A whole frame.
    Snapshot(Box<World>),
    /// What changed, and how many frames were folded into it.
    Delta(Box<Delta>, u32),
    /// Nothing changed; the other side's clock in milliseconds since 1970.
    Heartbeat(i64),
    /// Nothing arrived for longer than a heartbeat takes.
    Silent,
    /// The connection broke or could not be made.
    Lost {
        /// What was tried and what came back.
        why: String,
        /// Milliseconds until the next try.
        retry_in_ms: u64,
    },
    /// The token is not accepted; the source waits until it is told to try again.
    Refused(String),
    /// A recording brings a frame, or another position in it.
    Replayed(Box<Replayed>),
    /// A recording has no more, or cannot be used; why.
    ReplayEnded(String),
}

/// Who the token belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Its name.
    pub name: String,
    /// Whether it may act.
    pub operator: bool,
}

/// What came back.
#[derive(Debug, Clone)]
pub enum Reply {
    /// The plan that was asked for with this ticket.
    Plan(u64, Result<Box<Plan>, Failure>),
    /// How the plan on the screen stands now.
    Standing(u64, Result<Box<Standing>, Failure>),
    /// The operation that a plan became.
    Executed(u64, Result<Box<Operation>, Failure>),
    /// An alert was acknowledged.
    Acknowledged(String, Result<(), Failure>),
    /// What health endpoints answered.
    Probed(Vec<Answer>),
    /// The runbook that was asked for with this ticket.
    Runbook(u64, Result<Box<Runbook>, Failure>),
    /// A decision about an operation arrived.
    Resolved(String, Result<Box<Operation>, Failure>),
}

/// Why a request did not do what it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// For a person.
    pub text: String,
    /// It may have been carried out all the same.
    pub unknown: bool,
}

/// Something to do outside.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Leave.
    Quit,
    /// Suspend the process.
    Suspend,
    /// Draw everything again, not only what changed.
    Redraw,
    /// Tell beyond the screen.
    Notify(Notification),
    /// Have the terminal keep a text for pasting.
    Copy(String),
    /// Try to connect now.
    Reconnect,
    /// Go through the recording; it is opened when it is not open.
    Replay(Wish),
    /// Close the recording: the present is shown.
    Present,
    /// Ask health endpoints: no control plane answers.
    Probe(Vec<Endpoint>),
    /// Ask for a plan. Changes nothing.
    Plan {
        /// Comes back with the reply.
        ticket: u64,
        /// What for.
        request: PlanRequest,
    },
    /// Ask how a plan stands that is on the screen: as long as an operator asks, it is kept ready.
    Standing {
        /// Comes back with the reply.
        ticket: u64,
        /// The plan's id.
        plan: String,
    },
    /// Ask for a runbook. Changes nothing.
    Runbook {
        /// Comes back with the reply.
        ticket: u64,
        /// Which.
        id: String,
        /// The region to write it for; the control plane chooses when there is none.
        region: Option<RegionId>,
    },
    /// Change something. Only [`crate::safety::gate`] makes the value it needs.
    Act {
        /// Comes back with the reply to a plan that is carried out.
        ticket: u64,
        /// What was let through.
        permitted: Permitted,
    },
}
