//! From items to durable records: the part that every way in shares.

use crate::answer::ItemError;
use crate::envelope::{Item, Malformed, Source};
use crate::identity;
use crate::normalise::{self, time};
use aisoc_bus::spool::{Spool, SpoolRecord};
use aisoc_bus::{BusError, Record};
use aisoc_model::event::{EventRecord, Tenant, topic};
use aisoc_model::text::sanitize;
use aisoc_model::{Clock, RegionId};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use std::sync::Arc;

/// The most of a malformed event that its dead letter keeps.
const DEAD_LETTER_BYTES: usize = 64 << 10;
/// Rejections of one request that are told one by one.
const TOLD: usize = 1_000;

/// What became of a request's events. All of them are durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// Events on their way to the regions.
    pub accepted: usize,
    /// Events in the dead-letter topic.
    pub rejected: usize,
    /// Why, one by one.
    pub errors: Vec<ItemError>,
}

/// What the dead-letter topic holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DeadLetter<'a> {
    /// Tenant; from the token.
    pub tenant: &'a str,
    /// The client's connector.
    pub connector_id: &'a str,
    /// What the client called the format.
    pub source_format: &'a str,
    /// The region that accepted it; it alone keeps it.
    pub origin_region: &'a RegionId,
    /// When.
    pub received_at: Timestamp,
    /// For programs.
    pub code: &'a str,
    /// For people.
    pub reason: &'a str,
    /// The event as it came, as far as it is kept.
    pub raw: &'a str,
    /// Whether `raw` is only its beginning.
    pub truncated: bool,
}

/// Makes items durable. Cheap to clone.
#[derive(Clone)]
pub struct Acceptor {
    /// The region it is in.
    pub region: RegionId,
    /// Where records become durable.
    pub spool: Spool,
    /// The present.
    pub clock: Arc<dyn Clock>,
}

impl Acceptor {
    /// Takes the items of one request: all of them are durable on return, or none counts as accepted.
    ///
    /// # Errors
    /// The spool's, when it did not take them.
    pub async fn accept(
        &self,
        tenant: &Tenant,
        source: Source,
        items: Vec<Item>,
        traceparent: Option<String>,
    ) -> Result<Accepted, BusError> {
        let batch = Batch {
            region: &self.region,
            tenant,
            source: &source,
            traceparent: traceparent.as_deref(),
            received_at: self.clock.now(),
        };
        let mut records = Vec::with_capacity(items.len());
        let mut outcome = Accepted {
            accepted: 0,
            rejected: 0,
            errors: Vec::new(),
        };
        for Item { index, event } in items {
            match event.and_then(|event| batch.event(event)) {
                Ok(record) => {
                    outcome.accepted += 1;
                    records.push(record);
                }
                Err(malformed) => {
                    outcome.rejected += 1;
                    records.push(batch.dead_letter(&malformed));
                    if outcome.errors.len() < TOLD {
                        outcome.errors.push(ItemError {
                            index,
                            code: malformed.code,
                            reason: malformed.reason,
                        });
                    }
                }
            }
        }
        self.spool.append(records).await?;
        Ok(outcome)
    }
}

/// What the events of a request have in common.
struct Batch<'a> {
    region: &'a RegionId,
    tenant: &'a Tenant,
    source: &'a Source,
    traceparent: Option<&'a str>,
    received_at: Timestamp,
}

impl Batch<'_> {
    fn event(&self, event: Map<String, Value>) -> Result<SpoolRecord, Malformed> {
        let columns = normalise::columns(&event);
        let event_id = match columns.id.as_deref().map(identity::client_id) {
            Some(Ok(id)) => id,
            Some(Err(reason)) => {
                let raw = serde_json::to_string(&event).unwrap_or_default();
                return Err(Malformed {
                    code: "bad_event_id",
                    reason,
                    raw,
                });
            }
            None => identity::derived(&self.tenant.id, &self.source.connector_id, &event, columns.time),
        };
        let said = self.source.source_format.as_str();
        let entities = &columns.entities;
        let about = [&entities.host, &entities.user, &entities.ip]
            .into_iter()
            .flatten()
            .next();
        let key = format!("{}|{}", self.tenant.id, about.map_or("-", String::as_str));
        let record = EventRecord {
            event_id,
            tenant: self.tenant.id.clone(),
            origin_region: self.region.clone(),
            home_region: self.tenant.home_region.clone(),
            connector_id: self.source.connector_id.clone(),
            source_format: if matches!(said, "" | "auto" | "json") {
                columns.format
            } else {
                said
            }
            .to_owned(),
            received_at: self.received_at,
            event_time: time::plausible(columns.time, self.received_at),
            class: columns.class,
            severity: columns.severity,
            entities: columns.entities,
            traceparent: self.traceparent.map(str::to_owned),
            enrichment: None,
            raw_data: Value::Object(event),
        };
        let payload = serde_json::to_vec(&record).map_err(|error| Malformed {
            code: "not_storable",
            reason: sanitize(&format!("the event could not be written as JSON: {error}"), 300),
            raw: String::new(),
        })?;
        Ok(SpoolRecord {
            topic: topic::RAW_EVENTS.to_owned(),
            record: Record {
                key,
                payload: payload.into(),
                at: self.received_at,
            },
            only: self.tenant.residency.clone(),
        })
    }

    /// Dead letters stay in the region that accepted them: they are for its operators, and of use to no rule.
    fn dead_letter(&self, malformed: &Malformed) -> SpoolRecord {
        let mut end = malformed.raw.len().min(DEAD_LETTER_BYTES);
        while !malformed.raw.is_char_boundary(end) {
            end -= 1;
        }
        let letter = DeadLetter {
            tenant: &self.tenant.id,
            connector_id: &self.source.connector_id,
            source_format: &self.source.source_format,
            origin_region: self.region,
            received_at: self.received_at,
            code: malformed.code,
            reason: &malformed.reason,
            raw: malformed.raw.get(..end).unwrap_or_default(),
            truncated: end < malformed.raw.len(),
        };
        SpoolRecord {
            topic: topic::DEAD_LETTERS.to_owned(),
            record: Record {
                key: format!("{}|dead-letter", self.tenant.id),
                // A struct of texts always serialises.
                payload: serde_json::to_vec(&letter).unwrap_or_default().into(),
                at: self.received_at,
            },
            only: vec![self.region.clone()],
        }
    }
}
