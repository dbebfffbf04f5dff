//! Can this instance serve? Asked by the load balancer every second or so, by every console's control plane, and
//! answered from one look at the databases a second, shared by all who ask. Nobody asks, nothing is done.
//!
//! With several database clusters the instance can serve as long as one of them can: every region sees the loss of a
//! cluster alike, so to answer "no" would take all of them away from the tenants of the others. The answer says
//! `degraded` then and names what is lost; requests of that cluster's tenants are refused one by one, with the time
//! after which to try again.

use aisoc_model::ClusterName;
use aisoc_storage::database::{HostLook, Look};
use aisoc_storage::{Clusters, Database, Error as StorageError};
use futures::future::join_all;
use serde::Serialize;
use std::collections::BTreeMap;
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
    /// `ok`, `degraded` while only some clusters can be served, or `unavailable`.
    pub status: &'static str,
    /// `writer-reachable`, or `reader` while a writer is away.
    pub role: &'static str,
    /// Why it is not `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Assessment {
    /// Whether requests may be sent here.
    #[must_use]
    pub fn serves(&self) -> bool {
        self.status != UNAVAILABLE
    }
}

const UNAVAILABLE: &str = "unavailable";
const WRITES: &str = "writer-reachable";
const READS: &str = "reader";

/// The rule for one cluster: a reader answered within 3 s and a writer within 30 s. `None` is "never".
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
        status: if reason.is_none() { "ok" } else { UNAVAILABLE },
        role: if within(writer_age, READER) { WRITES } else { READS },
        reason,
    }
}

/// The rule for all of them: one that can be served is enough.
#[must_use]
pub fn overall(clusters: &[(ClusterName, Assessment)]) -> Assessment {
    if let [(_, only)] = clusters {
        return only.clone();
    }
    let lost: Vec<String> = clusters
        .iter()
        .filter_map(|(name, said)| {
            said.reason
                .as_ref()
                .map(|reason| format!("cluster {name}: {reason}"))
        })
        .collect();
    let writes = clusters.iter().all(|(_, said)| said.role == WRITES);
    Assessment {
        status: match lost.len() {
            0 => "ok",
            some if some < clusters.len() => "degraded",
            _ => UNAVAILABLE,
        },
        role: if writes { WRITES } else { READS },
        reason: (!lost.is_empty()).then(|| lost.join("; ")),
    }
}

/// A host and when it last answered.
type Seen = Option<(HostLook, Instant)>;

#[derive(Debug, Clone)]
struct State {
    reader: Seen,
    writer: Seen,
    /// Why its schema is not what this version needs.
    schema: Option<String>,
}

#[derive(Debug)]
struct Cluster {
    name: ClusterName,
    database: Database,
    state: Mutex<State>,
}

pub(crate) struct Health {
    clusters: Vec<Cluster>,
    begun: Mutex<Option<Instant>>,
    looks: watch::Sender<u64>,
}

/// What a health answer shows.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    #[serde(flatten)]
    pub(crate) assessment: Assessment,
    pub(crate) clusters: BTreeMap<ClusterName, ClusterReport>,
}

/// One cluster as last seen.
#[derive(Debug, Serialize)]
pub(crate) struct ClusterReport {
    #[serde(flatten)]
    assessment: Assessment,
    reader: Option<HostReport>,
    writer: Option<HostReport>,
}

/// A database host as last seen.
#[derive(Debug, Serialize)]
pub(crate) struct HostReport {
    host: String,
    replica: bool,
    seen_seconds_ago: f64,
}

impl Health {
    pub(crate) fn new(clusters: &Clusters) -> Self {
        let cluster = |(name, database): (&ClusterName, &Database)| Cluster {
            name: name.clone(),
            database: database.clone(),
            state: Mutex::new(State {
                reader: None,
                writer: None,
                schema: Some("not checked yet".to_owned()),
            }),
        };
        Self {
            clusters: clusters.iter().map(cluster).collect(),
            begun: Mutex::default(),
            looks: watch::channel(0).0,
        }
    }

