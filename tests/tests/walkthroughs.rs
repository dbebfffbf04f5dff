//! The three walk-throughs of the README on one real world, and what must hold while they run: no failed
//! request during a drain, no acknowledged write lost by a failover, the SLI back under its objective after a
//! rollback, every accepted event stored once. One test, because the world takes half a minute to start.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_model::alert::AlertState;
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::Plan;
use aisoc_model::region::Health;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::world::CoordinationMode;
use aisoc_model::world::World;
use aisoc_tests::command::Finished;
use aisoc_tests::load::Load;
use aisoc_tests::wait::until;
use aisoc_tests::world::{LocalWorld, streaming_replicas};
use aisoc_tests::writes::Writer;
use aisoc_tests::{command, events, writes};
use std::time::Duration;

const MINUTE: Duration = Duration::from_mins(1);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_living_world() {
    let world = LocalWorld::start().await.unwrap();
    println!("world ready after {:.1} s", world.start.as_secs_f64());
    everything_is_seen(&world).await;
    bad_input_is_refused(&world).await;
    events_are_stored_once(&world).await;
    drain_and_restore(&world).await;
    the_acting_control_plane_is_killed(&world).await;
    failover_and_failback(&world).await;
    a_lost_machine(&world).await;
    a_cut_replica_is_refused(&world).await;
    bad_release_and_rollback(&world).await;
    blue_green(&world).await;
    a_dead_region_is_left(&world).await;
    the_supervisor_may_die(world).await;
}

async fn everything_is_seen(world: &LocalWorld) {
    let seen = healthy(world, "all regions healthy after start").await;
    assert_eq!(seen.regions.len(), 3);
    let writers: Vec<_> = writers(&seen);
    assert_eq!(writers, ["us-east-1"]);
    assert!(
        seen.regions[&"ap-southeast-1".parse().unwrap()]
            .postgres
            .values()
            .all(|member| member.value.as_ref().unwrap().nofailover)
    );
    assert!(world.inventory().await.unwrap().ready);
}

async fn bad_input_is_refused(world: &LocalWorld) {
    let cases: &[(&[&str], i32)] = &[
        (
            &[
                "drain",
                "mars-north-1",
                "--confirm",
                "mars-north-1",
                "--reason",
                "x",
            ],
            2,
        ),
        (
            &["drain", "us-east-1", "--confirm", "us-west-1", "--reason", "x"],
            5,
        ),
        (
            &["drain", "us-east-1", "--confirm", "us-east-1", "--reason", " "],
            2,
        ),
        (
            &[
                "rollback",
                "--release",
                "nothing",
                "--confirm",
                "nothing",
                "--reason",
                "x",
            ],
            2,
        ),
        (&["status", "--endpoint", "http://127.0.0.1:1"], 3),
        (&["status", "--endpoint", "not a url"], 2),
        (&["snapshot", "--size", "0x0"], 2),
    ];
    for (arguments, code) in cases {
        let finished = world.console(arguments).await.unwrap();
        assert_eq!(finished.code, *code, "{arguments:?}: {}", finished.stderr);
        assert!(!finished.stderr.is_empty(), "{arguments:?} says nothing");
    }
    let wrong = world.state().join("wrong.token");
    std::fs::write(&wrong, "wrong\n").unwrap();
    let wrong = wrong.to_string_lossy().into_owned();
    assert_eq!(
        world
            .console(&["status", "--token-file", &wrong])
            .await
            .unwrap()
            .code,
        4
    );
    let viewer = world
        .state()
        .join("tokens/viewer.token")
        .to_string_lossy()
        .into_owned();
    let drain = [
        "drain",
        "us-east-1",
        "--confirm",
        "us-east-1",
        "--reason",
        "x",
        "--token-file",
        &viewer,
    ];
    assert_eq!(world.console(&drain).await.unwrap().code, 4);
    let screen = world.console(&[]).await.unwrap();
    assert_eq!(screen.code, 7, "{}", screen.stderr);
    let second = world.local(&["up"]).await.unwrap();
    assert_eq!(second.code, 0, "a second `up`: {}", second.stderr);
    assert!(second.stdout.contains("already running"), "{}", second.stdout);
}

