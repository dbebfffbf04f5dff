//! Steps on a cluster whose writer is gone or not to be trusted.

use super::Live;
use crate::drivers::DriverError;
use crate::drivers::database::{DatabaseDriver, Stance};
use crate::operations::action::Seat;
use crate::operations::emergency::{self, KnownEnd};
use crate::operations::failover;
use crate::operations::gates::fence::lsn;
use crate::operations::hands::{Acted, Report, Sight, Task};
use aisoc_model::fence::{DemotionToken, FenceKind, FenceStatus};
use futures::future::join_all;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How long making sure of the canaries' table may hold up the fence.
const PREPARE: Duration = Duration::from_millis(300);
/// How long the last canaries of a writer that still writes may hold up the fence.
const FIRST_CANARY: Duration = Duration::from_millis(200);
/// How long the table is tried to be made on the new writer, and how often.
const PREPARE_AFTER: (Duration, Duration) = (Duration::from_secs(30), Duration::from_millis(25));
/// How long to wait for Patroni to write where the old timeline ended: it does so in its next round.
const HISTORY: Duration = Duration::from_secs(15);

impl Live {
    /// What proves now that a member writes nothing.
    async fn fence_proof(&self, seat: &Seat, proof: FenceKind) -> Result<String, String> {
        match proof {
            FenceKind::InstanceStopped => {
                let status = self.instance(seat).await.map_err(|e| e.to_string())?;
                if status.proves() {
                    Ok("its supervisor keeps it down and nothing of it runs".to_owned())
                } else {
                    Err(not_stopped(&status))
                }
            }
            FenceKind::ServerRefuses => {
                let Some(driver) = self.drivers.emergency(&seat.cluster) else {
                    return Err("no driver to knock at its ports".to_owned());
                };
                let knocks = driver.knock(&seat.region).await;
                if knocks.refuse() {
                    Ok("its server and its Patroni refuse connections".to_owned())
                } else {
                    Err(format!(
                        "its server: {}; its Patroni: {}",
                        knocks.server.words(),
                        knocks.agent.words()
                    ))
                }
            }
            FenceKind::NetworkIsolated => Err("no driver that isolates networks is configured".to_owned()),
            FenceKind::Sworn => match self.drivers.database(&seat.cluster).stance(&seat.region).await {
                Stance::Writes => Err("its server accepts writes".to_owned()),
                _ => Ok("two people say that it is off".to_owned()),
            },
        }
    }

    async fn instance(&self, seat: &Seat) -> Result<FenceStatus, DriverError> {
        match self.drivers.fence(&seat.cluster) {
            Some(driver) => driver.look(&seat.region).await,
            None => Err(DriverError::Refused(
                "nobody who runs the instance can be asked to stop it".to_owned(),
            )),
        }
    }

    async fn token(&self, seat: &Seat) -> Option<DemotionToken> {
        self.instance(seat).await.ok().and_then(|status| status.token)
    }

    pub(super) async fn see_fence(&self, task: &Task, seat: &Seat, proof: FenceKind) -> Sight {
        // People's word is given when the step is begun, not before.
        if proof == FenceKind::Sworn && task.since.is_none() {
            return Sight::NotDone("nobody has said so yet".to_owned());
        }
        match self.fence_proof(seat, proof).await {
            Ok(how) => {
                let mut report = Report::new(format!("{}: {how}", seat.region));
                report.times.insert("fence".to_owned(), self.now());
                if proof == FenceKind::InstanceStopped
                    && let Some(token) = self.token(seat).await
                {
                    report.detail = format!(
                        "{}; stopped in good order, its log ends at {} on timeline {}",
                        report.detail,
                        lsn(token.final_lsn),
                        token.timeline
                    );
                    report
                        .figures
                        .insert("final_lsn".to_owned(), token.final_lsn as f64);
                }
                Sight::Done(report)
            }
            Err(not) => Sight::NotDone(not),
        }
    }

