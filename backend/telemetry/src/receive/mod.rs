//! The OTLP receiver of the control plane: gRPC services for metrics, traces and logs.
//!
//! Metrics feed the sliding windows of [`crate::sli`]; spans and log records are counted by instance, and
//! spans draw the service map. Nothing is stored: this is not a tracing backend.

mod map;
mod relay;
mod services;
mod traffic;

pub use relay::Destination;
pub use traffic::{LogCounts, ServiceTraffic};

use crate::sli::{SliWindows, Tally};
use aisoc_model::service_map::Edge;
use aisoc_model::sli::{SliId, SliReading};
use aisoc_model::slo::Slo;
use aisoc_model::{Clock, RegionId};
use anyhow::Context as _;
use jiff::Timestamp;
use map::ServiceMap;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsServiceServer;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsServiceServer;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::TraceServiceServer;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::CancellationToken;
use tonic::codec::CompressionEncoding;
use tonic::transport::Server;
use traffic::Traffic;

/// What the names of our services begin with, as senders; everywhere else they go by their own names.
const OURS: &str = "aisoc-";
/// Largest message accepted, after decompression.
const MAX_MESSAGE: usize = 4 * 1024 * 1024;
/// Exports of one connection worked on at a time.
const MAX_CONCURRENT: usize = 8;
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// The receiver's state; clones share it.
#[derive(Clone)]
pub struct Receiver {
    clock: Arc<dyn Clock>,
    held: Arc<Mutex<Held>>,
    relay: Arc<relay::Relay>,
}

struct Held {
    windows: SliWindows,
    traffic: Traffic,
    map: ServiceMap,
}

impl Receiver {
    /// An empty receiver that measures against `slo`.
    #[must_use]
    pub fn new(slo: &Slo, clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            relay: Arc::default(),
            held: Arc::new(Mutex::new(Held {
                windows: SliWindows::new(slo),
                traffic: Traffic::default(),
                map: ServiceMap::new(slo),
            })),
        }
    }

    /// An indicator of a region now.
    #[must_use]
    pub fn reading(&self, region: &RegionId, sli: SliId) -> SliReading {
        let now = self.clock.now();
        self.held().windows.reading(region, sli, now)
    }

    /// The rate of a counter of a region, per second; `None` when it was never exported. See
    /// [`crate::metrics::name`].
    #[must_use]
    pub fn rate(&self, region: &RegionId, counter: &str) -> Option<f64> {
        let now = self.clock.now();
        self.held().windows.rate(region, counter, now)
    }

    /// When a service of a region last exported metrics.
    #[must_use]
    pub fn last_heard(&self, region: &RegionId, service: &str) -> Option<Timestamp> {
        self.held().windows.last_heard(region, service)
    }

    /// What every instance has sent.
    #[must_use]
    pub fn services(&self) -> Vec<ServiceTraffic> {
        self.held().traffic.all()
    }

    /// Who calls whom, and what was measured on each way.
    #[must_use]
    pub fn edges(&self) -> Vec<Edge> {
        let now = self.clock.now();
        let mut held = self.held();
        let Held { windows, map, .. } = &mut *held;
        map.edges(now, |region, service| {
            let ours = format!("{OURS}{service}");
            windows
                .last_heard(region, &ours)
                .or_else(|| windows.last_heard(region, service))
        })
    }

    /// What became of the points of metrics.
    #[must_use]
    pub fn tally(&self) -> Tally {
        self.held().windows.tally()
    }

    /// Binds `listen` (`host:port`); see [`Receiver::serve`].
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(listen: &str) -> anyhow::Result<TcpListener> {
        TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen} for OTLP; is another collector there? Choose another port")
        })
    }

    /// Serves OTLP over gRPC until `shutdown`.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn serve(self, listener: TcpListener, shutdown: CancellationToken) -> anyhow::Result<()> {
        let address = listener
            .local_addr()
            .map_or_else(|_| "?".to_owned(), |at: SocketAddr| at.to_string());
        Server::builder()
            .timeout(REQUEST_TIMEOUT)
            .concurrency_limit_per_connection(MAX_CONCURRENT)
            .http2_keepalive_interval(Some(Duration::from_secs(30)))
            .add_service(
                MetricsServiceServer::new(self.clone())
                    .max_decoding_message_size(MAX_MESSAGE)
                    .accept_compressed(CompressionEncoding::Gzip),
            )
            .add_service(
                TraceServiceServer::new(self.clone())
                    .max_decoding_message_size(MAX_MESSAGE)
                    .accept_compressed(CompressionEncoding::Gzip),
            )
            .add_service(
                LogsServiceServer::new(self)
                    .max_decoding_message_size(MAX_MESSAGE)
                    .accept_compressed(CompressionEncoding::Gzip),
            )
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), shutdown.cancelled_owned())
            .await
            .with_context(|| format!("the OTLP receiver on {address} stopped"))
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
