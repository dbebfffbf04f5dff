//! The writer of a bus: appends, commits and retention, one batch after another.

use super::{Shared, lock};
use crate::disk;
use crate::error::{BusError, Result};
use crate::keeper::{Handle, Keeper};
use crate::log::{self, Log, MetaChanges, meta_key, meta_parts, number, stage_meta};
use crate::record::{Record, Sequenced};
use crate::wire;
use fjall::{OwnedWriteBatch, PersistMode};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::oneshot;

/// What callers ask of the writer thread.
pub(super) enum Request {
    /// Append records.
    Append {
        topic: String,
        records: Vec<Record>,
        sequenced: Option<Sequenced>,
        reply: oneshot::Sender<Result<u64>>,
    },
    /// Store a group's offset.
    Commit {
        group: String,
        topic: String,
        next: u64,
        reply: oneshot::Sender<Result<()>>,
    },
}

impl Request {
    fn weight(&self) -> u64 {
        match self {
            Self::Append { records, .. } => records.iter().map(Record::weight).sum(),
            // So small that the reserve takes them, and they are what lets retention free space.
            Self::Commit { .. } => 0,
        }
    }

    fn refuse(self, error: &BusError) {
        // A caller that went away does not want the answer.
        match self {
            Self::Append { reply, .. } => drop(reply.send(Err(error.clone()))),
            Self::Commit { reply, .. } => drop(reply.send(Err(error.clone()))),
        }
    }
}

/// What the writer knows about the database's contents.
struct Books {
    logs: BTreeMap<String, Log>,
    /// Highest sequence taken, by topic and origin.
    taken: BTreeMap<(String, String), u64>,
    groups: BTreeMap<(String, String), u64>,
}

pub(super) struct Engine {
    shared: Arc<Shared>,
    keeper: Keeper<Books>,
}

/// A batch being put together.
struct Staged {
    batch: OwnedWriteBatch,
    meta: MetaChanges,
    topics: BTreeSet<String>,
    appended: bool,
}

impl Engine {
    pub fn open(shared: Arc<Shared>) -> Result<Self> {
        let for_books = shared.clone();
        let load = move |handle: &Arc<Handle>| load(&for_books, handle);
        let keeper = Keeper::open(&shared.config.dir, shared.slot.clone(), load)?;
        Ok(Self { shared, keeper })
    }

    fn refuse_without_room(&self, requests: Vec<Request>) -> Vec<Request> {
        let weight = requests.iter().map(Request::weight).sum();
        match disk::ensure_room(&self.shared.config.dir, self.shared.config.reserve, weight) {
            Err(error) if weight > 0 => {
                let (appends, commits): (Vec<_>, _) = requests.into_iter().partition(|r| r.weight() > 0);
                refuse(appends, &error);
                commits
            }
            _ => requests,
        }
    }

    /// Writes everything that waits as one batch, with one fsync when it holds records.
    pub fn apply(&mut self, requests: Vec<Request>) {
        let requests = self.refuse_without_room(requests);
        let (handle, books) = match self.keeper.ready() {
            Ok(ready) => ready,
            Err(error) => return refuse(requests, &error),
        };
        let mut staged = Staged {
            batch: handle.db.batch(),
            meta: MetaChanges::new(),
            topics: BTreeSet::new(),
            appended: false,
        };
        let (mut appends, mut commits) = (Vec::new(), Vec::new());
        let mut broken = None;
        for request in requests {
            match request {
                Request::Append {
                    topic,
                    records,
                    sequenced,
                    reply,
                } => {
                    match append(
                        &self.shared,
                        &handle,
                        books,
                        &mut staged,
                        &topic,
                        records,
                        sequenced.as_ref(),
                    ) {
                        Ok(end) => appends.push((reply, end)),
                        Err(error) => {
                            if matches!(error, BusError::Storage { .. } | BusError::DiskFull { .. }) {
                                broken = Some(error.clone());
                            }
                            drop(reply.send(Err(error)));
                        }
                    }
                }
                Request::Commit {
                    group,
                    topic,
                    next,
                    reply,
                } => {
                    let row = books.groups.entry((group.clone(), topic.clone())).or_insert(0);
                    *row = next.max(*row);
                    let key = meta_key("group", &[&group, &topic]);
                    staged.meta.insert(key, Some(row.to_be_bytes().to_vec()));
                    commits.push(reply);
                }
            }
        }
        let outcome = match broken {
            Some(error) => Some(error),
            None => write(&self.shared, &handle, books, staged).err(),
        };
        drop(handle);
        for (reply, end) in appends {
            drop(reply.send(outcome.clone().map_or(Ok(end), Err)));
        }
        for reply in commits {
            drop(reply.send(outcome.clone().map_or(Ok(()), Err)));
        }
        if let Some(error) = outcome {
            self.keeper.fail(error);
        }
    }
}

fn refuse(requests: Vec<Request>, error: &BusError) {
    for request in requests {
        request.refuse(error);
    }
}

