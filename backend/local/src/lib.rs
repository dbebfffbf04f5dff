//! The local world: three regions made of real parts on one machine, and what one does with it.
//!
//! [`world`] decides what there is (regions, ports, passwords), [`parts`] says how each part is configured and
//! started, [`supervise`] runs them and answers for them over HTTP, [`faults`] breaks them, [`releases`] is the
//! history of what the regions' services run, [`cli`] is the command `aisoc local`. [`generator`] makes traffic,
//! [`ingest_file`] sends a file of events. Nothing here is used in production, where Kubernetes and Helm do this.

pub mod cli;
pub mod client;
pub mod error;
pub mod faults;
pub mod generator;
pub mod ingest_file;
pub mod packages;
pub mod parts;
pub mod privileges;
pub mod rates;
pub mod releases;
pub mod state;
pub mod supervise;
pub mod world;
