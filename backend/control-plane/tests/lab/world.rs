//! A topology and a world in which everything that is not under test is well.

use aisoc_control_plane::operations::{OperationError, Operations, WorldView};
use aisoc_model::load_balancer::{Haproxy, LoadBalancer};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::{Override, Plan, PlanRequest, Target};
use aisoc_model::region::{ApiHealth, ApiProbe, Health, Region, RegionRole};
use aisoc_model::slo::Slo;
use aisoc_model::topology::{
    ApiConfig, ControlPlane, DatabaseCluster, DatabaseLayout, DatabaseMember, Environment, EnvironmentKind,
    RecordingConfig, RegionConfig, Topology,
};
use aisoc_model::vantage::{Says, Sight, Vantage, Verdict, verdict};
use aisoc_model::world::{Head, World};
use aisoc_model::{Clock, ClusterName, Observed, RegionId, SystemClock};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long something that is refused for a moment is tried.
const TRYING: Duration = Duration::from_mins(2);

pub const US: &str = "us-east-1";
pub const EU: &str = "eu-west-1";
pub const AP: &str = "ap-southeast-1";
pub const REGIONS: [(&str, RegionRole, &str); 3] = [
    (US, RegionRole::Primary, "ab"),
    (EU, RegionRole::Secondary, "ab"),
    (AP, RegionRole::DrOnly, "a"),
];

pub fn region(id: &str) -> RegionId {
    id.parse().unwrap()
}

/// A topology whose parts answer nowhere until a test fills them in.
pub fn topology(data_dir: &Path) -> Topology {
    let nowhere = || "127.0.0.1:1".to_owned();
    Topology {
        environment: Environment {
            name: "test".into(),
            kind: EnvironmentKind::Local,
            speed_up: 10.0,
        },
        control_plane: ControlPlane {
            name: "test".into(),
            listen: nowhere(),
            otlp_listen: nowhere(),
            data_dir: data_dir.display().to_string(),
            tokens_file: String::new(),
            observe_interval_ms: 1_000,
            slo_file: None,
            recording: RecordingConfig::default(),
        },
        load_balancer: LoadBalancer::Haproxy(Haproxy {
            url: "http://127.0.0.1:1".into(),
            dns_ttl_seconds: None,
            haproxy_socket: "/nonexistent".into(),
            backend: "api".into(),
            full_weight: 100,
        }),
        databases: vec![DatabaseCluster {
            name: main(),
            scope: "aisoc".into(),
            layout: DatabaseLayout::Stretched,
            etcd: vec![],
            database: "aisoc".into(),
            user: "aisoc_control".into(),
            password: "control".into(),
            patroni_user: "patroni".into(),
            patroni_password: "patroni".into(),
            dsn_secret: None,
            members: REGIONS
                .iter()
                .map(|(id, _, _)| DatabaseMember {
                    region: region(id),
                    patroni_url: "http://127.0.0.1:1".into(),
                    member: (*id).into(),
                    postgres: nowhere(),
                    etcd: vec![],
                })
                .collect(),
        }],
        managed_database: None,
        supervisor: None,
        coordination: None,
        certificates: Vec::new(),
        regions: REGIONS
            .iter()
            .map(|(id, role, zones)| RegionConfig {
                id: region(id),
                role: *role,
                location: "here".into(),
                api: zones
                    .chars()
                    .map(|zone| ApiConfig {
                        instance: format!("api-{zone}"),
                        zone: format!("{id}{zone}"),
                        server: format!("{id}{zone}"),
                        parallel_server: Some(format!("{id}{zone}-parallel")),
                        url: "http://127.0.0.1:1".into(),
                    })
                    .collect(),
                redis: nowhere(),
                bus_url: "http://127.0.0.1:1".into(),
                release: format!("aisoc-{id}"),
                rated_requests_per_second: None,
            })
            .collect(),
    }
}

/// The first database cluster.
pub fn main() -> ClusterName {
    "main".parse().unwrap()
}

/// A world in which every api instance answers 200, now.
pub struct GoodWorld(pub Topology);

