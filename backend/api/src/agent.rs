//! HAProxy's agent check: the half of the removal rule that HAProxy cannot measure itself.
//!
//! The operations document takes an instance out when the p99 of its requests is over 2 s in 5 consecutive checks.
//! Every connection is one check over the requests (health checks included) since the one before. Only `up` and
//! `down` are ever said: `ready`, `drain` and weights would overrule what an operator set.

use crate::state::App;
use aisoc_model::slo::RegionRemoval;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// Durations kept between two checks; beyond it the oldest are overwritten.
const KEPT: usize = 20_000;
/// Longest time an answer may take to write.
const WRITE: Duration = Duration::from_secs(1);
/// After a failed accept (no file descriptors left), so as not to spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// 99th percentile by nearest rank; `None` without values. Reorders `seconds`.
#[must_use]
pub fn p99(seconds: &mut [f64]) -> Option<f64> {
    let rank = (seconds.len() * 99).div_ceil(100).checked_sub(1)?;
    let (_, value, _) = seconds.select_nth_unstable_by(rank, f64::total_cmp);
    Some(*value)
}

/// How many checks in a row were slow.
#[derive(Debug, Clone, PartialEq)]
pub struct SlowRule {
    checks: u32,
    bound_seconds: f64,
    in_a_row: u32,
    last_slow: f64,
}

impl SlowRule {
    /// The rule of the document.
    #[must_use]
    pub fn new(removal: &RegionRemoval) -> Self {
        Self {
            checks: removal.slow_checks,
            bound_seconds: removal.slow_p99_seconds,
            in_a_row: 0,
            last_slow: 0.0,
        }
    }

    /// One check. Without a request since the last one nothing is known, and nothing changes.
    pub fn check(&mut self, p99_seconds: Option<f64>) {
        match p99_seconds {
            Some(p99) if p99 > self.bound_seconds => {
                self.in_a_row = self.in_a_row.saturating_add(1);
                self.last_slow = p99;
            }
            Some(_) => self.in_a_row = 0,
            None => {}
        }
    }

    /// The p99 for which the instance is to be taken out, and in how many checks it was over its bound.
    #[must_use]
    pub fn removes(&self) -> Option<(f64, u32)> {
        (self.in_a_row >= self.checks).then_some((self.last_slow, self.in_a_row))
    }
}

/// What HAProxy reads.
#[must_use]
pub fn agent_answer(rule: &SlowRule, shutting_down: bool) -> String {
    match rule.removes() {
        _ if shutting_down => "down#shutting down\n".to_owned(),
        Some((p99, checks)) => format!("down#p99 {p99:.1}s in {checks} checks\n"),
        None => "up\n".to_owned(),
    }
}

pub(crate) struct Checks {
    inner: Mutex<Inner>,
}

struct Inner {
    rule: SlowRule,
    seconds: Vec<f64>,
    oldest: usize,
}

impl Checks {
    pub(crate) fn new(removal: &RegionRemoval) -> Self {
        Self {
            inner: Mutex::new(Inner {
                rule: SlowRule::new(removal),
                seconds: Vec::new(),
                oldest: 0,
            }),
        }
    }

    /// A request took so long.
    pub(crate) fn record(&self, seconds: f64) {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.seconds.len() < KEPT {
            inner.seconds.push(seconds);
            return;
        }
        let oldest = inner.oldest;
        if let Some(place) = inner.seconds.get_mut(oldest) {
            *place = seconds;
        }
        inner.oldest = (oldest + 1) % KEPT;
    }

    pub(crate) fn check(&self, shutting_down: bool) -> String {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let p99 = p99(&mut inner.seconds);
        inner.seconds.clear();
        inner.oldest = 0;
        inner.rule.check(p99);
        agent_answer(&inner.rule, shutting_down)
    }
}

pub(crate) async fn serve(listener: TcpListener, app: Arc<App>, stop: CancellationToken) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((mut stream, _)) => {
                let answer = app.checks.check(app.shutdown.has_begun());
                let written = async {
                    stream.write_all(answer.as_bytes()).await?;
                    stream.shutdown().await
                };
                // One at a time: an answer fits into any socket buffer, so this does not block.
                if tokio::time::timeout(WRITE, written)
                    .await
                    .is_ok_and(|written| written.is_ok())
                {
                    app.shutdown.told();
                }
            }
            Err(error) => {
                tracing::warn!(%error, "an agent check could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn rule() -> SlowRule {
        SlowRule::new(&aisoc_model::slo::Slo::builtin().unwrap().region_removal)
    }

    #[rstest]
    #[case::none(vec![], None)]
    #[case::one(vec![3.0], Some(3.0))]
    #[case::one_percent_does_not_count([vec![0.1; 99], vec![9.0]].concat(), Some(0.1))]
    #[case::two_percent_do([vec![0.1; 98], vec![9.0; 2]].concat(), Some(9.0))]
    fn nearest_rank(#[case] mut seconds: Vec<f64>, #[case] expected: Option<f64>) {
        assert_eq!(p99(&mut seconds), expected);
    }

    #[rstest]
    #[case::four(&[2.4; 4], "up\n")]
    #[case::five(&[2.4; 5], "down#p99 2.4s in 5 checks\n")]
    #[case::at_the_bound(&[2.0; 9], "up\n")]
    #[case::interrupted(&[2.4, 2.4, 2.4, 2.4, 0.1, 2.4], "up\n")]
    #[case::recovers(&[2.4, 2.4, 2.4, 2.4, 2.4, 0.1], "up\n")]
    fn five_in_a_row(#[case] checks: &[f64], #[case] answer: &str) {
        let mut rule = rule();
        for p99 in checks {
            rule.check(Some(*p99));
        }
        assert_eq!(agent_answer(&rule, false), answer);
        assert!(agent_answer(&rule, true).starts_with("down#shutting"));
    }

    #[test]
    fn no_traffic_is_no_evidence() {
        let mut rule = rule();
        for _ in 0..5 {
            rule.check(Some(3.0));
            rule.check(None);
        }
        assert!(rule.removes().is_some(), "silence neither heals");
        let mut rule = self::rule();
        (0..20).for_each(|_| rule.check(None));
        assert!(rule.removes().is_none(), "nor condemns");
    }

    #[test]
    fn each_check_sees_only_what_came_since_the_last_and_memory_is_bounded() {
        let checks = Checks::new(&aisoc_model::slo::Slo::builtin().unwrap().region_removal);
        for _ in 0..5 {
            assert_eq!(checks.check(false), "up\n");
            (0..KEPT + 10).for_each(|_| checks.record(3.0));
        }
        assert!(checks.inner.lock().unwrap().seconds.len() <= KEPT);
        assert_eq!(checks.check(false), "down#p99 3.0s in 5 checks\n");
        checks.record(0.01);
        assert_eq!(checks.check(false), "up\n");
    }
}
