//! Facts as they are on a good day; each test spoils what it is about.

use crate::drivers::Drivers;
use crate::drivers::database::config::ClusterConfig;
use crate::drivers::database::dcs::LeaderKey;
use crate::drivers::database::standing::{Agent, Held, Knock, Knocks, MemberStanding, Standing};
use crate::drivers::database::{
    Canary, Evidence, Member, PatroniView, Receiver, Seen, ServerView, StandbyRow,
};
use crate::drivers::tenants::TenantHome;
use crate::drivers::traffic::share::{HalfServer, ShareReading};
use crate::drivers::traffic::{Load, ServerReading, TrafficReading};
use crate::operations::event::Event;
use crate::operations::facts::{ClusterFacts, Emergency, Facts, Own};
use crate::operations::gates::Case;
use crate::operations::planner::{self, Prepared, Requester};
use crate::operations::tests::fakes::FakeWorld;
use aisoc_model::fence::FenceStatus;
use aisoc_model::inventory::{
    Colour, Origin, Parallel, ParallelInstance, ParallelState, Release, Revision, RevisionStatus,
};
use aisoc_model::lag::{LagLevel, Link, LinkKind};
use aisoc_model::plan::{Decision, Gate, Override, PlanRequest, Target};
use aisoc_model::region::{
    ApiHealth, ApiProbe, Drain, Health, PostgresMember, PostgresRole, Region, RegionRole,
};
use aisoc_model::slo::Slo;
use aisoc_model::topology::{EnvironmentKind, Topology};
use aisoc_model::vantage::{Says, Sight, Vantage, Verdict, verdict};
use aisoc_model::world::{Head, World};
use aisoc_model::{ClusterName, Observed, RegionId};
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;

pub const US: &str = "us-east-1";
pub const EU: &str = "eu-west-1";
pub const AP: &str = "ap-southeast-1";

pub fn region(id: &str) -> RegionId {
    id.parse().unwrap()
}

pub fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn member(text: &mut String, region: &str, patroni: u16, postgres: u16) {
    write!(
        text,
        "[[databases.members]]\nregion = \"{region}\"\npatroni_url = \"http://127.0.0.1:{patroni}\"\n\
         member = \"{region}\"\npostgres = \"127.0.0.1:{postgres}\"\n"
    )
    .unwrap();
}

/// The first database cluster.
pub fn main() -> ClusterName {
    "main".parse().unwrap()
}

pub fn topology() -> Topology {
    let mut text = r#"
        [environment]
        name = "test"
        kind = "local"
        speed_up = 10.0
        [control_plane]
        name = "cp"
        listen = "127.0.0.1:1"
        otlp_listen = "127.0.0.1:2"
        data_dir = "/nonexistent"
        tokens_file = "/nonexistent"
        observe_interval_ms = 1000
        [load_balancer]
        kind = "haproxy"
        haproxy_socket = "/nonexistent"
        backend = "api"
        full_weight = 100
        url = "http://127.0.0.1:3"
        [[databases]]
        name = "main"
        scope = "aisoc"
        database = "aisoc"
        user = "u"
        password = "p"
        patroni_user = "u"
        patroni_password = "p"
    "#
    .to_owned();
    for id in [US, EU, AP] {
        member(&mut text, id, 4, 5);
    }
    for (id, role, zones) in [
        (US, "primary", "ab"),
        (EU, "secondary", "ab"),
        (AP, "dr-only", "a"),
    ] {
        write!(
            text,
            "[[regions]]\nid = \"{id}\"\nrole = \"{role}\"\nlocation = \"AWS\"\nredis = \"127.0.0.1:6\"\n\
             bus_url = \"http://127.0.0.1:7\"\nrelease = \"aisoc-{id}\"\napi = ["
        )
        .unwrap();
        for zone in zones.chars() {
            write!(
            text,
                "{{ instance = \"api-{zone}\", zone = \"{id}{zone}\", server = \"{id}{zone}\", url = \"http://127.0.0.1:8\" }},"
            )
            .unwrap();
        }
        text.push_str("]\n");
    }
    Topology::parse(&text).unwrap()
}

