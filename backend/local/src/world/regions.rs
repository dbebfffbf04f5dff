//! The three regions of the local world, and the names that follow from them.

use aisoc_model::RegionId;
use aisoc_model::region::RegionRole;

/// One region of the local world.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RegionPlan {
    /// Label.
    pub name: &'static str,
    /// Part in the topology.
    pub role: RegionRole,
    /// Where, for people.
    pub location: &'static str,
    /// The api instances.
    pub api: [ApiPlan; 2],
    /// Start of its block of ports.
    pub port_block: u16,
}

/// One api instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ApiPlan {
    /// Instance name.
    pub instance: &'static str,
    /// Availability zone.
    pub zone: &'static str,
    /// Server name in the load balancer.
    pub server: &'static str,
}

/// The regions in display order.
pub const REGIONS: [RegionPlan; 3] = [
    RegionPlan {
        name: "us-east-1",
        role: RegionRole::Primary,
        location: "AWS us-east-1a/b",
        api: [
            api("api-a", "us-east-1a", "us-east-1a"),
            api("api-b", "us-east-1b", "us-east-1b"),
        ],
        port_block: 17100,
    },
    RegionPlan {
        name: "eu-west-1",
        role: RegionRole::Secondary,
        location: "AWS eu-west-1a/b",
        api: [
            api("api-a", "eu-west-1a", "eu-west-1a"),
            api("api-b", "eu-west-1b", "eu-west-1b"),
        ],
        port_block: 17200,
    },
    RegionPlan {
        name: "ap-southeast-1",
        role: RegionRole::DrOnly,
        location: "AWS ap-southeast-1a",
        api: [
            api("api-a", "ap-southeast-1a", "ap-southeast-1a"),
            api("api-b", "ap-southeast-1a", "ap-southeast-1a-2"),
        ],
        port_block: 17300,
    },
];

const fn api(instance: &'static str, zone: &'static str, server: &'static str) -> ApiPlan {
    ApiPlan {
        instance,
        zone,
        server,
    }
}

impl RegionPlan {
    /// The label as the model's type; `None` never happens for the constants above (a test holds it).
    #[must_use]
    pub fn id(&self) -> Option<RegionId> {
        self.name.parse().ok()
    }

    /// Name of the region's release.
    #[must_use]
    pub fn release(&self) -> String {
        format!("aisoc-{}", self.name)
    }

    /// Weight of its servers in normal operation. A DR-only region takes no traffic until somebody gives it
    /// some; weight 0 keeps it checked and visible, which `backup` or `disabled` would not.
    #[must_use]
    pub fn normal_weight(&self) -> u16 {
        match self.role {
            RegionRole::DrOnly => 0,
            RegionRole::Primary | RegionRole::Secondary => FULL_WEIGHT,
        }
    }

    /// A region by its label.
    #[must_use]
    pub fn find(name: &str) -> Option<&'static Self> {
        REGIONS.iter().find(|r| r.name == name)
    }
}

/// A server's weight when its region is at 100 %.
pub const FULL_WEIGHT: u16 = 100;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_labels_and_servers_are_unique() {
        let mut servers: Vec<&str> = REGIONS.iter().flat_map(|r| r.api.map(|a| a.server)).collect();
        servers.sort_unstable();
        servers.dedup();
        assert_eq!(servers.len(), 6);
        assert!(REGIONS.iter().all(|r| r.id().is_some()));
    }
}
