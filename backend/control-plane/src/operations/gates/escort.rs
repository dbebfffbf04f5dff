//! The gate of the zero-loss escort, and what of the cluster's settings bears on a planned failover.

use super::{needs_override, pass, refuse};
use crate::drivers::database::config::ClusterConfig;
use crate::drivers::database::{Evidence, Member, Seen};
use crate::operations::escort::marker;
use aisoc_model::RegionId;
use aisoc_model::clock::millis_between;
use aisoc_model::plan::Gate;
use jiff::Timestamp;

/// The gate's name, for an override: without the escort a failover rests on the proof alone.
pub const NAME: &str = "escort";
/// A writer's Patroni that has not reached the store for so many rounds has lost it.
const MISSED_ROUNDS: u64 = 3;

/// Whether commits of the writer wait, or can be made to wait, until the candidate has them.
#[must_use]
pub fn escort(evidence: &Evidence, to: &RegionId) -> Gate {
    let Some(candidate) = evidence.members.get(to) else {
        return refuse(NAME, format!("{to} has no database member"), vec![]);
    };
    let lines = lines(evidence, candidate);
    if let Some(stalled) = holding_up(evidence) {
        let why = format!("commits wait for {stalled}, a synchronous standby that does not flush");
        return refuse(NAME, why, lines);
    }
    let config = match &evidence.config.what {
        Ok(config) => config,
        Err(why) => {
            let mut lines = lines;
            lines.push(why.clone());
            return refuse(NAME, "the cluster's settings are not known", lines);
        }
    };
    if not_synchronous(evidence, candidate).is_none() {
        let why = format!("commits wait until {to} has them: no acknowledged write can be lost");
        return pass(NAME, why, lines);
    }
    let nosync = candidate.patroni.what.as_ref().is_ok_and(|view| view.nosync);
    if nosync {
        let why = format!("{to} is tagged nosync: commits cannot be made to wait for it");
        return needs_override(NAME, why, lines);
    }
    match (marker::of(config).is_some(), config.synchronous()) {
        (false, true) => refuse(
            NAME,
            format!(
                "the cluster is synchronous by its own setting, and {to} is not its synchronous standby: Patroni would refuse the switchover; raise synchronous_node_count, or take another candidate"
            ),
            lines,
        ),
        (false, false) if config.is_on("synchronous_mode_strict") => {
            needs_override(NAME, marker::CannotEscort::Strict.to_string(), lines)
        }
        (true, false) => refuse(NAME, marker::CannotEscort::TakenBack.to_string(), lines),
        (true, true) => pass(NAME, format!("{to} is being made a synchronous standby"), lines),
        (false, false) => pass(
            NAME,
            format!("commits will be made to wait until {to} has them, and no longer afterwards"),
            lines,
        ),
    }
}

/// Why the candidate does not count as a synchronous standby: both Patroni and the writer's server have to say so.
#[must_use]
pub fn not_synchronous(evidence: &Evidence, candidate: &Member) -> Option<String> {
    let name = &candidate.name;
    match &candidate.patroni.what {
        Err(why) => return Some(why.clone()),
        Ok(view) if !view.sync_standby => {
            return Some(format!("Patroni does not count {name} as sync_standby"));
        }
        Ok(_) => {}
    }
    match &evidence.standbys.what {
        Err(why) => Some(why.clone()),
        Ok(rows) => match rows.iter().find(|r| r.name == *name) {
            Some(row) if row.synchronous() => None,
            Some(row) => Some(format!("{name}'s sync_state is '{}'", row.sync_state)),
            None => Some(format!("{name} does not follow the writer")),
        },
    }
}

/// A synchronous standby that has not flushed the canary: commits wait for it.
fn holding_up(evidence: &Evidence) -> Option<&str> {
    let (Ok(rows), Ok(canary)) = (&evidence.standbys.what, &evidence.canary.what) else {
        return None;
    };
    let stalled = rows
        .iter()
        .find(|r| r.synchronous() && r.flush_lsn.is_none_or(|at| at < canary.lsn));
    stalled.map(|r| r.name.as_str())
}

/// How many standbys have to be synchronous for the candidate to be among them, whichever Patroni takes first.
#[must_use]
pub fn standbys(evidence: &Evidence) -> u64 {
    let Ok(rows) = &evidence.standbys.what else {
        return 1;
    };
    let left_out = |name: &str| {
        evidence.members.values().any(|m| {
            let never = m.patroni.what.as_ref().is_ok_and(|v| v.nosync || v.nofailover);
            m.name == name && never
        })
    };
    let streaming = rows
        .iter()
        .filter(|r| r.state == "streaming" && !left_out(&r.name));
    u64::try_from(streaming.count()).unwrap_or(1).max(1)
}

