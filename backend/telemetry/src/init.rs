//! Sets up logging and export for a process.

use crate::export::{Link, Quiet};
use crate::identity::Identity;
use crate::metrics;
use anyhow::Context as _;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use opentelemetry_otlp::{
    LogExporter, MetricExporter, RetryPolicy, SpanExporter, WithExportConfig as _, WithTonicConfig as _,
};
use opentelemetry_sdk::logs::SdkLoggerProvider;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use opentelemetry_sdk::{logs, trace};
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tracing::Level;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _};

/// One export may take this long, tries included; afterwards its data is dropped.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// Bound of a flush at the end of a process.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);
/// Spans and log records waiting for export; more are dropped and counted by the SDK.
const QUEUE: usize = 2_048;
const DEFAULT_TRACE_RATIO: f64 = 0.05;
/// Crates that speak while an export is under way. What they say must not become telemetry itself.
const EXPORT_PATH: [&str; 5] = ["opentelemetry", "h2", "hyper", "tonic", "tower"];

/// Where and how often a process exports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportConfig {
    /// OTLP gRPC endpoint, for example `http://127.0.0.1:4317`; `None` exports nothing.
    pub endpoint: Option<String>,
    /// Time between exports of metrics.
    pub interval: Duration,
}

impl Default for ExportConfig {
    fn default() -> Self {
        Self {
            endpoint: None,
            interval: Duration::from_secs(10),
        }
    }
}

struct Providers {
    tracer: SdkTracerProvider,
    meter: SdkMeterProvider,
    logger: SdkLoggerProvider,
}

/// Keeps the export alive; give it back through [`Guard::shutdown`] at the end of the process.
#[must_use = "telemetry stops when the guard is dropped"]
pub struct Guard {
    providers: Option<Providers>,
}

impl Guard {
    /// Exports what is still waiting and stops; takes at most two seconds.
    pub async fn shutdown(mut self) {
        let Some(providers) = self.providers.take() else {
            return;
        };
        let (done, finished) = tokio::sync::oneshot::channel();
        // A thread of its own: the SDK blocks, and a blocked task of the runtime would keep the process from
        // ending after the time-out.
        let flusher = std::thread::Builder::new()
            .name("telemetry-flush".to_owned())
            .spawn(move || {
                // Results are dropped on purpose: the exporters have already reported what fails.
                let _ = providers.tracer.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
                let _ = providers.logger.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
                let _ = providers.meter.shutdown_with_timeout(SHUTDOWN_TIMEOUT);
                let _ = done.send(());
            });
        if flusher.is_ok() {
            let _ = tokio::time::timeout(SHUTDOWN_TIMEOUT, finished).await;
        }
    }
}

/// Sets up JSON logs on stderr (filter from `AISOC_LOG`, else `RUST_LOG`, else `info`) and, with an endpoint,
/// OTLP export of traces (parent based, `AISOC_TRACE_RATIO`, default 0.05), metrics (delta temporality) and
/// log records of WARN and above. Call it once, inside a Tokio runtime. The endpoint need not be up.
///
/// # Errors
/// When the filter, the ratio or the endpoint cannot be understood, or logging was set up before.
pub fn init(identity: &Identity, export: &ExportConfig) -> anyhow::Result<Guard> {
    let console = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_writer(std::io::stderr)
        .with_filter(log_filter()?);
    let registry = tracing_subscriber::registry().with(console);
    let twice = "logging is already set up in this process; call aisoc_telemetry::init once";
    let Some(endpoint) = export.endpoint.as_deref() else {
        registry.try_init().context(twice)?;
        return Ok(Guard { providers: None });
    };
    let ratio = trace_ratio(std::env::var("AISOC_TRACE_RATIO").ok().as_deref())?;
    let providers = providers(identity, endpoint, export.interval, ratio)?;
    let spans = tracing_opentelemetry::layer()
        .with_tracer(providers.tracer.tracer("aisoc"))
        .with_location(false)
        .with_threads(false)
        .with_tracked_inactivity(false)
        .with_filter(filter_fn(|meta| {
            *meta.level() <= Level::INFO && !on_export_path(meta.target())
        }));
    let records = OpenTelemetryTracingBridge::new(&providers.logger).with_filter(filter_fn(|meta| {
        meta.is_event() && *meta.level() <= Level::WARN && !on_export_path(meta.target())
    }));
    registry.with(spans).with(records).try_init().context(twice)?;
    metrics::install(&providers.meter);
    Ok(Guard {
        providers: Some(providers),
    })
}

