//! Plans: what an operation would do, decided before anything changes.

use crate::fence::FenceKind;
use crate::ids::{ClusterName, RegionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Seconds that a drain lasts when nobody says how long: half a working day.
pub const DRAIN_SECONDS: u32 = 4 * 3_600;
/// Seconds that a drain may last at most: longer is a region that has been given up, not drained.
pub const LONGEST_DRAIN_SECONDS: u32 = 7 * 24 * 3_600;

/// Seconds that a drain waits for requests and sessions to end when nobody says how long (operations document §4).
pub const DRAIN_DEADLINE_SECONDS: u32 = 60;

/// The operations there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// Take a region out of rotation.
    Drain,
    /// Put it back.
    Restore,
    /// Let a drain last longer.
    RenewDrain,
    /// Move the writer.
    Failover,
    /// Make another member the writer although the present one is gone or not to be trusted.
    EmergencyFailover,
    /// Stop a region's database member and keep it down.
    Fence,
    /// Let a fenced member come back as a replica.
    Rejoin,
    /// Do elsewhere everything that a region did.
    RegionFailover,
    /// Make a managed database's replica the writer.
    Promote,
    /// Return a release to an earlier revision.
    Rollback,
    /// Deploy a release beside the one that serves.
    GreenDeploy,
    /// Switch to it.
    GreenSwitch,
    /// Switch back, or remove it.
    GreenCancel,
    /// Delete what served before the switch.
    BlueDelete,
}

impl OperationKind {
    /// The word on screens and in commands.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Drain => "drain",
            Self::Restore => "restore",
            Self::RenewDrain => "drain-renew",
            Self::Failover => "failover",
            Self::EmergencyFailover => "emergency-failover",
            Self::Fence => "fence",
            Self::Rejoin => "rejoin",
            Self::RegionFailover => "region-failover",
            Self::Promote => "promote",
            Self::Rollback => "rollback",
            Self::GreenDeploy => "green-deploy",
            Self::GreenSwitch => "green-switch",
            Self::GreenCancel => "green-cancel",
            Self::BlueDelete => "blue-delete",
        }
    }
}

/// What an operator asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Target {
    /// Drain a region.
    Drain {
        /// Which.
        region: RegionId,
        /// Seconds to wait for requests and sessions to end (spec: ~60 s).
        deadline_seconds: u32,
        /// Seconds after which the drain ends by itself unless renewed; 0 = [`DRAIN_SECONDS`]. Every drain ends.
        expires_seconds: u32,
    },
    /// Let a drain last longer, counted from the moment at which this is confirmed.
    RenewDrain {
        /// The drained region.
        region: RegionId,
        /// Seconds after which the drain ends by itself.
        expires_seconds: u32,
    },
    /// Return a region to its full weight.
    Restore {
        /// Which.
        region: RegionId,
    },
    /// Make this region's PostgreSQL member the writer.
    Failover {
        /// Of which database cluster.
        cluster: ClusterName,
        /// The new writer's region.
        to: RegionId,
    },
    /// Make this region's PostgreSQL member the writer although the present writer is gone or not to be trusted:
    /// fenced first, then promoted.
    EmergencyFailover {
        /// Of which database cluster.
        cluster: ClusterName,
        /// The new writer's region.
        to: RegionId,
        /// How the old writer is fenced; `None` = by the best proof that can be had.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        proof: Option<FenceKind>,
    },
    /// Stop the PostgreSQL member of this region and keep it down.
    Fence {
        /// Of which database cluster.
        cluster: ClusterName,
        /// Which.
        region: RegionId,
    },
    /// Let the fenced PostgreSQL member of this region come back as a replica.
    Rejoin {
        /// Of which database cluster.
        cluster: ClusterName,
        /// Which.
        region: RegionId,
    },
    /// Leave a region that is down: its traffic goes elsewhere, and the writer with it.
    RegionFailover {
        /// The region to leave.
        region: RegionId,
        /// The region that takes over; a DR-only one only when it is named here.
        to: RegionId,
    },
    /// Make this region's replica of a managed database (RDS, Aurora) the writer.
    Promote {
        /// The new writer's region.
        to: RegionId,
        /// Whether acknowledged writes may be lost, where the product has a way without.
        allow_data_loss: bool,
    },
    /// Return a release to a revision.
    Rollback {
        /// Release name, for example `aisoc-us-east-1`.
        release: String,
        /// Revision; `None` = the last good one, resolved and named in the plan.
        revision: Option<u32>,
    },
    /// Deploy a release beside the one that serves, out of rotation, and test it.
    GreenDeploy {
        /// Release name.
        release: String,
        /// Settings on top of those in force; an empty value unsets one.
        settings: BTreeMap<String, String>,
    },
    /// Switch to the release beside by weights, and keep the former one for a while.
    GreenSwitch {
        /// Release name.
        release: String,
    },
    /// Before the switch: remove green. After it: switch back to blue and remove green.
    GreenCancel {
        /// Release name.
        release: String,
    },
    /// Delete what served before the switch.
    BlueDelete {
        /// Release name.
        release: String,
    },
}

