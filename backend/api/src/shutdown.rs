//! Leaving in order: first say so, then stop listening.

use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
pub(crate) struct Shutdown {
    begun: CancellationToken,
    heard: CancellationToken,
}

impl Shutdown {
    pub(crate) fn begin(&self) {
        self.begun.cancel();
    }

    pub(crate) fn has_begun(&self) -> bool {
        self.begun.is_cancelled()
    }

    /// The load balancer was told.
    pub(crate) fn told(&self) {
        if self.has_begun() {
            self.heard.cancel();
        }
    }

    /// Waits until the load balancer was told, at most `delay`.
    pub(crate) async fn announced(&self, delay: Duration) {
        let _ = tokio::time::timeout(delay, self.heard.cancelled()).await;
    }
}
