//! The gRPC service.

use super::auth::{self, Tokens};
use super::encoded::Encoded;
use super::recordings::{self, Pieces};
use super::relay::{Front, ORIGIN, RELAYED_BY, Role};
use super::watch::{Watcher, frames};
use crate::alerts::Alerts;
use crate::coordination::Right;
use crate::operations::{OperationError, Operations, Resolution};
use crate::runbooks::Books;
use crate::world::Frames;
use crate::world::recording::Shelf;
use aisoc_model::Clock;
use aisoc_model::record::Recorded;
use aisoc_model::text::sanitize;
use aisoc_rpc::json;
use aisoc_rpc::proto;
use aisoc_rpc::proto::regions_server::{Regions, RegionsServer};
use anyhow::Context;
use futures::stream::BoxStream;
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

/// Consoles that may watch at the same time.
const MAX_WATCHERS: usize = 256;
/// Recordings that may be fetched at the same time: each reads the disk.
const MAX_FETCHES: usize = 8;
/// Largest request: a plan request with many overrides is a few kB.
const MAX_REQUEST: usize = 256 * 1024;
/// Calls of one console that are worked on at a time; its stream is one of them.
const MAX_CONCURRENT: usize = 16;

/// What the service speaks for.
#[derive(Clone)]
pub struct Parts {
    /// Frames to show.
    pub frames: Frames,
    /// Where operations are planned and carried out.
    pub operations: Operations,
    /// Where alerts are acknowledged.
    pub alerts: Arc<Alerts>,
    /// Where runbooks are written.
    pub books: Arc<Books>,
    /// The present time.
    pub clock: Arc<dyn Clock>,
    /// Who answers: this control plane, or another one that is asked.
    pub role: watch::Receiver<Role>,
    /// What was recorded here.
    pub shelf: Arc<Shelf>,
    /// Where the other control planes are known, if there are any.
    pub right: Option<Right>,
}

pub(super) struct Service {
    pub(super) parts: Parts,
    pub(super) fetches: Arc<Semaphore>,
    encoded: Arc<Encoded>,
    places: Arc<Semaphore>,
    shutdown: CancellationToken,
}

/// Serves consoles on `listener` until `shutdown`; streams end then, calls in flight are finished.
///
/// # Errors
/// When the listener breaks.
pub async fn serve(
    parts: Parts,
    tokens: Tokens,
    listener: TcpListener,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let role = parts.role.clone();
    let service = Service {
        parts,
        fetches: Arc::new(Semaphore::new(MAX_FETCHES)),
        encoded: Arc::default(),
        places: Arc::new(Semaphore::new(MAX_WATCHERS)),
        shutdown: shutdown.clone(),
    };
    let front = Front {
        service,
        role,
        channel: Arc::default(),
    };
    let service = RegionsServer::new(front).max_decoding_message_size(MAX_REQUEST);
    let tokens = Arc::new(tokens);
    let guarded = tonic::service::interceptor::InterceptedService::new(service, move |request| {
        tokens.authenticate(request)
    });
    tonic::transport::Server::builder()
        .concurrency_limit_per_connection(MAX_CONCURRENT)
        // A console behind a dead network gives its place back.
        .http2_keepalive_interval(Some(Duration::from_secs(20)))
        .http2_keepalive_timeout(Some(Duration::from_secs(10)))
        .tcp_nodelay(true)
        .add_service(guarded)
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.cancelled_owned())
        .await
        .context("the gRPC server for consoles stopped")
}

impl Service {
    /// The control plane's name.
    pub(super) fn name(&self) -> String {
        self.parts.frames.latest().head.control_plane.clone()
    }
}

#[tonic::async_trait]
impl Regions for Service {
    async fn who_am_i(
        &self,
        request: Request<proto::WhoAmIRequest>,
    ) -> Result<Response<proto::Identity>, Status> {
        let caller = auth::caller(&request)?;
        let head = &self.parts.frames.latest().head;
        Ok(Response::new(proto::Identity {
            name: caller.name,
            role: caller.role.word().to_owned(),
            control_plane: head.control_plane.clone(),
            version: head.version.clone(),
        }))
    }

    type WatchStream = BoxStream<'static, Result<proto::Frame, Status>>;

