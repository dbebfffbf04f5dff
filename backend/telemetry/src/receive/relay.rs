//! Passing exports on: a control plane that stands by counts nothing, it sends what it gets to the one that does.
//!
//! The queue is bounded; when it is full the oldest export goes, and is counted.

use super::Receiver;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::logs::v1::logs_service_client::LogsServiceClient;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_client::TraceServiceClient;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// Exports that wait at most.
const QUEUE: usize = 256;
/// Time for one export to be taken.
const TIMEOUT: Duration = Duration::from_secs(3);
/// Time between two tries while nobody takes them.
const AGAIN: Duration = Duration::from_millis(500);

/// Where exports go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// They are counted here.
    Here,
    /// They are sent to the receiver at this address, `http://host:port`.
    At(String),
    /// Nobody knows yet: they wait.
    Unknown,
}

#[derive(Debug)]
pub(super) enum Export {
    Metrics(ExportMetricsServiceRequest),
    Traces(ExportTraceServiceRequest),
    Logs(ExportLogsServiceRequest),
}

/// What waits to be passed on.
#[derive(Debug)]
pub(super) struct Relay {
    state: Mutex<State>,
    wake: Notify,
    passed: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug)]
struct State {
    destination: Destination,
    queue: VecDeque<Export>,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            state: Mutex::new(State {
                destination: Destination::Here,
                queue: VecDeque::new(),
            }),
            wake: Notify::new(),
            passed: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
        }
    }
}

impl Relay {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes an export that is not for here; gives it back when it is.
    pub(super) fn take<T>(&self, export: T, wrap: impl FnOnce(T) -> Export) -> Option<T> {
        let mut state = self.state();
        if state.destination == Destination::Here {
            return Some(export);
        }
        if state.queue.len() >= QUEUE {
            state.queue.pop_front();
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
        state.queue.push_back(wrap(export));
        drop(state);
        self.wake.notify_one();
        None
    }

    fn next(&self) -> Option<(String, Export)> {
        let mut state = self.state();
        match state.destination.clone() {
            Destination::At(address) => state.queue.pop_front().map(|export| (address, export)),
            Destination::Here | Destination::Unknown => None,
        }
    }
}

impl Receiver {
    /// From now on exports go there. What waited for another place goes there too; what waited when they are counted
    /// here again is dropped, and counted as such.
    pub fn send_to(&self, destination: Destination) {
        let mut state = self.relay.state();
        if destination == Destination::Here {
            let left = u64::try_from(state.queue.len()).unwrap_or_default();
            state.queue.clear();
            self.relay.dropped.fetch_add(left, Ordering::Relaxed);
        }
        state.destination = destination;
        drop(state);
        self.relay.wake.notify_one();
    }

    /// Exports that were passed on, and exports that were dropped instead.
    #[must_use]
    pub fn relayed(&self) -> (u64, u64) {
        (
            self.relay.passed.load(Ordering::Relaxed),
            self.relay.dropped.load(Ordering::Relaxed),
        )
    }

    /// Passes on what is not for here, until `shutdown`.
    pub async fn pass_on(self, shutdown: CancellationToken) {
        let work = async {
            let mut channel: Option<(String, Channel)> = None;
            loop {
                let Some((address, export)) = self.relay.next() else {
                    self.relay.wake.notified().await;
                    continue;
                };
                match pass(&mut channel, &address, export).await {
                    Ok(()) => {
                        self.relay.passed.fetch_add(1, Ordering::Relaxed);
                    }
                    Err(status) => {
                        self.relay.dropped.fetch_add(1, Ordering::Relaxed);
                        tracing::debug!(%address, %status, "an export could not be passed on");
                        channel = None;
                        tokio::time::sleep(AGAIN).await;
                    }
                }
            }
        };
        tokio::select! {
            () = work => {}
            () = shutdown.cancelled() => {}
        }
    }
}

async fn pass(channel: &mut Option<(String, Channel)>, address: &str, export: Export) -> Result<(), Status> {
    let open = match channel {
        Some((at, open)) if at == address => open.clone(),
        _ => {
            let endpoint = Endpoint::from_shared(address.to_owned())
                .map_err(|e| Status::invalid_argument(e.to_string()))?
                .connect_timeout(TIMEOUT)
                .timeout(TIMEOUT);
            let open = endpoint.connect_lazy();
            *channel = Some((address.to_owned(), open.clone()));
            open
        }
    };
    match export {
        Export::Metrics(request) => MetricsServiceClient::new(open).export(request).await.map(drop),
        Export::Traces(request) => TraceServiceClient::new(open).export(request).await.map(drop),
        Export::Logs(request) => LogsServiceClient::new(open).export(request).await.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_is_bounded_and_counted() {
        let relay = Relay::default();
        let request = || ExportLogsServiceRequest::default();
        assert!(relay.take(request(), Export::Logs).is_some(), "it is for here");
        relay.state().destination = Destination::Unknown;
        for _ in 0..QUEUE + 7 {
            assert!(relay.take(request(), Export::Logs).is_none());
        }
        assert_eq!(relay.state().queue.len(), QUEUE);
        assert_eq!(relay.dropped.load(Ordering::Relaxed), 7);
        assert!(relay.next().is_none(), "nobody knows where to");
        relay.state().destination = Destination::At("http://127.0.0.1:1".into());
        assert!(relay.next().is_some());
    }
}
