//! Gates of a failover: above all the proof that the candidate has everything.

use super::{Case, escort, pass, refuse, region};
use crate::drivers::database::{Evidence, Member, Seen};
use crate::operations::gates::common;
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::plan::{Decision, Gate};
use aisoc_model::region::RegionRole;
use jiff::Timestamp;

/// Every part of the proof is younger than this.
pub const PROOF_MS: u64 = 1_000;
/// Bytes that a streaming candidate may be behind: one segment of the log. A switchover waits for the rest, but
/// writes stand still while it does.
pub const MAX_LAG_BYTES: u64 = 16 * 1024 * 1024;

/// Gates of a failover to `to`.
#[must_use]
pub fn failover(case: &Case<'_>, to: &RegionId) -> Vec<Gate> {
    let Some(evidence) = case.evidence() else {
        return vec![refuse("rpo", "the database was not looked at", vec![])];
    };
    let mut gates = vec![
        single_writer(evidence),
        candidate_role(evidence, to),
        candidate_nofailover(evidence, to),
        dr_only_explicit(case, to),
        cluster_paused(evidence),
        region::block_period(case, &[case.cluster]),
        region::residency(case, evidence.writers().first().copied(), to),
        common::rollouts(case),
    ];
    gates.push(escort::store(evidence, case.facts.now));
    gates.push(escort::preflight(evidence));
    gates.push(escort::escort(evidence, to));
    gates.push(rpo(evidence, to, case.facts.now));
    gates
}

fn single_writer(evidence: &Evidence) -> Gate {
    let name = "single_writer";
    let lines = evidence
        .members
        .iter()
        .map(|(region, m)| match &m.server.what {
            Ok(s) if s.in_recovery => format!("{region}: follows"),
            Ok(_) => format!("{region}: accepts writes"),
            Err(why) => format!("{region}: {why}"),
        })
        .collect();
    match evidence.writers().as_slice() {
        [one] => pass(
            name,
            format!("{one} is the one server that accepts writes"),
            lines,
        ),
        [] => refuse(
            name,
            "no server accepts writes: a planned failover needs one; find out what happened to the writer",
            lines,
        ),
        many => {
            let names: Vec<&str> = many.iter().map(|r| r.as_str()).collect();
            let why = format!(
                "TWO WRITERS: {} accept writes; stop one before anything else",
                names.join(" and ")
            );
            refuse(name, why, lines)
        }
    }
}

fn candidate_role(evidence: &Evidence, to: &RegionId) -> Gate {
    let name = "candidate_role";
    match evidence.members.get(to).map(|m| &m.server.what) {
        None => refuse(name, format!("{to} has no database member"), vec![]),
        Some(Err(why)) => refuse(name, format!("{to}'s server does not answer"), vec![why.clone()]),
        Some(Ok(server)) if server.in_recovery => pass(name, format!("{to} is a replica"), vec![]),
        Some(Ok(_)) => refuse(name, format!("{to} is the writer already"), vec![]),
    }
}

fn candidate_nofailover(evidence: &Evidence, to: &RegionId) -> Gate {
    let name = "candidate_nofailover";
    match evidence.members.get(to).map(|m| &m.patroni.what) {
        Some(Ok(view)) if view.nofailover => refuse(
            name,
            format!("{to} is tagged nofailover: Patroni will not promote it; remove the tag first"),
            vec![format!("GET /patroni of {to}: tags.nofailover = true")],
        ),
        Some(Ok(_)) => pass(name, format!("{to} may be promoted"), vec![]),
        Some(Err(why)) => refuse(
            name,
            format!("whether {to} may be promoted is not known"),
            vec![why.clone()],
        ),
        None => refuse(name, format!("{to} has no database member"), vec![]),
    }
}

/// The only way to name a candidate is to name its region, and that is the explicit naming the operations
/// document asks for; the gate leaves it in the record.
fn dr_only_explicit(case: &Case<'_>, to: &RegionId) -> Gate {
    let name = "dr_only_explicit";
    match case.topology.region(to).map(|r| r.role) {
        None => refuse(name, format!("{to} is not a region of this topology"), vec![]),
        Some(RegionRole::DrOnly) => pass(
            name,
            format!("{to} is DR-only and was named explicitly"),
            vec!["automatic choice never takes it".to_owned()],
        ),
        Some(role) => pass(name, format!("{to} is a {} region", role.word()), vec![]),
    }
}

