//! Events of operations where another control plane finds them.

use super::etcd::{Act, Compare, Etcd, EtcdError};
use super::keys::{Keys, Mirrored};
use super::right::{NoRight, Right};
use futures::FutureExt;
use futures::future::BoxFuture;
use std::collections::BTreeMap;

/// The mirrored events by operation, each from its first without gaps.
pub type All = BTreeMap<String, Vec<Mirrored>>;

/// Where events are mirrored.
pub trait Mirror: Send + Sync {
    /// Adds an event under an epoch that still holds.
    fn append<'a>(
        &'a self,
        epoch: u64,
        operation: &'a str,
        number: u64,
        event: &'a Mirrored,
    ) -> BoxFuture<'a, Result<Kept, MirrorError>>;

    /// Everything there is.
    fn read(&self) -> BoxFuture<'_, Result<All, MirrorError>>;

    /// Forgets an operation, under an epoch that still holds.
    fn remove<'a>(&'a self, epoch: u64, operation: &'a str) -> BoxFuture<'a, Result<(), MirrorError>>;
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq)]
pub enum Kept {
    /// It was written.
    Written,
    /// Under its number there was one already: the same, whose answer was lost, or another.
    Was(Box<Mirrored>),
}

/// Why an event is not mirrored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MirrorError {
    /// It may come to be: nobody answered, or the right could not be proven.
    #[error("no quorum: {0}")]
    Unproven(String),
    /// It never will: the epoch is not in force any more.
    #[error("{0}")]
    Behind(String),
    /// What is there cannot be understood.
    #[error("a mirrored operation cannot be read: {0}; was it written by a newer version?")]
    Unreadable(String),
}

impl From<EtcdError> for MirrorError {
    fn from(error: EtcdError) -> Self {
        Self::Unproven(error.to_string())
    }
}

impl From<NoRight> for MirrorError {
    fn from(error: NoRight) -> Self {
        match error {
            NoRight::Unproven(why) => Self::Unproven(why),
            behind @ NoRight::Behind { .. } => Self::Behind(behind.to_string()),
        }
    }
}

/// That the seat is ours under this epoch, for etcd itself to check.
pub(super) fn holds(right: &Right, keys: &Keys, epoch: u64) -> Result<Compare, MirrorError> {
    let leader = right.prove(epoch)?;
    let text = serde_json::to_string(&leader).map_err(|e| MirrorError::Unreadable(e.to_string()))?;
    Ok(Compare::Is(keys.leader(), text))
}

/// Why a write bound to the seat was refused; `leader` is what etcd has under the leader's key.
pub(super) fn behind(epoch: u64, leader: Option<&str>) -> MirrorError {
    let now = leader
        .and_then(|text| serde_json::from_str::<super::keys::Leader>(text).ok())
        .map_or_else(
            || "nobody holds the right to act".to_owned(),
            |l| format!("{} has epoch {}", l.member.name, l.epoch),
        );
    MirrorError::Behind(format!("epoch {epoch} is behind: {now}"))
}

/// The mirror in etcd.
pub struct EtcdMirror {
    etcd: Etcd,
    keys: Keys,
    right: Right,
}

impl EtcdMirror {
    /// A mirror whose every write is bound to the right.
    #[must_use]
    pub fn new(etcd: Etcd, keys: Keys, right: Right) -> Self {
        Self { etcd, keys, right }
    }

    async fn write(
        &self,
        epoch: u64,
        operation: &str,
        number: u64,
        event: &Mirrored,
    ) -> Result<Kept, MirrorError> {
        let holds = holds(&self.right, &self.keys, epoch)?;
        let key = self.keys.event(operation, number);
        let value = serde_json::to_string(event).map_err(|e| MirrorError::Unreadable(e.to_string()))?;
        let put = Act::Put {
            key: key.clone(),
            value,
            lease: None,
        };
        let look = [Act::Get(self.keys.leader()), Act::Get(key.clone())];
        let when = [holds.clone(), Compare::Absent(key)];
        let outcome = self.etcd.transact(&when, &[put], &look).await?;
        if outcome.applied {
            return Ok(Kept::Written);
        }
        let read = |index: usize| {
            let pair = outcome.read.get(index).and_then(|pairs| pairs.first());
            pair.map(|pair| pair.value.as_str())
        };
        let ours = matches!(&holds, Compare::Is(_, text) if read(0) == Some(text.as_str()));
        match read(1) {
            Some(there) if ours => serde_json::from_str(there)
                .map(|event| Kept::Was(Box::new(event)))
                .map_err(|e| MirrorError::Unreadable(e.to_string())),
            _ => Err(behind(epoch, read(0))),
        }
    }

