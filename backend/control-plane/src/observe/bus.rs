//! Each region's bus: topics, consumers, and how far its spool has got with every destination.

use super::board::{FanOut, Seen};
use super::{Look, round, settle};
use aisoc_bus::BusStats;
use aisoc_bus::remote::RemoteBus;
use aisoc_model::RegionId;
use aisoc_model::region::BusState;
use jiff::Timestamp;

/// Looks at one region's bus.
pub(super) struct Bus {
    pub(super) region: RegionId,
    pub(super) bus: RemoteBus,
}

impl Look for Bus {
    type Seen = BusStats;

    fn source(&self) -> String {
        format!("bus:{}", self.region)
    }

    async fn look(&mut self, _now: Timestamp) -> Result<BusStats, String> {
        self.bus.stats().await.map_err(|e| e.to_string())
    }

    fn file(&mut self, seen: &mut Seen, result: Result<BusStats, String>, at: Timestamp) -> bool {
        let Some(region) = seen.regions.get_mut(&self.region) else {
            return false;
        };
        let lost = region.bus.absence.is_some();
        settle(
            &mut region.fan_out,
            result.as_ref().map(fan_out).map_err(Clone::clone),
            at,
        );
        settle(&mut region.bus, result.map(rounded), at);
        lost != region.bus.absence.is_some()
    }
}

fn rounded(stats: BusStats) -> BusState {
    let mut bus = BusState::from(stats);
    for group in &mut bus.groups {
        group.seconds = round::seconds(group.seconds);
    }
    bus
}

fn fan_out(stats: &BusStats) -> Vec<FanOut> {
    stats
        .spool
        .iter()
        // A destination that is no region's label is none of ours.
        .filter_map(|cursor| {
            Some(FanOut {
                to: cursor.region.parse().ok()?,
                pending: cursor.pending,
                seconds: round::seconds(cursor.pending_seconds),
                failure: cursor
                    .failure
                    .as_deref()
                    .map(|f| aisoc_model::text::sanitize(f, 200)),
            })
        })
        .collect()
}
