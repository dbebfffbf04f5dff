//! Steps on the database.

use super::Live;
use crate::drivers::database::probe::Probe;
use crate::drivers::database::{Answer, DatabaseDriver, Stance, WriteAnswer};
use crate::operations::action::Seat;
use crate::operations::failover;
use crate::operations::gates::database::{PROOF_MS, escorted_rpo, lag_of, rpo};
use crate::operations::gates::escort::store;
use crate::operations::hands::{Acted, Report, Sight, Task};
use aisoc_model::clock::millis_between;
use aisoc_model::plan::Decision;
use aisoc_model::{ClusterName, RegionId};
use futures::future::{join_all, try_join};
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// Time between two looks at the candidate while Patroni is switching.
const OBSERVE: Duration = Duration::from_millis(25);
/// How long the old writer has to go on writing after "failed" for it to be true.
const SETTLED: Duration = Duration::from_secs(3);
/// How long a request from before a restart is waited for.
const EARLIER_PATIENCE: Duration = Duration::from_mins(1);
/// An old writer that still writes after this long was never asked: Patroni looks every `loop_wait`, 10 s.
const NEVER_ARRIVED: Duration = Duration::from_secs(15);
/// How long the write probe may take to its first acknowledgement.
const FIRST_CANARY: Duration = Duration::from_secs(2);
/// How long Patroni may take to make the candidate synchronous before the engine looks by itself.
const ESCORTED: Duration = Duration::from_secs(15);
/// Time between two looks at it, each with the leader woken.
const WAKE: Duration = Duration::from_millis(500);
/// A switchover that takes longer is followed by looking, so that what it waits for is shown.
const QUIET: Duration = Duration::from_secs(6);
/// An old writer that has not stopped after this long is explained.
const SAY_WHY_MS: u64 = 10_000;
/// How long the probe may take to write to a promoted server before it is done without.
const PROBE_PATIENCE: Duration = Duration::from_secs(5);
/// How long to wait for Patroni to write where the old timeline ended.
const HISTORY: Duration = Duration::from_secs(3);

impl Live {
    /// Proves that the candidate has everything and that Patroni could switch, now.
    async fn prove(&self, task: &Task, to: &Seat, escorted: bool) -> Result<Report, String> {
        let evidence = self.drivers.database(&to.cluster).evidence(&to.region).await;
        let (now, cluster, to) = (self.now(), &to.cluster, &to.region);
        let gate = if escorted {
            escorted_rpo(&evidence, to, now)
        } else {
            rpo(&evidence, to, now)
        };
        for gate in [&gate, &store(&evidence, now)] {
            if gate.decision != Decision::Pass {
                return Err(gate.why.clone());
            }
        }
        let mut report = Report::new(gate.why);
        if let Some(lag) = lag_of(&evidence, to, now) {
            report.figures.insert("lag_bytes".to_owned(), lag as f64);
        }
        report.times.insert("proven".to_owned(), now);
        self.moving(&task.operation, cluster, |moving| {
            moving.proven_at = Some(now);
            moving.escorted = escorted;
        });
        Ok(report)
    }

    fn probe_of(&self, operation: &str, cluster: &ClusterName) -> Option<Arc<Probe>> {
        self.moving(operation, cluster, |moving| moving.probe.clone())
    }

    pub(super) fn probe(&self, operation: &str, cluster: &ClusterName) -> Arc<Probe> {
        let start = || self.drivers.database(cluster).probe(operation);
        self.moving(operation, cluster, |moving| {
            Arc::clone(moving.probe.get_or_insert_with(start))
        })
    }

