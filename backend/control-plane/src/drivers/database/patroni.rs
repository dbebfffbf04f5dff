//! PostgreSQL under Patroni: evidence from the members and their servers themselves, action through the REST
//! API of a member that survives.

use crate::clients::patroni::{MemberStatus, PatroniClient, PatroniError, SwitchoverAnswer};
use crate::clients::postgres::{MemberDatabase, PostgresError};
use crate::drivers::database::probe::{Probe, TABLE};
use crate::drivers::database::{
    Answer, Canary, DatabaseDriver, Evidence, Member, PatroniView, Receiver, Seen, ServerView, Stance,
    StandbyRow, WriteAnswer,
};
use aisoc_model::topology::Topology;
use aisoc_model::{Clock, RegionId};
use futures::FutureExt;
use futures::future::{BoxFuture, join, join_all};
use sqlx::Row;
use sqlx::postgres::PgRow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A refusal has to come within a second: a frozen member takes half of it, a lost canary the other half.
const SQL_TIMEOUT: Duration = Duration::from_millis(500);
const CANARY_PATIENCE: Duration = Duration::from_millis(450);
const REST_TIMEOUT: Duration = Duration::from_millis(900);
/// Table creation waits for a disk.
const PREPARE_TIMEOUT: Duration = Duration::from_secs(5);

const VIEW: &str = "SELECT s.recovering, \
    (CASE WHEN s.recovering THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0'::pg_lsn)::bigint, \
    c.system_identifier::text, r.pid IS NOT NULL, r.status, r.received_tli \
    FROM (SELECT pg_is_in_recovery() AS recovering) s CROSS JOIN pg_control_system() c \
    LEFT JOIN pg_stat_wal_receiver r ON true";
/// Transactional, so that the commit flushes it: a canary must be as durable as an acknowledged write.
const EMIT: &str = "SELECT pg_logical_emit_message(true, 'aisoc', 'evidence')::text";
const POSITION: &str = "SELECT (pg_current_wal_lsn() - '0/0'::pg_lsn)::bigint";
const TABLE_EXISTS: &str = "SELECT to_regclass('aisoc_operations.canaries') IS NOT NULL";
const CREATE: &str = "CREATE SCHEMA IF NOT EXISTS aisoc_operations; \
    CREATE TABLE IF NOT EXISTS aisoc_operations.canaries \
    (operation text NOT NULL, n bigint NOT NULL, PRIMARY KEY (operation, n))";

/// The members of one Patroni cluster, one for each region.
pub struct PatroniDriver {
    seats: BTreeMap<RegionId, Seat>,
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
    /// The driver for a topology's cluster.
    ///
    /// # Errors
    /// When an address in it cannot be used.
    pub fn new(topology: &Topology, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let database = &topology.database;
        let mut seats = BTreeMap::new();
        for region in &topology.regions {
            let (user, password) = (&database.patroni_user, &database.patroni_password);
            let connect = |timeout| {
                let (user, password) = (&database.user, &database.password);
                MemberDatabase::new(&region.postgres, &database.database, user, password, timeout)
            };
            let seat = Seat {
                member: region.patroni_member.clone(),
                url: region.patroni_url.trim_end_matches('/').to_owned(),
                rest: PatroniClient::new(&region.patroni_url, user, password, REST_TIMEOUT)?,
                server: connect(SQL_TIMEOUT)?,
                patient: connect(PREPARE_TIMEOUT)?,
            };
            seats.insert(region.id.clone(), seat);
        }
        Ok(Self { seats, clock })
    }

    fn seen<T>(&self, what: Result<T, String>) -> Seen<T> {
        Seen {
            at: self.clock.now(),
            what,
        }
    }

