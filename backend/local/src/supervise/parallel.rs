//! The other half of a blue/green release: api instances on spare ports beside those that serve. They are started,
//! change places with those that serve, and are ended; how much traffic they get in between is the control plane's.
//!
//! Only the api runs twice: the services of the pipeline own files (bus, spool, cursors) and are rolled out instead.

use super::handle::{Command, Handle};
use super::lifecycle::Supervisor;
use super::revisions::check_binaries;
use super::{proc, socket};
use crate::error::Failure;
use crate::parts::{self, Spec, haproxy, services};
use crate::releases::settings::{Service, Settings};
use crate::world::ports::free_on_loopback;
use crate::world::regions::{ApiPlan, FULL_WEIGHT, REGIONS, RegionPlan};
use aisoc_model::inventory::{
    Colour, Parallel, ParallelInstance, ParallelState, ProcessState, Release, difference,
};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// How long blue is kept to switch back to, before division by `speed_up` (operations document §5).
const WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// Kind of its processes: they are no instances of the service as long as they do not serve.
pub(super) const KIND: &str = "api-parallel";

/// Name of a process of the parallel half.
fn process_name(plan: &RegionPlan, api: &ApiPlan, colour: Colour) -> String {
    format!("{}.{}", parts::name(plan, api.instance), colour.word())
}

/// Names of its ports.
fn port_names(api: &ApiPlan) -> [String; 2] {
    [
        format!("{}-parallel", api.instance),
        format!("{}-parallel-agent", api.instance),
    ]
}

impl Supervisor {
    /// Starts green beside what serves, with `changes` on top of the settings in force. It goes on after this returns.
    ///
    /// # Errors
    /// When there is no such release, something else is going on with it, a setting is wrong or is not the api's, or
    /// the machine has no room for it.
    pub async fn deploy_green(
        self: &Arc<Self>,
        name: &str,
        changes: &BTreeMap<String, String>,
        operation: &str,
    ) -> anyhow::Result<Release> {
        let (plan, release) = self.known(name)?;
        if let Some(busy) = &release.rollout {
            return Err(Failure::refused(
                format!("{name} is being rolled out: {busy}"),
                "wait until it is done (`aisoc local history`), then try again",
            )
            .into());
        }
        if let Some(parallel) = &release.parallel {
            return Err(Failure::refused(
                format!(
                    "{name} has a {} release beside it already",
                    parallel.colour.word()
                ),
                "end it first: `aisoc-console green cancel` or `green delete-blue`",
            )
            .into());
        }
        let in_force = self.releases().in_force().remove(plan.name).unwrap_or_default().1;
        let settings = in_force.with(changes)?;
        check_settings(&in_force, &settings)?;
        check_binaries(std::iter::once(&settings))?;
        self.check_room(plan)?;
        let revision = release.history.iter().map(|r| r.number).max().unwrap_or(0) + 1;
        let parallel = Parallel {
            colour: Colour::Green,
            revision,
            settings: settings.values().clone(),
            operation: aisoc_model::text::sanitize(operation, 80),
            since: Timestamp::now(),
            keep_until: None,
            state: ParallelState::Starting,
            instances: Vec::new(),
        };
        self.releases().set_parallel(name, Some(parallel.clone()))?;
        if let Err(why) = self.start_parallel(plan, &parallel).await {
            self.end_parallel(plan, Colour::Green).await;
            self.releases().set_parallel(name, None)?;
            return Err(Failure::failed(why, "look at the logs of the region's processes").into());
        }
        self.release_now(name)
    }

    /// Adds and starts the instances of a parallel release, and tells the load balancer where they are.
    pub(super) async fn start_parallel(
        self: &Arc<Self>,
        plan: &'static RegionPlan,
        parallel: &Parallel,
    ) -> Result<(), String> {
        for spec in self.parallel_specs(plan, parallel)? {
            let handle = self.add(spec, None);
            handle.tell(Command::Start).await;
        }
        self.place_parallel(plan).await
    }

    /// Adds the parallel halves that an earlier start of the world left.
    pub(super) fn add_parallels(&self) {
        let releases = self.releases().all().to_vec();
        for release in releases {
            let plan = RegionPlan::find(release.region.as_str());
            let (Some(plan), Some(parallel)) = (plan, release.parallel) else {
                continue;
            };
            match self.parallel_specs(plan, &parallel) {
                Ok(specs) => {
                    for spec in specs {
                        self.add(spec, None);
                    }
                }
                Err(why) => tracing::error!(release = release.name, why, "the parallel half is not started"),
            }
        }
    }