async fn events_are_stored_once(world: &LocalWorld) {
    let token = world.token("api-acme").unwrap();
    let mut accepted = 0;
    for region in LocalWorld::regions().unwrap() {
        let port = world.port(&format!("{region}/ingest"), "http").await.unwrap();
        let ingest = format!("http://127.0.0.1:{port}");
        let batch = events::batch(&format!("e2e-{region}"), 300);
        accepted += events::post(&ingest, &token, &batch).await.unwrap();
        // The same ids again, as a client does that did not see the answer.
        events::post(&ingest, &token, &batch).await.unwrap();
        let malformed = serde_json::json!({"connector_id": "x", "connector_type": "t", "source_format": "json",
            "events": [{"event_id": "e2e-good-0", "a": 1}, "not an object"]});
        accepted += events::post(&ingest, &token, &malformed).await.unwrap();
        let huge: serde_json::Value = events::batch("huge", 1_001);
        assert!(
            events::post(&ingest, &token, &huge)
                .await
                .unwrap_err()
                .to_string()
                .contains("413")
        );
        assert!(
            events::post(&ingest, "wrong", &batch)
                .await
                .unwrap_err()
                .to_string()
                .contains("401")
        );
    }
    assert_eq!(accepted, 903);
    until("every accepted event stored", MINUTE, async || {
        let counts = stored(world, "e2e").await?;
        anyhow::ensure!(counts == (903, 903), "rows and distinct ids: {counts:?}");
        Ok(Some(()))
    })
    .await
    .unwrap();
}

/// (rows, ids distinct within their region) of the ids with this prefix, over all regions.
async fn stored(world: &LocalWorld, prefix: &str) -> anyhow::Result<(i64, i64)> {
    let mut sum = (0, 0);
    let inventory = world.inventory().await?;
    for region in LocalWorld::regions()? {
        let enrichment = inventory
            .processes
            .iter()
            .find(|p| p.name == format!("{region}/enrichment"));
        let data = enrichment.and_then(|p| p.data_dir.clone()).unwrap_or_default();
        let (rows, distinct) = events::stored(&std::path::Path::new(&data).join("events"), prefix).await?;
        sum = (sum.0 + rows, sum.1 + distinct);
    }
    Ok(sum)
}

async fn drain_and_restore(world: &LocalWorld) {
    let url = format!("{}/api/v1/alerts?limit=5", world.load_balancer().await.unwrap());
    let token = world.token("api-acme").unwrap();
    let rate = Load::carried(&url, &token, &[200, 100, 50, 20]).await.unwrap();
    let load = Load::start(url, token, rate).unwrap();
    let drained = world
        .operate(&["drain", "us-east-1", "--confirm", "us-east-1"])
        .await
        .unwrap();
    assert_eq!(drained.state, OperationState::Done, "{:?}", drained.outcome);
    until("the drain is seen", MINUTE, async || {
        let seen = world.seen().await?;
        let region = &seen.regions[&"us-east-1".parse()?];
        let traffic = region.traffic.fresh(seen.head.at);
        Ok((region.drain.is_some()
            && traffic.is_some_and(|t| t.weight_percent == 0 && t.sessions == Some(0)))
        .then_some(()))
    })
    .await
    .unwrap();
    // The last region that serves is not drained as well.
    let last = world
        .console(&["drain", "eu-west-1", "--confirm", "eu-west-1", "--reason", "x"])
        .await
        .unwrap();
    assert_eq!(last.code, 5, "{}", last.stdout);
    let restored = world
        .operate(&["restore", "us-east-1", "--confirm", "us-east-1"])
        .await
        .unwrap();
    assert_eq!(restored.state, OperationState::Done, "{:?}", restored.outcome);
    let outcome = load.stop().await.unwrap();
    println!(
        "drain and restore at {rate} requests/s: {} answered, {} failed",
        outcome.ok,
        outcome.failures.len()
    );
    assert!(
        outcome.failures.is_empty(),
        "failed requests during the drain: {:?}",
        outcome.failures
    );
    assert!(outcome.ok > 200);
}

