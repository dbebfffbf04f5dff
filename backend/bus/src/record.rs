//! Records, and how they are written to disk.

use crate::error::{BusError, Result};
use crate::proto;
use bytes::Bytes;
use jiff::Timestamp;

/// The largest key, topic, group or origin name.
pub(crate) const MAX_NAME: usize = 512;
/// The largest payload: an event of the size limit of ingest, with its columns.
pub(crate) const MAX_PAYLOAD: usize = 24 << 20;

/// One record of a topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// `tenant|entity`.
    pub key: String,
    /// JSON of what the topic carries.
    pub payload: Bytes,
    /// When it was accepted by ingest; it travels with the record, lag is measured against it.
    pub at: Timestamp,
}

impl Record {
    /// Bytes that count against bounds.
    #[must_use]
    pub fn weight(&self) -> u64 {
        (self.key.len() + self.payload.len() + 32) as u64
    }

    pub(crate) fn check(&self) -> Result<()> {
        if self.key.len() > MAX_NAME {
            return Err(BusError::Invalid(format!(
                "a record's key is longer than {MAX_NAME} bytes"
            )));
        }
        if self.payload.len() > MAX_PAYLOAD {
            return Err(BusError::Invalid(format!(
                "a record's payload is larger than {MAX_PAYLOAD} bytes"
            )));
        }
        Ok(())
    }
}

/// Who numbered the records of an append, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sequenced {
    /// The numbering party, for example a spool's `region/incarnation` or a consumer group.
    pub origin: String,
    /// One number a record, strictly ascending.
    pub sequences: Vec<u64>,
}

impl Sequenced {
    pub(crate) fn check(&self, records: usize) -> Result<()> {
        check_name("origin", &self.origin)?;
        if self.sequences.len() != records {
            return Err(BusError::Invalid(format!(
                "{records} records came with {} sequences; send one each",
                self.sequences.len()
            )));
        }
        if !self.sequences.is_sorted_by(|a, b| a < b) {
            return Err(BusError::Invalid("sequences must ascend strictly".to_owned()));
        }
        Ok(())
    }
}

/// The answer to a fetch.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fetched {
    /// Offset and record, ascending; offsets that retention removed are skipped.
    pub records: Vec<(u64, Record)>,
    /// The topic's next offset.
    pub end: u64,
}

/// Names become keys of the database: bounded, printable, and without the separator.
pub(crate) fn check_name(what: &str, name: &str) -> Result<()> {
    let printable = name.bytes().all(|b| b.is_ascii_graphic());
    if name.is_empty() || name.len() > 200 || !printable {
        let name = aisoc_model::text::sanitize(name, 80);
        return Err(BusError::Invalid(format!(
            "'{name}' is not a valid {what}: use 1 to 200 printable ASCII characters without spaces"
        )));
    }
    Ok(())
}

impl From<Record> for proto::Record {
    fn from(record: Record) -> Self {
        Self {
            key: record.key,
            payload: record.payload,
            at_us: record.at.as_microsecond(),
        }
    }
}

impl From<proto::Record> for Record {
    fn from(record: proto::Record) -> Self {
        // Only a time beyond the calendar fails; the epoch makes such a record merely look old.
        let at = Timestamp::from_microsecond(record.at_us).unwrap_or(Timestamp::UNIX_EPOCH);
        Self {
            key: record.key,
            payload: record.payload,
            at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    #[rstest]
    #[case("aisoc.raw_events", true)]
    #[case("", false)]
    #[case("a b", false)]
    #[case("a\0b", false)]
    #[case("ü", false)]
    fn names(#[case] name: &str, #[case] valid: bool) {
        assert_eq!(check_name("topic", name).is_ok(), valid);
    }

    #[rstest]
    #[case(vec![1, 2, 9], 3, true)]
    #[case(vec![1, 1], 2, false)]
    #[case(vec![2, 1], 2, false)]
    #[case(vec![1], 2, false)]
    fn sequences_ascend(#[case] given: Vec<u64>, #[case] records: usize, #[case] valid: bool) {
        let sequenced = Sequenced {
            origin: "us".to_owned(),
            sequences: given,
        };
        assert_eq!(sequenced.check(records).is_ok(), valid);
    }

    proptest! {
        #[test]
        fn survives_the_wire(key in ".{0,40}", payload: Vec<u8>, us in 0i64..4_000_000_000_000_000) {
            let record =
                Record { key, payload: payload.into(), at: Timestamp::from_microsecond(us).unwrap() };
            prop_assert_eq!(Record::from(proto::Record::from(record.clone())), record);
        }
    }
}
