//! PostgreSQL under Patroni: evidence from the members and their servers themselves, action through the REST
//! API of a member that survives.

use crate::clients::patroni::{MemberStatus, PatroniClient, PatroniError, SwitchoverAnswer};
use crate::clients::postgres::{MemberDatabase, PostgresError};
use crate::drivers::database::config::ClusterConfig;
use crate::drivers::database::dcs::Dcs;
use crate::drivers::database::probe::Probe;
use crate::drivers::database::sql;
use crate::drivers::database::{
    Answer, Canary, DatabaseDriver, Evidence, Fork, Member, PatroniView, Seen, ServerView, Stance,
    StandbyRow, WriteAnswer,
};
use aisoc_model::topology::DatabaseCluster;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, join, join_all, join3};
use serde_json::Value;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A refusal has to come within a second: a frozen member takes half of it, a lost canary the other half.
const SQL_TIMEOUT: Duration = Duration::from_millis(500);
const REST_TIMEOUT: Duration = Duration::from_millis(800);
/// Table creation waits for a disk.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);

/// When the leader is woken after a request that another member has taken: early for a quick store, again for a
/// slow one, until it has begun. Where the request is seen in the store, the first of them comes right then.
const NUDGES: [Duration; 4] = [
    Duration::from_millis(40),
    Duration::from_millis(120),
    Duration::from_millis(400),
    Duration::from_secs(1),
];
/// Time between two looks whether the request is in the store.
const LOOK: Duration = Duration::from_millis(10);
/// How long it is looked for.
const LOOKED_FOR: Duration = Duration::from_secs(2);

/// The members of one Patroni cluster, one for each region.
pub struct PatroniDriver {
    seats: BTreeMap<RegionId, Seat>,
    /// The one store that all members share, when the topology says where it is.
    store: Option<Dcs>,
    clock: Arc<dyn Clock>,
}

struct Seat {
    member: String,
    url: String,
    rest: PatroniClient,
    server: MemberDatabase,
    /// For statements that may wait, on a connection of their own.
    patient: MemberDatabase,
}

impl PatroniDriver {
    /// A cluster without a member.
    #[must_use]
    pub fn nobody(clock: Arc<dyn Clock>) -> Self {
        Self {
            seats: BTreeMap::new(),
            store: None,
            clock,
        }
    }

    /// The driver for a topology's cluster.
    ///
    /// # Errors
    /// When an address in it cannot be used.
    pub fn new(database: &DatabaseCluster, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let mut seats = BTreeMap::new();
        for member in &database.members {
            let (user, password) = (&database.patroni_user, &database.patroni_password);
            let connect = |timeout| {
                let (user, password) = (&database.user, &database.password);
                MemberDatabase::new(&member.postgres, &database.database, user, password, timeout)
            };
            let seat = Seat {
                member: member.member.clone(),
                url: member.patroni_url.trim_end_matches('/').to_owned(),
                rest: PatroniClient::new(&member.patroni_url, user, password, REST_TIMEOUT)?,
                server: connect(SQL_TIMEOUT)?,
                patient: connect(PREPARE_TIMEOUT)?,
            };
            seats.insert(member.region.clone(), seat);
        }
        let shared = database.layout.is_stretched() && !database.etcd.is_empty();
        let store = shared.then(|| Dcs::new(&database.etcd, &database.scope, SQL_TIMEOUT));
        Ok(Self {
            seats,
            store: store.transpose()?,
            clock,
        })
    }

    fn seen<T>(&self, what: Result<T, String>) -> Seen<T> {
        Seen {
            at: self.clock.now(),
            what,
        }
    }

    async fn view(&self, seat: &Seat) -> Seen<ServerView> {
        self.seen(sql::view(&seat.server).await.map_err(|e| e.to_string()))
    }

    async fn rest_view(&self, seat: &Seat) -> Seen<PatroniView> {
        let answer = seat.rest.status().await;
        self.seen(answer.map(patroni_view).map_err(|e| e.to_string()))
    }

