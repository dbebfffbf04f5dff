//! Gates of fencing, and the one rule behind them: without proof that the old writer is off there is no new one.

use super::{Case, needs_approval, needs_override, pass, refuse};
use crate::operations::facts::Emergency;
use aisoc_model::RegionId;
use aisoc_model::fence::FenceKind;
use aisoc_model::plan::{Decision, Gate};

/// What each kind of proof would rest on for the member of `region`, or why it cannot be had; the best first.
#[must_use]
pub fn proofs(emergency: &Emergency, region: &RegionId) -> Vec<(FenceKind, Result<String, String>)> {
    FenceKind::ALL
        .into_iter()
        .map(|kind| (kind, proof_by(kind, emergency, region)))
        .collect()
}

fn proof_by(kind: FenceKind, emergency: &Emergency, region: &RegionId) -> Result<String, String> {
    let member = emergency.standing.members.get(region);
    let member = member.ok_or_else(|| format!("{region} has no database member"))?;
    match kind {
        FenceKind::InstanceStopped => match emergency.instances.get(region) {
            None => Err(
                "nobody who runs the instance can be asked to stop it (no supervisor, no cloud)".to_owned(),
            ),
            Some(Err(why)) => Err(why.clone()),
            Some(Ok(status)) if status.proves() => {
                Ok("its supervisor keeps it down, and nothing of it runs".to_owned())
            }
            Some(Ok(status)) => Ok(format!(
                "its supervisor can stop it and look; now {} process(es) of it run",
                status.running.len()
            )),
        },
        FenceKind::ServerRefuses => match &member.knock.what {
            Ok(knocks) if knocks.refuse() => Ok("its server and its Patroni refuse connections".to_owned()),
            Ok(knocks) => Err(format!(
                "its server: {}; its Patroni: {}",
                knocks.server.words(),
                knocks.agent.words()
            )),
            Err(why) => Err(why.clone()),
        },
        FenceKind::NetworkIsolated => Err("no driver that isolates networks is configured".to_owned()),
        FenceKind::Sworn if member.writes() => {
            Err("its server accepts writes: nobody can swear that it is off".to_owned())
        }
        FenceKind::Sworn => Ok("two people say that it is off".to_owned()),
    }
}

/// The proof that an operation uses: the wanted one, or the best that needs nobody's word.
#[must_use]
pub fn chosen(emergency: &Emergency, region: &RegionId, wanted: Option<FenceKind>) -> Option<FenceKind> {
    let proofs = proofs(emergency, region);
    let good = proofs
        .into_iter()
        .filter(|(_, p)| p.is_ok())
        .map(|(kind, _)| kind);
    match wanted {
        Some(wanted) => good.into_iter().find(|kind| *kind == wanted),
        None => good.into_iter().find(|kind| *kind != FenceKind::Sworn),
    }
}

/// The old writer is fenced, or can be, with proof.
#[must_use]
pub fn proof(emergency: &Emergency, region: &RegionId, wanted: Option<FenceKind>) -> Gate {
    let name = "fence_proof";
    let lines: Vec<String> = proofs(emergency, region)
        .into_iter()
        .map(|(kind, proof)| match proof {
            Ok(line) => format!("ok  {}: {line}", kind.word()),
            Err(line) => format!("NO  {}: {line}", kind.word()),
        })
        .collect();
    match (chosen(emergency, region, wanted), wanted) {
        (Some(FenceKind::Sworn), _) => needs_approval(
            name,
            format!("that {region} writes nothing rests on people's word: a second person has to say so too"),
            lines,
        ),
        (Some(kind), _) => pass(name, format!("{region} is fenced: {}", kind.meaning()), lines),
        (None, Some(wanted)) => refuse(
            name,
            format!(
                "two writers would be possible: the proof '{}' cannot be had",
                wanted.word()
            ),
            lines,
        ),
        (None, None) => refuse(
            name,
            format!(
                "two writers would be possible: nothing proves that {region} writes nothing; stop it, isolate it, \
                 or ask for the proof 'sworn' and a second person"
            ),
            lines,
        ),
    }
}

/// Gates of fencing the member of `region` on its own.
#[must_use]
pub fn fence(case: &Case<'_>, region: &RegionId) -> Vec<Gate> {
    match emergency(case) {
        Err(gate) => vec![gate],
        Ok(emergency) => vec![
            target(emergency, region),
            proof(emergency, region, Some(FenceKind::InstanceStopped)),
        ],
    }
}

/// Gates of letting a fenced member come back.
#[must_use]
pub fn rejoin(case: &Case<'_>, region: &RegionId) -> Vec<Gate> {
    match emergency(case) {
        Err(gate) => vec![gate],
        Ok(emergency) => vec![
            fenced(emergency, region),
            another_writes(emergency, region),
            divergence(emergency, region),
        ],
    }
}

/// The facts, or the gate that says why there are none.
pub(super) fn emergency<'a>(case: &Case<'a>) -> Result<&'a Emergency, Gate> {
    match case.emergency() {
        Some(Ok(emergency)) => Ok(emergency),
        Some(Err(why)) => Err(refuse("cluster", why.clone(), vec![])),
        None => Err(refuse("cluster", "the database was not looked at", vec![])),
    }
}

