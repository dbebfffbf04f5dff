//! Each member's own `GET /patroni`: never `/cluster`, which is up to `loop_wait` old.

use super::board::Seen;
use super::{Look, settle};
use crate::clients::patroni::{MemberStatus, PatroniClient};
use aisoc_model::RegionId;
use jiff::Timestamp;

/// Looks at one member's Patroni.
pub(super) struct Patroni {
    pub(super) region: RegionId,
    pub(super) client: PatroniClient,
}

impl Look for Patroni {
    type Seen = MemberStatus;

    fn source(&self) -> String {
        format!("patroni:{}", self.region)
    }

    async fn look(&mut self, _now: Timestamp) -> Result<MemberStatus, String> {
        self.client.status().await.map_err(|e| e.to_string())
    }

    fn file(&mut self, seen: &mut Seen, result: Result<MemberStatus, String>, at: Timestamp) -> bool {
        let Some(region) = seen.regions.get_mut(&self.region) else {
            return false;
        };
        let mark = |m: &MemberStatus| (m.role.clone(), m.state.clone(), m.timeline, m.pause);
        let before = (
            region.patroni.value.as_ref().map(mark),
            region.patroni.absence.is_some(),
        );
        settle(&mut region.patroni, result, at);
        before
            != (
                region.patroni.value.as_ref().map(mark),
                region.patroni.absence.is_some(),
            )
    }
}
