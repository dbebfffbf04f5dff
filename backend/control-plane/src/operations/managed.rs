//! Making a managed database's replica the writer: the plan, and how what is seen on the way is judged.

use crate::drivers::Drivers;
use crate::drivers::managed::{Managed, ManagedReading, Way};
use crate::operations::action::{Action, Seat};
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use aisoc_model::RegionId;
use aisoc_model::region::RegionRole;

/// A promotion reboots the instance; a failover of a global cluster takes as long.
const PREDICTED_OUTAGE_MS: u64 = 300_000;

/// The plan of a promotion.
pub(crate) fn draft(case: &Case<'_>, drivers: &Drivers, to: &RegionId, allow_data_loss: bool) -> Draft {
    let ways = drivers.managed.as_ref().map_or(&[][..], |d| d.ways());
    let way = choose(ways, allow_data_loss);
    let role = case.topology.region(to).map(|r| r.role);
    let objective = if role == Some(RegionRole::DrOnly) {
        "region_cold"
    } else {
        "region_warm"
    };
    let objective = case.slo.recovery.iter().find(|r| r.id == objective);
    let mut draft = Draft {
        summary: summary(to, way),
        facts: reading(case).map_or_else(Vec::new, |reading| facts(to, reading)),
        gates: gates::managed::gates(case, to, way),
        steps: Vec::new(),
        predicted_write_outage_ms: Some(PREDICTED_OUTAGE_MS),
        affected: vec!["writes of all tenants stop until the new writer is ready: minutes".to_owned()],
        objective: objective.map(|r| r.id.clone()),
    };
    let (Some(way), Some(driver)) = (way, &drivers.managed) else {
        return draft;
    };
    let action = Action::MakeManagedWriter { to: to.clone(), way };
    let title = format!("{} in {to}", title(way));
    draft
        .steps
        .push(step(action, title, driver.request(to, way), None));
    let seat = Seat {
        cluster: case.cluster.clone(),
        region: to.clone(),
        member: to.to_string(),
    };
    let first_write = Action::FirstWrite { to: seat };
    let title = format!("a write is acknowledged by {to}");
    draft.steps.push(step(
        first_write,
        title,
        format!("INSERT of a canary on {to}"),
        None,
    ));
    draft
}

/// The way that an operator asked for, among those that there are.
fn choose(ways: &[Way], allow_data_loss: bool) -> Option<Way> {
    ways.iter()
        .copied()
        .find(|way| *way == Way::Promote || way.may_lose() == allow_data_loss)
}

fn reading<'a>(case: &'a Case<'_>) -> Option<&'a ManagedReading> {
    case.facts.managed.as_ref()?.as_ref().ok()
}

fn title(way: Way) -> &'static str {
    match way {
        Way::Promote => "promote the read replica, for ever",
        Way::Switchover => "switch the global cluster's writer over",
        Way::Failover => "fail the global cluster over, with loss allowed",
    }
}

fn summary(to: &RegionId, way: Option<Way>) -> String {
    match way {
        None => format!("Make {to} the writer of a managed database."),
        Some(Way::Promote) => format!(
            "Promote the read replica in {to} to a database of its own. IRREVERSIBLE: it never follows again, and what it has not received is lost."
        ),
        Some(Way::Switchover) => format!("Switch the global cluster's writer to {to}, without loss."),
        Some(Way::Failover) => format!(
            "Fail the global cluster over to {to} although writes may be LOST: what it has not received is gone."
        ),
    }
}

fn facts(to: &RegionId, reading: &ManagedReading) -> Vec<DraftFact> {
    let fact =
        |name: &str, value: String| DraftFact::new(format!("{to} {name}"), value, "rds", reading.at).pinned();
    match &reading.what {
        Managed::Instance {
            id,
            status,
            replica_of,
        } => vec![
            fact("instance", id.clone()),
            fact("status", status.clone()),
            fact(
                "replica of",
                replica_of.clone().unwrap_or_else(|| "nothing".to_owned()),
            ),
        ],
        Managed::Global {
            id, status, writes, ..
        } => vec![
            fact("global cluster", id.clone()),
            fact("status", status.clone()),
            fact("writes", writes.to_string()),
        ],
    }
}

/// What the cloud's description says of a change of the writer.
#[must_use]
pub fn writer_sight(reading: &ManagedReading, to: &RegionId) -> Sight {
    let done = |detail: String| {
        let mut report = Report::new(detail);
        report.times.insert("promote".to_owned(), reading.at);
        Sight::Done(report)
    };
    match &reading.what {
        Managed::Instance {
            id,
            status,
            replica_of: None,
        } if status == "available" => done(format!("{id} in {to} is available and follows nobody")),
        Managed::Instance { id, status, .. } => Sight::NotDone(format!("{id} is {status}")),
        Managed::Global {
            id,
            status,
            writes: true,
            moving: None,
            ..
        } if status == "available" => done(format!("{id} has its writer in {to}")),
        Managed::Global {
            id, status, moving, ..
        } => Sight::NotDone(format!(
            "{id} is {status}{}",
            moving.as_ref().map_or_else(String::new, |m| format!(", {m}"))
        )),
    }
}

/// Whether a change goes on already, so that asking again would only be refused.
#[must_use]
pub fn goes_on(reading: &ManagedReading) -> bool {
    match &reading.what {
        Managed::Instance { status, .. } => status != "available",
        Managed::Global { status, moving, .. } => moving.is_some() || status != "available",
    }
}