    async fn watch(
        &self,
        request: Request<proto::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        auth::caller(&request)?;
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{MAX_WATCHERS} consoles watch already; close one of them"
            ))
        })?;
        let watcher = Watcher {
            follow: self.parts.frames.follow(),
            encoded: Arc::clone(&self.encoded),
            clock: Arc::clone(&self.parts.clock),
            term: match &*self.parts.role.borrow() {
                Role::Here(term) => term.clone(),
                Role::There(_) | Role::Nobody(_) => CancellationToken::new(),
            },
            shutdown: self.shutdown.clone(),
        };
        Ok(Response::new(Box::pin(frames(watcher, place))))
    }

    async fn plan(&self, request: Request<proto::PlanRequest>) -> Result<Response<proto::PlanReply>, Status> {
        let caller = auth::caller(&request)?;
        let wanted = json::decode("plan request", &request.into_inner().request)
            .map_err(|e| Status::invalid_argument(e.to_string()))?;
        let plan = self
            .parts
            .operations
            .plan(wanted, &caller.name)
            .await
            .map_err(|e| status(&e))?;
        let plan = document("plan", &plan)?;
        Ok(Response::new(proto::PlanReply { plan }))
    }

    async fn standing(
        &self,
        request: Request<proto::StandingRequest>,
    ) -> Result<Response<proto::StandingReply>, Status> {
        auth::caller(&request)?;
        // One who may not act does not have the database changed by looking.
        let operator = auth::operator(&request, "preparing an operation").is_ok();
        let plan = request.into_inner().plan_id;
        let standing = self.parts.operations.standing(&plan, operator);
        let standing = standing.await.map_err(|e| status(&e))?;
        let standing = document("standing", &standing)?;
        Ok(Response::new(proto::StandingReply { standing }))
    }

    async fn execute(
        &self,
        request: Request<proto::ExecuteRequest>,
    ) -> Result<Response<proto::ExecuteReply>, Status> {
        let caller = auth::operator(&request, "carrying out an operation")?;
        let origin = origin(&request);
        let wanted = request.into_inner();
        let operation = self
            .parts
            .operations
            .execute(
                &wanted.plan_id,
                &wanted.plan_hash,
                &wanted.confirmation,
                &caller.name,
                &origin,
            )
            .await
            .map_err(|e| status(&e))?;
        let operation = document("operation", &operation)?;
        Ok(Response::new(proto::ExecuteReply { operation }))
    }

    async fn get_plan(
        &self,
        request: Request<proto::GetPlanRequest>,
    ) -> Result<Response<proto::PlanReply>, Status> {
        auth::caller(&request)?;
        let id = request.into_inner().id;
        let plan = self.parts.operations.shown_plan(&id).map_err(|e| status(&e))?;
        let plan = document("plan", &plan)?;
        Ok(Response::new(proto::PlanReply { plan }))
    }

    async fn approve(
        &self,
        request: Request<proto::ApproveRequest>,
    ) -> Result<Response<proto::ApproveReply>, Status> {
        let caller = auth::operator(&request, "approving a plan")?;
        let origin = origin(&request);
        let wanted = request.into_inner();
        let approval = self
            .parts
            .operations
            .approve(&wanted.plan_id, &wanted.plan_hash, &caller.name, &origin)
            .await
            .map_err(|e| status(&e))?;
        let approval = document("approval", &approval)?;
        Ok(Response::new(proto::ApproveReply { approval }))
    }

    async fn get_operation(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::OperationReply>, Status> {
        auth::caller(&request)?;
        let id = request.into_inner().id;
        let operation = self.parts.operations.find(&id).await.map_err(|e| status(&e))?;
        let operation = document("operation", &operation)?;
        Ok(Response::new(proto::OperationReply { operation }))
    }

    async fn get_record(
        &self,
        request: Request<proto::GetOperationRequest>,
    ) -> Result<Response<proto::RecordReply>, Status> {
        auth::caller(&request)?;
        let id = request.into_inner().id;
        let mut record = self.parts.operations.record(&id).await.map_err(|e| status(&e))?;
        let spans: Vec<(i64, i64)> = recordings::spans("", &self.parts.shelf.segments())
            .iter()
            .map(|span| (span.from_ms, span.to_ms))
            .collect();
        record.recording = Some(Recorded::of(&record.operation, self.parts.clock.now(), &spans));
        let record = document("record", &record)?;
        Ok(Response::new(proto::RecordReply { record }))
    }

    async fn list_operations(
        &self,
        request: Request<proto::ListOperationsRequest>,
    ) -> Result<Response<proto::ListOperationsReply>, Status> {
        auth::caller(&request)?;
        let wanted = request.into_inner();
        let before = Some(wanted.before.as_str()).filter(|b| !b.is_empty());
        let page = self.parts.operations.page(before, wanted.limit).await;
        let (operations, more) = page.map_err(|e| status(&e))?;
        let operations = document("operations", &operations)?;
        Ok(Response::new(proto::ListOperationsReply { operations, more }))
    }

    async fn resolve(
        &self,
        request: Request<proto::ResolveRequest>,
    ) -> Result<Response<proto::OperationReply>, Status> {
        use proto::resolve_request::Decision;
        let caller = auth::operator(&request, "deciding about an operation")?;
        let wanted = request.into_inner();
        let decision = match wanted.decision() {
            Decision::Retry => Resolution::Retry,
            Decision::Abort => Resolution::Abort,
            Decision::Acknowledge => {
                let operation = self.parts.operations.acknowledge(&wanted.id, &caller.name).await;
                let operation = document("operation", &operation.map_err(|e| status(&e))?)?;
                return Ok(Response::new(proto::OperationReply { operation }));
            }
            Decision::Unspecified => {
                return Err(Status::invalid_argument(
                    "the decision is neither retry nor abort nor acknowledge",
                ));
            }
        };
        let operation = self
            .parts
            .operations
            .resolve(&wanted.id, decision, &caller.name)
            .await
            .map_err(|e| status(&e))?;
        let operation = document("operation", &operation)?;
        Ok(Response::new(proto::OperationReply { operation }))
    }

    async fn runbook(
        &self,
        request: Request<proto::RunbookRequest>,
    ) -> Result<Response<proto::RunbookReply>, Status> {
        auth::caller(&request)?;
        let wanted = request.into_inner();
        let world = self.parts.frames.latest();
        let runbook = self.parts.books.write(&wanted.id, &wanted.region, &world)?;
        let runbook = document("runbook", &runbook)?;
        Ok(Response::new(proto::RunbookReply { runbook }))
    }

    async fn acknowledge(
        &self,
        request: Request<proto::AcknowledgeRequest>,
    ) -> Result<Response<proto::AcknowledgeReply>, Status> {
        let caller = auth::operator(&request, "acknowledging an alert")?;
        let key = request.into_inner().alert;
        let now = crate::observe::milliseconds(self.parts.clock.now());
        self.parts
            .alerts
            .acknowledge(&key, &caller.name, now)
            .map_err(|e| Status::not_found(e.to_string()))?;
        tracing::info!(alert = %sanitize(&key, 120), by = %caller.name, "alert acknowledged");
        Ok(Response::new(proto::AcknowledgeReply {}))
    }

    async fn list_recordings(
        &self,
        request: Request<proto::ListRecordingsRequest>,
    ) -> Result<Response<proto::ListRecordingsReply>, Status> {
        auth::caller(&request)?;
        let spans = recordings::spans(&self.name(), &self.parts.shelf.segments());
        Ok(Response::new(proto::ListRecordingsReply {
            spans,
            silent: Vec::new(),
        }))
    }

    type FetchRecordingStream = Pieces;

    async fn fetch_recording(
        &self,
        request: Request<proto::FetchRecordingRequest>,
    ) -> Result<Response<Self::FetchRecordingStream>, Status> {
        auth::caller(&request)?;
        let place = Arc::clone(&self.fetches).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted("too many recordings are being fetched; try again in some seconds")
        })?;
        let wanted = request.into_inner();
        let (from, to) = (wanted.from_ms, wanted.to_ms);
        let pieces = recordings::read(Arc::clone(&self.parts.shelf), (from, to), place).await?;
        Ok(Response::new(pieces))
    }
}

/// Where a request comes from.
pub(super) fn origin<T>(request: &Request<T>) -> String {
    let address = request.remote_addr();
    let address = address.map_or_else(|| "unknown".to_owned(), |address| address.to_string());
    let said = |name: &str| {
        let value = request.metadata().get(name).and_then(|v| v.to_str().ok());
        value.map(|text| sanitize(text, 80))
    };
    match (said(ORIGIN), said(RELAYED_BY)) {
        (Some(origin), Some(by)) => format!("{origin} through {by} at {address}"),
        _ => address,
    }
}

fn document<T: Serialize>(what: &'static str, value: &T) -> Result<Vec<u8>, Status> {
    json::encode(what, value).map_err(|e| Status::internal(e.to_string()))
}

fn status(error: &OperationError) -> Status {
    let text = error.to_string();
    match error {
        OperationError::NotFound { .. } => Status::not_found(text),
        OperationError::Invalid(_) => Status::invalid_argument(text),
        OperationError::Refused(_) => Status::failed_precondition(text),
        OperationError::Journal(_) | OperationError::Unreadable(_) => Status::internal(text),
    }
}
