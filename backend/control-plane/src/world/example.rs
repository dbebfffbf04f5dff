//! A small world for tests: two serving regions and a DR-only one, everything well.

use super::merge::Setting;
use crate::clients::patroni::{MemberStatus, Xlog};
use crate::clients::postgres::{Heartbeat, ServerFacts, Standby};
use crate::drivers::traffic::{Load, ServerReading, TrafficReading};
use crate::observe::Server;
use crate::observe::board::{FanOut, Seen, StaleAfter};
use aisoc_model::event::topic;
use aisoc_model::inventory::{Inventory, Process, ProcessState};
use aisoc_model::region::{ApiHealth, BusState, Drain, GroupLag, RedisMember};
use aisoc_model::slo::Slo;
use aisoc_model::topology::{EnvironmentKind, Topology};
use aisoc_model::world::{Head, World};
use aisoc_model::{ClusterName, RegionId};
use jiff::{Timestamp, ToSpan};
use std::collections::BTreeMap;
use std::fmt::Write;

/// Everything is stale after three seconds.
pub(crate) const STALE: StaleAfter = StaleAfter {
    parts_ms: 3_000,
    health_ms: 3_000,
    traffic_ms: 3_000,
};

pub(crate) fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

pub(crate) fn before(seconds: i64) -> Timestamp {
    now() - seconds.seconds()
}

pub(crate) fn us() -> RegionId {
    "us-east-1".parse().unwrap()
}

pub(crate) fn eu() -> RegionId {
    "eu-west-1".parse().unwrap()
}

/// The only database cluster.
pub(crate) fn main() -> ClusterName {
    "main".parse().unwrap()
}

pub(crate) fn slo() -> Slo {
    Slo::builtin().unwrap()
}

pub(crate) fn topology() -> Topology {
    let mut text = String::from(
        r#"
        [environment]
        name = "local"
        kind = "local"
        speed_up = 10.0
        [control_plane]
        name = "test"
        listen = "127.0.0.1:0"
        otlp_listen = "127.0.0.1:0"
        data_dir = "/nonexistent"
        tokens_file = "/nonexistent"
        observe_interval_ms = 1000
        [load_balancer]
        kind = "haproxy"
        haproxy_socket = "/nonexistent"
        backend = "api"
        full_weight = 100
        url = "http://127.0.0.1:1"
        [[databases]]
        name = "main"
        scope = "aisoc"
        database = "aisoc"
        user = "aisoc"
        password = "p"
        patroni_user = "u"
        patroni_password = "p"
        "#,
    );
    for id in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        write!(
            text,
            r#"
        [[databases.members]]
        region = "{id}"
        patroni_url = "http://127.0.0.1:1"
        member = "{id}"
        postgres = "127.0.0.1:1"
        "#
        )
        .unwrap();
    }
    for (id, role) in [
        ("us-east-1", "primary"),
        ("eu-west-1", "secondary"),
        ("ap-southeast-1", "dr-only"),
    ] {
        write!(
            text,
            r#"
        [[regions]]
        id = "{id}"
        role = "{role}"
        location = "AWS {id}"
        redis = "127.0.0.1:1"
        bus_url = "http://127.0.0.1:1"
        release = "aisoc-{id}"
        api = [
            {{ instance = "api-a", zone = "{id}a", server = "{id}a", url = "http://127.0.0.1:1" }},
            {{ instance = "api-b", zone = "{id}b", server = "{id}b", url = "http://127.0.0.1:1" }},
        ]
        "#
        )
        .unwrap();
    }
    Topology::parse(&text).unwrap()
}

pub(crate) fn server_reading(name: &str, status: &str, weight: u16) -> ServerReading {
    ServerReading {
        // The zone's letter behind the region's label.
        region: name.trim_end_matches(char::is_alphabetic).parse().unwrap(),
        name: name.into(),
        status: status.into(),
        weight,
        full_weight: 100,
        check: "L7OK/200".into(),
        load: Some(Load {
            sessions: 1,
            queued: 0,
            rate: 5,
            requests: 10,
            failures: 0,
        }),
    }
}

