//! Competes for the one seat: a lease that is kept alive, and a key that is bound to it.
//!
//! Winning the key raises the epoch in the same transaction. The end of validity is counted locally from *before* the
//! request that renewed the lease was sent, less a margin: etcd cannot have given the seat to anybody else before.

use super::etcd::{Act, Compare, Etcd, EtcdError, Outcome, Pair};
use super::keys::{Keys, Leader, Member};
use super::right::{self, Herald, Right, Seen, Standing};
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How long a lease lasts without a sign of life.
const TTL: Duration = Duration::from_secs(3);
/// Time between two renewals.
const RENEW: Duration = Duration::from_secs(1);
/// Time between two looks at a seat that somebody else has.
const LOOK: Duration = Duration::from_millis(500);
/// What clocks may differ by within a lease.
const MARGIN: Duration = Duration::from_millis(500);
/// Time without an answer after which a control plane counts itself as cut off.
const CUT_OFF: Duration = Duration::from_secs(5);

/// One that competes.
pub struct Candidate {
    etcd: Etcd,
    keys: Keys,
    me: Member,
    herald: Herald,
    lease: Option<Lease>,
    /// The seat, when it was won and is not known to be lost.
    seat: Option<Leader>,
    /// The epoch's value as last read.
    epoch: Option<String>,
    silent_since: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Lease {
    id: i64,
    renewed: Instant,
    valid_until: Instant,
}

impl Lease {
    fn new(id: i64, sent: Instant, ttl: Duration) -> Self {
        Self {
            id,
            renewed: sent,
            valid_until: sent + ttl.saturating_sub(MARGIN),
        }
    }
}

impl Candidate {
    /// A candidate, and the right that it may win.
    #[must_use]
    pub fn new(etcd: Etcd, keys: Keys, me: Member) -> (Self, Right) {
        let (herald, right) = right::pair();
        let candidate = Self {
            etcd,
            keys,
            me,
            herald,
            lease: None,
            seat: None,
            epoch: None,
            silent_since: None,
        };
        (candidate, right)
    }

    /// Competes until `shutdown`; the seat is given up then, so that nobody has to wait for the lease's end.
    pub async fn run(mut self, shutdown: CancellationToken) {
        let mut pause = Duration::ZERO;
        loop {
            tokio::select! {
                () = shutdown.cancelled() => break,
                () = tokio::time::sleep(pause) => {}
            }
            self.tick().await;
            // Who holds the seat knows it from the lease, and looks only for keys removed by hand.
            pause = if self.seat.is_some() { RENEW } else { LOOK };
        }
        self.herald.lost();
        if let Some(lease) = self.lease.take()
            && let Err(error) = self.etcd.revoke(lease.id).await
        {
            tracing::warn!(%error, "the lease was not given back: the seat is free when it ends");
        }
    }

    async fn tick(&mut self) {
        match self.look().await {
            Ok(seen) => {
                self.silent_since = None;
                self.tell(&seen);
                self.herald.publish(seen);
            }
            Err(error) => self.unanswered(&error),
        }
    }

    fn tell(&self, seen: &Seen) {
        let before = self.herald.published();
        if before.standing == seen.standing && before.holder == seen.holder {
            return;
        }
        let holder = seen.holder.as_ref().map_or("nobody", |m| m.name.as_str());
        tracing::info!(holder, epoch = seen.epoch, me = %self.me.name, "the seat");
    }

    fn unanswered(&mut self, error: &EtcdError) {
        let since = *self.silent_since.get_or_insert_with(Instant::now);
        self.herald.trouble(error.to_string());
        if since.elapsed() < CUT_OFF {
            return;
        }
        let mut seen = self.herald.published();
        if !matches!(seen.standing, Standing::CutOff { .. }) {
            tracing::error!(%error, "etcd does not answer: who may act is not known");
        }
        seen.standing = Standing::CutOff {
            held: self.seat.as_ref().map(|s| s.epoch),
            why: error.to_string(),
        };
        self.herald.publish(seen);
    }

    async fn look(&mut self) -> Result<Seen, EtcdError> {
        let lease = self.lease().await?;
        if self.seat.is_some() {
            return self.holding(lease).await;
        }
        // Reads alone pass etcd's log by: a transaction that could write is agreed on and synced even when it does not.
        if let Some(seen) = self.standing_by(lease).await? {
            return Ok(seen);
        }
        // Between that look and this one somebody may have raised the epoch: the second try knows it.
        for _ in 0..2 {
            if let Some(seen) = self.compete(lease).await? {
                return Ok(seen);
            }
        }
        Ok(self.vacant(Vec::new()))
    }

    /// Who else sits there, when somebody does; learns the epoch.
    async fn standing_by(&mut self, lease: Lease) -> Result<Option<Seen>, EtcdError> {
        let outcome = self.etcd.transact(&[], &self.glance(), &[]).await?;
        self.epoch = epoch_of(&outcome);
        Ok(leader_of(&outcome)
            .filter(|leader| leader.member != self.me || leader.lease != lease.id)
            .map(|leader| seen(Standing::Standby, leader, members_of(&outcome, 1))))
    }

    /// What is read to know how things stand: the leader, the members, the epoch.
    fn glance(&self) -> [Act; 3] {
        [
            Act::Get(self.keys.leader()),
            Act::List(self.keys.members()),
            Act::Get(self.keys.epoch()),
        ]
    }

