//! A world in memory that counts what is done to it, with drivers over it, and hands for the engine alone.

use crate::drivers::database::config::ClusterConfig;
use crate::drivers::database::emergency::EmergencyDriver;
use crate::drivers::database::probe::{Acknowledged, Probe};
use crate::drivers::database::standing::{Knocks, Standing};
use crate::drivers::database::{
    Answer, DatabaseDriver, Evidence, Fork, ServerView, Stance, StandbyRow, WriteAnswer,
};
use crate::drivers::fence::FenceDriver;
use crate::drivers::managed::{ManagedDriver, ManagedReading, Way};
use crate::drivers::release::ReleaseDriver;
use crate::drivers::release::smoke::Smoke;
use crate::drivers::tenants::{TenantDirectory, TenantHome};
use crate::drivers::traffic::share::{ShareDriver, ShareReading};
use crate::drivers::traffic::{Load, ServerReading, TrafficDriver, TrafficReading, Traits};
use crate::drivers::{ClusterDrivers, DriverError, Drivers};
use crate::operations::WorldView;
use crate::operations::tests::fixture::{self, US};
use aisoc_model::fence::{DemotionToken, FenceStatus, FencedBy};
use aisoc_model::inventory::{Colour, ParallelInstance, Release, RevisionStatus};
use aisoc_model::world::World;
use aisoc_model::{Clock, RegionId, SystemClock};
use futures::FutureExt;
use futures::future::BoxFuture;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A world in memory.
pub struct FakeWorld(pub Mutex<State>);

pub struct State {
    pub traffic: TrafficReading,
    pub writer: RegionId,
    pub releases: Vec<Release>,
    /// Every effect, in order.
    pub effects: Vec<String>,
    /// What the load balancer answers instead of acting.
    pub traffic_error: Option<DriverError>,
    /// Requests that fail on every look at the load balancer.
    pub failures_per_look: u64,
    /// What Patroni answers instead of switching.
    pub switchover: Option<Answer>,
    /// Looks at a server that go by before a switchover is done.
    pub switching: Option<(u32, RegionId)>,
    /// How many looks a switchover takes.
    pub looks: u32,
    /// Acknowledged canaries; without them the probe is silent.
    pub acknowledged: Option<Acknowledged>,
    pub spoil: Option<fn(&mut Evidence)>,
    /// The region whose instance is kept down, and for which operation.
    pub fenced: Option<(RegionId, String)>,
    /// How the members of a cluster in need stand.
    pub standing: Option<Standing>,
    /// Share of the other half, percent.
    pub share: u8,
    /// What smoke tests find.
    pub smoke: Smoke,
    /// Requests of the other half that fail on every look at its share.
    pub share_failures: u64,
    pub share_requests: u64,
    /// The cluster's settings.
    pub config: ClusterConfig,
}

impl FakeWorld {
    pub fn new() -> Arc<Self> {
        let now = SystemClock.now();
        let mut traffic = fixture::traffic(now);
        for server in &mut traffic.servers {
            server.load = Some(Load::default());
        }
        Arc::new(Self(Mutex::new(State {
            traffic,
            writer: fixture::region(US),
            releases: fixture::releases(),
            effects: vec![],
            traffic_error: None,
            failures_per_look: 0,
            switchover: None,
            switching: None,
            looks: 0,
            acknowledged: None,
            spoil: None,
            fenced: None,
            standing: None,
            share: 0,
            smoke: Smoke::default(),
            share_failures: 0,
            share_requests: 0,
            config: fixture::config(),
        })))
    }

    pub fn drivers(self: &Arc<Self>) -> Drivers {
        Drivers {
            traffic: Arc::clone(self) as Arc<dyn TrafficDriver>,
            clusters: BTreeMap::from([(fixture::main(), self.cluster())]),
            nobody: Arc::clone(self) as Arc<dyn DatabaseDriver>,
            managed: None,
            share: Some(Arc::clone(self) as Arc<dyn ShareDriver>),
            release: Some(Arc::clone(self) as Arc<dyn ReleaseDriver>),
            tenants: Arc::clone(self) as Arc<dyn TenantDirectory>,
        }
    }

    /// The drivers of a cluster.
    pub fn cluster(self: &Arc<Self>) -> ClusterDrivers {
        ClusterDrivers {
            database: Arc::clone(self) as Arc<dyn DatabaseDriver>,
            emergency: Some(Arc::clone(self) as Arc<dyn EmergencyDriver>),
            fence: Some(Arc::clone(self) as Arc<dyn FenceDriver>),
            dsn: None,
        }
    }

    pub fn effects(&self) -> Vec<String> {
        self.0.lock().unwrap().effects.clone()
    }

