//! Gates of an unplanned failover. The block period after a failover is among them: a writer that is lost soon after it
//! was moved may have been lost because it was moved, and whoever moves it again says that this was thought of.

use super::fence::{self, lines, lsn};
use super::{Case, common, needs_approval, needs_override, pass, refuse, region};
use crate::drivers::database::standing::{Held, MemberStanding, Standing};
use crate::operations::facts::Emergency;
use aisoc_model::clock::millis_between;
use aisoc_model::fence::FenceKind;
use aisoc_model::plan::Gate;
use aisoc_model::region::{PostgresRole, RegionRole};
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;

/// Looks that go by before a writer that is gone is seen to be gone: what it acknowledged meanwhile is not known.
const UNSEEN_LOOKS: u64 = 2;

/// The gates of making `to` the writer without the old writer's help.
#[must_use]
pub fn emergency(case: &Case<'_>, to: &RegionId, wanted: Option<FenceKind>) -> Vec<Gate> {
    let emergency = match fence::emergency(case) {
        Ok(emergency) => emergency,
        Err(gate) => return vec![gate],
    };
    let standing = &emergency.standing;
    let from = match old_writer(standing, case.cluster, &case.facts.world, to) {
        Ok(from) => from,
        Err(why) => return vec![refuse("old_writer", why, lines(emergency))],
    };
    vec![
        writer_gone(emergency, &from),
        dcs(standing, &from, to),
        fence::proof(emergency, &from, wanted),
        candidate(standing, to),
        candidate_history(case, standing, &from, to),
        most_advanced(standing, &from, to),
        rpo(case, emergency, &from, to, wanted),
        demotion_token(case, emergency, &from, to),
        region::dr_only(case, to),
        region::block_period(case, &[case.cluster]),
        region::residency(case, Some(&from), to),
        common::rollouts(case),
    ]
}

/// Who wrote last: the one that is seen to write, else the holder of the leader key, else the last one that was
/// seen to write.
///
/// # Errors
/// Why that is not known, or not another than `to`.
pub fn old_writer(
    standing: &Standing,
    cluster: &ClusterName,
    world: &World,
    to: &RegionId,
) -> Result<RegionId, String> {
    let another = |region: &RegionId| {
        if region == to {
            Err(format!("{to} is the writer already"))
        } else {
            Ok(region.clone())
        }
    };
    match standing.writers().as_slice() {
        [one] => return another(one),
        [] => {}
        many => {
            let names: Vec<&str> = many.iter().map(|r| r.as_str()).collect();
            let names = names.join(" and ");
            return Err(format!(
                "TWO WRITERS: {names} accept writes; fence one of them first"
            ));
        }
    }
    if let Ok(Some(leader)) = &standing.leader.what
        && let Some(region) = standing.region_of(&leader.member)
    {
        return another(region);
    }
    let wrote = world.regions.values().filter_map(|region| {
        let member = region.member(cluster)?.value.as_ref()?;
        let follows = standing
            .members
            .get(&region.id)?
            .held()
            .is_some_and(|h| h.in_recovery);
        (member.role == PostgresRole::Writer && !follows).then_some((member.timeline, &region.id))
    });
    match wrote.max() {
        Some((_, region)) => another(region),
        None => {
            Err("nobody is known to have written last: find out who did before another one may".to_owned())
        }
    }
}

/// A writer that works is moved without loss instead.
fn writer_gone(emergency: &Emergency, from: &RegionId) -> Gate {
    let name = "writer_gone";
    let lines = lines(emergency);
    let Some(member) = emergency.standing.members.get(from) else {
        return refuse(name, format!("{from} has no database member"), lines);
    };
    let led = member.agent.what.as_ref().is_ok_and(|a| a.primary);
    match (member.writes(), led) {
        (true, true) => needs_override(
            name,
            format!("{from} writes and its Patroni works: a planned failover loses nothing"),
            lines,
        ),
        (true, false) => pass(
            name,
            format!("{from} accepts writes, but nobody leads it: its Patroni does not answer as leader"),
            lines,
        ),
        (false, _) => pass(name, format!("{from} does not accept writes"), lines),
    }
}

