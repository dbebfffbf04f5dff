//! Between our types, the proto contract and the bytes on disk.

use crate::error::{BusError, Result};
use crate::proto;
use crate::record::Record;
use crate::stats::{BusStats, CursorStats, GroupStats, TopicStats};
use prost::Message;
use std::path::Path;

/// A record as it lies on disk.
pub(crate) struct Decoded {
    pub record: Record,
    pub topic: String,
    pub only: Vec<String>,
}

/// A topic's record for the disk.
pub(crate) fn encode_record(record: Record) -> Vec<u8> {
    encode(record, String::new(), Vec::new())
}

/// A spool's record for the disk.
pub(crate) fn encode(record: Record, topic: String, only: Vec<String>) -> Vec<u8> {
    proto::Stored {
        record: Some(record.into()),
        topic,
        only,
    }
    .encode_to_vec()
}

/// Reads what [`encode`] wrote.
pub(crate) fn decode(value: &[u8], path: &Path) -> Result<Decoded> {
    let damaged = || BusError::Storage {
        what: "decode a record",
        path: path.to_owned(),
        why: "the stored bytes are not a record".to_owned(),
    };
    let stored = proto::Stored::decode(value).map_err(|_| damaged())?;
    let record = stored.record.ok_or_else(damaged)?.into();
    Ok(Decoded {
        record,
        topic: stored.topic,
        only: stored.only,
    })
}

impl From<BusStats> for proto::StatsResponse {
    fn from(stats: BusStats) -> Self {
        let topics = stats.topics.into_iter().map(|t| proto::TopicStats {
            topic: t.topic,
            start: t.start,
            end: t.end,
            bytes: t.bytes,
        });
        let groups = stats.groups.into_iter().map(|g| proto::GroupStats {
            group: g.group,
            topic: g.topic,
            lag_records: g.lag_records,
            lag_seconds: g.lag_seconds,
        });
        let spool = stats.spool.into_iter().map(|c| proto::CursorStats {
            region: c.region,
            pending: c.pending,
            pending_seconds: c.pending_seconds,
            failure: c.failure.unwrap_or_default(),
        });
        Self {
            topics: topics.collect(),
            groups: groups.collect(),
            bytes: stats.bytes,
            spool: spool.collect(),
            stored_events: stats.stored_events,
        }
    }
}

impl From<proto::StatsResponse> for BusStats {
    fn from(stats: proto::StatsResponse) -> Self {
        let topics = stats.topics.into_iter().map(|t| TopicStats {
            topic: t.topic,
            start: t.start,
            end: t.end,
            bytes: t.bytes,
        });
        let groups = stats.groups.into_iter().map(|g| GroupStats {
            group: g.group,
            topic: g.topic,
            lag_records: g.lag_records,
            lag_seconds: g.lag_seconds,
        });
        let spool = stats.spool.into_iter().map(|c| CursorStats {
            region: c.region,
            pending: c.pending,
            pending_seconds: c.pending_seconds,
            failure: Some(c.failure).filter(|text| !text.is_empty()),
        });
        Self {
            topics: topics.collect(),
            groups: groups.collect(),
            bytes: stats.bytes,
            spool: spool.collect(),
            stored_events: stats.stored_events,
        }
    }
}
