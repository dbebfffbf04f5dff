//! Drills: the chaos checklist (operations document §9), what counts as having done one, and how it went.

use crate::plan::OperationKind;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The checklist of `assets/drills.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checklist {
    /// How often each is to be done, days.
    pub every_days: u32,
    /// The drills, in the document's order.
    pub drills: Vec<Drill>,
}

/// One drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// A key, for example `promote-replica`.
    pub id: String,
    /// What is done.
    pub title: String,
    /// What has to be seen.
    pub confirm: String,
    /// What counts as having done it.
    pub by: DrillMeans,
    /// The command that begins it, when there is one.
    pub command: Option<String>,
}

/// What counts as having done a drill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum DrillMeans {
    /// A process of this kind was killed or frozen by a fault; all stays well meanwhile.
    SurvivesLossOf {
        /// Kind of the process.
        process: String,
    },
    /// A process of this kind was killed or frozen by a fault; one of these alerts fires in time.
    AlertsOnLossOf {
        /// Kind of the process.
        process: String,
        /// Names of the rules.
        alerts: Vec<String>,
        /// Seconds.
        within_seconds: u32,
    },
    /// An operation of this kind ended within its recovery objective.
    Operation {
        /// The kind.
        kind: OperationKind,
    },
    /// It cannot be done here, and why.
    Impossible {
        /// Why.
        why: String,
    },
}

/// A drill that is being done, or the latest time it was.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DrillRun {
    /// The drill's id.
    pub drill: String,
    /// What was done: the fault or the operation, in words.
    pub how: String,
    /// When it began.
    pub since: Timestamp,
    /// When it ended; `None` while it goes on.
    pub ended_at: Option<Timestamp>,
    /// How it went.
    pub result: DrillResult,
    /// What that rests on.
    pub evidence: String,
}

/// How a drill went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DrillResult {
    /// It goes on.
    Running,
    /// What had to be seen was seen.
    Passed,
    /// It was not.
    Failed,
    /// Nobody can tell: something that had to be seen was not known.
    Unclear,
}

/// Why a checklist cannot be used.
#[cfg(feature = "yaml")]
#[derive(Debug, thiserror::Error)]
#[error("drill checklist: {0}; compare it with assets/drills.yaml")]
pub struct ChecklistError(String);

#[cfg(feature = "yaml")]
impl Checklist {
    /// Reads a checklist's text.
    ///
    /// # Errors
    /// When it is not YAML of this shape.
    pub fn parse(yaml: &str) -> Result<Self, ChecklistError> {
        serde_saphyr::from_str(yaml).map_err(|e| ChecklistError(e.to_string()))
    }

    /// The file compiled in.
    ///
    /// # Errors
    /// Never for a released build: a test parses the same text.
    pub fn builtin() -> Result<Self, ChecklistError> {
        Self::parse(include_str!("../../../assets/drills.yaml"))
    }
}

#[cfg(all(test, feature = "yaml"))]
mod tests {
    use super::*;
    use crate::slo::Slo;
    use std::collections::BTreeSet;

    #[test]
    fn the_checklist_is_the_documents_and_names_rules_that_exist() {
        let list = Checklist::builtin().unwrap();
        assert_eq!(list.drills.len(), 6);
        let ids: BTreeSet<_> = list.drills.iter().map(|drill| &drill.id).collect();
        assert_eq!(ids.len(), list.drills.len());
        let slo = Slo::builtin().unwrap();
        for drill in &list.drills {
            if let DrillMeans::AlertsOnLossOf { alerts, .. } = &drill.by {
                for name in alerts {
                    assert!(slo.alerts.iter().any(|rule| rule.name == *name), "{name}");
                }
            }
        }
    }
}