/// The control plane that may act is killed in the middle of a drain: one goes on, and any of them answers.
async fn the_acting_control_plane_is_killed(world: &LocalWorld) {
    let before = healthy(world, "all healthy before the control plane is killed").await;
    let coordination = before.head.coordination;
    assert_eq!(coordination.mode, CoordinationMode::Held);
    assert_eq!(coordination.standbys.len(), 2, "{coordination:?}");
    let drain = ["drain", "us-east-1", "--confirm", "us-east-1"];
    let rest = ["--reason", "end-to-end test", "--output", "json"];
    let begun: Operation = until("the drain begins", MINUTE, async || {
        let begun = world.console(&[drain.as_slice(), &rest].concat()).await?;
        Ok(Some(begun.expect_code(0)?.json()?))
    })
    .await
    .unwrap();
    let holder = format!("{}/control-plane", coordination.holder.unwrap());
    let killed = world.local(&["fault", "kill", &holder]).await.unwrap();
    killed.expect_code(0).unwrap();
    let at = std::time::Instant::now();
    let show = ["operations", "show", &begun.id, "--output", "json"];
    let mut adopted = None;
    let ended = until("the operation is adopted and ends", 2 * MINUTE, async || {
        let operation: Operation = world.console(&show).await?.json()?;
        adopted.get_or_insert_with(|| at.elapsed());
        Ok(operation.state.ended().then_some(operation))
    })
    .await
    .unwrap();
    println!(
        "adopted {:?} after kill -9, as a console sees it",
        adopted.unwrap()
    );
    assert_eq!(ended.state, OperationState::Done, "{:?}", ended.outcome);
    let restored = world
        .operate(&["restore", "us-east-1", "--confirm", "us-east-1"])
        .await
        .unwrap();
    assert_eq!(restored.state, OperationState::Done, "{:?}", restored.outcome);
    let after = until("all three take part again", MINUTE, async || {
        let coordination = world.seen().await?.head.coordination;
        Ok((coordination.standbys.len() == 2).then_some(coordination))
    })
    .await
    .unwrap();
    assert!(after.epoch > coordination.epoch, "{after:?}");
    let verified = command::run("aisoc", world.state(), &["journal", "verify"])
        .await
        .unwrap();
    let verified = verified.expect_code(0).unwrap().stdout;
    assert_eq!(verified.matches("the chain is whole").count(), 3, "{verified}");
}

async fn failover_and_failback(world: &LocalWorld) {
    let token = world.token("api-acme").unwrap();
    let load_balancer = world.load_balancer().await.unwrap();
    for to in ["eu-west-1", "us-east-1"] {
        replicas_stream(world).await;
        let writer = Writer::start(&load_balancer, token.clone()).unwrap();
        let operation = world
            .operate(&[
                "failover",
                "--to",
                to,
                "--confirm",
                to,
                // There and back within the block period, out of the EU again.
                "--override",
                "block_period=walk-through",
                "--override",
                "residency=walk-through",
            ])
            .await
            .unwrap();
        assert_eq!(operation.state, OperationState::Done, "{:?}", operation.outcome);
        until("the new writer is seen", MINUTE, async || {
            Ok((writers(&world.seen().await?) == [to]).then_some(()))
        })
        .await
        .unwrap();
        let written = writer.stop().await.unwrap();
        println!(
            "failover to {to}: {} writes acknowledged, {} refused, longest gap {:.2} s, write outage {:?} ms",
            written.acknowledged.len(),
            written.refused.len(),
            written.longest_gap.as_secs_f64(),
            operation.figures.get("write_outage_ms")
        );
        assert!(written.acknowledged.len() > 10);
        let lost = writes::lost(&load_balancer, &token, &written.acknowledged)
            .await
            .unwrap();
        assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    }
}

