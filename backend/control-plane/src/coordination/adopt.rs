//! What a control plane takes over when it wins the seat: from its own journal and from the mirror. Pure.
//!
//! The mirror is the truth about operations that are in it: what is in an own journal is the beginning of that, or
//! was written before there was a mirror to write to.

use super::keys::Mirrored;
use crate::operations::event::Event;
use crate::operations::record::Record;
use aisoc_model::journal::Entry;
use jiff::Timestamp;
use std::collections::BTreeMap;

/// An operation as it is taken over.
#[derive(Debug, Clone, PartialEq)]
pub struct Taken {
    /// Its id.
    pub id: String,
    /// Where it stands.
    pub record: Record,
    /// Mirrored events that the own journal lacks.
    pub missing: Vec<Mirrored>,
    /// Events that the mirror lacks, because they were written without one.
    pub unmirrored: Vec<(Timestamp, Event)>,
    /// The control plane that wrote the last mirrored event, and its epoch, when that is another one.
    pub from: Option<(String, u64)>,
    /// Whether it counts for what is drained: not when it is known from the own journal only, though it was mirrored
    /// once. Others may have gone on since.
    pub current: bool,
}

impl Taken {
    /// Events that are in the mirror when everything is.
    #[must_use]
    pub fn count(&self, mirrored: usize) -> u64 {
        u64::try_from(mirrored.saturating_add(self.unmirrored.len())).unwrap_or(u64::MAX)
    }
}

/// The operations, in the order of their ids, which is that of their plans.
#[must_use]
pub fn take_over(me: &str, journal: &[Entry], mirror: &BTreeMap<String, Vec<Mirrored>>) -> Vec<Taken> {
    let mut own = own_events(journal);
    let mut all: BTreeMap<String, Taken> = BTreeMap::new();
    for (id, events) in mirror {
        let mine = own.remove(id).unwrap_or_default();
        if let Some(taken) = mirrored(me, id, events, &mine) {
            all.insert(id.clone(), taken);
        }
    }
    for (id, events) in own {
        if let Some(taken) = unmirrored(&id, events) {
            all.insert(id, taken);
        }
    }
    all.into_values().collect()
}

fn mirrored(me: &str, id: &str, events: &[Mirrored], mine: &[(Timestamp, Event)]) -> Option<Taken> {
    let same = mine
        .iter()
        .zip(events)
        .all(|((_, own), there)| *own == there.event);
    // Broken glass: it went on here without a mirror, and what was sent there since is not all of it.
    let alone = same && mine.len() > events.len() && begun_alone(mine);
    let record = if alone {
        rebuild(mine.iter().map(|(at, event)| (*at, event)))?
    } else {
        rebuild(events.iter().map(|m| (m.at, &m.event)))?
    };
    if !alone && (!same || mine.len() > events.len()) {
        tracing::error!(
            operation = id,
            "the own journal tells another story than the mirror: the mirror counts"
        );
    }
    let last = events.last()?;
    Some(Taken {
        id: id.to_owned(),
        record,
        missing: events.get(mine.len()..).unwrap_or_default().to_vec(),
        unmirrored: if alone {
            mine.get(events.len()..).unwrap_or_default().to_vec()
        } else {
            Vec::new()
        },
        from: (last.by != me).then(|| (last.by.clone(), last.epoch)),
        current: true,
    })
}

/// An operation that only the own journal knows.
fn unmirrored(id: &str, events: Vec<(Timestamp, Event)>) -> Option<Taken> {
    let record = rebuild(events.iter().map(|(at, event)| (*at, event)))?;
    let was_mirrored = !begun_alone(&events);
    if was_mirrored && !record.operation.state.ended() {
        tracing::warn!(
            operation = id,
            "it is not mirrored any more: another control plane has ended it, and its journal tells how"
        );
        return None;
    }
    Some(Taken {
        id: id.to_owned(),
        record,
        missing: Vec::new(),
        unmirrored: if was_mirrored { Vec::new() } else { events },
        from: None,
        current: !was_mirrored,
    })
}

/// Whether an operation began without a mirror: with a single control plane, or by breaking the glass.
fn begun_alone(events: &[(Timestamp, Event)]) -> bool {
    matches!(events.first(), Some((_, Event::Started { epoch: None, .. })))
}

/// The own events by operation, those that were adopted as what they are.
fn own_events(journal: &[Entry]) -> BTreeMap<String, Vec<(Timestamp, Event)>> {
    let mut own: BTreeMap<String, Vec<(Timestamp, Event)>> = BTreeMap::new();
    for entry in journal {
        let (at, event) = match Event::of(entry) {
            Ok(event) => event.unwrapped(entry.at),
            Err(error) => {
                tracing::error!(%error, "an entry of the journal is left out");
                continue;
            }
        };
        if event.is_of_operation() {
            own.entry(entry.operation.clone()).or_default().push((at, event));
        }
    }
    own
}

fn rebuild<'a>(events: impl Iterator<Item = (Timestamp, &'a Event)>) -> Option<Record> {
    let mut events = events;
    let (at, first) = events.next()?;
    let mut record = Record::begin(at, first)?;
    for (at, event) in events {
        record.apply(at, event);
    }
    Some(record)
}
