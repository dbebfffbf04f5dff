//! Failover of the writer: the plan, and how what is seen on the way is judged.

use crate::drivers::Drivers;
use crate::drivers::database::probe::Acknowledged;
use crate::drivers::database::{Evidence, Fork, Receiver, ServerView, Stance, StandbyRow, WriteAnswer};
use crate::operations::action::{Action, Seat};
use crate::operations::escort::marker;
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::operation::DemotionToken;
use aisoc_model::plan::PlannedStep;
use aisoc_model::region::RegionRole;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// Median of a planned switchover of a healthy cluster, measured on three nodes with default settings.
const PREDICTED_OUTAGE_MS: u64 = 2_700;
/// The old writer rejoins in seconds, or has to be rewound.
const REDUNDANCY_MS: u64 = 60_000;
/// A walreceiver hears from its writer several times a minute at least; one that is stopped does not.
const STALLED_MS: u64 = 3_000;
/// An old writer that accepts no connection for this long is gone for this operation.
const AWAY_MS: u64 = 15_000;

/// The plan of a failover.
pub(crate) fn draft(case: &Case<'_>, drivers: &Drivers, to: &RegionId) -> Draft {
    let evidence = case.evidence();
    let seats = evidence.and_then(|e| seats(case, e, to));
    let steps = match (&seats, evidence) {
        (Some((from, to)), Some(evidence)) => steps(case, drivers, evidence, from, to),
        _ => Vec::new(),
    };
    let from = seats
        .as_ref()
        .map_or("the writer", |(from, _)| from.region.as_str());
    let role = case.topology.region(to).map(|r| r.role);
    let objective = if role == Some(RegionRole::DrOnly) {
        "region_cold"
    } else {
        "region_warm"
    };
    let objective = case.slo.recovery.iter().find(|r| r.id == objective);
    Draft {
        summary: format!(
            "Make {to} the PostgreSQL writer{} instead of {from}, by a planned switchover without loss.",
            case.of_cluster()
        ),
        facts: evidence.map_or_else(Vec::new, |e| facts(e, to, case.facts.now)),
        gates: gates::database::failover(case, to),
        steps,
        predicted_write_outage_ms: Some(PREDICTED_OUTAGE_MS),
        affected: affected(case, to),
        objective: objective.map(|r| r.id.clone()),
    }
}

fn affected(case: &Case<'_>, to: &RegionId) -> Vec<String> {
    let writers = case.evidence().map(Evidence::writers).unwrap_or_default();
    let mut affected = vec![
        format!(
            "writes of all tenants{} wait for about {:.1} s; the api retries them",
            case.of_cluster(),
            PREDICTED_OUTAGE_MS as f64 / 1_000.0
        ),
        "reads go on".to_owned(),
        format!("afterwards regions other than {to} write across"),
    ];
    affected.extend(gates::region::affected_tenants(
        case,
        writers.first().copied(),
        to,
    ));
    affected
}

fn seats(case: &Case<'_>, evidence: &Evidence, to: &RegionId) -> Option<(Seat, Seat)> {
    let writers = evidence.writers();
    let [from] = writers.as_slice() else {
        return None;
    };
    let seat = |region: &RegionId| {
        evidence.members.get(region).map(|m| Seat {
            cluster: case.cluster.clone(),
            region: region.clone(),
            member: m.name.clone(),
        })
    };
    if *from == to {
        None
    } else {
        Some((seat(from)?, seat(to)?))
    }
}

/// Whether the plan has an escort: always, unless a person has overridden its gate.
pub(crate) fn escorted(case: &Case<'_>) -> bool {
    // Where a plan moves several clusters, each has a gate of its own.
    let own = gates::of(gates::escort::NAME, case.cluster);
    let named = |gate: &str| gate == gates::escort::NAME || gate == own;
    !case.request.overrides.iter().any(|o| named(&o.gate))
}