    /// The schema was looked at: these clusters do not have it, all others do.
    pub(crate) fn set_schema(&self, problems: &[(ClusterName, StorageError)]) {
        for cluster in &self.clusters {
            let problem = problems.iter().find(|(name, _)| *name == cluster.name);
            cluster.lock().schema = problem.map(|(_, error)| error.to_string());
        }
    }

    /// The present verdict, after a look if the last one is old.
    pub(crate) async fn report(self: &Arc<Self>) -> Report {
        let mut looks = self.looks.subscribe();
        if self.begin() {
            let health = Arc::clone(self);
            // On its own: a load balancer that hangs up must not take the look with it.
            tokio::spawn(async move {
                join_all(health.clusters.iter().map(Cluster::look)).await;
                health.looks.send_modify(|looks| *looks += 1);
            });
            let _ = tokio::time::timeout(LOOK + SHARED / 10, looks.changed()).await;
        } else if *looks.borrow() == 0 {
            // Somebody's first look is on.
            let _ = tokio::time::timeout(LOOK + SHARED / 10, looks.changed()).await;
        }
        self.present()
    }

    /// Whether the caller has to look.
    fn begin(&self) -> bool {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let due = begun.is_none_or(|begun| begun.elapsed() >= SHARED);
        if due {
            *begun = Some(Instant::now());
        }
        due
    }

    fn present(&self) -> Report {
        let clusters: BTreeMap<_, _> = self
            .clusters
            .iter()
            .map(|cluster| (cluster.name.clone(), cluster.present()))
            .collect();
        let said: Vec<_> = clusters
            .iter()
            .map(|(name, report)| (name.clone(), report.assessment.clone()))
            .collect();
        Report {
            assessment: overall(&said),
            clusters,
        }
    }
}

impl Cluster {
    async fn look(&self) {
        let Look { reader, writer } = self.database.look(LOOK).await;
        let now = Instant::now();
        let mut state = self.lock();
        match reader {
            Ok(host) => state.reader = Some((host, now)),
            Err(error) => tracing::debug!(cluster = %self.name, %error, "no reader"),
        }
        match writer {
            Ok(host) => state.writer = Some((host, now)),
            Err(error) => tracing::debug!(cluster = %self.name, %error, "no writer"),
        }
    }

    fn present(&self) -> ClusterReport {
        let State {
            reader,
            writer,
            schema,
        } = self.lock().clone();
        let age = |seen: &Seen| seen.as_ref().map(|(_, at)| at.elapsed());
        let shown = |seen: Seen| {
            seen.map(|(look, at)| HostReport {
                host: look.host,
                replica: look.replica,
                seen_seconds_ago: at.elapsed().as_secs_f64(),
            })
        };
        let mut assessment = assess(age(&reader), age(&writer));
        if let Some(problem) = schema {
            assessment.status = UNAVAILABLE;
            assessment.reason = Some(format!("schema: {problem}"));
        }
        ClusterReport {
            assessment,
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

    #[rstest]
    #[case::both(&[None, None], "ok", "writer-reachable")]
    #[case::one_lost(&[None, Some("no writer")], "degraded", "reader")]
    #[case::both_lost(&[Some("no host"), Some("no writer")], "unavailable", "reader")]
    #[case::only_one_and_lost(&[Some("no host")], "unavailable", "reader")]
    fn one_cluster_is_enough(#[case] lost: &[Option<&str>], #[case] status: &str, #[case] role: &str) {
        let names = ["main", "eu"].map(|name| name.parse::<ClusterName>().unwrap());
        let said = |reason: Option<&str>| Assessment {
            status: if reason.is_none() { "ok" } else { UNAVAILABLE },
            role: if reason.is_none() { WRITES } else { READS },
            reason: reason.map(str::to_owned),
        };
        let clusters: Vec<_> = names.into_iter().zip(lost.iter().copied().map(said)).collect();
        let verdict = overall(&clusters);
        assert_eq!((verdict.status, verdict.role), (status, role), "{verdict:?}");
        assert_eq!(verdict.serves(), status != UNAVAILABLE);
        assert_eq!(verdict.reason.is_none(), status == "ok");
        if status == "degraded" {
            assert_eq!(verdict.reason.as_deref(), Some("cluster eu: no writer"));
        }
    }
}
