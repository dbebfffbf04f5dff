//! The backend binary.
fn main() {}
