use super::record::MAX_SERIES;
use super::*;
use aisoc_model::Freshness;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, Histogram as OtlpHistogram, HistogramDataPoint, ResourceMetrics, ScopeMetrics,
    Sum, number_data_point,
};
use opentelemetry_proto::tonic::metrics::v1::{Metric, NumberDataPoint, metric};
use opentelemetry_proto::tonic::resource::v1::Resource;
use proptest::prelude::*;
use rstest::rstest;

const DELTA: i32 = AggregationTemporality::Delta as i32;
const CUMULATIVE: i32 = AggregationTemporality::Cumulative as i32;

fn region(label: &str) -> RegionId {
    label.parse().unwrap()
}

fn second(at: i64) -> Timestamp {
    Timestamp::from_second(1_000_000 + at).unwrap()
}

fn nanos(at: i64) -> u64 {
    u64::try_from(second(at).as_nanosecond()).unwrap()
}

/// The builtin thresholds with the local world's window of 30 s.
fn windows() -> SliWindows {
    SliWindows::new(&Slo::builtin().unwrap().sped_up(10.0))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn label(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn point(values: &[f64], start: i64, end: i64, attributes: Vec<KeyValue>) -> HistogramDataPoint {
    let bounds = crate::metrics::BOUNDS;
    let mut counts = vec![0; bounds.len() + 1];
    for value in values {
        counts[bounds.partition_point(|bound| bound < value)] += 1;
    }
    HistogramDataPoint {
        attributes,
        start_time_unix_nano: nanos(start),
        time_unix_nano: nanos(end),
        count: values.len() as u64,
        bucket_counts: counts,
        explicit_bounds: bounds.to_vec(),
        ..HistogramDataPoint::default()
    }
}

fn export(service: &str, from: &str, data: Vec<(&str, metric::Data)>) -> ExportMetricsServiceRequest {
    let metrics = data
        .into_iter()
        .map(|(name, data)| Metric {
            name: name.to_owned(),
            data: Some(data),
            ..Metric::default()
        })
        .collect();
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![label("service.name", service), label("cloud.region", from)],
                ..Resource::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                metrics,
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

fn histogram(temporality: i32, data_points: Vec<HistogramDataPoint>) -> metric::Data {
    metric::Data::Histogram(OtlpHistogram {
        data_points,
        aggregation_temporality: temporality,
    })
}

fn http(status: i64, values: &[f64], start: i64, end: i64) -> ExportMetricsServiceRequest {
    let attributes = vec![attribute("http.response.status_code", Value::IntValue(status))];
    let point = point(values, start, end, attributes);
    export(
        "aisoc-api",
        "us-east-1",
        vec![(name::HTTP_REQUEST, histogram(DELTA, vec![point]))],
    )
}

fn read(windows: &SliWindows, sli: SliId, at: i64) -> SliReading {
    windows.reading(&region("us-east-1"), sli, second(at))
}

#[test]
fn latency_and_errors_come_from_one_histogram() {
    let mut windows = windows();
    windows.record_otlp(&http(200, &[0.02; 97], 0, 2), second(2));
    windows.record_otlp(&http(503, &[0.6; 2], 0, 2), second(2));
    windows.record_otlp(&http(404, &[0.02; 1], 0, 2), second(2));

    let latency = read(&windows, SliId::HttpRequestDurationP99, 2);
    assert_eq!(latency.samples, 100);
    let p99 = latency.value.value.unwrap();
    assert!(p99 > 0.5 && p99 <= 0.75, "{p99}");
    // 2 % over the bound where 1 % is allowed.
    assert!((latency.burn_rate.unwrap() - 2.0).abs() < 1e-9);
    assert!(!latency.objective.met_by(p99));

    let errors = read(&windows, SliId::HttpErrorRate, 2);
    assert!((errors.value.value.unwrap() - 0.02).abs() < 1e-12);
    assert!((errors.burn_rate.unwrap() - 4.0).abs() < 1e-9);
    assert!(
        read(&windows, SliId::AlertFusionLatencyP99, 2)
            .burn_rate
            .is_none()
    );
}

#[test]
fn absence_never_looks_like_health() {
    let mut windows = windows();
    let word = |windows: &SliWindows, at: i64| {
        read(windows, SliId::HttpRequestDurationP99, at)
            .value
            .freshness(second(at))
            .word()
    };
    assert_eq!(word(&windows, 0), "unknown");
    windows.record_otlp(&export("aisoc-api", "eu-west-1", vec![]), second(0));
    assert_eq!(
        word(&windows, 0),
        "unknown",
        "another region says nothing about this one"
    );
    windows.record_otlp(&export("aisoc-api", "us-east-1", vec![]), second(0));
    assert_eq!(word(&windows, 1), "no traffic");
    windows.record_otlp(&http(200, &[0.02], 1, 2), second(2));
    assert_eq!(word(&windows, 3), "fresh");
    assert_eq!(word(&windows, 13), "stale");
    let silent = read(&windows, SliId::HttpRequestDurationP99, 60).value;
    assert!(
        matches!(silent.freshness(second(60)), Freshness::Unknown(why) if why.contains("no telemetry from api"))
    );
    assert_eq!(
        read(&windows, SliId::PodReadyRatio, 3).value.absence,
        Some(Absence::NotYet)
    );
}

#[test]
fn the_window_slides() {
    let mut windows = windows();
    windows.record_otlp(&http(200, &[3.0], 0, 2), second(2));
    for at in (4..=30).step_by(2) {
        windows.record_otlp(&http(200, &[0.02], at - 2, at), second(at));
    }
    let p99 = |at| {
        read(&windows, SliId::HttpRequestDurationP99, at)
            .value
            .value
            .unwrap()
    };
    assert!(p99(31) > 2.0);
    assert!(p99(32) < 0.03, "the slow request left the window");
}

#[test]
fn ingest_lag_belongs_to_the_destination() {
    let mut windows = windows();
    let points = vec![
        point(
            &[0.02; 10],
            0,
            2,
            vec![label("aisoc.destination_region", "us-east-1")],
        ),
        point(
            &[45.0; 10],
            0,
            2,
            vec![label("aisoc.destination_region", "eu-west-1")],
        ),
    ];
    let request = export(
        "aisoc-ingest",
        "us-east-1",
        vec![(name::INGEST_LAG, histogram(DELTA, points))],
    );
    windows.record_otlp(&request, second(2));
    let lag = |label: &str| {
        windows
            .reading(&region(label), SliId::EventIngestionLagP99, second(2))
            .value
            .value
    };
    assert!(lag("us-east-1").unwrap() < 0.03);
    assert!(lag("eu-west-1").unwrap() > 30.0);
    assert_eq!(lag("ap-southeast-1"), None);
}

#[test]
fn other_services_do_not_count_as_api() {
    let mut windows = windows();
    let point = point(&[9.0], 0, 2, vec![]);
    let request = export(
        "aisoc-control-plane",
        "us-east-1",
        vec![(name::HTTP_REQUEST, histogram(DELTA, vec![point]))],
    );
    windows.record_otlp(&request, second(2));
    assert_eq!(read(&windows, SliId::HttpRequestDurationP99, 2).samples, 0);
}

#[test]
fn one_process_may_run_all_services() {
    let mut windows = windows();
    let data = histogram(DELTA, vec![point(&[0.02], 0, 2, vec![])]);
    windows.record_otlp(
        &export("aisoc-all", "us-east-1", vec![(name::HTTP_REQUEST, data)]),
        second(2),
    );
    let reading = read(&windows, SliId::HttpRequestDurationP99, 2);
    assert_eq!(
        (reading.samples, reading.value.freshness(second(2)).word()),
        (1, "fresh")
    );
}

#[test]
fn repeated_and_late_exports() {
    let mut windows = windows();
    let first = http(200, &[0.02; 5], 0, 2);
    windows.record_otlp(&first, second(2));
    windows.record_otlp(&http(200, &[0.02; 5], 2, 4), second(4));
    windows.record_otlp(&first, second(5));
    assert_eq!(read(&windows, SliId::HttpRequestDurationP99, 5).samples, 10);
    windows.record_otlp(&http(200, &[0.02; 5], 4, 6), second(50));
    assert_eq!(
        windows.tally(),
        Tally {
            counted: 2,
            duplicate: 1,
            late: 1,
            ..Tally::default()
        }
    );
}

#[test]
fn cumulative_exports_give_the_same_reading() {
    let mut windows = windows();
    let total = |n: usize, end| {
        let point = point(&vec![0.02; n], 0, end, vec![]);
        export(
            "api",
            "us-east-1",
            vec![(name::HTTP_REQUEST, histogram(CUMULATIVE, vec![point]))],
        )
    };
    windows.record_otlp(&total(5, 2), second(2));
    windows.record_otlp(&total(9, 4), second(4));
    windows.record_otlp(&total(9, 6), second(6));
    assert_eq!(read(&windows, SliId::HttpRequestDurationP99, 6).samples, 9);
    assert_eq!(read(&windows, SliId::HttpRequestDurationP99, 33).samples, 4);
}

#[test]
fn rates_are_right_from_the_first_second() {
    let mut windows = windows();
    let counter = |n: i64, start, end| {
        let sum = Sum {
            data_points: vec![NumberDataPoint {
                start_time_unix_nano: nanos(start),
                time_unix_nano: nanos(end),
                value: Some(number_data_point::Value::AsInt(n)),
                ..NumberDataPoint::default()
            }],
            aggregation_temporality: DELTA,
            is_monotonic: true,
        };
        export(
            "aisoc-ingest",
            "us-east-1",
            vec![(name::EVENTS_ACCEPTED, metric::Data::Sum(sum))],
        )
    };
    windows.record_otlp(&counter(0, -2, 0), second(0));
    for at in (2..=60).step_by(2) {
        windows.record_otlp(&counter(10, at - 2, at), second(at));
        let rate = windows
            .rate(&region("us-east-1"), name::EVENTS_ACCEPTED, second(at))
            .unwrap();
        assert!((rate - 5.0).abs() < 0.5, "{rate} at {at}");
    }
    assert_eq!(
        windows.rate(&region("eu-west-1"), name::EVENTS_ACCEPTED, second(2)),
        None
    );
}

#[rstest]
#[case::no_region(export("aisoc-api", "Not A Region", vec![(name::HTTP_REQUEST, histogram(DELTA, vec![point(&[0.1], 0, 1, vec![])]))]))]
#[case::no_temporality(export("aisoc-api", "us-east-1", vec![(name::HTTP_REQUEST, histogram(0, vec![point(&[0.1], 0, 1, vec![])]))]))]
#[case::no_buckets(export("aisoc-api", "us-east-1", vec![(name::HTTP_REQUEST, histogram(DELTA, vec![HistogramDataPoint { count: 7, ..HistogramDataPoint::default() }]))]))]
fn what_cannot_be_understood_is_counted(#[case] request: ExportMetricsServiceRequest) {
    let mut windows = windows();
    windows.record_otlp(&request, second(1));
    assert_eq!(windows.tally().malformed, 1);
    assert_eq!(read(&windows, SliId::HttpRequestDurationP99, 1).samples, 0);
}

#[test]
fn regions_are_bounded() {
    let mut windows = windows();
    for n in 0..MAX_SERIES + 10 {
        let point = point(&[0.1], 0, 1, vec![]);
        let from = format!("r-{n}");
        let request = export(
            "aisoc-api",
            &from,
            vec![(name::HTTP_REQUEST, histogram(DELTA, vec![point]))],
        );
        windows.record_otlp(&request, second(1));
    }
    assert_eq!(windows.tally().dropped, 10);
}

proptest! {
    /// However requests are spread over exports, the reading is that of all of them.
    #[test]
    fn exports_add_up(parts in prop::collection::vec(prop::collection::vec(0.001f64..100.0, 0..20), 1..12)) {
        let mut windows = windows();
        let mut all = Histogram::default();
        for (at, values) in (1_i64..).zip(&parts) {
            windows.record_otlp(&http(200, values, at - 1, at), second(at));
            for value in values { all.add(*value, 1); }
        }
        let reading = read(&windows, SliId::HttpRequestDurationP99, 12);
        prop_assert_eq!(reading.samples, all.total());
        prop_assert_eq!(reading.value.value, all.quantile(0.99));
    }
}
