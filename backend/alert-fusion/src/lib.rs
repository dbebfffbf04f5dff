//! Events to alerts to incidents.
//!
//! * [`detect`]: which Sigma rules an event matches;
//! * [`fuse`]: pure correlation of matches to alerts and incidents;
//! * [`service`]: the loop from the bus to PostgreSQL and on to the agents.
//!
//! Not here: what an alert means (that is the agents' work) and how it is stored (`aisoc-storage`).

pub mod detect;
pub mod fuse;
