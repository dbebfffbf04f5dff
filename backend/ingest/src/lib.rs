//! Takes security events in, makes them durable, and sends them to every region that may have them.
//!
//! A request becomes items ([`envelope`]), items become normalised records ([`normalise`], [`accept`]), records
//! go into the fsync'd spool, and only then the client is answered. The process also hosts the region's bus.
//!
//! Another way in (Splunk HEC, Elastic bulk, syslog) is another parser that yields items for
//! [`accept::Acceptor`]; everything after that is shared. What events mean is decided later, by enrichment and
//! alert fusion: nothing is matched or enriched here.

pub mod accept;
pub mod answer;
pub mod body;
pub mod config;
pub mod envelope;
pub mod host;
pub mod identity;
pub mod normalise;
pub mod routes;
pub mod service;
pub mod tenants;

pub use config::{Config, Limits, parse_peers};
pub use service::{Service, run};
