//! Hands that act on the real thing through the drivers.

mod database;
mod dsn;
mod emergency;
mod managed;
mod parallel;
mod release;
mod traffic;

use crate::drivers::Drivers;
use crate::drivers::database::Answer;
use crate::drivers::database::probe::Probe;
use crate::drivers::traffic::TrafficReading;
use crate::operations::WorldView;
use crate::operations::action::Action;
use crate::operations::escort::Escorts;
use crate::operations::hands::{Acted, Hands, Sight, Task};
use crate::operations::region_failover;
use crate::operations::rollback::Indicators;
use aisoc_model::slo::Slo;
use aisoc_model::{Clock, ClusterName};
use futures::FutureExt;
use futures::future::BoxFuture;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;

/// Why nothing can be done to a release.
const NO_RELEASES: &str = "no release driver: the topology names no supervisor";

/// Acts and observes through the drivers.
pub struct Live {
    drivers: Drivers,
    view: Arc<dyn WorldView>,
    clock: Arc<dyn Clock>,
    slo: Arc<Slo>,
    /// By operation. What is lost here with the process is only ever a measurement, never a decision.
    memory: Arc<Mutex<BTreeMap<String, Memory>>>,
    /// What a load balancer said that must not be asked several times a second.
    reading: tokio::sync::Mutex<Option<(Instant, TrafficReading)>>,
    escorts: Arc<Escorts>,
}

#[derive(Default)]
struct Memory {
    /// By database cluster: one operation may move several writers.
    clusters: BTreeMap<ClusterName, Moving>,
    first_indicators: Option<Indicators>,
}

/// What is remembered of a writer that is being moved.
#[derive(Default)]
struct Moving {
    probe: Option<Arc<Probe>>,
    proven_at: Option<Timestamp>,
    /// Where a writer that is fenced was last seen, and when.
    last_known: Option<(u64, Timestamp)>,
    /// The proof included that the candidate is synchronous.
    escorted: bool,
    /// What the request for a switchover was answered with, and when.
    answer: Option<(Answer, Instant)>,
}

impl Live {
    /// Hands over these drivers.
    pub fn new(
        drivers: Drivers,
        view: Arc<dyn WorldView>,
        clock: Arc<dyn Clock>,
        slo: Arc<Slo>,
        escorts: Arc<Escorts>,
    ) -> Self {
        Self {
            drivers,
            view,
            clock,
            slo,
            memory: Arc::default(),
            reading: tokio::sync::Mutex::default(),
            escorts,
        }
    }

    fn memory(&self) -> MutexGuard<'_, BTreeMap<String, Memory>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks at what is remembered of a writer that an operation moves.
    fn moving<T>(&self, operation: &str, cluster: &ClusterName, look: impl FnOnce(&mut Moving) -> T) -> T {
        let mut memory = self.memory();
        let memory = memory.entry(operation.to_owned()).or_default();
        look(memory.clusters.entry(cluster.clone()).or_default())
    }

    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    async fn look(&self, task: &Task, action: &Action) -> Sight {
        match action {
            Action::SetWeight { region, percent, .. } => self.see_weight(region, *percent).await,
            Action::AwaitIdle { region, deadline_ms } => self.see_idle(task, region, *deadline_ms).await,
            Action::DnsTail { region, milliseconds } => self.see_dns_tail(task, region, *milliseconds).await,
            Action::StillDrained { region } => self.see_drained(region).await,
            Action::Watch { .. } | Action::WatchShare { .. } => Sight::NotDone("not watched yet".to_owned()),
            Action::Escort { from, to, .. } => self.see_escort(task, from, to).await,
            Action::EndEscort { .. } => Sight::NotDone("not put back yet".to_owned()),
            Action::Prove { .. } => Sight::NotDone("not proven yet".to_owned()),
            Action::Switchover { from, to } => self.see_switchover(task, from, to).await,
            Action::FirstWrite { to } => self.see_first_write(task, to),
            Action::OldWriterRefused { from } => self.see_refusal(task, from).await,
            Action::SetCheck { .. } => Sight::NotDone("not checked yet".to_owned()),
            Action::ApiHealth { regions } => self.see_api(task, regions),
            Action::Redundancy {
                from,
                to,
                deadline_ms,
            } => self.see_redundancy(task, from, to, *deadline_ms).await,
            Action::Fence { seat, proof } => self.see_fence(task, seat, *proof).await,
            Action::Release { seat } => self.see_release(seat).await,
            Action::Elect { from, to, .. } => self.see_election(from, to).await,
            Action::Silenced { from, proof } => self.see_silence(task, from, *proof).await,
            Action::Loss { .. } => Sight::NotDone("not measured yet".to_owned()),
            Action::Followers { to, of, deadline_ms } => self.see_followers(task, to, of, *deadline_ms).await,
            Action::Return {
                from,
                to,
                deadline_ms,
            } => self.see_return(task, from, to, *deadline_ms).await,
            Action::ConfirmDown { region } => {
                region_failover::down_sight(&self.view.world(), region, self.now())
            }
            Action::Announce { .. } => Sight::NotDone("not said yet".to_owned()),
            Action::RollBack {
                release, revision, ..
            } => self.see_begun(task, release, *revision).await,
            Action::Rollout {
                release, revision, ..
            }
            | Action::Restart { release, revision } => self.see_rollout(task, release, *revision).await,
            Action::Recovered { region, deadline_ms } => self.see_recovery(task, region, *deadline_ms),
            Action::MakeManagedWriter { to, .. } => self.see_managed(to).await,
            Action::PointDsn {
                cluster,
                region,
                address,
            } => self.see_dsn(cluster, region, address).await,
            Action::DeployGreen { release, .. } => self.see_green(task, release).await,
            Action::Smoke { .. } => Sight::NotDone("not tested yet".to_owned()),
            Action::Share { region, percent, .. } => self.see_share(region, *percent).await,
            Action::Swap { release, .. } => self.see_swapped(task, release).await,
            Action::RemoveParallel { release, .. } => self.see_removed(release).await,
        }
    }