    /// Its instances, on free ports.
    pub(super) fn parallel_specs(&self, plan: &RegionPlan, parallel: &Parallel) -> Result<Vec<Spec>, String> {
        let settings = Settings::parse(&parallel.settings).map_err(|f| f.what)?;
        let mut ports = self.ports();
        let spare = ports
            .spare(plan, plan.api.len() * 2, &free_on_loopback)
            .ok_or_else(|| format!("{}: no free ports for a parallel release", plan.name))?;
        let mut specs = Vec::new();
        for (api, pair) in plan.api.iter().zip(spare.chunks_exact(2)) {
            let &[http, agent] = pair else { continue };
            let [http_name, agent_name] = port_names(api);
            ports.set(plan, &http_name, http);
            ports.set(plan, &agent_name, agent);
            let listen = [http, agent];
            let mut spec = services::api(
                &self.world,
                &ports,
                plan,
                api,
                listen,
                parallel.revision,
                &settings,
            );
            spec.name = process_name(plan, api, parallel.colour);
            KIND.clone_into(&mut spec.kind);
            spec.log = self.world.state.log(&spec.name);
            // Its telemetry must not be taken for that of the instance beside it.
            let instance = format!("{}-r{}", api.instance, parallel.revision);
            spec.env.insert("AISOC_INSTANCE".to_owned(), instance);
            specs.push(spec);
        }
        Ok(specs)
    }

    /// Points the servers of the parallel half at its instances. They are in maintenance, so nothing else changes.
    async fn place_parallel(&self, plan: &RegionPlan) -> Result<(), String> {
        for api in &plan.api {
            let [http, agent] = port_names(api).map(|name| self.ports().of(plan, &name));
            self.tell_balancer(&[
                format!("set server {} agent-addr 127.0.0.1 port {agent}", parallel(api)),
                format!("set server {} addr 127.0.0.1 port {http}", parallel(api)),
            ])
            .await?;
        }
        Ok(())
    }

    /// Has the two halves change places: what has the whole weight becomes what serves under the usual names, the
    /// other is kept, idle. Without a failed request: each server points somewhere ready at every moment.
    ///
    /// # Errors
    /// When there is no parallel release that is ready, or the load balancer refuses.
    pub async fn swap_parallel(self: &Arc<Self>, name: &str, operation: &str) -> anyhow::Result<Release> {
        let (plan, release) = self.known(name)?;
        let Some(parallel) = release.parallel else {
            return Err(Failure::refused(
                format!("{name} has no parallel release"),
                "deploy green first: `aisoc-console green deploy`",
            )
            .into());
        };
        if parallel.state != ParallelState::Ready {
            return Err(Failure::refused(
                format!("{} of {name} is not ready", parallel.colour.word()),
                "see `aisoc local status`",
            )
            .into());
        }
        self.exchange_servers(plan)
            .await
            .map_err(|why| Failure::failed(why, "see the load balancer's log: `aisoc local logs haproxy`"))?;
        let kept = match parallel.colour {
            Colour::Green => Colour::Blue,
            Colour::Blue => Colour::Green,
        };
        for api in &plan.api {
            self.exchange_names(plan, api, parallel.colour, kept);
        }
        let keep_until = (kept == Colour::Blue).then(|| self.window_ends()).flatten();
        let operation = aisoc_model::text::sanitize(operation, 80);
        let number = self.releases().swap_parallel(name, &operation, keep_until)?;
        self.relabel(plan, number);
        self.release_now(name)
    }

    fn window_ends(&self) -> Option<Timestamp> {
        let seconds = WINDOW.as_secs_f64() / self.world.config.speed_up.max(1.0);
        let window = SignedDuration::try_from_secs_f64(seconds).unwrap_or(WINDOW);
        Timestamp::now().checked_add(window).ok()
    }

    async fn exchange_servers(&self, plan: &RegionPlan) -> Result<(), String> {
        for api in &plan.api {
            let main = format!("{}/{}", haproxy::BACKEND, api.server);
            let beside = parallel(api);
            let ([http, agent], [new_http, new_agent]) = self.addresses(plan, api);
            self.tell_balancer(&[
                // Both servers lead to the half that has the weight …
                format!("set server {main} agent-addr 127.0.0.1 port {new_agent}"),
                format!("set server {main} addr 127.0.0.1 port {new_http}"),
                // … then the usual one takes it all, and the other leaves.
                format!("set server {main} weight {FULL_WEIGHT}"),
                format!("set server {beside} weight 0"),
                format!("set server {beside} state maint"),
                format!("set server {beside} agent-addr 127.0.0.1 port {agent}"),
                format!("set server {beside} addr 127.0.0.1 port {http}"),
            ])
            .await?;
        }
        Ok(())
    }

