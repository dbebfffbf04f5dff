//! The service map: who calls whom, learned from traces.
//!
//! Traces are sampled, so rates are estimates from the share that was sampled and quantiles are those of the sampled
//! calls. An edge on which nothing was called says so; that nothing was called is not the same as that nobody looked.

use crate::ids::RegionId;
use crate::observed::{Freshness, Observed};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// What stands at an end of an edge.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Node {
    /// Name: a service (`api`), a datastore (`postgresql`), a topic's bus (`bus`), or `clients`.
    pub name: String,
    /// What it is.
    pub kind: NodeKind,
    /// Where it is; `None` when the caller's spans do not say.
    pub region: Option<RegionId>,
}

/// What a node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// Whoever sends requests from outside, without a trace of their own.
    Client,
    /// A service that sends spans itself.
    Service,
    /// A broker or bus between producers and consumers.
    Bus,
    /// A database or cache.
    Datastore,
}

impl NodeKind {
    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Client => "clients",
            Self::Service => "service",
            Self::Bus => "bus",
            Self::Datastore => "datastore",
        }
    }
}

/// Calls from one node to another.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Edge {
    /// The region that the calls are counted for: the caller's, or the callee's when the caller is outside.
    pub region: RegionId,
    /// Who calls.
    pub from: Node,
    /// Who is called.
    pub to: Node,
    /// What was measured; "no traffic" when nothing was called within the window.
    pub figures: Observed<EdgeFigures>,
}

/// What was measured on an edge over its window.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EdgeFigures {
    /// Length of the window, seconds.
    pub window_seconds: u32,
    /// Calls that were sampled.
    pub sampled: u64,
    /// Calls per second, estimated from the share that is sampled.
    pub per_second: f64,
    /// Share of the sampled calls that failed, 0–1.
    pub error_share: f64,
    /// Median duration, seconds.
    pub p50_seconds: f64,
    /// 99th percentile of the duration, seconds.
    pub p99_seconds: f64,
}

impl Edge {
    /// The key of an edge in the world: `us-east-1:api:postgresql`, `us-east-1:bus:eu-west-1/enrichment`.
    #[must_use]
    pub fn key(region: &RegionId, from: &Node, to: &Node) -> String {
        format!("{region}:{}:{}", from.label(region), to.label(region))
    }

    /// Whether it leads from one region to another.
    #[must_use]
    pub fn crosses_regions(&self) -> bool {
        matches!((&self.from.region, &self.to.region), (Some(a), Some(b)) if a != b)
    }
}

impl Node {
    /// A node of a region.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: NodeKind, region: Option<RegionId>) -> Self {
        Self {
            name: name.into(),
            kind,
            region,
        }
    }

    /// Its name as seen from a region: with its own region in front when that is another one.
    #[must_use]
    pub fn label(&self, from: &RegionId) -> String {
        match &self.region {
            Some(region) if region != from => format!("{region}/{}", self.name),
            _ => self.name.clone(),
        }
    }
}

/// The edges that lead to a node of this name in a region (to its instances anywhere when no region is given).
pub fn callers<'a>(
    edges: impl IntoIterator<Item = &'a Edge>,
    name: &str,
    region: Option<&RegionId>,
) -> Vec<&'a Edge> {
    touching(edges, region, |edge| &edge.to, name)
}

/// The edges that lead from a node of this name in a region (from its instances anywhere when no region is given).
pub fn callees<'a>(
    edges: impl IntoIterator<Item = &'a Edge>,
    name: &str,
    region: Option<&RegionId>,
) -> Vec<&'a Edge> {
    touching(edges, region, |edge| &edge.from, name)
}

fn touching<'a>(
    edges: impl IntoIterator<Item = &'a Edge>,
    region: Option<&RegionId>,
    end: impl Fn(&Edge) -> &Node,
    name: &str,
) -> Vec<&'a Edge> {
    edges
        .into_iter()
        .filter(|edge| {
            let node = end(edge);
            let here = region.is_none_or(|wanted| node.region.as_ref().unwrap_or(&edge.region) == wanted);
            node.name == name && here
        })
        .collect()
}

/// Of some edges the one whose calls take longest (p99), by fresh figures only.
#[must_use]
pub fn slowest<'a>(edges: &[&'a Edge], now: Timestamp) -> Option<(&'a Edge, EdgeFigures)> {
    edges
        .iter()
        .filter_map(|edge| match edge.figures.freshness(now) {
            Freshness::Fresh(figures) => Some((*edge, *figures)),
            _ => None,
        })
        .max_by(|(_, a), (_, b)| a.p99_seconds.total_cmp(&b.p99_seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn region(id: &str) -> RegionId {
        id.parse().unwrap()
    }

    fn edge(home: &str, from: &str, away: &str, to: &str, p99: Option<f64>) -> Edge {
        let node = |name: &str, at: &str| Node::new(name, NodeKind::Service, Some(region(at)));
        let figures = p99.map_or_else(
            || Observed::absent(crate::Absence::NoTraffic, "traces", 1_000),
            |p99_seconds| {
                let figures = EdgeFigures {
                    window_seconds: 60,
                    sampled: 1,
                    per_second: 1.0,
                    error_share: 0.0,
                    p50_seconds: 0.0,
                    p99_seconds,
                };
                Observed::known(figures, Timestamp::UNIX_EPOCH, "traces", 1_000)
            },
        );
        Edge {
            region: region(home),
            from: node(from, home),
            to: node(to, away),
            figures,
        }
    }

    #[test]
    fn a_neighbourhood_is_that_of_one_region() {
        let edges = [
            edge("us-east-1", "ingest", "us-east-1", "bus", Some(0.1)),
            edge("us-east-1", "ingest", "eu-west-1", "bus", Some(0.4)),
            edge("eu-west-1", "ingest", "eu-west-1", "bus", None),
        ];
        let us = region("us-east-1");
        assert_eq!(callers(&edges, "bus", Some(&us)).len(), 1);
        assert_eq!(callers(&edges, "bus", None).len(), 3);
        let below = callees(&edges, "ingest", Some(&us));
        assert_eq!(below.len(), 2);
        let (slow, figures) = slowest(&below, Timestamp::UNIX_EPOCH).unwrap();
        assert!(slow.crosses_regions() && figures.p99_seconds == 0.4);
        assert_eq!(
            Edge::key(&us, &slow.from, &slow.to),
            "us-east-1:ingest:eu-west-1/bus"
        );
        let eu = region("eu-west-1");
        assert!(slowest(&callees(&edges, "ingest", Some(&eu)), Timestamp::UNIX_EPOCH).is_none());
    }
}
