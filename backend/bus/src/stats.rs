//! What a bus tells about itself.

use aisoc_model::region::{BusState, GroupLag, TopicDepth};

/// The state of a region's bus, its spool and its event store.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct BusStats {
    /// Topics.
    pub topics: Vec<TopicStats>,
    /// Consumer groups.
    pub groups: Vec<GroupStats>,
    /// Bytes on disk.
    pub bytes: u64,
    /// The region's spool, one cursor a destination.
    pub spool: Vec<CursorStats>,
    /// Events in the region's event store.
    pub stored_events: u64,
}

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicStats {
    /// Its name.
    pub topic: String,
    /// Oldest offset still held.
    pub start: u64,
    /// Next offset.
    pub end: u64,
    /// Bytes of the records held.
    pub bytes: u64,
}

/// A consumer group on a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct GroupStats {
    /// Its name.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// Records behind the end.
    pub lag_records: u64,
    /// Seconds since the oldest record it has not consumed was accepted; 0 when nothing waits.
    pub lag_seconds: f64,
}

/// How far the spool has got with one destination region.
#[derive(Debug, Clone, PartialEq)]
pub struct CursorStats {
    /// The destination.
    pub region: String,
    /// Records that it has not taken yet.
    pub pending: u64,
    /// Seconds since the oldest of them was accepted; 0 when nothing waits.
    pub pending_seconds: f64,
    /// Why the last try failed; `None` while it works.
    pub failure: Option<String>,
}

impl From<BusStats> for BusState {
    fn from(stats: BusStats) -> Self {
        Self {
            topics: stats
                .topics
                .into_iter()
                .map(|t| TopicDepth {
                    topic: t.topic,
                    end: t.end,
                })
                .collect(),
            groups: stats
                .groups
                .into_iter()
                .map(|g| GroupLag {
                    group: g.group,
                    topic: g.topic,
                    records: g.lag_records,
                    seconds: g.lag_seconds,
                })
                .collect(),
            bytes: stats.bytes,
            // A record waits in the spool until the slowest region has it.
            spool_pending: stats.spool.iter().map(|c| c.pending).max().unwrap_or(0),
            stored_events: stats.stored_events,
        }
    }
}