impl Target {
    /// Which operation it is.
    #[must_use]
    pub fn kind(&self) -> OperationKind {
        match self {
            Self::Drain { .. } => OperationKind::Drain,
            Self::Restore { .. } => OperationKind::Restore,
            Self::RenewDrain { .. } => OperationKind::RenewDrain,
            Self::Failover { .. } => OperationKind::Failover,
            Self::EmergencyFailover { .. } => OperationKind::EmergencyFailover,
            Self::Fence { .. } => OperationKind::Fence,
            Self::Rejoin { .. } => OperationKind::Rejoin,
            Self::RegionFailover { .. } => OperationKind::RegionFailover,
            Self::Promote { .. } => OperationKind::Promote,
            Self::Rollback { .. } => OperationKind::Rollback,
            Self::GreenDeploy { .. } => OperationKind::GreenDeploy,
            Self::GreenSwitch { .. } => OperationKind::GreenSwitch,
            Self::GreenCancel { .. } => OperationKind::GreenCancel,
            Self::BlueDelete { .. } => OperationKind::BlueDelete,
        }
    }

    /// The database cluster that it is about, where it is about one.
    #[must_use]
    pub fn cluster(&self) -> Option<&ClusterName> {
        match self {
            Self::Failover { cluster, .. }
            | Self::EmergencyFailover { cluster, .. }
            | Self::Fence { cluster, .. }
            | Self::Rejoin { cluster, .. } => Some(cluster),
            _ => None,
        }
    }

    /// The name that a person has to type to confirm: the region's or the release's.
    #[must_use]
    pub fn confirmation(&self) -> &str {
        match self {
            Self::Drain { region, .. }
            | Self::Restore { region }
            | Self::RenewDrain { region, .. }
            | Self::Fence { region, .. }
            | Self::RegionFailover { region, .. }
            | Self::Rejoin { region, .. } => region.as_str(),
            Self::Failover { to, .. } | Self::EmergencyFailover { to, .. } | Self::Promote { to, .. } => {
                to.as_str()
            }
            Self::Rollback { release, .. }
            | Self::GreenDeploy { release, .. }
            | Self::GreenSwitch { release }
            | Self::GreenCancel { release }
            | Self::BlueDelete { release } => release,
        }
    }
}

impl Target {
    /// The command that shows its plan and changes nothing, as it is typed in a shell. Where there are `several` database
    /// clusters it names the one that it is about.
    #[must_use]
    pub fn plan_command(&self, several: bool) -> String {
        let mut words = vec!["aisoc-console".to_owned(), "plan".to_owned()];
        let mut say = |parts: &[&str]| words.extend(parts.iter().map(|part| shell_word(part)));
        match self {
            Self::Drain {
                region,
                deadline_seconds,
                expires_seconds,
            } => {
                say(&["drain", region.as_str()]);
                if *deadline_seconds != DRAIN_DEADLINE_SECONDS {
                    say(&["--deadline", &deadline_seconds.to_string()]);
                }
                if ![0, DRAIN_SECONDS].contains(expires_seconds) {
                    say(&["--expires", &expires_seconds.to_string()]);
                }
            }
            Self::RenewDrain {
                region,
                expires_seconds,
            } => say(&[
                "drain-renew",
                region.as_str(),
                "--for",
                &expires_seconds.to_string(),
            ]),
            Self::Restore { region } => say(&["restore", region.as_str()]),
            Self::Failover { to, .. } => say(&["failover", "--to", to.as_str()]),
            Self::EmergencyFailover { to, proof, .. } => {
                say(&["failover", "--to", to.as_str(), "--emergency"]);
                if let Some(proof) = proof {
                    say(&["--proof", proof.word()]);
                }
            }
            Self::Fence { region, .. } => say(&["fence", region.as_str()]),
            Self::Rejoin { region, .. } => say(&["rejoin", region.as_str()]),
            Self::RegionFailover { region, to } => {
                say(&["region-failover", region.as_str(), "--to", to.as_str()]);
            }
            Self::Promote { to, allow_data_loss } => {
                say(&["promote", "--to", to.as_str()]);
                if *allow_data_loss {
                    say(&["--allow-data-loss"]);
                }
            }
            Self::Rollback { release, revision } => {
                say(&["rollback", "--release", release]);
                if let Some(revision) = revision {
                    say(&["--revision", &revision.to_string()]);
                }
            }
            Self::GreenDeploy { release, settings } => {
                say(&["green-deploy", "--release", release]);
                for (key, value) in settings {
                    say(&["--set", &format!("{key}={value}")]);
                }
            }
            Self::GreenSwitch { release } => say(&["green-switch", "--release", release]),
            Self::GreenCancel { release } => say(&["green-cancel", "--release", release]),
            Self::BlueDelete { release } => say(&["blue-delete", "--release", release]),
        }
        if let Some(cluster) = self.cluster().filter(|_| several) {
            say(&["--cluster", cluster.as_str()]);
        }
        words.join(" ")
    }
}

