//! The service map: who calls whom, learned from spans.
//!
//! A call is seen where it arrives (a server's or consumer's span whose parent belongs to another service) or, for what
//! sends no spans itself, where it leaves (a client's span that names a database). A record that crosses a bus makes
//! two edges: into the topic, as long as it waited there, and out of it. Spans arrive in any order and from different
//! processes, so recent spans and children that wait for their parent are both remembered, in bounded memory; each span
//! costs a few look-ups, whatever is held.

mod recent;
mod span;
#[cfg(test)]
mod tests;

use crate::sli::otlp::{self, Sender};
use crate::sli::window::{Merge, Requests, Window};
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::service_map::{Edge, EdgeFigures, Node, NodeKind};
use aisoc_model::slo::Slo;
use aisoc_model::text::sanitize;
use aisoc_model::{RegionId, clock::millis_between};
use jiff::Timestamp;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use recent::{Recent, SpanKey};
use span::{Peer, Role, Seen};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Edges held; a new one past it is not counted.
const MAX_EDGES: usize = 512;
/// Nodes held; what a span names past it is not on the map.
const MAX_NODES: usize = 512;
/// Children of one span that wait for it.
const MAX_CHILDREN: usize = 64;
const MAX_NAME: usize = 64;
/// The window is that of the indicators, but never shorter: traces are sampled, and a few seconds hold too few.
const SHORTEST_WINDOW_MS: i64 = 60_000;
/// An edge on which nothing was called for so long is forgotten, milliseconds.
const FORGET: u64 = 3_600_000;
/// A service that has sent nothing for so long is not known to be without traffic, milliseconds.
const SILENT: u64 = 30_000;
/// Who calls without a trace of their own.
const CLIENTS: &str = "clients";

/// Calls of a sub-window.
#[derive(Debug, Clone, Default)]
struct Calls {
    requests: Requests,
    /// How many calls the sampled ones stand for.
    estimated: f64,
}

impl Merge for Calls {
    fn merge(&mut self, other: &Self) {
        self.requests.merge(&other.requests);
        self.estimated += other.estimated;
    }
}

#[derive(Debug)]
struct Held {
    calls: Window<Calls>,
    last_seen: Timestamp,
    /// The service whose spans tell of it.
    reporter: Arc<Node>,
}

/// A span that others may be children of.
#[derive(Debug)]
struct Parent {
    node: Arc<Node>,
    end_ns: u64,
}

/// A span that came from elsewhere.
#[derive(Debug)]
struct Child {
    node: Arc<Node>,
    /// The topic that it was taken from.
    topic: Option<Arc<Node>>,
    start_ns: u64,
    call: Call,
}

/// One sampled call.
#[derive(Debug, Clone, Copy)]
struct Call {
    seconds: f64,
    failed: bool,
    /// How many calls it stands for.
    weight: f64,
}

/// Recent spans and the edges learned from them.
#[derive(Debug)]
pub(super) struct ServiceMap {
    window_ms: i64,
    nodes: BTreeSet<Arc<Node>>,
    spans: Recent<Parent>,
    /// By the missing parent.
    waiting: Recent<Vec<Child>>,
    edges: BTreeMap<(Arc<Node>, Arc<Node>), Held>,
}

impl ServiceMap {
    pub(super) fn new(slo: &Slo) -> Self {
        #[expect(clippy::cast_possible_truncation, reason = "a window of minutes")]
        let window_ms = (slo.window_seconds * 1_000.0) as i64;
        Self {
            window_ms: window_ms.clamp(SHORTEST_WINDOW_MS, 86_400_000),
            nodes: BTreeSet::new(),
            spans: Recent::default(),
            waiting: Recent::default(),
            edges: BTreeMap::new(),
        }
    }

    pub(super) fn record(&mut self, request: &ExportTraceServiceRequest, now: Timestamp) {
        for resource in &request.resource_spans {
            let sender = Sender::of(resource.resource.as_ref());
            // A sender without a region has no place on a map of regions.
            let Some(region) = sender.region.and_then(|region| region.parse::<RegionId>().ok()) else {
                continue;
            };
            let service = sender.service.strip_prefix(super::OURS).unwrap_or(sender.service);
            let Some(node) = self.node(service, NodeKind::Service, Some(region)) else {
                continue;
            };
            let attributes = resource.resource.as_ref().map_or(&[][..], |r| &r.attributes);
            let weight = otlp::double(attributes, crate::identity::TRACE_RATIO)
                .filter(|ratio| (f64::MIN_POSITIVE..=1.0).contains(ratio))
                .map_or(1.0, f64::recip);
            for span in resource.scope_spans.iter().flat_map(|scope| &scope.spans) {
                if let Some(seen) = Seen::of(span) {
                    self.span(&node, &seen, weight, now);
                }
            }
        }
    }

    /// The edges, and what was measured on them. `heard` says when a service of a region last sent anything: one that
    /// is not heard is not without traffic.
    pub(super) fn edges(
        &mut self,
        now: Timestamp,
        heard: impl Fn(&RegionId, &str) -> Option<Timestamp>,
    ) -> Vec<Edge> {
        self.edges
            .retain(|_, held| millis_between(held.last_seen, now) < FORGET);
        let window_ms = self.window_ms;
        self.edges
            .iter()
            .filter_map(|((from, to), held)| {
                let reporter = held.reporter.region.as_ref()?;
                let region = from.region.as_ref().unwrap_or(reporter).clone();
                let last = heard(reporter, &held.reporter.name).max(Some(held.last_seen));
                let mut figures = figures(held, window_ms, now);
                if let Some(last) = last.filter(|last| millis_between(*last, now) > SILENT) {
                    figures.absence = Some(Absence::Failed(format!(
                        "no telemetry from {} in {reporter} since {} UTC",
                        held.reporter.name,
                        last.strftime("%H:%M:%S")
                    )));
                }
                Some(Edge {
                    region,
                    from: Node::clone(from),
                    to: Node::clone(to),
                    figures,
                })
            })
            .collect()
    }