    async fn all(&self) -> Result<All, MirrorError> {
        let mut found: BTreeMap<String, Vec<(u64, Mirrored)>> = BTreeMap::new();
        for pair in self.etcd.list(&self.keys.operations()).await? {
            let unreadable = |why: String| MirrorError::Unreadable(format!("{}: {why}", pair.key));
            let (operation, number) = self
                .keys
                .parse_event(&pair.key)
                .ok_or_else(|| unreadable("not an event's key".to_owned()))?;
            let event = serde_json::from_str(&pair.value).map_err(|e| unreadable(e.to_string()))?;
            found
                .entry(operation.to_owned())
                .or_default()
                .push((number, event));
        }
        whole(found)
    }

    async fn forget(&self, epoch: u64, operation: &str) -> Result<(), MirrorError> {
        let when = [holds(&self.right, &self.keys, epoch)?];
        let then = [Act::Remove(self.keys.operation(operation))];
        let look = [Act::Get(self.keys.leader())];
        let outcome = self.etcd.transact(&when, &then, &look).await?;
        if outcome.applied {
            return Ok(());
        }
        let leader = outcome.read.first().and_then(|pairs| pairs.first());
        Err(behind(epoch, leader.map(|pair| pair.value.as_str())))
    }
}

/// The operations that are there from their beginning, which is what is sent last of an operation that was carried
/// out without a mirror: an end without it is of one that is still being sent, and nobody's to go on with.
fn whole(found: BTreeMap<String, Vec<(u64, Mirrored)>>) -> Result<All, MirrorError> {
    let mut all = All::new();
    for (operation, events) in found {
        if events.first().is_none_or(|(number, _)| *number != 0) {
            tracing::warn!(
                operation,
                "only its end is mirrored: it is left to who carried it out"
            );
            continue;
        }
        for (expected, (number, _)) in (0..).zip(&events) {
            if *number != expected {
                let why = format!("event {expected} of operation {operation} is missing");
                return Err(MirrorError::Unreadable(why));
            }
        }
        all.insert(operation, events.into_iter().map(|(_, event)| event).collect());
    }
    Ok(all)
}

impl Mirror for EtcdMirror {
    fn append<'a>(
        &'a self,
        epoch: u64,
        operation: &'a str,
        number: u64,
        event: &'a Mirrored,
    ) -> BoxFuture<'a, Result<Kept, MirrorError>> {
        self.write(epoch, operation, number, event).boxed()
    }

    fn read(&self) -> BoxFuture<'_, Result<All, MirrorError>> {
        self.all().boxed()
    }

    fn remove<'a>(&'a self, epoch: u64, operation: &'a str) -> BoxFuture<'a, Result<(), MirrorError>> {
        self.forget(epoch, operation).boxed()
    }
}

#[cfg(test)]
mod unit {
    use super::*;
    use crate::operations::event::Event;
    use jiff::Timestamp;

    fn found(numbers: &[u64]) -> BTreeMap<String, Vec<(u64, Mirrored)>> {
        let event = Mirrored {
            at: Timestamp::UNIX_EPOCH,
            by: "a".into(),
            epoch: 1,
            event: Event::Acknowledged { by: "op".into() },
        };
        let events = numbers.iter().map(|n| (*n, event.clone())).collect();
        BTreeMap::from([("op".to_owned(), events)])
    }

    #[test]
    fn an_operation_counts_from_its_beginning_and_a_hole_is_not_read_over() {
        assert_eq!(whole(found(&[0, 1, 2])).unwrap()["op"].len(), 3);
        assert_eq!(whole(found(&[1, 2])), Ok(All::new()));
        assert!(matches!(whole(found(&[0, 2])), Err(MirrorError::Unreadable(_))));
    }
}
