//! The gRPC service, in process, spoken to with the client that consoles use.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod servers;

use aisoc_control_plane::alerts::Alerts;
use aisoc_control_plane::coordination::keys::Member;
use aisoc_control_plane::operations::Operations;
use aisoc_control_plane::runbooks::Books;
use aisoc_control_plane::server::{self, Parts, Role, auth::Tokens};
use aisoc_control_plane::world::Frames;
use aisoc_control_plane::world::recording::{Limits, Recorder, Shelf};
use aisoc_model::plan::{PlanRequest, Target};
use aisoc_model::slo::Slo;
use aisoc_model::topology::{EnvironmentKind, Topology};
use aisoc_model::world::{Head, Source, World};
use aisoc_model::{Clock, SystemClock};
use aisoc_rpc::client::{Client, Update};
use aisoc_rpc::error::RpcError;
use aisoc_rpc::proto::regions_client::RegionsClient;
use aisoc_rpc::proto::{WatchRequest, frame::Content};
use aisoc_rpc::recording::{About, Tape};
use futures::StreamExt;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

struct Service {
    address: String,
    frames: Frames,
    alerts: Arc<Alerts>,
    shelf: Arc<Shelf>,
    shutdown: CancellationToken,
    task: tokio::task::JoinHandle<anyhow::Result<()>>,
    _dir: TempDir,
}

fn topology(dir: &TempDir) -> Topology {
    Topology::parse(&format!(
        r#"
        environment = {{ name = "test", kind = "local", speed_up = 1.0 }}
        load_balancer = {{ kind = "haproxy", haproxy_socket = "/nonexistent", backend = "api", full_weight = 100, url = "http://127.0.0.1:1" }}
        [control_plane]
        name = "cp-test"
        listen = "127.0.0.1:0"
        otlp_listen = "127.0.0.1:0"
        data_dir = "{dir}"
        tokens_file = "/nonexistent"
        observe_interval_ms = 1000
        [[databases]]
        name = "main"
        scope = "s"
        database = "d"
        user = "u"
        password = "p"
        patroni_user = "u"
        patroni_password = "p"
        [[regions]]
        id = "us-east-1"
        role = "primary"
        location = "here"
        api = []
        redis = "127.0.0.1:1"
        bus_url = "http://127.0.0.1:1"
        release = "r"
        [[databases.members]]
        region = "us-east-1"
        patroni_url = "http://127.0.0.1:1"
        member = "us-east-1"
        postgres = "127.0.0.1:1"
        "#,
        dir = dir.path().display()
    ))
    .unwrap()
}

async fn service() -> Service {
    service_as("cp-test", Role::always_here()).await
}

async fn service_as(name: &str, role: watch::Receiver<Role>) -> Service {
    let dir = tempfile::tempdir().unwrap();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let frames = Frames::new(Head {
        seq: 0,
        at: clock.now(),
        environment: "test".into(),
        environment_kind: EnvironmentKind::Local,
        control_plane: name.into(),
        version: "0.1.0".into(),
        started_at: clock.now(),
        coordination: aisoc_model::world::Coordination::default(),
    });
    let operations = Operations::open(
        Arc::new(topology(&dir)),
        Arc::new(Slo::builtin().unwrap()),
        Arc::new(frames.clone()),
        clock.clone(),
    )
    .await
    .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let alerts = Arc::new(Alerts::default());
    let limits = Limits {
        age_ms: 3_600_000,
        bytes: 1024 * 1024,
    };
    let shelf = Arc::new(Shelf::open(dir.path().join("recording"), limits).unwrap());
    let parts = Parts {
        frames: frames.clone(),
        operations,
        alerts: alerts.clone(),
        books: Arc::new(Books::open(Arc::new(Slo::builtin().unwrap())).unwrap()),
        clock,
        role,
        shelf: shelf.clone(),
        right: None,
    };
    let tokens = Tokens::parse("op-token operator ann\nview-token viewer wall\n").unwrap();
    let shutdown = CancellationToken::new();
    let task = tokio::spawn(server::serve(parts, tokens, listener, shutdown.clone()));
    Service {
        address,
        frames,
        alerts,
        shelf,
        shutdown,
        task,
        _dir: dir,
    }
}

