//! The service map from the traces that the services send to us: nothing is asked for, only read off.
//!
//! Less often than other sources, and rounded: a picture of who calls whom need not change every second.

use super::board::Seen;
use super::start::Sli;
use super::{Look, round};
use aisoc_model::service_map::Edge;
use jiff::Timestamp;
use std::sync::Arc;

/// Reads the edges off the receiver.
pub(super) struct Traces {
    pub(super) windows: Arc<dyn Sli>,
}

impl Look for Traces {
    type Seen = Vec<Edge>;

    fn source(&self) -> String {
        "traces".to_owned()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Vec<Edge>, String> {
        // Without traffic there are no spans: that none has come is no failure. Whether the services send anything at
        // all, the source of the indicators tells.
        Ok(self.windows.edges().into_iter().map(rounded).collect())
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Vec<Edge>, String>, _at: Timestamp) -> bool {
        if let Ok(edges) = result {
            seen.service_map = edges;
        }
        false
    }
}

fn rounded(mut edge: Edge) -> Edge {
    edge.figures.observed_at = edge.figures.observed_at.map(super::milliseconds);
    if let Some(figures) = &mut edge.figures.value {
        figures.per_second = round::three_digits(figures.per_second);
        figures.error_share = round::three_digits(figures.error_share);
        figures.p50_seconds = round::three_digits(figures.p50_seconds);
        figures.p99_seconds = round::three_digits(figures.p99_seconds);
    }
    edge
}
