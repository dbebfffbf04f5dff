//! The service map of a region as lanes: each caller with its ways out, and a way through a topic goes on behind it.
//!
//! Pure: the same order stands in the graph and in the table, so that the selection moves where the eye does.

use aisoc_model::RegionId;
use aisoc_model::service_map::{Edge, Node, NodeKind};
use aisoc_model::world::World;
use std::collections::BTreeMap;

/// A caller with its ways out.
#[derive(Debug)]
pub struct Caller<'a> {
    /// Who calls.
    pub node: &'a Node,
    /// Each way: an edge, and the one behind the topic that it leads to.
    pub ways: Vec<Vec<&'a Edge>>,
}

/// The callers of a region, those that nobody calls first.
#[must_use]
pub fn of<'a>(world: &'a World, region: &RegionId) -> Vec<Caller<'a>> {
    let edges: Vec<&Edge> = world
        .service_map
        .values()
        .filter(|edge| edge.region == *region)
        .collect();
    let depths = depths(&edges);
    let through = |node: &Node| -> Option<&'a Edge> {
        let fed = node.kind == NodeKind::Bus && edges.iter().any(|edge| edge.to == *node);
        let mut out = edges.iter().filter(|edge| fed && edge.from == *node);
        let only = out.next()?;
        out.next().is_none().then_some(*only)
    };
    let mut callers: Vec<Caller<'a>> = Vec::new();
    for edge in &edges {
        if through(&edge.from).is_some() {
            continue;
        }
        let way: Vec<&Edge> = std::iter::once(*edge).chain(through(&edge.to)).collect();
        match callers.iter_mut().find(|caller| *caller.node == edge.from) {
            Some(caller) => caller.ways.push(way),
            None => callers.push(Caller {
                node: &edge.from,
                ways: vec![way],
            }),
        }
    }
    let depth = |node: &Node| depths.get(node).copied().unwrap_or_default();
    callers.sort_by(|a, b| (depth(a.node), a.node).cmp(&(depth(b.node), b.node)));
    for caller in &mut callers {
        let key = |way: &Vec<&Edge>| {
            way.first()
                .map(|e| (e.crosses_regions(), e.to.kind, e.to.clone()))
        };
        caller.ways.sort_by_key(key);
    }
    callers
}

/// Every edge of a region once, in the order of the lanes.
#[must_use]
pub fn edges<'a>(world: &'a World, region: &RegionId) -> Vec<&'a Edge> {
    let mut ordered: Vec<&Edge> = Vec::new();
    for edge in of(world, region)
        .into_iter()
        .flat_map(|caller| caller.ways)
        .flatten()
    {
        if !ordered.iter().any(|known| std::ptr::eq(*known, edge)) {
            ordered.push(edge);
        }
    }
    ordered
}

/// How many calls away from the outside a node is, at most; calls in a circle do not count for ever.
fn depths<'a>(edges: &[&'a Edge]) -> BTreeMap<&'a Node, usize> {
    let mut depths: BTreeMap<&Node, usize> = edges.iter().map(|edge| (&edge.from, 0)).collect();
    let most = depths.len();
    for _ in 0..most {
        let mut changed = false;
        for edge in edges {
            let next = depths.get(&edge.from).copied().unwrap_or_default() + 1;
            let held = depths.entry(&edge.to).or_default();
            if next > *held && next <= most {
                *held = next;
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    depths
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;

    fn shown(world: &World, region: &str) -> Vec<(String, Vec<String>)> {
        of(world, &fixture::id(region))
            .into_iter()
            .map(|caller| {
                let way = |way: Vec<&Edge>| {
                    let names: Vec<&str> = way.iter().map(|e| e.to.name.as_str()).collect();
                    names.join(" > ")
                };
                (
                    caller.node.name.clone(),
                    caller.ways.into_iter().map(way).collect(),
                )
            })
            .collect()
    }

    #[test]
    fn callers_stand_in_the_order_in_which_a_record_passes_them() {
        let lanes = shown(&fixture::healthy(), "us-east-1");
        let order: Vec<&str> = lanes.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            order,
            ["clients", "api", "ingest", "enrichment", "alert-fusion", "agents"]
        );
        let (_, ingest) = &lanes[2];
        assert_eq!(
            ingest,
            &[
                "aisoc.raw_events > enrichment",
                "aisoc.raw_events",
                "aisoc.raw_events"
            ]
        );
    }

    #[test]
    fn every_edge_stands_in_the_table_once() {
        let world = fixture::incident();
        let mut count = 0;
        for region in world.regions.keys() {
            let edges = edges(&world, region);
            count += edges.len();
            let mut keys: Vec<String> = edges
                .iter()
                .map(|e| Edge::key(&e.region, &e.from, &e.to))
                .collect();
            keys.sort();
            keys.dedup();
            assert_eq!(keys.len(), edges.len());
        }
        assert_eq!(count, world.service_map.len());
    }

    #[test]
    fn a_circle_ends() {
        let mut world = fixture::empty();
        let us = fixture::id("us-east-1");
        for (from, to) in [("a", "b"), ("b", "c"), ("c", "a")] {
            fixture::traces::add(&mut world, "us-east-1", from, ("us-east-1", to), None);
        }
        assert_eq!(edges(&world, &us).len(), 3);
    }
}
