use super::recent::MAX;
use super::*;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};

const MS: u64 = 1_000_000;

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue {
        key: key.to_owned(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::StringValue(value.to_owned()))
}

fn span(own: u8, parent: u8, kind: SpanKind, from_ms: u64, to_ms: u64) -> Span {
    Span {
        trace_id: vec![7; 16],
        span_id: vec![own; 8],
        parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
        kind: kind as i32,
        start_time_unix_nano: from_ms * MS,
        end_time_unix_nano: to_ms * MS,
        ..Span::default()
    }
}

fn with(mut span: Span, attributes: &[KeyValue]) -> Span {
    span.attributes.extend_from_slice(attributes);
    span
}

fn export(service: &str, region: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = vec![
        text("service.name", service),
        text("cloud.region", region),
        attribute("aisoc.trace_ratio", Value::DoubleValue(0.05)),
    ];
    ExportTraceServiceRequest {
        resource_spans: vec![ResourceSpans {
            resource: Some(Resource {
                attributes,
                ..Resource::default()
            }),
            scope_spans: vec![ScopeSpans {
                spans,
                ..ScopeSpans::default()
            }],
            ..ResourceSpans::default()
        }],
    }
}

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

fn map() -> ServiceMap {
    ServiceMap::new(&Slo::builtin().unwrap().sped_up(10.0))
}

fn learned(exports: &[ExportTraceServiceRequest]) -> Vec<Edge> {
    let mut map = map();
    for request in exports {
        map.record(request, at(1_000));
    }
    map.edges(at(2_000), |_, _| None)
}

/// Edges by key, each with p99 in milliseconds (as far as its bucket tells) and failed share.
fn told(edges: &[Edge]) -> Vec<(String, f64)> {
    edges
        .iter()
        .map(|edge| {
            let figures = edge.figures.fresh(at(2_000)).unwrap();
            (Edge::key(&edge.region, &edge.from, &edge.to), figures.error_share)
        })
        .collect()
}

#[test]
fn a_record_is_followed_across_the_bus_and_across_regions_in_whatever_order_spans_arrive() {
    let topic = [
        text("messaging.system", "aisoc-bus"),
        text("messaging.destination.name", "raw"),
    ];
    let accept = export("ingest", "us-east-1", vec![span(1, 0, SpanKind::Server, 0, 10)]);
    let taken = span(2, 1, SpanKind::Consumer, 90, 100);
    let enrich = export("aisoc-enrichment", "eu-west-1", vec![with(taken, &topic)]);
    let expected = [
        ("us-east-1:clients:ingest".to_owned(), 0.0),
        ("us-east-1:ingest:eu-west-1/raw".to_owned(), 0.0),
        ("eu-west-1:raw:enrichment".to_owned(), 0.0),
    ];
    for exports in [[accept.clone(), enrich.clone()], [enrich, accept]] {
        let edges = learned(&exports);
        let mut found = told(&edges);
        let mut wanted = expected.to_vec();
        found.sort_by(|a, b| a.0.cmp(&b.0));
        wanted.sort_by(|a, b| a.0.cmp(&b.0));
        assert_eq!(found, wanted);
        let into = edges.iter().find(|e| e.to.kind == NodeKind::Bus).unwrap();
        // It waited 80 ms, which is in the bucket up to 100 ms.
        let p99 = into.figures.value.unwrap().p99_seconds;
        assert!((0.075..=0.1).contains(&p99) && into.crosses_regions(), "{p99}");
    }
}

#[test]
fn databases_are_told_of_by_those_who_call_them() {
    let query = |own, status: StatusCode| Span {
        status: Some(Status {
            code: status as i32,
            ..Status::default()
        }),
        ..with(
            span(own, 1, SpanKind::Client, 10, 40),
            &[text("db.system.name", "postgresql")],
        )
    };
    let failing = with(
        span(1, 0, SpanKind::Server, 0, 50),
        &[attribute("http.response.status_code", Value::IntValue(503))],
    );
    let spans = vec![failing, query(2, StatusCode::Error), query(3, StatusCode::Unset)];
    let edges = learned(&[export("api", "us-east-1", spans)]);
    let mut found = told(&edges);
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert_eq!(
        found,
        [
            ("us-east-1:api:postgresql".to_owned(), 0.5),
            ("us-east-1:clients:api".to_owned(), 1.0),
        ]
    );
    let queries = edges.iter().find(|e| e.to.kind == NodeKind::Datastore).unwrap();
    let figures = queries.figures.value.unwrap();
    // Two of twenty: the ratio says how many calls a sampled one stands for.
    assert_eq!((figures.sampled, figures.window_seconds), (2, 60));
    assert!((figures.per_second - 40.0 / 60.0).abs() < 1e-9);
}

#[test]
fn no_traffic_is_said_and_silence_is_not_taken_for_it() {
    let mut map = map();
    map.record(
        &export("api", "us-east-1", vec![span(1, 0, SpanKind::Server, 0, 10)]),
        at(1_000),
    );
    let figures = |map: &mut ServiceMap, now: i64, heard: i64| {
        let edges = map.edges(at(now), |_, _| Some(at(heard)));
        edges.into_iter().next().map(|edge| edge.figures)
    };
    assert!(
        figures(&mut map, 20_000, 19_000)
            .unwrap()
            .fresh(at(20_000))
            .is_some()
    );
    let quiet = figures(&mut map, 90_000, 89_000).unwrap();
    assert_eq!(quiet.absence, Some(Absence::NoTraffic));
    let silent = figures(&mut map, 90_000, 1_000).unwrap();
    assert!(
        matches!(&silent.absence, Some(Absence::Failed(why)) if why.contains("no telemetry from api in us-east-1")),
        "{silent:?}"
    );
    assert_eq!(
        figures(&mut map, 4_000_000, 3_999_000),
        None,
        "forgotten after an hour"
    );
}

#[test]
fn memory_is_bounded() {
    let mut map = map();
    for n in 0..u32::try_from(MAX).unwrap() + 100 {
        let mut orphan = span(1, 2, SpanKind::Server, 0, 1);
        orphan.span_id = (u64::from(n) + 1).to_be_bytes().to_vec();
        orphan.parent_span_id = (u64::from(n) + (1 << 40)).to_be_bytes().to_vec();
        let query = with(
            span(3, 0, SpanKind::Client, 0, 1),
            &[text("db.system", &format!("db{n}"))],
        );
        map.record(
            &export(&format!("s{}", n % 900), "us-east-1", vec![orphan, query]),
            at(0),
        );
    }
    assert!(map.spans.len() <= MAX && map.waiting.len() <= MAX);
    assert!(map.nodes.len() <= MAX_NODES && map.edges.len() <= MAX_EDGES);
}

#[test]
fn what_makes_no_sense_is_left_out() {
    let mut broken = span(1, 0, SpanKind::Server, 0, 1);
    broken.trace_id = vec![1, 2, 3];
    assert!(learned(&[export("api", "us-east-1", vec![broken])]).is_empty());
    let placeless = export("api", "not a region", vec![span(1, 0, SpanKind::Server, 0, 1)]);
    assert!(learned(&[placeless]).is_empty());
    // Work within a service is no call.
    let inner = vec![
        span(1, 0, SpanKind::Internal, 0, 9),
        span(2, 1, SpanKind::Internal, 1, 2),
    ];
    assert!(learned(&[export("api", "us-east-1", inner)]).is_empty());
    let backwards = learned(&[export(
        "api",
        "us-east-1",
        vec![span(1, 0, SpanKind::Server, 9, 1)],
    )]);
    assert!(backwards[0].figures.value.unwrap().p99_seconds < 0.01);
}