fn cluster_paused(evidence: &Evidence) -> Gate {
    let name = "cluster_paused";
    let mut known = 0;
    for (region, member) in &evidence.members {
        match &member.patroni.what {
            Ok(view) if view.paused => {
                let line = format!("GET /patroni of {region}: pause = true");
                return refuse(
                    name,
                    "Patroni is in maintenance mode: `patronictl resume` first",
                    vec![line],
                );
            }
            Ok(_) => known += 1,
            Err(_) => {}
        }
    }
    if known == 0 {
        return refuse(name, "no Patroni answers", vec![]);
    }
    pass(
        name,
        "Patroni manages the cluster",
        vec![format!("{known} member(s) say so")],
    )
}

/// The proof with an escort: what every failover needs, and that commits wait for the candidate.
#[must_use]
pub fn escorted_rpo(evidence: &Evidence, to: &RegionId, now: Timestamp) -> Gate {
    let gate = rpo(evidence, to, now);
    let missing = evidence
        .members
        .get(to)
        .and_then(|m| escort::not_synchronous(evidence, m));
    match missing {
        Some(why) if gate.decision == Decision::Pass => refuse(
            "rpo",
            format!("{to} is not a synchronous standby: {why}"),
            gate.evidence,
        ),
        _ => gate,
    }
}

/// The proof: each line is one thing that has to be true, seen within the last second.
#[must_use]
pub fn rpo(evidence: &Evidence, to: &RegionId, now: Timestamp) -> Gate {
    let writers = evidence.writers();
    let ([from], Some(candidate)) = (writers.as_slice(), evidence.members.get(to)) else {
        return refuse(
            "rpo",
            "there is no one writer to compare the candidate with",
            vec![],
        );
    };
    let Some(writer) = evidence.members.get(*from) else {
        return refuse("rpo", "the writer is not a member", vec![]);
    };
    let proof = [
        streaming_by_itself(candidate, now),
        streaming_by_writer(evidence, &candidate.name, now),
        same_timeline(writer, candidate, now),
        same_system(writer, candidate),
        lag(writer, candidate, now),
        canary(evidence, now),
    ];
    let failed: Vec<&str> = proof
        .iter()
        .filter_map(|p| p.as_ref().err().map(String::as_str))
        .collect();
    let lines = proof
        .iter()
        .map(|p| match p {
            Ok(line) => format!("ok  {line}"),
            Err(line) => format!("NO  {line}"),
        })
        .collect();
    match failed.first() {
        None => pass(
            "rpo",
            format!("{to} has everything that {from} acknowledged"),
            lines,
        ),
        Some(first) => refuse(
            "rpo",
            format!("not proven that {to} has every acknowledged write: {first}"),
            lines,
        ),
    }
}

type Proof = Result<String, String>;

fn young<'a, T>(seen: &'a Seen<T>, what: &str, now: Timestamp) -> Result<&'a T, String> {
    let value = seen.what.as_ref().map_err(|why| format!("{what}: {why}"))?;
    let age = millis_between(seen.at, now);
    if age > PROOF_MS {
        return Err(format!("{what}: seen {age} ms ago, bound {PROOF_MS} ms"));
    }
    Ok(value)
}

