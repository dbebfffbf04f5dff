//! Parts that several pages use.

pub mod big;
pub mod detail;
pub mod gauge;
pub mod hero;
pub mod observed;
pub mod panel;
pub mod sparkline;
pub mod state;
pub mod table;