    fn span(&mut self, node: &Arc<Node>, seen: &Seen<'_>, weight: f64, now: Timestamp) {
        let end_ns = seen.end_ns;
        let parent = Parent {
            node: Arc::clone(node),
            end_ns,
        };
        for child in self.waiting.remove(&seen.key).unwrap_or_default() {
            self.join(&parent, &child, now);
        }
        self.spans.insert(seen.key, parent);
        let call = Call {
            seconds: seen.seconds(),
            failed: seen.failed,
            weight,
        };
        if let Role::Calls(peer) = &seen.role {
            if let Some(peer) = self.peer(peer, node) {
                self.call(node, &peer, node, call, now);
            }
            return;
        }
        let topic = match &seen.role {
            Role::Takes(Some(topic)) => self.node(topic, NodeKind::Bus, node.region.clone()),
            _ => None,
        };
        if let Some(topic) = &topic {
            self.call(topic, node, node, call, now);
        }
        match seen.parent {
            Some(parent) => {
                let child = Child {
                    node: Arc::clone(node),
                    topic,
                    start_ns: seen.start_ns,
                    call,
                };
                self.child(parent, child, now);
            }
            None if matches!(seen.role, Role::Serves) => {
                if let Some(clients) = self.node(CLIENTS, NodeKind::Client, None) {
                    self.call(&clients, node, node, call, now);
                }
            }
            None => {}
        }
    }

    /// A parent that was forgotten or never sampled keeps its children waiting until they are forgotten too.
    fn child(&mut self, parent: SpanKey, child: Child, now: Timestamp) {
        if let Some(known) = self.spans.get(&parent) {
            let known = Parent {
                node: Arc::clone(&known.node),
                end_ns: known.end_ns,
            };
            self.join(&known, &child, now);
        } else if let Some(children) = self.waiting.get_mut(&parent) {
            if children.len() < MAX_CHILDREN {
                children.push(child);
            }
        } else {
            self.waiting.insert(parent, vec![child]);
        }
    }

    fn join(&mut self, parent: &Parent, child: &Child, now: Timestamp) {
        match &child.topic {
            Some(topic) => {
                // Two machines' clocks: what would be negative is as good as nothing.
                let waited = child.start_ns.saturating_sub(parent.end_ns);
                let waiting = Call {
                    seconds: std::time::Duration::from_nanos(waited).as_secs_f64(),
                    failed: false,
                    weight: child.call.weight,
                };
                self.call(&parent.node, topic, &child.node, waiting, now);
            }
            None if parent.node != child.node => {
                self.call(&parent.node, &child.node, &child.node, child.call, now);
            }
            None => {}
        }
    }

    fn call(&mut self, from: &Arc<Node>, to: &Arc<Node>, reporter: &Arc<Node>, call: Call, now: Timestamp) {
        let between = (Arc::clone(from), Arc::clone(to));
        if self.edges.len() >= MAX_EDGES && !self.edges.contains_key(&between) {
            return;
        }
        let window_ms = self.window_ms;
        let held = self.edges.entry(between).or_insert_with(|| Held {
            calls: Window::new(window_ms),
            last_seen: now,
            reporter: Arc::clone(reporter),
        });
        let mut calls = Calls {
            estimated: call.weight,
            ..Calls::default()
        };
        calls.requests.durations.add(call.seconds, 1);
        calls.requests.bad = u64::from(call.failed);
        let at = now.as_millisecond();
        held.calls.record(at, &calls, at);
        held.last_seen = now;
    }

    fn peer(&mut self, peer: &Peer<'_>, caller: &Node) -> Option<Arc<Node>> {
        match peer {
            // Where a database is, its client does not know: the writer may be in another region.
            Peer::Datastore(name) => self.node(name, NodeKind::Datastore, None),
            Peer::Service(name) => self.node(name, NodeKind::Service, None),
            Peer::Topic(name) => self.node(name, NodeKind::Bus, caller.region.clone()),
        }
    }

    /// One allocation for each node.
    fn node(&mut self, name: &str, kind: NodeKind, region: Option<RegionId>) -> Option<Arc<Node>> {
        let wanted = Node::new(sanitize(name, MAX_NAME), kind, region);
        if let Some(held) = self.nodes.get(&wanted) {
            return Some(Arc::clone(held));
        }
        if self.nodes.len() >= MAX_NODES {
            return None;
        }
        let node = Arc::new(wanted);
        self.nodes.insert(Arc::clone(&node));
        Some(node)
    }
}

fn figures(held: &Held, window_ms: i64, now: Timestamp) -> Observed<EdgeFigures> {
    const SOURCE: &str = "traces";
    let stale_after_ms = u32::try_from(window_ms).unwrap_or(u32::MAX);
    let calls = held.calls.merged(now.as_millisecond());
    let durations = &calls.requests.durations;
    let sampled = durations.total();
    let (Some(p50_seconds), Some(p99_seconds)) = (durations.quantile(0.5), durations.quantile(0.99)) else {
        return Observed::absent(Absence::NoTraffic, SOURCE, stale_after_ms);
    };
    let window_seconds = window_ms as f64 / 1_000.0;
    let figures = EdgeFigures {
        window_seconds: u32::try_from(window_ms / 1_000).unwrap_or(u32::MAX),
        sampled,
        per_second: calls.estimated / window_seconds,
        error_share: calls.requests.bad as f64 / sampled as f64,
        p50_seconds,
        p99_seconds,
    };
    Observed::known(figures, held.last_seen, SOURCE, stale_after_ms)
}
