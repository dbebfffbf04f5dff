//! Drains that end by themselves: a drain that was forgotten is capacity that is missing when it is needed.

use crate::operations::{Inner, OperationError, Operations};
use aisoc_model::RegionId;
use aisoc_model::plan::{PlanRequest, Target};
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Looks to leave out after a refusal: the reason for it rarely goes away within a second.
const AFTER_REFUSAL: u32 = 10;
/// Who restores.
const WHO: &str = "aisoc";

/// Looks after expired drains as long as the operations live.
pub(super) fn start(operations: &Operations) {
    let weak = Arc::downgrade(&operations.0);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut pauses: BTreeMap<RegionId, u32> = BTreeMap::new();
        loop {
            ticks.tick().await;
            let Some(operations) = alive(&weak) else {
                return;
            };
            look(&operations, &mut pauses).await;
        }
    });
}

fn alive(weak: &Weak<Inner>) -> Option<Operations> {
    weak.upgrade().map(Operations)
}

async fn look(operations: &Operations, pauses: &mut BTreeMap<RegionId, u32>) {
    let now = operations.0.clock.now();
    if operations.0.ledger().unfinished().is_some() {
        return;
    }
    let Some((region, drain)) = expired(operations, now) else {
        pauses.clear();
        return;
    };
    let pause = pauses.entry(region.clone()).or_insert(0);
    if *pause > 0 {
        *pause -= 1;
        return;
    }
    match restore(operations, &region, &drain).await {
        Ok(()) => tracing::info!(%region, "the drain has expired: the region is being restored"),
        Err(e) => {
            *pause = AFTER_REFUSAL;
            tracing::error!(%region, error = %e, "the drain has EXPIRED and the region could not be restored");
        }
    }
}

fn expired(operations: &Operations, now: Timestamp) -> Option<(RegionId, String)> {
    let drains = operations.drains();
    let due = drains
        .into_iter()
        .find(|(_, d)| d.expires_at.is_some_and(|at| at <= now));
    due.map(|(region, drain)| (region, drain.operation))
}

/// By the same way as a person's: plan, gates, confirmation, journal.
async fn restore(operations: &Operations, region: &RegionId, drain: &str) -> Result<(), OperationError> {
    let request = PlanRequest {
        target: Target::Restore {
            region: region.clone(),
        },
        reason: format!("the drain of operation {drain} has expired"),
        overrides: Vec::new(),
        break_glass: None,
    };
    let plan = operations.plan(request, WHO).await?;
    let confirmation = plan.request.target.confirmation();
    operations
        .execute(&plan.id, &plan.hash, confirmation, WHO, "drain expiry")
        .await
        .map(|_| ())
}
