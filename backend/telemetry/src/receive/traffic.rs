//! What each instance has sent: bounded counters.

use crate::sli::otlp::{self, Sender};
use aisoc_model::text::sanitize;
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::Serialize;
use std::collections::BTreeMap;

/// Instances remembered; past it the one silent for longest is forgotten.
const MAX_INSTANCES: usize = 512;
/// Longest name kept of a sender.
const MAX_NAME: usize = 128;

/// What an instance of a service has sent since the receiver started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ServiceTraffic {
    /// `service.name`.
    pub service: String,
    /// `cloud.region`, empty when it was not given.
    pub region: String,
    /// `service.instance.id`, empty when it was not given.
    pub instance: String,
    /// `service.version`, empty when it was not given.
    pub version: String,
    /// Spans.
    pub spans: u64,
    /// Spans whose status is an error.
    pub failed_spans: u64,
    /// Log records by severity.
    pub logs: LogCounts,
    /// Exports of metrics.
    pub metric_exports: u64,
    /// When it last sent anything.
    pub last_seen: Timestamp,
}

/// Log records by severity.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LogCounts {
    /// Below WARN, or without a severity.
    pub info: u64,
    /// WARN.
    pub warn: u64,
    /// ERROR.
    pub error: u64,
    /// FATAL.
    pub fatal: u64,
}

impl LogCounts {
    fn add(&mut self, severity_number: i32) {
        // Ranges of the OTLP log data model.
        let count = match severity_number {
            13..=16 => &mut self.warn,
            17..=20 => &mut self.error,
            21..=24 => &mut self.fatal,
            _ => &mut self.info,
        };
        *count += 1;
    }
}

/// The counters of every instance.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    instances: BTreeMap<(String, String, String), ServiceTraffic>,
}

impl Traffic {
    pub(super) fn metrics(&mut self, request: &ExportMetricsServiceRequest, now: Timestamp) {
        for resource in &request.resource_metrics {
            self.of(resource.resource.as_ref(), now, |held| held.metric_exports += 1);
        }
    }

    pub(super) fn traces(&mut self, request: &ExportTraceServiceRequest, now: Timestamp) {
        for resource in &request.resource_spans {
            let spans = resource.scope_spans.iter().flat_map(|scope| &scope.spans);
            self.of(resource.resource.as_ref(), now, |held| {
                for span in spans {
                    held.spans += 1;
                    let failed = span
                        .status
                        .as_ref()
                        .is_some_and(|status| status.code == StatusCode::Error as i32);
                    held.failed_spans += u64::from(failed);
                }
            });
        }
    }

    pub(super) fn logs(&mut self, request: &ExportLogsServiceRequest, now: Timestamp) {
        for resource in &request.resource_logs {
            let records = resource.scope_logs.iter().flat_map(|scope| &scope.log_records);
            self.of(resource.resource.as_ref(), now, |held| {
                for record in records {
                    held.logs.add(record.severity_number);
                }
            });
        }
    }

    pub(super) fn all(&self) -> Vec<ServiceTraffic> {
        self.instances.values().cloned().collect()
    }

    fn of(&mut self, resource: Option<&Resource>, now: Timestamp, count: impl FnOnce(&mut ServiceTraffic)) {
        let sender = Sender::of(resource);
        let key = (
            sanitize(sender.service, MAX_NAME),
            sanitize(sender.region.unwrap_or_default(), MAX_NAME),
            sanitize(sender.instance, MAX_NAME),
        );
        if self.instances.len() >= MAX_INSTANCES && !self.instances.contains_key(&key) {
            self.forget_one();
        }
        let held = self.instances.entry(key.clone()).or_insert_with(|| {
            let (service, region, instance) = key;
            ServiceTraffic {
                service,
                region,
                instance,
                version: String::new(),
                spans: 0,
                failed_spans: 0,
                logs: LogCounts::default(),
                metric_exports: 0,
                last_seen: now,
            }
        });
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        if let Some(version) = otlp::text(attributes, "service.version") {
            held.version = sanitize(version, MAX_NAME);
        }
        held.last_seen = now;
        count(held);
    }

    fn forget_one(&mut self) {
        let oldest = self
            .instances
            .iter()
            .min_by_key(|(_, held)| held.last_seen)
            .map(|(key, _)| key.clone());
        if let Some(key) = oldest {
            self.instances.remove(&key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};

    fn named(service: &str) -> Resource {
        Resource {
            attributes: vec![KeyValue {
                key: "service.name".to_owned(),
                value: Some(AnyValue {
                    value: Some(Value::StringValue(service.to_owned())),
                }),
                ..KeyValue::default()
            }],
            ..Resource::default()
        }
    }

    #[test]
    fn the_longest_silent_instance_is_forgotten() {
        let mut traffic = Traffic::default();
        for second in 0..i64::try_from(MAX_INSTANCES).unwrap() + 3 {
            let at = Timestamp::from_second(second).unwrap();
            traffic.of(Some(&named(&format!("s{second}"))), at, |_| {});
        }
        let left = traffic.all();
        assert_eq!(left.len(), MAX_INSTANCES);
        assert!(
            !left
                .iter()
                .any(|held| ["s0", "s1", "s2"].contains(&held.service.as_str()))
        );
    }

    #[test]
    fn severities_are_ranges() {
        let mut counts = LogCounts::default();
        for severity in [0, 9, 13, 16, 17, 21, 99] {
            counts.add(severity);
        }
        assert_eq!(
            (counts.info, counts.warn, counts.error, counts.fatal),
            (3, 2, 1, 1)
        );
    }
}
