//! Gates of a promotion of a managed database.

use super::{Case, common, needs_approval, needs_override, pass, refuse, region};
use crate::drivers::database::Evidence;
use crate::drivers::managed::{Managed, Way};
use aisoc_model::RegionId;
use aisoc_model::plan::Gate;

/// The gates of making `to` the writer.
#[must_use]
pub fn gates(case: &Case<'_>, to: &RegionId, way: Option<Way>) -> Vec<Gate> {
    let name = "managed_database";
    let Some(way) = way else {
        let why = "the topology names no managed database that changes its writer that way; Patroni's is moved by `failover`";
        return vec![refuse(name, why, vec![])];
    };
    let reading = match &case.facts.managed {
        Some(Ok(reading)) => reading,
        Some(Err(why)) => {
            return vec![refuse(
                name,
                "the cloud does not say how it stands",
                vec![why.clone()],
            )];
        }
        None => return vec![refuse(name, "it was not asked about", vec![])],
    };
    let (stands, evidence) = match &reading.what {
        Managed::Instance {
            id,
            status,
            replica_of,
        } => {
            let source = replica_of.as_deref().unwrap_or("nothing");
            let line = format!("{id} is {status} and replicates {source}");
            (instance(status, replica_of.is_some()), line)
        }
        Managed::Global {
            id,
            status,
            writes,
            member,
            moving,
        } => {
            let line = format!("{id} is {status}");
            (global(to, status, *writes, *member, moving.as_deref(), way), line)
        }
    };
    let mut gates = vec![match stands {
        Ok(why) => pass(name, why, vec![evidence]),
        Err(why) => refuse(name, why, vec![evidence]),
    }];
    if way.may_lose() {
        let why = match way {
            Way::Promote => {
                "a promotion is for ever and its loss is not known before: a second person has to approve"
            }
            _ => "acknowledged writes may be lost: a second person has to approve",
        };
        gates.push(needs_approval("data_loss", why, vec![]));
    } else {
        gates.push(pass("data_loss", "a switchover loses nothing", vec![]));
    }
    gates.extend([
        old_writer(case, to, way),
        region::dr_only(case, to),
        region::block_period(case, &[case.cluster]),
        region::residency(case, None, to),
        common::rollouts(case),
    ]);
    gates
}

/// RDS stops nobody: the source of a promoted replica goes on accepting writes, and they are lost to the new writer.
fn old_writer(case: &Case<'_>, to: &RegionId, way: Way) -> Gate {
    let name = "old_writer";
    if way != Way::Promote {
        return pass(name, "the cloud takes the writer's part from the old one", vec![]);
    }
    let Some(evidence) = case.evidence() else {
        return refuse(
            name,
            "whether another server accepts writes was not looked at",
            vec![],
        );
    };
    let lines = evidence
        .members
        .iter()
        .map(|(region, member)| match &member.server.what {
            Ok(server) if server.in_recovery => format!("{region}: follows"),
            Ok(_) => format!("{region}: accepts writes"),
            Err(why) => format!("{region}: {why}"),
        });
    let lines = lines.collect();
    match Evidence::writers(evidence)
        .into_iter()
        .find(|region| *region != to)
    {
        None => pass(name, "no other server is seen to accept writes", lines),
        Some(other) => needs_override(
            name,
            format!(
                "{other} accepts writes and a promotion does not stop it: TWO WRITERS; stop everything that writes to it first"
            ),
            lines,
        ),
    }
}

fn instance(status: &str, replica: bool) -> Result<String, String> {
    match (status, replica) {
        (_, false) => Err("it is no read replica: it is a database of its own already".to_owned()),
        ("available", true) => Ok("the read replica is available".to_owned()),
        ("backing-up", true) => Err(
            "it is backing up, and RDS refuses a promotion meanwhile: wait for the backup's end".to_owned(),
        ),
        (other, true) => Err(format!("it is {other}, not available")),
    }
}

fn global(
    to: &RegionId,
    status: &str,
    writes: bool,
    member: bool,
    moving: Option<&str>,
    way: Way,
) -> Result<String, String> {
    if !member {
        return Err(format!("the cluster of {to} does not belong to it"));
    }
    if let Some(moving) = moving {
        return Err(format!("its writer is being changed: {moving}"));
    }
    if writes {
        return Err(format!("{to} has the writer already"));
    }
    // A failover is for when the cluster is not well.
    if way == Way::Switchover && status != "available" {
        return Err(format!("it is {status}: a switchover needs both regions well"));
    }
    Ok(format!("it is {status} and its writer is elsewhere"))
}
