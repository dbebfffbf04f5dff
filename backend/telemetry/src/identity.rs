//! Who a process is, as its telemetry says it.

use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

/// Which share of the traces that begin in a process is exported: what one sampled call stands for.
pub(crate) const TRACE_RATIO: &str = "aisoc.trace_ratio";

/// Who a process is; becomes the OpenTelemetry resource of everything it exports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Identity {
    /// Service, for example `aisoc-api`: `service.name`.
    pub service: String,
    /// Region's label: `cloud.region`.
    pub region: String,
    /// Zone: `cloud.availability_zone`.
    pub zone: String,
    /// Instance, unique within service and region: `service.instance.id`.
    pub instance: String,
    /// Version: `service.version`.
    pub version: String,
}

impl Identity {
    /// The attributes that are known; an empty field is left out rather than exported as an empty string.
    pub(crate) fn resource(&self, trace_ratio: f64) -> Resource {
        let known = [
            ("service.name", &self.service),
            ("service.instance.id", &self.instance),
            ("service.version", &self.version),
            ("cloud.region", &self.region),
            ("cloud.availability_zone", &self.zone),
        ];
        Resource::builder_empty()
            .with_attributes(
                known
                    .into_iter()
                    .filter(|(_, value)| !value.is_empty())
                    .map(|(key, value)| KeyValue::new(key, value.clone())),
            )
            .with_attribute(KeyValue::new(TRACE_RATIO, trace_ratio))
            .build()
    }
}
