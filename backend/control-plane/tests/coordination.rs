//! Several control planes over a real etcd: one of them may act, and another goes on when it cannot.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod lab;

use aisoc_control_plane::coordination::etcd::Etcd as Client;
use aisoc_control_plane::coordination::handover::{Desk, Handover};
use aisoc_control_plane::coordination::keys::{Keys, Mirrored};
use aisoc_control_plane::coordination::{self, Coordinated, Standing, mirror::MirrorError};
use aisoc_control_plane::operations::event::Event;
use aisoc_control_plane::operations::journal::Journal;
use aisoc_control_plane::operations::{OperationError, Operations};
use aisoc_model::SystemClock;
use aisoc_model::alert::{Acknowledgement, Alert, AlertState, Severity};
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::{PlanRequest, Target};
use aisoc_model::slo::Slo;
use aisoc_model::topology::{CoordinationConfig, Topology};
use aisoc_model::world::CoordinationMode;
use lab::etcd::Etcd;
use lab::haproxy::LoadBalancer;
use lab::world::{EU, GoodWorld, US, region};
use lab::{Process, eventually, signal};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

const PATIENCE: Duration = Duration::from_mins(1);
/// The file that a child is given.
const TOPOLOGY: &str = "AISOC_TEST_TOPOLOGY";

fn topology(name: &str, dir: &Path, etcd: &Etcd) -> Topology {
    let data = dir.join(name);
    std::fs::create_dir_all(&data).unwrap();
    let mut topology = lab::world::topology(&data);
    name.clone_into(&mut topology.control_plane.name);
    topology.coordination = Some(CoordinationConfig {
        etcd: vec![etcd.url.clone()],
    });
    topology
}

struct Plane {
    operations: Operations,
    coordinated: Coordinated,
    shutdown: CancellationToken,
}

impl Plane {
    async fn start(topology: Topology) -> Self {
        let (shutdown, tasks) = (CancellationToken::new(), TaskTracker::new());
        let coordinated = coordination::start(&topology, &shutdown, &tasks)
            .unwrap()
            .unwrap();
        let slo = Slo::builtin().unwrap().sped_up(topology.environment.speed_up);
        let view = Arc::new(GoodWorld(topology.clone()));
        let operations = Operations::open_coordinated(
            Arc::new(topology),
            Arc::new(slo),
            view,
            Arc::new(SystemClock),
            Some(coordinated.clone()),
        )
        .await
        .unwrap();
        Self {
            operations,
            coordinated,
            shutdown,
        }
    }

    fn standing(&self) -> Standing {
        self.coordinated.right.seen().standing
    }

    fn holds(&self) -> bool {
        matches!(self.standing(), Standing::Holder(_))
    }

    /// Waits until this one may begin operations.
    async fn in_office(&self) {
        eventually("it may act", PATIENCE, async || {
            let plan = self
                .operations
                .plan(request(drain(US), None), "ann")
                .await
                .unwrap();
            plan.gates
                .iter()
                .any(|g| g.name == "quorum" && !g.decision.stops())
        })
        .await;
    }

    async fn begin(&self, target: Target) -> Result<Operation, OperationError> {
        let plan = self.operations.plan(request(target, None), "ann").await?;
        let name = plan.request.target.confirmation().to_owned();
        self.operations
            .execute(&plan.id, &plan.hash, &name, "ann", "test")
            .await
    }
}

impl Drop for Plane {
    fn drop(&mut self) {
        self.operations.close();
        self.shutdown.cancel();
    }
}

fn firing() -> Alert {
    Alert {
        rule: "R".into(),
        region: None,
        subject: None,
        severity: Severity::P2,
        state: AlertState::Firing,
        summary: "s".into(),
        value: Some(1.0),
        bound: 0.5,
        since: jiff::Timestamp::UNIX_EPOCH,
        fired_at: Some(jiff::Timestamp::UNIX_EPOCH),
        resolved_at: None,
        runbook: None,
        acknowledged: Some(Acknowledgement {
            by: "ann".into(),
            at: jiff::Timestamp::UNIX_EPOCH,
        }),
    }
}

fn request(target: Target, break_glass: Option<&str>) -> PlanRequest {
    PlanRequest {
        target,
        reason: "test".into(),
        overrides: vec![],
        break_glass: break_glass.map(str::to_owned),
    }
}

