//! The connection to a control plane as a state that a person can see.

use jiff::Timestamp;

/// Where the frames come from, and how that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Connection {
    /// Trying an address.
    Connecting {
        /// The address.
        endpoint: String,
    },
    /// Frames arrive.
    Live {
        /// The address.
        endpoint: String,
    },
    /// Connected, but nothing arrived for longer than a heartbeat takes.
    Silent {
        /// The address.
        endpoint: String,
        /// When something arrived last.
        since: Timestamp,
    },
    /// Not connected.
    Lost {
        /// When it broke, or when the first try failed.
        since: Timestamp,
        /// What was tried and what came back.
        why: String,
        /// When it is tried again; `None` while it is being tried.
        retry_at: Option<Timestamp>,
    },
    /// The control plane does not accept the token. Trying again would not help.
    Refused {
        /// Its words.
        why: String,
    },
    /// One frame, drawn without a connection (`snapshot`).
    Still,
    /// What is shown was recorded.
    Replay,
}

impl Connection {
    /// Whether what is shown is what is.
    #[must_use]
    pub fn trustworthy(&self) -> bool {
        matches!(self, Self::Live { .. } | Self::Still)
    }

    /// Whether what is shown was so at the time that the screen says: not after a connection was lost.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.trustworthy() || *self == Self::Replay
    }
}