fn steps(
    case: &Case<'_>,
    drivers: &Drivers,
    evidence: &Evidence,
    from: &Seat,
    to: &Seat,
) -> Vec<(Action, PlannedStep)> {
    let (old, new) = (&from.region, &to.region);
    let escorted = escorted(case);
    let serving: Vec<RegionId> = case
        .facts
        .world
        .regions
        .values()
        .filter(|r| {
            let good = |p: &aisoc_model::region::ApiProbe| {
                p.health.fresh(case.facts.now).is_some_and(|h| h.status == 200)
            };
            r.api.iter().any(good)
        })
        .map(|r| r.id.clone())
        .collect();
    let prove = Action::Prove {
        from: from.clone(),
        to: to.clone(),
        escorted,
    };
    let switchover = Action::Switchover {
        from: from.clone(),
        to: to.clone(),
    };
    let set_check = Action::SetCheck {
        from: from.clone(),
        to: to.clone(),
    };
    let redundancy = Action::Redundancy {
        from: from.clone(),
        to: to.clone(),
        deadline_ms: REDUNDANCY_MS,
    };
    let ask = drivers
        .database(&to.cluster)
        .request(new, &from.member, &to.member);
    let mut steps = vec![
        step(
            prove,
            format!("prove again that {new} has everything, and begin to write canaries"),
            format!("GET /patroni, pg_stat_replication, a canary from {old} to {new}"),
            None,
        ),
        step(
            switchover,
            format!("switch the writer from {old} to {new}"),
            ask,
            None,
        ),
        step(
            Action::FirstWrite { to: to.clone() },
            format!("a write is acknowledged by {new}"),
            format!("INSERT of a canary on {new}"),
            None,
        ),
        step(
            Action::OldWriterRefused { from: from.clone() },
            format!("a write is refused by {old}"),
            format!("INSERT of a canary on {old}"),
            None,
        ),
        step(
            set_check,
            format!("every acknowledged canary is on {new}"),
            format!("SELECT of the canaries on {new}"),
            None,
        ),
        step(
            Action::ApiHealth { regions: serving },
            "the api answers 200 in every region that did before".to_owned(),
            "GET /api/health of every api instance".to_owned(),
            None,
        ),
        step(
            redundancy,
            format!("{old} follows {new}, at most {} s", REDUNDANCY_MS / 1_000),
            format!("pg_stat_replication of {new}"),
            None,
        ),
    ];
    if escorted {
        let (begin, end) = escort_steps(drivers, evidence, from, to);
        steps.insert(0, begin);
        let written = steps
            .iter()
            .position(|(a, _)| matches!(a, Action::FirstWrite { .. }));
        steps.insert(written.map_or(steps.len(), |at| at + 1), end);
    }
    steps
}

/// The escort and its end, which comes as soon as the new writer writes: from then on a synchronous standby would
/// only be one more thing that can hold writes up.
fn escort_steps(
    drivers: &Drivers,
    evidence: &Evidence,
    from: &Seat,
    to: &Seat,
) -> ((Action, PlannedStep), (Action, PlannedStep)) {
    let (old, new) = (&from.region, &to.region);
    let standbys = gates::escort::standbys(evidence);
    let begin = Action::Escort {
        from: from.clone(),
        to: to.clone(),
        standbys,
    };
    let on = serde_json::json!({"synchronous_mode": true, "primary_stop_timeout": marker::STOP_SECONDS});
    let off = serde_json::json!({marker::KEY: null});
    let restore = format!(
        "{}, with the settings as they were",
        drivers.database(&to.cluster).configuration(new, &off)
    );
    let begin = step(
        begin,
        format!("commits of {old} wait until {new} has them too (on while the plan is shown)"),
        drivers.database(&to.cluster).configuration(old, &on),
        Some("the settings are put back when the operation ends, however it ends".to_owned()),
    );
    let end = step(
        Action::EndEscort { writer: to.clone() },
        "commits wait for no standby any more, unless they did before".to_owned(),
        restore,
        None,
    );
    (begin, end)
}