fn drain(id: &str) -> Target {
    Target::Drain {
        region: region(id),
        deadline_seconds: 10,
        expires_seconds: 0,
    }
}

fn with_balancer(mut topology: Topology, balancer: &LoadBalancer) -> Topology {
    if let aisoc_model::load_balancer::LoadBalancer::Haproxy(settings) = &mut topology.load_balancer {
        settings.haproxy_socket.clone_from(&balancer.socket);
        settings.url.clone_from(&balancer.url);
    }
    topology
}

#[tokio::test]
async fn one_of_three_holds_the_seat_and_an_epoch_that_is_behind_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let etcd = Etcd::start(dir.path()).await;
    let mut planes = Vec::new();
    for name in ["a", "b", "c"] {
        planes.push(Plane::start(topology(name, dir.path(), &etcd)).await);
    }
    let holders = |planes: &[Plane]| planes.iter().filter(|p| p.holds()).count();
    eventually("one holds, two stand by", PATIENCE, async || {
        holders(&planes) == 1
            && planes
                .iter()
                .filter(|p| p.standing() == Standing::Standby)
                .count()
                == 2
    })
    .await;
    let holder = planes.remove(planes.iter().position(Plane::holds).unwrap());
    holder.in_office().await;
    eventually("it knows the others", PATIENCE, async || {
        holder.operations.coordination().standbys.len() == 2
    })
    .await;
    let shown = holder.operations.coordination();
    assert_eq!(shown.mode, CoordinationMode::Held);
    let epoch = shown.epoch.unwrap();
    for standby in &planes {
        let refused = standby.begin(drain(US)).await.unwrap_err().to_string();
        assert!(refused.contains("holds the right to act"), "{refused}");
    }

    // Taken away behind its back: it still believes in its lease, etcd does not.
    let lease = holder.coordinated.right.leader().unwrap().lease;
    let client = Client::new(std::slice::from_ref(&etcd.url)).unwrap();
    let (event, mirror) = (
        Mirrored {
            at: jiff::Timestamp::now(),
            by: "a".into(),
            epoch,
            event: Event::Held { why: "late".into() },
        },
        Arc::clone(&holder.coordinated.mirror),
    );
    mirror.append(epoch, "late", 0, &event).await.unwrap();
    let desk = |plane: &Plane, name: &str| {
        let right = plane.coordinated.right.clone();
        Desk::new(&topology(name, dir.path(), &etcd), Some(right))
            .unwrap()
            .unwrap()
    };
    let (mine, theirs) = (desk(&holder, "a"), desk(&planes[0], "b"));
    let handover = Handover {
        alerts: [("R:*".to_owned(), firing())].into(),
        ..Handover::default()
    };
    mine.write(&handover).await.unwrap();
    assert_eq!(theirs.read().await.unwrap(), handover, "the next one finds it");
    let refused = theirs.write(&Handover::default()).await;
    assert!(refused.is_err(), "whoever stands by leaves nothing");
    client.revoke(lease).await.unwrap();
    eventually("the old epoch is refused", PATIENCE, async || {
        matches!(
            mirror.append(epoch, "late", 1, &event).await,
            Err(MirrorError::Behind(why)) if why.contains(&format!("epoch {epoch} is behind"))
        )
    })
    .await;
    planes.push(holder);
    eventually("one holds again, under a later epoch", PATIENCE, async || {
        let now = planes.iter().find_map(|p| p.coordinated.right.epoch().ok());
        now.is_some_and(|now| now > epoch) && holders(&planes) == 1
    })
    .await;
    assert_eq!(mirror.read().await.unwrap()["late"].len(), 1);
}