fn lines(evidence: &Evidence, candidate: &Member) -> Vec<String> {
    let mut lines = Vec::new();
    if let Ok(rows) = &evidence.standbys.what {
        for row in rows {
            lines.push(format!(
                "pg_stat_replication: {} is '{}'",
                row.name, row.sync_state
            ));
        }
    }
    if let Ok(view) = &candidate.patroni.what {
        lines.push(format!(
            "Patroni: sync_standby of {} is {}",
            candidate.name, view.sync_standby
        ));
    }
    if let Ok(config) = &evidence.config.what {
        let mode = config
            .get("synchronous_mode")
            .map_or("not set".to_owned(), ToString::to_string);
        lines.push(format!("configuration: synchronous_mode is {mode}"));
        if let Some(marker) = marker::of(config) {
            let holders: Vec<&str> = marker.holders.keys().map(String::as_str).collect();
            lines.push(format!("escorted for plan(s) {}", holders.join(", ")));
        }
    }
    lines
}

/// Whether the writer's Patroni reaches its store, without which nothing can be switched.
#[must_use]
pub fn store(evidence: &Evidence, now: Timestamp) -> Gate {
    let name = "store";
    let writers = evidence.writers();
    let writer = writers
        .first()
        .and_then(|w| Some((*w, evidence.members.get(*w)?)));
    let Some((region, writer)) = writer else {
        return refuse(name, "there is no writer whose Patroni could be asked", vec![]);
    };
    let view = match &writer.patroni.what {
        Ok(view) => view,
        Err(why) => {
            return refuse(
                name,
                format!("{region}'s Patroni does not answer"),
                vec![why.clone()],
            );
        }
    };
    if view.failsafe_active {
        let why = format!("{region}'s Patroni has lost its store: only failsafe_mode keeps the writer up");
        return refuse(name, why, vec!["failsafe_mode_is_active is true".to_owned()]);
    }
    if let Some(Seen { what: Err(why), .. }) = &evidence.store {
        let evidence = vec![why.clone()];
        return refuse(
            name,
            "Patroni's store does not answer: nothing could be switched",
            evidence,
        );
    }
    let (Some(seen), Ok(config)) = (view.store_seen, &evidence.config.what) else {
        return refuse(
            name,
            "whether Patroni reaches its store is not known",
            evidence.config.what.as_ref().err().cloned().into_iter().collect(),
        );
    };
    let round = config.number("loop_wait").unwrap_or(10);
    let bound = round.saturating_mul(MISSED_ROUNDS).saturating_mul(1_000);
    let age = Timestamp::from_second(seen).map_or(u64::MAX, |at| millis_between(at, now));
    let line = format!(
        "{region}'s Patroni reached its store {} s ago, bound {} s",
        age / 1_000,
        bound / 1_000
    );
    if age > bound {
        return refuse(
            name,
            format!("{region}'s Patroni does not reach its store: it could not switch"),
            vec![line],
        );
    }
    pass(name, "Patroni reaches its store", vec![line])
}

/// The settings that decide how a switchover goes when something fails on the way. Weak ones are named; only what is
/// not known refuses.
#[must_use]
pub fn preflight(evidence: &Evidence) -> Gate {
    let name = "preflight";
    let config = match &evidence.config.what {
        Ok(config) => config,
        Err(why) => return refuse(name, "the cluster's settings are not known", vec![why.clone()]),
    };
    let bound = config.number("maximum_lag_on_failover").unwrap_or(1_048_576);
    let weak = weaknesses(evidence, config);
    let mut lines: Vec<String> = weak.iter().map(|w| format!("weak: {w}")).collect();
    lines.push(format!(
        "maximum_lag_on_failover is {bound} bytes, for promotions that nobody asked for"
    ));
    let named: Vec<&str> = weak.iter().filter_map(|w| w.split(':').next()).collect();
    let why = if named.is_empty() {
        "the cluster's settings are those of a careful operator".to_owned()
    } else {
        let named = named.join(", ");
        format!("does not stop a planned failover, but should be mended: {named}")
    };
    pass(name, why, lines)
}

fn weaknesses(evidence: &Evidence, config: &ClusterConfig) -> Vec<String> {
    let mut weak = Vec::new();
    let mut check = |holds: bool, what: &str| {
        if !holds {
            weak.push(what.to_owned());
        }
    };
    check(
        config.is_on("failsafe_mode"),
        "failsafe_mode is off: a store that stands still makes the writer step down",
    );
    check(
        config.is_on("check_timeline"),
        "check_timeline is off: a candidate on an older timeline may be promoted when nobody asks",
    );
    check(
        config.uses_slots(),
        "use_slots is off: a member that is away for a while may have to be copied anew",
    );
    let watchdog = evidence
        .members
        .iter()
        .find(|(_, m)| m.patroni.what.as_ref().is_ok_and(|v| v.watchdog_failed));
    if let Some((region, _)) = watchdog {
        weak.push(format!(
            "{region}'s watchdog could not be activated: a frozen Patroni is not stopped by it"
        ));
    }
    weak
}
