//! The vendors' load balancers against servers that hold their contracts: method, path, headers, body, optimistic
//! lock, documented errors, answers that get lost, and somebody else who changes the same.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod vendors;
