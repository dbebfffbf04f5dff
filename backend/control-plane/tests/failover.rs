//! Failover of the writer on a real cluster: three PostgreSQL under Patroni with etcd, an application that goes
//! on writing, and the set check of what it was acknowledged.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod lab;

use aisoc_control_plane::operations::{OperationError, Operations};
use aisoc_model::clock::millis_between;
use aisoc_model::operation::OperationState;
use aisoc_model::plan::{Decision, Plan, Target};
use lab::application::{Application, rows};
use lab::patroni::{Cluster, Patroni};
use lab::world::{AP, EU, US, carry_out, ended, main, operations, plan, region, topology};
use lab::writers::Writers;
use lab::{eventually, signal};
use sqlx::{Executor, Row};
use std::time::{Duration, Instant};

fn to(id: &str) -> Target {
    Target::Failover {
        cluster: main(),
        to: region(id),
    }
}

fn refusals(plan: &Plan) -> Vec<&str> {
    plan.refusals().map(|g| g.name.as_str()).collect()
}

/// One healthy failover, timed, with the set check of the application's rows.
async fn healthy(cluster: &Cluster, operations: &Operations, writer: &str) {
    let application = Application::start(cluster);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let moved = carry_out(operations, to(writer)).await;
    let acknowledged = application.end().await;
    assert_eq!(moved.state, OperationState::Done, "{moved:#?}");
    let lost: Vec<i64> = acknowledged
        .difference(&rows(cluster, writer).await)
        .copied()
        .collect();
    assert_eq!(lost, Vec::<i64>::new(), "acknowledged rows are lost");
    assert_eq!(moved.figures["lost_canaries"], 0.0);
    assert!(
        moved.figures.get("rpo_bytes").is_none_or(|b| *b == 0.0),
        "{:?}",
        moved.figures
    );
    let token = moved
        .tokens
        .get(&main())
        .expect("a writer demoted in order leaves a token");
    assert!(token.final_lsn > 0 && token.member != writer);
    assert_eq!(
        moved.offers.len(),
        1,
        "the way back is offered: {:?}",
        moved.offers
    );
    for moment in [
        "decide",
        "proven",
        "promote",
        "first_write",
        "old_writer_refused",
        "redundancy",
    ] {
        assert!(
            moved.times.contains_key(moment),
            "no time of {moment}: {:?}",
            moved.times
        );
    }
    println!(
        "failover to {writer}: {} rows acknowledged, 0 lost, figures {:?}",
        acknowledged.len(),
        moved.figures
    );
    cluster.settled(writer).await;
}

/// What is refused at once leaves the writer writing.
async fn refused_plan(operations: &Operations, candidate: &str, gate: &str) {
    let begun = Instant::now();
    let plan = plan(operations, to(candidate)).await;
    let took = begun.elapsed();
    assert!(refusals(&plan).contains(&gate), "{:#?}", plan.gates);
    let result = operations
        .execute(&plan.id, &plan.hash, candidate, "tester", "test")
        .await;
    assert!(matches!(result, Err(OperationError::Refused(_))), "{result:?}");
    println!("refused by {gate} in {took:?}");
}

/// The process id of a node's walreceiver.
async fn walreceiver(cluster: &Cluster, id: &str) -> u32 {
    let mut connection = cluster.nodes[id].connect().await.unwrap();
    let row = connection
        .fetch_one("SELECT pid FROM pg_stat_wal_receiver")
        .await
        .unwrap();
    row.get::<i32, _>(0).unsigned_abs()
}

/// A candidate whose walreceiver stands still: `/cluster` and `pg_stat_replication` still say streaming.
async fn stalled(cluster: &Cluster, operations: &Operations) {
    let shown = plan(operations, to(EU)).await;
    assert!(shown.may_execute(), "{:#?}", shown.gates);
    let pid = walreceiver(cluster, EU).await;
    signal(pid, "STOP");
    // A plan that was good when it was shown.
    let begun = Instant::now();
    let result = operations
        .execute(&shown.id, &shown.hash, EU, "tester", "test")
        .await;
    println!("stalled candidate refused in {:?}: {result:?}", begun.elapsed());
    assert!(
        matches!(&result, Err(OperationError::Refused(why)) if why.contains("rpo")),
        "{result:?}"
    );
    refused_plan(operations, EU, "rpo").await;
    signal(pid, "CONT");
    eventually(
        "the candidate has caught up",
        Duration::from_secs(30),
        async || plan(operations, to(EU)).await.may_execute(),
    )
    .await;
}

