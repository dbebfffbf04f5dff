//! A writer on every node that writes whenever its node accepts it, and remembers when what was acknowledged: who
//! acknowledged when, how long nobody did, and whether everything is still there.

use super::patroni::Cluster;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, Instant};

/// A server that takes longer has not answered.
const PATIENCE: Duration = Duration::from_secs(2);

/// Running writers.
pub struct Writers {
    stop: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<Ack>>>,
}

/// An acknowledged write.
#[derive(Debug, Clone)]
pub struct Ack {
    pub node: String,
    pub id: i64,
    pub at: Instant,
}

/// Everything that was acknowledged, in order.
#[derive(Debug)]
pub struct Written(Vec<Ack>);

impl Writers {
    /// Begins to write on every node.
    pub fn start(cluster: &Cluster) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let next = Arc::new(AtomicI64::new(jiff::Timestamp::now().as_microsecond()));
        let tasks = cluster.nodes.iter().map(|(name, node)| {
            let options = node.options("aisoc", "postgres", "super");
            let (name, stop, next) = (name.clone(), Arc::clone(&stop), Arc::clone(&next));
            tokio::spawn(write(name, options, stop, next))
        });
        let tasks = tasks.collect();
        Self { stop, tasks }
    }

    /// Ends them.
    pub async fn end(self) -> Written {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = Vec::new();
        for task in self.tasks {
            all.extend(task.await.unwrap());
        }
        all.sort_by_key(|ack| ack.at);
        Written(all)
    }
}

async fn write(
    name: String,
    options: PgConnectOptions,
    stop: Arc<AtomicBool>,
    next: Arc<AtomicI64>,
) -> Vec<Ack> {
    let mut acknowledged = Vec::new();
    let mut connection: Option<PgConnection> = None;
    while !stop.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let mut open = match connection.take() {
            Some(open) => open,
            None => match tokio::time::timeout(PATIENCE, options.connect()).await {
                Ok(Ok(open)) => open,
                _ => continue,
            },
        };
        let id = next.fetch_add(1, Ordering::Relaxed);
        let one = async {
            let row = open.fetch_one("SELECT pg_is_in_recovery()").await?;
            if row.get::<bool, _>(0) {
                return Ok(false);
            }
            let row = sqlx::query("INSERT INTO app (id) VALUES ($1)").bind(id);
            row.execute(&mut open).await.map(|_| true)
        };
        let answer: Result<Result<bool, sqlx::Error>, _> = tokio::time::timeout(PATIENCE, one).await;
        if let Ok(Ok(written)) = answer {
            if written {
                let (node, at) = (name.clone(), Instant::now());
                acknowledged.push(Ack { node, id, at });
            }
            connection = Some(open);
        }
    }
    acknowledged
}

impl Written {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Who acknowledged, in the order of who came next: with two writers at once somebody comes twice.
    pub fn writers(&self) -> Vec<&str> {
        let mut writers: Vec<&str> = self.0.iter().map(|a| a.node.as_str()).collect();
        writers.dedup();
        writers
    }

    /// The longest time without an acknowledgement.
    pub fn outage(&self) -> Duration {
        let gaps = self.0.windows(2).map(|pair| pair[1].at - pair[0].at);
        gaps.max().unwrap_or_default()
    }

    /// From a moment to the first acknowledgement by a node after it.
    pub fn first(&self, node: &str, after: Instant) -> Option<Duration> {
        let first = self.0.iter().find(|a| a.node == node && a.at >= after)?;
        Some(first.at - after)
    }

    /// The set check: every acknowledged id is on the writer.
    pub async fn lost(&self, cluster: &Cluster, writer: &str) -> Vec<i64> {
        let options = cluster.nodes[writer].options("aisoc", "postgres", "super");
        let mut connection = options.connect().await.unwrap();
        let rows = connection.fetch_all("SELECT id FROM app").await.unwrap();
        connection.close().await.unwrap();
        let there: BTreeSet<i64> = rows.iter().map(|r| r.get(0)).collect();
        let missing = self.0.iter().map(|a| a.id).filter(|id| !there.contains(id));
        missing.collect()
    }
}

/// Makes the table of the writers.
pub async fn prepare(cluster: &Cluster, writer: &str) {
    let options = cluster.nodes[writer].options("aisoc", "postgres", "super");
    let mut connection = options.connect().await.unwrap();
    connection
        .execute("CREATE TABLE IF NOT EXISTS app (id bigint PRIMARY KEY)")
        .await
        .unwrap();
    connection.close().await.unwrap();
}
