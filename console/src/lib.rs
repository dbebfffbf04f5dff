//! The console of `AiSOC` Regions: one program for the NOC wall, the SRE's terminal and the bastion.
//!
//! Elm-shaped. [`model::Model`] is everything the screen depends on, [`update::update`] is the only function that
//! changes it and does no IO, [`ui::draw`] is a pure function from it to a buffer. Around them: [`source`] brings
//! frames, [`runtime`] carries out effects, [`terminal`] owns the terminal. A new page is a file in [`ui::pages`]
//! and a line in its table; a new binding is a line in [`keys::BINDINGS`].

pub mod action;
pub mod capabilities;
pub mod config;
pub mod connection;
pub mod direct;
pub mod error;
pub mod explain;
pub mod facts;
pub mod filter;
pub mod format;
pub mod history;
pub mod keys;
pub mod message;
pub mod model;
pub mod notify;
pub mod page;
pub mod palette;
pub mod plain;
pub mod preferences;
pub mod redaction;
pub mod replay;
pub mod runbook;
pub mod runtime;
pub mod safety;
pub mod snapshot;
pub mod source;
pub mod svg;
pub mod table;
pub mod terminal;
pub mod theme;
pub mod ui;
pub mod update;
pub mod wall;

#[cfg(test)]
mod fixture;

pub use error::ConsoleError;
pub use runtime::{Options, run};