    pub(super) async fn fence(&self, task: &Task, seat: &Seat, proof: FenceKind) -> Acted {
        let (region, database) = (&seat.region, self.drivers.database(&seat.cluster));
        self.note_last_known(&task.operation, seat);
        // A writer that still writes shows until when, and what has to be on the new one.
        let writes = database.stance(region).await == Stance::Writes;
        if writes {
            let prepared = database.prepare(region);
            if !matches!(tokio::time::timeout(PREPARE, prepared).await, Ok(Ok(()))) {
                tracing::info!(%region, "no table of canaries on the writer that is fenced");
            }
        }
        let probe = self.probe(&task.operation, &seat.cluster);
        let begun = Instant::now();
        while writes && probe.span(region).is_none() && begun.elapsed() < FIRST_CANARY {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if proof == FenceKind::InstanceStopped {
            let Some(driver) = self.drivers.fence(&seat.cluster) else {
                return Acted::Refused("nobody who runs the instance can be asked to stop it".to_owned());
            };
            match driver.fence(region, &task.operation).await {
                Ok(status) if status.proves() => {}
                Ok(status) => return Acted::Unknown(not_stopped(&status)),
                Err(DriverError::Refused(why)) => return Acted::Refused(why),
                Err(DriverError::Unknown(why)) => return Acted::Unknown(why),
            }
        }
        match self.see_fence(task, seat, proof).await {
            Sight::Done(report) => Acted::Done(report),
            Sight::NotDone(why) | Sight::Failed(why) | Sight::Refused(why) | Sight::Lost(why) => {
                Acted::Refused(format!("{region} is not fenced: {why}"))
            }
            Sight::Unknown(why) => Acted::Unknown(why),
        }
    }

    fn note_last_known(&self, operation: &str, seat: &Seat) {
        let world = self.view.world();
        let seen = world
            .regions
            .get(&seat.region)
            .and_then(|r| r.member(&seat.cluster));
        let known = seen.and_then(|o| Some((o.value.as_ref()?.lsn?, o.observed_at?)));
        self.moving(operation, &seat.cluster, |moving| moving.last_known = known);
    }

    pub(super) async fn see_release(&self, seat: &Seat) -> Sight {
        match self.instance(seat).await {
            Ok(status) if status.fenced.is_none() => {
                Sight::Done(Report::new(format!("{} may run", seat.region)))
            }
            Ok(_) => Sight::NotDone(format!("{} is kept down", seat.region)),
            Err(e) => Sight::Unknown(e.to_string()),
        }
    }

    pub(super) async fn let_go(&self, seat: &Seat) -> Acted {
        let Some(driver) = self.drivers.fence(&seat.cluster) else {
            return Acted::Refused("nobody who runs the instance can be asked".to_owned());
        };
        match driver.release(&seat.region).await {
            Ok(_) => Acted::Sent,
            Err(DriverError::Refused(why)) => Acted::Refused(why),
            Err(DriverError::Unknown(why)) => Acted::Unknown(why),
        }
    }

    /// Asks the candidate first: a server that is frozen takes its time to say nothing.
    pub(super) async fn see_election(&self, from: &Seat, to: &Seat) -> Sight {
        let database = self.drivers.database(&to.cluster);
        let stance = database.stance(&to.region).await;
        let first = vec![(to.region.clone(), stance)];
        let sight = failover::switchover_sight(&first, &from.region, &to.region, self.now());
        if matches!(sight, Sight::Done(_)) {
            return sight;
        }
        let others = self.others(from, to).into_iter();
        let asked = others.map(|region| async move {
            let stance = database.stance(&region).await;
            (region, stance)
        });
        let mut stances = join_all(asked).await;
        stances.extend(first);
        failover::switchover_sight(&stances, &from.region, &to.region, self.now())
    }

    /// Takes the key only with the proof in hand, looked at now.
    pub(super) async fn elect(&self, task: &Task, from: &Seat, to: &Seat, proof: FenceKind) -> Acted {
        let Some(driver) = self.drivers.emergency(&to.cluster) else {
            return Acted::Refused("the topology names no etcd".to_owned());
        };
        if let Err(not) = self.fence_proof(from, proof).await {
            let region = &from.region;
            return Acted::Refused(format!(
                "two writers would be possible, {region} is not proven to be fenced: {not}"
            ));
        }
        self.probe(&task.operation, &to.cluster);
        match driver.elect(&from.member, &to.region).await {
            Ok(()) => {
                self.prepare_when_writable(to);
                Acted::Sent
            }
            Err(DriverError::Refused(why)) => Acted::Refused(why),
            Err(DriverError::Unknown(why)) => Acted::Unknown(why),
        }
    }

    /// The probe needs its table, and nobody could make it while nobody wrote.
    fn prepare_when_writable(&self, to: &Seat) {
        let database: Arc<dyn DatabaseDriver> = Arc::clone(self.drivers.database(&to.cluster));
        let region = to.region.clone();
        tokio::spawn(async move {
            let (patience, pause) = PREPARE_AFTER;
            let begun = Instant::now();
            while begun.elapsed() < patience && database.prepare(&region).await.is_err() {
                tokio::time::sleep(pause).await;
            }
        });
    }

    pub(super) async fn see_silence(&self, task: &Task, from: &Seat, proof: FenceKind) -> Sight {
        // A try to write is an act: it needs its intent first.
        if task.since.is_none() {
            return Sight::NotDone("no write tried yet".to_owned());
        }
        let database = self.drivers.database(&from.cluster);
        let answer = database.write(&from.region, &task.operation);
        let (answer, fenced) = tokio::join!(answer, self.fence_proof(from, proof));
        emergency::silenced_sight(&answer, &from.region, proof, &fenced, self.now())
    }

    async fn fork(&self, seat: &Seat) -> Option<u64> {
        let begun = Instant::now();
        loop {
            match self.drivers.database(&seat.cluster).fork(&seat.region).await {
                Ok(Some(fork)) => return Some(fork.lsn),
                _ if begun.elapsed() > HISTORY => return None,
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
    }

    pub(super) async fn measure_loss(&self, task: &Task, from: &Seat, to: &Seat) -> Acted {
        let last_known = self.moving(&task.operation, &from.cluster, |moving| moving.last_known);
        let end = match (self.token(from).await, last_known) {
            (Some(token), _) => KnownEnd::Token(token),
            (None, Some((end, at))) => KnownEnd::Seen(end, at),
            (None, None) => KnownEnd::Unknown,
        };
        let fork = self.fork(to).await;
        Acted::Done(emergency::loss_report(&end, fork, &from.region, &to.region))
    }

    pub(super) async fn see_followers(&self, task: &Task, to: &Seat, of: &[Seat], deadline_ms: u64) -> Sight {
        let now = self.now();
        let rows = self.drivers.database(&to.cluster).standbys(&to.region).await;
        let since = task.since.unwrap_or(now);
        emergency::followers_sight(&rows, of, &to.region, since, now, deadline_ms)
    }

    pub(super) async fn let_return(&self, from: &Seat, to: &Seat) -> Acted {
        let token = self.token(from).await;
        let fork = self.fork(to).await;
        match emergency::may_return(token.as_ref(), fork, &from.region) {
            Ok(()) => self.let_go(from).await,
            Err(why) => Acted::Done(Report::new(why)),
        }
    }

    pub(super) async fn see_return(&self, task: &Task, from: &Seat, to: &Seat, deadline_ms: u64) -> Sight {
        let (now, Some(since)) = (self.now(), task.since) else {
            return Sight::NotDone("not let back yet".to_owned());
        };
        let rows = self.drivers.database(&to.cluster).standbys(&to.region).await;
        failover::redundancy_sight(&rows, from, since, now, deadline_ms)
    }
}

fn not_stopped(status: &FenceStatus) -> String {
    if status.running.is_empty() {
        "nothing of it runs, but nobody keeps it down".to_owned()
    } else {
        format!("still running: {}", status.running.join(", "))
    }
}
