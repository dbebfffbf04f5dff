//! A world with two database clusters and connection strings that name one host. Whoever asked for an operation is lost
//! in the middle of it, and then the region whose control plane carries it out. At last one cluster is moved and the
//! other one is not touched. One world, because each takes half a minute to start.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_model::dsn::Dsn;
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::record::OperationRecord;
use aisoc_model::region::Health;
use aisoc_model::world::{CoordinationMode, World};
use aisoc_model::{ClusterName, RegionId};
use aisoc_tests::command::{self, program};
use aisoc_tests::ssh::SshServer;
use aisoc_tests::wait::until;
use aisoc_tests::world::{LocalWorld, streaming_replicas};
use aisoc_tests::writes::{self, Writer, Written};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);
/// Weights go up and down in several seconds, so that there is a middle to be lost in.
const SETTINGS: &str = "speed_up = 8\n[database]\neu_cluster = true\ndsn_file = true\n";
/// How often an operation that had ended before anybody could be lost is followed by another one.
const ROUNDS: usize = 6;
const US: &str = "us-east-1";
const EU: &str = "eu-west-1";
const DR: &str = "ap-southeast-1";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_world_with_two_database_clusters() {
    let world = LocalWorld::start_with(SETTINGS).await.unwrap();
    println!("world ready after {:.1} s", world.start.as_secs_f64());
    settled(&world).await;
    a_failover_of_no_cluster_is_refused(&world).await;
    data_does_not_leave_the_eu_unsaid(&world).await;
    let mut turns = Turns::new(&world);
    the_line_to_the_console_is_cut(&mut turns).await;
    the_console_is_killed(&mut turns).await;
    the_region_that_carries_it_out_is_killed(&mut turns).await;
    turns.put_back().await;
    settled(&world).await;
    let moved = one_is_moved_alone(&world).await;
    its_record_tells(&world, &moved).await;
}

/// Everything is as it was at first.
async fn settled(world: &LocalWorld) {
    until("regions and clusters are as at first", 3 * MINUTE, async || {
        let seen = world.seen().await?;
        let (writers, streaming) = (writers(&seen), streaming_replicas(&seen));
        let there = writers == pairs([("eu", EU), ("main", US)]) && streaming == 3;
        let reasons: Vec<_> = seen.regions.values().flat_map(|r| r.reasons.clone()).collect();
        let healthy = seen.regions.values().all(|r| r.health == Health::Healthy);
        anyhow::ensure!(
            there && healthy,
            "{writers:?}, {streaming} replicas stream, {reasons:?}"
        );
        Ok((seen.head.coordination.standbys.len() == 2).then_some(()))
    })
    .await
    .unwrap();
}

/// A failover that could be of two clusters is not guessed, and nothing of it is journaled.
async fn a_failover_of_no_cluster_is_refused(world: &LocalWorld) {
    for to in [US, EU] {
        let failover = ["failover", "--to", to, "--confirm", to, "--reason", "x"];
        let refused = world.console(&failover).await.unwrap();
        assert_eq!(refused.code, 2, "{}{}", refused.stdout, refused.stderr);
        for said in ["eu (writer eu-west-1)", "main (writer us-east-1)", "--cluster"] {
            assert!(refused.stderr.contains(said), "{}", refused.stderr);
        }
    }
    assert!(world.operations().await.unwrap().is_empty());
    let journaled = command::run("aisoc", world.state(), &["journal", "verify"])
        .await
        .unwrap();
    let journaled = journaled.expect_code(0).unwrap().stdout;
    assert_eq!(journaled.matches("0 entries").count(), 3, "{journaled}");
}

/// Leaving the regions that a tenant is bound to names the tenant, and only where its cluster is the one that moves.
async fn data_does_not_leave_the_eu_unsaid(world: &LocalWorld) {
    let failover = [
        "failover",
        "--cluster",
        "eu",
        "--to",
        US,
        "--confirm",
        US,
        "--reason",
        "x",
    ];
    let refused = world.console(&failover).await.unwrap();
    assert_eq!(refused.code, 5, "{}{}", refused.stdout, refused.stderr);
    let gate = refused.stdout.lines().find(|line| line.contains(" residency: "));
    let gate = gate.unwrap_or_default();
    assert!(
        gate.contains("NEEDS OVERRIDE") && gate.contains("Initech Europe"),
        "{}",
        refused.stdout
    );
}

