//! Drains that end by themselves: a drain that was forgotten is capacity that is missing when it is needed.
//!
//! The restore takes the same way as a person's: plan, gates, confirmation, journal, steps up. Where a gate refuses
//! it or its watch steps back, the drain is shown as overdue with the reason, and tried again, ever less often: a
//! region that fails its users is not offered to them again and again.

use crate::operations::{Inner, OperationError, Operations};
use aisoc_model::RegionId;
use aisoc_model::operation::{Operation, OperationState};
use aisoc_model::plan::{PlanRequest, Target};
use aisoc_model::region::Drain;
use jiff::{SignedDuration, Timestamp};
use std::collections::BTreeMap;
use std::sync::{PoisonError, Weak};
use std::time::Duration;

/// Time between two looks.
const EVERY: Duration = Duration::from_secs(1);
/// Pause after the first try that failed; it doubles with each further one.
const FIRST_PAUSE: SignedDuration = SignedDuration::from_secs(10);
/// Longest pause.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_mins(10);
/// Who restores.
const WHO: &str = "aisoc";

/// What became of the restores of drains that have expired. Forgotten with the process: the next one tries at once.
#[derive(Debug, Default)]
pub(super) struct Overdue(BTreeMap<RegionId, Tries>);

#[derive(Debug, Default)]
struct Tries {
    failed: u32,
    why: Option<String>,
    not_before: Option<Timestamp>,
    /// The restore that was begun last, until it is known how it ended.
    begun: Option<String>,
}

impl Overdue {
    /// Why the drain of a region has not ended though it has expired.
    pub(super) fn why(&self, region: &RegionId) -> Option<&str> {
        self.0.get(region)?.why.as_deref()
    }

    /// The drain to end now, if any; forgets what is over.
    fn due(&mut self, drains: &BTreeMap<RegionId, Drain>, now: Timestamp) -> Option<(RegionId, String)> {
        let expired = |drain: &Drain| drain.expires_at <= now;
        self.0.retain(|region, _| drains.get(region).is_some_and(expired));
        let due = drains
            .iter()
            .filter(|(_, drain)| expired(drain))
            .find(|(region, _)| {
                let tries = self.0.get(*region);
                tries.and_then(|t| t.not_before).is_none_or(|at| at <= now)
            });
        due.map(|(region, drain)| (region.clone(), drain.operation.clone()))
    }

    /// Restores that were begun and have ended since: a failed one counts as a failed try.
    /// Answers whether there was one.
    fn settle(&mut self, get: impl Fn(&str) -> Option<Operation>, now: Timestamp) -> bool {
        let mut settled = false;
        for tries in self.0.values_mut() {
            let ended = tries.begun.as_deref().and_then(&get).filter(|o| o.state.ended());
            if let Some(operation) = ended {
                tries.begun = None;
                settled = true;
                if operation.state != OperationState::Done {
                    let why = operation.outcome.unwrap_or_default();
                    tries.fail(format!("restore {}: {why}", operation.state.word()), now);
                }
            }
        }
        settled
    }

    fn begun(&mut self, region: RegionId, operation: String) {
        self.0.entry(region).or_default().begun = Some(operation);
    }

    fn refused(&mut self, region: RegionId, why: String, now: Timestamp) {
        self.0.entry(region).or_default().fail(why, now);
    }
}

impl Tries {
    fn fail(&mut self, why: String, now: Timestamp) {
        let doublings = self.failed.min(16);
        let pause = FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE);
        self.failed = self.failed.saturating_add(1);
        self.not_before = now.saturating_add(pause).ok();
        self.why = Some(why);
    }
}

impl Inner {
    pub(super) fn overdue<T>(&self, look: impl FnOnce(&mut Overdue) -> T) -> T {
        look(&mut self.overdue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Looks after expired drains as long as the operations live.
pub(super) fn start(operations: &Operations) {
    let weak = std::sync::Arc::downgrade(&operations.0);
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let Some(operations) = alive(&weak) else {
                return;
            };
            look(&operations).await;
        }
    });
}

fn alive(weak: &Weak<Inner>) -> Option<Operations> {
    weak.upgrade().map(Operations)
}

async fn look(operations: &Operations) {
    let inner = &operations.0;
    let now = inner.clock.now();
    if inner.ledger().busy() {
        return;
    }
    let drains = operations.drains();
    let (settled, due) = inner.overdue(|overdue| {
        let settled = overdue.settle(|id| operations.get(id), now);
        (settled, overdue.due(&drains, now))
    });
    if settled {
        inner.bump();
    }
    let Some((region, drain)) = due else {
        return;
    };
    match restore(operations, &region, &drain).await {
        Ok(operation) => {
            tracing::info!(%region, %operation, "the drain has expired: the region is being restored");
            inner.overdue(|overdue| overdue.begun(region, operation));
        }
        Err(e) => {
            tracing::error!(%region, error = %e, "the drain has EXPIRED and the region could not be restored");
            inner.overdue(|overdue| overdue.refused(region, e.to_string(), now));
        }
    }
    inner.bump();
}

/// By the same way as a person's: plan, gates, confirmation, journal.
async fn restore(operations: &Operations, region: &RegionId, drain: &str) -> Result<String, OperationError> {
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
    let begun = operations.execute(&plan.id, &plan.hash, confirmation, WHO, "drain expiry");
    begun.await.map(|operation| operation.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::tests::fixture::{EU, US, at, drained_until, region};

    #[test]
    fn a_drain_is_due_when_it_has_expired_and_not_before() {
        let drains = BTreeMap::from([
            (region(US), drained_until(at(10_000))),
            (region(EU), drained_until(at(99_000))),
        ]);
        let mut overdue = Overdue::default();
        assert_eq!(overdue.due(&drains, at(9_999)), None);
        let (due, _) = overdue.due(&drains, at(10_000)).unwrap();
        assert_eq!(due, region(US));
    }

    #[test]
    fn a_refused_restore_is_tried_ever_less_often_and_says_why() {
        let drains = BTreeMap::from([(region(US), drained_until(at(0)))]);
        let mut overdue = Overdue::default();
        let (mut now, mut pauses) = (0, vec![]);
        for _ in 0..8 {
            overdue.refused(region(US), "gate region_health: no api answers".into(), at(now));
            let begun = now;
            while overdue.due(&drains, at(now)).is_none() {
                now += 1_000;
            }
            pauses.push((now - begun) / 1_000);
        }
        assert_eq!(pauses, [10, 20, 40, 80, 160, 320, 600, 600]);
        assert!(overdue.why(&region(US)).unwrap().contains("no api answers"));
        // Renewed: nothing is overdue any more.
        let renewed = BTreeMap::from([(region(US), drained_until(at(now + 60_000)))]);
        assert_eq!(overdue.due(&renewed, at(now)), None);
        assert_eq!(overdue.why(&region(US)), None);
    }
}
