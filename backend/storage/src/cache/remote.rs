//! The part of the cache that lives in Redis.

use super::memory::{Stored, after};
use crate::trace;
use aisoc_model::Clock;
use jiff::Timestamp;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, RedisResult};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tracing::Instrument;

/// An answer later than this costs more than it saves.
const ANSWER: Duration = Duration::from_millis(100);
const CONNECT: Duration = Duration::from_millis(300);
/// After a failure Redis is left alone for so long.
const REST: Duration = Duration::from_secs(2);
const PREFIX: &str = "aisoc:cache:";

pub(super) struct Remote {
    client: Client,
    clock: Arc<dyn Clock>,
    /// Connects in the background and again by itself; made at the first use, inside the runtime.
    manager: tokio::sync::OnceCell<ConnectionManager>,
    rest_until: Mutex<Timestamp>,
}

impl Remote {
    pub(super) fn open(url: &str, clock: Arc<dyn Clock>) -> RedisResult<Self> {
        Ok(Self {
            client: Client::open(url)?,
            clock,
            manager: tokio::sync::OnceCell::new(),
            rest_until: Mutex::new(Timestamp::UNIX_EPOCH),
        })
    }

    pub(super) async fn get(&self, key: &str) -> Option<Stored> {
        let mut command = redis::cmd("GET");
        command.arg(format!("{PREFIX}{key}"));
        let span = trace::call("redis", "GET");
        let bytes: Option<Vec<u8>> = self.ask(&command).instrument(span).await?;
        bytes.map(Into::into)
    }

    pub(super) async fn set(&self, key: &str, stored: &Stored, lifetime: Duration) {
        let mut command = redis::cmd("SET");
        let millis = u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX).max(1);
        command
            .arg(format!("{PREFIX}{key}"))
            .arg(&stored[..])
            .arg("PX")
            .arg(millis);
        let span = trace::call("redis", "SET");
        let _: Option<()> = self.ask(&command).instrument(span).await;
    }

    pub(super) async fn remove(&self, key: &str) {
        let mut command = redis::cmd("DEL");
        command.arg(format!("{PREFIX}{key}"));
        let _: Option<()> = self.ask(&command).await;
    }

    async fn ask<T: redis::FromRedisValue>(&self, command: &redis::Cmd) -> Option<T> {
        let now = self.clock.now();
        if now < *self.rest_until.lock().unwrap_or_else(PoisonError::into_inner) {
            return None;
        }
        // The manager waits for its connection without a bound of its own.
        let asked = tokio::time::timeout(CONNECT + ANSWER, async {
            let mut manager = self
                .manager
                .get_or_try_init(|| async { self.connect() })
                .await?
                .clone();
            command.query_async(&mut manager).await
        });
        match asked.await {
            Ok(Ok(answer)) => Some(answer),
            // The region's Redis is a replica of another region's: reads work, writes are not for us.
            Ok(Err(error)) if error.code() == Some("READONLY") => None,
            Ok(Err(error)) => self.rest(now, &error.to_string()),
            Err(_) => self.rest(now, "no answer in time"),
        }
    }

    fn connect(&self) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_number_of_retries(1);
        ConnectionManager::new_lazy_with_config(self.client.clone(), config)
    }

    fn rest<T>(&self, now: Timestamp, why: &str) -> Option<T> {
        tracing::debug!(why, "Redis does not answer, going on without it");
        *self.rest_until.lock().unwrap_or_else(PoisonError::into_inner) = after(now, REST);
        None
    }
}