/// What is not to change of `main` while the other cluster moves.
#[derive(Debug, PartialEq)]
struct Main {
    writers: Vec<String>,
    timeline: Option<u64>,
    system_identifier: Option<String>,
    secrets: BTreeMap<RegionId, String>,
}

impl Main {
    async fn of(world: &LocalWorld) -> Self {
        let seen = until("the writer of main is seen", MINUTE, async || {
            let seen = world.seen().await?;
            let there = writers(&seen).contains(&("main".to_owned(), US.to_owned()));
            Ok(there.then_some(seen))
        })
        .await
        .unwrap();
        let main: ClusterName = "main".parse().unwrap();
        let member = seen.regions[&US.parse().unwrap()].postgres[&main]
            .value
            .clone()
            .unwrap();
        Self {
            writers: seen
                .writers(&main, seen.head.at)
                .iter()
                .map(ToString::to_string)
                .collect(),
            timeline: member.timeline,
            system_identifier: member.system_identifier,
            secrets: secrets(world, "dsn"),
        }
    }
}

/// What each region's services read their connection string to a cluster from.
fn secrets(world: &LocalWorld, file: &str) -> BTreeMap<RegionId, String> {
    let regions = LocalWorld::regions().unwrap().into_iter();
    let read = |region: RegionId| {
        let path = world.state().join("data").join(region.as_str()).join(file);
        let text = std::fs::read_to_string(path).unwrap();
        (region, text)
    };
    regions.map(read).collect()
}

async fn one_is_moved_alone(world: &LocalWorld) -> Operation {
    let balancer = world.load_balancer().await.unwrap();
    let tokens = ["api-acme", "api-initech-eu"].map(|name| world.token(name).unwrap());
    let before = Main::of(world).await;
    let epoch = world.seen().await.unwrap().head.coordination.epoch.unwrap();
    assert!(
        secrets(world, "dsn-eu")
            .values()
            .all(|text| Dsn::parse(text).unwrap().epoch.is_none())
    );

    let both = tokens
        .clone()
        .map(|token| Writer::start(&balancer, token).unwrap());
    both_go_on(&both).await;
    let failover = ["failover", "--cluster", "eu", "--to", US, "--confirm", US];
    let agreed = ["--override", "residency=agreed for this test"];
    let moved = world.operate(&[&failover[..], &agreed].concat()).await.unwrap();
    both_go_on(&both).await;
    let [main, eu] = both;
    let written = [main.stop().await.unwrap(), eu.stop().await.unwrap()];

    assert_eq!(moved.state, OperationState::Done, "{:?}", moved.outcome);
    for ((written, token), name) in written.iter().zip(&tokens).zip(["main", "eu"]) {
        nothing_lost(&balancer, token, written, name).await;
    }
    assert_eq!(Main::of(world).await, before, "main is not touched");
    let port = world.port("us-east-1/postgres-eu", "postgres").await.unwrap();
    for (region, text) in secrets(world, "dsn-eu") {
        let dsn = Dsn::parse(&text).unwrap();
        assert_eq!(dsn.hosts(), [format!("127.0.0.1:{port}")], "{region}");
        assert!(
            dsn.epoch >= Some(epoch),
            "{region}: {:?}, begun under {epoch}",
            dsn.epoch
        );
    }
    until("the new writer is seen", MINUTE, async || {
        Ok((writers(&world.seen().await?) == pairs([("eu", US), ("main", US)])).then_some(()))
    })
    .await
    .unwrap();
    moved
}

/// Waits until both clusters have acknowledged more writes than now.
async fn both_go_on(both: &[Writer; 2]) {
    let before = both.each_ref().map(Writer::so_far);
    until(
        "writes to both clusters are acknowledged",
        2 * MINUTE,
        async || {
            let more = both
                .iter()
                .zip(before)
                .all(|(writer, before)| writer.so_far() > before + 5);
            Ok(more.then_some(()))
        },
    )
    .await
    .unwrap();
}

async fn nothing_lost(balancer: &str, token: &str, written: &Written, name: &str) {
    println!(
        "{name}: {} writes acknowledged, {} refused, longest gap {:.2} s",
        written.acknowledged.len(),
        written.refused.len(),
        written.longest_gap.as_secs_f64()
    );
    let lost = writes::lost(balancer, token, &written.acknowledged)
        .await
        .unwrap();
    assert!(lost.is_empty(), "acknowledged in {name} and lost: {lost:?}");
}

