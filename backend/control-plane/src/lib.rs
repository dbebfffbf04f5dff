//! The control plane: observes every region, concludes, and carries out operations.
//!
//! `observe` looks, `world` merges what was seen into one frame, `alerts` judges it, `server` shows it to
//! consoles, `operations` acts through `drivers`. Nothing here decides without a fresh observation.

pub mod clients;
pub mod drivers;
pub mod operations;
