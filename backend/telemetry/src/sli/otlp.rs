//! What the indicators need from an OTLP message, and nothing else of it.

use super::histogram::Histogram;
use super::stream::Interval;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point::Buckets;
use opentelemetry_proto::tonic::metrics::v1::number_data_point;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogramDataPoint, HistogramDataPoint, NumberDataPoint,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use std::fmt::Write as _;

/// Whether a point holds an increment or a total.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Temporality {
    Delta,
    Cumulative,
}

impl Temporality {
    pub(super) fn of(number: i32) -> Option<Self> {
        match AggregationTemporality::try_from(number).ok()? {
            AggregationTemporality::Delta => Some(Self::Delta),
            AggregationTemporality::Cumulative => Some(Self::Cumulative),
            AggregationTemporality::Unspecified => None,
        }
    }
}

/// A text attribute.
pub(crate) fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// A whole number, also when a sender wrote it as text.
pub(crate) fn integer(attributes: &[KeyValue], key: &str) -> Option<i64> {
    match value(attributes, key)? {
        Value::IntValue(number) => Some(*number),
        Value::StringValue(text) => text.parse().ok(),
        _ => None,
    }
}

/// A number, whole or not.
pub(crate) fn double(attributes: &[KeyValue], key: &str) -> Option<f64> {
    match value(attributes, key)? {
        Value::DoubleValue(number) => Some(*number),
        Value::IntValue(number) => Some(*number as f64),
        _ => None,
    }
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    attributes
        .iter()
        .find(|attribute| attribute.key == key)?
        .value
        .as_ref()?
        .value
        .as_ref()
}

/// The service, region and instance that sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Sender<'a> {
    pub(crate) service: &'a str,
    pub(crate) region: Option<&'a str>,
    pub(crate) instance: &'a str,
}

impl<'a> Sender<'a> {
    pub(crate) fn of(resource: Option<&'a Resource>) -> Self {
        let attributes = resource.map_or(&[][..], |resource| &resource.attributes);
        Self {
            service: text(attributes, "service.name").unwrap_or("unknown_service"),
            region: text(attributes, "cloud.region"),
            instance: text(attributes, "service.instance.id").unwrap_or(""),
        }
    }
}

/// Attributes as one text whose order does not depend on the sender.
pub(super) fn identity_of(attributes: &[KeyValue]) -> String {
    let mut parts: Vec<String> = attributes
        .iter()
        .map(|attribute| format!("{}={}", attribute.key, plain(attribute.value.as_ref())))
        .collect();
    parts.sort_unstable();
    let mut all = String::new();
    for part in parts {
        // The length in front keeps two attributes from reading like one.
        let _ = write!(all, "{}:{part};", part.len());
    }
    all
}

fn plain(value: Option<&AnyValue>) -> String {
    match value.and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(text)) => text.clone(),
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        Some(Value::DoubleValue(number)) => number.to_string(),
        Some(_) => "…".to_owned(),
        None => String::new(),
    }
}

/// A point of either kind of histogram, reduced to what counts.
pub(super) struct Point<'a> {
    pub(super) attributes: &'a [KeyValue],
    pub(super) at: Interval,
    pub(super) durations: Option<Histogram>,
}

impl<'a> From<&'a HistogramDataPoint> for Point<'a> {
    fn from(point: &'a HistogramDataPoint) -> Self {
        Self {
            attributes: &point.attributes,
            at: Interval {
                start: point.start_time_unix_nano,
                end: point.time_unix_nano,
            },
            durations: Histogram::from_buckets(&point.explicit_bounds, &point.bucket_counts),
        }
    }
}

impl<'a> From<&'a ExponentialHistogramDataPoint> for Point<'a> {
    fn from(point: &'a ExponentialHistogramDataPoint) -> Self {
        let mut durations = Histogram::default();
        durations.add(0.0, point.zero_count);
        if let Some(Buckets {
            offset,
            bucket_counts,
        }) = &point.positive
        {
            // Bucket i ends at 2^((offset + i + 1) / 2^scale).
            let width = f64::from(-point.scale).exp2();
            for (index, count) in (0_i32..).zip(bucket_counts) {
                let exponent = f64::from(*offset) + f64::from(index) + 1.0;
                durations.add((exponent * width).exp2(), *count);
            }
        }
        Self {
            attributes: &point.attributes,
            at: Interval {
                start: point.start_time_unix_nano,
                end: point.time_unix_nano,
            },
            durations: Some(durations),
        }
    }
}

/// The value of a counter's point; negative or broken ones are none.
pub(super) fn amount(point: &NumberDataPoint) -> Option<u64> {
    match point.value? {
        number_data_point::Value::AsInt(number) => u64::try_from(number).ok(),
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "saturates, and is checked to be neither negative nor NaN"
        )]
        number_data_point::Value::AsDouble(number) => (number >= 0.0).then_some(number.round() as u64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn attribute(key: &str, value: Value) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue { value: Some(value) }),
            ..KeyValue::default()
        }
    }

    #[test]
    fn identities_do_not_depend_on_order() {
        let a = attribute("a", Value::StringValue("1".to_owned()));
        let b = attribute("b", Value::IntValue(2));
        assert_eq!(identity_of(&[a.clone(), b.clone()]), identity_of(&[b, a.clone()]));
        let sly = attribute("a", Value::StringValue("1;3:b=2".to_owned()));
        assert_ne!(identity_of(&[a]), identity_of(&[sly]));
    }

    #[test]
    fn exponential_buckets_land_where_they_end() {
        let point = ExponentialHistogramDataPoint {
            scale: 0,
            zero_count: 1,
            positive: Some(Buckets {
                offset: -2,
                bucket_counts: vec![4, 2],
            }),
            ..ExponentialHistogramDataPoint::default()
        };
        let durations = Point::from(&point).durations.unwrap();
        assert_eq!(durations.total(), 7);
        // (0.25, 0.5] and (0.5, 1]
        assert_eq!(durations.share_above(0.5), Some(2.0 / 7.0));
        assert_eq!(durations.share_above(1.0), Some(0.0));
    }
}
