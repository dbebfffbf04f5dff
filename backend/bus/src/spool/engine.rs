//! The writer of the spool.

use super::{Shared, SpoolRecord, lock};
use crate::disk;
use crate::error::{BusError, Result};
use crate::keeper::{Handle, Keeper};
use crate::log::{Log, MetaChanges, meta_key, meta_parts, number, stage_meta};
use crate::wire;
use aisoc_model::RegionId;
use fjall::PersistMode;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::oneshot;

/// The log's name in the database.
pub(super) const LOG: &str = "spool";

/// What callers ask of the writer thread.
pub(super) enum Request {
    /// Make records durable.
    Append {
        records: Vec<SpoolRecord>,
        reply: oneshot::Sender<Result<u64>>,
    },
    /// Write the cursors down, without waiting for records to do it with.
    Settle,
    /// Would records be taken?
    Check { reply: oneshot::Sender<Result<()>> },
}

impl Request {
    fn weight(&self) -> u64 {
        match self {
            Self::Append { records, .. } => records.iter().map(|r| r.record.weight()).sum(),
            Self::Settle | Self::Check { .. } => 0,
        }
    }
}

struct Books {
    log: Log,
    cursors: BTreeMap<RegionId, u64>,
}

pub(super) struct Engine {
    shared: Arc<Shared>,
    keeper: Keeper<Books>,
}

impl Engine {
    pub fn open(shared: Arc<Shared>) -> Result<Self> {
        let for_books = shared.clone();
        let load = move |handle: &Arc<Handle>| load(&for_books, handle);
        let keeper = Keeper::open(&shared.config.dir, shared.slot.clone(), load)?;
        Ok(Self { shared, keeper })
    }

    /// Writes everything that waits as one batch, with one fsync when it holds records.
    pub fn apply(&mut self, requests: Vec<Request>) {
        let weight: u64 = requests.iter().map(Request::weight).sum();
        let mut refusal =
            disk::ensure_room(&self.shared.config.dir, self.shared.config.reserve, weight).err();
        let (handle, books) = match self.keeper.ready() {
            Ok(ready) => ready,
            Err(error) => return refuse(requests, &error),
        };
        let (mut batch, mut meta) = (handle.db.batch(), MetaChanges::new());
        take_up_cursors(&self.shared, books, &mut meta);
        // Everything sealed below the slowest region goes, before it is asked whether there is room.
        let slowest = books
            .cursors
            .values()
            .copied()
            .min()
            .unwrap_or_else(|| books.log.end());
        books.log.stage_trim(&mut batch, &mut meta, 0, slowest);
        let mut accepted = Vec::new();
        for request in requests {
            match request {
                Request::Settle => {}
                Request::Check { reply } => drop(reply.send(refusal.clone().map_or(Ok(()), Err))),
                Request::Append { records, reply } => {
                    let values: Vec<Vec<u8>> = records.into_iter().map(encode).collect();
                    let incoming = values.iter().map(|v| v.len() as u64).sum();
                    let refused = refusal
                        .clone()
                        .or_else(|| over_the_bound(&self.shared, books, incoming));
                    if let Some(error) = refused {
                        drop(reply.send(Err(error)));
                        continue;
                    }
                    for value in values {
                        books.log.stage(&mut batch, &mut meta, value);
                    }
                    accepted.push((reply, books.log.end()));
                }
            }
        }
        stage_meta(&mut batch, &handle.meta, meta);
        let mode = if accepted.is_empty() {
            PersistMode::Buffer
        } else {
            PersistMode::SyncData
        };
        let written = batch.durability(Some(mode)).commit();
        if let Err(error) = written {
            let error = BusError::storage("write the spool", &self.shared.config.dir, &error);
            refusal = Some(error);
        } else {
            refusal = None;
            books.log.settle();
            self.shared.span.send_replace(books.log.span());
        }
        drop(handle);
        for (reply, end) in accepted {
            // A caller that went away does not want the answer.
            drop(reply.send(refusal.clone().map_or(Ok(end), Err)));
        }
        if let Some(error) = refusal {
            self.keeper.fail(error);
        }
    }
}

/// A clean end writes down what the regions have acknowledged meanwhile.
impl Drop for Engine {
    fn drop(&mut self) {
        self.apply(Vec::new());
    }
}

/// Notes where the regions are now. They move their cursors in memory, because a cursor that a crash sets back
/// only repeats what the destination drops again.
fn take_up_cursors(shared: &Shared, books: &mut Books, meta: &mut MetaChanges) {
    let now = lock(&shared.cursors);
    for (region, noted) in &mut books.cursors {
        let next = now.get(region).map_or(*noted, |cursor| cursor.next);
        if next > *noted {
            *noted = next;
            meta.insert(
                meta_key("cursor", &[region.as_str()]),
                Some(next.to_be_bytes().to_vec()),
            );
        }
    }
}

fn refuse(requests: Vec<Request>, error: &BusError) {
    for request in requests {
        match request {
            Request::Append { reply, .. } => drop(reply.send(Err(error.clone()))),
            Request::Check { reply } => drop(reply.send(Err(error.clone()))),
            Request::Settle => {}
        }
    }
}

/// Refuses records that would make more wait for the slowest region than the bound allows.
fn over_the_bound(shared: &Shared, books: &Books, incoming: u64) -> Option<BusError> {
    let (bytes, limit) = (books.log.bytes(), shared.config.max_bytes);
    let waits = books.cursors.values().any(|next| *next < books.log.end());
    (waits && bytes.saturating_add(incoming) > limit).then(|| {
        let slowest = books.cursors.iter().min_by_key(|(_, next)| **next);
        let slowest = slowest.map(|(region, _)| region.to_string()).unwrap_or_default();
        BusError::Full {
            what: format!("the spool (slowest region: {slowest})"),
            bytes,
            limit,
        }
    })
}

fn encode(record: SpoolRecord) -> Vec<u8> {
    let only = record.only.into_iter().map(String::from).collect();
    wire::encode(record.record, record.topic, only)
}

fn load(shared: &Shared, handle: &Arc<Handle>) -> fjall::Result<Books> {
    let meta = &handle.meta;
    let log = Log::open(&handle.db, meta, LOG)?;
    handle.publish(LOG, log.records().clone());
    let id_key = meta_key("incarnation", &[]);
    let incarnation = if let Some(id) = meta.get(&id_key)? {
        String::from_utf8_lossy(&id).into_owned()
    } else {
        let id = uuid::Uuid::now_v7().to_string();
        meta.insert(id_key, id.as_bytes())?;
        handle.db.persist(PersistMode::SyncAll)?;
        id
    };
    let mut stored = BTreeMap::new();
    for row in meta.prefix(meta_key("cursor", &[""])) {
        let (key, value) = row.into_inner()?;
        let region = meta_parts(&key).and_then(|parts| parts.first()?.parse::<RegionId>().ok());
        match region
            .filter(|region| shared.regions.contains(region))
            .zip(number(&value))
        {
            Some((region, next)) => drop(stored.insert(region, next)),
            None => meta.remove(key)?,
        }
    }
    let mut cursors = BTreeMap::new();
    {
        let mut known = lock(&shared.cursors);
        for region in &shared.regions {
            let on_disk = stored.get(region).copied().unwrap_or(log.span().start);
            let cursor = known.entry(region.clone()).or_default();
            // After a failed write the memory knows more than the disk.
            cursor.next = cursor.next.max(on_disk);
            cursors.insert(region.clone(), on_disk);
        }
    }
    *lock(&shared.incarnation) = incarnation;
    shared.span.send_replace(log.span());
    Ok(Books { log, cursors })
}
