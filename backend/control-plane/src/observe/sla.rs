//! How incidents are handled in a database cluster, from whichever member accepts writes; from a replica when none does.

use super::Look;
use super::board::Seen;
use super::round::seconds;
use crate::clients::incidents::{self, Handled, WINDOW_SECONDS};
use crate::clients::postgres::MemberDatabase;
use aisoc_model::ClusterName;
use aisoc_model::observed::{Absence, Observed};
use aisoc_model::sla::{SlaFigures, SlaReading, Spread};
use aisoc_model::text::sanitize;
use jiff::Timestamp;

/// Looks at the incidents.
pub(super) struct Sla {
    pub(super) cluster: ClusterName,
    pub(super) source: String,
    pub(super) members: Vec<MemberDatabase>,
    pub(super) stale_after_ms: u32,
    /// The member that accepted writes last.
    pub(super) writer: usize,
}

impl Look for Sla {
    type Seen = Option<Vec<Handled>>;

    fn source(&self) -> String {
        self.source.clone()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<Self::Seen, String> {
        let mut replica = None;
        let mut last = "no member is configured".to_owned();
        let count = self.members.len();
        for step in 0..count {
            let at = (self.writer + step) % count.max(1);
            let Some(member) = self.members.get(at) else {
                continue;
            };
            match incidents::handled(member).await {
                Ok(answer) if answer.writer => {
                    self.writer = at;
                    return Ok(answer.handled);
                }
                Ok(answer) => replica = Some(answer.handled),
                Err(error) => last = error.to_string(),
            }
        }
        replica.ok_or(last)
    }

    fn file(&mut self, seen: &mut Seen, result: Result<Self::Seen, String>, at: Timestamp) -> bool {
        match result {
            Ok(Some(handled)) => {
                let readings = handled
                    .iter()
                    .map(|row| reading(row, at, self.stale_after_ms))
                    .collect();
                seen.sla.insert(self.cluster.clone(), readings);
            }
            Ok(None) => {
                seen.sla.remove(&self.cluster);
            }
            Err(why) => {
                let why = sanitize(&why, 300);
                for reading in seen.sla.get_mut(&self.cluster).into_iter().flatten() {
                    reading.figures.absence = Some(Absence::Failed(why.clone()));
                }
            }
        }
        false
    }
}

fn reading(row: &Handled, at: Timestamp, stale_after_ms: u32) -> SlaReading {
    SlaReading {
        tenant: sanitize(&row.tenant, 63),
        name: sanitize(&row.name, 80),
        level: sanitize(&row.level, 20),
        acknowledge_minutes: row.acknowledge_minutes,
        figures: Observed::known(rounded(&row.figures), at, "incidents", stale_after_ms),
        window_seconds: WINDOW_SECONDS,
    }
}

fn rounded(figures: &SlaFigures) -> SlaFigures {
    let round = |spread: Option<Spread>| {
        spread.map(|s| Spread {
            count: s.count,
            mean: seconds(s.mean),
            p50: seconds(s.p50),
            p95: seconds(s.p95),
        })
    };
    SlaFigures {
        incidents: figures.incidents,
        unacknowledged: figures.unacknowledged,
        breached: figures.breached,
        detect: round(figures.detect),
        acknowledge: round(figures.acknowledge),
        resolve: round(figures.resolve),
    }
}
