//! What makes a planned switchover lose writes or stand still, done for real: each is refused without an outage, or
//! carried out without loss. Writers go on on every node, and each case ends with the set check: everything that was
//! acknowledged is there, and no two nodes acknowledged at the same time.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod lab;

use aisoc_control_plane::operations::{OperationError, Operations, Resolution};
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use lab::patroni::{Cluster, Patroni, writes};
use lab::world::{AP, EU, US, carry_out, ended, main, operations, plan, region, topology};
use lab::writers::{Writers, prepare};
use lab::{eventually, signal};
use serde_json::{Value, json};
use sqlx::{Executor, Row};
use std::time::{Duration, Instant};

/// Deadline for anything that comes back by itself.
const BACK: Duration = Duration::from_mins(2);
/// How often a moment that lasts some tenths of a second is tried to be met.
const TRIES: usize = 8;

fn to(id: &str) -> Target {
    Target::Failover {
        cluster: main(),
        to: region(id),
    }
}

/// Processes that stand still; they go on when this is dropped.
struct Frozen(Vec<u32>);

impl Frozen {
    fn these(pids: Vec<u32>) -> Self {
        assert!(!pids.is_empty());
        for pid in &pids {
            signal(*pid, "STOP");
        }
        Self(pids)
    }

    /// A node with everything on it.
    fn node(cluster: &Cluster, id: &str) -> Self {
        let node = &cluster.nodes[id];
        let postmaster = node.postmaster().unwrap();
        let mut pids = vec![node.patroni(), postmaster];
        pids.extend(children(postmaster));
        Self::these(pids)
    }

    /// A replica's walreceiver; nothing where there is none any more.
    async fn walreceiver(cluster: &Cluster, id: &str) -> Option<Self> {
        let mut connection = cluster.nodes[id].connect().await.unwrap();
        let row = connection
            .fetch_optional("SELECT pid FROM pg_stat_wal_receiver")
            .await;
        let pid = row.unwrap()?.get::<i32, _>(0).unsigned_abs();
        Some(Self::these(vec![pid]))
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, "CONT");
        }
    }
}

fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|e| e.file_name().to_str()?.parse::<u32>().ok());
    let child = |pid: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let after = stat.rsplit(')').next().unwrap_or_default().to_owned();
        after.split_whitespace().nth(1).and_then(|p| p.parse().ok()) == Some(parent)
    };
    pids.filter(child).collect()
}

async fn rest(
    cluster: &Cluster,
    id: &str,
    method: reqwest::Method,
    path: &str,
    body: Option<Value>,
) -> Value {
    let url = format!("http://127.0.0.1:{}{path}", cluster.nodes[id].rest);
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let mut request = client.request(method, url).basic_auth("patroni", Some("patroni"));
    if let Some(body) = body {
        request = request.json(&body);
    }
    let text = request.send().await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap_or(Value::String(text))
}

/// Cuts the candidate's replication, or lets it connect again: the writer lets no new standby in. A setting of the
/// candidate would be put right by its Patroni.
async fn connect_to(cluster: &Cluster, id: &str, nowhere: bool) {
    let mut connection = cluster.nodes[US].connect().await.unwrap();
    if !nowhere {
        connection.execute("ALTER ROLE replicator LOGIN").await.unwrap();
        return;
    }
    connection.execute("ALTER ROLE replicator NOLOGIN").await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE application_name = $1";
    sqlx::query(end).bind(id).execute(&mut connection).await.unwrap();
}

/// A hazard that is there 0.6 s before the key press: refused, by this gate, while the writer goes on.
async fn refused<T>(
    cluster: &Cluster,
    mine: &Operations,
    (what, candidate, gate): (&str, &str, &str),
    hazard: impl AsyncFnOnce() -> T,
    heal: impl AsyncFnOnce(T),
) {
    let writers = Writers::start(cluster);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let shown = plan(mine, to(candidate)).await;
    let there = hazard().await;
    tokio::time::sleep(Duration::from_millis(600)).await;
    let begun = Instant::now();
    let result = mine
        .execute(&shown.id, &shown.hash, candidate, "tester", "test")
        .await;
    let took = begun.elapsed();
    let Err(OperationError::Refused(why)) = result else {
        panic!("{what}: {result:?}");
    };
    assert!(why.contains(gate), "{what}: {why}");
    let again = plan(mine, to(candidate)).await;
    assert!(!again.may_execute(), "{what}: a new plan refuses too");
    tokio::time::sleep(Duration::from_millis(300)).await;
    let written = writers.end().await;
    heal(there).await;
    assert_eq!(written.writers(), [US], "{what}: nobody else has written");
    assert_eq!(written.lost(cluster, US).await, Vec::<i64>::new(), "{what}");
    println!(
        "{what}: refused by {gate} in {took:?}; {} acknowledged, 0 lost, longest gap {:?}",
        written.count(),
        written.outage()
    );
    fit(mine, EU).await;
}

