//! Fencing a member on its own, and letting it come back.

use crate::drivers::Drivers;
use crate::operations::action::{Action, Seat};
use crate::operations::emergency::{facts, fence_step, silenced_step};
use crate::operations::facts::Emergency;
use crate::operations::gates::{self, Case};
use crate::operations::planner::{Draft, step};
use aisoc_model::RegionId;
use aisoc_model::fence::FenceKind;

/// A rewound member follows within seconds; one that has to be copied takes longer than an operation waits.
const FOLLOW_MS: u64 = 60_000;

fn seat(case: &Case<'_>, emergency: &Emergency, region: &RegionId) -> Option<Seat> {
    let member = emergency.standing.members.get(region)?;
    Some(Seat {
        cluster: case.cluster.clone(),
        region: region.clone(),
        member: member.name.clone(),
    })
}

fn known<'a>(case: &Case<'a>) -> Option<&'a Emergency> {
    case.emergency().and_then(|e| e.as_ref().ok())
}

/// The plan of fencing the member of `region`.
pub(crate) fn draft_fence(case: &Case<'_>, drivers: &Drivers, region: &RegionId) -> Draft {
    let emergency = known(case);
    let seat = emergency.and_then(|e| seat(case, e, region));
    let steps = seat.map_or_else(Vec::new, |seat| {
        vec![
            fence_step(drivers, &seat, FenceKind::InstanceStopped),
            silenced_step(&seat, FenceKind::InstanceStopped),
        ]
    });
    Draft {
        summary: format!(
            "Stop the PostgreSQL member{} of {region} and keep it down until `rejoin {region}`.",
            case.of_cluster()
        ),
        facts: emergency.map_or_else(Vec::new, |e| facts(&e.standing)),
        gates: gates::fence::fence(case, region),
        steps,
        predicted_write_outage_ms: None,
        affected: vec![
            format!("whoever writes to {region} is cut off"),
            format!("what only {region} has stays there, for somebody to look at"),
        ],
        objective: None,
    }
}

/// The plan of letting the fenced member of `region` come back.
pub(crate) fn draft_rejoin(case: &Case<'_>, region: &RegionId) -> Draft {
    let emergency = known(case);
    let steps = emergency.and_then(|e| {
        let from = seat(case, e, region)?;
        let release = step(
            Action::Release { seat: from.clone() },
            format!("{region} may run again"),
            "release of its fence".to_owned(),
            None,
        );
        let mut steps = vec![release];
        if let [writer] = e.standing.writers().as_slice()
            && *writer != region
        {
            steps.push(step(
                Action::Redundancy {
                    from,
                    to: seat(case, e, writer)?,
                    deadline_ms: FOLLOW_MS,
                },
                format!("{region} follows {writer}, at most {} s", FOLLOW_MS / 1_000),
                format!("pg_stat_replication of {writer}"),
                None,
            ));
        }
        Some(steps)
    });
    Draft {
        summary: format!(
            "Let the PostgreSQL member{} of {region} come back as a replica.",
            case.of_cluster()
        ),
        facts: emergency.map_or_else(Vec::new, |e| facts(&e.standing)),
        gates: gates::fence::rejoin(case, region),
        steps: steps.unwrap_or_default(),
        predicted_write_outage_ms: None,
        affected: vec![format!(
            "what only {region} has is discarded: it is rewound to the writer's history"
        )],
        objective: None,
    }
}
