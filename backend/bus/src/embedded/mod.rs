//! The bus of a region, in this process.
//!
//! One thread writes (`engine`); readers read the database directly and wait on a channel per topic, so an
//! idle bus does nothing at all.

mod engine;

use crate::disk::Reserve;
use crate::error::{BusError, Result};
use crate::keeper::{Handle, Slot};
use crate::log::{self, Span};
use crate::record::{Fetched, Record, Sequenced, check_name};
use crate::stats::{BusStats, GroupStats, TopicStats};
use crate::wire;
use crate::writer::Writer;
use aisoc_model::Clock;
use aisoc_model::clock::millis_between;
use engine::{Engine, Request};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

/// The most topics a bus has.
const MAX_TOPICS: usize = 64;
/// The most records, and bytes, in one answer.
const MAX_FETCH: usize = 5_000;
const MAX_FETCH_BYTES: usize = 4 << 20;
/// The longest a fetch waits.
const MAX_WAIT: Duration = Duration::from_mins(1);

/// How a bus is kept.
#[derive(Debug, Clone)]
pub struct BusConfig {
    /// Its directory.
    pub dir: PathBuf,
    /// Bound of each topic. Past it the oldest records go, unless a consumer group still needs them; then
    /// appends are refused.
    pub topic_bytes: u64,
    /// Room to leave on the file system.
    pub reserve: Reserve,
    /// Consumer groups (topic, group) whose records are kept even before they committed for the first time.
    pub awaited: Vec<(String, String)>,
}

impl BusConfig {
    /// The defaults, in `dir`.
    #[must_use]
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            topic_bytes: 256 << 20,
            reserve: Reserve::default(),
            awaited: Vec::new(),
        }
    }
}

/// A region's bus in this process. Dropping the last handle finishes what is queued and closes the files.
pub struct EmbeddedBus {
    shared: Arc<Shared>,
    writer: Writer<Request>,
    clock: Arc<dyn Clock>,
}

/// What the writer thread and the readers share.
struct Shared {
    config: BusConfig,
    slot: Arc<Slot>,
    spans: Mutex<BTreeMap<String, watch::Sender<Span>>>,
    groups: Mutex<BTreeMap<(String, String), u64>>,
    closing: CancellationToken,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    /// The channel that tells how far a topic goes. A topic that nobody wrote yet can be waited for.
    fn watch(&self, topic: &str) -> Result<watch::Receiver<Span>> {
        let mut spans = lock(&self.spans);
        if let Some(sender) = spans.get(topic) {
            return Ok(sender.subscribe());
        }
        check_name("topic", topic)?;
        if spans.len() >= MAX_TOPICS {
            return Err(BusError::Invalid(format!(
                "the bus has {MAX_TOPICS} topics already"
            )));
        }
        Ok(spans
            .entry(topic.to_owned())
            .or_insert_with(|| watch::Sender::new(Span::default()))
            .subscribe())
    }

    fn publish(&self, topic: &str, span: Span) {
        let mut spans = lock(&self.spans);
        let sender = spans
            .entry(topic.to_owned())
            .or_insert_with(|| watch::Sender::new(span));
        sender.send_replace(span);
    }

    fn handle(&self) -> Result<Arc<Handle>> {
        self.slot.get().ok_or_else(|| BusError::Storage {
            what: "read the topic",
            path: self.config.dir.clone(),
            why: "the log failed and is being opened again".to_owned(),
        })
    }
}

impl EmbeddedBus {
    /// Opens or creates the bus. Blocks on the disk.
    ///
    /// # Errors
    /// [`BusError::InUse`] when another process has it open; otherwise the directory cannot be read or written.
    pub fn open(config: BusConfig, clock: Arc<dyn Clock>) -> Result<Self> {
        let dir = config.dir.clone();
        let shared = Arc::new(Shared {
            config,
            slot: Arc::default(),
            spans: Mutex::default(),
            groups: Mutex::default(),
            closing: CancellationToken::new(),
        });
        let mut engine = Engine::open(shared.clone())?;
        let writer =
            Writer::spawn("bus-writer", move |requests| engine.apply(requests)).map_err(|error| {
                BusError::Storage {
                    what: "start the writer thread",
                    path: dir,
                    why: error.to_string(),
                }
            })?;
        Ok(Self {
            shared,
            writer,
            clock,
        })
    }

    /// Ends every waiting fetch, so that a server can stop. Appends and commits still work.
    pub fn end_waits(&self) {
        self.shared.closing.cancel();
    }

    /// See [`crate::Bus::append_sequenced`].
    ///
    /// # Errors
    /// As there.
    pub async fn append(
        &self,
        topic: &str,
        records: Vec<Record>,
        sequenced: Option<Sequenced>,
    ) -> Result<u64> {
        check_name("topic", topic)?;
        records.iter().try_for_each(Record::check)?;
        if let Some(sequenced) = &sequenced {
            sequenced.check(records.len())?;
        }
        let receiver = self.shared.watch(topic)?;
        if records.is_empty() {
            return Ok(receiver.borrow().end);
        }
        let (reply, answer) = oneshot::channel();
        let topic = topic.to_owned();
        self.writer
            .send(Request::Append {
                topic,
                records,
                sequenced,
                reply,
            })
            .await?;
        answer.await.map_err(|_| BusError::Closed)?
    }

