//! The service map: who calls whom, learned from spans whose parent belongs to another service.
//!
//! Spans arrive in any order and from different processes, so recent spans and children that wait for their
//! parent are both remembered, in bounded memory. Traces are sampled: counts compare edges, they are not
//! numbers of calls.

use crate::sli::otlp::{self, Sender};
use aisoc_model::text::sanitize;
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_proto::tonic::trace::v1::span::SpanKind;
use opentelemetry_proto::tonic::trace::v1::status::StatusCode;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

/// Spans remembered as possible parents, and children remembered that wait for theirs.
const MAX_SPANS: usize = 16_384;
/// Edges held; a new one past it is not counted.
const MAX_EDGES: usize = 512;
const MAX_NAME: usize = 128;
/// Attributes that name a callee which sends no spans itself.
const SYSTEMS: [&str; 3] = ["db.system.name", "db.system", "messaging.system"];

/// Calls from one service to another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Edge {
    /// The service that calls.
    pub caller: String,
    /// The service, database or broker that is called.
    pub callee: String,
    /// Sampled calls.
    pub calls: u64,
    /// Those that failed.
    pub failed: u64,
    /// When the last one was received.
    pub last_seen: Timestamp,
}

type SpanKey = [u8; 24];

#[derive(Debug)]
struct Calls {
    all: u64,
    failed: u64,
    last_seen: Timestamp,
}

/// A map that forgets its oldest entries.
#[derive(Debug)]
struct Recent<V> {
    held: HashMap<SpanKey, V>,
    order: VecDeque<SpanKey>,
}