    /// HTTP and agent ports of an instance that serves, and of the one beside it.
    fn addresses(&self, plan: &RegionPlan, api: &ApiPlan) -> ([u16; 2], [u16; 2]) {
        let ports = self.ports();
        let agent = format!("{}-agent", api.instance);
        let [http_name, agent_name] = port_names(api);
        (
            [ports.of(plan, api.instance), ports.of(plan, &agent)],
            [ports.of(plan, &http_name), ports.of(plan, &agent_name)],
        )
    }

    fn exchange_names(&self, plan: &RegionPlan, api: &ApiPlan, colour: Colour, kept: Colour) {
        let usual = parts::name(plan, api.instance);
        let (beside, kept) = (process_name(plan, api, colour), process_name(plan, api, kept));
        let (Some(old), Some(new)) = (self.handle(&usual), self.handle(&beside)) else {
            return;
        };
        self.rename(&usual, &kept, &old);
        self.rename(&beside, &usual, &new);
        set_kind(&old, KIND);
        set_kind(&new, Service::Api.word());
        let ([http, agent], [new_http, new_agent]) = self.addresses(plan, api);
        let [http_name, agent_name] = port_names(api);
        let mut ports = self.ports();
        ports.set(plan, api.instance, new_http);
        ports.set(plan, &format!("{}-agent", api.instance), new_agent);
        ports.set(plan, &http_name, http);
        ports.set(plan, &agent_name, agent);
    }

    /// Ends the parallel half: green that is not wanted, or blue when its window is over.
    ///
    /// # Errors
    /// When it gets requests, or blue's window is not over and `early` does not say that this is wanted.
    pub async fn remove_parallel(self: &Arc<Self>, name: &str, early: bool) -> anyhow::Result<Release> {
        let (plan, release) = self.known(name)?;
        let Some(parallel) = release.parallel else {
            return self.release_now(name);
        };
        if let Some(until) = parallel.keep_until.filter(|until| *until > Timestamp::now())
            && !early
        {
            return Err(Failure::refused(
                format!("blue of {name} is kept until {until:.0} to switch back to"),
                "wait, or switch back with `aisoc-console green cancel`",
            )
            .into());
        }
        if let Some(server) = self.in_rotation(plan).await {
            return Err(Failure::refused(
                format!("{server} is in rotation: requests go to this half"),
                "finish the switch first, or take it back",
            )
            .into());
        }
        self.end_parallel(plan, parallel.colour).await;
        self.releases().set_parallel(name, None)?;
        self.release_now(name)
    }

    async fn end_parallel(&self, plan: &RegionPlan, colour: Colour) {
        for api in &plan.api {
            let name = process_name(plan, api, colour);
            if let Some(handle) = self.handle(&name) {
                handle.order(Command::Stop).await;
                self.remove(&name);
            }
        }
    }

    /// A server of the parallel half that gets requests now. One that cannot be asked about is taken to.
    async fn in_rotation(&self, plan: &RegionPlan) -> Option<String> {
        if !self.balancer_runs() {
            return None;
        }
        let path = haproxy::socket(&self.world.state);
        let Ok(answer) = socket::ask(&path, &format!("show servers state {}", haproxy::BACKEND)).await else {
            return plan.api.first().map(haproxy::parallel_server);
        };
        let kept = haproxy::parse_kept(&answer);
        plan.api.iter().map(haproxy::parallel_server).find(|server| {
            kept.servers
                .get(server)
                .is_some_and(|s| s.admin == haproxy::Admin::Ready && s.weight > 0)
        })
    }

    /// The releases with what is so now of their parallel halves.
    #[must_use]
    pub fn releases_now(&self) -> Vec<Release> {
        let mut all = self.releases().all().to_vec();
        for release in &mut all {
            let plan = RegionPlan::find(release.region.as_str());
            if let (Some(plan), Some(parallel)) = (plan, &mut release.parallel) {
                parallel.state = self.parallel_state(plan, parallel.colour);
                parallel.instances = self.parallel_instances(plan, parallel.colour);
            }
        }
        all
    }

