//! The planner: from a request and the facts to a plan. Pure; making a plan changes nothing.

use crate::operations::action::Action;
use crate::operations::gates::{self, Case};
use crate::operations::{
    blue_green, drain, dsn, emergency, failover, fence, managed, region_failover, rollback,
};
use aisoc_model::managed::ManagedDatabase;
use aisoc_model::plan::{Decision, Fact, LONGEST_DRAIN_SECONDS, Plan, PlannedStep, Target};
use aisoc_model::topology::Topology;
use aisoc_model::{ClusterName, RegionId};
use jiff::{SignedDuration, Timestamp};

/// How long a plan can be executed.
pub const LIFETIME: SignedDuration = SignedDuration::from_secs(300);
/// How long when a second person has to be found first. Its facts are read again before it begins, as always.
pub const LIFETIME_WITH_APPROVAL: SignedDuration = SignedDuration::from_secs(1_800);

/// A plan with what its steps do and what must not move before it is executed.
#[derive(Debug, Clone, PartialEq)]
pub struct Prepared {
    /// The plan that is shown and confirmed.
    pub plan: Plan,
    /// What its steps do, in order.
    pub actions: Vec<Action>,
    /// Facts that must still be the same when it is executed: name and value.
    pub pinned: Vec<(String, String)>,
}

/// What an operation contributes to its plan.
pub(crate) struct Draft {
    pub summary: String,
    pub facts: Vec<DraftFact>,
    pub gates: Vec<aisoc_model::plan::Gate>,
    pub steps: Vec<(Action, PlannedStep)>,
    pub predicted_write_outage_ms: Option<u64>,
    pub affected: Vec<String>,
    pub objective: Option<String>,
}

/// A fact, and whether the plan falls when it moves.
pub(crate) struct DraftFact {
    pub fact: Fact,
    pub pinned: bool,
}

impl DraftFact {
    pub(crate) fn new(name: String, value: String, source: &str, at: Timestamp) -> Self {
        Self {
            fact: Fact {
                name,
                value,
                source: source.to_owned(),
                observed_at: Some(at),
            },
            pinned: false,
        }
    }

    pub(crate) fn pinned(mut self) -> Self {
        self.pinned = true;
        self
    }
}

/// What a request is made by.
#[derive(Clone, Copy)]
pub struct Requester<'a> {
    /// The plan's id.
    pub id: &'a str,
    /// Who asks.
    pub who: &'a str,
    /// Requests to the load balancer, Patroni and the supervisor, as they would be made.
    pub drivers: &'a crate::drivers::Drivers,
}