/// Waits until a candidate may be failed over to.
async fn fit(mine: &Operations, candidate: &str) {
    eventually("the candidate is fit", BACK, async || {
        plan(mine, to(candidate)).await.may_execute()
    })
    .await;
}

async fn before_the_key(cluster: &Cluster, mine: &Operations) {
    refused(
        cluster,
        mine,
        ("replication cut", EU, "rpo"),
        async || connect_to(cluster, EU, true).await,
        async |()| connect_to(cluster, EU, false).await,
    )
    .await;
    refused(
        cluster,
        mine,
        ("walreceiver stopped", EU, "rpo"),
        async || {
            let frozen = Frozen::walreceiver(cluster, EU).await.unwrap();
            // What an operator would look at says that all is well.
            let seen = rest(cluster, US, reqwest::Method::GET, "/cluster", None).await;
            let members = seen["members"].as_array().unwrap();
            let eu = members.iter().find(|m| m["name"] == EU).unwrap();
            assert!(eu["state"] == "streaming" || eu["state"] == "running", "{eu}");
            frozen
        },
        async |frozen| drop(frozen),
    )
    .await;
    refused(
        cluster,
        mine,
        ("whole node frozen", EU, "candidate"),
        async || Frozen::node(cluster, EU),
        async |frozen| drop(frozen),
    )
    .await;
    refused(
        cluster,
        mine,
        ("cluster paused", EU, "cluster_paused"),
        async || {
            rest(
                cluster,
                US,
                reqwest::Method::PATCH,
                "/config",
                Some(json!({"pause": true})),
            )
            .await;
            eventually("Patroni says that it is paused", BACK, async || {
                rest(cluster, US, reqwest::Method::GET, "/patroni", None).await["pause"] == true
            })
            .await;
        },
        async |()| {
            rest(
                cluster,
                US,
                reqwest::Method::PATCH,
                "/config",
                Some(json!({"pause": null})),
            )
            .await;
        },
    )
    .await;
    refused(
        cluster,
        mine,
        ("nofailover candidate", AP, "candidate_nofailover"),
        async || (),
        async |()| (),
    )
    .await;
}

/// The writer's agent stands still or is gone while its PostgreSQL goes on. What follows when that lasts, and what is
/// done about it, is tested with the unplanned failover.
async fn agent(cluster: &Cluster, mine: &Operations) {
    let writer = &cluster.nodes[US];
    refused(
        cluster,
        mine,
        ("Patroni of the writer frozen", EU, "store"),
        async || Frozen::these(vec![writer.patroni()]),
        async |frozen| drop(frozen),
    )
    .await;
    refused(
        cluster,
        mine,
        ("Patroni of the writer killed", EU, "store"),
        async || signal(writer.patroni(), "KILL"),
        async |()| writer.start_again(),
    )
    .await;
}

/// A replica that is being copied anew is refused until it truly streams; then nothing is lost.
async fn fresh_replica(cluster: &Cluster, mine: &Operations) {
    let writers = Writers::start(cluster);
    let answer = rest(
        cluster,
        EU,
        reqwest::Method::POST,
        "/reinitialize",
        Some(json!({"force": true})),
    )
    .await;
    eventually("the candidate is being copied anew", BACK, async || {
        !plan(mine, to(EU)).await.may_execute()
    })
    .await;
    println!("fresh replica: {answer}");
    let moved = carry_out(mine, to(EU)).await;
    let written = writers.end().await;
    assert_eq!(moved.state, OperationState::Done, "{moved:#?}");
    assert_eq!(written.writers(), [US, EU]);
    assert_eq!(written.lost(cluster, EU).await, Vec::<i64>::new());
    println!(
        "fresh replica: refused, then moved with 0 of {} lost",
        written.count()
    );
    cluster.settled(EU).await;
}

