//! Patroni and the PostgreSQL it runs: a stretched cluster with a member in each region, and on request a second one.

use super::spec::{Account, Probe, Spec, Stage};
use crate::world::World;
use crate::world::clusters::Node;
use crate::world::ports::Ports;
use aisoc_model::region::RegionRole;
use std::collections::BTreeMap;
use std::time::Duration;

/// User of Patroni's REST API for requests that change something.
pub const REST_USER: &str = "patroni";

/// The replication role of a region. One each, so that revoking its login cuts exactly that replica.
#[must_use]
pub fn replicator(region: &str) -> String {
    format!("replicator_{}", region.replace('-', "_"))
}

/// The content of a node's configuration file.
#[must_use]
pub fn config(world: &World, ports: &Ports, node: Node) -> String {
    let db = world.config.database;
    let secrets = &world.secrets;
    let etcd = ports.global("etcd");
    let rest = node.port(ports, "patroni");
    let postgres = node.port(ports, "postgres");
    let pgdata = node.pgdata(&world.state);
    let pgpass = node.directory(&world.state).join(".pgpass");
    format!(
        "# Made by `aisoc local`. Holds passwords.\n\
scope: {scope}
name: {name}
etcd3:
  hosts: 127.0.0.1:{etcd}
restapi:
  listen: 127.0.0.1:{rest}
  connect_address: 127.0.0.1:{rest}
  # For requests that change something; reading needs none.
  authentication:
    username: {REST_USER}
    password: {rest_password}
bootstrap:
  dcs:
    ttl: {ttl}
    loop_wait: {loop_wait}
    retry_timeout: {retry_timeout}
    maximum_lag_on_failover: 1048576
    check_timeline: true
    synchronous_mode: false
    postgresql:
      use_pg_rewind: true
      use_slots: true
      parameters:
        wal_level: replica
        hot_standby: 'on'
        wal_log_hints: 'on'
        max_connections: 100
        max_wal_senders: 10
        max_replication_slots: 10
        max_worker_processes: 8
        max_prepared_transactions: 0
        max_locks_per_transaction: 64
        wal_keep_size: 64MB
        max_slot_wal_keep_size: 512MB
  initdb:
    - encoding: UTF8
    - locale: C.UTF-8
    - data-checksums
postgresql:
  listen: 127.0.0.1:{postgres}
  connect_address: 127.0.0.1:{postgres}
  data_dir: {pgdata}
  bin_dir: {bin_dir}
  pgpass: {pgpass}
  authentication:
    superuser:
      username: postgres
      password: {superuser_password}
    replication:
      username: {replicator}
      password: {replicator_password}
  basebackup:
    - checkpoint: fast
  pg_hba:
    - host all all 127.0.0.1/32 scram-sha-256
    - host replication all 127.0.0.1/32 scram-sha-256
  parameters:
    # Connections come over loopback only; a socket would need a path short enough for the kernel.
    unix_socket_directories: ''
    shared_buffers: {shared_buffers}MB
    fsync: 'on'
    synchronous_commit: 'on'
    # A replica whose replication was healed is back within a second.
    wal_retrieve_retry_interval: 1s
    wal_receiver_status_interval: 1s
    max_wal_size: 512MB
    min_wal_size: 64MB
    jit: 'off'
    max_parallel_workers_per_gather: 0
    log_line_prefix: '%m [%p] %u@%d '
tags:
  nofailover: {nofailover}
  noloadbalance: false
  clonefrom: false
  nosync: {nofailover}
",
        scope = node.cluster.scope,
        name = node.region.name,
        rest_password = secrets.patroni,
        ttl = db.ttl_seconds,
        loop_wait = db.loop_wait_seconds,
        retry_timeout = db.retry_timeout_seconds,
        pgdata = pgdata.display(),
        bin_dir = world.binaries.postgres_dir.display(),
        pgpass = pgpass.display(),
        superuser_password = secrets.postgres,
        replicator = replicator(node.region.name),
        replicator_password = secrets.replicator,
        shared_buffers = db.shared_buffers_mb,
        // A DR-only region never takes over by itself.
        nofailover = node.region.role == RegionRole::DrOnly,
    )
}

/// How it is started.
#[must_use]
pub fn spec(world: &World, ports: &Ports, node: Node) -> Spec {
    let rest = node.port(ports, "patroni");
    let name = node.process("patroni");
    Spec {
        log: world.state.log(&name),
        name,
        kind: "patroni".to_owned(),
        region: node.region.id(),
        zone: None,
        stage: Stage::Database,
        program: world.binaries.patroni.clone(),
        args: vec![node.config_path(&world.state).to_string_lossy().into_owned()],
        env: BTreeMap::from([("PYTHONUNBUFFERED".to_owned(), "1".to_owned())]),
        account: Account::Databases,
        ports: BTreeMap::from([("rest".to_owned(), rest)]),
        data_dir: Some(node.pgdata(&world.state)),
        probe: Probe::Patroni(format!("http://127.0.0.1:{rest}/patroni")),
        // Stopping PostgreSQL takes a checkpoint and waits for its replicas.
        grace: Duration::from_secs(20),
        version: String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_yaml_with_what_the_faults_and_gates_rely_on() {
        let (_dir, world) = super::super::tests::world();
        for node in Node::all() {
            let region = node.region;
            let text = config(&world, &world.ports, node);
            assert!(text.contains(&format!("scope: {}\n", node.cluster.scope)));
            let yaml: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            let replication = &yaml["postgresql"]["authentication"]["replication"];
            assert_eq!(replication["username"], replicator(region.name));
            assert_eq!(yaml["tags"]["nofailover"], region.name == "ap-southeast-1");
            assert_eq!(yaml["postgresql"]["parameters"]["fsync"], "on");
            assert_eq!(yaml["postgresql"]["parameters"]["unix_socket_directories"], "");
            assert_eq!(yaml["bootstrap"]["dcs"]["ttl"], 20);
            assert_eq!(yaml["restapi"]["authentication"]["username"], REST_USER);
        }
    }
}
