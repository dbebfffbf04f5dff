//! Which database cluster an operation on a region is about, when nobody says.

use crate::ids::{ClusterName, RegionId};
use crate::plan::OperationKind;
use crate::region::PostgresRole;
use crate::world::World;

impl World {
    /// The database clusters that an operation of this kind on the member of `region` may be about: those that have a
    /// member there, and of these, where there are several, those that it makes sense for now.
    #[must_use]
    pub fn fitting(&self, kind: OperationKind, region: &RegionId) -> Vec<&ClusterName> {
        let now = self.head.at;
        let Some(at) = self.regions.get(region) else {
            return self.clusters().into_iter().collect();
        };
        let members: Vec<&ClusterName> = at.postgres.keys().collect();
        if members.len() < 2 {
            return members;
        }
        let sensible = |cluster: &&ClusterName| match kind {
            OperationKind::Failover | OperationKind::EmergencyFailover => !at.writes(cluster, now),
            OperationKind::Fence => {
                let writers = self.writers(cluster, now);
                writers.len() > 1 && writers.contains(&region)
            }
            OperationKind::Rejoin => at
                .fresh_member(cluster, now)
                .is_none_or(|m| m.role == PostgresRole::Neither),
            _ => true,
        };
        let fitting: Vec<&ClusterName> = members.iter().copied().filter(sensible).collect();
        if fitting.is_empty() { members } else { fitting }
    }
}