fn load(shared: &Shared, handle: &Arc<Handle>) -> fjall::Result<Books> {
    let mut books = Books {
        logs: BTreeMap::new(),
        taken: BTreeMap::new(),
        groups: BTreeMap::new(),
    };
    for topic in log::names(&handle.db) {
        let log = Log::open(&handle.db, &handle.meta, &topic)?;
        handle.publish(&topic, log.records().clone());
        books.logs.insert(topic, log);
    }
    let pairs = |kind| -> fjall::Result<BTreeMap<(String, String), u64>> {
        let mut rows = BTreeMap::new();
        for row in handle.meta.prefix(meta_key(kind, &[""])) {
            let (key, value) = row.into_inner()?;
            let parts = meta_parts(&key).unwrap_or_default();
            if let ([a, b], Some(n)) = (parts.as_slice(), number(&value)) {
                rows.insert((a.clone(), b.clone()), n);
            }
        }
        Ok(rows)
    };
    books.taken = pairs("taken")?;
    books.groups = pairs("group")?;
    lock(&shared.groups).clone_from(&books.groups);
    for (topic, log) in &books.logs {
        shared.publish(topic, log.span());
    }
    Ok(books)
}

/// Stages one append; returns the topic's end after it.
fn append(
    shared: &Shared,
    handle: &Handle,
    books: &mut Books,
    staged: &mut Staged,
    topic: &str,
    records: Vec<Record>,
    sequenced: Option<&Sequenced>,
) -> Result<u64> {
    let failed = |error: &fjall::Error| BusError::storage("write the topic", &shared.config.dir, error);
    if !books.logs.contains_key(topic) {
        let log = Log::open(&handle.db, &handle.meta, topic).map_err(|e| failed(&e))?;
        handle.publish(topic, log.records().clone());
        books.logs.insert(topic.to_owned(), log);
    }
    let hold = hold(shared, books, topic);
    let Some(log) = books.logs.get_mut(topic) else {
        return Err(BusError::Closed);
    };
    let taken_key = sequenced.map(|s| (topic.to_owned(), s.origin.clone()));
    let taken = taken_key.as_ref().and_then(|key| books.taken.get(key)).copied();
    let mut highest = taken;
    let mut values = Vec::with_capacity(records.len());
    for (index, record) in records.into_iter().enumerate() {
        let sequence = sequenced.and_then(|s| s.sequences.get(index)).copied();
        if sequence.is_some() && sequence <= taken {
            continue;
        }
        highest = highest.max(sequence);
        values.push(wire::encode_record(record));
    }
    if values.is_empty() {
        return Ok(log.end());
    }
    let incoming: u64 = values.iter().map(|v| v.len() as u64).sum();
    let limit = shared.config.topic_bytes;
    let below = limit.saturating_sub(incoming);
    while log.bytes() > below {
        let (mut batch, mut meta) = (handle.db.batch(), MetaChanges::new());
        if !log.stage_trim(&mut batch, &mut meta, below, hold) {
            break;
        }
        stage_meta(&mut batch, &handle.meta, meta);
        batch.commit().map_err(|e| failed(&e))?;
    }
    // What is left is refused only when a consumer holds it; the open chunk is slack.
    if log.bytes() > below && log.is_held(hold) {
        return Err(BusError::Full {
            what: format!("topic {topic}"),
            bytes: log.bytes(),
            limit,
        });
    }
    for value in values {
        log.stage(&mut staged.batch, &mut staged.meta, value);
    }
    if let (Some(key), Some(highest)) = (taken_key, highest) {
        let row = meta_key("taken", &[&key.0, &key.1]);
        staged.meta.insert(row, Some(highest.to_be_bytes().to_vec()));
        books.taken.insert(key, highest);
    }
    staged.topics.insert(topic.to_owned());
    staged.appended = true;
    Ok(log.end())
}

/// The offset from which on some consumer group still needs the topic's records.
fn hold(shared: &Shared, books: &Books, topic: &str) -> u64 {
    let awaited = shared
        .config
        .awaited
        .iter()
        .filter(|(t, _)| t == topic)
        .map(|(t, group)| {
            books
                .groups
                .get(&(group.clone(), t.clone()))
                .copied()
                .unwrap_or(0)
        });
    let committed = books
        .groups
        .iter()
        .filter(|((_, t), _)| t == topic)
        .map(|(_, next)| *next);
    awaited.chain(committed).min().unwrap_or(u64::MAX)
}

/// Makes the batch durable, then visible.
fn write(shared: &Shared, handle: &Handle, books: &mut Books, staged: Staged) -> Result<()> {
    let Staged {
        mut batch,
        meta,
        topics,
        appended,
    } = staged;
    stage_meta(&mut batch, &handle.meta, meta);
    // A lost commit only makes a consumer repeat work that it does idempotently; it need not wait for a disk.
    let mode = if appended {
        PersistMode::SyncData
    } else {
        PersistMode::Buffer
    };
    batch
        .durability(Some(mode))
        .commit()
        .map_err(|error| BusError::storage("write the topic", &shared.config.dir, &error))?;
    lock(&shared.groups).clone_from(&books.groups);
    for topic in topics {
        if let Some(log) = books.logs.get_mut(&topic) {
            log.settle();
            shared.publish(&topic, log.span());
        }
    }
    Ok(())
}
