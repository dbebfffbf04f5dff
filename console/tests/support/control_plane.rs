//! A control plane that speaks the real protocol and shows a world by hand.

use crate::fixture::operations;
use aisoc_model::operation::{Operation, OperationState, StepProgress, StepState};
use aisoc_model::plan::{Plan, PlanRequest, Standing};
use aisoc_model::world::World;
use aisoc_rpc::proto::frame::Content;
use aisoc_rpc::proto::regions_server::{Regions, RegionsServer};
use aisoc_rpc::recording::Tape;
use aisoc_rpc::{json, proto};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};
use tokio_stream::Stream;
use tokio_stream::wrappers::{ReceiverStream, TcpListenerStream};
use tonic::{Request, Response, Status};

type Pieces = Pin<Box<dyn Stream<Item = Result<proto::RecordingPiece, Status>> + Send>>;
type Frames = Pin<Box<dyn Stream<Item = Result<proto::Frame, Status>> + Send>>;

#[derive(Default)]
struct Seen {
    watchers: AtomicU64,
    beats: AtomicU64,
    frames: AtomicU64,
    changing: AtomicBool,
    executed: Mutex<Vec<String>>,
    plans: Mutex<Vec<Plan>>,
    recording: Mutex<Vec<u8>>,
}

/// The control plane.
pub struct ControlPlane {
    pub address: String,
    world: Arc<Mutex<World>>,
    seen: Arc<Seen>,
    runtime: tokio::runtime::Runtime,
    stop: Mutex<Option<oneshot::Sender<()>>>,
}

impl ControlPlane {
    pub fn start(world: World) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let plane = Self {
            address,
            world: Arc::new(Mutex::new(at_now(world))),
            seen: Arc::default(),
            runtime,
            stop: Mutex::new(None),
        };
        plane.serve(listener);
        plane
    }

    fn serve(&self, listener: std::net::TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let service = Service {
            world: Arc::clone(&self.world),
            seen: Arc::clone(&self.seen),
        };
        self.runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let server = tonic::transport::Server::builder()
                .add_service(RegionsServer::new(service))
                .serve_with_incoming(TcpListenerStream::new(listener));
            tokio::select! {
                _ = server => {}
                _ = stopped => {}
            }
        });
        *self.stop.lock().unwrap() = Some(stop);
    }

    /// Ends every connection and listens no more.
    pub fn hang_up(&self) {
        self.seen.changing.store(false, Ordering::SeqCst);
        self.seen.watchers.store(u64::MAX / 2, Ordering::SeqCst);
        drop(self.stop.lock().unwrap().take());
    }

    pub fn listen_again(&self) {
        self.seen.watchers.store(0, Ordering::SeqCst);
        let seen_now = at_now(self.world.lock().unwrap().clone());
        *self.world.lock().unwrap() = seen_now;
        let address = self.address.trim_start_matches("http://");
        let deadline = Instant::now() + Duration::from_secs(10);
        let listener = loop {
            match std::net::TcpListener::bind(address) {
                Ok(listener) => break listener,
                Err(error) => assert!(Instant::now() < deadline, "{error}"),
            }
        };
        self.serve(listener);
    }

    pub fn change_every_second(&self) {
        self.seen.changing.store(true, Ordering::SeqCst);
    }

    /// Ends [`ControlPlane::change_every_second`].
    pub fn stay_as_is(&self) {
        self.seen.changing.store(false, Ordering::SeqCst);
    }

    /// Something happens in the world.
    pub fn happens(&self, what: impl FnOnce(&mut World)) {
        let mut world = self.world.lock().unwrap();
        what(&mut world);
        world.head.seq += 1;
        world.head.at = Timestamp::now();
    }

    /// Something was recorded: the bytes of a file.
    pub fn has_recorded(&self, recording: Vec<u8>) {
        *self.seen.recording.lock().unwrap() = recording;
    }

    pub fn executed(&self) -> Vec<String> {
        self.seen.executed.lock().unwrap().clone()
    }

    pub fn wait_watched(&self) {
        wait("a console watches", || {
            self.seen.watchers.load(Ordering::SeqCst) > 0
        });
    }

    pub fn wait_beats(&self, more: u64) {
        let wanted = self.seen.beats.load(Ordering::SeqCst) + more;
        wait("heartbeats", || self.seen.beats.load(Ordering::SeqCst) >= wanted);
    }

    pub fn wait_frames(&self, more: u64) {
        let wanted = self.seen.frames.load(Ordering::SeqCst) + more;
        wait("frames", || self.seen.frames.load(Ordering::SeqCst) >= wanted);
    }
}