/// A candidate that stands still right after the key press: the step says why the old writer does not stop, and what
/// can be done; nothing is lost. Patroni looks at the candidate once more before it stops the writer, and the writer may
/// be down before the candidate stands still: then nothing waits, nothing is lost either, and it is tried again.
async fn stalled_behind_the_key(
    cluster: &Cluster,
    mine: &Operations,
    from: &'static str,
    candidate: &'static str,
) {
    let (mut from, mut candidate) = (from, candidate);
    for _ in 0..TRIES {
        match stalled_once(cluster, mine, from, candidate).await {
            Stalled::Explained => return,
            Stalled::TooEarly => {}
            Stalled::TooLate => std::mem::swap(&mut from, &mut candidate),
        }
    }
    panic!("in {TRIES} tries the candidate never stood still while the writer was stopping");
}

/// When a candidate stood still.
#[derive(Debug, PartialEq)]
enum Stalled {
    /// While the writer was stopping.
    Explained,
    /// Before Patroni looked at it: it refused, and the writer goes on.
    TooEarly,
    /// When it had everything.
    TooLate,
}

async fn stalled_once(cluster: &Cluster, mine: &Operations, from: &str, candidate: &str) -> Stalled {
    fit(mine, candidate).await;
    let writers = Writers::start(cluster);
    let shown = plan(mine, to(candidate)).await;
    assert!(shown.may_execute(), "{:#?}", shown.gates);
    let operation = mine
        .execute(&shown.id, &shown.hash, candidate, "tester", "test")
        .await
        .unwrap();
    let at = shown.steps.iter().position(|s| s.id == "switchover").unwrap();
    let mut changed = mine.changed();
    loop {
        let now = mine.get(&operation.id).unwrap();
        if now.steps[at].started_at.is_some() {
            break;
        }
        assert!(!now.state.ended(), "{now:#?}");
        changed.changed().await.unwrap();
    }
    let stalled = Frozen::walreceiver(cluster, candidate).await;
    let frozen = Instant::now();
    let mut said = String::new();
    let held = loop {
        let now = mine.get(&operation.id).unwrap();
        let detail = now.steps[at].detail.clone().unwrap_or_default();
        if detail.contains("Ways out") {
            said = detail;
        }
        if !said.is_empty() || now.state.ended() {
            break false;
        }
        if now.state == OperationState::Held {
            println!("stalled behind the key, held: {:?}", now.outcome);
            break true;
        }
        assert!(frozen.elapsed() < BACK, "neither over nor explained: {now:#?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    drop(stalled);
    if held {
        // What an operator does with an answer that nobody can tell, once the candidate goes on.
        mine.resolve(&operation.id, Resolution::Retry, "tester")
            .await
            .unwrap();
    }
    let ended = ended(mine, &operation.id).await;
    let written = writers.end().await;
    let (when, writer) = match ended.state {
        OperationState::Done if said.is_empty() => (Stalled::TooLate, candidate),
        OperationState::Done => (Stalled::Explained, candidate),
        _ => (Stalled::TooEarly, from),
    };
    println!(
        "stalled behind the key, {when:?}: {said}; {} acknowledged, outage {:?}",
        written.count(),
        written.outage()
    );
    match when {
        Stalled::Explained => {
            assert!(
                said.contains("walsender") && said.contains("heard nothing"),
                "{said}"
            );
            assert_eq!(written.writers(), [from, candidate]);
        }
        Stalled::TooLate => assert_eq!(written.writers(), [from, candidate]),
        Stalled::TooEarly => {
            let why = ended.outcome.clone().unwrap_or_default();
            assert!(why.contains("goes on writing"), "{ended:#?}");
            assert_eq!(written.writers(), [from]);
        }
    }
    assert_eq!(written.lost(cluster, writer).await, Vec::<i64>::new());
    cluster.settled(writer).await;
    when
}

/// What happens to the store.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Store {
    /// Every member stands still.
    Frozen,
    /// Two of three members are gone.
    WithoutQuorum,
}

/// The store does not answer or has no quorum: a failover is refused, without an outage as long as `failsafe_mode`
/// lets the writer go on; without it Patroni takes the writer down, and nothing is lost.
async fn no_store(cluster: &Cluster, mine: &Operations, what: Store, failsafe: bool) {
    let setting = json!({"failsafe_mode": failsafe});
    rest(cluster, US, reqwest::Method::PATCH, "/config", Some(setting)).await;
    // It holds when the members know each other's addresses for it, a round later.
    tokio::time::sleep(Duration::from_secs(5)).await;
    fit(mine, EU).await;
    let writers = Writers::start(cluster);
    let shown = plan(mine, to(EU)).await;
    assert!(shown.may_execute(), "{:#?}", shown.gates);
    let pids: Vec<u32> = cluster.stores.iter().map(lab::patroni::Store::pid).collect();
    let frozen = match what {
        Store::Frozen => Some(Frozen::these(pids)),
        Store::WithoutQuorum => {
            pids.iter().skip(1).for_each(|pid| signal(*pid, "KILL"));
            None
        }
    };
    let begun = Instant::now();
    let result = mine.execute(&shown.id, &shown.hash, EU, "tester", "test").await;
    let Err(OperationError::Refused(why)) = result else {
        panic!("{what:?}: {result:?}");
    };
    assert!(why.contains("store"), "{what:?}: {why}");
    println!("{what:?}: refused in {:?}: {why}", begun.elapsed());
    if failsafe {
        eventually("Patroni has noticed", BACK, async || {
            rest(cluster, US, reqwest::Method::GET, "/patroni", None).await["failsafe_mode_is_active"] == true
        })
        .await;
        assert!(writes(&cluster.nodes[US]).await, "the writer goes on");
    } else {
        eventually("Patroni takes the writer down", BACK, async || {
            !writes(&cluster.nodes[US]).await
        })
        .await;
    }
    assert!(!plan(mine, to(EU)).await.may_execute(), "a new plan refuses too");
    drop(frozen);
    if what == Store::WithoutQuorum {
        cluster
            .stores
            .iter()
            .skip(1)
            .for_each(lab::patroni::Store::start_again);
    }
    let writer = whoever_writes(cluster).await;
    cluster.settled(writer).await;
    let written = writers.end().await;
    assert_eq!(written.lost(cluster, writer).await, Vec::<i64>::new());
    assert!(written.writers().len() <= 2, "{:?}", written.writers());
    println!(
        "{what:?}, failsafe_mode {failsafe}: {} acknowledged, 0 lost, longest gap {:?}",
        written.count(),
        written.outage()
    );
}

async fn whoever_writes(cluster: &Cluster) -> &'static str {
    let mut writer = US;
    eventually("somebody writes", BACK, async || {
        for id in [US, EU] {
            if writes(&cluster.nodes[id]).await {
                writer = id;
                return true;
            }
        }
        false
    })
    .await;
    writer
}

