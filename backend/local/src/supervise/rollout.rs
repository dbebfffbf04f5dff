//! Rolling a revision out over a region's services: `maxUnavailable 0, maxSurge 1` for the api, whose successor
//! is ready and in the load balancer before it leaves; the others own exclusive files (bus, cursors), so their
//! successor starts when they have ended.

use super::handle::{Command, Handle};
use super::lifecycle::Supervisor;
use super::socket;
use crate::parts::{self, Spec, haproxy, services};
use crate::releases::settings::{Service, Settings};
use crate::world::ports::free_on_loopback;
use crate::world::regions::{ApiPlan, RegionPlan};
use crate::world::topology;
use aisoc_model::inventory::ProcessState;
use std::sync::Arc;
use std::time::Duration;

/// Between the load balancer's turn to the successor and the end of the predecessor: connections that were being
/// made at that moment arrive.
const HANDOVER: Duration = Duration::from_millis(300);

/// End of the name of a process that is tried out beside the one it will replace.
pub(super) const SUCCESSOR: &str = ".next";

/// A revision that is rolled out.
pub(super) struct Target {
    pub(super) number: u32,
    pub(super) settings: Settings,
    /// What uses the database is replaced even when nothing of it changes: it reads its DSN anew.
    pub(super) restart: bool,
}

/// One service of the region.
#[derive(Clone, Copy)]
enum Step {
    Api(&'static ApiPlan),
    Pipeline(Service),
}

impl Step {
    /// Whether it connects to the database, by the string that it reads at its start.
    fn reads_dsn(self) -> bool {
        !matches!(self, Self::Pipeline(Service::Enrichment))
    }
}

impl Supervisor {
    /// Moves a region's services from one revision to another; back again when one of them does not get ready.
    pub(super) async fn roll_out(
        self: &Arc<Self>,
        plan: &'static RegionPlan,
        before: &Target,
        after: &Target,
    ) -> Result<(), String> {
        // The api first: its successor is tried out beside it, so a revision that cannot start breaks nothing.
        let steps: Vec<Step> = plan
            .api
            .iter()
            .map(Step::Api)
            .chain(
                [
                    Service::Ingest,
                    Service::Enrichment,
                    Service::AlertFusion,
                    Service::Agents,
                ]
                .map(Step::Pipeline),
            )
            .collect();
        let mut done: Vec<Step> = Vec::new();
        for step in steps {
            match self.take_step(plan, step, before, after).await {
                Ok(true) => done.push(step),
                Ok(false) => {}
                Err(why) => {
                    self.progress(plan, &format!("revision {} failed, going back", after.number));
                    for step in done.into_iter().rev() {
                        if let Err(worse) = self.take_step(plan, step, after, before).await {
                            tracing::error!(region = plan.name, worse, "going back failed");
                        }
                    }
                    return Err(why);
                }
            }
        }
        // Services that this revision does not change run it as they are.
        self.relabel(plan, after.number);
        Ok(())
    }

    /// Says of every service of a region that serves that it runs this revision.
    pub(super) fn relabel(&self, plan: &RegionPlan, number: u32) {
        for (_, handle) in self.handles() {
            let spec = handle.spec();
            let serves = spec.kind != super::parallel::KIND;
            if serves && spec.region == plan.id() && spec.env.contains_key("AISOC_VERSION") {
                handle.relabel(&format!("rev {number}"));
            }
        }
    }

    fn progress(&self, plan: &RegionPlan, text: &str) {
        self.releases().progress(&plan.release(), text);
    }

    /// Moves one service to a revision; answers whether anything had to be done.
    async fn take_step(
        self: &Arc<Self>,
        plan: &'static RegionPlan,
        step: Step,
        from: &Target,
        to: &Target,
    ) -> Result<bool, String> {
        let name = match step {
            Step::Api(api) => parts::name(plan, api.instance),
            Step::Pipeline(service) => parts::name(plan, service.word()),
        };
        let Some(handle) = self.handle(&name) else {
            return Ok(false);
        };
        let old = handle.spec();
        let ports = self.ports().clone();
        let new = match step {
            Step::Api(api) => {
                let spare = ports.spare(plan, 2, &free_on_loopback);
                let [Some(http), Some(agent)] =
                    [0, 1].map(|i| spare.as_ref().and_then(|s| s.get(i).copied()))
                else {
                    return Err(format!("{name}: no free ports for its successor"));
                };
                services::api(
                    &self.world,
                    &ports,
                    plan,
                    api,
                    [http, agent],
                    to.number,
                    &to.settings,
                )
            }
            Step::Pipeline(service) => {
                services::pipeline(&self.world, &ports, plan, service, to.number, &to.settings)
            }
        };
        let unchanged = {
            // Compared by what the two revisions ask for, not by what happens to run.
            let settings = |t: &Target| match step {
                Step::Api(api) => services::api(&self.world, &ports, plan, api, [0, 0], 0, &t.settings),
                Step::Pipeline(s) => services::pipeline(&self.world, &ports, plan, s, 0, &t.settings),
            };
            settings(from).same_template(&settings(to)) && from.settings.version() == to.settings.version()
        };
        if unchanged && !(to.restart && step.reads_dsn()) {
            return Ok(false);
        }
        let status = handle.status();
        if matches!(status.state, ProcessState::Stopped | ProcessState::Frozen) {
            let why = status.detail.unwrap_or_default();
            return Err(format!("{name} is out of action ({why}): heal the fault first"));
        }
        self.progress(plan, &format!("revision {}: {name}", to.number));
        match step {
            Step::Api(api) => self.surge(plan, api, &name, &handle, new).await.map(|()| true),
            Step::Pipeline(_) => self.swap(&name, &handle, old, new).await.map(|()| true),
        }
    }

