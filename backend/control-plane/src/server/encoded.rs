//! The bytes of frames, made once for all consoles that want the same ones.

use aisoc_model::world::World;
use aisoc_rpc::error::RpcError;
use aisoc_rpc::json;
use std::sync::{Arc, Mutex, PoisonError};

/// The latest snapshot and the latest delta as JSON. Consoles that keep up all ask for the same.
#[derive(Debug, Default)]
pub(super) struct Encoded {
    snapshot: Held<u64>,
    delta: Held<(u64, u64)>,
}

/// A document and which one it is.
type Held<K> = Mutex<Option<(K, Arc<Vec<u8>>)>>;

impl Encoded {
    pub(super) fn snapshot(&self, world: &World) -> Result<Arc<Vec<u8>>, RpcError> {
        let mut held = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((seq, bytes)) = held.as_ref()
            && *seq == world.head.seq
        {
            return Ok(Arc::clone(bytes));
        }
        let bytes = Arc::new(json::encode("snapshot", world)?);
        *held = Some((world.head.seq, Arc::clone(&bytes)));
        Ok(bytes)
    }

    pub(super) fn delta(&self, from: &World, to: &World) -> Result<Arc<Vec<u8>>, RpcError> {
        let mut held = self.delta.lock().unwrap_or_else(PoisonError::into_inner);
        let between = (from.head.seq, to.head.seq);
        if let Some((which, bytes)) = held.as_ref()
            && *which == between
        {
            return Ok(Arc::clone(bytes));
        }
        let bytes = Arc::new(json::encode("delta", &from.delta_to(to))?);
        *held = Some((between, Arc::clone(&bytes)));
        Ok(bytes)
    }
}
