//! The supervisor: owns every process of the local world, keeps it running, and answers for it over HTTP.

pub mod adopt;
mod daemon;
pub mod database;
mod ending;
pub mod fence;
mod handle;
mod http;
pub mod inventory;
mod keep;
mod launch;
mod lifecycle;
pub mod logfile;
mod looking;
pub mod node;
mod parallel;
pub mod probe;
pub mod proc;
mod process;
mod revisions;
mod rollout;
mod socket;
pub mod start;
pub mod table;

pub use daemon::{Record, failure_path, run, take_lock};
pub use handle::{Command, Handle, Status};
pub use lifecycle::{Failed, Phase, Supervisor};
