//! The inventory: what `aisoc local status` and the control plane see.

use super::handle::{Handle, Status};
use super::lifecycle::Supervisor;
use super::node;
use super::proc::{self, Identity};
use super::rollout::SUCCESSOR;
use crate::parts::{Probe, Stage};
use crate::world::clusters::Node;
use crate::world::regions::REGIONS;
use aisoc_model::inventory::{Inventory, Process, ProcessState};
use std::collections::BTreeMap;

impl Supervisor {
    /// Everything that runs, now.
    #[must_use]
    pub fn inventory(&self) -> Inventory {
        let mut handles: Vec<(String, Handle)> = self.handles();
        // A successor that is being tried out is nobody's instance yet: the release says what is going on, and the
        // ready ratio is about those that serve.
        handles.retain(|(name, _)| !name.ends_with(SUCCESSOR));
        handles.sort_by_key(|(name, handle)| {
            let spec = handle.spec();
            (spec.stage, spec.region.is_some(), name.clone())
        });
        let mut processes = Vec::new();
        let mut ready = self.phase_is_running();
        for (name, handle) in &handles {
            let status = handle.status();
            let process = process(name, handle, &status);
            // The half of a blue/green release that does not serve is not what the world is for, and what an
            // operation keeps down is not waited for.
            ready &= status.state == ProcessState::Ready
                || handle.spec().kind == super::parallel::KIND
                || self.fences.holds(name);
            let database = handle.spec().stage == Stage::Database;
            processes.push(process);
            if database {
                processes.extend(Node::of_process(name).map(|node| self.postgres(node, handle, &status)));
            }
        }
        Inventory {
            world_id: self.world.id.clone(),
            state_dir: self.world.state.root().to_string_lossy().into_owned(),
            started_at: self.world.started_at,
            ready,
            endpoints: self.endpoints(),
            processes,
            faults: self.faults.list(),
            releases: self.releases_now(),
        }
    }

    fn endpoints(&self) -> BTreeMap<String, String> {
        let ports = &self.world.ports;
        let local = |name: &str| format!("127.0.0.1:{}", ports.global(name));
        let planes = REGIONS.iter().map(|r| {
            let at = format!("127.0.0.1:{}", ports.of(r, "control-plane"));
            (format!("{}/control-plane", r.name), at)
        });
        let others = [
            ("load_balancer".to_owned(), local("load_balancer")),
            ("supervisor".to_owned(), local("supervisor")),
            (
                "haproxy_socket".to_owned(),
                crate::parts::haproxy::socket(&self.world.state)
                    .to_string_lossy()
                    .into_owned(),
            ),
        ];
        others.into_iter().chain(planes).collect()
    }

    /// The PostgreSQL below a Patroni: nobody's child, so observed.
    fn postgres(&self, node: Node, patroni: &Handle, status: &Status) -> Process {
        let spec = patroni.spec();
        let pgdata = node.pgdata(&self.world.state);
        let postmaster = node::postmaster(&pgdata);
        let (state, detail) = match postmaster {
            Some(p) if p.frozen() => (ProcessState::Frozen, Some("stopped by a signal".to_owned())),
            Some(_) if status.state == ProcessState::Ready => (ProcessState::Ready, status.role.clone()),
            // Patroni may be away while its PostgreSQL goes on; who asks shall see that it runs.
            Some(_) if status.identity.is_none() || status.state == ProcessState::Frozen => {
                (ProcessState::Unready, Some("runs without its Patroni".to_owned()))
            }
            Some(_) => (ProcessState::Starting, status.detail.clone()),
            None if matches!(status.state, ProcessState::Stopped | ProcessState::BackingOff) => {
                (ProcessState::Stopped, None)
            }
            None => (
                ProcessState::Starting,
                Some("not started by Patroni yet".to_owned()),
            ),
        };
        let port = node.port(&self.world.ports, "postgres");
        Process {
            name: node.process("postgres"),
            region: spec.region,
            zone: None,
            kind: "postgres".to_owned(),
            pid: postmaster.map(|p| p.pid),
            ports: BTreeMap::from([("postgres".to_owned(), port)]),
            state,
            detail,
            version: String::new(),
            restarts: 0,
            oom_kills: 0,
            started_at: None,
            memory_bytes: postmaster.map(|p| self.databases.of(p)),
            data_dir: Some(pgdata.to_string_lossy().into_owned()),
            log: spec.log.to_string_lossy().into_owned(),
        }
    }
}

fn process(name: &str, handle: &Handle, status: &Status) -> Process {
    let spec = handle.spec();
    let frozen = status.identity.is_some_and(Identity::frozen);
    let role = status
        .role
        .clone()
        .filter(|_| matches!(spec.probe, Probe::Patroni(_)));
    Process {
        name: name.to_owned(),
        region: spec.region,
        zone: spec.zone,
        kind: spec.kind,
        pid: status.identity.map(|i| i.pid),
        ports: spec.ports,
        state: if frozen {
            ProcessState::Frozen
        } else {
            status.state
        },
        detail: status.detail.clone().or(role),
        version: spec.version,
        restarts: status.restarts,
        oom_kills: status.oom_kills,
        started_at: status.started_at.filter(|_| status.identity.is_some()),
        memory_bytes: status.identity.and_then(|i| proc::memory(i.pid)),
        data_dir: spec.data_dir.map(|d| d.to_string_lossy().into_owned()),
        log: spec.log.to_string_lossy().into_owned(),
    }
}