    async fn view(&self, seat: &Seat) -> Seen<ServerView> {
        self.seen(view(&seat.server).await.map_err(|e| e.to_string()))
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
        let ((mut servers, standbys, canary), rest) = join(servers, rest).await;
        let mut members = BTreeMap::new();
        for (region, patroni) in rest {
            if let (Some(seat), Some(server)) = (self.seats.get(&region), servers.remove(&region)) {
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
        }
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
        let standbys = async {
            let rows = standbys(&writer.server).await;
            self.seen(rows)
        };
        let canary = async {
            let follows = servers
                .get(to)
                .is_some_and(|s| matches!(&s.what, Ok(v) if v.in_recovery));
            let canary = if follows {
                canary(&writer.patient, &candidate.server).await
            } else {
                Err("not sent: the candidate's server does not answer as a replica".to_owned())
            };
            self.seen(canary)
        };
        join(standbys, canary).await
    }

    fn seat(&self, region: &RegionId) -> Result<&Seat, String> {
        self.seats
            .get(region)
            .ok_or_else(|| format!("region {region} has no database member"))
    }

    async fn ask_switchover(&self, ask: &RegionId, from: &str, to: &str) -> Answer {
        let seat = match self.seat(ask) {
            Ok(seat) => seat,
            Err(why) => return Answer::NotAsked(why),
        };
        match seat.rest.switchover(from, to).await {
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

    fn switchover<'a>(&'a self, ask: &'a RegionId, from: &'a str, to: &'a str) -> BoxFuture<'a, Answer> {
        self.ask_switchover(ask, from, to).boxed()
    }

    fn request(&self, ask: &RegionId, from: &str, to: &str) -> String {
        let url = self.seats.get(ask).map_or("<no member>", |s| s.url.as_str());
        format!("POST {url}/switchover {{\"leader\":\"{from}\",\"candidate\":\"{to}\"}}")
    }

    fn stance<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Stance> {
        async move {
            let seat = match self.seat(region) {
                Ok(seat) => seat,
                Err(why) => return Stance::Unknown(why),
            };
            match view(&seat.server).await {
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
            match write(&seat.server, operation, n).await {
                Ok(()) => WriteAnswer::Acknowledged,
                Err(PostgresError::ReadOnly { why, .. }) => WriteAnswer::ReadOnly(why),
                Err(e @ PostgresError::Unreachable { .. }) => WriteAnswer::Away(e.to_string()),
                Err(e) => WriteAnswer::Unknown(e.to_string()),
            }
        }
        .boxed()
    }

    fn standbys<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Vec<StandbyRow>, String>> {
        async move { standbys(&self.seat(region)?.server).await }.boxed()
    }

    fn canaries<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<Vec<u64>, String>> {
        async move {
            let server = &self.seat(region)?.patient;
            let operation = operation.to_owned();
            let rows = server.with("reading the canaries", move |connection| {
                Box::pin(async move {
                    sqlx::query_scalar::<_, i64>(
                        "SELECT n FROM aisoc_operations.canaries WHERE operation = $1 AND n > 0",
                    )
                    .bind(operation)
                    .fetch_all(connection)
                    .await
                })
            });
            let rows = rows.await.map_err(|e| e.to_string())?;
            Ok(rows.into_iter().map(i64::unsigned_abs).collect())
        }
        .boxed()
    }

    fn forget<'a>(&'a self, region: &'a RegionId, operation: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let server = &self.seat(region)?.patient;
            let operation = operation.to_owned();
            let removed = server.with("removing the canaries", move |connection| {
                Box::pin(async move {
                    sqlx::query("DELETE FROM aisoc_operations.canaries WHERE operation = $1")
                        .bind(operation)
                        .execute(connection)
                        .await
                        .map(|_| ())
                })
            });
            removed.await.map_err(|e| e.to_string())
        }
        .boxed()
    }

    fn fork<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Option<u64>, String>> {
        async move {
            let rest = &self.seat(region)?.rest;
            let (status, history) = join(rest.status(), rest.history()).await;
            let timeline = status.map_err(|e| e.to_string())?.timeline;
            let history = history.map_err(|e| e.to_string())?;
            let last = history.iter().max_by_key(|p| p.timeline);
            // The history is written some time after the promotion: an older line says nothing about this one.
            Ok(last.filter(|p| timeline == Some(p.timeline + 1)).map(|p| p.lsn))
        }
        .boxed()
    }

    fn prepare<'a>(&'a self, writer: &'a RegionId) -> BoxFuture<'a, Result<(), String>> {
        async move {
            let server = &self.seat(writer)?.patient;
            let prepared = server.with("creating the table of canaries", |connection| {
                Box::pin(async move {
                    if !sqlx::query_scalar::<_, bool>(TABLE_EXISTS)
                        .fetch_one(&mut *connection)
                        .await?
                    {
                        sqlx::raw_sql(CREATE).execute(connection).await?;
                    }
                    Ok(())
                })
            });
            prepared.await.map_err(|e| {
                format!(
                    "{e}; the control plane's database user needs {TABLE}: grant it CREATE on the database"
                )
            })
        }
        .boxed()
    }

    fn probe(&self, operation: &str) -> Arc<Probe> {
        let servers = self.seats.iter().map(|(region, seat)| {
            let options = seat.server.options().clone();
            (region.clone(), options.application_name("aisoc-write-probe"))
        });
        Arc::new(Probe::start(operation, servers.collect(), self.clock.as_ref()))
    }
}

async fn view(server: &MemberDatabase) -> Result<ServerView, PostgresError> {
    server
        .with("reading its role and position", |connection| {
            Box::pin(async move { server_view(&sqlx::query(VIEW).fetch_one(connection).await?) })
        })
        .await
}

fn server_view(row: &PgRow) -> Result<ServerView, sqlx::Error> {
    let receiving: bool = row.try_get(3)?;
    let receiver = Receiver {
        status: row.try_get(4)?,
        timeline: row
            .try_get::<Option<i32>, _>(5)?
            .map(|t| u64::from(t.unsigned_abs())),
    };
    Ok(ServerView {
        in_recovery: row.try_get(0)?,
        lsn: row.try_get::<Option<i64>, _>(1)?.unwrap_or(0).unsigned_abs(),
        system_identifier: row.try_get(2)?,
        receiver: receiving.then_some(receiver),
    })
}

fn patroni_view(status: MemberStatus) -> PatroniView {
    PatroniView {
        primary: status.is_primary(),
        state: status.state,
        replication_state: status.replication_state,
        timeline: status.timeline,
        system_identifier: status.database_system_identifier,
        nofailover: status.tags.nofailover,
        paused: status.pause,
        version: status.patroni.version,
    }
}

async fn standbys(server: &MemberDatabase) -> Result<Vec<StandbyRow>, String> {
    let rows = server.standbys().await.map_err(|e| e.to_string())?;
    let row = |s: crate::clients::postgres::Standby| StandbyRow {
        name: s.application_name,
        state: s.state,
        replay_lsn: s.replay_lsn,
    };
    Ok(rows.into_iter().map(row).collect())
}

/// Writes a mark and waits until the candidate has replayed it.
async fn canary(writer: &MemberDatabase, candidate: &MemberDatabase) -> Result<Canary, String> {
    let began = Instant::now();
    let lsn = writer.with("writing a canary", |connection| {
        Box::pin(async move {
            sqlx::query(EMIT).execute(&mut *connection).await?;
            sqlx::query_scalar::<_, i64>(POSITION).fetch_one(connection).await
        })
    });
    let lsn = lsn.await.map_err(|e| e.to_string())?.unsigned_abs();
    let mut replayed;
    loop {
        replayed = view(candidate).await.map_err(|e| e.to_string())?.lsn;
        if replayed >= lsn || began.elapsed() > CANARY_PATIENCE {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Ok(Canary {
        lsn,
        replayed,
        after_ms: u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX),
    })
}

async fn write(server: &MemberDatabase, operation: &str, n: i64) -> Result<(), PostgresError> {
    let operation = operation.to_owned();
    server
        .with("writing a canary row", move |connection| {
            Box::pin(async move {
                sqlx::query("INSERT INTO aisoc_operations.canaries (operation, n) VALUES ($1, $2)")
                    .bind(operation)
                    .bind(n)
                    .execute(connection)
                    .await
                    .map(|_| ())
            })
        })
        .await
}
