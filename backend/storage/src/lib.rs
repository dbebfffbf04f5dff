//! Where AiSOC keeps what must outlive a process.
//!
//! * [`database`]: PostgreSQL with several hosts, one of which takes writes; the writer is found again by itself
//!   after a failover. Everything tenants see (alerts, incidents, investigations, annotations) is there.
//! * [`clusters`]: which of several such databases keeps a tenant's data.
//! * [`event_store`]: the region's own events, one SQLite file a day.
//! * [`cache`]: answers worth keeping, in the process and in Redis.
//!
//! Not here: the bus and its spool (`aisoc-bus`), the operations journal (`aisoc-control-plane`).

pub mod alerts;
pub mod annotations;
pub mod cache;
pub mod clusters;
pub mod database;
pub mod dsn;
pub mod error;
pub mod event_store;
pub mod fusion;
pub mod heartbeat;
pub mod incidents;
pub mod investigations;
pub mod migrations;
pub mod page;
mod row;
pub mod sla;
pub mod tenants;
mod trace;

pub use cache::Cache;
pub use clusters::{ClusterUrls, Clusters, Lane};
pub use database::Database;
pub use error::{Error, Result};
pub use event_store::EventStore;
pub use page::{Cursor, Page};