    async fn gather(&self, to: &RegionId) -> Evidence {
        let servers = async {
            let servers = join_all(
                self.seats
                    .iter()
                    .map(|(region, seat)| async move { (region.clone(), self.view(seat).await) }),
            );
            let mut servers: BTreeMap<RegionId, Seen<ServerView>> = servers.await.into_iter().collect();
            let (standbys, canary) = self.ask_writer(&servers, to).await;
            // The candidate is looked at again, so that its view is as young as the canary's arrival.
            if let Some(seat) = self.seats.get(to)
                && servers.get(to).is_some_and(|s| s.what.is_ok())
            {
                servers.insert(to.clone(), self.view(seat).await);
            }
            (servers, standbys, canary)
        };
        let rest = join_all(
            self.seats
                .iter()
                .map(|(region, seat)| async move { (region.clone(), self.rest_view(seat).await) }),
        );
        let stored = join3(
            self.any_config(to),
            self.synchronous_members(to),
            self.ask_store(),
        );
        let ((mut servers, standbys, canary), rest, (config, synchronous, store)) =
            join3(servers, rest, stored).await;
        let mut members = BTreeMap::new();
        for (region, mut patroni) in rest {
            if let (Some(seat), Some(server)) = (self.seats.get(&region), servers.remove(&region)) {
                // A member says of itself what it read a round ago; `/cluster` is what the store has now.
                if let (Ok(view), Some(names)) = (&mut patroni.what, &synchronous) {
                    view.sync_standby = names.contains(&seat.member);
                }
                let name = seat.member.clone();
                members.insert(
                    region,
                    Member {
                        name,
                        patroni,
                        server,
                    },
                );
            }
        }
        Evidence {
            members,
            standbys,
            canary,
            config,
            store,
        }
    }

    /// A read that needs a quorum. Patroni itself says only a round later that its store is gone.
    async fn ask_store(&self) -> Option<Seen<()>> {
        let leader = self.store.as_ref()?.leader().await;
        Some(self.seen(leader.map(drop)))
    }

    /// The configuration as the candidate's region has it, else as any other: they read the same store.
    async fn any_config(&self, first: &RegionId) -> Seen<ClusterConfig> {
        let asked = self.seats.get(first).into_iter();
        let others = self.seats.iter().filter(|(r, _)| *r != first).map(|(_, s)| s);
        let answers = asked
            .chain(others)
            .map(|seat| async move { seat.rest.config().await.map_err(|e| e.to_string()) }.boxed());
        if self.seats.is_empty() {
            return self.seen(Err("the cluster has no member to ask".to_owned()));
        }
        let what = futures::future::select_ok(answers).await;
        self.seen(what.map(|(config, _)| ClusterConfig(config)))
    }

    /// The synchronous standbys as the store has them now, asked at `to`.
    async fn synchronous_members(&self, to: &RegionId) -> Option<Vec<String>> {
        let cluster = self.seats.get(to)?.rest.cluster().await.ok()?;
        Some(cluster.synchronous_members().map(str::to_owned).collect())
    }

    /// The member that Patroni runs as the one that writes.
    async fn leader(&self) -> Option<&Seat> {
        let asked = join_all(self.seats.values().map(|seat| async move {
            let status = seat.rest.status().await;
            status.is_ok_and(|s| s.is_primary()).then_some(seat)
        }));
        asked.await.into_iter().flatten().next()
    }

    /// At the leader, because whoever takes it wakes itself; at any member when no one says that it leads.
    async fn patch(&self, patch: &Value) -> Result<ClusterConfig, String> {
        let leader = self.leader().await;
        let mut last = "no Patroni answers".to_owned();
        for seat in leader.into_iter().chain(self.seats.values()) {
            match seat.rest.patch_config(patch).await {
                Ok(config) => return Ok(ClusterConfig(config)),
                Err(e @ PatroniError::Unreachable { .. }) => last = e.to_string(),
                // Another writer of the same key at the same time: ask again, on top of it.
                Err(PatroniError::Refused { status: 409, url, .. }) => {
                    last = format!("{url}: the configuration was changed at the same time");
                }
                Err(e) => return Err(e.to_string()),
            }
        }
        Err(last)
    }

    async fn ask_writer(
        &self,
        servers: &BTreeMap<RegionId, Seen<ServerView>>,
        to: &RegionId,
    ) -> (Seen<Vec<StandbyRow>>, Seen<Canary>) {
        let mut writers = servers
            .iter()
            .filter(|(_, s)| matches!(&s.what, Ok(view) if !view.in_recovery));
        let (Some((writer, _)), None) = (writers.next(), writers.next()) else {
            let why = "there is not exactly one server that accepts writes".to_owned();
            return (self.seen(Err(why.clone())), self.seen(Err(why)));
        };
        let (Some(writer), Some(candidate)) = (self.seats.get(writer), self.seats.get(to)) else {
            let why = format!("region {to} has no database member");
            return (self.seen(Err(why.clone())), self.seen(Err(why)));
        };
        let follows = servers
            .get(to)
            .is_some_and(|s| matches!(&s.what, Ok(v) if v.in_recovery));
        let canary = if follows {
            sql::canary(&writer.patient, &candidate.server).await
        } else {
            Err("not sent: the candidate's server does not answer as a replica".to_owned())
        };
        let canary = self.seen(canary);
        // After the canary: a synchronous standby that has not flushed it by now holds up commits.
        let standbys = self.seen(sql::standbys(&writer.server).await);
        (standbys, canary)
    }

