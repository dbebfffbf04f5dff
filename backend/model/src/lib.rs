//! The vocabulary of AiSOC Regions: what a region, a lag, an SLI, an alert and an operation *are*.
//!
//! Every other crate speaks in these types. There is no IO here and nothing asynchronous: values, their
//! invariants, and pure functions over them. One frame of the whole picture is a [`world::World`]; the
//! console draws it, a recording stores it, `status --output json` prints it.

pub mod alert;
pub mod approval;
pub mod certificate;
pub mod clock;
pub mod clusters;
pub mod drill;
pub mod dsn;
pub mod event;
pub mod fence;
pub mod ids;
pub mod inventory;
pub mod journal;
pub mod lag;
pub mod load_balancer;
pub mod managed;
pub mod observed;
pub mod operation;
pub mod plan;
pub mod record;
pub mod region;
pub mod runbook;
pub mod service_map;
pub mod sla;
pub mod sli;
pub mod slo;
pub mod text;
pub mod thresholds;
pub mod topology;
pub mod vantage;
pub mod world;

pub use clock::{Clock, SystemClock};
pub use ids::{ClusterName, RegionId};
pub use observed::{Absence, Freshness, Observed};