    pub fn percent(&self, id: &str) -> Option<u8> {
        self.0.lock().unwrap().traffic.percent(&fixture::region(id))
    }
}

impl WorldView for FakeWorld {
    fn world(&self) -> Arc<World> {
        Arc::new(fixture::world(SystemClock.now()))
    }
}

impl TenantDirectory for FakeWorld {
    fn list(&self) -> BoxFuture<'_, Result<Vec<TenantHome>, String>> {
        async { Ok(fixture::tenants()) }.boxed()
    }
}

impl TrafficDriver for FakeWorld {
    fn read(&self) -> BoxFuture<'_, Result<TrafficReading, DriverError>> {
        async {
            let mut state = self.0.lock().unwrap();
            state.traffic.at = SystemClock.now();
            let failures = state.failures_per_look;
            let loads = state.traffic.servers.iter_mut().filter_map(|s| s.load.as_mut());
            for load in loads {
                load.requests += 50;
                load.failures += failures;
            }
            Ok(state.traffic.clone())
        }
        .boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            if let Some(error) = state.traffic_error.clone() {
                return Err(error);
            }
            state.effects.push(format!("weight {region} {percent}"));
            for server in state.traffic.servers.iter_mut().filter(|s| &s.region == region) {
                server.weight = ServerReading::weight_at(server.full_weight, percent);
                server.status = if percent == 0 { "DRAIN" } else { "UP" }.to_owned();
            }
            Ok(())
        }
        .boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        format!("set {region} {percent}")
    }

    fn look(&self) -> String {
        "look".to_owned()
    }

    fn traits(&self) -> Traits {
        let told = self
            .0
            .lock()
            .unwrap()
            .traffic
            .servers
            .iter()
            .all(|s| s.load.is_some());
        Traits {
            blind: (!told).then(|| "it counts nothing".to_owned()),
            ..Traits::default()
        }
    }
}

impl DatabaseDriver for FakeWorld {
    fn evidence<'a>(&'a self, _to: &'a RegionId) -> BoxFuture<'a, Evidence> {
        async {
            let state = self.0.lock().unwrap();
            let writer = if state.switching.is_some() {
                "nobody"
            } else {
                state.writer.as_str()
            };
            let mut evidence = fixture::evidence(SystemClock.now(), writer);
            evidence.config.what = Ok(state.config.clone());
            if state.config.synchronous() {
                fixture::synchronous(&mut evidence);
            }
            if let Some(spoil) = state.spoil {
                spoil(&mut evidence);
            }
            evidence
        }
        .boxed()
    }

    fn switchover<'a>(&'a self, _ask: &'a RegionId, _from: &'a str, to: &'a str) -> BoxFuture<'a, Answer> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("switchover {to}"));
            if let Some(answer) = state.switchover.clone() {
                return answer;
            }
            if state.looks > 0 {
                state.switching = Some((state.looks, fixture::region(to)));
                return Answer::Unknown("Switchover status unknown".into());
            }
            state.writer = fixture::region(to);
            Answer::Switched(to.to_owned())
        }
        .boxed()
    }

    fn request(&self, _ask: &RegionId, from: &str, to: &str) -> String {
        format!("switchover {from} {to}")
    }

    fn config(&self) -> BoxFuture<'_, Result<ClusterConfig, String>> {
        async { Ok(self.0.lock().unwrap().config.clone()) }.boxed()
    }

    fn configure<'a>(&'a self, patch: &'a Value) -> BoxFuture<'a, Result<ClusterConfig, String>> {
        async move {
            let mut state = self.0.lock().unwrap();
            let after = state.config.patched(patch);
            if after.synchronous() != state.config.synchronous() {
                state.effects.push(format!("synchronous {}", after.synchronous()));
            }
            state.config = after.clone();
            Ok(after)
        }
        .boxed()
    }

    fn configuration(&self, leader: &RegionId, patch: &Value) -> String {
        format!("configure {leader} {patch}")
    }

    fn not_synchronous<'a>(
        &'a self,
        _: &'a RegionId,
        _: &'a RegionId,
    ) -> BoxFuture<'a, Result<Option<String>, String>> {
        async {
            let on = self.0.lock().unwrap().config.synchronous();
            Ok((!on).then(|| "async".to_owned()))
        }
        .boxed()
    }

    fn server<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<ServerView, String>> {
        async move {
            let writer = self.0.lock().unwrap().writer.clone();
            let evidence = fixture::evidence(SystemClock.now(), writer.as_str());
            evidence.members[region].server.what.clone()
        }
        .boxed()
    }

    fn stance<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Stance> {
        async move {
            let mut state = self.0.lock().unwrap();
            if let Some((looks, to)) = state.switching.take() {
                if looks > 0 {
                    state.switching = Some((looks - 1, to));
                    return Stance::Away("shutting down".into());
                }
                state.writer = to;
            }
            if state.writer == *region {
                Stance::Writes
            } else {
                Stance::Follows
            }
        }
        .boxed()
    }

    fn write<'a>(&'a self, region: &'a RegionId, _operation: &'a str) -> BoxFuture<'a, WriteAnswer> {
        async move {
            let writes = self.0.lock().unwrap().writer == *region;
            if writes {
                WriteAnswer::Acknowledged
            } else {
                WriteAnswer::ReadOnly("read-only".into())
            }
        }
        .boxed()
    }

    fn standbys<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<Vec<StandbyRow>, String>> {
        async move {
            fixture::evidence(SystemClock.now(), region.as_str())
                .standbys
                .what
        }
        .boxed()
    }

    fn canaries<'a>(&'a self, _: &'a RegionId, _: &'a str) -> BoxFuture<'a, Result<Vec<u64>, String>> {
        async { Ok(vec![]) }.boxed()
    }

    fn forget<'a>(&'a self, _: &'a RegionId, _: &'a str) -> BoxFuture<'a, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn fork<'a>(&'a self, _: &'a RegionId) -> BoxFuture<'a, Result<Option<Fork>, String>> {
        async { Ok(None) }.boxed()
    }

    fn prepare<'a>(&'a self, _: &'a RegionId) -> BoxFuture<'a, Result<(), String>> {
        async { Ok(()) }.boxed()
    }

    fn probe(&self, _operation: &str) -> Arc<Probe> {
        let acknowledged = self.0.lock().unwrap().acknowledged.clone();
        let silent = || Probe::silent(&SystemClock);
        Arc::new(acknowledged.map_or_else(silent, |a| Probe::having(a, &SystemClock)))
    }
}