/// Makes a plan for a target whose names [`check_names`] has found.
///
/// # Errors
/// When an override cannot be.
pub fn plan(case: &Case<'_>, requester: Requester<'_>) -> Result<Prepared, String> {
    let target = &case.request.target;
    let mut draft = match target {
        Target::Drain {
            region,
            deadline_seconds,
            expires_seconds,
        } => drain::draft_drain(
            case,
            requester.drivers,
            region,
            *deadline_seconds,
            *expires_seconds,
        ),
        Target::Restore { region } => drain::draft_restore(case, requester.drivers, region),
        Target::RenewDrain {
            region,
            expires_seconds,
        } => drain::draft_renewal(case, requester.drivers, region, *expires_seconds),
        Target::Failover { to, .. } => failover::draft(case, requester.drivers, to),
        Target::EmergencyFailover { to, proof, .. } => emergency::draft(case, requester.drivers, to, *proof),
        Target::Fence { region, .. } => fence::draft_fence(case, requester.drivers, region),
        Target::Rejoin { region, .. } => fence::draft_rejoin(case, region),
        Target::RegionFailover { region, to } => region_failover::draft(case, requester.drivers, region, to),
        Target::Promote { to, allow_data_loss } => {
            managed::draft(case, requester.drivers, to, *allow_data_loss)
        }
        Target::Rollback { release, revision } => {
            rollback::draft(case, requester.drivers, release, *revision)
        }
        Target::GreenDeploy { release, .. }
        | Target::GreenSwitch { release }
        | Target::GreenCancel { release }
        | Target::BlueDelete { release } => blue_green::draft(case, requester.drivers, target, release),
    };
    dsn::follow(case, requester.drivers, &mut draft);
    let mut all = gates::common::gates(case);
    all.extend(draft.gates);
    gates::apply_overrides(&mut all, &case.request.overrides)?;
    let created_at = case.facts.now;
    let waits = all.iter().any(|g| g.decision == Decision::NeedsApproval);
    let lifetime = if waits { LIFETIME_WITH_APPROVAL } else { LIFETIME };
    let mut actions = Vec::with_capacity(draft.steps.len());
    let mut steps = Vec::with_capacity(draft.steps.len());
    for (action, step) in draft.steps {
        actions.push(action);
        steps.push(step);
    }
    let pinned = draft
        .facts
        .iter()
        .filter(|f| f.pinned)
        .map(|f| (f.fact.name.clone(), f.fact.value.clone()))
        .collect();
    let plan = Plan {
        id: requester.id.to_owned(),
        request: case.request.clone(),
        requested_by: requester.who.to_owned(),
        environment: format!("{} ({})", case.topology.environment.name, kind(case)),
        created_at,
        expires_at: created_at.saturating_add(lifetime).unwrap_or(Timestamp::MAX),
        summary: draft.summary,
        facts: draft.facts.into_iter().map(|f| f.fact).collect(),
        gates: all,
        steps,
        predicted_write_outage_ms: draft.predicted_write_outage_ms,
        affected: draft.affected,
        clusters: moved(&actions, case),
        objective: draft.objective,
        hash: String::new(),
    };
    Ok(Prepared {
        plan: plan.sealed(),
        actions,
        pinned,
    })
}

