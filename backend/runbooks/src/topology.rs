//! Diagnosis from traces: who calls the node in trouble, whom it calls, and where the time goes.

use crate::scene::{Scene, Subject};
use crate::words::{duration, percent, rate};
use aisoc_model::observed::Freshness;
use aisoc_model::service_map::{self, Edge, NodeKind};
use serde::Serialize;

/// Edges listed on each side; the slowest ones.
const LISTED: usize = 8;

/// What the service map says around a node.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Topology {
    /// The node.
    pub(crate) node: String,
    /// Who calls it, each a sentence.
    pub(crate) upstream: Vec<String>,
    /// Whom it calls, each a sentence.
    pub(crate) downstream: Vec<String>,
    /// Where to look first, a sentence; `None` when no trace tells.
    pub(crate) slowest: Option<String>,
}

pub(crate) fn around(node: &str, scene: &Scene<'_>, subject: &Subject) -> Topology {
    let said = |why: &str| Topology {
        node: node.to_owned(),
        upstream: vec![why.to_owned()],
        downstream: vec![why.to_owned()],
        slowest: None,
    };
    let Some(world) = scene.world else {
        return said("not known: this was written without a frame, so without traces");
    };
    if world.service_map.is_empty() {
        return said("not known: no trace has reached the control plane");
    }
    let edges = || world.service_map.values();
    let region = subject.known.as_ref();
    let upstream = service_map::callers(edges(), node, region);
    let downstream = service_map::callees(edges(), node, region);
    if upstream.is_empty() && downstream.is_empty() {
        return said(&format!("no traffic: no trace of {node} in {}", subject.label));
    }
    // What a node waits for is below it; a datastore calls nobody, so there the callers tell.
    let (side, beside) = if downstream.is_empty() {
        (&upstream, "of the ways into it")
    } else {
        (&downstream, "of what it calls")
    };
    let slowest = service_map::slowest(side, scene.now).map(|(edge, figures)| {
        format!(
            "{} takes longest {beside} (p99 {}): begin there",
            way(edge),
            duration(figures.p99_seconds)
        )
    });
    Topology {
        node: node.to_owned(),
        upstream: sentences(upstream, scene, "nobody is seen to call it"),
        downstream: sentences(downstream, scene, "it is not seen to call anything"),
        slowest,
    }
}

fn sentences(mut edges: Vec<&Edge>, scene: &Scene<'_>, none: &str) -> Vec<String> {
    if edges.is_empty() {
        return vec![none.to_owned()];
    }
    let p99 = |edge: &Edge| edge.figures.fresh(scene.now).map_or(-1.0, |f| f.p99_seconds);
    edges.sort_by(|a, b| p99(b).total_cmp(&p99(a)));
    let left = edges.len().saturating_sub(LISTED);
    let mut said: Vec<String> = edges
        .iter()
        .take(LISTED)
        .map(|edge| sentence(edge, scene))
        .collect();
    if left > 0 {
        said.push(format!("and {left} more, all faster or without traffic"));
    }
    said
}

fn way(edge: &Edge) -> String {
    let of = |kind: NodeKind| match kind {
        NodeKind::Client | NodeKind::Service => String::new(),
        NodeKind::Bus | NodeKind::Datastore => format!(" ({})", kind.word()),
    };
    format!(
        "{}{} → {}{}",
        edge.from.label(&edge.region),
        of(edge.from.kind),
        edge.to.label(&edge.region),
        of(edge.to.kind)
    )
}

fn sentence(edge: &Edge, scene: &Scene<'_>) -> String {
    let figures = match edge.figures.freshness(scene.now) {
        Freshness::Fresh(f) => format!(
            "about {}, {} failed, p50 {}, p99 {} ({} sampled calls in {})",
            rate(f.per_second),
            percent(f.error_share),
            duration(f.p50_seconds),
            duration(f.p99_seconds),
            f.sampled,
            duration(f64::from(f.window_seconds))
        ),
        Freshness::Stale(_, age) | Freshness::Lost(_, age, _) => {
            format!("nothing new for {} s", age / 1_000)
        }
        Freshness::Unknown(why) => format!("not known: {why}"),
        Freshness::NoTraffic => "no traffic".to_owned(),
        Freshness::NotConfigured => "not configured".to_owned(),
    };
    format!("{}: {figures}", way(edge))
}