    fn seat(&self, region: &RegionId) -> Result<&Seat, String> {
        self.seats
            .get(region)
            .ok_or_else(|| format!("region {region} has no database member"))
    }

    /// Has the leader look at the request as soon as it is there.
    async fn nudge(&self, leader: Option<&Seat>, candidate: &str) -> Infallible {
        if let Some(leader) = leader {
            let mut pauses = NUDGES.as_slice();
            if let Some(store) = &self.store
                && requested(store, candidate).await
            {
                wake(leader).await;
                pauses = NUDGES.get(2..).unwrap_or_default();
            }
            for pause in pauses {
                tokio::time::sleep(*pause).await;
                // One that has begun would go through a round in the way of what it is doing.
                if !leads(leader).await {
                    break;
                }
                wake(leader).await;
            }
        }
        std::future::pending().await
    }

    /// Asks one member. Only observation tells what came of it.
    async fn ask_switchover(&self, ask: &RegionId, from: &str, to: &str) -> Answer {
        let seat = match self.seat(ask) {
            Ok(seat) => seat,
            Err(why) => return Answer::NotAsked(why),
        };
        // A member that survives takes the request; it does not tell the leader, which else looks for it once in
        // `loop_wait` (10 s) only.
        let leader = self
            .seats
            .values()
            .find(|s| s.member == from && s.member != seat.member);
        let answer = tokio::select! {
            answer = seat.rest.switchover(from, to) => answer,
            never = self.nudge(leader, to) => match never {},
        };
        match answer {
            Ok(SwitchoverAnswer::Switched { to }) => Answer::Switched(to),
            Ok(SwitchoverAnswer::SwitchedInstead { to, instead_of }) => {
                Answer::Unknown(format!("Patroni switched to {to} instead of {instead_of}"))
            }
            Ok(SwitchoverAnswer::Failed { text }) => Answer::Failed(text),
            Ok(SwitchoverAnswer::Unknown { text }) => Answer::Unknown(text),
            Ok(SwitchoverAnswer::Refused { status, text })
            | Err(PatroniError::Refused { status, text, .. }) => {
                Answer::Refused(format!("Patroni at {ask} refused ({status}): {text}"))
            }
            // A connection that was never made carried no request; anything else may have.
            Err(e @ PatroniError::Unreachable { .. }) if e.to_string().contains("refused") => {
                Answer::NotAsked(e.to_string())
            }
            Err(e) => Answer::Unknown(e.to_string()),
        }
    }
}

impl DatabaseDriver for PatroniDriver {
    fn evidence<'a>(&'a self, to: &'a RegionId) -> BoxFuture<'a, Evidence> {
        self.gather(to).boxed()
    }