fn kind(case: &Case<'_>) -> &'static str {
    use aisoc_model::topology::EnvironmentKind;
    match case.topology.environment.kind {
        EnvironmentKind::Local => "local",
        EnvironmentKind::Staging => "staging",
        EnvironmentKind::Production => "production",
    }
}

/// That what a target names exists.
///
/// # Errors
/// What does not, and what there is instead.
pub fn check_names(target: &Target, topology: &Topology) -> Result<(), String> {
    if let Target::RegionFailover { region, to } = target {
        return known_region(topology, region).and_then(|()| known_region(topology, to));
    }
    let region = match target {
        Target::Drain {
            region,
            expires_seconds,
            ..
        }
        | Target::RenewDrain {
            region,
            expires_seconds,
        } if *expires_seconds > LONGEST_DRAIN_SECONDS => {
            return Err(format!(
                "a drain of {} is too long: {} at most; renew it when it is still needed then",
                drain::lasting(*expires_seconds),
                drain::lasting(LONGEST_DRAIN_SECONDS)
            ));
        }
        Target::Drain { region, .. }
        | Target::Restore { region }
        | Target::RenewDrain { region, .. }
        | Target::Fence { region, .. }
        | Target::RegionFailover { region, .. }
        | Target::Rejoin { region, .. } => region,
        Target::Failover { to, .. } | Target::EmergencyFailover { to, .. } | Target::Promote { to, .. } => to,
        Target::Rollback { release, .. }
        | Target::GreenDeploy { release, .. }
        | Target::GreenSwitch { release }
        | Target::GreenCancel { release }
        | Target::BlueDelete { release } => {
            let known: Vec<&str> = topology.regions.iter().map(|r| r.release.as_str()).collect();
            if known.contains(&release.as_str()) {
                return Ok(());
            }
            return Err(format!(
                "there is no release '{}'; the releases are {}",
                aisoc_model::text::sanitize(release, 80),
                known.join(", ")
            ));
        }
    };
    known_region(topology, region)?;
    target
        .cluster()
        .map_or(Ok(()), |cluster| known_member(topology, cluster, region))
}

fn known_member(topology: &Topology, cluster: &ClusterName, region: &RegionId) -> Result<(), String> {
    let Some(config) = topology.cluster(cluster) else {
        let known: Vec<&str> = topology.databases.iter().map(|c| c.name.as_str()).collect();
        return Err(format!(
            "there is no database cluster '{cluster}'; the clusters are {}",
            known.join(", ")
        ));
    };
    if config.member(region).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = config.members.iter().map(|m| m.region.as_str()).collect();
    Err(format!(
        "the database cluster {cluster} has no member in {region}; its members are in {}",
        known.join(", ")
    ))
}

/// The database cluster that a target is decided on: its own, a managed one's, else the first.
#[must_use]
pub fn subject<'a>(target: &'a Target, topology: &'a Topology) -> Option<&'a ClusterName> {
    let managed = || match target {
        Target::Promote { .. } => topology.managed_database.as_ref().map(ManagedDatabase::cluster),
        _ => None,
    };
    let first = || topology.databases.first().map(|c| &c.name);
    target.cluster().or_else(managed).or_else(first)
}

/// The clusters whose writer the actions move.
fn moved(actions: &[Action], case: &Case<'_>) -> Vec<ClusterName> {
    let mut moved: Vec<ClusterName> = Vec::new();
    for action in actions {
        let cluster = match action {
            Action::Switchover { to, .. } | Action::Elect { to, .. } => &to.cluster,
            Action::MakeManagedWriter { .. } => case.cluster,
            _ => continue,
        };
        if !moved.contains(cluster) {
            moved.push(cluster.clone());
        }
    }
    moved
}

fn known_region(topology: &Topology, region: &RegionId) -> Result<(), String> {
    if topology.region(region).is_some() {
        return Ok(());
    }
    let known: Vec<&str> = topology.regions.iter().map(|r| r.id.as_str()).collect();
    Err(format!(
        "there is no region '{region}'; the regions are {}",
        known.join(", ")
    ))
}

/// What moved between a plan and the same plan made now; empty when it still holds. What refused it when it was made
/// has not moved.
#[must_use]
pub fn drift(shown: &Prepared, now: &Prepared) -> Vec<String> {
    let refused = |name: &str| shown.plan.refusals().any(|g| g.name == name);
    let mut moved: Vec<String> = now
        .plan
        .refusals()
        .filter(|gate| !refused(&gate.name))
        .map(|gate| format!("gate {} refuses now: {}", gate.name, gate.why))
        .collect();
    let asked = |name: &str| shown.plan.approval_gates().any(|g| g.name == name);
    for gate in now.plan.approval_gates().filter(|g| !asked(&g.name)) {
        moved.push(format!(
            "gate {} needs a second person now: {}",
            gate.name, gate.why
        ));
    }
    for (name, then) in &shown.pinned {
        match now.pinned.iter().find(|(n, _)| n == name) {
            Some((_, value)) if value == then => {}
            Some((_, value)) => moved.push(format!("{name}: was {then}, is {value}")),
            None => moved.push(format!("{name}: was {then}, is not known now")),
        }
    }
    if moved.is_empty() && bound(&shown.actions) != bound(&now.actions) {
        moved.push("the steps would be others now".to_owned());
    }
    moved
}

/// The actions that a plan binds. Which regions' api answers and how many standbys stream may change from second to
/// second, and is only looked at.
fn bound(actions: &[Action]) -> Vec<&Action> {
    let looks = |a: &&Action| matches!(a, Action::ApiHealth { .. } | Action::Escort { .. });
    actions.iter().filter(|a| !looks(a)).collect()
}

/// A step of a plan from its action.
pub(crate) fn step(
    action: Action,
    title: String,
    request: String,
    undo: Option<String>,
) -> (Action, PlannedStep) {
    let step = PlannedStep {
        id: action.key(),
        title,
        request,
        undo,
        point_of_no_return: action.point_of_no_return(),
    };
    (action, step)
}