#[tokio::test]
async fn without_an_answer_of_etcd_nothing_is_begun_unless_two_people_break_the_glass() {
    let dir = tempfile::tempdir().unwrap();
    let (etcd, balancer) = (
        Etcd::start(dir.path()).await,
        LoadBalancer::start(dir.path()).await,
    );
    let plane = Plane::start(with_balancer(topology("a", dir.path(), &etcd), &balancer)).await;
    plane.in_office().await;
    // What runs stands still while nothing can be proven, and goes on by itself.
    let drained = plane.begin(drain(US)).await.unwrap();
    etcd.freeze();
    eventually("it stands still", PATIENCE, async || {
        let now = plane.operations.get(&drained.id).unwrap();
        now.outcome.is_some_and(|o| o.contains("stands still: no quorum"))
    })
    .await;
    let refused = plane.begin(drain(EU)).await.unwrap_err().to_string();
    assert!(
        refused.contains("no quorum") || refused.contains("has not ended"),
        "{refused}"
    );
    etcd.thaw();
    eventually("it goes on", PATIENCE, async || {
        plane
            .operations
            .get(&drained.id)
            .is_some_and(|o| o.state == OperationState::Done)
    })
    .await;

    etcd.freeze();
    eventually("nothing can be proven", PATIENCE, async || {
        plane.coordinated.right.epoch().is_err()
    })
    .await;
    assert_eq!(plane.operations.coordination().mode, CoordinationMode::NoQuorum);
    let refused = plane.begin(Target::Restore { region: region(US) }).await;
    let refused = refused.unwrap_err().to_string();
    assert!(refused.contains("no quorum"), "{refused}");

    let wanted = request(Target::Restore { region: region(US) }, Some("etcd is frozen"));
    let plan = plane.operations.plan(wanted, "ann").await.unwrap();
    assert!(plan.needs_approval(), "{:#?}", plan.gates);
    let execute = async || {
        let (id, hash) = (&plan.id, &plan.hash);
        plane.operations.execute(id, hash, US, "ann", "test").await
    };
    assert!(execute().await.unwrap_err().to_string().contains("second person"));
    plane
        .operations
        .approve(&plan.id, &plan.hash, "bob", "test")
        .await
        .unwrap();
    execute().await.unwrap();
    let ended = lab::world::ended(&plane.operations, &plan.id).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:#?}");
    etcd.thaw();
    eventually("the others are told of it", PATIENCE, async || {
        let mirrored = plane.coordinated.mirror.read().await;
        mirrored.is_ok_and(|all| all.contains_key(&drained.id)) && plane.coordinated.right.epoch().is_ok()
    })
    .await;
    let journal = Journal::open_read_only(&dir.path().join("a")).await.unwrap();
    let kinds: Vec<String> = journal
        .entries_of(&plan.id)
        .await
        .unwrap()
        .into_iter()
        .map(|e| e.kind)
        .collect();
    assert_eq!(kinds[..4], ["refused", "approved", "BROKEN GLASS", "started"]);
}

/// A control plane in a process of its own, that begins a drain as soon as it may.
fn child(topology: &Topology, dir: &Path) -> Process {
    let name = &topology.control_plane.name;
    let file = dir.join(format!("{name}.json"));
    std::fs::write(&file, serde_json::to_vec(topology).unwrap()).unwrap();
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args([
            "--exact",
            "a_control_plane_of_its_own",
            "--ignored",
            "--nocapture",
        ])
        .env(TOPOLOGY, &file);
    Process::start(command, &dir.join(format!("{name}.log")))
}

#[tokio::test]
#[ignore = "is started as a process of its own by the tests below"]
async fn a_control_plane_of_its_own() {
    let Ok(file) = std::env::var(TOPOLOGY) else { return };
    let topology: Topology = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let plane = Plane::start(topology).await;
    plane.in_office().await;
    plane.begin(drain(US)).await.unwrap();
    std::future::pending::<()>().await;
}