    fn config(&self) -> BoxFuture<'_, Result<ClusterConfig, String>> {
        async move {
            let first = self.seats.keys().next().ok_or("the cluster has no member")?;
            self.any_config(first).await.what
        }
        .boxed()
    }

    fn configure<'a>(&'a self, patch: &'a Value) -> BoxFuture<'a, Result<ClusterConfig, String>> {
        self.patch(patch).boxed()
    }

    fn configuration(&self, leader: &RegionId, patch: &Value) -> String {
        let url = self.seats.get(leader).map_or("<no member>", |s| s.url.as_str());
        format!("PATCH {url}/config {patch}")
    }

    fn switchover<'a>(&'a self, ask: &'a RegionId, from: &'a str, to: &'a str) -> BoxFuture<'a, Answer> {
        self.ask_switchover(ask, from, to).boxed()
    }

    fn request(&self, ask: &RegionId, from: &str, to: &str) -> String {
        let url = self.seats.get(ask).map_or("<no member>", |s| s.url.as_str());
        format!("POST {url}/switchover {{\"leader\":\"{from}\",\"candidate\":\"{to}\"}}")
    }

    fn not_synchronous<'a>(
        &'a self,
        writer: &'a RegionId,
        to: &'a RegionId,
    ) -> BoxFuture<'a, Result<Option<String>, String>> {
        async move {
            let (writer, to) = (self.seat(writer)?, self.seat(to)?);
            let (rows, cluster) = join(sql::standbys(&writer.server), to.rest.cluster()).await;
            let cluster = cluster.map_err(|e| e.to_string())?;
            if !cluster.synchronous_members().any(|name| name == to.member) {
                return Ok(Some(format!(
                    "Patroni does not count {} as a synchronous standby yet",
                    to.member
                )));
            }
            let row = rows?.into_iter().find(|r| r.name == to.member);
            Ok(match row {
                Some(row) if row.synchronous() => None,
                Some(row) => Some(format!("{}'s sync_state is '{}'", to.member, row.sync_state)),
                None => Some(format!("{} does not follow the writer", to.member)),
            })
        }
        .boxed()
    }

    fn server<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<ServerView, String>> {
        async move {
            let seat = self.seat(region)?;
            sql::view(&seat.server).await.map_err(|e| e.to_string())
        }
        .boxed()
    }

    fn stance<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Stance> {
        async move {
            let seat = match self.seat(region) {
                Ok(seat) => seat,
                Err(why) => return Stance::Unknown(why),
            };
            match sql::view(&seat.server).await {
                Ok(view) if view.in_recovery => Stance::Follows,
                Ok(_) => Stance::Writes,
                Err(e @ PostgresError::Unreachable { .. }) => Stance::Away(e.to_string()),
                Err(e) => Stance::Unknown(e.to_string()),
            }
        }
        .boxed()
    }

    fn write<'a>(&'a self, region: &'a RegionId, operation: &'a str) -> BoxFuture<'a, WriteAnswer> {
        async move {
            let seat = match self.seat(region) {
                Ok(seat) => seat,
                Err(why) => return WriteAnswer::Unknown(why),
            };
            // Negative numbers are outside the probe's: they are never looked for.
            let n = self.clock.now().as_microsecond().saturating_neg();
            match sql::write(&seat.server, operation, n).await {
                Ok(()) => WriteAnswer::Acknowledged,
                Err(PostgresError::ReadOnly { why, .. }) => WriteAnswer::ReadOnly(why),
                Err(e @ PostgresError::Unreachable { .. }) => WriteAnswer::Away(e.to_string()),
                Err(e) => WriteAnswer::Unknown(e.to_string()),
            }
        }
        .boxed()
    }

    fn standbys<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Vec<StandbyRow>, String>> {
        async move { sql::standbys(&self.seat(region)?.server).await }.boxed()
    }

    fn canaries<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<Vec<u64>, String>> {
        async move { sql::canaries(&self.seat(region)?.patient, operation).await }.boxed()
    }

    fn forget<'a>(&'a self, region: &'a RegionId, operation: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move { sql::forget(&self.seat(region)?.patient, operation).await }.boxed()
    }

    fn fork<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Option<Fork>, String>> {
        async move {
            let rest = &self.seat(region)?.rest;
            let (status, history) = join(rest.status(), rest.history()).await;
            let timeline = status.map_err(|e| e.to_string())?.timeline;
            let history = history.map_err(|e| e.to_string())?;
            let last = history.iter().max_by_key(|p| p.timeline);
            // The history is written some time after the promotion: an older line says nothing about this one.
            let last = last.filter(|p| timeline == Some(p.timeline + 1));
            Ok(last.map(|p| Fork {
                timeline: p.timeline,
                lsn: p.lsn,
            }))
        }
        .boxed()
    }

    fn prepare<'a>(&'a self, writer: &'a RegionId) -> BoxFuture<'a, Result<(), String>> {
        async move { sql::prepare(&self.seat(writer)?.patient).await }.boxed()
    }

    fn probe(&self, operation: &str) -> Arc<Probe> {
        let servers = self.seats.iter().map(|(region, seat)| {
            let options = seat.server.options().clone();
            (region.clone(), options.application_name("aisoc-write-probe"))
        });
        Arc::new(Probe::start(operation, servers.collect(), self.clock.as_ref()))
    }
}

fn patroni_view(status: MemberStatus) -> PatroniView {
    PatroniView {
        primary: status.is_primary(),
        state: status.state,
        replication_state: status.replication_state,
        timeline: status.timeline,
        system_identifier: status.database_system_identifier,
        nofailover: status.tags.nofailover,
        nosync: status.tags.nosync,
        sync_standby: status.sync_standby || status.quorum_standby,
        watchdog_failed: status.watchdog_failed,
        store_seen: status.dcs_last_seen,
        failsafe_active: status.failsafe_mode_is_active,
        paused: status.pause,
        version: status.patroni.version,
    }
}

/// Whether the request for a switchover to `candidate` was seen in the store.
async fn requested(store: &Dcs, candidate: &str) -> bool {
    let begun = Instant::now();
    while begun.elapsed() < LOOKED_FOR {
        match store.candidate().await {
            Ok(Some(wanted)) if wanted == candidate => return true,
            Ok(_) => tokio::time::sleep(LOOK).await,
            Err(_) => return false,
        }
    }
    false
}

/// Whether a member runs as the one that writes, by its own word; one that does not answer may.
async fn leads(seat: &Seat) -> bool {
    let status = seat.rest.status().await;
    status.map_or(true, |s| s.is_primary() && s.state == "running")
}

/// Wakes a Patroni without changing anything: removing a key that is not there.
async fn wake(leader: &Seat) {
    let nothing = serde_json::json!({ "aisoc_wake_up": null });
    if let Err(e) = leader.rest.patch_config(&nothing).await {
        tracing::debug!(error = %e, "the leader could not be woken");
    }
}