/// The candidate's own word: Patroni's `replication_state`, which versions before 3.1 do not have, and its
/// server's walreceiver. One of them has to say "streaming", and none may say otherwise.
fn streaming_by_itself(candidate: &Member, now: Timestamp) -> Proof {
    let view = young(&candidate.patroni, "candidate's GET /patroni", now)?;
    let server = young(&candidate.server, "candidate's server", now)?;
    let receiver = server.receiver.as_ref();
    let words = [
        ("replication_state", view.replication_state.as_deref()),
        ("walreceiver", receiver.and_then(|r| r.status.as_deref())),
    ];
    if receiver.is_none() {
        return Err("candidate has no walreceiver: it is not connected to the writer".to_owned());
    }
    for (what, word) in words {
        if let Some(word) = word
            && word != "streaming"
        {
            return Err(format!("candidate's {what} is '{word}'"));
        }
    }
    let said: Vec<&str> = words
        .iter()
        .filter(|(_, w)| w.is_some())
        .map(|(what, _)| *what)
        .collect();
    if said.is_empty() {
        return Err(format!(
            "candidate does not say that it streams (Patroni {} has no replication_state; grant pg_monitor to see its walreceiver)",
            view.version
        ));
    }
    Ok(format!("candidate says it streams ({})", said.join(", ")))
}

fn streaming_by_writer(evidence: &Evidence, member: &str, now: Timestamp) -> Proof {
    let rows = young(&evidence.standbys, "writer's pg_stat_replication", now)?;
    match rows.iter().find(|r| r.name == member) {
        Some(row) if row.state == "streaming" => Ok(format!("writer streams to member {member}")),
        Some(row) => Err(format!(
            "writer's pg_stat_replication has {member} in state '{}'",
            row.state
        )),
        None => Err(format!("writer's pg_stat_replication has no member {member}")),
    }
}

fn same_timeline(writer: &Member, candidate: &Member, now: Timestamp) -> Proof {
    let writer = young(&writer.patroni, "writer's GET /patroni", now)?;
    let view = young(&candidate.patroni, "candidate's GET /patroni", now)?;
    let received = candidate
        .server
        .what
        .as_ref()
        .ok()
        .and_then(|s| s.receiver.as_ref());
    // The walreceiver's timeline is the one it streams on now; Patroni's may be that of a while ago.
    let theirs = received.and_then(|r| r.timeline).or(view.timeline);
    match (writer.timeline, theirs) {
        (Some(a), Some(b)) if a == b => Ok(format!("both on timeline {a}")),
        (Some(a), Some(b)) => Err(format!("writer is on timeline {a}, candidate on {b}")),
        _ => Err("a timeline is not known".to_owned()),
    }
}

fn same_system(writer: &Member, candidate: &Member) -> Proof {
    let id = |m: &Member| m.server.what.as_ref().ok().map(|s| s.system_identifier.clone());
    match (id(writer), id(candidate)) {
        (Some(a), Some(b)) if a == b => Ok(format!("same system identifier {a}")),
        (Some(a), Some(b)) => Err(format!("system identifiers differ: {a} and {b}")),
        _ => Err("a system identifier is not known".to_owned()),
    }
}

fn lag(writer: &Member, candidate: &Member, now: Timestamp) -> Proof {
    let bytes = lag_bytes(writer, candidate, now)?;
    if bytes > MAX_LAG_BYTES {
        return Err(format!(
            "candidate is {bytes} bytes behind, bound {MAX_LAG_BYTES}"
        ));
    }
    Ok(format!("candidate is {bytes} bytes behind"))
}

fn lag_bytes(writer: &Member, candidate: &Member, now: Timestamp) -> Result<u64, String> {
    let writer = young(&writer.server, "writer's position", now)?;
    let candidate = young(&candidate.server, "candidate's position", now)?;
    Ok(writer.lsn.saturating_sub(candidate.lsn))
}

/// Bytes that the candidate is behind the writer, when both are known.
#[must_use]
pub fn lag_of(evidence: &Evidence, to: &RegionId, now: Timestamp) -> Option<u64> {
    let writers = evidence.writers();
    let writer = evidence.members.get(*writers.first()?)?;
    lag_bytes(writer, evidence.members.get(to)?, now).ok()
}

fn canary(evidence: &Evidence, now: Timestamp) -> Proof {
    let canary = young(&evidence.canary, "canary", now)?;
    if canary.replayed >= canary.lsn {
        return Ok(format!(
            "a canary written by the writer was replayed within {} ms",
            canary.after_ms
        ));
    }
    Err(format!(
        "a canary written by the writer has not been replayed after {} ms: {} bytes are missing",
        canary.after_ms,
        canary.lsn.saturating_sub(canary.replayed)
    ))
}