fn facts(evidence: &Evidence, to: &RegionId, now: Timestamp) -> Vec<DraftFact> {
    let mut facts = Vec::new();
    for (region, member) in &evidence.members {
        if let Ok(server) = &member.server.what {
            let role = if server.in_recovery { "replica" } else { "writer" };
            let fact = DraftFact::new(
                format!("{region} role"),
                role.to_owned(),
                "postgres",
                member.server.at,
            );
            facts.push(fact.pinned());
            let id = server.system_identifier.clone();
            facts.push(
                DraftFact::new(
                    format!("{region} system identifier"),
                    id,
                    "postgres",
                    member.server.at,
                )
                .pinned(),
            );
        }
        if let Ok(view) = &member.patroni.what {
            let timeline = view.timeline.map_or("unknown".to_owned(), |t| t.to_string());
            let fact = DraftFact::new(
                format!("{region} timeline"),
                timeline,
                "patroni",
                member.patroni.at,
            );
            // A replica's timeline is hearsay for a while after a switchover.
            facts.push(if view.primary { fact.pinned() } else { fact });
        }
    }
    if let Ok(config) = &evidence.config.what {
        for key in [
            "synchronous_mode",
            "failsafe_mode",
            "check_timeline",
            "maximum_lag_on_failover",
            "ttl",
        ] {
            let value = config.get(key).map_or("not set".to_owned(), ToString::to_string);
            facts.push(DraftFact::new(
                key.to_owned(),
                value,
                "patroni",
                evidence.config.at,
            ));
        }
    }
    if let Some(lag) = gates::database::lag_of(evidence, to, now) {
        let at = evidence.canary.at;
        facts.push(DraftFact::new(
            format!("{to} lag"),
            format!("{lag} bytes"),
            "postgres",
            at,
        ));
    }
    if let Ok(canary) = &evidence.canary.what {
        let text = format!("{} ms", canary.after_ms);
        facts.push(DraftFact::new(
            "canary replayed within".to_owned(),
            text,
            "postgres",
            evidence.canary.at,
        ));
    }
    facts
}

/// What the servers' stances say of a switchover.
#[must_use]
pub fn switchover_sight(
    stances: &[(RegionId, Stance)],
    from: &RegionId,
    to: &RegionId,
    now: Timestamp,
) -> Sight {
    let stance = |region: &RegionId| stances.iter().find(|(r, _)| r == region).map(|(_, s)| s);
    if stance(to) == Some(&Stance::Writes) {
        let mut report = Report::new(format!("{to} accepts writes"));
        report.times.insert("promote".to_owned(), now);
        return Sight::Done(report);
    }
    let other = stances
        .iter()
        .find(|(r, s)| r != from && r != to && *s == Stance::Writes);
    if let Some((other, _)) = other {
        return Sight::Failed(format!(
            "the writer is now {other}, not {to}: Patroni chose another candidate; fail over from {other} if {to} is wanted"
        ));
    }
    match stance(from) {
        Some(Stance::Writes) => Sight::NotDone(format!("{from} still accepts writes")),
        Some(Stance::Unknown(why)) => Sight::Unknown(why.clone()),
        _ => Sight::NotDone("no server accepts writes yet".to_owned()),
    }
}

/// Why an old writer that was asked to stop has not stopped, and the ways out. `candidate` is what its server says.
#[must_use]
pub fn why_not_stopped(
    from: &RegionId,
    to: &RegionId,
    candidate: &Result<ServerView, String>,
    waited_ms: u64,
    escorted: bool,
) -> String {
    let heard = match candidate {
        Err(why) => format!("{to} does not answer ({why})"),
        Ok(view) => match view.receiver.as_ref() {
            None => format!("{to} has no walreceiver"),
            Some(Receiver {
                silent_ms: Some(ms), ..
            }) if *ms > STALLED_MS => {
                format!("{to}'s walreceiver has heard nothing for {} s", ms / 1_000)
            }
            Some(_) => format!("{to}'s walreceiver is connected"),
        },
    };
    let asked = format!(
        "{from} was asked to stop {} s ago and has not: its shutdown waits for a walsender until {to} confirms the rest of the log; {heard}. Ways out: have {to} go on (resume its walreceiver, mend its network), and it ends by itself;",
        waited_ms / 1_000
    );
    let wait = if escorted {
        format!(
            "Patroni ends {from} {} s after it began to stop (primary_stop_timeout), and nothing acknowledged is lost, because {to} had it first",
            marker::STOP_SECONDS
        )
    } else {
        "the walsender is given up after wal_sender_timeout, a minute by default, and what it had not sent is lost"
            .to_owned()
    };
    format!("{asked} or wait: {wait}; or end the walsender that serves {to} on {from}'s machine")
}

