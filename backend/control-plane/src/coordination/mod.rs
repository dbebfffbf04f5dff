//! Which of several control planes may act: a lease and an epoch in etcd, and the operations mirrored there.
//!
//! [`seat`] competes for the one seat; [`right`] is what the rest of the control plane asks before it acts;
//! [`mirror`] keeps the events of operations where another control plane finds them; [`log`] writes an event there
//! before it counts; [`adopt`] decides (without IO) what a new holder takes over; [`handover`] is what it is told of
//! alerts and drills. Without `[coordination]` in the
//! topology none of this runs: one control plane, and nobody to agree with.

pub mod adopt;
pub mod etcd;
pub mod handover;
pub mod keys;
pub mod log;
pub mod mirror;
pub mod right;
pub mod seat;

pub use mirror::Mirror;
pub use right::{NoRight, Right, Standing};

use aisoc_model::topology::Topology;
use aisoc_model::world::{Coordination, CoordinationMode};
use std::sync::Arc;

/// What a control plane needs to take part.
#[derive(Clone)]
pub struct Coordinated {
    /// Whether it may act.
    pub right: Right,
    /// Where events go before they count.
    pub mirror: Arc<dyn Mirror>,
}

/// Begins to compete for the seat, when the topology asks for it.
///
/// # Errors
/// When an address cannot be used.
pub fn start(
    topology: &Topology,
    shutdown: &tokio_util::sync::CancellationToken,
    tasks: &tokio_util::task::TaskTracker,
) -> anyhow::Result<Option<Coordinated>> {
    let Some(config) = &topology.coordination else {
        return Ok(None);
    };
    let keys = keys::Keys::new(&topology.environment.name);
    let client = etcd::Etcd::new(&config.etcd)?;
    let me = keys::Member {
        name: topology.control_plane.name.clone(),
        consoles: format!("http://{}", topology.control_plane.listen),
        otlp: format!("http://{}", topology.control_plane.otlp_listen),
    };
    let (candidate, right) = seat::Candidate::new(client.clone(), keys.clone(), me);
    tasks.spawn(candidate.run(shutdown.clone()));
    let mirror = Arc::new(mirror::EtcdMirror::new(client, keys, right.clone()));
    Ok(Some(Coordinated { right, mirror }))
}

/// What a frame says about who may act.
#[must_use]
pub fn shown(coordinated: Option<&Coordinated>) -> Coordination {
    let Some(coordinated) = coordinated else {
        return Coordination::default();
    };
    let seen = coordinated.right.seen();
    let proven = coordinated.right.epoch();
    Coordination {
        mode: match proven {
            Ok(_) => CoordinationMode::Held,
            Err(_) => CoordinationMode::NoQuorum,
        },
        holder: seen.holder.as_ref().map(|m| m.name.clone()),
        epoch: seen.epoch,
        standbys: seen
            .members
            .iter()
            .filter(|m| seen.holder.as_ref() != Some(m))
            .map(|m| m.name.clone())
            .collect(),
        why: proven.err().map(|e| e.to_string()),
    }
}
