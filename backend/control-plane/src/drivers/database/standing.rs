//! What every member of the cluster still has and does, when the writer is gone or not to be trusted. The values;
//! reading them is `emergency`'s part.

use super::Seen;
use super::dcs::LeaderKey;
use aisoc_model::RegionId;
use std::collections::BTreeMap;

/// The cluster without the assumption that anything of it works.
#[derive(Debug, Clone, PartialEq)]
pub struct Standing {
    /// Each region's member.
    pub members: BTreeMap<RegionId, MemberStanding>,
    /// Patroni's leader key; `Ok(None)` when nobody leads.
    pub leader: Seen<Option<LeaderKey>>,
}

/// One member.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberStanding {
    /// Patroni member name.
    pub name: String,
    /// Its server.
    pub server: Seen<Held>,
    /// Its Patroni.
    pub agent: Seen<Agent>,
    /// Whether the ports of its server and of its Patroni answer at all.
    pub knock: Seen<Knocks>,
}

/// What a server has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// Follows; otherwise it writes.
    pub in_recovery: bool,
    /// The end of the log that it has: received and flushed on a replica, written on a writer.
    pub lsn: u64,
    /// Timeline of that log.
    pub timeline: u64,
    /// System identifier.
    pub system_identifier: String,
}

/// What a member's Patroni says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Agent {
    /// Runs its server as the one that writes.
    pub primary: bool,
    /// `running`, `streaming`, …
    pub state: String,
    /// `tags.nofailover`.
    pub nofailover: bool,
    /// Maintenance mode of the cluster.
    pub paused: bool,
}

/// How a port answers to a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Knock {
    /// It is accepted.
    Accepts,
    /// It is refused by the machine: nobody listens.
    Refuses,
    /// Nothing comes back, or something else.
    Silent(String),
}

/// The ports of a member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Knocks {
    /// PostgreSQL.
    pub server: Knock,
    /// Patroni.
    pub agent: Knock,
}

impl Knock {
    /// For a person.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::Accepts => "accepts connections".to_owned(),
            Self::Refuses => "refuses connections".to_owned(),
            Self::Silent(why) => why.clone(),
        }
    }
}

impl Knocks {
    /// Whether the machine says that neither runs.
    #[must_use]
    pub fn refuse(&self) -> bool {
        self.server == Knock::Refuses && self.agent == Knock::Refuses
    }
}

impl MemberStanding {
    /// What its server has, when it answered.
    #[must_use]
    pub fn held(&self) -> Option<&Held> {
        self.server.what.as_ref().ok()
    }

    /// Whether its server is known to accept writes.
    #[must_use]
    pub fn writes(&self) -> bool {
        self.held().is_some_and(|h| !h.in_recovery)
    }
}

impl Standing {
    /// The regions whose server is known to accept writes.
    #[must_use]
    pub fn writers(&self) -> Vec<&RegionId> {
        let writing = self.members.iter().filter(|(_, m)| m.writes());
        writing.map(|(region, _)| region).collect()
    }

    /// The region of a member.
    #[must_use]
    pub fn region_of(&self, member: &str) -> Option<&RegionId> {
        let found = self.members.iter().find(|(_, m)| m.name == member);
        found.map(|(region, _)| region)
    }
}
