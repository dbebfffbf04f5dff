//! HAProxy: the global load balancer over the api instances of all regions.

use super::spec::{Account, Probe, Spec, Stage};
use crate::state::StateDir;
use crate::world::World;
use crate::world::ports::Ports;
use crate::world::regions::{ApiPlan, REGIONS, RegionPlan};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// The backend that holds the api servers.
pub const BACKEND: &str = "api";

/// What operators set at run time; it survives a restart of the load balancer and of the world.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// By server name.
    pub servers: BTreeMap<String, KeptServer>,
}

/// A server's settings at run time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptServer {
    /// Weight.
    pub weight: u16,
    /// Administrative state.
    pub admin: Admin,
}

/// Administrative state of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Admin {
    /// In rotation.
    Ready,
    /// Existing sessions only.
    Drain,
    /// Out.
    Maintenance,
}

/// Path of the runtime socket.
#[must_use]
pub fn socket(state: &StateDir) -> PathBuf {
    state.run("haproxy/admin.sock")
}

/// Path of the configuration file.
#[must_use]
pub fn config_path(state: &StateDir) -> PathBuf {
    state.run("haproxy.cfg")
}

/// The configuration file.
#[must_use]
pub fn config(world: &World, ports: &Ports, kept: &Kept) -> String {
    let interval = world.config.check_interval().as_millis();
    let mut text = format!(
        "# Made by `aisoc local` with the ports and weights in force.
global
    stats socket {socket} mode 600 level admin
    stats timeout 1h
    nbthread 1
    maxconn 4000
    log stderr format raw daemon notice
    # One check must not eat the next one's time.
    spread-checks 5

defaults
    mode http
    log global
    option dontlognull
    timeout connect 1s
    timeout client 60s
    timeout server 30s
    timeout queue 5s
    timeout http-request 10s
    # The removal rule is p99 > 2 s in 5 checks: a slow answer is an answer, not a failed check.
    timeout check 5s
    # A connection that cannot be made goes to another server. Requests that are safe to repeat are repeated when the
    # server died before it answered.
    retries 3
    option redispatch 1
    retry-on conn-failure empty-response

frontend api
    bind 127.0.0.1:{port}
    # Annotations carry their own id and are written once however often they are sent.
    http-request disable-l7-retry if METH_POST !{{ path_beg /api/v1/annotations }}
    default_backend {BACKEND}

backend {BACKEND}
    balance roundrobin
    # No idle connection outlives its request: an instance that leaves takes none with it.
    option http-server-close
    option httpchk GET /api/health
    http-check expect status 200
    default-server inter {interval} fall 3 rise 2 agent-inter {interval} agent-addr 127.0.0.1
",
        socket = socket(&world.state).display(),
        port = ports.global("load_balancer"),
    );
    for region in &REGIONS {
        for api in &region.api {
            text.push_str(&server_line(ports, region, api, kept));
        }
        for api in &region.api {
            text.push_str(&parallel_line(ports, region, api, kept));
        }
    }
    text
}

fn server_line(ports: &Ports, region: &RegionPlan, api: &ApiPlan, kept: &Kept) -> String {
    let kept = kept.servers.get(api.server);
    let weight = match kept {
        // `drain` has no word in the file; weight 0 means the same until the state is set again.
        Some(KeptServer {
            admin: Admin::Drain, ..
        }) => 0,
        Some(kept) => kept.weight,
        None => region.normal_weight(),
    };
    let disabled = if kept.is_some_and(|k| k.admin == Admin::Maintenance) {
        " disabled"
    } else {
        ""
    };
    format!(
        "    server {} 127.0.0.1:{} weight {weight} check agent-check agent-port {}{disabled}\n",
        api.server,
        ports.of(region, api.instance),
        ports.of(region, &format!("{}-agent", api.instance)),
    )
}

/// Name of the server for the instance beside one that serves.
#[must_use]
pub fn parallel_server(api: &ApiPlan) -> String {
    format!("{}-parallel", api.server)
}

/// The server beside: in maintenance, unless a switch was going on when the load balancer ended.
fn parallel_line(ports: &Ports, region: &RegionPlan, api: &ApiPlan, kept: &Kept) -> String {
    let name = parallel_server(api);
    let there = ports.of(region, &format!("{}-parallel", api.instance));
    let agent = ports.of(region, &format!("{}-parallel-agent", api.instance));
    // Without a parallel release it has to have some address all the same.
    let (http, agent) = if there == 0 {
        (
            ports.of(region, api.instance),
            ports.of(region, &format!("{}-agent", api.instance)),
        )
    } else {
        (there, agent)
    };
    let (weight, disabled) = match kept.servers.get(&name) {
        Some(kept) if kept.admin == Admin::Ready && there != 0 => (kept.weight, ""),
        _ => (0, " disabled"),
    };
    format!(
        "    server {name} 127.0.0.1:{http} weight {weight} check agent-check agent-port {agent}{disabled}\n"
    )
}