pub fn world(now: Timestamp) -> World {
    let mut world = World::empty(Head {
        seq: 1,
        at: now,
        environment: "test".into(),
        environment_kind: EnvironmentKind::Local,
        control_plane: "cp".into(),
        version: "0".into(),
        started_at: now,
        coordination: aisoc_model::world::Coordination::default(),
    });
    for config in topology().regions {
        let api = config
            .api
            .iter()
            .map(|a| ApiProbe {
                instance: a.instance.clone(),
                zone: a.zone.clone(),
                url: None,
                health: Observed::known(api_health(200), now, "probe", 3_000),
            })
            .collect();
        let region = Region {
            id: config.id.clone(),
            role: config.role,
            location: config.location,
            health: Health::Healthy,
            reasons: vec![],
            verdict: serving(now),
            api,
            traffic: Observed::not_yet("t"),
            postgres: BTreeMap::from([(main(), Observed::not_yet("t"))]),
            redis: Observed::not_yet("t"),
            bus: Observed::not_yet("t"),
            drain: None,
            readiness: None,
        };
        world.regions.insert(config.id, region);
    }
    world
}

/// What four vantage points say of a region that serves.
pub fn serving(now: Timestamp) -> Verdict {
    says(now, [Says::Serves; 4])
}

pub fn says(now: Timestamp, says: [Says; 4]) -> Verdict {
    let names = ["control plane", "load balancer", "one region", "another region"];
    let vantage = |(name, says): (&str, Says)| Vantage {
        name: name.to_owned(),
        sight: Observed::known(
            Sight {
                says,
                why: says.word().to_owned(),
            },
            now,
            "v",
            3_000,
        ),
    };
    verdict(names.into_iter().zip(says).map(vantage).collect(), now)
}

pub fn api_health(status: u16) -> ApiHealth {
    ApiHealth {
        status,
        latency_ms: 3.0,
        p99_ms: 5.0,
        consecutive_failures: 0,
        consecutive_slow: 0,
        reason: None,
    }
}

pub fn traffic(now: Timestamp) -> TrafficReading {
    let mut servers = Vec::new();
    for config in topology().regions {
        let weight = if config.role == RegionRole::DrOnly { 0 } else { 100 };
        for api in config.api {
            servers.push(ServerReading {
                region: config.id.clone(),
                name: api.server,
                status: "UP".into(),
                weight,
                full_weight: 100,
                check: "L7OK/200".into(),
                load: Some(Load {
                    sessions: 2,
                    queued: 0,
                    rate: 10,
                    requests: 1_000,
                    failures: 0,
                }),
            });
        }
    }
    TrafficReading { at: now, servers }
}

/// A careful operator's settings.
pub fn config() -> ClusterConfig {
    ClusterConfig(serde_json::json!({
        "ttl": 30, "loop_wait": 10, "failsafe_mode": true, "check_timeline": true, "synchronous_mode": false
    }))
}

/// The candidates are synchronous standbys, as under an escort.
pub fn synchronous(evidence: &mut Evidence) {
    if let Ok(rows) = &mut evidence.standbys.what {
        for row in rows {
            row.sync_state = "sync".into();
        }
    }
    for member in evidence.members.values_mut() {
        if let Ok(view) = &mut member.patroni.what {
            view.sync_standby = !view.primary;
        }
    }
}

fn known<T>(at: Timestamp, what: T) -> Seen<T> {
    Seen { at, what: Ok(what) }
}

pub fn evidence(now: Timestamp, writer: &str) -> Evidence {
    let mut members = BTreeMap::new();
    for id in [US, EU, AP] {
        let leads = id == writer;
        let patroni = PatroniView {
            primary: leads,
            state: "running".into(),
            replication_state: (!leads).then(|| "streaming".into()),
            timeline: Some(3),
            system_identifier: Some("77".into()),
            nofailover: id == AP,
            nosync: false,
            sync_standby: false,
            watchdog_failed: false,
            store_seen: Some(now.as_second()),
            failsafe_active: false,
            paused: false,
            version: "4.1.5".into(),
        };
        let server = ServerView {
            in_recovery: !leads,
            lsn: if leads { 1_000 } else { 960 },
            system_identifier: "77".into(),
            receiver: (!leads).then(|| Receiver {
                status: Some("streaming".into()),
                timeline: Some(3),
                silent_ms: Some(100),
            }),
        };
        let member = Member {
            name: id.to_owned(),
            patroni: Seen {
                at: now,
                what: Ok(patroni),
            },
            server: Seen {
                at: now,
                what: Ok(server),
            },
        };
        members.insert(region(id), member);
    }
    let row = |id: &&str| StandbyRow {
        name: (*id).to_owned(),
        state: "streaming".into(),
        sync_state: "async".into(),
        replay_lsn: Some(960),
        flush_lsn: Some(1_000),
    };
    Evidence {
        members,
        standbys: known(
            now,
            [US, EU, AP].iter().filter(|id| **id != writer).map(row).collect(),
        ),
        canary: Seen {
            at: now,
            what: Ok(Canary {
                lsn: 1_000,
                replayed: 1_000,
                after_ms: 4,
            }),
        },
        config: known(now, config()),
        store: Some(known(now, ())),
    }
}