/// A word as a shell reads it back; control characters, which no name has, are lost.
fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let text = crate::text::sanitize(text, 300);
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// A request for a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanRequest {
    /// What is asked for.
    pub target: Target,
    /// Why, in the operator's words; required to execute.
    pub reason: String,
    /// Gates overridden by name, each with its own reason.
    pub overrides: Vec<Override>,
    /// Why it has to be done although the control planes cannot agree who may act; needs a second person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_glass: Option<String>,
}

/// A gate that an operator overrides on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Override {
    /// The gate's name.
    pub gate: String,
    /// Why.
    pub reason: String,
}

/// What will be done, on which facts, through which gates. Making one changes nothing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Id, `UUIDv7`; becomes the operation's id when it is executed.
    pub id: String,
    /// What was asked for.
    pub request: PlanRequest,
    /// Who asked.
    pub requested_by: String,
    /// Environment name and kind, so that a plan for staging cannot run in production.
    pub environment: String,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it can no longer be executed.
    pub expires_at: Timestamp,
    /// One sentence: what will happen.
    pub summary: String,
    /// What it rests on.
    pub facts: Vec<Fact>,
    /// The gates and how each was decided.
    pub gates: Vec<Gate>,
    /// The steps in order.
    pub steps: Vec<PlannedStep>,
    /// Predicted write outage, milliseconds; `None` when writes are not touched.
    pub predicted_write_outage_ms: Option<u64>,
    /// Who is affected, each a sentence.
    pub affected: Vec<String>,
    /// The database clusters whose writer it moves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub clusters: Vec<ClusterName>,
    /// Key of the recovery objective this is measured against, if any (`assets/slo.yaml`).
    pub objective: Option<String>,
    /// SHA-256 of all the above, hex.
    pub hash: String,
}

impl Plan {
    /// The hash over everything but the hash itself.
    #[must_use]
    pub fn computed_hash(&self) -> String {
        let mut unhashed = self.clone();
        unhashed.hash.clear();
        // Struct fields serialize in declaration order and maps inside are sorted by key: the text is canonical.
        let text = serde_json::to_vec(&unhashed).unwrap_or_default();
        hex::encode(Sha256::digest(&text))
    }

    /// The same plan with its hash filled in.
    #[must_use]
    pub fn sealed(mut self) -> Self {
        self.hash = self.computed_hash();
        self
    }

    /// Whether no gate stops it. A second person may still have to approve it: [`Plan::needs_approval`].
    #[must_use]
    pub fn may_execute(&self) -> bool {
        self.gates.iter().all(|g| !g.decision.stops())
    }

    /// The gates that stop it.
    pub fn refusals(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(|g| g.decision.stops())
    }

    /// The gates that let it pass only with a second person's approval.
    pub fn approval_gates(&self) -> impl Iterator<Item = &Gate> {
        self.gates
            .iter()
            .filter(|g| g.decision == Decision::NeedsApproval)
    }

    /// Whether a second person has to approve it before it is carried out.
    #[must_use]
    pub fn needs_approval(&self) -> bool {
        self.approval_gates().next().is_some()
    }
}