    pub(super) async fn prove_and_probe(&self, task: &Task, from: &Seat, to: &Seat, escorted: bool) -> Acted {
        if let Err(why) = self.drivers.database(&from.cluster).prepare(&from.region).await {
            return Acted::Refused(why);
        }
        let probe = self.probe(&task.operation, &to.cluster);
        // Together: a candidate that stands still holds the probe's commits up, and is refused by the proof before.
        let first = async {
            let begun = Instant::now();
            while probe.span(&from.region).is_none() {
                if begun.elapsed() > FIRST_CANARY {
                    let seconds = FIRST_CANARY.as_secs();
                    return Err(format!(
                        "{} acknowledged no canary within {seconds} s",
                        from.region
                    ));
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            Ok(())
        };
        let proof = self.prove(task, to, escorted);
        match try_join(proof, first).await {
            Ok((report, ())) => Acted::Done(report),
            Err(why) => Acted::Refused(why),
        }
    }

    pub(super) async fn see_escort(&self, task: &Task, from: &Seat, to: &Seat) -> Sight {
        match self.escorts.covers(&to.cluster, &task.operation).await {
            Ok(true) => {}
            Ok(false) => return Sight::NotDone("commits wait for another plan's sake".to_owned()),
            Err(why) => return Sight::Unknown(why),
        }
        let database = self.drivers.database(&to.cluster);
        let seen = database.not_synchronous(&from.region, &to.region);
        match seen.await {
            Ok(None) => Sight::Done(Report::new(format!(
                "commits of {} wait until {} has them",
                from.region, to.region
            ))),
            Ok(Some(why)) => Sight::NotDone(why),
            Err(why) => Sight::Unknown(why),
        }
    }

    pub(super) async fn escort(&self, task: &Task, from: &Seat, to: &Seat, standbys: u64) -> Acted {
        // A candidate that does not stream would hold every commit up.
        let evidence = self.drivers.database(&to.cluster).evidence(&to.region).await;
        let gate = rpo(&evidence, &to.region, self.now());
        if gate.decision != Decision::Pass {
            return Acted::Refused(gate.why);
        }
        if let Err(why) = self.escorts.hold(&to.cluster, &task.operation, standbys).await {
            return Acted::Refused(why);
        }
        let begun = Instant::now();
        while let Sight::NotDone(_) = self.see_escort(task, from, to).await {
            if begun.elapsed() > ESCORTED {
                break;
            }
            tokio::time::sleep(WAKE).await;
            self.escorts.wake(&to.cluster).await;
        }
        Acted::Sent
    }

    pub(super) async fn end_escort(&self, task: &Task, writer: &Seat) -> Acted {
        self.escorts.adopt(&writer.cluster, &task.operation).await;
        match self.escorts.release(&writer.cluster, &task.operation).await {
            Ok(()) => Acted::Done(Report::new("the settings are as they were before the plan")),
            Err(why) => Acted::Failed(Report::new(format!(
                "commits of {} may still wait for a standby: {why}; it is tried again until it is done",
                writer.region
            ))),
        }
    }

    pub(super) async fn see_switchover(&self, task: &Task, from: &Seat, to: &Seat) -> Sight {
        let (escorted, answer) = self.moving(&task.operation, &to.cluster, |moving| {
            (moving.escorted, moving.answer.clone())
        });
        // After the answer: a server that writes after a refusal was not touched.
        let (sight, old_writes) = self.see_writer(from, to).await;
        let waited = task.since.map_or(0, |since| millis_between(since, self.now()));
        match (sight, answer) {
            (Sight::NotDone(_), Some((Answer::Failed(why) | Answer::Refused(why), at)))
                if old_writes && at.elapsed() > SETTLED =>
            {
                Sight::Refused(format!("{why}: {} goes on writing", from.region))
            }
            (Sight::NotDone(_), _) if !old_writes && waited > SAY_WHY_MS => {
                let candidate = self.drivers.database(&to.cluster).server(&to.region).await;
                let why = failover::why_not_stopped(&from.region, &to.region, &candidate, waited, escorted);
                Sight::NotDone(why)
            }
            (sight, _) => sight,
        }
    }

    /// The other regions in which the cluster has a member.
    pub(super) fn others(&self, from: &Seat, to: &Seat) -> Vec<RegionId> {
        let world = self.view.world();
        let regions = world.regions.values();
        let others = regions.filter(|r| r.id != from.region && r.id != to.region);
        let members = others.filter(|r| r.member(&to.cluster).is_some());
        members.map(|r| r.id.clone()).collect()
    }

    /// What the servers' stances say, and whether the old writer still writes.
    async fn see_writer(&self, from: &Seat, to: &Seat) -> (Sight, bool) {
        let mut asked = vec![from.region.clone(), to.region.clone()];
        asked.extend(self.others(from, to));
        let database = self.drivers.database(&to.cluster);
        let stances = join_all(asked.into_iter().map(|region| async move {
            let stance = database.stance(&region).await;
            (region, stance)
        }));
        let stances = stances.await;
        let old_writes = stances
            .iter()
            .any(|(r, s)| *r == from.region && *s == Stance::Writes);
        let sight = failover::switchover_sight(&stances, &from.region, &to.region, self.now());
        (sight, old_writes)
    }

    /// Asks for the switchover and watches the candidate at the same time: Patroni's answer comes up to a
    /// second after the fact, or says nothing at all.
    pub(super) async fn switch(&self, task: &Task, from: &Seat, to: &Seat) -> Acted {
        let escorted = self.escorts.holds(&to.cluster, &task.operation).await;
        let probe = self.probe(&task.operation, &to.cluster);
        if task.sent_before
            && let Some(acted) = self.earlier_request(from, to).await
        {
            return acted;
        }
        let proven_at = self.moving(&task.operation, &to.cluster, |moving| moving.proven_at);
        if proven_at.is_none_or(|at| millis_between(at, self.now()) > PROOF_MS)
            && let Err(why) = self.prove(task, to, escorted).await
        {
            return Acted::Refused(why);
        }
        let mut asks = vec![to.region.clone()];
        asks.extend(self.others(from, to));
        let (send, mut answer) = oneshot::channel();
        let database = Arc::clone(self.drivers.database(&to.cluster));
        let (leader, candidate) = (from.member.clone(), to.member.clone());
        let (memory, operation, cluster) = (
            Arc::clone(&self.memory),
            task.operation.clone(),
            to.cluster.clone(),
        );
        // Not bound to this future: a request that was cut off half-way is the least known of all.
        tokio::spawn(async move {
            let answer = ask(database.as_ref(), &asks, &leader, &candidate).await;
            tracing::info!(?answer, leader, candidate, "switchover answered");
            let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(moving) = memory
                .get_mut(&operation)
                .and_then(|m| m.clusters.get_mut(&cluster))
            {
                moving.answer = Some((answer.clone(), Instant::now()));
            }
            drop(memory);
            // Nobody waits any more once the promotion was seen.
            let _ = send.send(answer);
        });
        let begun = Instant::now();
        loop {
            tokio::select! {
                answer = &mut answer => {
                    return match answer {
                        Ok(Answer::Switched(_)) => Acted::Sent,
                        Ok(Answer::Refused(why) | Answer::NotAsked(why)) => Acted::Refused(why),
                        Ok(Answer::Failed(why)) => self.settled(&why, from, to).await,
                        Ok(Answer::Unknown(why)) => Acted::Unknown(why),
                        Err(_) => Acted::Unknown("the request for a switchover was lost".to_owned()),
                    };
                }
                () = tokio::time::sleep(OBSERVE) => {
                    // Later than this it is worth to be told on the screen what it waits for.
                    if probe.span(&to.region).is_some() || begun.elapsed() > QUIET {
                        return Acted::Sent;
                    }
                }
            }
        }
    }

    /// What became of a request that may have been sent before. While no server writes it is being carried out;
    /// a leader that has not begun does so within its `loop_wait`. `None` when it never arrived.
    async fn earlier_request(&self, from: &Seat, to: &Seat) -> Option<Acted> {
        let (begun, mut writing_since) = (Instant::now(), None);
        while begun.elapsed() < EARLIER_PATIENCE {
            // Whatever it is, the engine's own look will see it.
            let (Sight::NotDone(_), old_writes) = self.see_writer(from, to).await else {
                return Some(Acted::Sent);
            };
            if old_writes {
                let since = *writing_since.get_or_insert_with(Instant::now);
                if since.elapsed() > NEVER_ARRIVED {
                    return None;
                }
            } else {
                writing_since = None;
            }
            tokio::time::sleep(OBSERVE).await;
        }
        Some(Acted::Unknown(
            "no server accepts writes since the switchover was asked for".to_owned(),
        ))
    }

    /// "Failed" is true when the old writer goes on writing for a while.
    async fn settled(&self, why: &str, from: &Seat, to: &Seat) -> Acted {
        let begun = Instant::now();
        while begun.elapsed() < SETTLED {
            match self.see_writer(from, to).await {
                (Sight::NotDone(_), true) => {}
                (Sight::Done(_), _) => return Acted::Sent,
                _ => return Acted::Unknown(why.to_owned()),
            }
            tokio::time::sleep(OBSERVE).await;
        }
        Acted::Refused(format!("{why}: {} goes on writing", from.region))
    }

    pub(super) fn see_first_write(&self, task: &Task, to: &Seat) -> Sight {
        let Some(probe) = self.probe_of(&task.operation, &to.cluster) else {
            return Sight::NotDone("no write tried yet".to_owned());
        };
        let Some(span) = probe.span(&to.region) else {
            return Sight::NotDone(format!("{} has not acknowledged a write yet", to.region));
        };
        let mut report = Report::new(format!("{} acknowledges writes", to.region));
        report.times.insert("first_write".to_owned(), span.first);
        let from_key = span.first.duration_since(task.decided).as_millis_f64();
        report
            .figures
            .insert("key_to_first_write_ms".to_owned(), from_key.round());
        let acknowledged = probe.acknowledged();
        let outages = acknowledged.by_region.keys().filter(|r| **r != to.region);
        let outage = outages.filter_map(|from| acknowledged.outage_ms(from, &to.region));
        if let Some(outage) = outage.min_by(f64::total_cmp) {
            report
                .figures
                .insert("write_outage_ms".to_owned(), outage.round());
            report.detail = format!(
                "{}, {:.2} s after the last one before",
                report.detail,
                outage / 1_000.0
            );
        }
        Sight::Done(report)
    }

    /// The probe's first acknowledgement; without it (the control plane was restarted in between, or the probe
    /// cannot connect) one write has to do.
    pub(super) async fn first_write(&self, task: &Task, to: &Seat) -> Acted {
        let begun = Instant::now();
        while begun.elapsed() < PROBE_PATIENCE {
            match self.see_first_write(task, to) {
                Sight::Done(report) => return Acted::Done(report),
                _ if self.probe_of(&task.operation, &to.cluster).is_none() => break,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
        // Nobody could make sure of their table while there was no writer.
        if let Err(why) = self.drivers.database(&to.cluster).prepare(&to.region).await {
            return Acted::Refused(why);
        }
        let database = self.drivers.database(&to.cluster);
        match database.write(&to.region, &task.operation).await {
            WriteAnswer::Acknowledged => {
                let mut report = Report::new(format!("{} acknowledges writes", to.region));
                report.times.insert("first_write".to_owned(), self.now());
                Acted::Done(report)
            }
            WriteAnswer::ReadOnly(why) | WriteAnswer::Away(why) | WriteAnswer::Unknown(why) => {
                Acted::Refused(format!("{} acknowledges no write: {why}", to.region))
            }
        }
    }

    pub(super) async fn see_refusal(&self, task: &Task, from: &Seat) -> Sight {
        // A try to write is an act: it needs its intent first.
        let Some(since) = task.since else {
            return Sight::NotDone("no write tried yet".to_owned());
        };
        let database = self.drivers.database(&from.cluster);
        let answer = database.write(&from.region, &task.operation).await;
        failover::refused_sight(&answer, &from.region, since, self.now())
    }

    pub(super) async fn check_set(&self, task: &Task, from: &Seat, to: &Seat) -> Acted {
        let Some(probe) = self.probe_of(&task.operation, &to.cluster) else {
            return Acted::Done(Report::new(
                "not checked: the control plane was restarted in between, and which canaries were acknowledged is not known",
            ));
        };
        probe.stop();
        let acknowledged = probe.acknowledged();
        let database = self.drivers.database(&to.cluster);
        let present = match database.canaries(&to.region, &task.operation).await {
            Ok(present) => present,
            Err(why) => return Acted::Failed(Report::new(format!("not checked: {why}"))),
        };
        let begun = Instant::now();
        let fork = loop {
            match database.fork(&to.region).await {
                Ok(Some(fork)) => break Some(fork),
                _ if begun.elapsed() > HISTORY => break None,
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        };
        let end = fork.map(|f| f.lsn);
        let checked = failover::set_check(&acknowledged, &present, end, &from.region, &to.region);
        let system = database
            .server(&to.region)
            .await
            .ok()
            .map(|s| s.system_identifier);
        match checked {
            Ok(mut report) => {
                report.token = failover::demotion_token(from, system, fork).map(Box::new);
                if let Err(why) = database.forget(&to.region, &task.operation).await {
                    tracing::warn!(why, "the canaries stay in the database");
                }
                Acted::Done(report)
            }
            // The canaries stay: they are evidence.
            Err(report) => Acted::Failed(report),
        }
    }

    pub(super) fn see_api(&self, task: &Task, regions: &[RegionId]) -> Sight {
        let (world, now) = (self.view.world(), self.now());
        let Some(since) = task.since else {
            return Sight::NotDone("not looked at since the switchover".to_owned());
        };
        let missing: Vec<&str> = regions
            .iter()
            .filter(|region| {
                !world.regions.get(*region).is_some_and(|r| {
                    r.api.iter().any(|p| {
                        p.health.observed_at.is_some_and(|at| at >= since)
                            && p.health.fresh(now).is_some_and(|h| h.status == 200)
                    })
                })
            })
            .map(RegionId::as_str)
            .collect();
        if missing.is_empty() {
            let mut report = Report::new(format!("the api answers 200 in {} region(s)", regions.len()));
            report.times.insert("first_api_2xx".to_owned(), now);
            return Sight::Done(report);
        }
        Sight::NotDone(format!(
            "no 200 from the api of {} since the switchover",
            missing.join(", ")
        ))
    }

    pub(super) async fn see_redundancy(
        &self,
        task: &Task,
        from: &Seat,
        to: &Seat,
        deadline_ms: u64,
    ) -> Sight {
        let now = self.now();
        let rows = self.drivers.database(&to.cluster).standbys(&to.region).await;
        failover::redundancy_sight(&rows, from, task.since.unwrap_or(now), now, deadline_ms)
    }
}

async fn ask(database: &dyn DatabaseDriver, asks: &[RegionId], leader: &str, candidate: &str) -> Answer {
    let mut last = Answer::NotAsked("no surviving member to ask".to_owned());
    for region in asks {
        last = database.switchover(region, leader, candidate).await;
        if !matches!(last, Answer::NotAsked(_)) {
            break;
        }
    }
    last
}
