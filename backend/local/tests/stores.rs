//! The data-store part of the local world, for real: etcd, PostgreSQL under Patroni, Redis, HAProxy. Slow (about
//! half a minute), needs the system packages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use aisoc_local::state::StateDir;
use aisoc_local::supervise::{adopt, database, node};
use aisoc_local::world::World;
use aisoc_local::world::clusters::{EU, MAIN};
use aisoc_model::inventory::{FaultSpec, ProcessState};
use aisoc_storage::{Database, tenants};
use std::path::PathBuf;
use std::time::{Duration, Instant};
use support::{Running, process, state_dir, until};

const STORES: &str = "services = false";

async fn streams(running: &Running, region: &str) -> bool {
    let world = &running.supervisor.world;
    database::streaming(world, &MAIN)
        .await
        .unwrap_or_default()
        .iter()
        .any(|r| r == region)
}

fn pgdata(world: &World, region: &str) -> PathBuf {
    MAIN.node(region).unwrap().pgdata(&world.state)
}

fn state_of(running: &Running, name: &str) -> ProcessState {
    process(&running.supervisor.inventory(), name).state
}

#[tokio::test(flavor = "multi_thread")]
async fn the_stores_live_break_heal_and_end() {
    let mut running = Running::start(STORES, std::env::current_exe().unwrap()).await;
    let supervisor = &running.supervisor;
    let inventory = supervisor.inventory();
    assert!(inventory.ready, "{inventory:#?}");
    assert_eq!(inventory.processes.len(), 11);
    assert!(process(&inventory, "us-east-1/postgres").pid.is_some());

    replication_is_cut_and_heals(&running).await;
    replication_is_stalled_and_heals(&running).await;
    a_node_is_killed_and_comes_back(&running).await;
    the_load_balancer_keeps_its_weights(&running).await;
    a_frozen_process_thaws(&running).await;

    let refused = supervisor
        .inflict(FaultSpec::StallReplication {
            region: "us-east-1".parse().unwrap(),
            cluster: None,
        })
        .await;
    assert!(refused.is_err(), "the writer replicates from nobody");
    let unknown = FaultSpec::KillProcess {
        process: "us-east-1/nobody".into(),
        hold: false,
    };
    assert!(
        supervisor
            .inflict(unknown)
            .await
            .unwrap_err()
            .to_string()
            .contains("etcd")
    );

    a_fenced_node_outlives_its_supervisor(&mut running).await;
    let supervisor = &running.supervisor;
    let begun = Instant::now();
    supervisor.stop_all().await;
    println!("everything stopped after {:.1} s", begun.elapsed().as_secs_f64());
    assert_eq!(adopt::find(&running.state), []);
    assert!(node::postmaster(&pgdata(&supervisor.world, "us-east-1")).is_none());
}

/// The second cluster has its writer in the EU and only the EU tenant in it; its node falls alone, and the writer of
/// each cluster is where it was after the next start.
#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_for_the_eu_lives_beside_the_first() {
    let settings = "services = false\n[database]\neu_cluster = true";
    let mut running = Running::start(settings, std::env::current_exe().unwrap()).await;
    let world = &running.supervisor.world;
    assert_eq!(running.supervisor.inventory().processes.len(), 11 + 4);
    assert_eq!(database::writer(world, &EU).await.unwrap().0, "eu-west-1");
    assert_eq!(database::writer(world, &MAIN).await.unwrap().0, "us-east-1");
    for cluster in [&MAIN, &EU] {
        let database = Database::connect_lazy(&world.database_url(cluster, "eu-west-1")).unwrap();
        let tenants = tenants::list(&database).await.unwrap();
        let there: Vec<_> = tenants
            .iter()
            .filter(|t| t.cluster == EU.id())
            .map(|t| t.id.as_str())
            .collect();
        assert_eq!(
            (tenants.len(), there),
            (4, vec!["initech-eu"]),
            "the directory and its copy"
        );
    }
    let kill = FaultSpec::KillNode {
        region: "us-east-1".parse().unwrap(),
        cluster: EU.id(),
    };
    running.supervisor.inflict(kill).await.unwrap();
    until("its node is down", 30, async || {
        state_of(&running, "us-east-1/postgres-eu") == ProcessState::Stopped
    })
    .await;
    assert_eq!(state_of(&running, "us-east-1/postgres"), ProcessState::Ready);
    let nowhere = FaultSpec::KillNode {
        region: "ap-southeast-1".parse().unwrap(),
        cluster: EU.id(),
    };
    let refused = running.supervisor.inflict(nowhere).await.unwrap_err().to_string();
    assert!(refused.contains("us-east-1/eu"), "{refused}");
    running.restart(std::env::current_exe().unwrap()).await;
    assert_eq!(
        database::writer(&running.supervisor.world, &EU).await.unwrap().0,
        "eu-west-1"
    );
    running.supervisor.stop_all().await;
    assert_eq!(adopt::find(&running.state), []);
    let text = std::fs::read_to_string(running.state.world_toml()).unwrap();
    let without = text.replace("eu_cluster = true", "eu_cluster = false");
    std::fs::write(running.state.world_toml(), without).unwrap();
    let refused = World::prepare(running.state.clone(), std::env::current_exe().unwrap()).unwrap_err();
    assert!(format!("{refused:#}").contains("eu_cluster"), "{refused:#}");
}