/// The writer's machine is lost: its supervisor proves it, another one is elected, and it comes back when told to.
async fn a_lost_machine(world: &LocalWorld) {
    replicas_stream(world).await;
    let fault = |arguments: &'static [&'static str]| async move {
        world.local(arguments).await.unwrap().expect_code(0).unwrap();
    };
    fault(&["fault", "kill-node", "us-east-1"]).await;
    let moved = world
        .operate(&[
            "failover",
            "--to",
            "eu-west-1",
            "--emergency",
            "--confirm",
            "eu-west-1",
            // The DR-only replica may have received a record more than the one that may take over.
            "--override",
            "most_advanced=walk-through",
            "--override",
            "block_period=walk-through",
        ])
        .await
        .unwrap();
    assert_eq!(moved.state, OperationState::Done, "{:?}", moved.outcome);
    println!("lost machine: {:?}, figures {:?}", moved.outcome, moved.figures);
    // Healed is not let go: what only it has is somebody's decision.
    fault(&["fault", "--heal"]).await;
    let_back(world).await;
    replicas_stream(world).await;
    let home = [
        "failover",
        "--to",
        "us-east-1",
        "--confirm",
        "us-east-1",
        "--override",
        "block_period=walk-through",
        "--override",
        "residency=walk-through",
    ];
    let home = world.operate(&home).await.unwrap();
    assert_eq!(home.state, OperationState::Done, "{:?}", home.outcome);
}

/// A fenced writer follows again; what only it has is given up.
async fn let_back(world: &LocalWorld) {
    let rejoin = [
        "rejoin",
        "us-east-1",
        "--confirm",
        "us-east-1",
        "--override",
        "divergence=a drill",
    ];
    let back = world.operate(&rejoin).await.unwrap();
    assert_eq!(back.state, OperationState::Done, "{:?}", back.outcome);
}

async fn a_cut_replica_is_refused(world: &LocalWorld) {
    replicas_stream(world).await;
    world
        .local(&["fault", "cut-replication", "eu-west-1"])
        .await
        .unwrap()
        .expect_code(0)
        .unwrap();
    let failover = [
        "failover",
        "--to",
        "eu-west-1",
        "--confirm",
        "eu-west-1",
        "--reason",
        "x",
    ];
    let refused = world.console(&failover).await.unwrap();
    assert_eq!(refused.code, 5, "{}", refused.stdout);
    assert!(refused.stdout.contains("rpo"), "{}", refused.stdout);
    world
        .local(&["fault", "--heal"])
        .await
        .unwrap()
        .expect_code(0)
        .unwrap();
    replicas_stream(world).await;
}

async fn bad_release_and_rollback(world: &LocalWorld) {
    let release = "aisoc-us-east-1";
    let deploy = [
        "deploy",
        "--region",
        "us-east-1",
        "--set",
        "api.inject_latency_ms=800",
    ];
    world.local(&deploy).await.unwrap().expect_code(0).unwrap();
    let key = SliReading::key(&"us-east-1".parse().unwrap(), SliId::HttpRequestDurationP99);
    until("the SLI is missed and the alert fires", 3 * MINUTE, async || {
        let seen = world.seen().await?;
        let missed = seen.slis[&key]
            .value
            .fresh(seen.head.at)
            .is_some_and(|v| *v > 0.5);
        let fires = seen.alerts.values().any(|a| {
            a.rule == "AiSOCHighLatency"
                && a.state == AlertState::Firing
                && a.region.as_ref().is_some_and(|r| r.as_str() == "us-east-1")
        });
        Ok((missed && fires).then_some(()))
    })
    .await
    .unwrap();
    let operation = world
        .operate(&["rollback", "--release", release, "--confirm", release])
        .await
        .unwrap();
    assert_eq!(operation.state, OperationState::Done, "{:?}", operation.outcome);
    until(
        "the SLI is met again and the alert is over",
        3 * MINUTE,
        async || {
            let seen = world.seen().await?;
            let met = seen.slis[&key]
                .value
                .fresh(seen.head.at)
                .is_some_and(|v| *v < 0.5);
            let fires = seen
                .alerts
                .values()
                .any(|a| a.rule == "AiSOCHighLatency" && a.state == AlertState::Firing);
            Ok((met && !fires).then_some(()))
        },
    )
    .await
    .unwrap();
}

