//! What a command line asks for, where it may leave out which database cluster is meant: that is found by a frame, or
//! asked for.

use aisoc_model::fence::FenceKind;
use aisoc_model::plan::{OperationKind, Override, Target};
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};

/// A request for a plan whose target may not be complete.
#[derive(Debug)]
pub struct Asked {
    /// What is asked for.
    pub wanted: Wanted,
    /// Why.
    pub reason: String,
    /// Gates overridden by name.
    pub overrides: Vec<Override>,
    /// Why it has to be done although the control planes cannot agree who may act.
    pub break_glass: Option<String>,
}

/// What is asked for.
#[derive(Debug)]
pub enum Wanted {
    /// All of it was said.
    Said(Target),
    /// Which database cluster is not said.
    Unnamed(OnMember, RegionId),
}

/// What is done to a region's member of a database cluster.
#[derive(Debug, Clone, Copy)]
pub enum OnMember {
    /// It is made the writer.
    Failover,
    /// It is made the writer although the present one is gone.
    EmergencyFailover(Option<FenceKind>),
    /// It is stopped.
    Fence,
    /// It is let back.
    Rejoin,
}

impl OnMember {
    fn kind(self) -> OperationKind {
        match self {
            Self::Failover => OperationKind::Failover,
            Self::EmergencyFailover(_) => OperationKind::EmergencyFailover,
            Self::Fence => OperationKind::Fence,
            Self::Rejoin => OperationKind::Rejoin,
        }
    }

    fn of(self, cluster: ClusterName, region: RegionId) -> Target {
        match self {
            Self::Failover => Target::Failover { cluster, to: region },
            Self::EmergencyFailover(proof) => Target::EmergencyFailover {
                cluster,
                to: region,
                proof,
            },
            Self::Fence => Target::Fence { cluster, region },
            Self::Rejoin => Target::Rejoin { cluster, region },
        }
    }
}

impl Wanted {
    pub(super) fn member(what: OnMember, region: RegionId, cluster: Option<ClusterName>) -> Self {
        match cluster {
            Some(cluster) => Self::Said(what.of(cluster, region)),
            None => Self::Unnamed(what, region),
        }
    }

    /// The target, when all of it was said.
    #[must_use]
    pub fn named(&self) -> Option<&Target> {
        match self {
            Self::Said(target) => Some(target),
            Self::Unnamed(..) => None,
        }
    }

    /// The target, with the database cluster that it can only be about in this frame.
    ///
    /// # Errors
    /// When it may be about several, with their names, or about none.
    pub fn in_world(self, world: &World) -> Result<Target, String> {
        let (what, region) = match self {
            Self::Said(target) => return Ok(target),
            Self::Unnamed(what, region) => (what, region),
        };
        match world.fitting(what.kind(), &region).as_slice() {
            [cluster] => Ok(what.of((*cluster).clone(), region)),
            [] => Err(format!("no database cluster has a member in {region}")),
            several => {
                let names: Vec<&str> = several.iter().map(|c| c.as_str()).collect();
                Err(format!(
                    "several database clusters have a member in {region} ({}): say which, with --cluster NAME",
                    names.join(", ")
                ))
            }
        }
    }
}

/// What is said in whole by its arguments.
macro_rules! said {
    ($($target:ty),*) => {
        $(impl From<$target> for Wanted {
            fn from(target: $target) -> Self {
                Self::Said(target.into())
            }
        })*
    };
}
pub(super) use said;
