//! The supervisor: owns every process of the local world, keeps it running, and answers for it over HTTP.

pub mod adopt;
pub mod database;
mod http;
pub mod inventory;
mod keep;
mod lifecycle;
pub mod logfile;
pub mod node;
pub mod probe;
pub mod proc;
mod process;
mod rollout;
mod socket;
pub mod start;
pub mod table;

pub use lifecycle::{Failed, Phase, Record, Supervisor, failure_path, run, take_lock};
pub use process::{Command, Handle, Status};
