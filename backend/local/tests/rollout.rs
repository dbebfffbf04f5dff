//! Rollouts of services that do nothing but answer: what the load balancer's clients see while instances are
//! replaced, and what happens to a revision that cannot start. Slow (about half a minute), needs the system packages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod support;

use aisoc_model::inventory::{Colour, FaultSpec, Inventory, ParallelState, ProcessState, RevisionStatus};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use support::{Running, process, until};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const NAME: &str = "aisoc-us-east-1";

fn settings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect()
}

fn status(running: &Running, number: u32) -> RevisionStatus {
    let releases = running.supervisor.releases();
    let history = &releases.by_name(NAME).unwrap().history;
    history.iter().find(|r| r.number == number).unwrap().status
}

async fn rolled_out(running: &Running) {
    until("the rollout ends", 60, async || {
        running
            .supervisor
            .releases()
            .by_name(NAME)
            .unwrap()
            .rollout
            .is_none()
    })
    .await;
}

/// Asks the load balancer without pause, with new connections and with old ones; counts what went wrong.
struct Clients {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicU64>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Clients {
    fn start(url: &str) -> Self {
        let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let tasks = (0..4)
            .map(|n| {
                let (stop, asked, url) = (Arc::clone(&stop), Arc::clone(&asked), url.to_owned());
                let idle = usize::from(n % 2 == 0);
                let client = reqwest::Client::builder()
                    .no_proxy()
                    .pool_max_idle_per_host(idle)
                    .build()
                    .unwrap();
                tokio::spawn(async move {
                    let mut wrong = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        match client.get(&url).send().await {
                            Ok(answer) if answer.status() == 200 => {}
                            Ok(answer) => wrong.push(answer.status().to_string()),
                            Err(error) => wrong.push(format!("{error:?}")),
                        }
                        asked.fetch_add(1, Ordering::Relaxed);
                        tokio::time::sleep(Duration::from_millis(5)).await;
                    }
                    wrong
                })
            })
            .collect();
        Self { stop, asked, tasks }
    }

    async fn finish(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        for task in self.tasks {
            assert_eq!(task.await.unwrap(), Vec::<String>::new(), "no request fails");
        }
        self.asked.load(Ordering::Relaxed)
    }
}

/// What uses the database is replaced by itself: the same settings, other processes, nothing else is touched.
async fn restarts_by_itself(running: &Running) {
    let supervisor = &running.supervisor;
    let before = supervisor.inventory();
    let begun = supervisor.restart(NAME, "op-1").unwrap();
    let made = begun.history.last().unwrap();
    assert!(made.description.contains("(operation op-1)"), "{made:?}");
    assert!(supervisor.restart(NAME, "op-2").is_err(), "one rollout at a time");
    rolled_out(running).await;
    let restarted = supervisor.inventory();
    for (name, same) in [
        ("api-a", false),
        ("api-b", false),
        ("alert-fusion", false),
        ("enrichment", true),
    ] {
        let pid = |inventory: &Inventory| process(inventory, &format!("us-east-1/{name}")).pid;
        assert_eq!(pid(&before) == pid(&restarted), same, "{name}");
    }
    assert_eq!(status(running, made.number), RevisionStatus::Deployed);
}