/// Where the demoted writer stood, from where the new writer's history says that its timeline ended.
#[must_use]
pub fn demotion_token(
    from: &Seat,
    system_identifier: Option<String>,
    fork: Option<Fork>,
) -> Option<DemotionToken> {
    let (system_identifier, fork) = (system_identifier?, fork?);
    Some(DemotionToken {
        member: from.member.clone(),
        system_identifier,
        timeline: fork.timeline,
        final_lsn: fork.lsn,
    })
}

/// What the old writer's answer to a write says.
#[must_use]
pub fn refused_sight(answer: &WriteAnswer, from: &RegionId, since: Timestamp, now: Timestamp) -> Sight {
    let refused = |detail: String| {
        let mut report = Report::new(detail);
        report.times.insert("old_writer_refused".to_owned(), now);
        Sight::Done(report)
    };
    match answer {
        WriteAnswer::ReadOnly(why) => refused(format!("{from} refuses writes: {why}")),
        WriteAnswer::Away(why) if millis_between(since, now) > AWAY_MS => {
            refused(format!("{from} accepts no connection: {why}"))
        }
        WriteAnswer::Away(why) => Sight::NotDone(why.clone()),
        WriteAnswer::Unknown(why) => Sight::Unknown(why.clone()),
        WriteAnswer::Acknowledged => Sight::Failed(format!(
            "TWO WRITERS: {from} still acknowledges writes; stop its postgres before anything else"
        )),
    }
}

/// The set check: every acknowledged canary has to be there, and no two writers may have acknowledged at once.
///
/// `fork` is where the old timeline ended, if known: what the old writer acknowledged behind it is lost.
///
/// # Errors
/// The report that says what is lost, or that two acknowledged.
pub fn set_check(
    acknowledged: &Acknowledged,
    present: &[u64],
    fork: Option<u64>,
    from: &RegionId,
    to: &RegionId,
) -> Result<Report, Report> {
    let present: BTreeSet<u64> = present.iter().copied().collect();
    let lost: Vec<Timestamp> = acknowledged
        .canaries
        .iter()
        .filter(|(n, _)| !present.contains(n))
        .map(|(_, at)| *at)
        .collect();
    let all = acknowledged.canaries.len();
    let (old, new) = (acknowledged.by_region.get(from), acknowledged.by_region.get(to));
    let overlap = old.zip(new).is_some_and(|(old, new)| old.last > new.first);
    let rpo_bytes = old.zip(fork).map(|(old, fork)| old.lsn.saturating_sub(fork));
    let rpo_seconds = lost.iter().min().zip(old).map_or(0.0, |(first, old)| {
        old.last.duration_since(*first).as_secs_f64().max(0.0)
    });
    let mut report = Report::new(format!("{all} acknowledged canaries, {} lost", lost.len()));
    let figures = &mut report.figures;
    figures.insert("acknowledged_canaries".to_owned(), all as f64);
    figures.insert("lost_canaries".to_owned(), lost.len() as f64);
    figures.insert("rpo_seconds".to_owned(), rpo_seconds);
    if let Some(bytes) = rpo_bytes {
        figures.insert("rpo_bytes".to_owned(), bytes as f64);
    }
    if overlap {
        report
            .detail
            .push_str("; TWO WRITERS acknowledged at the same time");
    }
    if lost.is_empty() && !overlap {
        Ok(report)
    } else {
        Err(report)
    }
}

/// Whether the old writer follows, or the wait is over.
#[must_use]
pub fn redundancy_sight(
    rows: &Result<Vec<StandbyRow>, String>,
    from: &Seat,
    since: Timestamp,
    now: Timestamp,
    deadline_ms: u64,
) -> Sight {
    let missing = match rows {
        Ok(rows) => match rows.iter().find(|r| r.name == from.member) {
            Some(row) if row.state == "streaming" => {
                let mut report = Report::new(format!("{} follows and streams", from.region));
                report.times.insert("redundancy".to_owned(), now);
                return Sight::Done(report);
            }
            Some(row) => format!("{} is in state '{}'", from.member, row.state),
            None => format!("{} does not follow yet", from.member),
        },
        Err(why) => why.clone(),
    };
    let waited = millis_between(since, now);
    if waited < deadline_ms {
        return Sight::NotDone(missing);
    }
    Sight::Done(Report::new(format!(
        "the writer has moved, but after {} s {missing}: redundancy is not restored",
        waited / 1_000
    )))
}
