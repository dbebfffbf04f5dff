//! A typed client.

use crate::error::RpcError;
use crate::json;
use crate::proto::regions_client::RegionsClient;
use crate::proto::{self, frame::Content};
use aisoc_model::RegionId;
use aisoc_model::approval::Approval;
use aisoc_model::operation::Operation;
use aisoc_model::plan::{Plan, PlanRequest, Standing};
use aisoc_model::record::OperationRecord;
use aisoc_model::runbook::Runbook;
use aisoc_model::world::{Delta, World};
use std::time::Duration;
use tokio_stream::{Stream, StreamExt};
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};

/// Time to establish a connection before the address counts as unreachable.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Largest message: a world of 50 regions is about 2 MB of JSON.
const MAX_MESSAGE: usize = 32 * 1024 * 1024;

/// A connection to one control plane.
#[derive(Clone)]
pub struct Client {
    address: String,
    inner: RegionsClient<InterceptedService<Channel, Bearer>>,
}

/// One message of the stream of frames.
#[derive(Debug, Clone)]
pub enum Update {
    /// A whole world; everything before it is void.
    Snapshot(Box<World>),
    /// What changed, and how many frames were folded into it.
    Delta(Box<Delta>, u32),
    /// Nothing changed; the control plane lives. Its clock, milliseconds since 1970.
    Heartbeat(i64),
}

#[derive(Clone)]
struct Bearer(MetadataValue<tonic::metadata::Ascii>);

impl tonic::service::Interceptor for Bearer {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        request.metadata_mut().insert("authorization", self.0.clone());
        Ok(request)
    }
}

impl Client {
    /// Connects to `address` (`http://host:port`) with a bearer token.
    ///
    /// # Errors
    /// [`RpcError::Address`] for an unusable address or token, [`RpcError::Unreachable`] when nobody answers.
    pub async fn connect(address: &str, token: &str) -> Result<Self, RpcError> {
        let bad = |why: String| RpcError::Address {
            address: address.to_owned(),
            why,
        };
        let endpoint = Endpoint::from_shared(address.to_owned())
            .map_err(|e| bad(e.to_string()))?
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .http2_keep_alive_interval(Duration::from_secs(5))
            .keep_alive_timeout(Duration::from_secs(5));
        let bearer = format!("Bearer {token}")
            .parse()
            .map_err(|_| bad("the token has characters that a header cannot carry".to_owned()))?;
        let channel = endpoint.connect().await.map_err(|e| RpcError::Unreachable {
            address: address.to_owned(),
            why: root_cause(&e),
        })?;
        let inner =
            RegionsClient::with_interceptor(channel, Bearer(bearer)).max_decoding_message_size(MAX_MESSAGE);
        Ok(Self {
            address: address.to_owned(),
            inner,
        })
    }

    fn error(&self, status: &Status) -> RpcError {
        RpcError::from_status(&self.address, status)
    }