#[tokio::test(flavor = "multi_thread")]
async fn revisions_roll_out_fail_and_roll_back_without_a_failed_request() {
    let service = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/support/service.py");
    let running = Running::start("services = true", service).await;
    let supervisor = &running.supervisor;
    let before = supervisor.inventory();
    assert!(before.ready, "{before:#?}");
    let clients = Clients::start(&format!("http://{}/work", before.endpoints["load_balancer"]));
    let region = Some("us-east-1".parse().unwrap());

    // A good revision of the api alone.
    let good = settings(&[("api.inject_latency_ms", "20")]);
    supervisor
        .deploy(region.as_ref(), &good, false, "slower")
        .unwrap();
    assert!(
        supervisor.deploy(region.as_ref(), &good, false, "again").is_err(),
        "one rollout at a time"
    );
    rolled_out(&running).await;
    let after = supervisor.inventory();
    assert_eq!(status(&running, 2), RevisionStatus::Deployed);
    for name in ["us-east-1/api-a", "us-east-1/api-b"] {
        assert_ne!(
            process(&after, name).pid,
            process(&before, name).pid,
            "{name} is a new process"
        );
        assert_eq!(process(&after, name).version, "rev 2");
    }
    let agents = process(&after, "us-east-1/agents");
    assert_eq!(
        agents.pid,
        process(&before, "us-east-1/agents").pid,
        "what did not change is left alone"
    );
    assert_eq!(agents.version, "rev 2", "and runs the revision as it is");
    assert_eq!(process(&after, "eu-west-1/api-a").version, "rev 1");

    // A revision that cannot start; the api is tried first, so nothing else is touched.
    supervisor
        .deploy(
            region.as_ref(),
            &settings(&[("api.env.FAIL_TO_START", "1")]),
            false,
            "bad",
        )
        .unwrap();
    rolled_out(&running).await;
    assert_eq!(status(&running, 3), RevisionStatus::Failed);
    assert_eq!(status(&running, 2), RevisionStatus::Deployed);
    let now = supervisor.inventory();
    assert_eq!(
        process(&now, "us-east-1/api-a").pid,
        process(&after, "us-east-1/api-a").pid
    );
    assert!(!now.processes.iter().any(|p| p.name == "us-east-1/api-a.next"));

    // One whose last service cannot start: the services before it go back.
    let half = settings(&[("api.inject_latency_ms", "5"), ("agents.env.FAIL_TO_START", "1")]);
    supervisor
        .deploy(region.as_ref(), &half, false, "half bad")
        .unwrap();
    rolled_out(&running).await;
    assert_eq!(status(&running, 4), RevisionStatus::Failed);
    until("everything is ready again", 20, async || {
        supervisor.inventory().ready
    })
    .await;
    let now = supervisor.inventory();
    assert_eq!(process(&now, "us-east-1/api-b").version, "rev 2");

    // Back to the first.
    assert!(supervisor.rollback(NAME, 9, None).is_err());
    supervisor.rollback(NAME, 1, Some("operation-7")).unwrap();
    rolled_out(&running).await;
    assert_eq!(status(&running, 5), RevisionStatus::Deployed);
    assert_eq!(status(&running, 2), RevisionStatus::Superseded);
    let description = supervisor
        .releases()
        .by_name(NAME)
        .unwrap()
        .history
        .last()
        .unwrap()
        .description
        .clone();
    assert_eq!(description, "rollback to 1 (operation operation-7)");
    blue_green_and_back(&running).await;
    restarts_by_itself(&running).await;
    let asked = clients.finish().await;
    println!("{asked} requests, none failed");

    // What operators set at the load balancer, and the ports of the successors, survive its restart.
    let kill = FaultSpec::KillProcess {
        process: "haproxy".into(),
        hold: false,
    };
    supervisor.inflict(kill).await.unwrap();
    until("HAProxy is back", 30, async || {
        let haproxy = process(&supervisor.inventory(), "haproxy");
        haproxy.restarts == 1 && haproxy.state == ProcessState::Ready
    })
    .await;
    let clients = Clients::start(&format!("http://{}/work", before.endpoints["load_balancer"]));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(clients.finish().await > 0);

    an_api_is_slowed_and_healed(&running).await;
    let begun = Instant::now();
    supervisor.stop_all().await;
    println!("stopped after {:.1} s", begun.elapsed().as_secs_f64());
}

fn half(running: &Running) -> Option<(Colour, ParallelState)> {
    let all = running.supervisor.releases_now();
    let release = all.into_iter().find(|r| r.name == NAME)?;
    release.parallel.map(|p| (p.colour, p.state))
}