impl<V> Default for Recent<V> {
    fn default() -> Self {
        Self {
            held: HashMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl<V> Recent<V> {
    fn insert(&mut self, key: SpanKey, value: V) {
        if self.held.insert(key, value).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > MAX_SPANS {
            if let Some(oldest) = self.order.pop_front() {
                self.held.remove(&oldest);
            }
        }
    }
}

/// Recent spans and the edges learned from them.
#[derive(Debug, Default)]
pub(super) struct ServiceMap {
    names: BTreeSet<Arc<str>>,
    spans: Recent<Arc<str>>,
    /// By the missing parent: the services of its children, and whether they failed.
    waiting: Recent<Vec<(Arc<str>, bool)>>,
    edges: BTreeMap<(Arc<str>, Arc<str>), Calls>,
}

impl ServiceMap {
    pub(super) fn record(&mut self, request: &ExportTraceServiceRequest, now: Timestamp) {
        for resource in &request.resource_spans {
            let service = self.name(Sender::of(resource.resource.as_ref()).service);
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                self.span(&service, span, now);
            }
        }
    }

    pub(super) fn edges(&self) -> Vec<Edge> {
        self.edges
            .iter()
            .map(|((caller, callee), calls)| Edge {
                caller: caller.to_string(),
                callee: callee.to_string(),
                calls: calls.all,
                failed: calls.failed,
                last_seen: calls.last_seen,
            })
            .collect()
    }

    fn span(&mut self, service: &Arc<str>, span: &Span, now: Timestamp) {
        let failed = span
            .status
            .as_ref()
            .is_some_and(|status| status.code == StatusCode::Error as i32);
        let Some(own) = key(&span.trace_id, &span.span_id) else {
            return;
        };
        self.spans.insert(own, Arc::clone(service));
        for (child, failed) in self.waiting.held.remove(&own).unwrap_or_default() {
            self.edge(service, &child, failed, now);
        }
        if let Some(parent) = key(&span.trace_id, &span.parent_span_id) {
            if let Some(caller) = self.spans.held.get(&parent).cloned() {
                self.edge(&caller, service, failed, now);
            } else {
                self.wait(parent, service, failed);
            }
        }
        let calls_out = span.kind == SpanKind::Client as i32 || span.kind == SpanKind::Producer as i32;
        let system = SYSTEMS
            .iter()
            .find_map(|system| otlp::text(&span.attributes, system));
        if let (true, Some(system)) = (calls_out, system) {
            let callee = self.name(system);
            self.edge(service, &callee, failed, now);
        }
    }

    /// A parent that was forgotten or never sampled keeps its children waiting until they are forgotten too.
    fn wait(&mut self, parent: SpanKey, service: &Arc<str>, failed: bool) {
        const MAX_CHILDREN: usize = 64;
        if let Some(children) = self.waiting.held.get_mut(&parent) {
            if children.len() < MAX_CHILDREN {
                children.push((Arc::clone(service), failed));
            }
        } else {
            self.waiting.insert(parent, vec![(Arc::clone(service), failed)]);
        }
    }

    fn edge(&mut self, from: &Arc<str>, to: &Arc<str>, failed: bool, now: Timestamp) {
        if from == to {
            return;
        }
        let between = (Arc::clone(from), Arc::clone(to));
        if self.edges.len() >= MAX_EDGES && !self.edges.contains_key(&between) {
            return;
        }
        let calls = self.edges.entry(between).or_insert(Calls {
            all: 0,
            failed: 0,
            last_seen: now,
        });
        calls.all += 1;
        calls.failed += u64::from(failed);
        calls.last_seen = now;
    }

    /// One allocation for each name; names past the bound are not shared, only costlier.
    fn name(&mut self, text: &str) -> Arc<str> {
        let clean: Arc<str> = sanitize(text, MAX_NAME).into();
        if let Some(held) = self.names.get(&clean) {
            return Arc::clone(held);
        }
        if self.names.len() < MAX_EDGES {
            self.names.insert(Arc::clone(&clean));
        }
        clean
    }
}

fn key(trace: &[u8], span: &[u8]) -> Option<SpanKey> {
    if trace.len() != 16 || span.len() != 8 || span.iter().all(|byte| *byte == 0) {
        return None;
    }
    let mut key = [0; 24];
    for (out, byte) in key.iter_mut().zip(trace.iter().chain(span)) {
        *out = *byte;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
    use opentelemetry_proto::tonic::resource::v1::Resource;
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Status};

    fn text(key: &str, value: &str) -> KeyValue {
        KeyValue {
            key: key.to_owned(),
            value: Some(AnyValue {
                value: Some(Value::StringValue(value.to_owned())),
            }),
            ..KeyValue::default()
        }
    }

    fn span(own: u8, parent: u8) -> Span {
        Span {
            trace_id: vec![7; 16],
            span_id: vec![own; 8],
            parent_span_id: if parent == 0 { vec![] } else { vec![parent; 8] },
            ..Span::default()
        }
    }

    fn export(service: &str, spans: Vec<Span>) -> ExportTraceServiceRequest {
        ExportTraceServiceRequest {
            resource_spans: vec![ResourceSpans {
                resource: Some(Resource {
                    attributes: vec![text("service.name", service)],
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

    fn learned(exports: &[ExportTraceServiceRequest]) -> Vec<(String, String, u64, u64)> {
        let mut map = ServiceMap::default();
        for request in exports {
            map.record(request, Timestamp::UNIX_EPOCH);
        }
        map.edges()
            .into_iter()
            .map(|edge| (edge.caller, edge.callee, edge.calls, edge.failed))
            .collect()
    }

    #[test]
    fn an_edge_is_learned_in_whatever_order_spans_arrive() {
        let first = export("ingest", vec![span(1, 0), span(2, 1)]);
        let mut failing = span(3, 2);
        failing.status = Some(Status {
            code: StatusCode::Error as i32,
            ..Status::default()
        });
        let second = export("enrichment", vec![failing, span(4, 3)]);
        let expected = vec![("ingest".to_owned(), "enrichment".to_owned(), 1, 1)];
        assert_eq!(learned(&[first.clone(), second.clone()]), expected);
        assert_eq!(learned(&[second, first]), expected);
    }

    #[test]
    fn databases_are_callees() {
        let mut query = span(1, 0);
        query.kind = SpanKind::Client as i32;
        query.attributes = vec![text("db.system.name", "postgresql")];
        assert_eq!(
            learned(&[export("api", vec![query])]),
            vec![("api".to_owned(), "postgresql".to_owned(), 1, 0)]
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut map = ServiceMap::default();
        for n in 0..u32::try_from(MAX_SPANS).unwrap() + 100 {
            let mut orphan = span(1, 2);
            orphan.span_id = (u64::from(n) + 1).to_be_bytes().to_vec();
            orphan.parent_span_id = (u64::from(n) + (1 << 40)).to_be_bytes().to_vec();
            map.record(&export(&format!("s{n}"), vec![orphan]), Timestamp::UNIX_EPOCH);
        }
        assert_eq!(map.spans.held.len(), MAX_SPANS);
        assert_eq!(map.waiting.held.len(), MAX_SPANS);
        assert!(map.names.len() <= MAX_EDGES);
    }

    #[test]
    fn malformed_ids_are_ignored() {
        let mut broken = span(1, 0);
        broken.trace_id = vec![1, 2, 3];
        assert_eq!(learned(&[export("api", vec![broken])]), vec![]);
    }
}
