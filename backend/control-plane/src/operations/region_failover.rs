//! Failover of a region (runbook RB-003): everything that a region did is done elsewhere, as one plan. Composed of
//! what the single operations do: weights, failover of the writer (planned while it answers, else with fence and
//! proof), health of the api.

use crate::drivers::Drivers;
use crate::drivers::database::{Evidence, Member};
use crate::operations::action::{Action, Objective};
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use crate::operations::{drain, emergency, failover};
use aisoc_model::clock::millis_between;
use aisoc_model::plan::{Gate, PlannedStep};
use aisoc_model::region::{Health, RegionRole};
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;
use std::collections::BTreeSet;

/// How a cluster's writer gets out of the region.
enum Writer {
    /// It is elsewhere and stays there.
    Elsewhere(RegionId),
    /// It still answers: it is moved without loss.
    Moves(Draft),
    /// No server accepts writes and the region wrote last: it is fenced, and another one is elected.
    Lost(Draft),
    /// No server accepts writes, and that is not the doing of this region's loss.
    Gone(Gate),
    /// The same of one cluster among several: it has a plan of its own and does not hold up this one.
    Apart(String),
}

impl Writer {
    /// Whether the plan has to do with it.
    fn concerned(&self) -> bool {
        !matches!(self, Self::Elsewhere(_) | Self::Apart(_))
    }
}