/// A frame of about 20 kB that differs from every other.
fn publish(frames: &Frames, step: u32) {
    let mut world = (*frames.latest()).clone();
    for n in 0..100 {
        let source = Source {
            last_success: None,
            problem: Some("x".repeat(150)),
            failures: step,
            lost_after_ms: 1,
        };
        world.sources.insert(format!("source-{n}"), source);
    }
    world.head.at = Timestamp::now();
    frames.publish(world);
}

#[tokio::test]
async fn tokens_decide_who_may_do_what() {
    let service = service().await;
    let mut nobody = Client::connect(&service.address, "guess").await.unwrap();
    assert!(matches!(
        nobody.who_am_i().await.unwrap_err(),
        RpcError::Unauthenticated(_)
    ));
    assert!(matches!(
        nobody.watch().await.err().unwrap(),
        RpcError::Unauthenticated(_)
    ));
    let mut bare = RegionsClient::connect(service.address.clone()).await.unwrap();
    let status = bare.watch(WatchRequest {}).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::Unauthenticated);

    let mut viewer = Client::connect(&service.address, "view-token").await.unwrap();
    let me = viewer.who_am_i().await.unwrap();
    assert_eq!(
        (me.name.as_str(), me.role.as_str(), me.control_plane.as_str()),
        ("wall", "viewer", "cp-test")
    );
    for refused in [
        viewer.acknowledge("X:*").await.unwrap_err(),
        viewer
            .resolve("1", aisoc_rpc::proto::resolve_request::Decision::Abort)
            .await
            .unwrap_err(),
    ] {
        assert!(
            matches!(&refused, RpcError::Forbidden(text) if text.contains("wall")),
            "{refused}"
        );
    }
    assert!(matches!(
        viewer.operation("none").await.unwrap_err(),
        RpcError::NotFound(_)
    ));
    let wanted = PlanRequest {
        target: Target::Restore {
            region: "mars-1".parse().unwrap(),
        },
        reason: "test".into(),
        overrides: vec![],
        break_glass: None,
    };
    let unknown = viewer.plan(&wanted).await.unwrap_err();
    assert!(
        matches!(&unknown, RpcError::Invalid(text) if text.contains("mars-1")),
        "{unknown}"
    );

    let mut operator = Client::connect(&service.address, "op-token").await.unwrap();
    assert!(matches!(
        operator.acknowledge("X:*").await.unwrap_err(),
        RpcError::NotFound(_)
    ));
}

#[tokio::test]
async fn a_runbook_is_written_on_the_present_frame_for_whoever_may_look() {
    let service = service().await;
    let mut viewer = Client::connect(&service.address, "view-token").await.unwrap();
    let runbook = viewer.runbook("RB-003", None).await.unwrap();
    assert_eq!((runbook.summary.id.as_str(), &runbook.region), ("RB-003", &None));
    assert_eq!(runbook.drawn_at, Some(service.frames.latest().head.at));
    assert!(runbook.markdown.contains("the frame has no region yet"));
    let mars = "mars-1".parse().unwrap();
    for unknown in [
        viewer.runbook("RB-099", None).await.unwrap_err(),
        viewer.runbook("RB-003", Some(&mars)).await.unwrap_err(),
    ] {
        assert!(matches!(unknown, RpcError::NotFound(_)), "{unknown}");
    }
}

#[tokio::test]
async fn an_acknowledgement_reaches_the_next_frame() {
    let service = service().await;
    let slo = Slo::builtin().unwrap();
    let mut world: World = (*service.frames.latest()).clone();
    world.sources.insert(
        "haproxy".into(),
        Source {
            last_success: None,
            problem: None,
            failures: 9,
            lost_after_ms: 0,
        },
    );
    let judge = |world: &mut World, seconds: i64| {
        world.head.at = service.frames.latest().head.started_at + jiff::SignedDuration::from_secs(seconds);
        service.alerts.judge(world, &slo);
    };
    judge(&mut world, 1);
    judge(&mut world, 40);
    let key = "AiSOCObservationLost:*:haproxy";
    assert!(world.alerts.contains_key(key), "{:?}", world.alerts.keys());
    let mut operator = Client::connect(&service.address, "op-token").await.unwrap();
    operator.acknowledge(key).await.unwrap();
    judge(&mut world, 41);
    assert_eq!(world.alerts[key].acknowledged.as_ref().unwrap().by, "ann");
}