pub(crate) fn patroni(role: &str, state: &str, location: u64) -> MemberStatus {
    let text =
        format!(r#"{{"state":"{state}","role":"{role}","timeline":3,"patroni":{{"version":"3.0.2"}}}}"#);
    let mut status: MemberStatus = serde_json::from_str(&text).unwrap();
    status.xlog = Some(Xlog {
        location: Some(location),
        ..Xlog::default()
    });
    status
}

pub(crate) fn server(in_recovery: bool, lsn: u64) -> Server {
    let standby = |name: &str| Standby {
        application_name: name.into(),
        state: "streaming".into(),
        sync_state: "async".into(),
        replay_lsn: Some(lsn),
        flush_lsn: Some(lsn),
    };
    Server {
        facts: ServerFacts {
            in_recovery,
            lsn,
            received_lsn: in_recovery.then_some(lsn),
            timeline: 3,
            system_identifier: "7".into(),
            replay_paused: false,
        },
        standbys: if in_recovery {
            vec![]
        } else {
            ["eu-west-1", "ap-southeast-1", "us-east-1"].map(standby).to_vec()
        },
        heartbeat: Some(Heartbeat {
            at: before(1),
            node: "test".into(),
        }),
        heartbeat_problem: None,
        beat_committed: None,
    }
}

pub(crate) fn api_health() -> ApiHealth {
    ApiHealth {
        status: 200,
        latency_ms: 3.0,
        p99_ms: 9.0,
        consecutive_failures: 0,
        consecutive_slow: 0,
        reason: None,
    }
}

pub(crate) fn drain() -> Drain {
    Drain {
        operation: "1".into(),
        by: "op".into(),
        reason: "maintenance".into(),
        since: now(),
        expires_at: before(-3_600),
        renewed: None,
        overdue: None,
    }
}

pub(crate) fn process(name: &str, kind: &str) -> Process {
    Process {
        name: name.into(),
        region: name.split_once('/').map(|(region, _)| region.parse().unwrap()),
        zone: None,
        kind: kind.into(),
        pid: Some(1),
        ports: BTreeMap::new(),
        state: ProcessState::Ready,
        detail: None,
        version: "rev 1".into(),
        restarts: 0,
        oom_kills: 0,
        started_at: Some(before(3_600)),
        memory_bytes: None,
        data_dir: None,
        log: String::new(),
    }
}

pub(crate) fn inventory() -> Inventory {
    let mut processes = vec![process("etcd", "etcd")];
    for region in ["us-east-1", "eu-west-1", "ap-southeast-1"] {
        for (instance, kind) in [("api-a", "api"), ("api-b", "api"), ("ingest", "ingest")] {
            processes.push(process(&format!("{region}/{instance}"), kind));
        }
    }
    Inventory {
        world_id: "w".into(),
        state_dir: "/tmp".into(),
        started_at: now(),
        ready: true,
        endpoints: BTreeMap::new(),
        processes,
        faults: vec![],
        releases: vec![],
    }
}

pub(crate) fn seen(topology: &Topology, at: Timestamp) -> Seen {
    let mut seen = Seen::nothing_of(topology, STALE);
    let ids: Vec<RegionId> = topology.regions.iter().map(|r| r.id.clone()).collect();
    for (id, region) in &mut seen.regions {
        let leads = *id == us();
        for health in region.api.values_mut() {
            health.set(api_health(), at);
        }
        region.main().patroni.set(
            patroni(if leads { "master" } else { "replica" }, "running", 1_000),
            at,
        );
        region.main().postgres.set(server(!leads, 1_000), at);
        region.main().wal.record(before(30), 1_000);
        region.main().beats.record(before(1), before(1));
        region.redis.set(
            RedisMember {
                role: if leads { "master" } else { "slave" }.into(),
                offset: 500,
                link: (!leads).then(|| "up".into()),
            },
            at,
        );
        region.offsets.record(before(30), 500);
        region.bus.set(
            BusState {
                topics: vec![],
                groups: vec![GroupLag {
                    group: "enrichment".into(),
                    topic: topic::RAW_EVENTS.into(),
                    records: 0,
                    seconds: 0.0,
                }],
                bytes: 0,
                spool_pending: 0,
                stored_events: 0,
            },
            at,
        );
        let idle = |to: &RegionId| FanOut {
            to: to.clone(),
            pending: 0,
            seconds: 0.0,
            failure: None,
        };
        region.fan_out.set(ids.iter().map(idle).collect(), at);
    }
    let servers = topology.regions.iter().flat_map(|region| {
        let weight = if region.id.as_str() == "ap-southeast-1" {
            0
        } else {
            100
        };
        region
            .api
            .iter()
            .map(move |api| server_reading(&api.server, "UP", weight))
    });
    let reading = TrafficReading {
        at,
        servers: servers.collect(),
    };
    seen.load_balancer.set(reading, at);
    seen.inventory.set(inventory(), at);
    seen
}

pub(crate) fn head(seq: u64, at: Timestamp) -> Head {
    Head {
        seq,
        at,
        environment: "local".into(),
        environment_kind: EnvironmentKind::Local,
        control_plane: "test".into(),
        version: "0".into(),
        started_at: before(600),
        coordination: aisoc_model::world::Coordination::default(),
    }
}

pub(crate) fn merge(seen: &Seen, topology: &Topology) -> World {
    let setting = Setting {
        topology,
        slo: &slo(),
        operations: vec![],
        drains: BTreeMap::new(),
    };
    super::merge::merge(seen, &setting, head(1, now()))
}

/// Everything well.
pub(crate) fn world() -> World {
    let topology = topology();
    merge(&seen(&topology, now()), &topology)
}
