//! Unplanned failover: the writer is gone or not to be trusted. Fenced with proof, then another one is elected.

use crate::drivers::Drivers;
use crate::drivers::database::standing::Standing;
use crate::drivers::database::{StandbyRow, WriteAnswer};
use crate::operations::action::{Action, Seat};
use crate::operations::facts::Emergency;
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::fence::{DemotionToken, FenceKind};
use aisoc_model::plan::PlannedStep;
use aisoc_model::region::{ApiHealth, ApiProbe};
use gates::fence::lsn;
use jiff::Timestamp;

/// Fencing, election and promotion of a replica that streams, measured on three nodes with default settings.
const PREDICTED_OUTAGE_MS: u64 = 1_000;
/// Replicas follow a new writer within seconds, or have to be rewound.
const FOLLOW_MS: u64 = 60_000;

/// The plan of an unplanned failover.
pub(crate) fn draft(case: &Case<'_>, drivers: &Drivers, to: &RegionId, wanted: Option<FenceKind>) -> Draft {
    let emergency = match case.emergency() {
        Some(Ok(emergency)) => Some(emergency),
        _ => None,
    };
    let from = emergency
        .and_then(|e| gates::emergency::old_writer(&e.standing, case.cluster, &case.facts.world, to).ok());
    let steps = emergency
        .zip(from.as_ref())
        .and_then(|(e, from)| steps(case, drivers, e, from, to, wanted))
        .unwrap_or_default();
    let name = from.as_ref().map_or("the writer", RegionId::as_str);
    let loss = emergency
        .zip(from.as_ref())
        .map(|(e, from)| gates::emergency::predict(case, &e.standing, from, to));
    let at_stake = match loss.and_then(|l| Some((l.seen_at?, l.seconds))) {
        Some((at, Some(seconds))) => format!(
            "writes that {name} acknowledged and that did not reach {to} are lost: up to {seconds:.1} s before {at}"
        ),
        Some((at, None)) => {
            format!("writes that {name} acknowledged after {at} or that did not reach {to} are lost")
        }
        None => format!("writes that {name} acknowledged and that did not reach {to} are lost"),
    };
    let of = case.of_cluster();
    Draft {
        summary: format!(
            "Make {to} the PostgreSQL writer{of} without the help of {name}: {name} is fenced first, then Patroni elects {to}."
        ),
        facts: emergency.map_or_else(Vec::new, |e| facts(&e.standing)),
        gates: gates::emergency::emergency(case, to, wanted),
        steps,
        predicted_write_outage_ms: Some(PREDICTED_OUTAGE_MS),
        affected: vec![
            at_stake,
            format!(
                "writes of all tenants{of} wait until {to} accepts them, about {:.1} s from now",
                PREDICTED_OUTAGE_MS as f64 / 1_000.0
            ),
            format!("{name} stays down until it is let back: `rejoin {name}`"),
        ],
        objective: Some(gates::emergency::objective(case, to).to_owned()),
    }
}

fn seat(case: &Case<'_>, standing: &Standing, region: &RegionId) -> Option<Seat> {
    let member = standing.members.get(region)?;
    Some(Seat {
        cluster: case.cluster.clone(),
        region: region.clone(),
        member: member.name.clone(),
    })
}

fn steps(
    case: &Case<'_>,
    drivers: &Drivers,
    emergency: &Emergency,
    old: &RegionId,
    new: &RegionId,
    wanted: Option<FenceKind>,
) -> Option<Vec<(Action, PlannedStep)>> {
    let standing = &emergency.standing;
    let (from, to) = (seat(case, standing, old)?, seat(case, standing, new)?);
    let proof = gates::fence::chosen(emergency, old, wanted)?;
    let others: Vec<Seat> = standing
        .members
        .keys()
        .filter(|region| *region != old && *region != new)
        .filter_map(|region| seat(case, standing, region))
        .collect();
    let elect = drivers
        .emergency(case.cluster)
        .map_or_else(String::new, |d| d.request(&from.member, new));
    let mut steps = vec![
        fence_step(drivers, &from, proof),
        step(
            Action::Elect {
                from: from.clone(),
                to: to.clone(),
                proof,
            },
            format!("take the leader key from {old} and have {new} elected"),
            elect,
            None,
        ),
        step(
            Action::FirstWrite { to: to.clone() },
            format!("a write is acknowledged by {new}"),
            format!("INSERT of a canary on {new}"),
            None,
        ),
        silenced_step(&from, proof),
        step(
            Action::SetCheck {
                from: from.clone(),
                to: to.clone(),
            },
            format!("every canary acknowledged during the operation is on {new}"),
            format!("SELECT of the canaries on {new}"),
            None,
        ),
        step(
            Action::Loss {
                from: from.clone(),
                to: to.clone(),
            },
            format!("how much of what {old} had is not on {new}"),
            format!("GET /history of {new}"),
            None,
        ),
        step(
            Action::ApiHealth {
                regions: serving(case),
            },
            "the api answers 200 in every region that did before, or that waits for a writer".to_owned(),
            "GET /api/health of every api instance".to_owned(),
            None,
        ),
    ];
    if !others.is_empty() {
        steps.push(step(
            Action::Followers {
                to: to.clone(),
                of: others,
                deadline_ms: FOLLOW_MS,
            },
            format!("the other replicas follow {new}, at most {} s", FOLLOW_MS / 1_000),
            format!("pg_stat_replication of {new}"),
            None,
        ));
    }
    // A cluster of its own comes back as a standby when its own store says so, not by itself.
    if proof == FenceKind::InstanceStopped && case.stretched() {
        steps.push(step(
            Action::Return {
                from,
                to,
                deadline_ms: FOLLOW_MS,
            },
            format!("{old} comes back as a replica, if it is proven to have nothing that {new} has not"),
            format!("release of the fence, then pg_stat_replication of {new}"),
            None,
        ));
    }
    Some(steps)
}

