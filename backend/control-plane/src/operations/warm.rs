//! Plans that somebody looks at: their facts are read again and again, so that after the key press only the last
//! re-read is left; and while the one who looks may carry a planned failover out, it is escorted.
//!
//! Bounded: so many plans at a time, and each only as long as it is asked for.

use crate::drivers::database::Evidence;
use crate::operations::action::{Action, Seat};
use crate::operations::engine::LogError;
use crate::operations::facts::Facts;
use crate::operations::gates;
use crate::operations::planner::{self, Prepared};
use crate::operations::{Inner, OperationError, Operations, not_found};
use aisoc_model::clock::millis_between;
use aisoc_model::plan::{Decision, Gate, Plan, Standing};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// Plans that are kept warm at the same time.
const MOST: usize = 8;
/// Time between two readings.
const EVERY: Duration = Duration::from_millis(500);
/// A plan that nobody has asked for this long is not looked at any more.
const GRACE: Duration = Duration::from_secs(4);
/// What was read is good for a decision for this long.
const YOUNG_MS: u64 = 1_000;
/// How long the candidate has to be fit again before commits are made to wait for it once more.
const REST: Duration = Duration::from_secs(5);

/// One plan that is looked at.
pub(super) struct Warm {
    asked: Mutex<Instant>,
    /// Whether one of those who look may carry it out.
    operator: AtomicBool,
    standing: watch::Sender<Option<Standing>>,
    latest: Mutex<Option<Prepared>>,
}

impl Warm {
    fn ask(&self, operator: bool) {
        *self.asked.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        self.operator.fetch_or(operator, Ordering::Relaxed);
    }

    fn forgotten(&self) -> bool {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.elapsed() > GRACE
    }
}

/// The plans that are kept warm.
pub(super) type Warmth = Mutex<BTreeMap<String, Arc<Warm>>>;

impl Operations {
    /// How a plan that is being shown stands now. Asking keeps it warm for a few seconds; when an operator asks, a
    /// planned failover is escorted as long.
    ///
    /// # Errors
    /// [`OperationError::NotFound`] without such a plan; [`OperationError::Refused`] when too many are looked at.
    pub async fn standing(&self, plan: &str, operator: bool) -> Result<Standing, OperationError> {
        let inner = &self.0;
        let shown = inner.shelf().get(plan).ok_or_else(|| not_found(plan))?;
        if inner.clock.now() > shown.plan.expires_at {
            return Err(OperationError::Refused(format!(
                "plan {plan} has expired: make a new one"
            )));
        }
        let warm = self.warm(shown)?;
        warm.ask(operator);
        let mut standing = warm.standing.subscribe();
        let first = standing.wait_for(Option::is_some).await;
        let first = first.ok().and_then(|s| s.clone());
        first.ok_or_else(|| not_found(plan))
    }

    fn warm(&self, shown: Prepared) -> Result<Arc<Warm>, OperationError> {
        let inner = &self.0;
        let mut warmth = inner.warmth();
        if let Some(warm) = warmth.get(&shown.plan.id) {
            return Ok(Arc::clone(warm));
        }
        if warmth.len() >= MOST {
            return Err(OperationError::Refused(format!(
                "{MOST} plans are being looked at already: close one"
            )));
        }
        let warm = Arc::new(Warm {
            asked: Mutex::new(Instant::now()),
            operator: AtomicBool::new(false),
            standing: watch::Sender::new(None),
            latest: Mutex::default(),
        });
        warmth.insert(shown.plan.id.clone(), Arc::clone(&warm));
        drop(warmth);
        tokio::spawn(keep(Arc::downgrade(inner), Arc::clone(&warm), shown));
        Ok(warm)
    }
}

impl Inner {
    /// The same plan made on facts of the last second, if it is looked at.
    pub(super) fn warm_plan(&self, plan: &str) -> Option<Prepared> {
        let warm = self.warmth().get(plan).cloned()?;
        let latest = warm
            .latest
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()?;
        let age = millis_between(latest.plan.created_at, self.clock.now());
        (age <= YOUNG_MS).then_some(latest)
    }

    async fn read_again(&self, warm: &Warm, shown: &Prepared) -> (Standing, Facts) {
        let plan = &shown.plan;
        let facts = self.gather(&plan.request).await;
        let standing = match self.decide(&plan.request, &facts, &plan.id, &plan.requested_by) {
            Ok(now) => {
                let standing = Standing {
                    plan: plan.id.clone(),
                    at: now.plan.created_at,
                    gates: now.plan.gates.clone(),
                    moved: planner::drift(shown, &now),
                    preparing: None,
                };
                *warm.latest.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
                standing
            }
            Err(e) => Standing {
                plan: plan.id.clone(),
                at: self.clock.now(),
                gates: plan.gates.clone(),
                moved: vec![e.to_string()],
                preparing: None,
            },
        };
        (standing, facts)
    }
}