/// Green is deployed beside what serves, tested and switched to under load; blue is kept, and not deleted by one person.
async fn blue_green(world: &LocalWorld) {
    let release = "aisoc-eu-west-1";
    let confirmed = ["--release", release, "--confirm", release];
    let url = format!("{}/api/v1/alerts?limit=5", world.load_balancer().await.unwrap());
    let token = world.token("api-acme").unwrap();
    let rate = Load::carried(&url, &token, &[50, 20]).await.unwrap();
    let load = Load::start(url, token, rate).unwrap();
    let deploy = ["green", "deploy", "--set", "version=green-1"];
    let operation = world.operate(&[&deploy[..], &confirmed].concat()).await.unwrap();
    assert_eq!(operation.state, OperationState::Done, "{:?}", operation.outcome);
    let operation = until("green serves", 3 * MINUTE, async || {
        let switch = [&["green", "switch"][..], &confirmed].concat();
        let rest = ["--reason", "end-to-end test", "--wait", "--output", "json"];
        let operation: Operation = world.console(&[&switch[..], &rest].concat()).await?.json()?;
        let outcome = operation.outcome.clone().unwrap_or_default();
        // On a machine that is busy with something else, green may be taken back for being slow, as it should be.
        Ok((!outcome.contains("answers take")).then_some(operation))
    })
    .await
    .unwrap();
    assert_eq!(operation.state, OperationState::Done, "{:?}", operation.outcome);
    println!("switch to green: {}", operation.outcome.unwrap_or_default());
    let outcome = load.stop().await.unwrap();
    assert!(
        outcome.failures.is_empty(),
        "failed requests during the switch: {:?}",
        outcome.failures
    );
    let delete = [&["green", "delete-blue", "--reason", "x"][..], &confirmed].concat();
    let refused = world.console(&delete).await.unwrap();
    assert_eq!(refused.code, 5, "{}", refused.stdout);
    assert!(refused.stdout.contains("idle_window"), "{}", refused.stdout);
    until("the countdown is shown", MINUTE, async || {
        let listed = world.console(&["releases", "list"]).await?;
        Ok(listed.stdout.contains("blue ready, kept for").then_some(()))
    })
    .await
    .unwrap();
    let record = world
        .console(&["operations", "export", &operation.id, "--format", "markdown"])
        .await
        .unwrap();
    assert!(record.stdout.contains("## Steps"), "{}", record.stdout);
}

/// RB-003: a quorum says that the region is down, its traffic goes elsewhere, and nobody misses it.
async fn a_dead_region_is_left(world: &LocalWorld) {
    healthy(world, "healthy before the region is killed").await;
    world
        .local(&["fault", "kill-region", "us-east-1"])
        .await
        .unwrap()
        .expect_code(0)
        .unwrap();
    until("a quorum says that it is down", MINUTE, async || {
        let check = world.console(&["health-check", "--region", "us-east-1"]).await?;
        let down = check.code == 1 && check.stdout.starts_with("us-east-1 DOWN: 4 of 4");
        anyhow::ensure!(down, "{}", check.stdout);
        Ok(Some(()))
    })
    .await
    .unwrap();
    let left = until("the plan passes its gates", 3 * MINUTE, async || {
        leave(world, "us-east-1", "eu-west-1").await
    })
    .await
    .unwrap();
    let operation: Operation = left.expect_code(0).unwrap().json().unwrap();
    assert_eq!(operation.state, OperationState::Done, "{:?}", operation.outcome);
    println!(
        "region failover: {:?}, figures {:?}",
        operation.outcome, operation.figures
    );
    assert_eq!(operation.plan.objective.as_deref(), Some("region_warm"));
    until("the others see it", MINUTE, async || {
        let seen = world.seen().await?;
        let us = &seen.regions[&"us-east-1".parse()?];
        let weight = us.traffic.value.as_ref().map(|t| t.weight_percent);
        let writers = writers(&seen);
        let left = writers == ["eu-west-1"] && weight == Some(0) && us.drain.is_some();
        anyhow::ensure!(
            left,
            "writers {writers:?}, weight {weight:?}, drain {:?}",
            us.drain
        );
        Ok(Some(()))
    })
    .await
    .unwrap();
    world
        .local(&["fault", "--heal"])
        .await
        .unwrap()
        .expect_code(0)
        .unwrap();
    // Its writer was fenced, unless Patroni had elected another one before anybody asked.
    if operation.plan.steps.iter().any(|step| step.id == "fence") {
        let_back(world).await;
    }
    replicas_stream(world).await;
    healthy(world, "healthy after the region came back").await;
    let back = ["restore", "us-east-1", "--confirm", "us-east-1"];
    world.operate(&back).await.unwrap();
}