    /// See [`crate::Bus::fetch`].
    ///
    /// # Errors
    /// As there.
    pub async fn fetch(&self, topic: &str, from: u64, max: usize, wait: Duration) -> Result<Fetched> {
        let mut spans = self.shared.watch(topic)?;
        let deadline = tokio::time::Instant::now() + wait.min(MAX_WAIT);
        loop {
            let span = *spans.borrow_and_update();
            if from > span.end {
                return Err(BusError::BeyondEnd {
                    topic: topic.to_owned(),
                    from,
                    end: span.end,
                });
            }
            if span.end > from && max > 0 {
                return self.read(topic, from, span, max).await;
            }
            let nothing = Fetched {
                records: Vec::new(),
                end: span.end,
            };
            tokio::select! {
                changed = spans.changed() => changed.map_err(|_| BusError::Closed)?,
                () = tokio::time::sleep_until(deadline) => return Ok(nothing),
                () = self.shared.closing.cancelled() => return Ok(nothing),
            }
        }
    }

    async fn read(&self, topic: &str, from: u64, span: Span, max: usize) -> Result<Fetched> {
        let handle = self.shared.handle()?;
        let dir = self.shared.config.dir.clone();
        let topic = topic.to_owned();
        let read = move || {
            let Some(records) = handle.log(&topic) else {
                return Ok(Fetched::default());
            };
            let from = from.max(span.start);
            let rows = log::read(&records, from, span.end, max.min(MAX_FETCH), MAX_FETCH_BYTES)
                .map_err(|error| BusError::storage("read the topic", &dir, &error))?;
            let records = rows
                .into_iter()
                .map(|(offset, value)| Ok((offset, wire::decode(&value, &dir)?.record)))
                .collect::<Result<_>>()?;
            Ok(Fetched {
                records,
                end: span.end,
            })
        };
        log::run_read(span.end - from, read).await
    }

    /// See [`crate::Bus::commit`].
    ///
    /// # Errors
    /// As there.
    pub async fn commit(&self, group: &str, topic: &str, next: u64) -> Result<()> {
        check_name("group", group)?;
        let end = self.shared.watch(topic)?.borrow().end;
        if next > end {
            return Err(BusError::BeyondEnd {
                topic: topic.to_owned(),
                from: next,
                end,
            });
        }
        let (reply, answer) = oneshot::channel();
        let (group, topic) = (group.to_owned(), topic.to_owned());
        self.writer
            .send(Request::Commit {
                group,
                topic,
                next,
                reply,
            })
            .await?;
        answer.await.map_err(|_| BusError::Closed)?
    }

    /// See [`crate::Bus::committed`].
    ///
    /// # Errors
    /// Never at present; the signature is that of a remote bus.
    pub fn committed(&self, group: &str, topic: &str) -> Result<Option<u64>> {
        Ok(lock(&self.shared.groups)
            .get(&(group.to_owned(), topic.to_owned()))
            .copied())
    }

    /// See [`crate::Bus::stats`]; spool and event store are left empty.
    ///
    /// # Errors
    /// When the database could not be read.
    pub async fn stats(&self) -> Result<BusStats> {
        let handle = self.shared.handle()?;
        let spans: BTreeMap<String, Span> = lock(&self.shared.spans)
            .iter()
            .map(|(topic, sender)| (topic.clone(), *sender.borrow()))
            .collect();
        let groups = lock(&self.shared.groups).clone();
        let dir = self.shared.config.dir.clone();
        let now = self.clock.now();
        tokio::task::spawn_blocking(move || {
            let failed = |error: &fjall::Error| BusError::storage("read the bus", &dir, error);
            let mut stats = BusStats {
                bytes: handle.db.disk_space().map_err(|e| failed(&e))?,
                ..BusStats::default()
            };
            for ((group, topic), next) in groups {
                let span = spans.get(&topic).copied().unwrap_or_default();
                let mut lag_seconds = 0.0;
                if let Some(records) = handle.log(&topic).filter(|_| next < span.end) {
                    let rows = log::read(&records, next, span.end, 1, 0).map_err(|e| failed(&e))?;
                    if let Some((_, value)) = rows.first() {
                        let at = wire::decode(value, &dir)?.record.at;
                        lag_seconds = millis_between(at, now) as f64 / 1000.0;
                    }
                }
                let lag_records = span.end.saturating_sub(next);
                stats.groups.push(GroupStats {
                    group,
                    topic,
                    lag_records,
                    lag_seconds,
                });
            }
            stats.topics = spans
                .into_iter()
                .map(|(topic, Span { start, end, bytes })| TopicStats {
                    topic,
                    start,
                    end,
                    bytes,
                })
                .collect();
            Ok(stats)
        })
        .await
        .map_err(|_| BusError::Closed)?
    }
}