fn wait(what: &str, good: impl Fn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !good() {
        assert!(Instant::now() < deadline, "waited for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The world as if it had been observed now, and stayed fresh.
fn at_now(mut world: World) -> World {
    let now = Timestamp::now();
    let shift = now.duration_since(world.head.at);
    world.head.at = now;
    let old = |at: &mut Option<Timestamp>| *at = at.map(|at| at + shift);
    for region in world.regions.values_mut() {
        for probe in &mut region.api {
            old(&mut probe.health.observed_at);
            probe.health.stale_after_ms = 600_000;
        }
        old(&mut region.traffic.observed_at);
        region.traffic.stale_after_ms = 600_000;
        for member in region.postgres.values_mut() {
            old(&mut member.observed_at);
        }
        for member in region.postgres.values_mut() {
            member.stale_after_ms = 600_000;
        }
        old(&mut region.redis.observed_at);
        region.redis.stale_after_ms = 600_000;
        old(&mut region.bus.observed_at);
        region.bus.stale_after_ms = 600_000;
    }
    for link in world.links.values_mut() {
        old(&mut link.lag_seconds.observed_at);
        link.lag_seconds.stale_after_ms = 600_000;
        old(&mut link.lag_amount.observed_at);
        link.lag_amount.stale_after_ms = 600_000;
    }
    for reading in world.slis.values_mut() {
        old(&mut reading.value.observed_at);
        reading.value.stale_after_ms = 600_000;
    }
    world.operations.clear();
    world.alerts.values_mut().for_each(|alert| {
        alert.since = alert.since + shift - jiff::SignedDuration::from_hours(3);
        alert.fired_at = Some(alert.since);
    });
    for process in world.processes.values_mut() {
        process.started_at = process
            .started_at
            .map(|at| at + shift - jiff::SignedDuration::from_hours(3));
    }
    world
}

struct Service {
    world: Arc<Mutex<World>>,
    seen: Arc<Seen>,
}

fn authorised<T>(request: &Request<T>) -> Result<(), Status> {
    let token = request
        .metadata()
        .get("authorization")
        .and_then(|value| value.to_str().ok());
    if matches!(token, Some("Bearer good" | "Bearer look")) {
        Ok(())
    } else {
        Err(Status::unauthenticated("unknown token"))
    }
}

#[tonic::async_trait]
impl Regions for Service {
    type WatchStream = Frames;

    async fn who_am_i(
        &self,
        request: Request<proto::WhoAmIRequest>,
    ) -> Result<Response<proto::Identity>, Status> {
        authorised(&request)?;
        let looks = request
            .metadata()
            .get("authorization")
            .is_some_and(|token| token == "Bearer look");
        let (name, role) = if looks {
            ("wall", "viewer")
        } else {
            ("sre", "operator")
        };
        Ok(Response::new(proto::Identity {
            name: name.to_owned(),
            role: role.to_owned(),
            control_plane: "control-1".to_owned(),
            version: "0".to_owned(),
        }))
    }

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        authorised(&request)?;
        let (sender, receiver) = mpsc::channel(4);
        let (world, seen) = (Arc::clone(&self.world), Arc::clone(&self.seen));
        seen.watchers.fetch_add(1, Ordering::SeqCst);
        tokio::spawn(async move {
            let mut shown = world.lock().unwrap().clone();
            let frame = |content| {
                Ok(proto::Frame {
                    content: Some(content),
                    coalesced: 0,
                })
            };
            let snapshot = json::encode("world", &shown).unwrap();
            if sender.send(frame(Content::Snapshot(snapshot))).await.is_err() {
                return;
            }
            let mut time = tokio::time::interval(Duration::from_secs(1));
            loop {
                time.tick().await;
                if seen.watchers.load(Ordering::SeqCst) > u64::MAX / 4 {
                    return;
                }
                if seen.changing.load(Ordering::SeqCst) {
                    change(&mut world.lock().unwrap());
                }
                let next = world.lock().unwrap().clone();
                let content = if next == shown {
                    let beat = proto::Heartbeat {
                        seq: shown.head.seq,
                        at_ms: shown.head.at.as_millisecond(),
                    };
                    Content::Heartbeat(beat)
                } else {
                    Content::Delta(json::encode("delta", &shown.delta_to(&next)).unwrap())
                };
                let beat = matches!(content, Content::Heartbeat(_));
                shown = next;
                if sender.send(frame(content)).await.is_err() {
                    return;
                }
                if beat { &seen.beats } else { &seen.frames }.fetch_add(1, Ordering::SeqCst);
            }
        });
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }

    async fn plan(&self, request: Request<proto::PlanRequest>) -> Result<Response<proto::PlanReply>, Status> {
        authorised(&request)?;
        let wanted: PlanRequest = json::decode("plan request", &request.into_inner().request).unwrap();
        let mut plan = operations::plan(wanted.target, &wanted.reason);
        plan.expires_at = Timestamp::now() + jiff::SignedDuration::from_secs(120);
        let plan = plan.sealed();
        self.seen.plans.lock().unwrap().push(plan.clone());
        Ok(Response::new(proto::PlanReply {
            plan: json::encode("plan", &plan).unwrap(),
        }))
    }

    async fn standing(
        &self,
        request: Request<proto::StandingRequest>,
    ) -> Result<Response<proto::StandingReply>, Status> {
        authorised(&request)?;
        let id = request.into_inner().plan_id;
        let plans = self.seen.plans.lock().unwrap().clone();
        let plan = plans.into_iter().find(|plan| plan.id == id);
        let plan = plan.ok_or_else(|| Status::not_found("no such plan"))?;
        let standing = Standing {
            plan: id,
            at: Timestamp::now(),
            gates: plan.gates,
            moved: vec![],
            preparing: None,
        };
        Ok(Response::new(proto::StandingReply {
            standing: json::encode("standing", &standing).unwrap(),
        }))
    }

    async fn execute(
        &self,
        request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteReply>, Status> {
        authorised(&request)?;
        let request = request.into_inner();
        let plans = self.seen.plans.lock().unwrap().clone();
        let plan = plans.into_iter().find(|plan| plan.hash == request.plan_hash);
        let plan = plan.ok_or_else(|| Status::failed_precondition("no such plan"))?;
        self.seen.executed.lock().unwrap().push(request.confirmation);
        let operation = Operation {
            id: plan.id.clone(),
            state: OperationState::Running,
            started_by: "sre".to_owned(),
            started_at: Timestamp::now(),
            ended_at: None,
            steps: plan
                .steps
                .iter()
                .map(|step| StepProgress {
                    id: step.id.clone(),
                    state: StepState::Running,
                    started_at: None,
                    ended_at: None,
                    detail: None,
                })
                .collect(),
            outcome: None,
            times: BTreeMap::new(),
            figures: BTreeMap::new(),
            tokens: BTreeMap::new(),
            offers: Vec::new(),
            plan,
        };
        let mut world = self.world.lock().unwrap();
        world.head.seq += 1;
        world.operations.insert(operation.id.clone(), operation.clone());
        Ok(Response::new(proto::ExecuteReply {
            operation: json::encode("operation", &operation).unwrap(),
        }))
    }

    async fn get_plan(
        &self,
        _: Request<proto::GetPlanRequest>,
    ) -> Result<Response<proto::PlanReply>, Status> {
        Err(Status::not_found("none"))
    }

    async fn approve(
        &self,
        _: Request<proto::ApproveRequest>,
    ) -> Result<Response<proto::ApproveReply>, Status> {
        Err(Status::not_found("none"))
    }

    async fn get_operation(
        &self,
        _: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::OperationReply>, Status> {
        Err(Status::not_found("none"))
    }

    async fn get_record(
        &self,
        _: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::RecordReply>, Status> {
        Err(Status::not_found("none"))
    }

    async fn list_operations(
        &self,
        request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsReply>, Status> {
        authorised(&request)?;
        let world = self.world.lock().unwrap();
        let all: Vec<&Operation> = world.operations.values().rev().collect();
        Ok(Response::new(proto::ListOperationsReply {
            operations: json::encode("operations", &all).unwrap(),
            more: false,
        }))
    }

    async fn runbook(
        &self,
        request: Request<proto::RunbookRequest>,
    ) -> Result<Response<proto::RunbookReply>, Status> {
        authorised(&request)?;
        let wanted = request.into_inner();
        let slo = aisoc_model::slo::Slo::builtin().unwrap();
        let world = self.world.lock().unwrap();
        let region = wanted.region.parse().ok();
        let scene = aisoc_runbooks::Scene::of(&slo, &world, region.as_ref());
        let runbook = aisoc_runbooks::Library::builtin()
            .unwrap()
            .render(&wanted.id, &scene)
            .map_err(|e| Status::not_found(e.to_string()))?;
        Ok(Response::new(proto::RunbookReply {
            runbook: json::encode("runbook", &runbook).unwrap(),
        }))
    }

    async fn resolve(
        &self,
        _: Request<proto::ResolveRequest>,
    ) -> Result<Response<proto::OperationReply>, Status> {
        Err(Status::not_found("none"))
    }

    async fn acknowledge(
        &self,
        _: Request<proto::AcknowledgeRequest>,
    ) -> Result<Response<proto::AcknowledgeReply>, Status> {
        Ok(Response::new(proto::AcknowledgeReply {}))
    }

    async fn list_recordings(
        &self,
        request: Request<proto::ListRecordingsRequest>,
    ) -> Result<Response<proto::ListRecordingsReply>, Status> {
        authorised(&request)?;
        let recording = self.seen.recording.lock().unwrap().clone();
        let mut reply = proto::ListRecordingsReply::default();
        if !recording.is_empty() {
            let bytes = recording.len() as u64;
            let (from_ms, to_ms) = Tape::read(recording).unwrap().span();
            reply.spans.push(proto::RecordedSpan {
                control_plane: "control-1".to_owned(),
                from_ms,
                to_ms,
                bytes,
            });
        }
        Ok(Response::new(reply))
    }

    type FetchRecordingStream = Pieces;

    async fn fetch_recording(
        &self,
        request: Request<proto::FetchRecordingRequest>,
    ) -> Result<Response<Self::FetchRecordingStream>, Status> {
        authorised(&request)?;
        let recording = self.seen.recording.lock().unwrap().clone();
        let pieces: Vec<_> = recording
            .chunks(1_000)
            .map(|bytes| {
                Ok(proto::RecordingPiece {
                    bytes: bytes.to_vec(),
                })
            })
            .collect();
        Ok(Response::new(Box::pin(tokio_stream::iter(pieces))))
    }
}

/// One second of a living world: everything was observed again, every twentieth value moved.
fn change(world: &mut World) {
    let now = Timestamp::now();
    world.head.seq += 1;
    world.head.at = now;
    let step = 1.0 + f64::from(u32::try_from(world.head.seq % 5).unwrap()) / 20.0;
    for region in world.regions.values_mut() {
        region.traffic.observed_at = Some(now);
        for member in region.postgres.values_mut() {
            member.observed_at = Some(now);
        }
        if let Some(traffic) = &mut region.traffic.value {
            traffic.requests_per_second = Some(20.0 * step);
        }
    }
    for link in world.links.values_mut() {
        link.lag_seconds.observed_at = Some(now);
    }
    for (index, reading) in world.slis.values_mut().enumerate() {
        reading.value.observed_at = Some(now);
        if index % 6 == 0 {
            reading.value.value = reading.value.value.map(|_| 0.05 * step);
        }
    }
}
