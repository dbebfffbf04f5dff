//! Failures that a person reads: what was tried, why it failed, what to do next, and the exit code.

use std::fmt;

/// Exit codes of the `aisoc` command.
pub mod exit {
    /// Done.
    pub const OK: u8 = 0;
    /// Failed, or the state is not the wanted one.
    pub const FAILED: u8 = 1;
    /// Bad usage or input.
    pub const USAGE: u8 = 2;
    /// The supervisor cannot be reached.
    pub const UNREACHABLE: u8 = 3;
    /// The supervisor refused the token.
    pub const FORBIDDEN: u8 = 4;
    /// Refused because of the present state.
    pub const REFUSED: u8 = 5;
    /// Not done within the time; the outcome is unknown.
    pub const UNKNOWN: u8 = 6;
    /// A system package is missing.
    pub const PACKAGES: u8 = 8;
}

/// A failure with its exit code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Exit code, one of [`exit`].
    pub code: u8,
    /// What was tried and why it failed.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

impl Failure {
    /// A failure with an explicit exit code.
    pub fn new(code: u8, what: impl Into<String>, next: impl Into<String>) -> Self {
        Self {
            code,
            what: what.into(),
            next: next.into(),
        }
    }

    /// Bad input.
    pub fn usage(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(exit::USAGE, what, next)
    }

    /// Refused by the present state.
    pub fn refused(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(exit::REFUSED, what, next)
    }

    /// Tried and failed.
    pub fn failed(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self::new(exit::FAILED, what, next)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if !self.next.is_empty() {
            write!(f, "\n  {}", self.next)?;
        }
        Ok(())
    }
}

impl std::error::Error for Failure {}

/// The failure inside `error`, or one with exit code 1 made of its chain.
#[must_use]
pub fn as_failure(error: &anyhow::Error) -> Failure {
    error
        .downcast_ref::<Failure>()
        .cloned()
        .unwrap_or_else(|| Failure::failed(format!("{error:#}"), ""))
}
