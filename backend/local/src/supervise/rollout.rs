//! Rolling a revision out over a region's services: `maxUnavailable 0, maxSurge 1` for the api, whose successor
//! is ready and in the load balancer before it leaves; the others own exclusive files (bus, cursors), so their
//! successor starts when they have ended.

use super::lifecycle::Supervisor;
use super::process::{Command, Handle};
use super::socket;
use crate::error::Failure;
use crate::parts::{self, Spec, haproxy, services};
use crate::releases::settings::{Service, Settings};
use crate::world::ports::free_on_loopback;
use crate::world::regions::{ApiPlan, REGIONS, RegionPlan};
use aisoc_model::RegionId;
use aisoc_model::inventory::{ProcessState, Release, RevisionStatus};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Between the load balancer's turn to the successor and the end of the predecessor: connections that were being
/// made at that moment arrive.
const HANDOVER: Duration = Duration::from_millis(300);

/// End of the name of a process that is tried out beside the one it will replace.
pub(super) const SUCCESSOR: &str = ".next";

/// A revision that is rolled out.
struct Target {
    number: u32,
    settings: Settings,
}

/// One service of the region.
#[derive(Clone, Copy)]
enum Step {
    Api(&'static ApiPlan),
    Pipeline(Service),
}

impl Supervisor {
    /// Begins a new revision in one region or all, with `changes` on top of the settings in force (or in their
    /// place). The rollouts go on after this returns.
    ///
    /// # Errors
    /// When a setting is wrong, the region unknown, or a rollout of it is going on.
    pub fn deploy(
        self: &Arc<Self>,
        region: Option<&RegionId>,
        changes: &BTreeMap<String, String>,
        replace: bool,
        description: &str,
    ) -> anyhow::Result<Vec<Release>> {
        let plans: Vec<&'static RegionPlan> = REGIONS
            .iter()
            .filter(|r| region.is_none_or(|id| id.as_str() == r.name))
            .collect();
        if plans.is_empty() {
            let names: Vec<&str> = REGIONS.iter().map(|r| r.name).collect();
            return Err(Failure::usage(
                "there is no such region",
                format!("the regions are: {}", names.join(", ")),
            )
            .into());
        }
        let in_force = self.releases().in_force();
        let mut targets = Vec::new();
        for plan in plans {
            let base = in_force
                .get(plan.name)
                .filter(|_| !replace)
                .map(|(_, s)| s.clone())
                .unwrap_or_default();
            targets.push((plan, base.with(changes)?));
        }
        check_binaries(targets.iter().map(|(_, s)| s))?;
        let mut begun = Vec::new();
        for (plan, settings) in targets {
            begun.push(self.begin(plan, settings, RevisionStatus::PendingUpgrade, description)?);
        }
        Ok(begun)
    }

    /// Begins a revision that equals an earlier one.
    ///
    /// # Errors
    /// When there is no such release or revision, or a rollout is going on.
    pub fn rollback(
        self: &Arc<Self>,
        release: &str,
        revision: u32,
        operation: Option<&str>,
    ) -> anyhow::Result<Release> {
        let plan = REGIONS.iter().find(|r| r.release() == release);
        let target = self
            .releases()
            .by_name(release)
            .and_then(|r| r.history.iter().find(|h| h.number == revision))
            .cloned();
        let (Some(plan), Some(target)) = (plan, target) else {
            return Err(Failure::usage(
                format!(
                    "there is no revision {revision} of release '{}'",
                    aisoc_model::text::sanitize(release, 80)
                ),
                "`aisoc local history` shows the revisions",
            )
            .into());
        };
        let settings = Settings::parse(&target.settings)?;
        check_binaries(std::iter::once(&settings))?;
        let by = operation
            .map(|o| format!(" (operation {})", aisoc_model::text::sanitize(o, 80)))
            .unwrap_or_default();
        self.begin(
            plan,
            settings,
            RevisionStatus::PendingRollback,
            &format!("rollback to {revision}{by}"),
        )
    }

    fn begin(
        self: &Arc<Self>,
        plan: &'static RegionPlan,
        settings: Settings,
        status: RevisionStatus,
        description: &str,
    ) -> anyhow::Result<Release> {
        let name = plan.release();
        let description = aisoc_model::text::sanitize(description, 300);
        let before = self.releases().in_force().remove(plan.name);
        let number = self.releases().begin(&name, &settings, status, description)?;
        let supervisor = Arc::clone(self);
        let after = Target { number, settings };
        let (number_before, settings_before) = before.unwrap_or_default();
        let before = Target {
            number: number_before,
            settings: settings_before,
        };
        let release = name.clone();
        tokio::spawn(async move {
            let outcome = supervisor.roll_out(plan, &before, &after).await;
            tracing::info!(release, number, ?outcome, "rollout ended");
            if let Err(error) = supervisor.releases().finish(&release, number, &outcome) {
                tracing::error!(
                    release,
                    error = format!("{error:#}"),
                    "the history could not be written"
                );
            }
        });
        self.releases()
            .by_name(&name)
            .cloned()
            .ok_or_else(|| anyhow::anyhow!("release {name} has gone"))
    }

    async fn roll_out(
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
        for (_, handle) in self.handles() {
            let spec = handle.spec();
            if spec.region == plan.id() && spec.env.contains_key("AISOC_VERSION") {
                handle.relabel(&format!("rev {}", after.number));
            }
        }
        Ok(())
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
        if unchanged {
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
        }
        self.rename(&next, name, &handle);
        tokio::time::sleep(HANDOVER).await;
        old.order(Command::Stop).await;
        Ok(())
    }

    async fn turn_load_balancer(&self, api: &ApiPlan, http: u16, agent: u16) -> Result<(), String> {
        let running = self
            .handle("haproxy")
            .is_some_and(|h| h.status().identity.is_some());
        if !running {
            // Its configuration is written with the ports in force when it starts again.
            return Ok(());
        }
        let server = format!("{}/{}", haproxy::BACKEND, api.server);
        let path = haproxy::socket(&self.world.state);
        for command in [
            format!("set server {server} agent-addr 127.0.0.1 port {agent}"),
            format!("set server {server} addr 127.0.0.1 port {http}"),
        ] {
            socket::tell(&path, &command)
                .await
                .map_err(|e| format!("{e:#}"))?;
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

fn check_binaries<'a>(all: impl Iterator<Item = &'a Settings>) -> Result<(), Failure> {
    for settings in all {
        for service in Service::ALL {
            if let Some(binary) = settings
                .binary(service)
                .filter(|b| !crate::packages::is_program(b))
            {
                return Err(Failure::usage(
                    format!("{}.binary: {} is not a program", service.word(), binary.display()),
                    "name the absolute path of an executable file",
                ));
            }
        }
    }
    Ok(())
}