/// Who was not there finds in the record which cluster it was, where its old writer stood, and what was lost.
async fn its_record_tells(world: &LocalWorld, moved: &Operation) {
    let export = async |format| {
        let export = ["operations", "export", &moved.id, "--format", format];
        world.console(&export).await.unwrap().expect_code(0).unwrap()
    };
    let record: OperationRecord = export("json").await.json().unwrap();
    let eu: ClusterName = "eu".parse().unwrap();
    assert_eq!(record.operation.plan.clusters, std::slice::from_ref(&eu));
    assert_eq!(record.operation.tokens.keys().collect::<Vec<_>>(), [&eu]);
    assert_eq!(record.operation.tokens[&eu].member, EU);
    assert_eq!(record.loss.lost_canaries, Some(0));
    assert_eq!(record.loss.rpo_seconds, Some(0.0));
    let page = export("markdown").await.stdout;
    for said in [
        "the PostgreSQL writer of eu instead of eu-west-1",
        "Demoted writer of eu",
        "## Steps",
    ] {
        assert!(page.contains(said), "{said}: {page}");
    }
    let listed = world.console(&["operations", "list"]).await.unwrap().stdout;
    assert!(listed.contains("us-east-1/eu"), "{listed}");
}

/// Drains a region and puts it back, by turns, until an operation was in its middle when somebody was lost.
struct Turns<'a> {
    world: &'a LocalWorld,
    drained: bool,
    said: Vec<String>,
}

impl<'a> Turns<'a> {
    fn new(world: &'a LocalWorld) -> Self {
        Self {
            world,
            drained: false,
            said: Vec::new(),
        }
    }

    /// The next operation's command.
    fn command(&self, reason: &'static str) -> [&'static str; 6] {
        let verb = if self.drained { "restore" } else { "drain" };
        [verb, US, "--confirm", US, "--reason", reason]
    }

    /// The operation of this reason once it changes something; none when its console ended without one.
    async fn begun(&self, console: &mut Child, reason: &str) -> Option<Operation> {
        let known = self.said.len();
        until("the operation is under way", MINUTE, async || {
            let ours = |o: &&Operation| o.plan.request.reason == reason && !o.state.ended();
            let operations = self.world.operations().await?;
            if let Some(operation) = operations.iter().find(ours) {
                return Ok(Some(Some(operation.clone())));
            }
            Ok(console.try_wait()?.map(|_| None))
        })
        .await
        .unwrap_or_else(|e| panic!("{e:#}, after {known} others: {:?}", self.said))
    }

    /// The operation at its end, when it ended as planned and after somebody was lost.
    async fn ended(&mut self, operation: &Operation, lost_at: Timestamp) -> Option<Operation> {
        let ended = self.world.ended(&operation.id).await.unwrap();
        self.said.push(format!("{:?}: {:?}", ended.state, ended.outcome));
        if ended.state != OperationState::Done {
            return None;
        }
        self.drained = !self.drained;
        (ended.ended_at > Some(lost_at)).then_some(ended)
    }

    /// How the last one ended, and how many it took.
    fn told(&self) -> String {
        let last = self.said.last().map_or("", String::as_str);
        format!("{last}, after {} turn(s)", self.said.len())
    }

    async fn put_back(&mut self) {
        if !self.drained {
            return;
        }
        // On a machine that is busy with something else, what is watched may be slow, and the region is taken out again.
        until("the region is put back", 3 * MINUTE, async || {
            let restored = self.world.operate(&["restore", US, "--confirm", US]).await?;
            Ok((restored.state == OperationState::Done).then_some(()))
        })
        .await
        .unwrap();
        self.drained = false;
    }
}

/// A console at the end of an ssh line that breaks ends; the operation that it waited for does not.
async fn the_line_to_the_console_is_cut(turns: &mut Turns<'_>) {
    const REASON: &str = "line-cut";
    let server = SshServer::start().await.unwrap();
    let console = program("aisoc-console").unwrap();
    let state = format!("AISOC_STATE_DIR={}", turns.world.state().display());
    let far = ["env", &state, console.to_str().unwrap()];
    for _ in 0..ROUNDS {
        let command = [&far[..], &turns.command(REASON), &["--wait"]].concat();
        let mut line = server.run(&command).unwrap();
        let Some(operation) = turns.begun(&mut line, REASON).await else {
            turns.said.push(server.log());
            continue;
        };
        let lost_at = Timestamp::now();
        line.kill().unwrap();
        line.wait().unwrap();
        until("the console at the far end has ended", MINUTE, async || {
            Ok((consoles(REASON) == 0).then_some(()))
        })
        .await
        .unwrap();
        if turns.ended(&operation, lost_at).await.is_some() {
            println!("{REASON}: {}", turns.told());
            return;
        }
    }
    panic!("no operation went on without its line: {:?}", turns.said);
}