async fn replication_is_cut_and_heals(running: &Running) {
    let region = "eu-west-1".parse().unwrap();
    let fault = running
        .supervisor
        .inflict(FaultSpec::CutReplication {
            region,
            cluster: None,
        })
        .await
        .unwrap();
    until("eu-west-1 is cut", 20, async || {
        !streams(running, "eu-west-1").await
    })
    .await;
    assert!(
        streams(running, "ap-southeast-1").await,
        "only the one replica is cut"
    );
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(
        !streams(running, "eu-west-1").await,
        "it stays cut although the replica tries again"
    );
    running.supervisor.heal(Some(fault.id)).await.unwrap();
    until("eu-west-1 streams again", 60, async || {
        streams(running, "eu-west-1").await
    })
    .await;
}

async fn replication_is_stalled_and_heals(running: &Running) {
    let world = &running.supervisor.world;
    let region = "eu-west-1".parse().unwrap();
    running
        .supervisor
        .inflict(FaultSpec::StallReplication {
            region,
            cluster: None,
        })
        .await
        .unwrap();
    let receiver = node::walreceiver(&pgdata(world, "eu-west-1")).unwrap();
    until("its walreceiver is frozen", 30, async || receiver.frozen()).await;
    assert!(streams(running, "eu-west-1").await, "the connection stays open");
    assert_eq!(running.supervisor.heal(None).await.unwrap(), 1);
    until("its walreceiver runs", 30, async || !receiver.frozen()).await;
}

async fn a_node_is_killed_and_comes_back(running: &Running) {
    let region = "ap-southeast-1".parse().unwrap();
    running
        .supervisor
        .inflict(FaultSpec::KillNode {
            region,
            cluster: None,
        })
        .await
        .unwrap();
    until("the node is down", 30, async || {
        state_of(running, "ap-southeast-1/patroni") == ProcessState::Stopped
            && process(&running.supervisor.inventory(), "ap-southeast-1/postgres")
                .pid
                .is_none()
    })
    .await;
    assert!(!running.supervisor.inventory().ready);
    running.supervisor.heal(None).await.unwrap();
    until("the node streams again", 40, async || {
        streams(running, "ap-southeast-1").await
    })
    .await;
    until("the node is ready", 20, async || {
        state_of(running, "ap-southeast-1/patroni") == ProcessState::Ready
    })
    .await;
}

async fn the_load_balancer_keeps_its_weights(running: &Running) {
    let path = running.state.run("haproxy/admin.sock");
    let ask = async |command: &str| {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let mut stream = tokio::net::UnixStream::connect(&path).await.ok()?;
        stream.write_all(format!("{command}\n").as_bytes()).await.ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.ok()?;
        Some(answer)
    };
    let weight = async |server: &str| {
        let answer = ask(&format!("get weight api/{server}")).await?;
        answer.split_whitespace().next().map(str::to_owned)
    };
    assert_eq!(weight("us-east-1a").await.as_deref(), Some("100"));
    assert_eq!(
        weight("ap-southeast-1a").await.as_deref(),
        Some("0"),
        "a DR-only region takes no traffic"
    );
    ask("set server api/us-east-1a weight 10").await.unwrap();
    ask("set server api/eu-west-1a state drain").await.unwrap();
    let kept = running.state.at("lb.json");
    until("the weights are kept", 30, async || {
        let text = std::fs::read_to_string(&kept).unwrap_or_default();
        text.contains("\"drain\"") && text.contains("10")
    })
    .await;
    let before = process(&running.supervisor.inventory(), "haproxy");
    running
        .supervisor
        .inflict(FaultSpec::KillProcess {
            process: "haproxy".into(),
            hold: false,
        })
        .await
        .unwrap();
    until("HAProxy is back", 30, async || {
        let now = process(&running.supervisor.inventory(), "haproxy");
        now.state == ProcessState::Ready && now.pid != before.pid && now.restarts == before.restarts + 1
    })
    .await;
    assert_eq!(weight("us-east-1a").await.as_deref(), Some("10"));
    until(
        "eu-west-1a is drained again, with its weight behind it",
        5,
        async || {
            let state = ask("show servers state api").await.unwrap_or_default();
            let line = state
                .lines()
                .find(|l| l.contains(" eu-west-1a "))
                .unwrap_or_default()
                .to_owned();
            let columns: Vec<&str> = line.split_whitespace().collect();
            columns.get(6) == Some(&"8") && columns.get(7) == Some(&"100")
        },
    )
    .await;
}