/// Patroni elects nobody when its store does not answer.
fn dcs(standing: &Standing, from: &RegionId, to: &RegionId) -> Gate {
    let name = "dcs";
    match &standing.leader.what {
        Err(why) => refuse(
            name,
            "Patroni elects nobody without its store: give etcd its quorum back first",
            vec![why.clone()],
        ),
        Ok(None) => pass(
            name,
            "nobody is seen to hold the leader key: it has expired, or its store is gone",
            vec![],
        ),
        Ok(Some(leader)) => match standing.region_of(&leader.member) {
            Some(region) if region == from => pass(
                name,
                format!("etcd answers with a quorum; {from} holds the leader key"),
                vec![],
            ),
            Some(region) if region == to => refuse(
                name,
                format!("{to} holds the leader key already: Patroni is making it the writer"),
                vec![],
            ),
            _ => refuse(
                name,
                format!(
                    "{} holds the leader key: Patroni has moved the writer by itself",
                    leader.member
                ),
                vec![],
            ),
        },
    }
}

fn candidate(standing: &Standing, to: &RegionId) -> Gate {
    let name = "candidate";
    let Some(member) = standing.members.get(to) else {
        return refuse(name, format!("{to} has no database member"), vec![]);
    };
    match (&member.server.what, &member.agent.what) {
        (Err(why), _) => refuse(name, format!("{to}'s server does not answer"), vec![why.clone()]),
        (_, Err(why)) => refuse(
            name,
            format!("{to}'s Patroni does not answer: nobody would promote it"),
            vec![why.clone()],
        ),
        (Ok(held), _) if !held.in_recovery => refuse(name, format!("{to} is the writer already"), vec![]),
        (_, Ok(agent)) if agent.nofailover => refuse(
            name,
            format!("{to} is tagged nofailover: Patroni will not promote it; remove the tag first"),
            vec![],
        ),
        (_, Ok(agent)) if agent.paused => refuse(
            name,
            "Patroni is in maintenance mode: `patronictl resume` first",
            vec![format!("GET /patroni of {to}: pause = true")],
        ),
        (Ok(_), Ok(agent)) => pass(
            name,
            format!("{to} is a replica that can be promoted"),
            vec![agent.state.clone()],
        ),
    }
}

/// The candidate's log belongs to the same history as the writer's.
fn candidate_history(case: &Case<'_>, standing: &Standing, from: &RegionId, to: &RegionId) -> Gate {
    let name = "same_history";
    let Some(held) = standing.members.get(to).and_then(MemberStanding::held) else {
        return refuse(name, format!("what {to} has is not known"), vec![]);
    };
    let now = standing.members.get(from).and_then(MemberStanding::held);
    let seen = case.facts.world.regions.get(from);
    let seen = seen.and_then(|r| r.member(case.cluster)?.value.as_ref());
    let system = now
        .map(|h| h.system_identifier.clone())
        .or_else(|| seen.and_then(|m| m.system_identifier.clone()));
    let timeline = now.map(|h| h.timeline).or_else(|| seen.and_then(|m| m.timeline));
    let (Some(system), Some(timeline)) = (system, timeline) else {
        return needs_override(
            name,
            format!("the history that {from} wrote was never seen: nothing to compare {to} with"),
            vec![],
        );
    };
    let line = format!(
        "{from}: system {system}, timeline {timeline}; {to}: system {}, timeline {}",
        held.system_identifier, held.timeline
    );
    if held.system_identifier != system {
        refuse(name, format!("{to} belongs to another cluster"), vec![line])
    } else if held.timeline < timeline {
        refuse(
            name,
            format!("{to} has not followed to timeline {timeline}"),
            vec![line],
        )
    } else {
        pass(
            name,
            format!("{to} has the same system identifier and timeline"),
            vec![line],
        )
    }
}

/// The members that could take over or know more, the most advanced first.
#[must_use]
pub fn ranking<'a>(standing: &'a Standing, from: &RegionId) -> Vec<(&'a RegionId, &'a Held)> {
    let mut ranking: Vec<(&RegionId, &Held)> = standing
        .members
        .iter()
        .filter(|(region, _)| *region != from)
        .filter_map(|(region, member)| Some((region, member.held()?)))
        .collect();
    ranking.sort_by_key(|(_, held)| std::cmp::Reverse((held.timeline, held.lsn)));
    ranking
}

