//! Exit codes: one table for `--help`, scripts and tests.

use aisoc_rpc::error::RpcError;

/// How a command ended, when it was carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok,
    /// The operation failed, or `status` found something that is not healthy.
    NotAsWanted,
    /// A gate, a drifted or an expired plan, or a wrong confirmation refused.
    Refused,
    /// The outcome is not known.
    Unknown,
}

/// Why a command was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// Bad input.
    #[error("{0}")]
    Usage(String),
    /// The control plane said no, or said nothing.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// The settings are not understood.
    #[error(transparent)]
    Config(#[from] aisoc_console::config::ConfigError),
    /// A key of the bastion that belongs to nobody here.
    #[error("{0}")]
    NoRole(String),
    /// Standard output is gone.
    #[error("{0}")]
    Output(String),
    /// The screen could not be used, or stopped working.
    #[error(transparent)]
    Console(#[from] aisoc_console::ConsoleError),
}

/// The exit codes, as `--help` shows them.
pub const TABLE: &str = "\
Exit codes:
  0  done; for `status` and `health-check`: healthy
  1  the operation failed; for `status` and `health-check`: not healthy
  2  bad input: unknown region, missing confirmation, unreadable file
  3  no control plane answers
  4  the token was refused, or its role may not do this
  5  refused by a gate, because the plan drifted or expired, or because the confirmation does not match
  6  the outcome is not known; look at `operations list` before trying again. For `health-check`: nobody can tell
  7  no terminal for the screen (use `status` or `snapshot`)";

impl Exit {
    /// The process's exit code.
    pub fn code(self) -> u8 {
        match self {
            Self::Ok => 0,
            Self::NotAsWanted => 1,
            Self::Refused => 5,
            Self::Unknown => 6,
        }
    }
}

impl CliError {
    /// The process's exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Usage(_)
            | Self::Config(_)
            | Self::Rpc(RpcError::Address { .. } | RpcError::NotFound(_) | RpcError::Invalid(_)) => 2,
            Self::Output(_) => 1,
            Self::Rpc(RpcError::Unreachable { .. } | RpcError::Document { .. }) => 3,
            Self::NoRole(_) | Self::Rpc(RpcError::Unauthenticated(_) | RpcError::Forbidden(_)) => 4,
            Self::Rpc(RpcError::Refused(_)) => 5,
            Self::Rpc(RpcError::Unknown(_)) => 6,
            Self::Console(error) => error.exit_code(),
        }
    }
}
