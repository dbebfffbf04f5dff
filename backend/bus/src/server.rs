//! Serves the embedded bus of this process to the region's other services and to other regions.

use crate::embedded::EmbeddedBus;
use crate::error::BusError;
use crate::proto;
use crate::proto::bus_server::{Bus as BusService, BusServer};
use crate::record::{Record, Sequenced};
use crate::stats::BusStats;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tonic::metadata::MetadataValue;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

/// The largest message either side takes: a full batch with its framing.
pub(crate) const MAX_MESSAGE: usize = 64 << 20;
/// Tells a consumer that is past the end where the end is.
pub(crate) const END_HEADER: &str = "aisoc-end";

/// The process around a bus, which knows more about the region than the bus does.
pub trait Host: Send + Sync + 'static {
    /// Fills in the spool's and the event store's part of `stats`.
    fn complete(&self, stats: BusStats) -> Pin<Box<dyn Future<Output = BusStats> + Send + '_>>;
}

/// A bus on its own.
impl Host for () {
    fn complete(&self, stats: BusStats) -> Pin<Box<dyn Future<Output = BusStats> + Send + '_>> {
        Box::pin(std::future::ready(stats))
    }
}

/// Serves `bus` on `listener` to callers with the internal `token`, until `shutdown`.
///
/// # Errors
/// When the transport fails; a single broken connection is not a failure.
pub async fn serve(
    bus: Arc<EmbeddedBus>,
    host: Arc<dyn Host>,
    listener: TcpListener,
    token: &str,
    shutdown: CancellationToken,
) -> Result<(), tonic::transport::Error> {
    let expected = format!("Bearer {}", token.trim());
    let check = move |request: Request<()>| {
        let given = request
            .metadata()
            .get("authorization")
            .map(MetadataValue::as_bytes)
            .unwrap_or_default();
        if bool::from(given.ct_eq(expected.as_bytes())) {
            Ok(request)
        } else {
            Err(Status::unauthenticated(
                "send the internal token as `authorization: Bearer …`",
            ))
        }
    };
    let waits = bus.clone();
    let service = BusServer::new(Service { bus, host })
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE);
    let stop = async move {
        shutdown.cancelled().await;
        waits.end_waits();
    };
    Server::builder()
        .add_service(InterceptedService::new(service, check))
        .serve_with_incoming_shutdown(TcpIncoming::from(listener).with_nodelay(Some(true)), stop)
        .await
}

struct Service {
    bus: Arc<EmbeddedBus>,
    host: Arc<dyn Host>,
}

#[tonic::async_trait]
impl BusService for Service {
    async fn append(
        &self,
        request: Request<proto::AppendRequest>,
    ) -> Result<Response<proto::AppendResponse>, Status> {
        let proto::AppendRequest {
            topic,
            records,
            origin,
            sequences,
        } = request.into_inner();
        let records: Vec<Record> = records.into_iter().map(Into::into).collect();
        let sequenced = (!origin.is_empty()).then_some(Sequenced { origin, sequences });
        let end = self
            .bus
            .append(&topic, records, sequenced)
            .await
            .map_err(|e| status(&e))?;
        Ok(Response::new(proto::AppendResponse { end }))
    }

    async fn fetch(
        &self,
        request: Request<proto::FetchRequest>,
    ) -> Result<Response<proto::FetchResponse>, Status> {
        let proto::FetchRequest {
            topic,
            from,
            max_records,
            wait_ms,
        } = request.into_inner();
        let max = usize::try_from(max_records).unwrap_or(usize::MAX);
        let wait = Duration::from_millis(wait_ms);
        let fetched = self
            .bus
            .fetch(&topic, from, max, wait)
            .await
            .map_err(|e| status(&e))?;
        let records = fetched
            .records
            .into_iter()
            .map(|(offset, record)| proto::OffsetRecord {
                offset,
                record: Some(record.into()),
            })
            .collect();
        Ok(Response::new(proto::FetchResponse {
            records,
            end: fetched.end,
        }))
    }

    async fn commit(
        &self,
        request: Request<proto::CommitRequest>,
    ) -> Result<Response<proto::CommitResponse>, Status> {
        let proto::CommitRequest { group, topic, next } = request.into_inner();
        self.bus
            .commit(&group, &topic, next)
            .await
            .map_err(|e| status(&e))?;
        Ok(Response::new(proto::CommitResponse {}))
    }

    async fn committed(
        &self,
        request: Request<proto::CommittedRequest>,
    ) -> Result<Response<proto::CommittedResponse>, Status> {
        let proto::CommittedRequest { group, topic } = request.into_inner();
        let next = self.bus.committed(&group, &topic).map_err(|e| status(&e))?;
        Ok(Response::new(proto::CommittedResponse { next }))
    }

    async fn stats(
        &self,
        _request: Request<proto::StatsRequest>,
    ) -> Result<Response<proto::StatsResponse>, Status> {
        let stats = self.bus.stats().await.map_err(|e| status(&e))?;
        Ok(Response::new(self.host.complete(stats).await.into()))
    }
}

fn status(error: &BusError) -> Status {
    let message = error.to_string();
    match error {
        BusError::Full { .. } | BusError::DiskFull { .. } | BusError::Refused { .. } => {
            Status::resource_exhausted(message)
        }
        BusError::Invalid(_) => Status::invalid_argument(message),
        BusError::Unauthenticated(_) => Status::unauthenticated(message),
        BusError::BeyondEnd { end, .. } => {
            let mut status = Status::out_of_range(message);
            status
                .metadata_mut()
                .insert(END_HEADER, MetadataValue::from(*end));
            status
        }
        BusError::Storage { .. } | BusError::InUse(_) | BusError::Unavailable { .. } | BusError::Closed => {
            Status::unavailable(message)
        }
    }
}
