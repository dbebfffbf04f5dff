//! Alerts on their way to the agents.

use super::{BUS, Service};
use aisoc_bus::Record;
use aisoc_model::event::{SecurityAlert, topic};
use aisoc_telemetry::retry::until_done;
use jiff::Timestamp;
use std::collections::VecDeque;
use tokio_util::sync::CancellationToken;

/// Records of one append.
const CHUNK: usize = 500;

/// Committed alerts that the bus does not have yet. Bounded by the loop: it does not fetch before they are sent.
#[derive(Debug, Default)]
pub(super) struct Announcements {
    waiting: VecDeque<SecurityAlert>,
}

impl Announcements {
    pub(super) fn add(&mut self, alerts: impl Iterator<Item = SecurityAlert>) {
        self.waiting.extend(alerts);
    }

    /// Sends all; `None` when shutdown came while the bus was away. They stay waiting then, and a start finds them
    /// in the database.
    pub(super) async fn send(&mut self, service: &Service, shutdown: &CancellationToken) -> Option<()> {
        while !self.waiting.is_empty() {
            let now = service.clock.now();
            let chunk: Vec<Record> = self
                .waiting
                .iter()
                .take(CHUNK)
                .filter_map(|alert| record(alert, now))
                .collect();
            let append = || service.bus.append(topic::ALERTS, chunk.clone(), None);
            until_done(BUS, &service.readiness, shutdown, append).await?;
            self.waiting.drain(..CHUNK.min(self.waiting.len()));
        }
        Some(())
    }
}

fn record(alert: &SecurityAlert, at: Timestamp) -> Option<Record> {
    let entities = &alert.entities;
    let entity = entities
        .host
        .as_ref()
        .or(entities.user.as_ref())
        .or(entities.ip.as_ref());
    let key = format!("{}|{}", alert.tenant, entity.map_or("-", String::as_str));
    match serde_json::to_vec(alert) {
        Ok(payload) => Some(Record {
            // The key only groups; a host name of any length must not make a record that the bus refuses.
            key: key.chars().take(100).collect(),
            payload: payload.into(),
            at,
        }),
        Err(error) => {
            tracing::error!(alert = %alert.id, %error, "an alert cannot be written as JSON: not announced");
            None
        }
    }
}