    /// A lease that lives, renewed when it is time to.
    async fn lease(&mut self) -> Result<Lease, EtcdError> {
        if let Some(lease) = self.lease {
            if lease.renewed.elapsed() < RENEW {
                return Ok(lease);
            }
            let sent = Instant::now();
            if let Some(ttl) = self.etcd.keep_alive(lease.id).await? {
                let renewed = Lease::new(lease.id, sent, ttl);
                self.lease = Some(renewed);
                if let Some(seat) = &self.seat {
                    self.herald.held(seat, renewed.valid_until);
                }
                return Ok(renewed);
            }
            self.lease = None;
            self.step_down("the lease ended");
        }
        let sent = Instant::now();
        let (id, ttl) = self.etcd.grant(TTL).await?;
        let lease = Lease::new(id, sent, ttl);
        let present = Act::Put {
            key: self.keys.member(&self.me.name),
            value: text(&self.me),
            lease: Some(id),
        };
        self.etcd.transact(&[], &[present], &[]).await?;
        self.lease = Some(lease);
        Ok(lease)
    }

    fn step_down(&mut self, why: &str) {
        if let Some(seat) = self.seat.take() {
            tracing::warn!(
                epoch = seat.epoch,
                why,
                "the seat is LOST: nothing is done any more"
            );
        }
        self.herald.lost();
    }

    /// Looks whether the seat is still ours: a lease that lives says so, unless somebody removed the key by hand.
    async fn holding(&mut self, lease: Lease) -> Result<Seen, EtcdError> {
        let reads = [Act::Get(self.keys.leader()), Act::List(self.keys.members())];
        let outcome = self.etcd.transact(&[], &reads, &[]).await?;
        let (leader, members) = (leader_of(&outcome), members_of(&outcome, 1));
        match (leader, &self.seat) {
            (Some(leader), Some(seat)) if leader == *seat && leader.lease == lease.id => {
                Ok(seen(Standing::Holder(leader.epoch), leader, members))
            }
            (other, _) => {
                self.step_down("the key was removed or taken");
                Ok(other.map_or_else(
                    || self.vacant(members.clone()),
                    |leader| seen(Standing::Standby, leader, members.clone()),
                ))
            }
        }
    }

    /// Takes the seat when it is free. `None` when the epoch was another than the one that was known.
    async fn compete(&mut self, lease: Lease) -> Result<Option<Seen>, EtcdError> {
        let next = self.epoch.as_ref().map_or(Some(0), |e| e.parse().ok());
        let Some(next) = next.and_then(|e: u64| e.checked_add(1)) else {
            let why = "the epoch in etcd is not a number: repair the key by hand".to_owned();
            let mut seen = self.vacant(Vec::new());
            seen.standing = Standing::Vacant(why);
            return Ok(Some(seen));
        };
        let leader = Leader {
            member: self.me.clone(),
            epoch: next,
            lease: lease.id,
        };
        let as_known = match &self.epoch {
            None => Compare::Absent(self.keys.epoch()),
            Some(known) => Compare::Is(self.keys.epoch(), known.clone()),
        };
        let put = |key: String, value: String, lease: Option<i64>| Act::Put { key, value, lease };
        let outcome = self
            .etcd
            .transact(
                &[Compare::Absent(self.keys.leader()), as_known],
                &[
                    put(self.keys.leader(), text(&leader), Some(lease.id)),
                    put(self.keys.epoch(), next.to_string(), None),
                    Act::List(self.keys.members()),
                ],
                &self.glance(),
            )
            .await?;
        if outcome.applied {
            self.epoch = Some(next.to_string());
            self.seat = Some(leader.clone());
            self.herald.held(&leader, lease.valid_until);
            return Ok(Some(seen(
                Standing::Holder(next),
                leader,
                members_of(&outcome, 0),
            )));
        }
        self.epoch = epoch_of(&outcome);
        Ok(match leader_of(&outcome) {
            // A lost answer: the transaction was applied, and the seat is ours.
            Some(leader) if leader.member == self.me && leader.lease == lease.id => {
                self.seat = Some(leader.clone());
                self.herald.held(&leader, lease.valid_until);
                Some(seen(
                    Standing::Holder(leader.epoch),
                    leader,
                    members_of(&outcome, 1),
                ))
            }
            Some(leader) => Some(seen(Standing::Standby, leader, members_of(&outcome, 1))),
            None => None,
        })
    }

    fn vacant(&self, members: Vec<Member>) -> Seen {
        Seen {
            standing: Standing::Vacant("nobody holds the right to act yet".to_owned()),
            holder: None,
            epoch: self.epoch.as_ref().and_then(|e| e.parse().ok()),
            members,
        }
    }
}

fn seen(standing: Standing, leader: Leader, members: Vec<Member>) -> Seen {
    Seen {
        standing,
        epoch: Some(leader.epoch),
        holder: Some(leader.member),
        members,
    }
}

fn leader_of(outcome: &Outcome) -> Option<Leader> {
    let pair = outcome.read.first()?.first()?;
    serde_json::from_str(&pair.value).ok()
}

fn members_of(outcome: &Outcome, index: usize) -> Vec<Member> {
    let pairs: &[Pair] = outcome.read.get(index).map_or(&[], Vec::as_slice);
    pairs
        .iter()
        .filter_map(|pair| serde_json::from_str(&pair.value).ok())
        .collect()
}

fn epoch_of(outcome: &Outcome) -> Option<String> {
    let pair = outcome.read.get(2)?.first()?;
    Some(pair.value.clone())
}

fn text<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