fn providers(
    identity: &Identity,
    endpoint: &str,
    interval: Duration,
    ratio: f64,
) -> anyhow::Result<Providers> {
    let channel = channel(endpoint)?;
    let link = Link::new(endpoint);
    let resource = identity.resource(ratio);
    let failed = || format!("cannot set up telemetry export to {endpoint}");
    let retry = || {
        RetryPolicy::recommended()
            .with_max_retries(2)
            .with_initial_delay(Duration::from_millis(200))
    };
    let spans = SpanExporter::builder()
        .with_tonic()
        .with_channel(channel.clone())
        .with_timeout(EXPORT_TIMEOUT)
        .with_retry_policy(retry())
        .build()
        .with_context(failed)?;
    let points = MetricExporter::builder()
        .with_tonic()
        .with_channel(channel.clone())
        .with_timeout(EXPORT_TIMEOUT)
        .with_retry_policy(retry())
        .with_temporality(Temporality::Delta)
        .build()
        .with_context(failed)?;
    let records = LogExporter::builder()
        .with_tonic()
        .with_channel(channel)
        .with_timeout(EXPORT_TIMEOUT)
        .with_retry_policy(retry())
        .build()
        .with_context(failed)?;

    let tracer = SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(ratio))))
        .with_span_processor(
            trace::BatchSpanProcessor::builder(Quiet::new(spans, &link))
                .with_batch_config(
                    trace::BatchConfigBuilder::default()
                        .with_max_queue_size(QUEUE)
                        .with_scheduled_delay(interval.max(Duration::from_secs(1)))
                        .build(),
                )
                .build(),
        )
        .build();
    let meter = SdkMeterProvider::builder()
        .with_resource(resource.clone())
        .with_reader(
            PeriodicReader::builder(Quiet::new(points, &link))
                .with_interval(interval)
                .build(),
        )
        .build();
    let logger = SdkLoggerProvider::builder()
        .with_resource(resource)
        .with_log_processor(
            logs::BatchLogProcessor::builder(Quiet::new(records, &link))
                .with_batch_config(
                    logs::BatchConfigBuilder::default()
                        .with_max_queue_size(QUEUE)
                        .with_scheduled_delay(interval.max(Duration::from_secs(1)))
                        .build(),
                )
                .build(),
        )
        .build();
    Ok(Providers {
        tracer,
        meter,
        logger,
    })
}

/// One connection for the three signals, opened when first needed.
fn channel(endpoint: &str) -> anyhow::Result<Channel> {
    let hint = "give it as http://host:port, for example http://127.0.0.1:4317";
    anyhow::ensure!(
        endpoint.starts_with("http://"),
        "OTLP endpoint '{endpoint}' is not a plain http URL; {hint}"
    );
    Ok(Endpoint::from_shared(endpoint.to_owned())
        .with_context(|| format!("OTLP endpoint '{endpoint}' is not a URL; {hint}"))?
        .connect_timeout(Duration::from_secs(1))
        .timeout(EXPORT_TIMEOUT)
        .connect_lazy())
}

fn on_export_path(target: &str) -> bool {
    EXPORT_PATH.iter().any(|prefix| target.starts_with(prefix))
}

fn log_filter() -> anyhow::Result<EnvFilter> {
    let named = |name: &str| std::env::var(name).ok().filter(|text| !text.trim().is_empty());
    let wanted = named("AISOC_LOG")
        .or_else(|| named("RUST_LOG"))
        .unwrap_or_else(|| "info".to_owned());
    // First the quiet defaults, then what the operator asked for: the later directive wins.
    let directives = format!("opentelemetry-otlp=off,h2=warn,hyper=warn,tonic=warn,tower=warn,{wanted}");
    EnvFilter::try_new(&directives).with_context(|| {
        format!("log filter '{wanted}' cannot be understood; use for example AISOC_LOG=info,aisoc_bus=debug")
    })
}

fn trace_ratio(text: Option<&str>) -> anyhow::Result<f64> {
    let Some(text) = text.map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(DEFAULT_TRACE_RATIO);
    };
    text.parse::<f64>()
        .ok()
        .filter(|ratio| (0.0..=1.0).contains(ratio))
        .with_context(|| format!("AISOC_TRACE_RATIO '{text}' is not a number between 0 and 1"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(None, Some(0.05))]
    #[case(Some(""), Some(0.05))]
    #[case(Some("1"), Some(1.0))]
    #[case(Some(" 0.5 "), Some(0.5))]
    #[case(Some("1.5"), None)]
    #[case(Some("NaN"), None)]
    #[case(Some("often"), None)]
    fn ratios(#[case] text: Option<&str>, #[case] ratio: Option<f64>) {
        assert_eq!(trace_ratio(text).ok(), ratio);
    }

    #[tokio::test]
    async fn endpoints_are_plain_http() {
        assert!(channel("http://127.0.0.1:4317").is_ok());
        assert!(channel("127.0.0.1:4317").is_err());
        assert!(channel("https://collector:4317").is_err());
    }

    #[test]
    fn export_path_is_kept_out() {
        assert!(on_export_path("h2::codec") && on_export_path("opentelemetry-otlp"));
        assert!(!on_export_path("aisoc_api::routes"));
    }
}
