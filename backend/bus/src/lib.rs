//! Durable topics for one region, and the spool that carries accepted events to every region.
//!
//! Two parts, both on fjall with group commit:
//! * the **bus** ([`Bus`]): topics with offsets, consumer-group commits, bounded retention and long-poll
//!   fetch; embedded in the ingest process of a region, reached from the other services over gRPC;
//! * the **spool** ([`spool::Spool`]): what ingest makes durable before it answers, with one cursor per
//!   destination region, and the [`spool::fanout`] task that moves one cursor.
//!
//! Delivery is exactly once on the destination bus: the spool sends in order and repeats after an unknown
//! outcome; the bus drops sequences it already took from that origin.
//!
//! Not here: what a record means (that is `aisoc_model::event`), and Kafka, which becomes another variant of
//! [`Bus`].

pub mod disk;
pub mod embedded;
mod error;
mod keeper;
mod ledger;
mod log;
mod record;
pub mod remote;
pub mod server;
pub mod spool;
mod stats;
mod wire;
mod writer;

pub use error::{BusError, Result};
pub use record::{Fetched, Record, Sequenced};
pub use stats::{BusStats, CursorStats, GroupStats, TopicStats};

use embedded::EmbeddedBus;
use remote::RemoteBus;
use std::sync::Arc;
use std::time::Duration;

/// Generated from `proto/bus.proto`.
#[allow(missing_docs, clippy::pedantic)]
pub mod proto {
    tonic::include_proto!("aisoc.bus.v1");
}

/// A region's bus, in this process or in another.
#[derive(Clone)]
pub enum Bus {
    /// In this process.
    Embedded(Arc<EmbeddedBus>),
    /// In the region's ingest process.
    Remote(RemoteBus),
}

impl Bus {
    /// Appends `records` to `topic`; they are durable when this returns the topic's next offset.
    ///
    /// With `dedupe` = (origin, first sequence) the append is idempotent: the records are numbered upwards
    /// from the first sequence, and those the topic already took from that origin are dropped. A consumer that
    /// derives one record from each record of another topic uses the source offset as sequence.
    ///
    /// # Errors
    /// [`BusError::Full`] and [`BusError::DiskFull`] when nothing was written for lack of room; anything else
    /// leaves the outcome unknown: repeat with the same sequences.
    pub async fn append(
        &self,
        topic: &str,
        records: Vec<Record>,
        dedupe: Option<(&str, u64)>,
    ) -> Result<u64> {
        let sequenced = dedupe.map(|(origin, first)| Sequenced {
            origin: origin.to_owned(),
            sequences: (first..).take(records.len()).collect(),
        });
        self.append_sequenced(topic, records, sequenced).await
    }

    /// As [`Bus::append`], with a sequence of its own for each record, so that there may be gaps.
    ///
    /// # Errors
    /// As [`Bus::append`].
    pub async fn append_sequenced(
        &self,
        topic: &str,
        records: Vec<Record>,
        sequenced: Option<Sequenced>,
    ) -> Result<u64> {
        match self {
            Self::Embedded(bus) => bus.append(topic, records, sequenced).await,
            Self::Remote(bus) => bus.append(topic, records, sequenced).await,
        }
    }

    /// Records of `topic` from offset `from` on: at once when there are some, else after at most `wait`.
    ///
    /// # Errors
    /// [`BusError::BeyondEnd`] when `from` is past the topic's end, which means that the consumer's offset
    /// belongs to another bus; otherwise the bus could not be read or reached.
    pub async fn fetch(&self, topic: &str, from: u64, max: usize, wait: Duration) -> Result<Fetched> {
        match self {
            Self::Embedded(bus) => bus.fetch(topic, from, max, wait).await,
            Self::Remote(bus) => bus.fetch(topic, from, max, wait).await,
        }
    }

    /// Stores the offset at which `group` goes on reading `topic`. It never moves backwards.
    ///
    /// # Errors
    /// When the bus could not be written or reached; repeating it is safe.
    pub async fn commit(&self, group: &str, topic: &str, next: u64) -> Result<()> {
        match self {
            Self::Embedded(bus) => bus.commit(group, topic, next).await,
            Self::Remote(bus) => bus.commit(group, topic, next).await,
        }
    }

    /// The offset at which `group` goes on reading `topic`; `None` when it never committed.
    ///
    /// # Errors
    /// When the bus could not be reached.
    pub async fn committed(&self, group: &str, topic: &str) -> Result<Option<u64>> {
        match self {
            Self::Embedded(bus) => bus.committed(group, topic),
            Self::Remote(bus) => bus.committed(group, topic).await,
        }
    }

    /// Topic ends, group lags, bytes on disk; over gRPC also the state of the region's spool and event store.
    ///
    /// # Errors
    /// When the bus could not be read or reached.
    pub async fn stats(&self) -> Result<BusStats> {
        match self {
            Self::Embedded(bus) => bus.stats().await,
            Self::Remote(bus) => bus.stats().await,
        }
    }
}