/// Leaves a region with the overrides that a person would give here, whoever comes first: this plan, which fences the
/// writer, or Patroni's own election, after which there is none to fence. `None` when the gates refuse.
async fn leave(world: &LocalWorld, region: &str, to: &str) -> anyhow::Result<Option<Finished>> {
    let plan = ["plan", "region-failover", region, "--to", to, "--reason", "x"];
    let plan: Plan = world
        .console(&[&plan[..], &["--output", "json"]].concat())
        .await?
        .json()?;
    let overrides: Vec<String> = ["block_period", "most_advanced"]
        .into_iter()
        .filter(|name| plan.gates.iter().any(|gate| gate.name == *name))
        .map(|name| format!("{name}=walk-through"))
        .collect();
    let overridden = overrides.iter().flat_map(|o| ["--override", o.as_str()]);
    let leave = ["region-failover", region, "--to", to, "--confirm", region];
    let rest = ["--reason", "end-to-end test", "--wait", "--output", "json"];
    let leave: Vec<&str> = leave.into_iter().chain(overridden).chain(rest).collect();
    let finished = world.console(&leave).await?;
    let moved = finished.code == 2 && finished.stderr.contains("there is no gate");
    anyhow::ensure!(
        finished.code != 5 && !moved,
        "{}{}",
        finished.stdout,
        finished.stderr
    );
    Ok(Some(finished))
}

/// kill -9 of the supervisor leaves processes; `down` ends exactly those.
async fn the_supervisor_may_die(world: LocalWorld) {
    let inventory = world.inventory().await.unwrap();
    let pid = i32::try_from(world.supervisor_pid().unwrap()).unwrap();
    rustix::process::kill_process(
        rustix::process::Pid::from_raw(pid).unwrap(),
        rustix::process::Signal::KILL,
    )
    .unwrap();
    world.local(&["down"]).await.unwrap().expect_code(0).unwrap();
    for process in &inventory.processes {
        let Some(pid) = process.pid else { continue };
        assert!(!runs(pid), "{} (pid {pid}) still runs after `down`", process.name);
    }
    let after = world.console(&["status"]).await.unwrap();
    assert_eq!(after.code, 3, "{}", after.stderr);
    let unknown = command::run("aisoc", world.state(), &["local", "status"])
        .await
        .unwrap();
    assert_ne!(unknown.code, 0, "{}", unknown.stdout);
}

fn runs(pid: u32) -> bool {
    // A zombie has ended; its parent (the init of a container, sometimes) just did not look yet.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| {
        !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z')
    })
}

fn writers(seen: &World) -> Vec<String> {
    seen.regions
        .values()
        .filter(|r| r.written_here(seen.head.at).next().is_some())
        .map(|r| r.id.to_string())
        .collect()
}

async fn healthy(world: &LocalWorld, what: &str) -> World {
    until(what, 2 * MINUTE, async || {
        let seen = world.seen().await?;
        let well = seen.regions.len() == 3 && seen.regions.values().all(|r| r.health == Health::Healthy);
        let reasons: Vec<_> = seen.regions.values().flat_map(|r| r.reasons.clone()).collect();
        anyhow::ensure!(well, "{reasons:?}");
        Ok(Some(seen))
    })
    .await
    .unwrap()
}

async fn replicas_stream(world: &LocalWorld) {
    until("both replicas stream", MINUTE, async || {
        let seen = world.seen().await?;
        let streaming = streaming_replicas(&seen);
        Ok((streaming == 2 && writers(&seen).len() == 1).then_some(()))
    })
    .await
    .unwrap();
}