    fn parallel_state(&self, plan: &RegionPlan, colour: Colour) -> ParallelState {
        let mut starting = false;
        for api in &plan.api {
            let name = process_name(plan, api, colour);
            let Some(handle) = self.handle(&name) else {
                return ParallelState::Unready(format!("{name} does not run"));
            };
            let status = handle.status();
            let why = || {
                status
                    .detail
                    .clone()
                    .unwrap_or_else(|| "it does not say why".to_owned())
            };
            match status.state {
                ProcessState::Ready => {}
                ProcessState::Starting => starting = true,
                _ => return ParallelState::Unready(format!("{name}: {}", why())),
            }
        }
        if starting {
            ParallelState::Starting
        } else {
            ParallelState::Ready
        }
    }

    fn parallel_instances(&self, plan: &RegionPlan, colour: Colour) -> Vec<ParallelInstance> {
        let ports = self.ports();
        let instance = |api: &ApiPlan| ParallelInstance {
            process: process_name(plan, api, colour),
            server: haproxy::parallel_server(api),
            url: format!("http://127.0.0.1:{}", ports.of(plan, &port_names(api)[0])),
        };
        plan.api.iter().map(instance).collect()
    }

    fn release_now(&self, name: &str) -> anyhow::Result<Release> {
        let release = self.releases_now().into_iter().find(|r| r.name == name);
        release.ok_or_else(|| anyhow::anyhow!("release {name} has gone"))
    }

    fn known(&self, name: &str) -> anyhow::Result<(&'static RegionPlan, Release)> {
        let plan = REGIONS.iter().find(|r| r.release() == name);
        let release = self.releases_now().into_iter().find(|r| r.name == name);
        plan.zip(release).ok_or_else(|| {
            Failure::usage(
                format!("there is no release '{}'", aisoc_model::text::sanitize(name, 80)),
                "`aisoc local history` shows the releases",
            )
            .into()
        })
    }

    /// Room for the instances once more: a machine that swaps would hurt those that serve.
    fn check_room(&self, plan: &RegionPlan) -> Result<(), Failure> {
        let used: u64 = plan
            .api
            .iter()
            .filter_map(|api| self.handle(&parts::name(plan, api.instance))?.status().identity)
            .filter_map(|identity| proc::memory(identity.pid))
            .sum();
        let Some(free) = memory_available() else {
            return Ok(());
        };
        if free < used.saturating_mul(2) {
            return Err(Failure::refused(
                format!(
                    "no room for a parallel release: its like uses {} MiB, and {} MiB of memory are free",
                    used >> 20,
                    free >> 20
                ),
                "free some memory, or roll the revision out instead: `aisoc local deploy`",
            ));
        }
        Ok(())
    }
}

fn parallel(api: &ApiPlan) -> String {
    format!("{}/{}", haproxy::BACKEND, haproxy::parallel_server(api))
}

fn set_kind(handle: &Handle, kind: &str) {
    kind.clone_into(&mut handle.spec.lock().unwrap_or_else(PoisonError::into_inner).kind);
}

/// Refuses settings that are not the api's.
fn check_settings(in_force: &Settings, green: &Settings) -> Result<(), Failure> {
    let changes = difference(in_force.values(), green.values());
    let other = changes
        .iter()
        .find(|c| !c.key.starts_with("api.") && c.key != "version");
    if let Some(change) = other {
        return Err(Failure::usage(
            format!(
                "setting {}: only the api runs twice; the other services own files that one process at a time may use",
                change.key
            ),
            "roll it out instead: `aisoc local deploy`",
        ));
    }
    if changes.is_empty() {
        return Err(Failure::usage(
            "green would be the same as what is in force",
            "give at least one setting that differs",
        ));
    }
    Ok(())
}

/// Memory that can be used without swapping, bytes.
fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string(PathBuf::from("/proc/meminfo")).ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib.saturating_mul(1024))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(pairs: &[(&str, &str)]) -> Settings {
        let pairs = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned()));
        Settings::parse(&pairs.collect()).unwrap()
    }

    #[test]
    fn green_differs_in_the_api_alone() {
        let now = settings(&[("api.inject_latency_ms", "5")]);
        assert!(check_settings(&now, &settings(&[("api.inject_latency_ms", "6")])).is_ok());
        assert!(
            check_settings(
                &now,
                &settings(&[("version", "2"), ("api.inject_latency_ms", "5")])
            )
            .is_ok()
        );
        let same = check_settings(&now, &now).unwrap_err();
        assert!(same.what.contains("the same"), "{}", same.what);
        let others = settings(&[("api.inject_latency_ms", "5"), ("ingest.env.X", "1")]);
        let refused = check_settings(&now, &others).unwrap_err();
        assert!(refused.what.contains("ingest.env.X"), "{}", refused.what);
    }
}