/// A fact that a plan rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fact {
    /// Name, for example `eu-west-1 replication_state`.
    pub name: String,
    /// Value as text.
    pub value: String,
    /// Who observed it.
    pub source: String,
    /// When.
    pub observed_at: Option<Timestamp>,
}

/// A gate's decision with its evidence.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gate {
    /// Name, for example `rpo`, `survivor_capacity`, `one_operation`; overrides use it.
    pub name: String,
    /// How it was decided.
    pub decision: Decision,
    /// One sentence: why.
    pub why: String,
    /// What it looked at.
    pub evidence: Vec<String>,
}

/// How a gate was decided. Unknown facts refuse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decision {
    /// Safe.
    Pass,
    /// Not safe, and no override exists.
    Refuse,
    /// Not safe unless the operator overrides this gate by name.
    NeedsOverride,
    /// The operator has overridden it.
    Overridden,
    /// Not safe unless a second person approves this very plan ([`crate::approval`]).
    NeedsApproval,
}

impl Decision {
    /// Whether a plan with this decision cannot be carried out, approved or not.
    #[must_use]
    pub fn stops(self) -> bool {
        matches!(self, Self::Refuse | Self::NeedsOverride)
    }
}

/// A step of a plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedStep {
    /// Key within the plan, for example `weight-50`.
    pub id: String,
    /// What it does, for a person.
    pub title: String,
    /// The exact request it will make.
    pub request: String,
    /// How it is undone; `None` when it cannot be or changes nothing.
    pub undo: Option<String>,
    /// After this step there is no way back within the operation.
    pub point_of_no_return: bool,
}

/// How a plan that is being shown stands now: its gates, decided again on facts that were read again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The plan's id.
    pub plan: String,
    /// When the facts were read.
    pub at: Timestamp,
    /// The gates as they would be decided now.
    pub gates: Vec<Gate>,
    /// What moved since the plan was made, each of which would refuse it now; empty while it holds.
    pub moved: Vec<String>,
    /// What is still being made ready for it, or why it cannot be; `None` when nothing is left.
    pub preparing: Option<String>,
}

impl Standing {
    /// Whether the plan would be carried out if it was confirmed now, with nothing left to make ready.
    #[must_use]
    pub fn ready(&self) -> bool {
        self.moved.is_empty() && self.preparing.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        Plan {
            id: "1".into(),
            request: PlanRequest {
                target: Target::Failover {
                    cluster: "main".parse().unwrap(),
                    to: "eu-west-1".parse().unwrap(),
                },
                reason: "maintenance".into(),
                overrides: vec![],
                break_glass: None,
            },
            requested_by: "op".into(),
            environment: "local".into(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            summary: String::new(),
            facts: vec![],
            gates: vec![],
            steps: vec![],
            predicted_write_outage_ms: None,
            affected: vec![],
            clusters: vec![],
            objective: None,
            hash: String::new(),
        }
        .sealed()
    }

    #[test]
    fn any_change_changes_the_hash() {
        let sealed = plan();
        assert_eq!(sealed.hash, sealed.computed_hash());
        let mut changed = sealed.clone();
        changed.request.reason.push('!');
        assert_ne!(changed.computed_hash(), sealed.hash);
    }

    #[test]
    fn a_target_has_a_command() {
        let drain = |deadline_seconds, expires_seconds| Target::Drain {
            region: "us-east-1".parse().unwrap(),
            deadline_seconds,
            expires_seconds,
        };
        let command = |target: Target| target.plan_command(false);
        assert_eq!(command(drain(60, 0)), "aisoc-console plan drain us-east-1");
        assert_eq!(
            command(drain(30, 90)),
            "aisoc-console plan drain us-east-1 --deadline 30 --expires 90"
        );
        let release = "it's; $(reboot)".to_owned();
        assert_eq!(
            command(Target::GreenSwitch { release }),
            r"aisoc-console plan green-switch --release 'it'\''s; $(reboot)'"
        );
    }

    #[test]
    fn one_refusal_stops_a_plan() {
        let mut plan = plan();
        assert!(plan.may_execute());
        let gate = |decision| Gate {
            name: "rpo".into(),
            decision,
            why: String::new(),
            evidence: vec![],
        };
        plan.gates = vec![gate(Decision::Pass), gate(Decision::Overridden)];
        assert!(plan.may_execute());
        plan.gates.push(gate(Decision::NeedsOverride));
        assert!(!plan.may_execute());
        assert_eq!(plan.refusals().count(), 1);
    }
}
