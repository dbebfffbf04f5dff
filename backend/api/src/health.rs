//! Can this instance serve? Asked by the load balancer every second or so, by every console's control plane, and
//! answered from one look at the database a second, shared by all who ask. Nobody asks, nothing is done.

use aisoc_storage::Database;
use aisoc_storage::database::{HostLook, Look};
use serde::Serialize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;

/// A look that began less than this ago is shared.
const SHARED: Duration = Duration::from_secs(1);
/// Longest time a look may take; also what a caller waits for it.
const LOOK: Duration = Duration::from_millis(800);
/// A reader seen so recently counts as reachable: one lost answer does not empty the load balancer.
const READER: Duration = Duration::from_secs(3);
/// A writer seen so recently too: a planned switchover of some seconds must not take every region out.
const WRITER: Duration = Duration::from_secs(30);

/// The verdict, with what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Assessment {
    /// `ok` or `unavailable`.
    pub status: &'static str,
    /// `writer-reachable`, or `reader` while the writer is away.
    pub role: &'static str,
    /// Why it is unavailable.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Assessment {
    /// Whether requests may be sent here.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.reason.is_none()
    }
}

/// The rule: a reader answered within 3 s and a writer within 30 s. `None` is "never".
#[must_use]
pub fn assess(reader_age: Option<Duration>, writer_age: Option<Duration>) -> Assessment {
    let within = |age: Option<Duration>, bound| age.is_some_and(|age| age <= bound);
    let missing = |what: &str, age: Option<Duration>| match age {
        None => format!("no database {what} has answered since the start"),
        Some(age) => format!("no database {what} has answered for {} s", age.as_secs()),
    };
    let reason = if !within(reader_age, READER) {
        Some(missing("host", reader_age))
    } else if !within(writer_age, WRITER) {
        Some(missing("writer", writer_age))
    } else {
        None
    };
    Assessment {
        status: if reason.is_none() { "ok" } else { "unavailable" },
        role: if within(writer_age, READER) {
            "writer-reachable"
        } else {
            "reader"
        },
        reason,
    }
}

/// A host and when it last answered.
type Seen = Option<(HostLook, Instant)>;

#[derive(Debug, Clone, Default)]
struct State {
    reader: Seen,
    writer: Seen,
    begun: Option<Instant>,
}

pub(crate) struct Health {
    database: Database,
    state: Mutex<State>,
    looks: watch::Sender<u64>,
}

/// What a health answer shows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) assessment: Assessment,
    pub(crate) reader: Option<HostReport>,
    pub(crate) writer: Option<HostReport>,
}

/// A database host as last seen.
#[derive(Debug, Serialize)]
pub(crate) struct HostReport {
    host: String,
    replica: bool,
    seen_seconds_ago: f64,
}

impl Health {
    pub(crate) fn new(database: Database) -> Self {
        Self {
            database,
            state: Mutex::default(),
            looks: watch::channel(0).0,
        }
    }

    /// The present verdict, after a look if the last one is old.
    pub(crate) async fn report(self: &Arc<Self>) -> Report {
        let mut looks = self.looks.subscribe();
        if self.begin() {
            let health = Arc::clone(self);
            // On its own: a load balancer that hangs up must not take the look with it.
            tokio::spawn(async move { health.record(health.database.look(LOOK).await) });
            let _ = tokio::time::timeout(LOOK + SHARED / 10, looks.changed()).await;
        } else if self.lock().reader.is_none() {
            // Somebody's first look is on.
            let _ = tokio::time::timeout(LOOK + SHARED / 10, looks.changed()).await;
        }
        self.present()
    }

    /// Whether the caller has to look.
    fn begin(&self) -> bool {
        let mut state = self.lock();
        let due = state.begun.is_none_or(|begun| begun.elapsed() >= SHARED);
        if due {
            state.begun = Some(Instant::now());
        }
        due
    }

    fn record(&self, look: Look) {
        let now = Instant::now();
        let mut state = self.lock();
        match look.reader {
            Ok(host) => state.reader = Some((host, now)),
            Err(error) => tracing::debug!(%error, "no reader"),
        }
        match look.writer {
            Ok(host) => state.writer = Some((host, now)),
            Err(error) => tracing::debug!(%error, "no writer"),
        }
        drop(state);
        self.looks.send_modify(|looks| *looks += 1);
    }

    fn present(&self) -> Report {
        let State { reader, writer, .. } = self.lock().clone();
        let age = |seen: &Seen| seen.as_ref().map(|(_, at)| at.elapsed());
        let shown = |seen: Seen| {
            seen.map(|(look, at)| HostReport {
                host: look.host,
                replica: look.replica,
                seen_seconds_ago: at.elapsed().as_secs_f64(),
            })
        };
        Report {
            assessment: assess(age(&reader), age(&writer)),
            reader: shown(reader),
            writer: shown(writer),
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::both(Some(0), Some(0), true, "writer-reachable")]
    #[case::switchover(Some(0), Some(29), true, "reader")]
    #[case::no_writer(Some(0), Some(31), false, "reader")]
    #[case::never_a_writer(Some(0), None, false, "reader")]
    #[case::one_lost_answer(Some(3), Some(3), true, "writer-reachable")]
    #[case::no_reader(Some(4), Some(0), false, "writer-reachable")]
    #[case::start(None, None, false, "reader")]
    fn rule(
        #[case] reader: Option<u64>,
        #[case] writer: Option<u64>,
        #[case] serves: bool,
        #[case] role: &str,
    ) {
        let verdict = assess(reader.map(Duration::from_secs), writer.map(Duration::from_secs));
        assert_eq!((verdict.serves(), verdict.role), (serves, role), "{verdict:?}");
        assert_eq!(verdict.status == "ok", serves);
    }
}