/// The candidate has received at least as much as every other member.
fn most_advanced(standing: &Standing, from: &RegionId, to: &RegionId) -> Gate {
    let name = "most_advanced";
    let ranking = ranking(standing, from);
    let mut lines: Vec<String> = ranking
        .iter()
        .map(|(region, held)| {
            format!(
                "{region} has received up to {} on timeline {}",
                lsn(held.lsn),
                held.timeline
            )
        })
        .collect();
    let Some((_, own)) = ranking.iter().find(|(region, _)| *region == to) else {
        return refuse(name, format!("what {to} has received is not known"), lines);
    };
    let silent: Vec<&str> = standing
        .members
        .iter()
        .filter(|(region, member)| *region != from && member.held().is_none())
        .map(|(region, _)| region.as_str())
        .collect();
    lines.extend(silent.iter().map(|region| format!("{region} cannot be asked")));
    let best = ranking.first().map(|(region, held)| (*region, *held));
    match best {
        // Who has received more changes from moment to moment, and what is stopped in good order hands on the rest.
        Some(_) if standing.members.get(from).is_some_and(MemberStanding::writes) && silent.is_empty() => {
            pass(
                name,
                format!("{from} still writes: it hands on what it has when it is stopped"),
                lines,
            )
        }
        Some((region, held)) if (held.timeline, held.lsn) > (own.timeline, own.lsn) => needs_override(
            name,
            format!(
                "{region} has {} bytes more than {to}: they would be lost; name {region} instead",
                held.lsn.saturating_sub(own.lsn)
            ),
            lines,
        ),
        _ if !silent.is_empty() => needs_override(
            name,
            format!(
                "{} cannot be asked and may have more than {to}",
                silent.join(" and ")
            ),
            lines,
        ),
        _ => pass(name, format!("no member has received more than {to}"), lines),
    }
}

/// What would be lost, as far as it can be known beforehand.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Bytes that the writer was seen to have and the candidate has not; `None` when it was never seen.
    pub bytes: Option<u64>,
    /// When the writer was last seen.
    pub seen_at: Option<Timestamp>,
    /// Seconds of writes that may be lost at most; `None` when nobody can tell.
    pub seconds: Option<f64>,
}

/// Holds what the candidate has against what the writer was last seen to have.
#[must_use]
pub fn predict(case: &Case<'_>, standing: &Standing, from: &RegionId, to: &RegionId) -> Loss {
    let (world, now) = (&case.facts.world, case.facts.now);
    let own = standing
        .members
        .get(to)
        .and_then(MemberStanding::held)
        .map(|h| h.lsn);
    // Only a server that says itself that it writes, or was seen to, knows where the log ended.
    let alive = standing.members.get(from).filter(|m| m.writes());
    let seen = world.regions.get(from).and_then(|r| r.member(case.cluster));
    let known = match alive.and_then(|m| Some((m.held()?.lsn, m.server.at))) {
        Some(known) => Some(known),
        None => seen.and_then(|o| Some((o.value.as_ref()?.lsn?, o.observed_at?))),
    };
    let bytes = known.zip(own).map(|((end, _), own)| end.saturating_sub(own));
    let seen_at = known.map(|(_, at)| at);
    let look = u64::from(case.topology.control_plane.observe_interval_ms) * UNSEEN_LOOKS;
    let unseen = seen_at.map(|at| millis_between(at, now).min(look) as f64 / 1_000.0);
    let link = world.postgres_link(case.cluster, from, to);
    let behind = match bytes {
        Some(0) => Some(0.0),
        // What the link lagged when it was last looked at; nothing is known of a link that never was.
        _ => link.and_then(|l| l.lag_seconds.value),
    };
    let seconds = unseen.zip(behind).map(|(unseen, behind)| unseen + behind);
    Loss {
        bytes,
        seen_at,
        seconds,
    }
}