    /// Starts the successor beside its predecessor, turns the load balancer to it, ends the predecessor.
    async fn surge(
        self: &Arc<Self>,
        plan: &'static RegionPlan,
        api: &ApiPlan,
        name: &str,
        old: &Handle,
        mut new: Spec,
    ) -> Result<(), String> {
        let next = format!("{name}{SUCCESSOR}");
        let (http, agent) = (port(&new, "http"), port(&new, "agent"));
        new.name.clone_from(&next);
        let handle = self.add(new, None);
        handle.tell(Command::Start).await;
        let ready = self.becomes_ready(&next, &handle).await;
        let turned = match ready {
            Ok(()) => self.turn_load_balancer(api, http, agent).await,
            Err(why) => Err(why),
        };
        if let Err(why) = turned {
            handle.order(Command::Stop).await;
            self.remove(&next);
            return Err(why);
        }
        {
            let mut ports = self.ports();
            ports.set(plan, api.instance, http);
            ports.set(plan, &format!("{}-agent", api.instance), agent);
            if let Err(error) = topology::write_peers(&self.world, &ports) {
                tracing::error!(
                    error = format!("{error:#}"),
                    "the regions look at an address that was left"
                );
            }
        }
        self.rename(&next, name, &handle);
        tokio::time::sleep(HANDOVER).await;
        old.order(Command::Stop).await;
        Ok(())
    }

    async fn turn_load_balancer(&self, api: &ApiPlan, http: u16, agent: u16) -> Result<(), String> {
        let server = format!("{}/{}", haproxy::BACKEND, api.server);
        self.tell_balancer(&[
            format!("set server {server} agent-addr 127.0.0.1 port {agent}"),
            format!("set server {server} addr 127.0.0.1 port {http}"),
        ])
        .await
    }

    pub(super) fn balancer_runs(&self) -> bool {
        self.handle("haproxy")
            .is_some_and(|h| h.status().identity.is_some())
    }

    /// Tells the load balancer, one after the other. One that does not run is told by its configuration, which is
    /// written with the ports in force when it starts again.
    pub(super) async fn tell_balancer(&self, commands: &[String]) -> Result<(), String> {
        if !self.balancer_runs() {
            return Ok(());
        }
        let path = haproxy::socket(&self.world.state);
        for command in commands {
            socket::tell(&path, command).await.map_err(|e| format!("{e:#}"))?;
        }
        Ok(())
    }

    /// Ends a service, then starts its successor; the former one again when that does not get ready.
    async fn swap(&self, name: &str, handle: &Handle, old: Spec, new: Spec) -> Result<(), String> {
        handle.order(|done| Command::Replace(Box::new(new), done)).await;
        let Err(why) = self.becomes_ready(name, handle).await else {
            return Ok(());
        };
        handle.order(|done| Command::Replace(Box::new(old), done)).await;
        if let Err(worse) = self.becomes_ready(name, handle).await {
            tracing::error!(
                process = name,
                worse,
                "the former revision does not get ready either"
            );
        }
        Err(why)
    }

    async fn becomes_ready(&self, name: &str, handle: &Handle) -> Result<(), String> {
        let limit = Duration::from_secs(self.world.config.limits.rollout_ready_seconds);
        let settled = handle
            .wait(limit, |s| {
                matches!(
                    s.state,
                    ProcessState::Ready | ProcessState::BackingOff | ProcessState::Stopped
                )
            })
            .await;
        let status = handle.status();
        if settled && status.state == ProcessState::Ready {
            return Ok(());
        }
        let why = status.detail.unwrap_or_else(|| "it does not say why".to_owned());
        Err(format!(
            "{name} was not ready within {} s: {why}",
            limit.as_secs()
        ))
    }
}

fn port(spec: &Spec, purpose: &str) -> u16 {
    spec.ports.get(purpose).copied().unwrap_or_default()
}