/// The plan of a failover of `region`, whose work `to` takes over: with the writer of every database cluster that has
/// it there, and of none other.
pub(crate) fn draft(case: &Case<'_>, drivers: &Drivers, region: &RegionId, to: &RegionId) -> Draft {
    let raised = raised(case, to);
    let clusters = case.topology.databases.iter();
    let clusters: Vec<(Case<'_>, Writer)> = clusters
        .map(|cluster| {
            let own = Case {
                cluster: &cluster.name,
                ..*case
            };
            (own, writer(&own, drivers, region, to))
        })
        .collect();
    let concerned: Vec<&Case<'_>> = clusters
        .iter()
        .filter_map(|(own, writer)| writer.concerned().then_some(own))
        .collect();
    let objective = objective(case, to);
    let mut gates = gates(case, &concerned, region, to, raised.is_some());
    let mut affected = drain::affected(case, region);
    affected.extend(homed(case, region));
    let mut moved = Moved::new(concerned.len() > 1);
    let mut how = Vec::new();
    for (own, writer) in clusters {
        let said = match writer {
            Writer::Elsewhere(at) => format!("the writer{} stays in {at}", own.of_cluster()),
            Writer::Moves(database) => {
                moved.add(own.cluster, database);
                format!(
                    "the writer{} still answers and is moved to {to} without loss",
                    own.of_cluster()
                )
            }
            Writer::Lost(database) => {
                moved.add(own.cluster, database);
                format!(
                    "no server accepts writes{}: the writer is fenced there, and {to} is elected",
                    own.of_cluster()
                )
            }
            Writer::Apart(why) => why,
            Writer::Gone(gate) => {
                moved.gates.push(moved.named(own.cluster, gate));
                format!("no server accepts writes{}", own.of_cluster())
            }
        };
        how.push(said);
    }
    // A gate that both have is the region's.
    let mut known: BTreeSet<String> = gates.iter().map(|g| g.name.clone()).collect();
    gates.extend(moved.gates.into_iter().filter(|g| known.insert(g.name.clone())));
    affected.extend(moved.affected);
    let mut facts = drain::facts(case, region);
    facts.extend(moved.facts);
    let mut steps = confirm(case, region);
    steps.push(shift(case, drivers, region));
    steps.extend(raised.map(|before| raise(drivers, to, before)));
    steps.extend(moved.steps);
    if moved.api.is_none() {
        steps.push(api(case, region));
    }
    steps.extend(moved.api);
    steps.extend(moved.waits);
    steps.push(announce(region, to, objective.as_ref()));
    Draft {
        summary: format!(
            "Leave {region} for {to}: no traffic goes to {region} any more; {}.",
            how.join("; ")
        ),
        facts,
        gates,
        steps,
        predicted_write_outage_ms: moved.outage,
        affected,
        objective: objective.map(|o| o.id),
    }
}

type Step = (Action, PlannedStep);

/// What the databases' own plans consist of, put together.
struct Moved {
    /// Several writers move: what each plan has is told apart by the cluster's name.
    several: bool,
    /// Until writes are accepted again, one cluster after the other.
    steps: Vec<Step>,
    /// The look at the api, once all of them write.
    api: Option<Step>,
    /// What is only waited for, when everybody can write.
    waits: Vec<Step>,
    facts: Vec<DraftFact>,
    gates: Vec<Gate>,
    affected: Vec<String>,
    outage: Option<u64>,
}

impl Moved {
    fn new(several: bool) -> Self {
        Self {
            several,
            steps: Vec::new(),
            api: None,
            waits: Vec::new(),
            facts: Vec::new(),
            gates: Vec::new(),
            affected: Vec::new(),
            outage: None,
        }
    }

    /// The gate under the name that it has in this plan. What is the region's, too, is not each cluster's.
    fn named(&self, cluster: &ClusterName, mut gate: Gate) -> Gate {
        if self.several && !["rollout", "dr_only_explicit", "block_period"].contains(&gate.name.as_str()) {
            gate.name = gates::of(&gate.name, cluster);
        }
        gate
    }

    fn add(&mut self, cluster: &ClusterName, database: Draft) {
        let several = self.several;
        let named = |(action, mut planned): Step| {
            if several {
                planned.id = format!("{}-{cluster}", planned.id);
                planned.title = format!("{cluster}: {}", planned.title);
            }
            (action, planned)
        };
        let is_api = |(action, _): &Step| matches!(action, Action::ApiHealth { .. });
        let mut steps = database.steps;
        let at = steps.iter().position(is_api).unwrap_or(steps.len());
        let mut rest = steps.split_off(at).into_iter().peekable();
        self.api = rest.next_if(is_api).or_else(|| self.api.take());
        self.steps.extend(steps.into_iter().map(named));
        self.waits.extend(rest.map(named));
        let fact = |mut fact: DraftFact| {
            if several {
                fact.fact.name = format!("{cluster}: {}", fact.fact.name);
            }
            fact
        };
        self.facts.extend(database.facts.into_iter().map(fact));
        for gate in database.gates {
            let gate = self.named(cluster, gate);
            self.gates.push(gate);
        }
        // What is so of each of them is said once.
        for line in database.affected {
            if !self.affected.contains(&line) {
                self.affected.push(line);
            }
        }
        self.outage = self.outage.max(database.predicted_write_outage_ms);
    }
}

fn writer(case: &Case<'_>, drivers: &Drivers, region: &RegionId, to: &RegionId) -> Writer {
    let writers = case.evidence().map(Evidence::writers).unwrap_or_default();
    match writers.as_slice() {
        [one] if *one != region => Writer::Elsewhere((*one).clone()),
        // Two of them are refused by the planned failover's own gate.
        [_, ..] => Writer::Moves(failover::draft(case, drivers, to)),
        [] => lost(case, drivers, region, to),
    }
}

/// No server accepts writes: who did last decides whether leaving the region mends that.
fn lost(case: &Case<'_>, drivers: &Drivers, region: &RegionId, to: &RegionId) -> Writer {
    let of = case.of_cluster();
    let option = if case.topology.several_clusters() {
        format!(" --cluster {}", case.cluster)
    } else {
        String::new()
    };
    let cluster = case.topology.cluster(case.cluster);
    if cluster.is_some_and(|c| c.member(region).is_none()) {
        return Writer::Apart(format!(
            "no server accepts writes{of}, which has no member in {region}"
        ));
    }
    let Some(Ok(emergency)) = case.emergency() else {
        let why = match case.emergency() {
            Some(Err(why)) => why.as_str(),
            _ => "how its members stand was not read",
        };
        return Writer::Gone(gates::refuse(
            "writer",
            format!("no server accepts writes{of}, and none can be elected from here: {why}"),
            unwritable(case),
        ));
    };
    match gates::emergency::old_writer(&emergency.standing, case.cluster, &case.facts.world, to) {
        Ok(last) if last != *region && case.topology.several_clusters() => Writer::Apart(format!(
            "no server accepts writes{of}, which {last} wrote last: `aisoc-console failover --to {to} --emergency{option}`"
        )),
        Ok(last) if last != *region => Writer::Gone(gates::refuse(
            "writer",
            format!(
                "no server accepts writes{of}, and {last} wrote last, not {region}: make {to} the writer first, \
                 `aisoc-console failover --to {to} --emergency`; then plan again"
            ),
            unwritable(case),
        )),
        // Whoever wrote last is not known, or it is `to`: the emergency's own gate says so.
        _ => Writer::Lost(emergency::draft(case, drivers, to, None)),
    }
}

/// What every member's server says, for the gate.
fn unwritable(case: &Case<'_>) -> Vec<String> {
    let Some(evidence) = case.evidence() else {
        return Vec::new();
    };
    let line = |(region, member): (&RegionId, &Member)| match &member.server.what {
        Ok(_) => format!("{region}: follows"),
        Err(why) => format!("{region}: {why}"),
    };
    evidence.members.iter().map(line).collect()
}

fn gates(
    case: &Case<'_>,
    concerned: &[&Case<'_>],
    region: &RegionId,
    to: &RegionId,
    raised: bool,
) -> Vec<Gate> {
    // Where no writer moves, traffic does: then the last move of any of them counts.
    let all = case.topology.databases.iter().map(|c| &c.name);
    let clusters: Vec<&ClusterName> = match concerned {
        [] => all.collect(),
        concerned => concerned.iter().map(|own| own.cluster).collect(),
    };
    let mut gates = vec![
        gates::region::target_role(case, region, to),
        gates::region::down_quorum(case, region),
        gates::region::survivors(case, region),
        gates::region::block_period(case, &clusters),
    ];
    gates.push(match &case.facts.traffic {
        Some(Ok(reading)) => gates::region::survivor_peak(case, reading, region, raised.then_some(to)),
        _ => gates::refuse("survivor_peak", "the load balancer cannot be read", vec![]),
    });
    for own in concerned {
        let evidence = own.evidence();
        let writers = evidence.map(Evidence::writers).unwrap_or_default();
        let from = writers.first().copied().unwrap_or(region);
        let mut residency = gates::region::residency(own, Some(from), to);
        if concerned.len() > 1 {
            residency.name = gates::of(&residency.name, own.cluster);
        }
        gates.push(residency);
    }
    gates
}

/// What `to` has of its full weight, when it is less than that: a cold region is given its traffic.
fn raised(case: &Case<'_>, to: &RegionId) -> Option<u8> {
    let cold = case
        .topology
        .region(to)
        .is_some_and(|r| r.role == RegionRole::DrOnly);
    let percent = drain::percent(case, to)?;
    (cold && percent < 100).then_some(percent)
}

/// An evacuation on purpose has no outage to confirm: its gate was overridden by name.
fn confirm(case: &Case<'_>, region: &RegionId) -> Vec<(Action, PlannedStep)> {
    let down = case
        .facts
        .world
        .regions
        .get(region)
        .is_some_and(|r| r.verdict.health == Health::Down);
    if !down {
        return Vec::new();
    }
    let action = Action::ConfirmDown {
        region: region.clone(),
    };
    let title = format!("a quorum of vantage points still says that {region} is down");
    let request = format!("the verdict that `aisoc-console health-check --region {region}` shows");
    vec![step(action, title, request, None)]
}

fn shift(case: &Case<'_>, drivers: &Drivers, region: &RegionId) -> (Action, PlannedStep) {
    let before = drain::percent(case, region).unwrap_or(100);
    drain::weight(drivers, region, before, 0)
}

fn raise(drivers: &Drivers, to: &RegionId, before: u8) -> (Action, PlannedStep) {
    let (action, mut planned) = drain::weight(drivers, to, before, 100);
    "raise-100".clone_into(&mut planned.id);
    planned.title = format!("{to} gets its full weight: it was cold");
    (action, planned)
}

fn api(case: &Case<'_>, region: &RegionId) -> (Action, PlannedStep) {
    let serve = |r: &&aisoc_model::region::Region| {
        &r.id != region && matches!(r.verdict.health, Health::Healthy | Health::Degraded)
    };
    let regions = case.facts.world.regions.values().filter(serve);
    step(
        Action::ApiHealth {
            regions: regions.map(|r| r.id.clone()).collect(),
        },
        "the api answers 200 in every region that is left".to_owned(),
        "GET /api/health of every api instance".to_owned(),
        None,
    )
}

fn announce(region: &RegionId, to: &RegionId, objective: Option<&Objective>) -> (Action, PlannedStep) {
    let title = objective.map_or_else(
        || format!("say that {to} has taken over"),
        |o| {
            format!(
                "say that {to} has taken over, beside the objective of {} s",
                o.rto_seconds
            )
        },
    );
    step(
        Action::Announce {
            region: region.clone(),
            to: to.clone(),
            objective: objective.cloned(),
        },
        title,
        "the operation's record, every console, the log".to_owned(),
        None,
    )
}

fn objective(case: &Case<'_>, to: &RegionId) -> Option<Objective> {
    let cold = case
        .topology
        .region(to)
        .is_some_and(|r| r.role == RegionRole::DrOnly);
    let id = if cold { "region_cold" } else { "region_warm" };
    let row = case.slo.recovery.iter().find(|r| r.id == id)?;
    Some(Objective {
        id: row.id.clone(),
        rto_seconds: row.rto_seconds,
        rpo_seconds: row.rpo_seconds,
    })
}

/// The tenants whose incidents the region keeps.
fn homed(case: &Case<'_>, region: &RegionId) -> Option<String> {
    let Some(Ok(tenants)) = &case.facts.tenants else {
        return None;
    };
    let homed: Vec<_> = tenants.iter().filter(|t| &t.home == region).collect();
    let names = gates::region::names(&homed);
    (!homed.is_empty()).then(|| format!("at home in {region}: {names}"))
}

/// What the vantage points say of an outage that is to be confirmed.
#[must_use]
pub fn down_sight(world: &World, region: &RegionId, now: Timestamp) -> Sight {
    let Some(state) = world.regions.get(region) else {
        return Sight::Unknown(format!("nothing is known of {region}"));
    };
    let verdict = &state.verdict;
    match verdict.health {
        Health::Down => {
            let mut report = Report::new(verdict.why.clone());
            report.times.insert("confirmed".to_owned(), now);
            let figures = [
                ("vantage_points_agree", verdict.agree),
                ("vantage_points", verdict.of),
            ];
            let figures = figures.map(|(name, n)| (name.to_owned(), f64::from(n)));
            report.figures.extend(figures);
            Sight::Done(report)
        }
        Health::Unknown => Sight::Unknown(verdict.why.clone()),
        Health::Healthy | Health::Degraded => Sight::NotDone(verdict.why.clone()),
    }
}

/// What is said at the end: how long it took beside what the recovery objective allows.
#[must_use]
pub fn announcement(
    region: &RegionId,
    to: &RegionId,
    objective: Option<&Objective>,
    decided: Timestamp,
    now: Timestamp,
) -> Report {
    let seconds = millis_between(decided, now) as f64 / 1_000.0;
    let mut report = Report::new(format!("{to} has taken over from {region} after {seconds:.1} s"));
    report.figures.insert("recovery_seconds".to_owned(), seconds);
    report.times.insert("recovered".to_owned(), now);
    if let Some(objective) = objective {
        let met = seconds <= objective.rto_seconds as f64;
        let word = if met { "within" } else { "LATER than" };
        let allowed = format!(
            ", {word} the {} s of objective {}",
            objective.rto_seconds, objective.id
        );
        report.detail.push_str(&allowed);
        let figures = [
            ("objective_rto_seconds", objective.rto_seconds as f64),
            ("objective_rpo_seconds", objective.rpo_seconds as f64),
        ];
        report
            .figures
            .extend(figures.map(|(name, value)| (name.to_owned(), value)));
    }
    report
}
