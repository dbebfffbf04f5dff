//! Each member's own `GET /patroni`: never `/cluster`, which is up to `loop_wait` old.

use super::board::Seen;
use super::{Look, settle};
use crate::clients::patroni::{MemberStatus, PatroniClient};
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;

/// Looks at one member's Patroni.
pub(super) struct Patroni {
    pub(super) source: String,
    pub(super) region: RegionId,
    pub(super) cluster: ClusterName,
    pub(super) client: PatroniClient,
}

impl Look for Patroni {
    type Seen = MemberStatus;

    fn source(&self) -> String {
        self.source.clone()
    }

    async fn look(&mut self, _now: Timestamp) -> Result<MemberStatus, String> {
        self.client.status().await.map_err(|e| e.to_string())
    }

    fn file(&mut self, seen: &mut Seen, result: Result<MemberStatus, String>, at: Timestamp) -> bool {
        let region = seen.regions.get_mut(&self.region);
        let Some(member) = region.and_then(|r| r.databases.get_mut(&self.cluster)) else {
            return false;
        };
        let mark = |m: &MemberStatus| (m.role.clone(), m.state.clone(), m.timeline, m.pause);
        let before = (
            member.patroni.value.as_ref().map(mark),
            member.patroni.absence.is_some(),
        );
        settle(&mut member.patroni, result, at);
        before
            != (
                member.patroni.value.as_ref().map(mark),
                member.patroni.absence.is_some(),
            )
    }
}
