//! gRPC for consoles: who may ask what, the stream of frames, and operations on behalf of people.

pub mod auth;
mod encoded;
mod service;
pub mod watch;

pub use service::{Parts, serve};