/// A cluster whose writer has just gone: the leader key is still there, EU has all of it, AP is behind.
pub fn standing(now: Timestamp, writer: &str) -> Standing {
    let member = |id: &str| {
        let gone = id == writer;
        let held = Held {
            in_recovery: true,
            lsn: if id == EU { 1_000 } else { 960 },
            timeline: 3,
            system_identifier: "77".into(),
        };
        let agent = Agent {
            primary: false,
            state: "running".into(),
            nofailover: id == AP,
            paused: false,
        };
        let knock = |gone: bool| if gone { Knock::Refuses } else { Knock::Accepts };
        let refused = || "connection refused".to_owned();
        MemberStanding {
            name: id.to_owned(),
            server: Seen {
                at: now,
                what: if gone { Err(refused()) } else { Ok(held) },
            },
            agent: Seen {
                at: now,
                what: if gone { Err(refused()) } else { Ok(agent) },
            },
            knock: Seen {
                at: now,
                what: Ok(Knocks {
                    server: knock(gone),
                    agent: knock(gone),
                }),
            },
        }
    };
    Standing {
        members: [US, EU, AP].iter().map(|id| (region(id), member(id))).collect(),
        leader: Seen {
            at: now,
            what: Ok(Some(LeaderKey {
                member: writer.to_owned(),
                lease: Some(7),
            })),
        },
    }
}

pub fn revision(number: u32, latency: &str, status: RevisionStatus) -> Revision {
    Revision {
        number,
        settings: BTreeMap::from([("api.inject_latency_ms".to_owned(), latency.to_owned())]),
        status,
        at: at(0),
        description: format!("deploy {number}"),
        origin: Origin::Deploy,
    }
}

pub fn releases() -> Vec<Release> {
    [US, EU, AP]
        .iter()
        .map(|id| Release {
            name: format!("aisoc-{id}"),
            region: region(id),
            history: vec![
                revision(1, "0", RevisionStatus::Superseded),
                revision(2, "800", RevisionStatus::Deployed),
            ],
            rollout: None,
            parallel: None,
        })
        .collect()
}

/// One tenant without a bound, and one whose data may only be in the EU.
pub fn tenants() -> Vec<TenantHome> {
    let tenant = |name: &str, home: &str, residency: &[&str]| TenantHome {
        id: name.to_lowercase(),
        cluster: main(),
        name: name.into(),
        home: region(home),
        residency: residency.iter().map(|r| region(r)).collect(),
    };
    vec![tenant("Acme", US, &[]), tenant("Initech Europe", EU, &[EU])]
}

/// The other half of a blue/green release.
pub fn parallel(colour: Colour) -> Parallel {
    Parallel {
        colour,
        revision: 3,
        settings: BTreeMap::from([("api.inject_latency_ms".to_owned(), "5".to_owned())]),
        operation: "earlier".into(),
        since: at(0),
        keep_until: (colour == Colour::Blue).then(|| at(3_600_000)),
        state: ParallelState::Ready,
        instances: vec![ParallelInstance {
            process: "us-east-1/api-a.green".into(),
            server: "us-east-1a-parallel".into(),
            url: "http://127.0.0.1:8".into(),
        }],
    }
}

/// The halves of a region with this share for the other one.
pub fn shares(percent: u8, requests: u64, failures: u64) -> ShareReading {
    let server = |name: &str, weight: u8, status: &str| HalfServer {
        name: name.into(),
        status: status.into(),
        weight: u16::from(weight),
        full_weight: 100,
        requests,
        failures,
        response_ms: 20,
    };
    let out = if percent == 0 { "MAINT" } else { "UP" };
    ShareReading {
        at: at(0),
        serving: vec![server("us-east-1a", 100 - percent, "UP")],
        beside: vec![server("us-east-1a-parallel", percent, out)],
    }
}

pub fn facts(now: Timestamp) -> Facts {
    Facts {
        now,
        world: Arc::new(world(now)),
        traffic: Some(Ok(traffic(now))),
        clusters: BTreeMap::from([(
            main(),
            ClusterFacts {
                database: Some(evidence(now, US)),
                emergency: None,
            },
        )]),
        managed: None,
        releases: Some(Ok(releases())),
        tenants: Some(Ok(tenants())),
        own: Own {
            drains: BTreeMap::new(),
            running: None,
            failovers: vec![],
            peak: None,
            right: Ok("single".into()),
            journal: Ok(0),
        },
    }
}