#[tokio::test]
async fn snapshot_deltas_heartbeats_and_the_end() {
    let service = service().await;
    let mut client = Client::connect(&service.address, "view-token").await.unwrap();
    let mut stream = Box::pin(client.watch().await.unwrap());
    let Update::Snapshot(snapshot) = stream.next().await.unwrap().unwrap() else {
        panic!("a snapshot comes first");
    };
    let mut world = *snapshot;
    for step in 1..=5 {
        publish(&service.frames, step);
        loop {
            match stream.next().await.unwrap().unwrap() {
                Update::Delta(delta, left_out) => {
                    assert_eq!(left_out, 0);
                    world.apply(*delta).unwrap();
                    break;
                }
                Update::Heartbeat(_) => {}
                Update::Snapshot(_) => panic!("one snapshot is enough"),
            }
        }
        assert_eq!(world, *service.frames.latest());
    }
    let beat = tokio::time::timeout(Duration::from_secs(3), stream.next())
        .await
        .unwrap();
    assert!(matches!(beat.unwrap().unwrap(), Update::Heartbeat(_)));
    service.shutdown.cancel();
    let rest = tokio::time::timeout(Duration::from_secs(5), stream.count()).await;
    assert!(rest.is_ok(), "the stream goes on after shutdown");
    tokio::time::timeout(Duration::from_secs(5), service.task)
        .await
        .unwrap()
        .unwrap()
        .unwrap();
}

/// A control plane that stands by asks the one that may act, as the caller; without one it says so.
#[tokio::test]
async fn a_standby_passes_everything_on() {
    let holder = service().await;
    let member = |address: &str| Member {
        name: "cp-test".into(),
        consoles: address.to_owned(),
        otlp: String::new(),
    };
    let nobody = Role::Nobody("the last one was killed".into());
    let (role, following) = watch::channel(nobody.clone());
    let standby = service_as("cp-standby", following).await;
    let mut operator = Client::connect(&standby.address, "op-token").await.unwrap();
    let refused = operator.who_am_i().await.unwrap_err();
    assert!(
        matches!(&refused, RpcError::Unreachable { why, .. } if why.contains("was killed")),
        "{refused}"
    );

    role.send_replace(Role::There(member(&holder.address)));
    let me = operator.who_am_i().await.unwrap();
    assert_eq!((me.name.as_str(), me.control_plane.as_str()), ("ann", "cp-test"));
    let mut viewer = Client::connect(&standby.address, "view-token").await.unwrap();
    assert!(matches!(
        viewer.acknowledge("X:*").await.unwrap_err(),
        RpcError::Forbidden(_)
    ));
    let mut nobody_known = Client::connect(&standby.address, "guess").await.unwrap();
    assert!(matches!(
        nobody_known.who_am_i().await.unwrap_err(),
        RpcError::Unauthenticated(_)
    ));
    assert!(matches!(
        operator.approve("none", "0").await.unwrap_err(),
        RpcError::NotFound(_)
    ));
    let mut stream = Box::pin(viewer.watch().await.unwrap());
    assert!(matches!(
        stream.next().await.unwrap().unwrap(),
        Update::Snapshot(_)
    ));
    publish(&holder.frames, 1);
    loop {
        match stream.next().await.unwrap().unwrap() {
            Update::Delta(..) => break,
            Update::Heartbeat(_) => {}
            Update::Snapshot(_) => panic!("one snapshot is enough"),
        }
    }
    // Another holder: the stream ends, and a console begins again.
    role.send_replace(nobody);
    let rest = tokio::time::timeout(Duration::from_secs(30), stream.count()).await;
    assert!(rest.is_ok(), "the stream goes on although nobody may act");

    // Two that each believe the other may act do not send a request round for ever.
    let (_first, to_second) = watch::channel(Role::There(member(&standby.address)));
    let other = service_as("cp-other", to_second).await;
    role.send_replace(Role::There(member(&other.address)));
    let round = operator.who_am_i().await.unwrap_err();
    assert!(matches!(&round, RpcError::Unreachable { .. }), "{round}");
}