/// The regions whose api serves now; when a lost writer has taken all of them out, those that say so.
fn serving(case: &Case<'_>) -> Vec<RegionId> {
    let regions = |wanted: fn(&ApiHealth) -> bool| -> Vec<RegionId> {
        let answers = |p: &ApiProbe| p.health.fresh(case.facts.now).is_some_and(wanted);
        let all = case.facts.world.regions.values();
        all.filter(|r| r.api.iter().any(answers))
            .map(|r| r.id.clone())
            .collect()
    };
    let serving = regions(|health| health.status == 200);
    if serving.is_empty() {
        regions(|health| health.reason.is_some() && health.status != 0)
    } else {
        serving
    }
}

pub(crate) fn fence_step(drivers: &Drivers, seat: &Seat, proof: FenceKind) -> (Action, PlannedStep) {
    let region = &seat.region;
    let request = match (proof, drivers.fence(&seat.cluster)) {
        (FenceKind::InstanceStopped, Some(driver)) => driver.request(region),
        (FenceKind::Sworn, _) => "nothing: the approval is the proof".to_owned(),
        _ => format!("a connection to the ports of {region}"),
    };
    let undo = (proof == FenceKind::InstanceStopped).then(|| format!("let {region} run again"));
    step(
        Action::Fence {
            seat: seat.clone(),
            proof,
        },
        format!("{region} is fenced: {}", proof.meaning()),
        request,
        undo,
    )
}

pub(crate) fn silenced_step(seat: &Seat, proof: FenceKind) -> (Action, PlannedStep) {
    let region = &seat.region;
    step(
        Action::Silenced {
            from: seat.clone(),
            proof,
        },
        format!("{region} acknowledges no write"),
        format!("INSERT of a canary on {region}"),
        None,
    )
}

pub(crate) fn facts(standing: &Standing) -> Vec<DraftFact> {
    let mut facts = Vec::new();
    for (region, member) in &standing.members {
        let at = member.server.at;
        let Some(held) = member.held() else { continue };
        let role = if held.in_recovery { "replica" } else { "writer" };
        let fact =
            |name: &str, value: String| DraftFact::new(format!("{region} {name}"), value, "postgres", at);
        facts.push(fact("role", role.to_owned()).pinned());
        facts.push(fact("system identifier", held.system_identifier.clone()).pinned());
        facts.push(fact("log ends at", lsn(held.lsn)));
        facts.push(fact("timeline", held.timeline.to_string()));
    }
    if let Ok(leader) = &standing.leader.what {
        // The key of a writer that is gone expires by itself while the plan is read: that changes nothing.
        let holder = leader.as_ref().map_or("nobody", |l| l.member.as_str()).to_owned();
        facts.push(DraftFact::new(
            "leader key".to_owned(),
            holder,
            "etcd",
            standing.leader.at,
        ));
    }
    facts
}