impl ReleaseDriver for FakeWorld {
    fn releases(&self) -> BoxFuture<'_, Result<Vec<Release>, DriverError>> {
        async { Ok(self.0.lock().unwrap().releases.clone()) }.boxed()
    }

    fn roll_back<'a>(
        &'a self,
        release: &'a str,
        revision: u32,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("rollback {release} {revision}"));
            let release = state.releases.iter_mut().find(|r| r.name == release).unwrap();
            let mut made = release
                .history
                .iter()
                .find(|r| r.number == revision)
                .unwrap()
                .clone();
            for old in &mut release.history {
                old.status = RevisionStatus::Superseded;
            }
            made.number = release.history.last().unwrap().number + 1;
            made.status = RevisionStatus::Deployed;
            made.description = format!("rollback to {revision} (operation {operation})");
            release.history.push(made);
            Ok(())
        }
        .boxed()
    }

    fn request(&self, release: &str, revision: u32) -> String {
        format!("rollback {release} {revision}")
    }

    fn restart<'a>(&'a self, release: &'a str, operation: &'a str) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("restart {release}"));
            let release = state.releases.iter_mut().find(|r| r.name == release).unwrap();
            let mut made = release.history.last().unwrap().clone();
            made.number += 1;
            made.description = format!("restart (operation {operation})");
            release.history.push(made);
            Ok(())
        }
        .boxed()
    }

    fn restart_request(&self, release: &str) -> String {
        format!("restart {release}")
    }

    fn deploy_green<'a>(
        &'a self,
        release: &'a str,
        settings: &'a BTreeMap<String, String>,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("green {release}"));
            let release = state.releases.iter_mut().find(|r| r.name == release).unwrap();
            let mut parallel = fixture::parallel(Colour::Green);
            parallel.settings = settings.clone();
            parallel.operation = operation.to_owned();
            release.parallel = Some(parallel);
            Ok(())
        }
        .boxed()
    }

    fn green_request(&self, release: &str, _: &BTreeMap<String, String>) -> String {
        format!("green {release}")
    }

    fn swap_parallel<'a>(
        &'a self,
        release: &'a str,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("swap {release}"));
            // The supervisor leaves the other half without a share.
            state.share = 0;
            let release = state.releases.iter_mut().find(|r| r.name == release).unwrap();
            let parallel = release.parallel.as_mut().unwrap();
            parallel.operation = operation.to_owned();
            parallel.colour = match parallel.colour {
                Colour::Green => Colour::Blue,
                Colour::Blue => Colour::Green,
            };
            Ok(())
        }
        .boxed()
    }

    fn swap_request(&self, release: &str) -> String {
        format!("swap {release}")
    }

    fn remove_parallel<'a>(
        &'a self,
        release: &'a str,
        early: bool,
    ) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("remove {release} {early}"));
            let release = state.releases.iter_mut().find(|r| r.name == release).unwrap();
            release.parallel = None;
            Ok(())
        }
        .boxed()
    }

    fn remove_request(&self, release: &str, _: bool) -> String {
        format!("remove {release}")
    }

    fn smoke<'a>(&'a self, _: &'a [ParallelInstance], _: Duration) -> BoxFuture<'a, Smoke> {
        async { self.0.lock().unwrap().smoke.clone() }.boxed()
    }
}

