//! Doing something until it works: nothing is skipped because a neighbour is away.

use crate::probe::Readiness;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use std::borrow::Cow;
use std::fmt::Display;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Repeats `op` with growing pauses until it succeeds, and tells `readiness` meanwhile what is wrong. `None` when
/// `shutdown` came first.
pub async fn until_done<T, E: Display, F: Future<Output = Result<T, E>>>(
    part: impl Into<Cow<'static, str>>,
    readiness: &Readiness,
    shutdown: &CancellationToken,
    mut op: impl FnMut() -> F,
) -> Option<T> {
    let mut pauses = ExponentialBuilder::default()
        .with_min_delay(Duration::from_millis(50))
        .with_max_delay(Duration::from_secs(5))
        .with_jitter()
        .without_max_times()
        .build();
    let part = part.into();
    let mut failing = false;
    loop {
        match op().await {
            Ok(value) => {
                if failing {
                    tracing::info!(%part, "works again");
                }
                readiness.set(part.clone(), None);
                return Some(value);
            }
            Err(error) => {
                if !failing {
                    tracing::warn!(%part, %error, "failed; trying until it works");
                }
                failing = true;
                readiness.set(part.clone(), Some(error.to_string()));
            }
        }
        let pause = pauses.next().unwrap_or(Duration::from_secs(5));
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = shutdown.cancelled() => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn repeats_until_it_works_and_says_so() {
        let (readiness, shutdown) = (Readiness::new(), CancellationToken::new());
        let left = std::cell::Cell::new(3);
        let done = until_done("bus", &readiness, &shutdown, || async {
            left.set(left.get() - 1);
            if left.get() > 0 { Err("away") } else { Ok(7) }
        });
        assert_eq!(done.await, Some(7));
        assert!(readiness.is_ready());
    }

    #[tokio::test]
    async fn ends_at_shutdown_and_stays_unready() {
        let (readiness, shutdown) = (Readiness::new(), CancellationToken::new());
        shutdown.cancel();
        let done = until_done("bus", &readiness, &shutdown, || async { Err::<(), _>("away") });
        assert_eq!(done.await, None);
        assert_eq!(readiness.problems(), [("bus".into(), "away".to_owned())]);
    }
}
