//! The hosts of a database: a pool for each, and who has which role as far as is known.

use super::classify::Verdict;
use super::{Limits, probe};
use crate::dsn::{Dsn, Host};
use crate::error::{Error, Result};
use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgSslMode};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// After this long on a second choice, a reader tries the preferred hosts again.
const RETURN_TO_PREFERRED: Duration = Duration::from_secs(30);
/// Connections that nobody used for so long are closed.
const IDLE: Duration = Duration::from_mins(1);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Writer,
    Reader,
}

/// The end of a search: the host, or what the hosts said and how long it took.
type Outcome = std::result::Result<usize, (String, Duration)>;

#[derive(Default)]
struct Slot {
    current: Option<(usize, Instant)>,
    search: Option<watch::Receiver<Option<Outcome>>>,
}

pub(super) struct Hosts {
    dsn: Dsn,
    limits: Limits,
    pools: Mutex<HashMap<usize, PgPool>>,
    writer: Mutex<Slot>,
    reader: Mutex<Slot>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Hosts {
    pub(super) fn new(dsn: Dsn, limits: Limits) -> Self {
        Self {
            dsn,
            limits,
            pools: Mutex::default(),
            writer: Mutex::default(),
            reader: Mutex::default(),
        }
    }

    pub(super) fn dsn(&self) -> &Dsn {
        &self.dsn
    }

    pub(super) fn limits(&self) -> Limits {
        self.limits
    }

    pub(super) fn name(&self, host: usize) -> Option<&Host> {
        self.dsn.hosts.get(host)
    }

    fn slot(&self, role: Role) -> MutexGuard<'_, Slot> {
        match role {
            Role::Writer => lock(&self.writer),
            Role::Reader => lock(&self.reader),
        }
    }

    /// The host last found for `role`, if nothing spoke against it since.
    pub(super) fn known(&self, role: Role) -> Option<usize> {
        self.slot(role).current.map(|(host, _)| host)
    }

    /// The host for `role`; whoever asks while a search is on shares it.
    pub(super) async fn resolve(self: &Arc<Self>, role: Role) -> Result<usize> {
        let current = self.slot(role).current;
        if let Some((host, since)) = current {
            if role == Role::Reader && host > 0 && since.elapsed() > RETURN_TO_PREFERRED {
                // Nobody waits for this one.
                drop(self.join_search(role));
            }
            return Ok(host);
        }
        let mut outcome = self.join_search(role);
        let ended = match outcome.wait_for(Option::is_some).await {
            Ok(value) => value.clone(),
            // The runtime is going down with the search.
            Err(_) => None,
        };
        match (ended, role) {
            (Some(Ok(host)), _) => Ok(host),
            (Some(Err((tried, waited))), Role::Writer) => Err(Error::NoWriter { tried, waited }),
            (Some(Err((tried, waited))), Role::Reader) => Err(Error::NoReader { tried, waited }),
            (None, _) => Err(Error::NoReader {
                tried: "the search was cancelled".into(),
                waited: Duration::ZERO,
            }),
        }
    }

    fn join_search(self: &Arc<Self>, role: Role) -> watch::Receiver<Option<Outcome>> {
        let mut slot = self.slot(role);
        if let Some(search) = &slot.search {
            return search.clone();
        }
        let (done, outcome) = watch::channel(None);
        slot.search = Some(outcome.clone());
        // A task of its own: the caller that began the search may be cancelled while others wait for it.
        let hosts = Arc::clone(self);
        tokio::spawn(async move {
            let found = hosts.search(role).await;
            let mut slot = hosts.slot(role);
            slot.search = None;
            slot.current = found.as_ref().ok().map(|host| (*host, Instant::now()));
            drop(slot);
            done.send_replace(Some(found));
        });
        outcome
    }

    async fn search(&self, role: Role) -> Outcome {
        let started = Instant::now();
        let options = self.dsn.hosts.iter().map(|host| self.options(host)).collect();
        let found = probe::search(role, options, self.limits.connect, started + self.limits.resolve).await;
        match found {
            Ok(host) => {
                let name = self.name(host).map(ToString::to_string).unwrap_or_default();
                tracing::info!(?role, host = name, took = ?started.elapsed(), "database host found");
                Ok(host)
            }
            Err(answers) => {
                let said = answers
                    .iter()
                    .filter_map(|(host, answer)| Some((self.name(*host)?, answer)));
                let tried: Vec<String> = said.map(|(host, answer)| format!("{host}: {answer}")).collect();
                tracing::warn!(?role, tried = tried.join("; "), "no database host for this role");
                Err((tried.join("; "), started.elapsed()))
            }
        }
    }

    /// Acts on what an error said about `host`, which served as `role`.
    pub(super) fn apply(&self, role: Role, host: usize, verdict: Verdict) {
        if !verdict.lost() {
            return;
        }
        let mut slot = self.slot(role);
        // Somebody may have found a new host meanwhile; an error of the old one says nothing about it.
        if slot.current.is_some_and(|(current, _)| current == host) {
            slot.current = None;
        }
        drop(slot);
        if verdict == Verdict::Gone {
            lock(&self.pools).remove(&host);
        }
    }

    /// The pool of a host; both roles share it, so that a process never holds more than its budget per server.
    pub(super) fn pool(&self, host: usize) -> PgPool {
        let mut pools = lock(&self.pools);
        pools
            .entry(host)
            .or_insert_with(|| {
                let fallback = Host {
                    name: "localhost".into(),
                    port: 5432,
                };
                let options = self.options(self.name(host).unwrap_or(&fallback));
                PgPoolOptions::new()
                    .max_connections(self.limits.max_connections)
                    .acquire_timeout(self.limits.connect)
                    .idle_timeout(IDLE)
                    // A dead connection shows itself at its first use and the call is repeated; asking before
                    // every use would double the round trips of a healthy system.
                    .test_before_acquire(false)
                    .connect_lazy_with(options)
            })
            .clone()
    }

    fn options(&self, host: &Host) -> PgConnectOptions {
        let options = PgConnectOptions::new_without_pgpass()
            .host(&host.name)
            .port(host.port)
            .username(&self.dsn.user)
            .database(&self.dsn.database)
            .ssl_mode(PgSslMode::Disable)
            .application_name(self.dsn.application.as_deref().unwrap_or("aisoc"))
            // The server gives up before the client does, so a slow statement is told from a frozen server; and
            // it notices a client that is gone, so that locks do not outlive it.
            .options([
                (
                    "statement_timeout",
                    (self.limits.attempt.as_millis() * 9 / 10).to_string(),
                ),
                ("lock_timeout", (self.limits.attempt.as_millis() / 2).to_string()),
                ("idle_in_transaction_session_timeout", "10000".to_owned()),
                ("tcp_user_timeout", "5000".to_owned()),
                ("tcp_keepalives_idle", "10".to_owned()),
                ("client_connection_check_interval", "2000".to_owned()),
            ]);
        match &self.dsn.password {
            Some(password) => options.password(password),
            None => options,
        }
    }
}
