//! Tests of the operations: decisions as tables, the engine at every boundary of its journal, the service with
//! drivers that count what they are made to do.

mod adoption;
mod archive;
mod blue_green;
mod boundaries;
mod clusters;
mod dsn;
mod emergency;
mod escort;
mod fakes;
pub(super) mod fixture;
mod gates_database;
mod gates_region;
mod gates_traffic;
mod journal;
mod kinds;
mod managed;
mod refusals;
mod region_failover;
mod releases;
mod service;
mod sights;
