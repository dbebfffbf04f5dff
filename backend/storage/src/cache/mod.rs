//! Answers worth keeping: first in the process, then in the region's Redis, then from the source.
//!
//! Redis is a convenience. When it is down, slow, read-only or full of garbage, every call still works; it is just
//! not asked again for a moment.

mod memory;
mod remote;

use aisoc_model::{Clock, SystemClock};
use memory::{Memory, Stored};
use remote::Remote;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// Share by which a lifetime is shortened at random, so that entries made together do not all expire together.
const JITTER: f64 = 0.2;

/// A cache. Clones share everything.
#[derive(Clone)]
pub struct Cache {
    inner: Arc<Inner>,
}

struct Inner {
    clock: Arc<dyn Clock>,
    memory: Mutex<Memory>,
    remote: Option<Remote>,
    /// One load for each key at a time; the others wait for it.
    flights: Mutex<HashMap<String, Weak<tokio::sync::Mutex<()>>>>,
}

/// What a cache holds: a value, or that there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept<T>(pub Option<T>);

impl std::fmt::Debug for Cache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Cache")
            .field("redis", &self.inner.remote.is_some())
            .finish_non_exhaustive()
    }
}

impl Cache {
    /// A cache of at most `capacity` entries in the process, with Redis behind it if an address is given. An
    /// address that cannot be used is logged and left out.
    #[must_use]
    pub fn new(redis_url: Option<&str>, capacity: usize) -> Self {
        Self::with_clock(redis_url, capacity, Arc::new(SystemClock))
    }

    /// The same with another clock.
    #[must_use]
    pub fn with_clock(redis_url: Option<&str>, capacity: usize, clock: Arc<dyn Clock>) -> Self {
        let remote = redis_url.and_then(|url| {
            Remote::open(url, Arc::clone(&clock))
                .inspect_err(|error| tracing::warn!(%error, "Redis is left out: its address cannot be used"))
                .ok()
        });
        let inner = Inner {
            clock,
            memory: Mutex::new(Memory::new(capacity)),
            remote,
            flights: Mutex::default(),
        };
        Self {
            inner: Arc::new(inner),
        }
    }

    /// The value of `key`: from the process, from Redis, or from `load`, whose answer is kept for `lifetime`.
    /// "There is none" is an answer too and is kept as such.
    ///
    /// # Errors
    /// Only what `load` fails with; nothing is kept then.
    pub async fn get_or_load<T, E, F, Fut>(
        &self,
        key: &str,
        lifetime: Duration,
        load: F,
    ) -> Result<Option<T>, E>
    where
        T: Serialize + DeserializeOwned,
        F: FnOnce() -> Fut,
        Fut: Future<Output = Result<Option<T>, E>>,
    {
        if let Some(Kept(found)) = self.in_memory(key) {
            return Ok(found);
        }
        let flight = self.flight(key);
        let _only_one = flight.lock().await;
        if let Some(Kept(found)) = self.in_memory(key) {
            return Ok(found);
        }
        if let Some(stored) = self.in_redis(key).await
            && let Ok(value) = serde_json::from_slice(&stored)
        {
            self.keep_in_memory(key, stored, lifetime);
            return Ok(value);
        }
        let value = load().await?;
        match serde_json::to_vec(&value) {
            Ok(bytes) => {
                let stored: Stored = bytes.into();
                self.keep_in_memory(key, Arc::clone(&stored), lifetime);
                if let Some(remote) = &self.inner.remote {
                    remote.set(key, &stored, jittered(lifetime)).await;
                }
            }
            Err(error) => tracing::warn!(key, %error, "a value that is not JSON is not cached"),
        }
        Ok(value)
    }

    /// What the process itself holds under `key`, even if it expired up to `grace` ago: the answer of last resort
    /// when the source is away.
    #[must_use]
    pub fn stale<T: DeserializeOwned>(&self, key: &str, grace: Duration) -> Option<Kept<T>> {
        let stored = self.lock_memory().get(key, self.inner.clock.now(), grace)?;
        serde_json::from_slice(&stored).ok().map(Kept)
    }

    /// Forgets `key` in the process and in Redis.
    pub async fn forget(&self, key: &str) {
        self.lock_memory().remove(key);
        if let Some(remote) = &self.inner.remote {
            remote.remove(key).await;
        }
    }

    fn in_memory<T: DeserializeOwned>(&self, key: &str) -> Option<Kept<T>> {
        self.stale(key, Duration::ZERO)
    }

    async fn in_redis(&self, key: &str) -> Option<Stored> {
        self.inner.remote.as_ref()?.get(key).await
    }

    fn keep_in_memory(&self, key: &str, stored: Stored, lifetime: Duration) {
        let until = memory::after(self.inner.clock.now(), jittered(lifetime));
        self.lock_memory().insert(key, stored, until);
    }

    fn flight(&self, key: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut flights = self.inner.flights.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(flight) = flights.get(key).and_then(Weak::upgrade) {
            return flight;
        }
        flights.retain(|_, flight| flight.strong_count() > 0);
        let flight = Arc::default();
        flights.insert(key.to_owned(), Arc::downgrade(&flight));
        flight
    }

    fn lock_memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.inner.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn jittered(lifetime: Duration) -> Duration {
    lifetime.mul_f64(1.0 - JITTER * rand::random::<f64>())
}