/// Processes that were started with this reason.
fn consoles(reason: &str) -> usize {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines
        .filter(|line| String::from_utf8_lossy(line).contains(reason))
        .count()
}

async fn the_console_is_killed(turns: &mut Turns<'_>) {
    const REASON: &str = "console-killed";
    for _ in 0..ROUNDS {
        let mut console = Command::new(program("aisoc-console").unwrap())
            .args(turns.command(REASON))
            .arg("--wait")
            .env("AISOC_STATE_DIR", turns.world.state())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let Some(operation) = turns.begun(&mut console, REASON).await else {
            continue;
        };
        let lost_at = Timestamp::now();
        console.kill().unwrap();
        console.wait().unwrap();
        if turns.ended(&operation, lost_at).await.is_some() {
            println!("{REASON}: {}", turns.told());
            return;
        }
    }
    panic!("no operation went on without its console: {:?}", turns.said);
}

/// Everything of the region whose control plane carries an operation out is killed: another region's adopts it.
async fn the_region_that_carries_it_out_is_killed(turns: &mut Turns<'_>) {
    let world = turns.world;
    for _ in 0..ROUNDS {
        the_dr_region_may_act(world).await;
        let command = turns.command("region-killed");
        let begun = world
            .console(&[&command[..], &["--output", "json"]].concat())
            .await
            .unwrap();
        if begun.code != 0 {
            turns.said.push(begun.stdout);
            continue;
        }
        let begun: Operation = begun.json().unwrap();
        let lost_at = Timestamp::now();
        fault(world, &["kill-region", DR]).await;
        let ended = turns.ended(&begun, lost_at).await;
        fault(world, &["--heal"]).await;
        if ended.is_some_and(|ended| ended.times.contains_key("adopted")) {
            println!("region killed: {}", turns.told());
            let verified = command::run("aisoc", world.state(), &["journal", "verify"])
                .await
                .unwrap();
            let verified = verified.expect_code(0).unwrap().stdout;
            assert_eq!(verified.matches("the chain is whole").count(), 3, "{verified}");
            return;
        }
    }
    panic!("no operation was adopted: {:?}", turns.said);
}

/// Its region serves nobody, so that nothing but the control plane is missed.
async fn the_dr_region_may_act(world: &LocalWorld) {
    for region in [US, EU] {
        fault(world, &["kill", &format!("{region}/control-plane"), "--hold"]).await;
    }
    acts(world, &[]).await;
    fault(world, &["--heal"]).await;
    acts(world, &[EU, US]).await;
}

async fn acts(world: &LocalWorld, others: &[&str]) {
    until("the DR region's control plane may act", 2 * MINUTE, async || {
        let coordination = world.seen().await?.head.coordination;
        let held = coordination.mode == CoordinationMode::Held && coordination.holder.as_deref() == Some(DR);
        let stand_by = others
            .iter()
            .all(|other| coordination.standbys.iter().any(|s| s == other));
        anyhow::ensure!(held && stand_by, "{coordination:?}");
        Ok(Some(()))
    })
    .await
    .unwrap();
}

async fn fault(world: &LocalWorld, arguments: &[&str]) {
    let arguments = [&["fault"], arguments].concat();
    world.local(&arguments).await.unwrap().expect_code(0).unwrap();
}

/// The clusters and the regions that accept their writes.
fn writers(seen: &World) -> Vec<(String, String)> {
    let of = |cluster: &ClusterName| {
        let regions = seen.writers(cluster, seen.head.at).into_iter();
        regions
            .map(|region| (cluster.to_string(), region.to_string()))
            .collect::<Vec<_>>()
    };
    seen.clusters().into_iter().flat_map(of).collect()
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Vec<(String, String)> {
    pairs
        .map(|(cluster, region)| (cluster.to_owned(), region.to_owned()))
        .to_vec()
}
