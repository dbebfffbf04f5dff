//! Who is asking: a token speaks for a tenant.
//!
//! All valid tokens' hashes are kept in the process and read again every now and then, so that a request costs no
//! database call, an attacker's guesses cannot push good entries out, and a short database outage locks nobody out.
//! With several clusters a copy of the directory is read while its home is away.

use crate::error::ApiError;
use aisoc_model::event::Tenant;
use aisoc_storage::Clusters;
use aisoc_storage::tenants::{self, TokenGrant};
use axum::http::{HeaderMap, header};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// Known tokens are read again after so long: a revoked one works at most that much longer.
const FRESH: Duration = Duration::from_secs(15);
/// For an unknown token they are read again at most this often.
const AGAIN: Duration = Duration::from_secs(1);
/// While the database is away, known tokens keep working for so long.
const SURVIVES: Duration = Duration::from_mins(15);

/// `None` when never read.
type Snapshot = Option<(Arc<HashMap<String, Arc<Tenant>>>, Instant)>;

pub(crate) struct Tokens {
    clusters: Clusters,
    snapshot: RwLock<Snapshot>,
    reading: tokio::sync::Mutex<()>,
    /// A copy of the directory could not be brought up to date.
    unshared: Arc<AtomicBool>,
}

impl Tokens {
    pub(crate) fn new(clusters: Clusters) -> Self {
        Self {
            clusters,
            snapshot: RwLock::default(),
            reading: tokio::sync::Mutex::default(),
            unshared: Arc::default(),
        }
    }

    /// The tenant for which the request's token speaks.
    pub(crate) async fn tenant(self: &Arc<Self>, headers: &HeaderMap) -> Result<Arc<Tenant>, ApiError> {
        let hash = tenants::hash_token(bearer(headers).ok_or_else(ApiError::unauthorized)?);
        let (found, age) = self.find(&hash);
        match (found, age) {
            (Some(tenant), Some(age)) if age < SURVIVES => {
                if age >= FRESH {
                    self.refresh_in_background();
                }
                Ok(tenant)
            }
            (None, Some(age)) if age < AGAIN => Err(ApiError::unauthorized()),
            _ => {
                self.refresh().await?;
                self.find(&hash).0.ok_or_else(ApiError::unauthorized)
            }
        }
    }

    fn find(&self, hash: &str) -> (Option<Arc<Tenant>>, Option<Duration>) {
        match self
            .snapshot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
        {
            Some((tokens, at)) => (tokens.get(hash).cloned(), Some(at.elapsed())),
            None => (None, None),
        }
    }

    fn refresh_in_background(self: &Arc<Self>) {
        let tokens = Arc::clone(self);
        tokio::spawn(async move {
            // Somebody else is at it: that is enough.
            if let Ok(_alone) = tokens.reading.try_lock() {
                let _ = tokens.read().await;
            }
        });
    }

    async fn refresh(&self) -> Result<(), ApiError> {
        let asked = Instant::now();
        let _alone = self.reading.lock().await;
        let read_meanwhile = self
            .snapshot
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()
            .is_some_and(|(_, at)| *at >= asked);
        if read_meanwhile {
            return Ok(());
        }
        self.read().await
    }

    async fn read(&self) -> Result<(), ApiError> {
        let grants = self.clusters.grants().await?;
        let tokens: HashMap<_, _> = grants
            .into_iter()
            .map(|TokenGrant { token_sha256, tenant }| (token_sha256, Arc::new(tenant)))
            .collect();
        let changed = {
            let mut snapshot = self.snapshot.write().unwrap_or_else(PoisonError::into_inner);
            let changed = snapshot.as_ref().is_some_and(|(known, _)| **known != tokens);
            *snapshot = Some((Arc::new(tokens), Instant::now()));
            changed
        };
        if changed || self.unshared.load(Ordering::Relaxed) {
            self.share();
        }
        Ok(())
    }

    /// The directory changed: the other clusters' copies follow, behind the request that found it out.
    fn share(&self) {
        let (clusters, unshared) = (self.clusters.clone(), Arc::clone(&self.unshared));
        tokio::spawn(async move {
            unshared.store(clusters.share_directory().await.is_err(), Ordering::Relaxed);
        });
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers
        .get(header::AUTHORIZATION)?
        .to_str()
        .ok()?
        .split_once(' ')?;
    (scheme.eq_ignore_ascii_case("bearer") && !token.trim().is_empty()).then(|| token.trim())
}

/// Whether the request carries the token of `/internal/*`.
pub(crate) fn is_internal(headers: &HeaderMap, expected: Option<&str>) -> bool {
    match (bearer(headers), expected) {
        (Some(token), Some(expected)) => token.as_bytes().ct_eq(expected.as_bytes()).into(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn headers(value: &str) -> HeaderMap {
        [(header::AUTHORIZATION, value.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[rstest]
    #[case("Bearer abc", Some("abc"))]
    #[case("bearer  abc ", Some("abc"))]
    #[case("Bearer ", None)]
    #[case("Basic abc", None)]
    #[case("abc", None)]
    fn bearer_tokens(#[case] value: &str, #[case] token: Option<&str>) {
        assert_eq!(bearer(&headers(value)), token);
    }

    #[test]
    fn internal_routes_are_closed_without_a_token() {
        assert!(is_internal(&headers("Bearer x"), Some("x")));
        assert!(!is_internal(&headers("Bearer y"), Some("x")));
        assert!(!is_internal(&headers("Bearer x"), None));
        assert!(!is_internal(&HeaderMap::new(), Some("x")));
    }
}
