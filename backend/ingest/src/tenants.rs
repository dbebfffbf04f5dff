//! Which tenant a token speaks for, also while PostgreSQL is away.
//!
//! The grants (hashes, never tokens) are kept in memory and in `tenants.json`; PostgreSQL refreshes both. A
//! token that is not known is looked up at once, so that a new one works immediately, but not more often than
//! [`ASK_AGAIN`], so that guessing tokens does not load the database.

use aisoc_model::event::Tenant;
use aisoc_model::{Clock, text};
use aisoc_storage::Clusters;
use aisoc_storage::tenants::{TokenGrant, hash_token};
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::future::Future;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio_util::sync::CancellationToken;

/// Time between refreshes while they succeed.
const REFRESH: Duration = Duration::from_secs(30);
/// First pause after one that failed; it doubles up to [`REFRESH`].
const RETRY: Duration = Duration::from_secs(1);
/// Least time between look-ups of unknown tokens.
const ASK_AGAIN: SignedDuration = SignedDuration::from_secs(2);
/// Longest that a request waits for a look-up.
const LOOK_UP: Duration = Duration::from_secs(3);

/// Where grants come from.
pub trait Grants: Send + Sync + 'static {
    /// Every valid token's hash with its tenant.
    fn all(&self) -> Pin<Box<dyn Future<Output = Result<Vec<TokenGrant>, String>> + Send + '_>>;
}

impl Grants for Clusters {
    fn all(&self) -> Pin<Box<dyn Future<Output = Result<Vec<TokenGrant>, String>> + Send + '_>> {
        Box::pin(async { Clusters::grants(self).await.map_err(|error| error.to_string()) })
    }
}

/// Why a token does not speak for a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotKnown {
    /// It is not among the valid ones.
    Refused,
    /// No grants were ever loaded, so nothing can be said about any token.
    NotLoaded,
}

#[derive(Serialize, Deserialize)]
struct File {
    refreshed_at: Timestamp,
    grants: Vec<TokenGrant>,
}

#[derive(Default)]
struct Known {
    loaded: bool,
    by_hash: HashMap<String, Arc<Tenant>>,
    grants: Vec<TokenGrant>,
}

/// The tenants this process accepts events for.
pub struct Directory {
    path: PathBuf,
    known: RwLock<Known>,
    source: Option<Arc<dyn Grants>>,
    asked: tokio::sync::Mutex<Option<Timestamp>>,
    clock: Arc<dyn Clock>,
}

impl Directory {
    /// Starts with what `tenants.json` in `path` says. A file that cannot be read counts as none.
    #[must_use]
    pub fn open(path: PathBuf, source: Option<Arc<dyn Grants>>, clock: Arc<dyn Clock>) -> Self {
        let mut known = Known::default();
        match std::fs::read(&path) {
            Ok(bytes) => match serde_json::from_slice::<File>(&bytes) {
                Ok(file) => known = Known::of(file.grants),
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "the tenant cache cannot be read; it will be written anew");
                }
            },
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => tracing::warn!(path = %path.display(), %error, "the tenant cache cannot be read"),
        }
        Self {
            path,
            known: RwLock::new(known),
            source,
            asked: tokio::sync::Mutex::default(),
            clock,
        }
    }

    /// Whether grants were ever loaded.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.known.read().unwrap_or_else(PoisonError::into_inner).loaded
    }

    /// The tenant that `token` speaks for.
    ///
    /// # Errors
    /// See [`NotKnown`].
    pub async fn authenticate(&self, token: &str) -> Result<Arc<Tenant>, NotKnown> {
        let hash = hash_token(token);
        if let Some(tenant) = self.find(&hash) {
            return Ok(tenant);
        }
        // A look-up that takes longer goes on being tried by the refresh task.
        let _ = tokio::time::timeout(LOOK_UP, self.look_up()).await;
        match self.find(&hash) {
            Some(tenant) => Ok(tenant),
            None if self.is_loaded() => Err(NotKnown::Refused),
            None => Err(NotKnown::NotLoaded),
        }
    }

    fn find(&self, hash: &str) -> Option<Arc<Tenant>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let (stored, tenant) = known.by_hash.get_key_value(hash)?;
        bool::from(stored.as_bytes().ct_eq(hash.as_bytes())).then(|| tenant.clone())
    }

    async fn look_up(&self) {
        let mut asked = self.asked.lock().await;
        let now = self.clock.now();
        // A clock that was set back must not silence the look-up.
        if asked.is_some_and(|at| (at..at.saturating_add(ASK_AGAIN).unwrap_or(at)).contains(&now)) {
            return;
        }
        *asked = Some(now);
        if let Err(error) = self.refresh().await {
            tracing::debug!(%error, "an unknown token could not be looked up");
        }
    }

    /// Loads the grants from the database.
    ///
    /// # Errors
    /// A sentence, when the database did not tell; what was known stays.
    pub async fn refresh(&self) -> Result<(), String> {
        let Some(source) = &self.source else {
            return Err("no database is configured".to_owned());
        };
        let grants = source.all().await?;
        let changed = {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            !known.loaded || known.grants != grants
        };
        if changed {
            let file = File {
                refreshed_at: self.clock.now(),
                grants,
            };
            // The memory counts; a cache that cannot be written only matters at the next start.
            if let Err(error) = write(&self.path, &file) {
                tracing::warn!(path = %self.path.display(), %error, "the tenant cache cannot be written");
            }
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = Known::of(file.grants);
        }
        Ok(())
    }

    /// Refreshes until `shutdown`; `report` gets the problem while nothing was ever loaded.
    pub async fn keep_fresh(&self, report: impl Fn(Option<String>), shutdown: CancellationToken) {
        if self.source.is_none() {
            report(
                (!self.is_loaded())
                    .then(|| "no database is configured and tenants.json holds nothing".to_owned()),
            );
            return;
        }
        let mut pause = RETRY;
        loop {
            let Some(refreshed) = shutdown.run_until_cancelled(self.refresh()).await else {
                return;
            };
            match refreshed {
                Ok(()) => {
                    report(None);
                    pause = REFRESH;
                }
                Err(error) => {
                    let problem = format!("no tenants are known yet: {}", text::sanitize(&error, 300));
                    report((!self.is_loaded()).then_some(problem));
                    tracing::warn!(%error, "tenants could not be refreshed; the known ones stay");
                    pause = if pause >= REFRESH {
                        RETRY
                    } else {
                        (pause * 2).min(REFRESH / 2)
                    };
                }
            }
            if shutdown
                .run_until_cancelled(tokio::time::sleep(pause))
                .await
                .is_none()
            {
                return;
            }
        }
    }
}