/// A candidate whose replication is cut.
async fn cut(cluster: &Cluster, operations: &Operations) {
    let mut candidate = cluster.nodes[EU].connect().await.unwrap();
    let nowhere = "ALTER SYSTEM SET primary_conninfo = 'host=127.0.0.1 port=1 user=replicator application_name=eu-west-1'";
    candidate.execute(nowhere).await.unwrap();
    candidate.execute("SELECT pg_reload_conf()").await.unwrap();
    eventually("the candidate is cut", Duration::from_secs(10), async || {
        let row = candidate
            .fetch_optional("SELECT 1 FROM pg_stat_wal_receiver WHERE status = 'streaming'")
            .await;
        row.unwrap().is_none()
    })
    .await;
    refused_plan(operations, EU, "rpo").await;
    candidate
        .execute("ALTER SYSTEM RESET primary_conninfo")
        .await
        .unwrap();
    candidate.execute("SELECT pg_reload_conf()").await.unwrap();
    cluster.settled(US).await;
}

/// When the switchover was asked for.
fn asked(operations: &Operations, id: &str) -> Option<jiff::Timestamp> {
    let operation = operations.get(id)?;
    let step = operation.steps.into_iter().find(|s| s.id == "switchover")?;
    step.started_at
}

/// The control plane is killed right after it has asked for the switchover: the next one finds out.
async fn killed(
    cluster: &Cluster,
    operations: Operations,
    topology: &aisoc_model::topology::Topology,
) -> Operations {
    let application = Application::start(cluster);
    let plan = plan(&operations, to(EU)).await;
    assert!(plan.may_execute(), "{:#?}", plan.gates);
    let begun = operations
        .execute(&plan.id, &plan.hash, EU, "tester", "test")
        .await
        .unwrap();
    let mut changed = operations.changed();
    while asked(&operations, &begun.id).is_none() {
        changed.changed().await.unwrap();
    }
    operations.close();
    let after = lab::world::operations(topology).await;
    let moved = ended(&after, &begun.id).await;
    let acknowledged = application.end().await;
    assert_eq!(moved.state, OperationState::Done, "{moved:#?}");
    assert!(
        acknowledged.is_subset(&rows(cluster, EU).await),
        "acknowledged rows are lost"
    );
    println!("taken up after a kill: {:?}", moved.outcome);
    cluster.settled(EU).await;
    after
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer_moves_without_loss_or_not_at_all() {
    moves(&Patroni::debian()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_writer_moves_without_loss_or_not_at_all_under_patroni_4() {
    if let Some(patroni) = Patroni::four() {
        moves(&patroni).await;
    }
}

/// How a person has the writer moved.
#[derive(Debug, Clone, Copy)]
enum By {
    Rest,
    Patronictl,
    Ours,
}

/// The plan on the screen until it is ready; what is measured begins with the key.
async fn shown(operations: &Operations, writer: &str) -> Plan {
    let mut shown = None;
    eventually("the plan is ready", Duration::from_mins(2), async || {
        let made = plan(operations, to(writer)).await;
        if made.may_execute() {
            shown = Some(made);
        }
        shown.is_some()
    })
    .await;
    let shown = shown.unwrap();
    eventually(
        "the candidate is synchronous",
        Duration::from_mins(1),
        async || operations.standing(&shown.id, true).await.unwrap().ready(),
    )
    .await;
    shown
}

/// Moves the writer once; seconds from the key to the first acknowledged write, and of the write outage.
async fn timed(cluster: &Cluster, operations: &Operations, by: By, from: &str, writer: &str) -> (f64, f64) {
    let ready = match by {
        By::Ours => Some(shown(operations, writer).await),
        By::Rest | By::Patronictl => None,
    };
    let writers = Writers::start(cluster);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let node = &cluster.nodes[from];
    let key = Instant::now();
    match by {
        By::Rest => {
            let client = reqwest::Client::builder().no_proxy().build().unwrap();
            let request = client
                .post(format!("http://127.0.0.1:{}/switchover", node.rest))
                .basic_auth("patroni", Some("patroni"))
                .json(&serde_json::json!({"leader": from, "candidate": writer}));
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{}", answer.text().await.unwrap());
        }
        By::Patronictl => {
            let mut command = tokio::process::Command::new(Patroni::debian().ctl());
            command.arg("-c").arg(node.configuration());
            command.args([
                "switchover",
                "aisoc",
                "--leader",
                from,
                "--candidate",
                writer,
                "--force",
            ]);
            let output = command.output().await.unwrap();
            assert!(output.status.success(), "{output:?}");
        }
        By::Ours => {
            let plan = ready.unwrap();
            let begun = operations.execute(&plan.id, &plan.hash, writer, "tester", "test");
            let moved = ended(operations, &begun.await.unwrap().id).await;
            assert_eq!(moved.state, OperationState::Done, "{moved:#?}");
            let after = |moment: &str| millis_between(moved.times["decide"], moved.times[moment]);
            println!(
                "ours: proven {} ms after the plan was taken, first write after {} ms",
                after("proven"),
                after("first_write")
            );
        }
    }
    eventually("the new writer writes", Duration::from_mins(1), async || {
        lab::patroni::writes(&cluster.nodes[writer]).await
    })
    .await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let written = writers.end().await;
    assert_eq!(written.lost(cluster, writer).await, Vec::<i64>::new(), "{by:?}");
    cluster.settled(writer).await;
    let first = written.first(writer, key).unwrap();
    (first.as_secs_f64(), written.outage().as_secs_f64())
}

/// The candidate's walreceiver stands still 0.6 s before the key: seconds until that is refused, by the plan's gates or by
/// the proof before the switchover, and the longest time that a write took meanwhile.
async fn timed_refusal(cluster: &Cluster, operations: &Operations, candidate: &str) -> (f64, f64) {
    let ready = shown(operations, candidate).await;
    let writers = Writers::start(cluster);
    tokio::time::sleep(Duration::from_millis(500)).await;
    let pid = walreceiver(cluster, candidate).await;
    signal(pid, "STOP");
    tokio::time::sleep(Duration::from_millis(600)).await;
    let key = Instant::now();
    let result = operations
        .execute(&ready.id, &ready.hash, candidate, "tester", "test")
        .await;
    match result {
        Err(OperationError::Refused(_)) => {}
        Ok(begun) => {
            let tried = ended(operations, &begun.id).await;
            assert_eq!(tried.state, OperationState::Failed, "{tried:#?}");
            assert!(asked(operations, &begun.id).is_none(), "{tried:#?}");
        }
        Err(e) => panic!("{e}"),
    }
    let refused = key.elapsed();
    // Until commits wait for nobody any more.
    tokio::time::sleep(Duration::from_secs(4)).await;
    signal(pid, "CONT");
    let written = writers.end().await;
    (refused.as_secs_f64(), written.outage().as_secs_f64())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "prints figures; each run moves the writer three times"]
async fn figures_of_a_planned_failover() {
    let runs = std::env::var("AISOC_BENCH_RUNS")
        .ok()
        .and_then(|n| n.parse().ok());
    let runs = runs.unwrap_or(10);
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(dir.path()).await;
    lab::writers::prepare(&cluster, US).await;
    let mut topology = topology(dir.path());
    cluster.fill(&mut topology);
    let mine = operations(&topology).await;
    let ways = [
        (By::Rest, "POST /switchover"),
        (By::Patronictl, "patronictl"),
        (By::Ours, "ours"),
    ];
    let (mut firsts, mut outages) = (vec![vec![]; 3], vec![vec![]; 3]);
    let (mut writer, mut other) = (US, EU);
    for run in 0..runs {
        for (n, (by, name)) in ways.iter().enumerate() {
            let (first, outage) = timed(&cluster, &mine, *by, writer, other).await;
            println!("  {run} {name}: key to first write {first:.2} s, write outage {outage:.2} s");
            firsts[n].push(first);
            outages[n].push(outage);
            std::mem::swap(&mut writer, &mut other);
        }
    }
    let (mut refusals, mut waits) = (vec![], vec![]);
    for _ in 0..runs {
        let (refused, waited) = timed_refusal(&cluster, &mine, other).await;
        refusals.push(refused);
        waits.push(waited);
    }
    println!(
        "planned failover of a healthy cluster, {runs} runs each in turn, 0 rows lost, medians in seconds:"
    );
    for (n, (_, name)) in ways.iter().enumerate() {
        println!(
            "  {name:<17} key to first acknowledged write {:.2}, write outage {:.2}",
            lab::measure::median(&mut firsts[n]),
            lab::measure::median(&mut outages[n])
        );
    }
    println!(
        "  ours over POST /switchover: {:.2}",
        lab::measure::median(&mut firsts[2]) / lab::measure::median(&mut firsts[0])
    );
    println!(
        "  candidate stalled 0.6 s before the key: refused after {:.2}, longest wait of a write {:.2}",
        lab::measure::median(&mut refusals),
        lab::measure::median(&mut waits)
    );
}

async fn moves(patroni: &Patroni) {
    let dir = tempfile::tempdir().unwrap();
    let cluster = Cluster::start_with(dir.path(), patroni, "", 1).await;
    lab::application::prepare(&cluster, US).await;
    let mut topology = topology(dir.path());
    cluster.fill(&mut topology);
    let mine = operations(&topology).await;

    let good = plan(&mine, to(EU)).await;
    assert_eq!(refusals(&good), Vec::<&str>::new(), "{:#?}", good.gates);
    assert!(good.gates.iter().all(|g| g.decision == Decision::Pass));
    refused_plan(&mine, AP, "candidate_nofailover").await;
    refused_plan(&mine, US, "candidate_role").await;
    stalled(&cluster, &mine).await;
    cut(&cluster, &mine).await;
    healthy(&cluster, &mine, EU).await;
    // Failback is a failover to the region it came from.
    healthy(&cluster, &mine, US).await;
    let after = killed(&cluster, mine, &topology).await;
    let moved = after.list();
    let moved = moved.iter().filter(|o| o.state == OperationState::Done);
    assert_eq!(moved.count(), 3);
}
