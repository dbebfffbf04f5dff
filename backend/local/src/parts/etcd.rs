//! etcd, one member: where Patroni keeps who is leader, and the control planes who may act.

use super::spec::{Account, Probe, Spec, Stage};
use crate::world::World;
use crate::world::ports::Ports;
use std::collections::BTreeMap;
use std::time::Duration;

/// How etcd is started.
#[must_use]
pub fn spec(world: &World, ports: &Ports) -> Spec {
    let client = format!("http://127.0.0.1:{}", ports.global("etcd"));
    let peer = format!("http://127.0.0.1:{}", ports.global("etcd_peer"));
    let data = world.state.at("data/etcd");
    let args = [
        ("--name", "aisoc".to_owned()),
        ("--data-dir", data.to_string_lossy().into_owned()),
        ("--listen-client-urls", client.clone()),
        ("--advertise-client-urls", client.clone()),
        ("--listen-peer-urls", peer.clone()),
        ("--initial-advertise-peer-urls", peer.clone()),
        ("--initial-cluster", format!("aisoc={peer}")),
        // A leader of one has nobody to lose an election to; slow ticks keep it idle. They also set the shortest lease:
        // seven ticks, which has to stay below the three seconds of the control planes' seat.
        ("--heartbeat-interval", "300".to_owned()),
        ("--election-timeout", "1500".to_owned()),
        ("--auto-compaction-mode", "revision".to_owned()),
        ("--auto-compaction-retention", "1000".to_owned()),
        ("--logger", "zap".to_owned()),
    ];
    Spec {
        name: "etcd".to_owned(),
        kind: "etcd".to_owned(),
        region: None,
        zone: None,
        stage: Stage::Store,
        program: world.binaries.etcd.clone(),
        args: args.into_iter().flat_map(|(k, v)| [k.to_owned(), v]).collect(),
        env: BTreeMap::new(),
        account: Account::Databases,
        ports: BTreeMap::from([
            ("client".to_owned(), ports.global("etcd")),
            ("peer".to_owned(), ports.global("etcd_peer")),
        ]),
        data_dir: Some(data),
        log: world.state.log("etcd"),
        probe: Probe::Etcd(format!("{client}/health")),
        grace: Duration::from_secs(5),
        version: String::new(),
    }
}