async fn a_frozen_process_thaws(running: &Running) {
    let name = "eu-west-1/redis";
    let fault = running
        .supervisor
        .inflict(FaultSpec::FreezeProcess { process: name.into() })
        .await
        .unwrap();
    until("it is frozen", 30, async || {
        state_of(running, name) == ProcessState::Frozen
    })
    .await;
    running.supervisor.heal(Some(fault.id)).await.unwrap();
    until("it is ready", 30, async || {
        state_of(running, name) == ProcessState::Ready
    })
    .await;
    assert!(
        running.supervisor.heal(Some(fault.id)).await.is_err(),
        "it is healed already"
    );
}

async fn a_fenced_node_outlives_its_supervisor(running: &mut Running) {
    let (region, name) = ("ap-southeast-1".parse().unwrap(), "ap-southeast-1/patroni");
    let main = "main".parse().unwrap();
    let pgdata = pgdata(&running.supervisor.world, "ap-southeast-1");
    let fenced = running.supervisor.fence(&main, &region, "op-1").await.unwrap();
    assert!(fenced.proves(), "{fenced:?}");
    // A fault on top of it heals, the fence does not.
    let spec = FaultSpec::KillNode {
        region: region.clone(),
        cluster: None,
    };
    running.supervisor.inflict(spec).await.unwrap();
    running.supervisor.heal(None).await.unwrap();
    running.restart(std::env::current_exe().unwrap()).await;
    let supervisor = &running.supervisor;
    assert!(
        supervisor.inventory().ready,
        "what is kept down is not waited for"
    );
    let kept = process(&supervisor.inventory(), name);
    assert_eq!(kept.state, ProcessState::Stopped);
    assert_eq!(kept.detail.as_deref(), Some("fenced by operation op-1"));
    let status = supervisor.fence_status(&main, &region).unwrap();
    assert!(status.proves(), "{status:?}");
    assert!(node::postmaster(&pgdata).is_none());
    supervisor.unfence(&main, &region).await.unwrap();
    until("the node streams again", 60, async || {
        streams(running, "ap-southeast-1").await
    })
    .await;
}

/// Ends what runs in a state directory, also when the test fails.
struct Ended(StateDir);

impl Drop for Ended {
    fn drop(&mut self) {
        let (state, runtime) = (self.0.clone(), tokio::runtime::Handle::current());
        let end = std::thread::spawn(move || runtime.block_on(adopt::end(&state)));
        let _ = end.join();
    }
}

/// A process that does not outlive the test.
struct Killed(std::process::Child);

impl Drop for Killed {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Not a test of its own: the supervisor that the next test kills.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "started by the_next_one_ends_what_a_killed_supervisor_left"]
async fn supervisor_in_a_process_of_its_own() {
    let Some(root) = std::env::var_os("AISOC_TEST_ROOT") else {
        return;
    };
    let state = StateDir::resolve(Some(root.as_ref())).unwrap();
    aisoc_local::supervise::run(state).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_one_ends_what_a_killed_supervisor_left() {
    let (dir, state) = state_dir(STORES);
    let _end = Ended(state.clone());
    let mut supervisor = Killed(
        std::process::Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "supervisor_in_a_process_of_its_own",
                "--ignored",
                "--nocapture",
            ])
            .env("AISOC_TEST_ROOT", dir.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap(),
    );
    // Killed in the midst of starting, when PostgreSQL has just come up.
    let pgdata = state.data("us-east-1").join("pg/data");
    until("PostgreSQL has started", 40, async || {
        node::postmaster(&pgdata).is_some()
    })
    .await;
    supervisor.0.kill().unwrap();
    supervisor.0.wait().unwrap();
    let left = adopt::find(&state);
    for name in [
        "etcd",
        "haproxy",
        "us-east-1/redis",
        "us-east-1/patroni",
        "us-east-1/postgres",
    ] {
        assert!(left.iter().any(|l| l.name == name), "{name} is found: {left:?}");
    }
    assert_eq!(
        aisoc_local::client::running(&state).unwrap(),
        None,
        "a dead supervisor is not running"
    );
    let ended = adopt::end(&state).await;
    assert!(ended > 0);
    assert_eq!(adopt::find(&state), []);
    assert!(node::postmaster(&pgdata).is_none());
}