/// What the control plane does between deploying green and having the halves change places.
async fn share(running: &Running, percent: u16) {
    for zone in ["a", "b"] {
        for command in [
            format!("set server api/us-east-1{zone}-parallel weight {percent}"),
            format!("set server api/us-east-1{zone}-parallel state ready"),
            format!("set server api/us-east-1{zone} weight {}", 100 - percent),
        ] {
            let socket = running.state.run("haproxy/admin.sock");
            let mut stream = tokio::net::UnixStream::connect(socket).await.unwrap();
            stream.write_all(format!("{command}\n").as_bytes()).await.unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await.unwrap();
            assert_eq!(answer.trim(), "", "{command}");
        }
    }
}

/// Both directions under load; the caller's clients see no failed request.
async fn blue_green_and_back(running: &Running) {
    let supervisor = &running.supervisor;
    let green = settings(&[("api.inject_latency_ms", "10")]);
    let other = settings(&[("agents.env.X", "1")]);
    assert!(supervisor.deploy_green(NAME, &other, "op-0").await.is_err());
    supervisor.deploy_green(NAME, &green, "op-1").await.unwrap();
    assert!(
        supervisor.rollback(NAME, 2, None).is_err(),
        "no rollout while there are two halves"
    );
    until("green is ready", 60, async || {
        half(running) == Some((Colour::Green, ParallelState::Ready))
    })
    .await;
    let before = supervisor.inventory();
    let beside = process(&before, "us-east-1/api-a.green");
    assert_eq!(beside.version, "rev 6");
    share(running, 50).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    share(running, 100).await;
    assert!(
        supervisor.remove_parallel(NAME, true).await.is_err(),
        "it gets requests"
    );
    supervisor.swap_parallel(NAME, "op-2").await.unwrap();
    let now = supervisor.inventory();
    assert_eq!(process(&now, "us-east-1/api-a").pid, beside.pid, "green serves");
    assert_eq!(process(&now, "us-east-1/agents").version, "rev 6");
    assert_eq!(
        process(&now, "us-east-1/api-a.blue").pid,
        process(&before, "us-east-1/api-a").pid
    );
    assert_eq!(half(running), Some((Colour::Blue, ParallelState::Ready)));
    assert_eq!(status(running, 6), RevisionStatus::Deployed);
    assert!(
        supervisor.remove_parallel(NAME, false).await.is_err(),
        "blue is kept for a while"
    );
    // And back.
    share(running, 50).await;
    share(running, 100).await;
    supervisor.swap_parallel(NAME, "op-3").await.unwrap();
    let back = supervisor.inventory();
    assert_eq!(
        process(&back, "us-east-1/api-a").pid,
        process(&before, "us-east-1/api-a").pid
    );
    supervisor.remove_parallel(NAME, false).await.unwrap();
    assert_eq!(half(running), None);
    let gone = supervisor.inventory();
    assert!(!gone.processes.iter().any(|p| p.name.contains("green")));
    let release = supervisor.releases().by_name(NAME).unwrap().clone();
    assert!(release.rolled_back_from(&settings(&[("api.inject_latency_ms", "10")])));
}

async fn an_api_is_slowed_and_healed(running: &Running) {
    let port = process(&running.supervisor.inventory(), "eu-west-1/api-a").ports["http"];
    let duration = async || {
        let begun = Instant::now();
        reqwest::get(format!("http://127.0.0.1:{port}/work"))
            .await
            .unwrap();
        begun.elapsed()
    };
    let region = "eu-west-1".parse().unwrap();
    running
        .supervisor
        .inflict(FaultSpec::ApiLatency {
            region,
            milliseconds: 300,
        })
        .await
        .unwrap();
    assert!(duration().await >= Duration::from_millis(300));
    // Also after the instance was started anew.
    let kill = FaultSpec::KillProcess {
        process: "eu-west-1/api-a".into(),
        hold: false,
    };
    running.supervisor.inflict(kill).await.unwrap();
    until("it is back", 30, async || {
        let api = process(&running.supervisor.inventory(), "eu-west-1/api-a");
        api.restarts == 1 && api.state == ProcessState::Ready
    })
    .await;
    until("it is slow again", 30, async || {
        duration().await >= Duration::from_millis(300)
    })
    .await;
    running.supervisor.heal(None).await.unwrap();
    until("it is as quick as it was", 30, async || {
        duration().await < Duration::from_millis(300)
    })
    .await;
}