async fn keep(inner: Weak<Inner>, warm: Arc<Warm>, shown: Prepared) {
    let plan = &shown.plan;
    let mut rested: Option<Instant> = None;
    let mut woken = Instant::now();
    loop {
        let begun = Instant::now();
        let Some(inner) = inner.upgrade() else { return };
        // Taken to be carried out, expired, or looked at by nobody.
        let over = inner.shelf().get(&plan.id).is_none() || inner.clock.now() > plan.expires_at;
        if over || warm.forgotten() {
            inner.warmth().remove(&plan.id);
            warm.standing.send_replace(None);
            return;
        }
        let (mut standing, facts) = inner.read_again(&warm, &shown).await;
        let operator = warm.operator.load(Ordering::Relaxed);
        let fit = fit(&standing.gates);
        let before = rested;
        for to in escortable(&shown).filter(|_| operator) {
            let Some(evidence) = facts.evidence(&to.cluster) else {
                continue;
            };
            match (fit, before) {
                (false, _) => {
                    rested = Some(Instant::now());
                    // At once: commits wait for a candidate that does not keep up.
                    if let Err(why) = inner.escorts.release(&to.cluster, &plan.id).await {
                        tracing::error!(plan = plan.id, why, "the escort could not be ended");
                    }
                }
                (true, Some(since)) if since.elapsed() < REST => {
                    let region = &to.region;
                    standing.preparing = Some(format!(
                        "{region} was not fit a moment ago: it has to stay fit first"
                    ));
                }
                (true, _) => {
                    rested = None;
                    let missing = inner.escort_for(plan, to, evidence, &mut woken).await;
                    standing.preparing = standing.preparing.or(missing);
                }
            }
        }
        warm.standing.send_replace(Some(standing));
        drop(inner);
        tokio::time::sleep(EVERY.saturating_sub(begun.elapsed())).await;
    }
}

/// The candidates of a plan that has escorts; also when the failover is a part of leaving a region.
fn escortable(shown: &Prepared) -> impl Iterator<Item = &Seat> {
    shown.actions.iter().filter_map(|action| match action {
        Action::Escort { to, .. } => Some(to),
        _ => None,
    })
}

/// Whether nothing but a reason is missing: then the candidate streams, and commits may wait for it.
fn fit(all: &[Gate]) -> bool {
    let passes = |g: &Gate| matches!(g.decision, Decision::Pass | Decision::Overridden);
    all.iter().all(|g| passes(g) || g.name == gates::common::REASON)
}

impl Inner {
    /// Holds the escort for a plan; answers what is still missing.
    async fn escort_for(
        &self,
        plan: &Plan,
        to: &Seat,
        evidence: &Evidence,
        woken: &mut Instant,
    ) -> Option<String> {
        let (cluster, to) = (&to.cluster, &to.region);
        let standbys = gates::escort::standbys(evidence);
        if let Err(why) = self.escorts.hold(cluster, &plan.id, standbys).await {
            return Some(format!("not escorted: {why}"));
        }
        let candidate = evidence.members.get(to)?;
        let missing = gates::escort::not_synchronous(evidence, candidate)?;
        if woken.elapsed() > Duration::from_secs(1) {
            self.escorts.wake(cluster).await;
            *woken = Instant::now();
        }
        Some(format!("commits do not wait for {to} yet: {missing}"))
    }
}

/// Ends escorts that nobody needs any more, as long as the operations live: after a plan expired or was dropped, after
/// an operation ended, and after a restart.
pub(super) fn tidy(operations: &Operations) {
    let weak = Arc::downgrade(&operations.0);
    tokio::spawn(async move {
        let mut rounds = 0_u64;
        loop {
            {
                let Some(inner) = weak.upgrade() else { return };
                inner.end_escorts(rounds).await;
            }
            rounds += 1;
            tokio::time::sleep(EVERY).await;
        }
    });
}

/// Rounds between two looks for escorts of other control planes.
const SWEEP: u64 = 40;
/// Rounds between two complaints.
const COMPLAIN: u64 = 20;

impl Inner {
    async fn end_escorts(&self, round: u64) {
        for (cluster, plan) in self.escorts.holders().await {
            let needed = self
                .ledger()
                .running(&plan)
                .is_some_and(|r| !r.operation().state.ended())
                || self.warmth().contains_key(&plan)
                || self.beginning.try_lock().is_err();
            if needed {
                continue;
            }
            match self.escorts.release(&cluster, &plan).await {
                Err(why) if why == LogError::Closed.to_string() => return,
                Err(why) if round.is_multiple_of(COMPLAIN) => {
                    tracing::error!(
                        plan,
                        why,
                        "the escort of a plan could NOT be ended: commits may wait for a standby"
                    );
                }
                _ => {}
            }
        }
        if round.is_multiple_of(SWEEP)
            && let Err(why) = self.escorts.sweep().await
        {
            tracing::warn!(why, "whether an escort was left behind could not be looked at");
        }
    }

    fn warmth(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Warm>>> {
        self.warmth.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