/// Losing what the spec allows is said; losing more, or nobody knows how much, is two people's decision.
fn rpo(
    case: &Case<'_>,
    emergency: &Emergency,
    from: &RegionId,
    to: &RegionId,
    wanted: Option<FenceKind>,
) -> Gate {
    let name = "rpo";
    let standing = &emergency.standing;
    let loss = predict(case, standing, from, to);
    let allowed = case.slo.recovery.iter().find(|r| r.id == objective(case, to));
    let allowed = allowed.map(|r| r.rpo_seconds as f64);
    let lines = vec![
        match (loss.bytes, loss.seen_at) {
            (Some(bytes), Some(at)) => format!("{bytes} bytes that {from} had at {at} are not on {to}"),
            _ => format!("how far {from} had written was never seen"),
        },
        match loss.seconds {
            Some(seconds) => format!("at most {seconds:.1} s of writes, by the last looks"),
            None => "for how long is not known".to_owned(),
        },
        match allowed {
            Some(allowed) => format!("the objective allows {allowed:.0} s"),
            None => "there is no objective to hold it against".to_owned(),
        },
    ];
    let alive = standing.members.get(from).is_some_and(MemberStanding::writes);
    let stops = fence::chosen(emergency, from, wanted) == Some(FenceKind::InstanceStopped);
    match (loss.bytes, loss.seconds, allowed) {
        (Some(_), _, _) if alive && stops && streams(case, from, to) => pass(
            name,
            format!("{from} is stopped in good order and hands on what it has while {to} streams from it"),
            lines,
        ),
        (Some(bytes), Some(seconds), Some(allowed)) if seconds <= allowed => pass(
            name,
            format!(
                "writes of up to {seconds:.1} s may be lost ({bytes} bytes are known to be missing); \
                 the objective allows {allowed:.0} s"
            ),
            lines,
        ),
        (Some(bytes), seconds, _) => needs_approval(
            name,
            format!(
                "acknowledged writes would be lost: {bytes} bytes are known to be missing, {}",
                seconds.map_or("of how long is not known".to_owned(), |s| format!(
                    "of up to {s:.1} s"
                ))
            ),
            lines,
        ),
        (None, _, _) => needs_approval(
            name,
            "how much would be lost is not known: a second person has to agree",
            lines,
        ),
    }
}

/// Clusters that only follow each other have no leader key in common: what lets another one be promoted is the token
/// that the demoted one left, or two people.
fn demotion_token(case: &Case<'_>, emergency: &Emergency, from: &RegionId, to: &RegionId) -> Gate {
    let name = "demotion_token";
    if case.stretched() {
        return pass(
            name,
            "one cluster: its leader key decides, no token is needed",
            vec![],
        );
    }
    let token = match emergency.instances.get(from) {
        Some(Ok(status)) => status.token.as_ref(),
        _ => None,
    };
    let held = emergency.standing.members.get(to).and_then(MemberStanding::held);
    let (Some(token), Some(held)) = (token, held) else {
        return needs_approval(
            name,
            format!(
                "{from} left no demotion token: what {to} is missing is not known, and a second person has to agree"
            ),
            vec![],
        );
    };
    let evidence = vec![
        format!(
            "{from}: system {}, timeline {}, log ends at {}",
            token.system_identifier,
            token.timeline,
            lsn(token.final_lsn)
        ),
        format!(
            "{to}: system {}, timeline {}, log ends at {}",
            held.system_identifier,
            held.timeline,
            lsn(held.lsn)
        ),
    ];
    let same = token.system_identifier == held.system_identifier && token.timeline == held.timeline;
    if same && held.lsn >= token.final_lsn {
        pass(
            name,
            format!("{to} has everything that {from} had when it was stopped"),
            evidence,
        )
    } else {
        needs_approval(
            name,
            format!(
                "{to} has not everything that {from} had when it was stopped: a second person has to agree"
            ),
            evidence,
        )
    }
}

/// Whether the replica was streaming when it was looked at last.
fn streams(case: &Case<'_>, from: &RegionId, to: &RegionId) -> bool {
    let link = case.facts.world.postgres_link(case.cluster, from, to);
    link.is_some_and(|l| l.state.value.as_deref() == Some("streaming"))
}

/// The recovery objective that the operation is measured against.
#[must_use]
pub fn objective(case: &Case<'_>, to: &RegionId) -> &'static str {
    match case.topology.region(to).map(|r| r.role) {
        Some(RegionRole::DrOnly) => "region_cold",
        _ => "region_warm",
    }
}
