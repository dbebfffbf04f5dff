//! What a command line asks for, where it may leave out which database cluster is meant: that is found by a frame, or
//! asked for.

use aisoc_model::fence::FenceKind;
use aisoc_model::plan::{Override, Target};
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

    /// The target, with the one database cluster that has a member there in this frame. Among several none is guessed
    /// by where the writers are now: they may have moved since whoever asks has looked.
    ///
    /// # Errors
    /// When several have a member there, with their names and writers, or none has.
    pub fn in_world(self, world: &World) -> Result<Target, String> {
        let (what, region) = match self {
            Self::Said(target) => return Ok(target),
            Self::Unnamed(what, region) => (what, region),
        };
        let clusters: Vec<&ClusterName> = match world.regions.get(&region) {
            Some(at) => at.postgres.keys().collect(),
            // That there is no such region is the control plane's to say.
            None => world.clusters().into_iter().collect(),
        };
        match clusters.as_slice() {
            [cluster] => Ok(what.of((*cluster).clone(), region)),
            [] => Err(format!("no database cluster has a member in {region}")),
            several => {
                let named: Vec<String> = several.iter().map(|c| with_writer(world, c)).collect();
                Err(format!(
                    "{} database clusters have a member in {region}: {}; say which one is meant, with --cluster NAME",
                    several.len(),
                    named.join(", ")
                ))
            }
        }
    }
}

fn with_writer(world: &World, cluster: &ClusterName) -> String {
    let writers: Vec<&str> = world
        .writers(cluster, world.head.at)
        .iter()
        .map(|region| region.as_str())
        .collect();
    match writers.as_slice() {
        [] => format!("{cluster} (no writer seen)"),
        writers => format!("{cluster} (writer {})", writers.join(" and ")),
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
