//! Fencing: how it is known that a former writer cannot acknowledge a write any more, and what it leaves behind.
//!
//! Only what was observed is a proof; that something was asked for is none.

use crate::ids::{ClusterName, RegionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The kinds of proof, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FenceKind {
    /// Whoever runs the instance has stopped it and shows that nothing of it is left.
    InstanceStopped,
    /// Neither the server nor its Patroni accepts a connection, while their machine answers.
    ServerRefuses,
    /// Nothing can reach it through the network.
    NetworkIsolated,
    /// Two people say so.
    Sworn,
}

impl FenceKind {
    /// All of them, the best first.
    pub const ALL: [Self; 4] = [
        Self::InstanceStopped,
        Self::ServerRefuses,
        Self::NetworkIsolated,
        Self::Sworn,
    ];

    /// The word in commands and documents.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::InstanceStopped => "instance-stopped",
            Self::ServerRefuses => "server-refuses",
            Self::NetworkIsolated => "network-isolated",
            Self::Sworn => "sworn",
        }
    }

    /// What it says, for a person.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::InstanceStopped => "its supervisor stops the instance and shows that nothing of it is left",
            Self::ServerRefuses => "its server and its Patroni refuse connections",
            Self::NetworkIsolated => "nothing reaches it through the network",
            Self::Sworn => "two people say that it is off",
        }
    }
}

impl std::str::FromStr for FenceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.into_iter().find(|k| k.word() == text).ok_or_else(|| {
            let words = Self::ALL.map(Self::word).join(", ");
            format!("there is no fence proof of this name; the proofs are {words}")
        })
    }
}

/// What a server leaves when it was stopped in good order: nothing that it acknowledged lies behind
/// [`DemotionToken::final_lsn`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DemotionToken {
    /// System identifier of the cluster.
    pub system_identifier: String,
    /// Its last timeline.
    pub timeline: u64,
    /// Where its log ends, absolute bytes.
    pub final_lsn: u64,
}

/// How a region's database instance stands with whoever runs it; the answer of the supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FenceStatus {
    /// The database cluster whose member it is.
    pub cluster: ClusterName,
    /// The region.
    pub region: RegionId,
    /// Kept down by a fence: by which operation, and since when.
    pub fenced: Option<FencedBy>,
    /// Its processes that run, each with its id.
    pub running: Vec<String>,
    /// What it left, when it was stopped in good order.
    pub token: Option<DemotionToken>,
}

/// Who keeps an instance down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FencedBy {
    /// The operation.
    pub operation: String,
    /// Since when.
    pub since: Timestamp,
}

impl FenceStatus {
    /// Whether this proves that the instance writes nothing: it is kept down and nothing of it runs.
    #[must_use]
    pub fn proves(&self) -> bool {
        self.fenced.is_some() && self.running.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_lead_back_to_their_kind_and_the_order_is_the_rank() {
        for kind in FenceKind::ALL {
            assert_eq!(kind.word().parse(), Ok(kind));
        }
        assert!("sword".parse::<FenceKind>().is_err());
        assert!(FenceKind::ALL.is_sorted());
    }

    #[test]
    fn an_order_is_no_proof() {
        let mut status = FenceStatus {
            cluster: "main".parse().unwrap(),
            region: "us-east-1".parse().unwrap(),
            fenced: Some(FencedBy {
                operation: "1".into(),
                since: Timestamp::UNIX_EPOCH,
            }),
            running: vec!["postgres 42".into()],
            token: None,
        };
        assert!(!status.proves(), "a process is left");
        status.running.clear();
        assert!(status.proves());
        status.fenced = None;
        assert!(!status.proves(), "it may be started at any moment");
    }
}