/// Fencing is for a writer beside another one; anything else stops what works.
fn target(emergency: &Emergency, region: &RegionId) -> Gate {
    let name = "fence_target";
    let standing = &emergency.standing;
    let holds_key = match &standing.leader.what {
        Ok(Some(leader)) => standing.region_of(&leader.member) == Some(region),
        Ok(None) | Err(_) => false,
    };
    let lines = lines(emergency);
    let writers = standing.writers();
    let others = writers.iter().filter(|w| **w != region).count();
    match (writers.contains(&region), others) {
        (true, 0) => needs_override(
            name,
            format!("{region} is the only writer: fencing it stops all writes"),
            lines,
        ),
        (true, _) if holds_key => needs_override(
            name,
            format!("{region} is the writer that holds Patroni's leader key: fence the other one"),
            lines,
        ),
        (true, _) => pass(name, format!("{region} writes beside the leader"), lines),
        (false, 0) => pass(
            name,
            format!("{region} is not seen to write, and nobody else does"),
            lines,
        ),
        (false, _) => needs_override(
            name,
            format!("{region} does not write: fencing it costs a replica"),
            lines,
        ),
    }
}

/// Each member's part, for the evidence.
pub(super) fn lines(emergency: &Emergency) -> Vec<String> {
    let standing = &emergency.standing;
    let mut lines: Vec<String> = standing
        .members
        .iter()
        .map(|(region, member)| match &member.server.what {
            Ok(held) => format!(
                "{region}: {} on timeline {}, its log ends at {}",
                if held.in_recovery {
                    "follows"
                } else {
                    "accepts writes"
                },
                held.timeline,
                lsn(held.lsn)
            ),
            Err(why) => format!("{region}: {why}"),
        })
        .collect();
    lines.push(match &standing.leader.what {
        Ok(Some(leader)) => format!("Patroni's leader key: {}", leader.member),
        Ok(None) => "Patroni's leader key: nobody".to_owned(),
        Err(why) => format!("Patroni's leader key: {why}"),
    });
    lines
}

/// A position as PostgreSQL writes it.
#[must_use]
pub fn lsn(position: u64) -> String {
    format!("{:X}/{:X}", position >> 32, position & 0xFFFF_FFFF)
}

fn fenced(emergency: &Emergency, region: &RegionId) -> Gate {
    let name = "fenced";
    match emergency.instances.get(region) {
        Some(Ok(status)) => match &status.fenced {
            Some(by) => pass(
                name,
                format!("{region} is kept down by operation {}", by.operation),
                vec![format!("since {}", by.since)],
            ),
            None => refuse(
                name,
                format!("{region} is not fenced: there is nothing to let go"),
                vec![],
            ),
        },
        Some(Err(why)) => refuse(
            name,
            format!("whether {region} is fenced is not known"),
            vec![why.clone()],
        ),
        None => refuse(name, "nobody who runs the instance can be asked", vec![]),
    }
}

fn another_writes(emergency: &Emergency, region: &RegionId) -> Gate {
    let name = "another_writer";
    match emergency.standing.writers().as_slice() {
        [one] if *one != region => pass(
            name,
            format!("{one} writes; {region} will follow it"),
            lines(emergency),
        ),
        [] => needs_override(
            name,
            format!("nobody writes: {region} may become the writer when it runs"),
            lines(emergency),
        ),
        _ => refuse(
            name,
            "there is not exactly one other writer to follow",
            lines(emergency),
        ),
    }
}

/// What only the fenced member has is discarded when it follows another.
fn divergence(emergency: &Emergency, region: &RegionId) -> Gate {
    let name = "divergence";
    let token = match emergency.instances.get(region) {
        Some(Ok(status)) => status.token.as_ref(),
        _ => None,
    };
    let Some(token) = token else {
        let why = format!(
            "{region} was not stopped in good order: what only it has is not known, and is discarded when it follows"
        );
        return needs_override(name, why, vec![]);
    };
    let evidence = vec![format!(
        "demotion token: system {}, timeline {}, log ends at {}",
        token.system_identifier,
        token.timeline,
        lsn(token.final_lsn)
    )];
    let writers = emergency.standing.writers();
    let newer = writers
        .iter()
        .filter_map(|w| emergency.standing.members.get(*w)?.held())
        .any(|held| held.timeline > token.timeline);
    if newer {
        let why =
            format!("what {region} wrote behind the fork of the timelines is discarded when it follows");
        needs_override(name, why, evidence)
    } else {
        pass(
            name,
            format!("{region} has nothing that the writer's timeline has not"),
            evidence,
        )
    }
}

/// While two members of a cluster accept writes everything waits for one of them to be fenced.
#[must_use]
pub fn two_writers(case: &Case<'_>) -> Option<Gate> {
    let now = case.facts.now;
    let world = &case.facts.world;
    // What is about one cluster waits for that one alone, everything else for all of them.
    let own = case.request.target.cluster();
    let clusters = world.clusters().into_iter();
    let concerned = clusters.filter(|cluster| own.is_none_or(|own| own == *cluster));
    let (cluster, writing) = concerned
        .map(|cluster| (cluster, world.writers(cluster, now)))
        .find(|(_, writing)| writing.len() > 1)?;
    let of = if world.several_clusters() {
        format!(" of {cluster}")
    } else {
        String::new()
    };
    let names: Vec<&str> = writing.iter().map(|r| r.as_str()).collect();
    let names = names.join(" and ");
    Some(super::gate(
        "two_writers",
        Decision::Refuse,
        format!(
            "TWO WRITERS{of}: {names} accept writes; fence one of them first, nothing else can be done safely"
        ),
        vec![],
    ))
}