    async fn do_it(&self, task: &Task, action: &Action) -> Acted {
        match action {
            Action::SetWeight { region, percent, .. } => self.set_weight(region, *percent).await,
            Action::Watch {
                regions,
                milliseconds,
            } => self.watch(regions, *milliseconds).await,
            Action::Escort { from, to, standbys } => self.escort(task, from, to, *standbys).await,
            Action::EndEscort { writer } => self.end_escort(task, writer).await,
            Action::Prove { from, to, escorted } => self.prove_and_probe(task, from, to, *escorted).await,
            Action::Switchover { from, to } => self.switch(task, from, to).await,
            Action::FirstWrite { to } => self.first_write(task, to).await,
            Action::SetCheck { from, to } => self.check_set(task, from, to).await,
            Action::Fence { seat, proof } => self.fence(task, seat, *proof).await,
            Action::Release { seat } => self.let_go(seat).await,
            Action::Elect { from, to, proof } => self.elect(task, from, to, *proof).await,
            Action::Loss { from, to } => self.measure_loss(task, from, to).await,
            Action::Return { from, to, .. } => self.let_return(from, to).await,
            Action::Announce {
                region,
                to,
                objective,
            } => {
                let report =
                    region_failover::announcement(region, to, objective.as_ref(), task.decided, self.now());
                tracing::warn!(operation = %task.operation, "{}", report.detail);
                Acted::Done(report)
            }
            Action::RollBack {
                release, revision, ..
            } => self.roll_back(task, release, *revision).await,
            Action::PointDsn {
                cluster,
                region,
                address,
            } => self.point_dsn(task, cluster, region, address).await,
            Action::Restart { release, .. } => self.restart(task, release).await,
            Action::MakeManagedWriter { to, way } => self.make_managed_writer(task, to, *way).await,
            Action::DeployGreen {
                release, settings, ..
            } => self.deploy_green(task, release, settings).await,
            Action::Smoke {
                release, bound_ms, ..
            } => self.smoke(release, *bound_ms).await,
            Action::Share { region, percent, .. } => self.set_share(region, *percent).await,
            Action::WatchShare {
                region,
                milliseconds,
                bound_ms,
            } => self.watch_share(region, *milliseconds, *bound_ms).await,
            Action::Swap { release, .. } => self.swap(task, release).await,
            Action::RemoveParallel { release, early, .. } => self.remove_parallel(release, *early).await,
            Action::Rollout {
                release, revision, ..
            } => self.go_on(task, release, *revision).await,
            Action::AwaitIdle { .. }
            | Action::ConfirmDown { .. }
            | Action::DnsTail { .. }
            | Action::StillDrained { .. }
            | Action::OldWriterRefused { .. }
            | Action::ApiHealth { .. }
            | Action::Redundancy { .. }
            | Action::Silenced { .. }
            | Action::Followers { .. }
            | Action::Recovered { .. } => Acted::Sent,
        }
    }
}

impl Hands for Live {
    fn observe<'a>(&'a self, task: &'a Task, action: &'a Action) -> BoxFuture<'a, Sight> {
        self.look(task, action).boxed()
    }

    fn act<'a>(&'a self, task: &'a Task, action: &'a Action) -> BoxFuture<'a, Acted> {
        self.do_it(task, action).boxed()
    }

    fn ended(&self, operation: &str) {
        self.memory().remove(operation);
    }
}
