//! The PostgreSQL clusters of the local world: one stretched over all regions, and on request a second one for the
//! tenants whose data has to stay in the EU.

use crate::state::StateDir;
use crate::world::ports::Ports;
use crate::world::regions::RegionPlan;
use aisoc_model::ClusterName;
use std::path::PathBuf;

/// One cluster.
#[derive(Debug, PartialEq, Eq)]
pub struct ClusterPlan {
    /// What the product calls it.
    pub name: &'static str,
    /// Its name in etcd.
    pub scope: &'static str,
    /// Regions with a member; the first one has the writer in a new world.
    members: &'static [&'static str],
    /// What its nodes' names end with.
    suffix: &'static str,
}

/// The cluster of all tenants that are given no other.
pub const MAIN: ClusterPlan = ClusterPlan {
    name: "main",
    scope: "aisoc",
    members: &["us-east-1", "eu-west-1", "ap-southeast-1"],
    suffix: "",
};

/// The cluster of tenants with EU residency.
pub const EU: ClusterPlan = ClusterPlan {
    name: "eu",
    scope: "aisoc-eu",
    members: &["eu-west-1", "us-east-1"],
    suffix: "-eu",
};

/// All that there can be, the first one first.
pub const CLUSTERS: [&ClusterPlan; 2] = [&MAIN, &EU];

impl ClusterPlan {
    /// The name as the model's type; `None` never happens for the constants above (a test holds it).
    #[must_use]
    pub fn id(&self) -> Option<ClusterName> {
        self.name.parse().ok()
    }

    /// Its nodes, the first writer's first.
    pub fn nodes(&'static self) -> impl Iterator<Item = Node> {
        let regions = self.members.iter().filter_map(|name| RegionPlan::find(name));
        regions.map(move |region| Node {
            cluster: self,
            region,
        })
    }

    /// Its node in a region.
    #[must_use]
    pub fn node(&'static self, region: &str) -> Option<Node> {
        self.nodes().find(|node| node.region.name == region)
    }

    /// The file that keeps where its writer was.
    #[must_use]
    pub fn leader_file(&self, state: &StateDir) -> PathBuf {
        state.at(format!("leader{}", self.suffix))
    }

    /// The file that a region's services read their connection string from, where they read one.
    #[must_use]
    pub fn dsn_file(&self, state: &StateDir, region: &str) -> PathBuf {
        state.data(region).join(format!("dsn{}", self.suffix))
    }

    /// Whether it was ever started in this state directory.
    #[must_use]
    pub fn exists(&'static self, state: &StateDir) -> bool {
        self.nodes()
            .any(|node| node.pgdata(state).join("PG_VERSION").exists())
    }
}

/// A cluster's member in a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The cluster.
    pub cluster: &'static ClusterPlan,
    /// The region.
    pub region: &'static RegionPlan,
}

impl Node {
    /// Every node that there can be.
    pub fn all() -> impl Iterator<Item = Self> {
        CLUSTERS.into_iter().flat_map(ClusterPlan::nodes)
    }

    /// The node of a process, `us-east-1/postgres` or `eu-west-1/patroni-eu`.
    #[must_use]
    pub fn of_process(name: &str) -> Option<Self> {
        Self::all().find(|node| {
            ["patroni", "postgres"]
                .iter()
                .any(|part| node.process(part) == name)
        })
    }

    /// Name of its `patroni` or `postgres`.
    #[must_use]
    pub fn process(&self, part: &str) -> String {
        format!("{}/{part}{}", self.region.name, self.cluster.suffix)
    }

    /// Port of its `patroni` or `postgres`.
    #[must_use]
    pub fn port(&self, ports: &Ports, part: &str) -> u16 {
        ports.global(&self.process(part))
    }

    /// The directory that Patroni owns.
    #[must_use]
    pub fn directory(&self, state: &StateDir) -> PathBuf {
        state
            .data(self.region.name)
            .join(format!("pg{}", self.cluster.suffix))
    }

    /// The data directory of its PostgreSQL.
    #[must_use]
    pub fn pgdata(&self, state: &StateDir) -> PathBuf {
        self.directory(state).join("data")
    }

    /// Patroni's configuration file.
    #[must_use]
    pub fn config_path(&self, state: &StateDir) -> PathBuf {
        state.run(&format!(
            "patroni{}-{}.yml",
            self.cluster.suffix, self.region.name
        ))
    }
}

impl std::fmt::Display for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.region.name)?;
        if *self.cluster == MAIN {
            return Ok(());
        }
        write!(f, "/{}", self.cluster.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_known_by_its_processes_and_they_are_unique() {
        let nodes: Vec<Node> = Node::all().collect();
        assert_eq!(nodes.len(), 5);
        for node in &nodes {
            for part in ["patroni", "postgres"] {
                assert_eq!(Node::of_process(&node.process(part)), Some(*node));
            }
        }
        assert_eq!(
            MAIN.node("us-east-1").unwrap().process("patroni"),
            "us-east-1/patroni"
        );
        assert_eq!(
            EU.nodes().next().unwrap().process("postgres"),
            "eu-west-1/postgres-eu"
        );
        assert_eq!(EU.node("us-east-1").unwrap().to_string(), "us-east-1/eu");
        assert_eq!(Node::of_process("us-east-1/api-a"), None);
        assert!(CLUSTERS.iter().all(|c| c.id().is_some()));
        assert!(EU.node("ap-southeast-1").is_none());
    }
}
