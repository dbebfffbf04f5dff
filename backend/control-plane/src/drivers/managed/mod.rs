//! Databases that a cloud manages: who is the writer there is changed by the cloud's API, not by Patroni.

pub mod rds;

use crate::drivers::DriverError;
use aisoc_model::RegionId;
use futures::future::BoxFuture;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A managed database with a replica in other regions.
pub trait ManagedDriver: Send + Sync {
    /// How the database stands that shall become the writer, now.
    fn read<'a>(&'a self, to: &'a RegionId) -> BoxFuture<'a, Result<ManagedReading, DriverError>>;

    /// Asks for `to` to become the writer; that goes on behind it, for minutes.
    fn make_writer<'a>(&'a self, to: &'a RegionId, way: Way) -> BoxFuture<'a, Result<(), DriverError>>;

    /// The exact request that [`ManagedDriver::make_writer`] makes, for the plan.
    fn request(&self, to: &RegionId, way: Way) -> String;

    /// The ways there are, the safest first.
    fn ways(&self) -> &'static [Way];
}

/// How a managed database changes its writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Way {
    /// A read replica becomes a database of its own, for ever; what it has not received is lost.
    Promote,
    /// The writer moves without loss; both regions have to be well.
    Switchover,
    /// The writer moves although writes may be lost.
    Failover,
}

impl Way {
    /// Whether acknowledged writes may be lost.
    #[must_use]
    pub fn may_lose(self) -> bool {
        matches!(self, Self::Promote | Self::Failover)
    }
}

/// How a managed database stands.
#[derive(Debug, Clone, PartialEq)]
pub struct ManagedReading {
    /// When.
    pub at: Timestamp,
    /// What the cloud says.
    pub what: Managed,
}

/// What the cloud says of a database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Managed {
    /// An instance.
    Instance {
        /// Its identifier.
        id: String,
        /// The cloud's word: `available`, `backing-up`, `modifying`, …
        status: String,
        /// What it replicates; `None` when it is a database of its own.
        replica_of: Option<String>,
    },
    /// A cluster over several regions.
    Global {
        /// Its identifier.
        id: String,
        /// The cloud's word: `available`, `switching-over`, `failing-over`, …
        status: String,
        /// Whether the region that was asked about has the writer.
        writes: bool,
        /// Whether that region's cluster belongs to it.
        member: bool,
        /// A change of the writer that goes on, in the cloud's words.
        moving: Option<String>,
    },
}