impl Known {
    fn of(grants: Vec<TokenGrant>) -> Self {
        let by_hash = grants
            .iter()
            .map(|g| (g.token_sha256.clone(), Arc::new(g.tenant.clone())))
            .collect();
        Self {
            loaded: true,
            by_hash,
            grants,
        }
    }
}

/// Replaces the file as a whole, so that a crash leaves the old or the new one.
fn write(path: &Path, file: &File) -> std::io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt;
    let next = path.with_extension("json.new");
    let mut out = std::fs::OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&next)?;
    out.write_all(&serde_json::to_vec_pretty(file)?)?;
    out.sync_all()?;
    std::fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisoc_model::SystemClock;
    use aisoc_model::clock::ManualClock;
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    struct Fake {
        answer: Mutex<Result<Vec<TokenGrant>, String>>,
        asked: AtomicUsize,
    }

    impl Grants for Fake {
        fn all(&self) -> Pin<Box<dyn Future<Output = Result<Vec<TokenGrant>, String>> + Send + '_>> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            Box::pin(std::future::ready(self.answer.lock().unwrap().clone()))
        }
    }

    fn grant(token: &str, tenant: &str) -> TokenGrant {
        TokenGrant {
            token_sha256: hash_token(token),
            tenant: Tenant {
                id: tenant.to_owned(),
                name: tenant.to_owned(),
                home_region: "us-east-1".parse().unwrap(),
                residency: Vec::new(),
                acknowledge_minutes: BTreeMap::new(),
                cluster: None,
            },
        }
    }

    fn fake(answer: Result<Vec<TokenGrant>, String>) -> Arc<Fake> {
        Arc::new(Fake {
            answer: Mutex::new(answer),
            asked: AtomicUsize::new(0),
        })
    }

    fn open(path: &Path, source: Option<Arc<dyn Grants>>) -> Directory {
        Directory::open(path.to_owned(), source, Arc::new(SystemClock))
    }

    #[tokio::test]
    async fn known_tokens_outlive_the_database() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tenants.json");
        let source = fake(Ok(vec![grant("t1", "acme")]));
        let directory = open(&path, Some(source.clone()));
        assert_eq!(
            directory.authenticate("t1").await.unwrap().id,
            "acme",
            "looked up at first use"
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.contains("t1\"") && text.contains("acme"));
        // The database goes away, the process restarts.
        let directory = open(&path, Some(fake(Err("down".to_owned()))));
        assert_eq!(directory.authenticate("t1").await.unwrap().id, "acme");
        assert_eq!(directory.authenticate("t2").await, Err(NotKnown::Refused));
        assert!(directory.refresh().await.is_err());
        assert_eq!(
            directory.authenticate("t1").await.unwrap().id,
            "acme",
            "a failed refresh forgets nothing"
        );
    }

    #[tokio::test]
    async fn nothing_known_is_not_a_refusal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("tenants.json");
        std::fs::write(&path, "{ broken").unwrap();
        let directory = open(&path, Some(fake(Err("down".to_owned()))));
        assert_eq!(directory.authenticate("t1").await, Err(NotKnown::NotLoaded));
    }

    #[tokio::test]
    async fn guessing_does_not_load_the_database_and_revoking_works() {
        let dir = tempfile::tempdir().unwrap();
        let source = fake(Ok(vec![grant("t1", "acme")]));
        let clock = Arc::new(ManualClock::at(Timestamp::UNIX_EPOCH));
        let directory = Directory::open(
            dir.path().join("tenants.json"),
            Some(source.clone()),
            clock.clone(),
        );
        for guess in 0..50 {
            assert_eq!(
                directory.authenticate(&guess.to_string()).await,
                Err(NotKnown::Refused)
            );
        }
        assert_eq!(source.asked.load(Ordering::Relaxed), 1);
        // A new token works as soon as asking is allowed again; a revoked one stops with the refresh.
        *source.answer.lock().unwrap() = Ok(vec![grant("t2", "globex")]);
        clock.advance(Duration::from_secs(2));
        assert_eq!(directory.authenticate("t2").await.unwrap().id, "globex");
        assert_eq!(directory.authenticate("t1").await, Err(NotKnown::Refused));
    }
}
