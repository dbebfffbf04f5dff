//! A second person's consent to one plan: bound to its hash, given by somebody else, and not for ever. Pure.

use crate::plan::Plan;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// How long a consent admits the execution of its plan, unless the plan expires before.
pub const LIFETIME: SignedDuration = SignedDuration::from_mins(10);

/// A consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The plan's id.
    pub plan: String,
    /// The hash of the plan that was looked at.
    pub hash: String,
    /// Who consented.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// From when on it admits nothing any more.
    pub expires_at: Timestamp,
}

/// Why a consent is not taken, or does not admit an execution.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotApproved {
    /// No gate of the plan asks for one.
    #[error("plan {0} needs no second person: it can be carried out as it is")]
    NotNeeded(String),
    /// Another gate stops the plan anyway.
    #[error("plan {plan} cannot be carried out, approved or not: gate {gate}")]
    Stopped {
        /// The plan.
        plan: String,
        /// The first gate that stops it.
        gate: String,
    },
    /// The hash is another plan's.
    #[error("the hash is not that of plan {0}: look at the plan again before approving it")]
    OtherPlan(String),
    /// One person is not two.
    #[error("{0} asked for this plan: a second person has to approve it")]
    SamePerson(String),
    /// Nobody consented yet.
    #[error(
        "it needs a second person ({because}); another operator runs `aisoc-console approve {plan} --hash {hash}`, then execute it again"
    )]
    Missing {
        /// The plan.
        plan: String,
        /// Its hash.
        hash: String,
        /// The gates that ask for it.
        because: String,
    },
    /// Whoever consented does not carry it out as well.
    #[error("{0} approved this plan: somebody else has to carry it out")]
    Approver(String),
    /// It was too long ago.
    #[error("the approval by {by} expired at {expires_at}: have it approved again")]
    Expired {
        /// Who gave it.
        by: String,
        /// When it ended.
        expires_at: Timestamp,
    },
    /// The plan itself is over.
    #[error("plan {0} has expired: make a new one")]
    PlanExpired(String),
}

/// The consent of `by` to the plan with this hash.
///
/// # Errors
/// Why it is not taken.
pub fn give(plan: &Plan, hash: &str, by: &str, now: Timestamp) -> Result<Approval, NotApproved> {
    if hash != plan.hash || plan.computed_hash() != plan.hash {
        return Err(NotApproved::OtherPlan(plan.id.clone()));
    }
    if let Some(gate) = plan.refusals().next() {
        return Err(NotApproved::Stopped {
            plan: plan.id.clone(),
            gate: gate.name.clone(),
        });
    }
    if !plan.needs_approval() {
        return Err(NotApproved::NotNeeded(plan.id.clone()));
    }
    if by == plan.requested_by {
        return Err(NotApproved::SamePerson(by.to_owned()));
    }
    if now >= plan.expires_at {
        return Err(NotApproved::PlanExpired(plan.id.clone()));
    }
    let end = now.saturating_add(LIFETIME).unwrap_or(Timestamp::MAX);
    Ok(Approval {
        plan: plan.id.clone(),
        hash: plan.hash.clone(),
        by: by.to_owned(),
        at: now,
        expires_at: end.min(plan.expires_at),
    })
}

/// Whether `executor` may carry the plan out: who consented, or `None` when nobody has to.
///
/// # Errors
/// What is missing.
pub fn admits(
    plan: &Plan,
    given: Option<&Approval>,
    executor: &str,
    now: Timestamp,
) -> Result<Option<String>, NotApproved> {
    if !plan.needs_approval() {
        return Ok(None);
    }
    let Some(approval) = given.filter(|a| a.plan == plan.id && a.hash == plan.hash) else {
        let gates: Vec<&str> = plan.approval_gates().map(|g| g.name.as_str()).collect();
        return Err(NotApproved::Missing {
            plan: plan.id.clone(),
            hash: plan.hash.clone(),
            because: gates.join(", "),
        });
    };
    if now >= approval.expires_at {
        return Err(NotApproved::Expired {
            by: approval.by.clone(),
            expires_at: approval.expires_at,
        });
    }
    if approval.by == executor {
        return Err(NotApproved::Approver(executor.to_owned()));
    }
    Ok(Some(approval.by.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Decision, Gate, PlanRequest, Target};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn plan(decision: Decision) -> Plan {
        Plan {
            id: "1".into(),
            request: PlanRequest {
                target: Target::Failover {
                    cluster: "main".parse().unwrap(),
                    to: "eu-west-1".parse().unwrap(),
                },
                reason: "outage".into(),
                overrides: vec![],
                break_glass: None,
            },
            requested_by: "ann".into(),
            environment: "local".into(),
            created_at: at(0),
            expires_at: at(1_800),
            summary: String::new(),
            facts: vec![],
            gates: vec![Gate {
                name: "data_loss".into(),
                decision,
                why: "writes would be lost".into(),
                evidence: vec![],
            }],
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
    fn two_people_and_one_hash_for_a_while() {
        let plan = plan(Decision::NeedsApproval);
        assert!(plan.may_execute() && plan.needs_approval());
        let approval = give(&plan, &plan.hash, "bob", at(10)).unwrap();
        assert_eq!(approval.expires_at, at(610));
        let given = Some(&approval);
        assert_eq!(admits(&plan, given, "ann", at(20)), Ok(Some("bob".into())));
        assert_eq!(admits(&plan, given, "eve", at(20)), Ok(Some("bob".into())));
        assert_eq!(
            admits(&plan, given, "bob", at(20)),
            Err(NotApproved::Approver("bob".into()))
        );
        assert!(matches!(
            admits(&plan, given, "ann", at(610)),
            Err(NotApproved::Expired { .. })
        ));
        let late = give(&plan, &plan.hash, "bob", at(1_790)).unwrap();
        assert_eq!(late.expires_at, plan.expires_at, "never longer than its plan");
        let mut other = plan.clone();
        other.request.reason = "another".into();
        let other = other.sealed();
        let missing = admits(&other, given, "ann", at(20)).unwrap_err();
        assert!(missing.to_string().contains(&other.hash), "{missing}");
        assert!(missing.to_string().contains("data_loss"), "{missing}");
    }

    #[test]
    fn what_is_not_taken() {
        let needed = plan(Decision::NeedsApproval);
        for (hash, by, now, expected) in [
            ("0", "bob", 1, NotApproved::OtherPlan("1".into())),
            (
                needed.hash.as_str(),
                "ann",
                1,
                NotApproved::SamePerson("ann".into()),
            ),
            (
                needed.hash.as_str(),
                "bob",
                1_800,
                NotApproved::PlanExpired("1".into()),
            ),
        ] {
            assert_eq!(give(&needed, hash, by, at(now)), Err(expected));
        }
        let free = plan(Decision::Pass);
        assert_eq!(
            give(&free, &free.hash, "bob", at(1)),
            Err(NotApproved::NotNeeded("1".into()))
        );
        assert_eq!(admits(&free, None, "ann", at(1)), Ok(None));
        let stopped = plan(Decision::Refuse);
        assert!(matches!(
            give(&stopped, &stopped.hash, "bob", at(1)),
            Err(NotApproved::Stopped { .. })
        ));
    }
}