    /// Who the token belongs to.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn who_am_i(&mut self) -> Result<proto::Identity, RpcError> {
        let reply = self.inner.who_am_i(proto::WhoAmIRequest {}).await;
        reply.map(tonic::Response::into_inner).map_err(|s| self.error(&s))
    }

    /// The stream of frames: a snapshot first.
    ///
    /// # Errors
    /// See [`RpcError`]; items of the stream are errors when it breaks, and it ends then.
    pub async fn watch(
        &mut self,
    ) -> Result<impl Stream<Item = Result<Update, RpcError>> + Send + 'static + use<>, RpcError> {
        let reply = self
            .inner
            .watch(proto::WatchRequest {})
            .await
            .map_err(|s| self.error(&s))?;
        let address = self.address.clone();
        Ok(reply.into_inner().filter_map(move |frame| match frame {
            Ok(frame) => update(frame).transpose(),
            Err(status) => Some(Err(RpcError::from_status(&address, &status))),
        }))
    }

    /// Asks for a plan. Changes nothing.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn plan(&mut self, request: &PlanRequest) -> Result<Plan, RpcError> {
        let request = proto::PlanRequest {
            request: json::encode("plan request", request)?,
        };
        let reply = self.inner.plan(request).await.map_err(|s| self.error(&s))?;
        json::decode("plan", &reply.into_inner().plan)
    }

    /// How a plan that is being shown stands now; asking keeps it warm.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn standing(&mut self, plan: &str) -> Result<Standing, RpcError> {
        let request = proto::StandingRequest {
            plan_id: plan.to_owned(),
        };
        let reply = self.inner.standing(request).await.map_err(|s| self.error(&s))?;
        json::decode("standing", &reply.into_inner().standing)
    }

    /// Has a plan carried out; returns when it is durable and has begun.
    ///
    /// # Errors
    /// See [`RpcError`]; a refusal (gate, drift, expiry, wrong confirmation) is [`RpcError::Refused`].
    pub async fn execute(
        &mut self,
        plan_id: &str,
        plan_hash: &str,
        confirmation: &str,
    ) -> Result<Operation, RpcError> {
        let request = proto::ExecuteRequest {
            plan_id: plan_id.to_owned(),
            plan_hash: plan_hash.to_owned(),
            confirmation: confirmation.to_owned(),
        };
        let reply = self.inner.execute(request).await.map_err(|s| self.error(&s))?;
        json::decode("operation", &reply.into_inner().operation)
    }

    /// A plan that was made and not yet carried out.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn shown_plan(&mut self, id: &str) -> Result<Plan, RpcError> {
        let request = proto::GetPlanRequest { id: id.to_owned() };
        let reply = self.inner.get_plan(request).await.map_err(|s| self.error(&s))?;
        json::decode("plan", &reply.into_inner().plan)
    }

    /// Approves a plan that needs a second person, by the hash of what was looked at.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn approve(&mut self, plan_id: &str, plan_hash: &str) -> Result<Approval, RpcError> {
        let request = proto::ApproveRequest {
            plan_id: plan_id.to_owned(),
            plan_hash: plan_hash.to_owned(),
        };
        let reply = self.inner.approve(request).await.map_err(|s| self.error(&s))?;
        json::decode("approval", &reply.into_inner().approval)
    }

    /// One operation with its progress, by its id or by the beginning of it.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn operation(&mut self, id: &str) -> Result<Operation, RpcError> {
        let request = proto::GetOperationRequest { id: id.to_owned() };
        let reply = self
            .inner
            .get_operation(request)
            .await
            .map_err(|s| self.error(&s))?;
        json::decode("operation", &reply.into_inner().operation)
    }

    /// The record of an operation, by its id or by the beginning of it.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn record(&mut self, id: &str) -> Result<OperationRecord, RpcError> {
        let request = proto::GetOperationRequest { id: id.to_owned() };
        let reply = self.inner.get_record(request).await.map_err(|s| self.error(&s))?;
        json::decode("record", &reply.into_inner().record)
    }

    /// A page of operations, the newest first, all older than `before` when one is named; and whether there are
    /// more behind it.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn operations(
        &mut self,
        before: Option<&str>,
        limit: u32,
    ) -> Result<(Vec<Operation>, bool), RpcError> {
        let request = proto::ListOperationsRequest {
            before: before.unwrap_or_default().to_owned(),
            limit,
        };
        let reply = self.inner.list_operations(request).await;
        let reply = reply.map_err(|s| self.error(&s))?.into_inner();
        Ok((json::decode("operations", &reply.operations)?, reply.more))
    }

    /// Decides about a held operation, or aborts a running one before its point of no return.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn resolve(
        &mut self,
        id: &str,
        decision: proto::resolve_request::Decision,
    ) -> Result<Operation, RpcError> {
        let request = proto::ResolveRequest {
            id: id.to_owned(),
            decision: decision.into(),
        };
        let reply = self.inner.resolve(request).await.map_err(|s| self.error(&s))?;
        json::decode("operation", &reply.into_inner().operation)
    }

    /// A runbook by its id, written for a region; without one the control plane chooses it by what fires.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn runbook(&mut self, id: &str, region: Option<&RegionId>) -> Result<Runbook, RpcError> {
        let request = proto::RunbookRequest {
            id: id.to_owned(),
            region: region.map(ToString::to_string).unwrap_or_default(),
        };
        let reply = self.inner.runbook(request).await.map_err(|s| self.error(&s))?;
        json::decode("runbook", &reply.into_inner().runbook)
    }

    /// Acknowledges an alert by its key.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn acknowledge(&mut self, alert: &str) -> Result<(), RpcError> {
        let request = proto::AcknowledgeRequest {
            alert: alert.to_owned(),
        };
        self.inner
            .acknowledge(request)
            .await
            .map(|_| ())
            .map_err(|s| self.error(&s))
    }

    /// The times of which there are recordings, the oldest first, and the control planes that did not say what they have.
    ///
    /// # Errors
    /// See [`RpcError`].
    pub async fn recordings(&mut self) -> Result<proto::ListRecordingsReply, RpcError> {
        let request = proto::ListRecordingsRequest { own: false };
        let reply = self.inner.list_recordings(request).await;
        reply.map(tonic::Response::into_inner).map_err(|s| self.error(&s))
    }

    /// What was recorded between two times (milliseconds since 1970), as the bytes of a file in pieces.
    ///
    /// # Errors
    /// See [`RpcError`]; items of the stream are errors when it breaks, and it ends then.
    pub async fn recording(
        &mut self,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<impl Stream<Item = Result<Vec<u8>, RpcError>> + Send + 'static + use<>, RpcError> {
        let request = proto::FetchRecordingRequest {
            from_ms,
            to_ms,
            own: false,
        };
        let reply = self.inner.fetch_recording(request).await;
        let pieces = reply.map_err(|s| self.error(&s))?.into_inner();
        let address = self.address.clone();
        Ok(pieces.map(move |piece| match piece {
            Ok(piece) => Ok(piece.bytes),
            Err(status) => Err(RpcError::from_status(&address, &status)),
        }))
    }
}

fn update(frame: proto::Frame) -> Result<Option<Update>, RpcError> {
    let coalesced = frame.coalesced;
    Ok(match frame.content {
        Some(Content::Snapshot(bytes)) => Some(Update::Snapshot(json::decode("snapshot", &bytes)?)),
        Some(Content::Delta(bytes)) => Some(Update::Delta(json::decode("delta", &bytes)?, coalesced)),
        Some(Content::Heartbeat(beat)) => Some(Update::Heartbeat(beat.at_ms)),
        None => None,
    })
}

fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}