/// Reads `show servers state`: weights and administrative states as set at run time.
#[must_use]
pub fn parse_kept(answer: &str) -> Kept {
    // Columns: be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight …
    let servers = answer
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| {
            let columns: Vec<&str> = line.split_whitespace().collect();
            let (name, admin, weight) = (columns.get(3)?, columns.get(6)?, columns.get(7)?);
            if *columns.get(1)? != BACKEND {
                return None;
            }
            let bits: u32 = admin.parse().ok()?;
            let admin = if bits & 0x01 != 0 {
                Admin::Maintenance
            } else if bits & 0x08 != 0 {
                Admin::Drain
            } else {
                Admin::Ready
            };
            Some((
                (*name).to_owned(),
                KeptServer {
                    weight: weight.parse().ok()?,
                    admin,
                },
            ))
        })
        .collect();
    Kept { servers }
}

/// Servers that have not passed a check, by `show servers state`; `None` when the answer holds no servers.
#[must_use]
pub fn not_healthy(answer: &str) -> Option<Vec<String>> {
    // Column 5 is the operational state (2 = running), column 11 the last check's result (3 = passed).
    let servers: Vec<Vec<&str>> = answer
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .filter(|columns| columns.get(1) == Some(&BACKEND))
        // The servers beside are in maintenance and never checked.
        .filter(|columns| !columns.get(3).is_some_and(|name| name.ends_with("-parallel")))
        .collect();
    let healthy = |c: &Vec<&str>| c.get(5) == Some(&"2") && c.get(11) == Some(&"3");
    let down = servers
        .iter()
        .filter(|c| !healthy(c))
        .filter_map(|c| c.get(3).map(|n| (*n).to_owned()))
        .collect();
    (!servers.is_empty()).then_some(down)
}

/// How it is started.
#[must_use]
pub fn spec(world: &World, ports: &Ports) -> Spec {
    Spec {
        name: "haproxy".to_owned(),
        kind: "haproxy".to_owned(),
        region: None,
        zone: None,
        stage: Stage::LoadBalancer,
        program: world.binaries.haproxy.clone(),
        args: vec![
            "-db".to_owned(),
            "-f".to_owned(),
            config_path(&world.state).to_string_lossy().into_owned(),
        ],
        env: BTreeMap::new(),
        account: Account::Databases,
        ports: BTreeMap::from([("http".to_owned(), ports.global("load_balancer"))]),
        data_dir: None,
        log: world.state.log("haproxy"),
        probe: Probe::HaproxySocket(socket(&world.state)),
        grace: Duration::from_secs(3),
        version: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_weights_and_ports() {
        let (_dir, world) = super::super::tests::world();
        let text = config(&world, &world.ports, &Kept::default());
        assert!(
            text.contains(
                "server us-east-1a 127.0.0.1:17101 weight 100 check agent-check agent-port 17102\n"
            )
        );
        assert!(text.contains("server ap-southeast-1a-2 127.0.0.1:17303 weight 0 check"));
        assert!(text.contains("inter 1000 fall 3 rise 2 agent-inter 1000"));
    }

    #[test]
    fn what_operators_set_survives_a_restart() {
        let (_dir, world) = super::super::tests::world();
        let answer = "1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight\n\
                      4 api 1 us-east-1a 127.0.0.1 2 0 50 100 9 15 3 4 6 0 0 0 - 17101 - 0 0 - - 0\n\
                      4 api 2 us-east-1b 127.0.0.1 2 8 100 100 9 15 3 4 6 0 0 0 - 17103 - 0 0 - - 0\n\
                      4 api 3 eu-west-1a 127.0.0.1 0 1 100 100 9 15 3 4 6 0 0 0 - 17201 - 0 0 - - 0\n";
        let kept = parse_kept(answer);
        assert_eq!(
            kept.servers["us-east-1a"],
            KeptServer {
                weight: 50,
                admin: Admin::Ready
            }
        );
        assert_eq!(
            kept.servers["us-east-1b"],
            KeptServer {
                weight: 100,
                admin: Admin::Drain
            }
        );
        let text = config(&world, &world.ports, &kept);
        assert!(text.contains("us-east-1a 127.0.0.1:17101 weight 50 "));
        assert!(
            text.contains("us-east-1b 127.0.0.1:17103 weight 0 "),
            "a drained server gets nothing at a restart"
        );
        assert!(
            text.contains(
                "eu-west-1a 127.0.0.1:17201 weight 100 check agent-check agent-port 17202 disabled\n"
            )
        );
    }
}
