//! The gRPC contract between consoles and control planes, and a typed client for it.
//!
//! [`proto`] is generated from `proto/regions.proto`. [`client::Client`] is what a console uses: it speaks in
//! [`aisoc_model`] types and in [`error::RpcError`], which tells a refused token from a dead network. [`recording`] is
//! the form in which frames are kept, fetched and replayed.

pub mod client;
pub mod error;
pub mod json;
pub mod recording;

/// Generated messages, client and server.
#[allow(missing_docs, clippy::all, clippy::pedantic, clippy::indexing_slicing)]
pub mod proto {
    tonic::include_proto!("aisoc.regions.v1");
}