/// A console that stops reading costs the control plane one remembered frame, and finds its way back in few,
/// coalesced deltas.
#[tokio::test]
async fn a_slow_console_gets_coalesced_deltas() {
    let service = service().await;
    let channel = tonic::transport::Endpoint::from_shared(service.address.clone())
        .unwrap()
        .initial_stream_window_size(64 * 1024)
        .initial_connection_window_size(64 * 1024)
        .connect()
        .await
        .unwrap();
    let mut client = RegionsClient::with_interceptor(channel, |mut request: tonic::Request<()>| {
        request
            .metadata_mut()
            .insert("authorization", "Bearer view-token".parse().unwrap());
        Ok(request)
    });
    let mut stream = client.watch(WatchRequest {}).await.unwrap().into_inner();
    let Some(Content::Snapshot(bytes)) = stream.message().await.unwrap().unwrap().content else {
        panic!("a snapshot comes first");
    };
    let mut world: World = serde_json::from_slice(&bytes).unwrap();
    // 400 frames of 20 kB against a window of 64 kB, and nobody reads.
    for step in 1..=400 {
        publish(&service.frames, step);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let (mut received, mut left_out) = (0_u64, 0_u64);
    while world.head.seq < 400 {
        let frame = stream.message().await.unwrap().unwrap();
        left_out += u64::from(frame.coalesced);
        match frame.content {
            Some(Content::Delta(bytes)) => {
                received += 1;
                world.apply(serde_json::from_slice(&bytes).unwrap()).unwrap();
            }
            Some(Content::Heartbeat(_)) => {}
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received + left_out, 400);
    assert!(
        received < 100,
        "{received} deltas were queued for a console that did not read"
    );
    assert_eq!(world, *service.frames.latest());
}

/// Waits until something has been recorded after a moment.
async fn recorded_until(shelf: &Shelf, at: i64) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while shelf.segments().iter().all(|segment| segment.to < at) {
        assert!(tokio::time::Instant::now() < deadline, "nothing is recorded");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// What was shown is fetched again, also through a control plane that stands by, and not without a token.
#[tokio::test]
async fn what_was_shown_can_be_fetched_afterwards() {
    let service = service().await;
    let term = CancellationToken::new();
    let recorder = Recorder {
        shelf: service.shelf.clone(),
        about: About {
            control_plane: "cp-test".into(),
            version: "0".into(),
            left_out: vec![],
        },
        clock: Arc::new(SystemClock),
    };
    let regions = serde_json::from_str::<World>(include_str!("../../../assets/screens/world.json"))
        .unwrap()
        .regions;
    let recording = tokio::spawn(recorder.run(service.frames.follow(), term.clone()));
    tokio::task::yield_now().await;
    let mut shown = Vec::new();
    for step in 0..5 {
        let mut world = (*service.frames.latest()).clone();
        world.regions = regions.clone();
        service.frames.publish(world);
        publish(&service.frames, step);
        let latest = service.frames.latest();
        recorded_until(&service.shelf, latest.head.at.as_millisecond()).await;
        shown.push((*latest).clone());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let holder = Member {
        name: "cp-test".into(),
        consoles: service.address.clone(),
        otlp: String::new(),
    };
    let (_role, standing_by) = watch::channel(Role::There(holder));
    let standby = service_as("cp-standby", standing_by).await;
    for address in [&service.address, &standby.address] {
        let mut client = Client::connect(address, "view-token").await.unwrap();
        let reply = client.recordings().await.unwrap();
        let [span] = reply.spans.as_slice() else {
            panic!("one span: {reply:?}");
        };
        assert_eq!(span.control_plane, "cp-test");
        assert_eq!(span.to_ms, shown[4].head.at.as_millisecond());
        let pieces = client.recording(span.from_ms, span.to_ms).await.unwrap();
        let bytes: Vec<Vec<u8>> = pieces.map(Result::unwrap).collect().await;
        let mut tape = Tape::read(bytes.concat()).unwrap();
        for world in &shown {
            let index = tape.index(world.head.at.as_millisecond());
            assert_eq!(*tape.world(index).unwrap(), *world);
        }
        let error = client.recording(0, 1_000).await.err().unwrap();
        assert!(matches!(error, RpcError::NotFound(_)), "{error}");
        let mut nobody = Client::connect(address, "guess").await.unwrap();
        let error = nobody.recordings().await.unwrap_err();
        assert!(matches!(error, RpcError::Unauthenticated(_)), "{error}");
    }
    term.cancel();
    recording.await.unwrap();
}