/// The writer US has gone a second after it was seen, and its supervisor can stop it.
pub fn emergency_facts(now: Timestamp) -> Facts {
    let mut facts = facts(now);
    let mut world = world(now);
    let seen_at = now - SignedDuration::from_secs(1);
    for (id, role) in [(US, PostgresRole::Writer), (EU, PostgresRole::Replica)] {
        let member = PostgresMember {
            name: id.into(),
            role,
            state: "running".into(),
            replication_state: None,
            timeline: Some(3),
            system_identifier: Some("77".into()),
            lsn: Some(1_000),
            received_lsn: None,
            nofailover: false,
            paused: false,
            patroni_version: String::new(),
            server_version: None,
        };
        let region = world.regions.get_mut(&region(id)).unwrap();
        let seen = Observed::known(member, seen_at, "test", 3_000);
        region.postgres.insert(main(), seen);
    }
    let link = Link {
        kind: LinkKind::Postgres,
        cluster: Some(main()),
        from: region(US),
        to: region(EU),
        lag_seconds: Observed::known(0.2, seen_at, "test", 3_000),
        lag_amount: Observed::known(0, seen_at, "test", 3_000),
        state: Observed::known("streaming".to_owned(), seen_at, "test", 3_000),
        level: LagLevel::Ok,
    };
    world
        .links
        .insert(Link::key(link.kind, &link.from, &link.to), link);
    facts.world = Arc::new(world);
    let instance = |id: &str| {
        let status = FenceStatus {
            cluster: main(),
            region: region(id),
            fenced: None,
            running: vec!["postgres 1".into()],
            token: None,
        };
        (region(id), Ok(status))
    };
    of_main(&mut facts).emergency = Some(Ok(Emergency {
        standing: standing(now, US),
        instances: [US, EU, AP].map(instance).into_iter().collect(),
    }));
    facts
}

pub fn drain(id: &str) -> Target {
    Target::Drain {
        region: region(id),
        deadline_seconds: 60,
        expires_seconds: 0,
    }
}

pub fn drained_until(expires_at: Timestamp) -> Drain {
    Drain {
        operation: "1".into(),
        by: "op".into(),
        reason: "r".into(),
        since: at(0),
        expires_at,
        renewed: None,
        overdue: None,
    }
}

pub fn request(target: Target) -> PlanRequest {
    PlanRequest {
        target,
        reason: "maintenance".into(),
        overrides: vec![],
        break_glass: None,
    }
}

pub fn prepare(request: &PlanRequest, facts: &Facts) -> Result<Prepared, String> {
    prepare_in(&topology(), request, facts)
}

pub fn prepare_in(topology: &Topology, request: &PlanRequest, facts: &Facts) -> Result<Prepared, String> {
    prepare_by(&FakeWorld::new().drivers(), topology, request, facts)
}

pub fn prepare_by(
    drivers: &Drivers,
    topology: &Topology,
    request: &PlanRequest,
    facts: &Facts,
) -> Result<Prepared, String> {
    planner::check_names(&request.target, topology)?;
    let slo = Slo::builtin().unwrap().sped_up(10.0);
    let case = Case {
        request,
        facts,
        cluster: planner::subject(&request.target, topology).unwrap(),
        topology,
        slo: &slo,
    };
    let requester = Requester {
        id: "plan",
        who: "op",
        drivers,
    };
    planner::plan(&case, requester)
}

pub fn plan(target: Target, facts: &Facts) -> Prepared {
    prepare(&request(target), facts).unwrap()
}

/// What was read of the only cluster.
pub fn of_main(facts: &mut Facts) -> &mut ClusterFacts {
    facts.clusters.entry(main()).or_default()
}

/// The event with which a plan begins.
pub fn started(prepared: &Prepared) -> Event {
    Event::Started {
        plan: Box::new(prepared.plan.clone()),
        actions: prepared.actions.clone(),
        by: "op".into(),
        origin: "test".into(),
        approved_by: None,
        epoch: None,
    }
}

pub fn gate(prepared: &Prepared, name: &str) -> Gate {
    let gate = prepared.plan.gates.iter().find(|g| g.name == name);
    gate.unwrap_or_else(|| panic!("no gate {name}")).clone()
}

pub fn decisions(prepared: &Prepared) -> Vec<(String, Decision)> {
    let refusals = prepared.plan.refusals();
    refusals.map(|g| (g.name.clone(), g.decision)).collect()
}

pub fn overridden(mut request: PlanRequest, gate: &str) -> PlanRequest {
    request.overrides.push(Override {
        gate: gate.into(),
        reason: "known".into(),
    });
    request
}
