//! The control plane: observes every region, concludes, and carries out operations.
//!
//! `observe` looks, `world` merges what was seen into one frame, `alerts` judges it, `server` shows it to
//! consoles, `operations` acts through `drivers`. Nothing here decides without a fresh observation.

pub mod alerts;
pub mod clients;
pub mod coordination;
pub mod drivers;
mod health_check;
pub mod observe;
mod office;
pub mod operations;
mod run;
pub mod runbooks;
pub mod server;
pub mod world;

pub use health_check::health_check;
pub use run::{Config, run};

use anyhow::Context;
use std::path::Path;

/// The token in a file: its first line.
pub(crate) fn read_token(file: impl AsRef<Path>) -> anyhow::Result<String> {
    let file = file.as_ref();
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("token file {}: cannot be read", file.display()))?;
    let token = text.lines().next().unwrap_or_default().trim();
    anyhow::ensure!(!token.is_empty(), "token file {}: is empty", file.display());
    Ok(token.to_owned())
}