/// Waits until the child's drain is at its second weight, and gives the operation's id.
async fn half_drained(watcher: &Plane) -> String {
    let mut found = None;
    eventually("the drain is half done", PATIENCE, async || {
        let all = watcher.coordinated.mirror.read().await.unwrap_or_default();
        found = all.into_iter().find_map(|(id, events)| {
            let second = |m: &Mirrored| matches!(m.event, Event::Intent { step: 2, .. });
            events.iter().any(second).then_some(id)
        });
        found.is_some()
    })
    .await;
    found.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_control_plane_is_followed_by_another() {
    let dir = tempfile::tempdir().unwrap();
    let (etcd, balancer) = (
        Etcd::start(dir.path()).await,
        LoadBalancer::start(dir.path()).await,
    );
    let of = |name: &str| with_balancer(topology(name, dir.path(), &etcd), &balancer);
    let first = child(&of("a"), dir.path());
    let client = Client::new(std::slice::from_ref(&etcd.url)).unwrap();
    let leader = Keys::new("test").leader();
    eventually("the child holds the seat", PATIENCE, async || {
        !client.list(&leader).await.unwrap().is_empty()
    })
    .await;
    let second = Plane::start(of("b")).await;
    let id = half_drained(&second).await;
    signal(first.pid(), "KILL");
    let killed = Instant::now();
    eventually("it is adopted", PATIENCE, async || {
        second.operations.get(&id).is_some()
    })
    .await;
    println!("adopted {:.1} s after kill -9", killed.elapsed().as_secs_f64());
    let ended = lab::world::ended(&second.operations, &id).await;
    assert_eq!(ended.state, OperationState::Done, "{ended:#?}");
    assert!(ended.times.contains_key("adopted"));
    assert!(second.operations.drains().contains_key(&region(US)));
    let journal = Journal::open_read_only(&dir.path().join("b")).await.unwrap();
    journal.verify().await.unwrap();
    let entries = journal.entries_of(&id).await.unwrap();
    assert_eq!(entries[0].kind, "adopted start");
    assert!(entries[0].body.contains(r#""from":"a""#), "{}", entries[0].body);
    // The plan that was carried out is not carried out again, whoever sends it.
    let replayed = second
        .operations
        .execute(&id, &ended.plan.hash, US, "ann", "test")
        .await;
    assert!(replayed.unwrap_err().to_string().contains("carried out already"));
    let restored = second
        .begin(Target::Restore { region: region(US) })
        .await
        .unwrap();
    lab::world::ended(&second.operations, &restored.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_is_thawed_when_another_has_finished_its_work_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let (etcd, balancer) = (
        Etcd::start(dir.path()).await,
        LoadBalancer::start(dir.path()).await,
    );
    let of = |name: &str| with_balancer(topology(name, dir.path(), &etcd), &balancer);
    let client = Client::new(std::slice::from_ref(&etcd.url)).unwrap();
    let leader = Keys::new("test").leader();
    let third = child(&of("c"), dir.path());
    eventually("the child holds it", PATIENCE, async || {
        let pairs = client.list(&leader).await.unwrap();
        pairs.iter().any(|p| p.value.contains(r#""name":"c""#))
    })
    .await;
    let fourth = Plane::start(of("d")).await;
    eventually("it drains", PATIENCE, async || {
        let all = fourth.coordinated.mirror.read().await.unwrap();
        all.values().any(|events| {
            events
                .iter()
                .any(|m| m.by == "c" && matches!(m.event, Event::Intent { step: 2, .. }))
        })
    })
    .await;
    signal(third.pid(), "STOP");
    eventually("it is adopted", PATIENCE, async || {
        !fourth.operations.list().is_empty() && fourth.holds()
    })
    .await;
    eventually("it is ended", PATIENCE, async || {
        fourth
            .operations
            .list()
            .iter()
            .all(|o| o.state == OperationState::Done)
    })
    .await;
    let restored = fourth
        .begin(Target::Restore { region: region(US) })
        .await
        .unwrap();
    let restored = lab::world::ended(&fourth.operations, &restored.id).await;
    assert_eq!(restored.state, OperationState::Done, "{restored:#?}");
    signal(third.pid(), "CONT");
    eventually("it stands by", PATIENCE, async || {
        fourth
            .operations
            .coordination()
            .standbys
            .contains(&"c".to_owned())
    })
    .await;
    // Its journal may get the event that was mirrored when it froze, and nothing that another one would not find.
    let mirrored = fourth.coordinated.mirror.read().await.unwrap();
    for (id, events) in &mirrored {
        let by_d = events.iter().skip_while(|m| m.by != "d");
        assert!(
            by_d.clone().all(|m| m.by == "d"),
            "{id}: it wrote behind its successor"
        );
    }
    let journal = Journal::open_read_only(&dir.path().join("c")).await.unwrap();
    for entry in journal.entries().await.unwrap() {
        let (_, event) = Event::of(&entry).unwrap().unwrapped(entry.at);
        let there = mirrored
            .get(&entry.operation)
            .is_some_and(|all| all.iter().any(|m| m.event == event));
        assert!(there, "only it knows of {} {}", entry.kind, entry.body);
    }
    let plan = fourth
        .operations
        .plan(request(drain(US), None), "ann")
        .await
        .unwrap();
    let weight = plan.facts.iter().find(|f| f.name == "us-east-1 weight").unwrap();
    assert_eq!(weight.value, "100 %", "it changed nothing");
    signal(third.pid(), "KILL");
}
