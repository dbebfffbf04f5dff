//! What the tests across crates share: a local world of their own, commands run as a user would run them,
//! load through the load balancer, and the set check of acknowledged writes.

pub mod command;
pub mod events;
pub mod figures;
pub mod load;
pub mod processes;
pub mod pty;
pub mod ssh;
pub mod wait;
pub mod world;
pub mod writes;