impl WorldView for GoodWorld {
    fn world(&self) -> Arc<World> {
        let now = SystemClock.now();
        let mut world = World::empty(Head {
            seq: 1,
            at: now,
            environment: "test".into(),
            environment_kind: EnvironmentKind::Local,
            control_plane: "test".into(),
            version: "0".into(),
            started_at: now,
            coordination: aisoc_model::world::Coordination::default(),
        });
        for config in &self.0.regions {
            let health = ApiHealth {
                status: 200,
                latency_ms: 1.0,
                p99_ms: 1.0,
                consecutive_failures: 0,
                consecutive_slow: 0,
                reason: None,
            };
            let probe = |api: &ApiConfig| ApiProbe {
                instance: api.instance.clone(),
                zone: api.zone.clone(),
                url: None,
                health: Observed::known(health.clone(), now, "test", 3_000),
            };
            let region = Region {
                id: config.id.clone(),
                role: config.role,
                location: config.location.clone(),
                health: Health::Healthy,
                reasons: vec![],
                verdict: serving(now),
                api: config.api.iter().map(probe).collect(),
                traffic: Observed::not_yet("test"),
                postgres: BTreeMap::from([(main(), Observed::not_yet("test"))]),
                redis: Observed::not_yet("test"),
                bus: Observed::not_yet("test"),
                drain: None,
                readiness: None,
            };
            world.regions.insert(config.id.clone(), region);
        }
        Arc::new(world)
    }
}

fn serving(now: jiff::Timestamp) -> Verdict {
    let sight = Sight {
        says: Says::Serves,
        why: String::new(),
    };
    let vantage = Vantage {
        name: "control plane".into(),
        sight: Observed::known(sight, now, "test", 3_000),
    };
    verdict(vec![vantage], now)
}

/// The operations over a topology, with thresholds as in the local world.
pub async fn operations(topology: &Topology) -> Operations {
    let mut slo = Slo::builtin().unwrap().sped_up(topology.environment.speed_up);
    // Tests fail over and back at once.
    slo.failover.block_period_seconds = 0.0;
    let view = Arc::new(GoodWorld(topology.clone()));
    Operations::open(
        Arc::new(topology.clone()),
        Arc::new(slo),
        view,
        Arc::new(SystemClock),
    )
    .await
    .unwrap()
}

pub async fn plan(operations: &Operations, target: Target) -> Plan {
    plan_overriding(operations, target, &[]).await
}

/// A plan in which the named gates are overridden.
pub async fn plan_overriding(operations: &Operations, target: Target, gates: &[&str]) -> Plan {
    let named = |gate: &&str| Override {
        gate: (*gate).to_owned(),
        reason: "test".into(),
    };
    let request = PlanRequest {
        target,
        reason: "test".into(),
        overrides: gates.iter().map(named).collect(),
        break_glass: None,
    };
    operations.plan(request, "tester").await.unwrap()
}

/// Plans, confirms, and follows an operation to its end.
pub async fn carry_out(operations: &Operations, target: Target) -> Operation {
    carry_out_overriding(operations, target, &[]).await
}

/// The same with gates overridden. One that is refused on a busy machine, where a member is not reached for a moment, is
/// tried again for a while, as an operator would.
pub async fn carry_out_overriding(operations: &Operations, target: Target, gates: &[&str]) -> Operation {
    let begun = Instant::now();
    loop {
        let last = begun.elapsed() > TRYING;
        let plan = plan_overriding(operations, target.clone(), gates).await;
        let stops: Vec<_> = plan.refusals().chain(plan.approval_gates()).collect();
        if !stops.is_empty() {
            assert!(!last, "{stops:#?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
            continue;
        }
        let name = plan.request.target.confirmation().to_owned();
        let execute = operations.execute(&plan.id, &plan.hash, &name, "tester", "test");
        match execute.await {
            Err(OperationError::Refused(why)) if !last => println!("refused at the key: {why}"),
            executed => {
                let ended = ended(operations, &executed.unwrap().id).await;
                if last || !without_effect(&ended) {
                    return ended;
                }
                println!("refused on its way: {:?}", ended.outcome);
            }
        }
    }
}

/// Whether an operation was refused on its way, with everything as it was before.
fn without_effect(ended: &Operation) -> bool {
    let outcome = ended.outcome.as_deref().unwrap_or_default();
    ended.state == OperationState::Failed && outcome.contains("nothing had been changed")
}

pub async fn ended(operations: &Operations, id: &str) -> Operation {
    let mut changed = operations.changed();
    let wait = async {
        loop {
            changed.mark_unchanged();
            if let Some(operation) = operations.get(id).filter(|o| o.state.ended()) {
                return operation;
            }
            changed.changed().await.unwrap();
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(150), wait).await;
    ended.unwrap_or_else(|_| panic!("has not ended: {:#?}", operations.get(id)))
}