impl ShareDriver for FakeWorld {
    fn read<'a>(&'a self, _: &'a RegionId) -> BoxFuture<'a, Result<ShareReading, DriverError>> {
        async {
            let mut state = self.0.lock().unwrap();
            state.share_requests += 50;
            Ok(fixture::shares(
                state.share,
                state.share_requests,
                state.share_requests / 50 * state.share_failures,
            ))
        }
        .boxed()
    }

    fn set<'a>(&'a self, region: &'a RegionId, percent: u8) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("share {region} {percent}"));
            state.share = percent;
            Ok(())
        }
        .boxed()
    }

    fn request(&self, region: &RegionId, percent: u8) -> String {
        format!("share {region} {percent}")
    }
}

impl FakeWorld {
    fn instance(&self, region: &RegionId) -> FenceStatus {
        let state = self.0.lock().unwrap();
        let fenced = state.fenced.as_ref().filter(|(r, _)| r == region);
        let token = DemotionToken {
            system_identifier: "77".into(),
            timeline: 3,
            final_lsn: 1_000,
        };
        FenceStatus {
            cluster: fixture::main(),
            region: region.clone(),
            fenced: fenced.map(|(_, operation)| FencedBy {
                operation: operation.clone(),
                since: SystemClock.now(),
            }),
            running: if fenced.is_some() {
                vec![]
            } else {
                vec!["postgres 1".into()]
            },
            token: fenced.is_some().then_some(token),
        }
    }
}

impl EmergencyDriver for FakeWorld {
    fn standing(&self) -> BoxFuture<'_, Standing> {
        async {
            let state = self.0.lock().unwrap();
            let fallback = || fixture::standing(SystemClock.now(), state.writer.as_str());
            state.standing.clone().unwrap_or_else(fallback)
        }
        .boxed()
    }

    fn knock<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Knocks> {
        async move {
            let standing = self.standing().await;
            standing.members[region].knock.what.clone().unwrap()
        }
        .boxed()
    }

    fn elect<'a>(&'a self, from: &'a str, to: &'a RegionId) -> BoxFuture<'a, Result<(), DriverError>> {
        async move {
            let mut state = self.0.lock().unwrap();
            state.effects.push(format!("elect {to} instead of {from}"));
            state.writer = to.clone();
            Ok(())
        }
        .boxed()
    }

    fn request(&self, from: &str, to: &RegionId) -> String {
        format!("elect {from} {to}")
    }
}

impl FenceDriver for FakeWorld {
    fn look<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move { Ok(self.instance(region)) }.boxed()
    }

    fn fence<'a>(
        &'a self,
        region: &'a RegionId,
        operation: &'a str,
    ) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            {
                let mut state = self.0.lock().unwrap();
                state.effects.push(format!("fence {region}"));
                state.fenced = Some((region.clone(), operation.to_owned()));
            }
            Ok(self.instance(region))
        }
        .boxed()
    }

    fn release<'a>(&'a self, region: &'a RegionId) -> BoxFuture<'a, Result<FenceStatus, DriverError>> {
        async move {
            {
                let mut state = self.0.lock().unwrap();
                state.effects.push(format!("release {region}"));
                state.fenced = None;
            }
            Ok(self.instance(region))
        }
        .boxed()
    }

    fn request(&self, region: &RegionId) -> String {
        format!("fence {region}")
    }
}

/// A cloud whose database changes its writer in these ways; only its requests are asked for.
pub struct FakeManaged(pub &'static [Way]);

impl ManagedDriver for FakeManaged {
    fn read<'a>(&'a self, _: &'a RegionId) -> BoxFuture<'a, Result<ManagedReading, DriverError>> {
        async { Err(DriverError::Unknown("nobody asks".into())) }.boxed()
    }

    fn make_writer<'a>(&'a self, _: &'a RegionId, _: Way) -> BoxFuture<'a, Result<(), DriverError>> {
        async { Err(DriverError::Refused("nobody asks".into())) }.boxed()
    }

    fn request(&self, to: &RegionId, way: Way) -> String {
        format!("{way:?} {to}")
    }

    fn ways(&self) -> &'static [Way] {
        self.0
    }
}
