//! gRPC for consoles: who may ask what, the stream of frames, and operations on behalf of people.

pub mod auth;
mod encoded;
mod recordings;
mod relay;
mod service;
pub mod watch;

pub use relay::Role;
pub use service::{Parts, serve};
