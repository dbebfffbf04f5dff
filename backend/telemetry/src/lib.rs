//! Telemetry of AiSOC Regions: out of every service, and into the control plane.
//!
//! Out: [`init`] sets up JSON logs on stderr and OTLP export of traces, metrics and logs; [`metrics`] holds
//! every instrument of the product, [`propagation`] carries a trace across the bus, [`probe`] answers
//! `/livez` and `/readyz`. In: [`receive`] is the OTLP receiver, [`sli`] turns histograms into the service
//! level indicators of the operations document.
//!
//! Losing telemetry never costs a request: exports run on threads of their own, from bounded queues, with
//! bounded time, and an unreachable endpoint is reported once, not at every attempt.

mod export;
mod identity;
mod init;
pub mod metrics;
pub mod probe;
pub mod propagation;
pub mod receive;
pub mod retry;
pub mod sli;

pub use identity::Identity;
pub use init::{ExportConfig, Guard, init};