/// Nothing of what plans and operations changed for their escort is left.
async fn as_it_was(cluster: &Cluster) {
    eventually("the settings are as they were", BACK, async || {
        let config = rest(cluster, EU, reqwest::Method::GET, "/config", None).await;
        config["synchronous_mode"].is_null() && config["aisoc_escort"].is_null()
    })
    .await;
}

/// A cluster of which everything is quick, so that the rounds of Patroni are not what takes the time.
async fn lab(dir: &std::path::Path, patroni: &Patroni) -> (Cluster, Operations) {
    let quick = "failsafe_mode: true\nloop_wait: 2\nretry_timeout: 3\nttl: 20";
    let cluster = Cluster::start_with(dir, patroni, quick, 3).await;
    prepare(&cluster, US).await;
    let mut topology = topology(dir);
    cluster.fill(&mut topology);
    let mine = operations(&topology).await;
    fit(&mine, EU).await;
    (cluster, mine)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazards_are_refused_or_survived() {
    let dir = tempfile::tempdir().unwrap();
    let (cluster, mine) = lab(dir.path(), &Patroni::debian()).await;
    before_the_key(&cluster, &mine).await;
    agent(&cluster, &mine).await;
    no_store(&cluster, &mine, Store::Frozen, true).await;
    no_store(&cluster, &mine, Store::WithoutQuorum, true).await;
    fresh_replica(&cluster, &mine).await;
    stalled_behind_the_key(&cluster, &mine, EU, US).await;
    no_store(&cluster, &mine, Store::Frozen, false).await;
    as_it_was(&cluster).await;
}

/// Those that rest on what Patroni answers and does, under the other series.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hazards_are_refused_or_survived_under_patroni_4() {
    let Some(patroni) = Patroni::four() else {
        return;
    };
    let dir = tempfile::tempdir().unwrap();
    let (cluster, mine) = lab(dir.path(), &patroni).await;
    before_the_key(&cluster, &mine).await;
    no_store(&cluster, &mine, Store::Frozen, true).await;
    stalled_behind_the_key(&cluster, &mine, US, EU).await;
    as_it_was(&cluster).await;
}
