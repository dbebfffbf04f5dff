//! Every instrument of the product, recorded by plain functions.
//!
//! Before [`crate::init`], and without an endpoint, recording does nothing and costs a load.

use opentelemetry::KeyValue;
use opentelemetry::metrics::{Counter, Histogram, Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::SdkMeterProvider;
use std::collections::BTreeMap;
use std::sync::{OnceLock, PoisonError, RwLock};
use std::time::Instant;

/// Instrument names.
pub mod name {
    /// Duration of a request answered by `api`, seconds.
    pub const HTTP_REQUEST: &str = "http.server.request.duration";
    /// From acceptance of an event to its being on a region's bus, seconds.
    pub const INGEST_LAG: &str = "aisoc.ingest.lag";
    /// From acceptance of an event to the commit of its alert, seconds.
    pub const FUSION_LATENCY: &str = "aisoc.alert_fusion.latency";
    /// Duration of an investigation, seconds.
    pub const AGENT_RUN: &str = "aisoc.agent.run.duration";
    /// Events acknowledged by ingest.
    pub const EVENTS_ACCEPTED: &str = "aisoc.events.accepted";
    /// Events refused by ingest.
    pub const EVENTS_REJECTED: &str = "aisoc.events.rejected";
    /// Events written to an event store.
    pub const EVENTS_STORED: &str = "aisoc.events.stored";
    /// Events that could not be understood.
    pub const EVENTS_DEAD_LETTERED: &str = "aisoc.events.dead_lettered";
    /// Alerts committed in PostgreSQL.
    pub const ALERTS_PERSISTED: &str = "aisoc.alerts.persisted";
    /// Age of the process, seconds: exported even when idle, so that the receiver can tell a service without
    /// traffic from one whose telemetry is lost.
    pub const UPTIME: &str = "process.uptime";
}

/// Attribute names.
pub mod attribute {
    /// Status code of the answer.
    pub const STATUS: &str = "http.response.status_code";
    /// Route template, never the path.
    pub const ROUTE: &str = "http.route";
    /// Method.
    pub const METHOD: &str = "http.request.method";
    /// The region an event was sent to.
    pub const DESTINATION: &str = "aisoc.destination_region";
    /// An investigation's verdict.
    pub const VERDICT: &str = "verdict";
}

/// Upper bounds of the buckets of every duration histogram, seconds.
pub const BOUNDS: [f64; 25] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0,
    5.0, 7.5, 10.0, 20.0, 30.0, 60.0, 120.0,
];

/// More counters than the product has; a name past it is a defect and is not counted.
const MAX_COUNTERS: usize = 64;

static INSTRUMENTS: OnceLock<Instruments> = OnceLock::new();

struct Instruments {
    meter: Meter,
    http_request: Histogram<f64>,
    ingest_lag: Histogram<f64>,
    fusion_latency: Histogram<f64>,
    agent_run: Histogram<f64>,
    counters: RwLock<BTreeMap<&'static str, Counter<u64>>>,
}

pub(crate) fn install(provider: &SdkMeterProvider) {
    let meter = provider.meter("aisoc");
    let seconds = |name: &'static str| {
        meter
            .f64_histogram(name)
            .with_unit("s")
            .with_boundaries(BOUNDS.to_vec())
            .build()
    };
    let started = Instant::now();
    meter
        .f64_observable_gauge(name::UPTIME)
        .with_unit("s")
        .with_callback(move |observer| observer.observe(started.elapsed().as_secs_f64(), &[]))
        .build();
    let instruments = Instruments {
        http_request: seconds(name::HTTP_REQUEST),
        ingest_lag: seconds(name::INGEST_LAG),
        fusion_latency: seconds(name::FUSION_LATENCY),
        agent_run: seconds(name::AGENT_RUN),
        counters: RwLock::default(),
        meter,
    };
    // A second provider in one process cannot come about: `init` refuses before this point.
    let _ = INSTRUMENTS.set(instruments);
}

/// A request was answered. `route` is the route's template, never the path. Health, probe and internal routes
/// are not recorded.
pub fn http_request(route: &str, method: &str, status: u16, seconds: f64) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.http_request.record(
            seconds,
            &[
                KeyValue::new(attribute::STATUS, i64::from(status)),
                KeyValue::new(attribute::ROUTE, route.to_owned()),
                KeyValue::new(attribute::METHOD, known_method(method)),
            ],
        );
    }
}

/// An accepted event is on the bus of `destination`.
pub fn ingest_lag(destination: &str, seconds: f64) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.ingest_lag.record(
            seconds,
            &[KeyValue::new(attribute::DESTINATION, destination.to_owned())],
        );
    }
}

/// An alert is committed, `seconds` after its event was accepted.
pub fn fusion_latency(seconds: f64) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments.fusion_latency.record(seconds, &[]);
    }
}

/// An investigation ended.
pub fn agent_run(verdict: &str, seconds: f64) {
    if let Some(instruments) = INSTRUMENTS.get() {
        instruments
            .agent_run
            .record(seconds, &[KeyValue::new(attribute::VERDICT, verdict.to_owned())]);
    }
}

/// Adds to a counter; see [`name`].
pub fn count(name: &'static str, n: u64) {
    let Some(instruments) = INSTRUMENTS.get() else {
        return;
    };
    if let Some(counter) = instruments
        .counters
        .read()
        .unwrap_or_else(PoisonError::into_inner)
        .get(name)
    {
        counter.add(n, &[]);
        return;
    }
    let mut counters = instruments
        .counters
        .write()
        .unwrap_or_else(PoisonError::into_inner);
    if counters.len() < MAX_COUNTERS || counters.contains_key(name) {
        counters
            .entry(name)
            .or_insert_with(|| instruments.meter.u64_counter(name).build())
            .add(n, &[]);
    }
}

/// A client may send any word as its method; each would become a series of its own.
fn known_method(method: &str) -> &'static str {
    const KNOWN: [&str; 9] = [
        "GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "CONNECT", "TRACE",
    ];
    KNOWN
        .into_iter()
        .find(|known| *known == method)
        .unwrap_or("_OTHER")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_are_few() {
        assert_eq!(known_method("GET"), "GET");
        assert_eq!(known_method("get"), "_OTHER");
        assert_eq!(known_method("\u{1b}[31m"), "_OTHER");
    }

    #[test]
    fn bounds_ascend_and_hold_every_objective() {
        assert!(BOUNDS.windows(2).all(|pair| pair[0] < pair[1]));
        let slo = aisoc_model::slo::Slo::builtin().unwrap();
        for target in slo.slis.values().filter(|target| target.quantile.is_some()) {
            assert!(BOUNDS.contains(&target.objective.bound), "{target:?}");
        }
    }

    #[test]
    fn recording_without_init_is_harmless() {
        http_request("/api/v1/alerts", "GET", 200, 0.01);
        count(name::EVENTS_ACCEPTED, 1);
    }
}
