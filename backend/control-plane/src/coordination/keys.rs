//! What is kept in etcd, and under which keys: everything of an environment below `/aisoc/<environment>/`.

use crate::operations::event::Event;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The keys of an environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keys {
    root: String,
}

impl Keys {
    /// The keys below this environment's name.
    #[must_use]
    pub fn new(environment: &str) -> Self {
        // A name with a slash would reach into another environment's keys.
        let name: String = environment.replace('/', "_");
        Self {
            root: format!("/aisoc/{name}"),
        }
    }

    /// Who may act; bound to the holder's lease.
    #[must_use]
    pub fn leader(&self) -> String {
        format!("{}/leader", self.root)
    }

    /// How often the right to act was won; stays.
    #[must_use]
    pub fn epoch(&self) -> String {
        format!("{}/epoch", self.root)
    }

    /// Prefix of the control planes that are alive.
    #[must_use]
    pub fn members(&self) -> String {
        format!("{}/members/", self.root)
    }

    /// One of them; bound to its lease.
    #[must_use]
    pub fn member(&self, name: &str) -> String {
        format!("{}{}", self.members(), name.replace('/', "_"))
    }

    /// What the holder leaves for the next one; stays.
    #[must_use]
    pub fn handover(&self) -> String {
        format!("{}/handover", self.root)
    }

    /// Prefix of the mirrored operations.
    #[must_use]
    pub fn operations(&self) -> String {
        format!("{}/operations/", self.root)
    }

    /// Prefix of one operation's events.
    #[must_use]
    pub fn operation(&self, id: &str) -> String {
        format!("{}{id}/", self.operations())
    }

    /// An event of an operation, from 0 without gaps.
    #[must_use]
    pub fn event(&self, id: &str, number: u64) -> String {
        format!("{}{number:08}", self.operation(id))
    }

    /// The operation's id and the event's number in a key.
    #[must_use]
    pub fn parse_event<'a>(&self, key: &'a str) -> Option<(&'a str, u64)> {
        let rest = key.strip_prefix(&self.operations())?;
        let (id, number) = rest.split_once('/')?;
        Some((id, number.parse().ok()?))
    }
}

/// A control plane, as the others reach it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it serves consoles, `http://host:port`.
    pub consoles: String,
    /// Where it takes telemetry, `http://host:port`.
    pub otlp: String,
}

/// The value of the leader's key: compared as a whole, so that no two terms share one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leader {
    /// Who.
    pub member: Member,
    /// Under which epoch.
    pub epoch: u64,
    /// The lease it is bound to.
    pub lease: i64,
}

/// A mirrored event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mirrored {
    /// When it happened.
    pub at: Timestamp,
    /// The control plane that wrote it.
    pub by: String,
    /// Under which epoch.
    pub epoch: u64,
    /// What happened.
    pub event: Event,
}

#[cfg(test)]
mod unit {
    use super::*;

    #[test]
    fn keys_of_events_are_in_order_and_read_back() {
        let keys = Keys::new("local");
        assert_eq!(keys.event("op", 7), "/aisoc/local/operations/op/00000007");
        assert_eq!(keys.parse_event(&keys.event("op", 7)), Some(("op", 7)));
        assert!(keys.event("op", 9) < keys.event("op", 10));
        assert_eq!(keys.parse_event(&keys.leader()), None);
        assert!(Keys::new("a/../b").leader().starts_with("/aisoc/a_.._b/"));
    }
}