/// What the fenced writer's answer to a write says. `fenced` is the fence's own proof, looked at just now.
#[must_use]
pub fn silenced_sight(
    answer: &WriteAnswer,
    from: &RegionId,
    proof: FenceKind,
    fenced: &Result<String, String>,
    now: Timestamp,
) -> Sight {
    let silent = |detail: String| {
        let mut report = Report::new(detail);
        report.times.insert("old_writer_refused".to_owned(), now);
        Sight::Done(report)
    };
    match (answer, fenced) {
        (WriteAnswer::Acknowledged, _) => Sight::Failed(format!(
            "TWO WRITERS: {from} still acknowledges writes; stop its postgres before anything else"
        )),
        (WriteAnswer::ReadOnly(why), _) => silent(format!("{from} refuses writes: {why}")),
        (WriteAnswer::Away(why), Ok(how)) => silent(format!("{from} accepts no connection ({why}); {how}")),
        (WriteAnswer::Unknown(why), Ok(how)) if proof == FenceKind::Sworn => {
            silent(format!("{from} gives no answer ({why}); {how}"))
        }
        (WriteAnswer::Away(why), Err(not)) => Sight::NotDone(format!("{why}; {not}")),
        (WriteAnswer::Unknown(why), _) => Sight::Unknown(why.clone()),
    }
}

/// What is known of the fenced writer's last position, and by what.
#[derive(Debug, Clone, PartialEq)]
pub enum KnownEnd {
    /// It was stopped in good order and its log ends there.
    Token(DemotionToken),
    /// It was last seen there.
    Seen(u64, Timestamp),
    /// Not at all.
    Unknown,
}

/// How much of the fenced writer's log is not in the new writer's, which begins its own at `fork`.
#[must_use]
pub fn loss_report(end: &KnownEnd, fork: Option<u64>, from: &RegionId, to: &RegionId) -> Report {
    let mut report = Report::default();
    let mut missing = |end: u64, fork: u64| {
        let bytes = end.saturating_sub(fork);
        report.figures.insert("rpo_bytes".to_owned(), bytes as f64);
        bytes
    };
    let detail = match (end, fork) {
        (KnownEnd::Unknown, _) => format!("not known: {from} was not stopped in good order and never seen"),
        (_, None) => format!("not known: where {to} began its timeline is not in Patroni's history yet"),
        (KnownEnd::Token(token), Some(fork)) => match missing(token.final_lsn, fork) {
            0 => format!(
                "nothing: the log of {from} ends at {} (demotion token), {to} went on at {}",
                lsn(token.final_lsn),
                lsn(fork)
            ),
            bytes => format!(
                "{bytes} bytes: the log of {from} ends at {} (demotion token), {to} went on at {}",
                lsn(token.final_lsn),
                lsn(fork)
            ),
        },
        (KnownEnd::Seen(end, at), Some(fork)) => {
            let bytes = missing(*end, fork);
            format!(
                "{bytes} bytes of what {from} was seen to have at {at}; what it wrote after that is not known"
            )
        }
    };
    report.detail = detail;
    report
}

/// Whether a fenced writer may come back: nothing that it acknowledged lies behind the new writer's beginning.
///
/// # Errors
/// Why it stays where it is.
pub fn may_return(token: Option<&DemotionToken>, fork: Option<u64>, from: &RegionId) -> Result<(), String> {
    let keep = format!(
        "{from} is left stopped with its data; `rejoin {from}` lets it follow and discards what only it has"
    );
    match (token, fork) {
        (None, _) => Err(format!(
            "it was not stopped in good order, so what only it has is not known: {keep}"
        )),
        (Some(_), None) => Err(format!("where the new timeline began is not known: {keep}")),
        (Some(token), Some(fork)) if token.final_lsn > fork => Err(format!(
            "its log ends {} bytes behind the beginning of the new timeline: {keep}",
            token.final_lsn - fork
        )),
        (Some(_), Some(_)) => Ok(()),
    }
}

/// Whether the replicas follow, or the wait is over.
#[must_use]
pub fn followers_sight(
    rows: &Result<Vec<StandbyRow>, String>,
    of: &[Seat],
    to: &RegionId,
    since: Timestamp,
    now: Timestamp,
    deadline_ms: u64,
) -> Sight {
    let streams = |seat: &&Seat| match rows {
        Ok(rows) => rows
            .iter()
            .any(|r| r.name == seat.member && r.state == "streaming"),
        Err(_) => false,
    };
    let missing: Vec<&str> = of
        .iter()
        .filter(|s| !streams(s))
        .map(|s| s.region.as_str())
        .collect();
    if missing.is_empty() {
        let mut report = Report::new(format!("{} replica(s) stream from {to}", of.len()));
        report.times.insert("redundancy".to_owned(), now);
        return Sight::Done(report);
    }
    let missing = missing.join(", ");
    if millis_between(since, now) < deadline_ms {
        return Sight::NotDone(format!("{missing} does not follow {to} yet"));
    }
    Sight::Done(Report::new(format!(
        "the writer has moved, but {missing} does not follow it: redundancy is not restored"
    )))
}
