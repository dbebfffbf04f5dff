//! Exporters that say once that the endpoint is gone, and once that it is back.
//!
//! The SDK logs every failed export. With an export every two seconds that would fill a log while the
//! control plane restarts, so failures are counted here and only changes are reported.

use aisoc_model::text::sanitize;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::logs::{LogBatch, LogExporter};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The state of the way to the endpoint, shared by the three signals.
#[derive(Debug)]
pub(crate) struct Link {
    endpoint: String,
    down: Mutex<Option<Down>>,
}

#[derive(Debug)]
struct Down {
    since: Instant,
    lost: u64,
}

impl Link {
    pub(crate) fn new(endpoint: &str) -> Arc<Self> {
        Arc::new(Self {
            endpoint: endpoint.to_owned(),
            down: Mutex::new(None),
        })
    }

    fn note(&self, signal: &'static str, result: &OTelSdkResult) {
        let mut down = self.down.lock().unwrap_or_else(PoisonError::into_inner);
        match (result, down.as_mut()) {
            (Ok(()), None) => {}
            (Ok(()), Some(was)) => {
                tracing::info!(
                    endpoint = %self.endpoint,
                    seconds = was.since.elapsed().as_secs(),
                    lost_exports = was.lost,
                    "telemetry export works again"
                );
                *down = None;
            }
            (Err(_), Some(was)) => was.lost += 1,
            (Err(error), None) => {
                tracing::warn!(
                    endpoint = %self.endpoint,
                    signal,
                    error = %sanitize(&error.to_string(), 200),
                    "telemetry export fails; the service goes on without it and keeps trying"
                );
                *down = Some(Down {
                    since: Instant::now(),
                    lost: 1,
                });
            }
        }
    }
}

/// An exporter whose failures are noted on a [`Link`] and not passed on.
#[derive(Debug)]
pub(crate) struct Quiet<E> {
    inner: E,
    link: Arc<Link>,
}

impl<E> Quiet<E> {
    pub(crate) fn new(inner: E, link: &Arc<Link>) -> Self {
        Self {
            inner,
            link: Arc::clone(link),
        }
    }
}

impl<E: SpanExporter> SpanExporter for Quiet<E> {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        self.link.note("traces", &result);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: LogExporter> LogExporter for Quiet<E> {
    async fn export(&self, batch: LogBatch<'_>) -> OTelSdkResult {
        let result = self.inner.export(batch).await;
        self.link.note("logs", &result);
        Ok(())
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &opentelemetry_sdk::Resource) {
        self.inner.set_resource(resource);
    }
}

impl<E: PushMetricExporter> PushMetricExporter for Quiet<E> {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let result = self.inner.export(metrics).await;
        self.link.note("metrics", &result);
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        self.inner.force_flush()
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn temporality(&self) -> Temporality {
        self.inner.temporality()
    }
}
