//! An application that goes on writing while the writer moves, and the set check of what it was acknowledged.

use super::patroni::Cluster;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Makes the application's table on the writer.
pub async fn prepare(cluster: &Cluster, writer: &str) {
    let options = cluster.nodes[writer].options("aisoc", "postgres", "super");
    let mut connection = options.connect().await.unwrap();
    connection
        .execute("CREATE TABLE app (id bigint PRIMARY KEY)")
        .await
        .unwrap();
    connection.close().await.unwrap();
}

/// An application that writes one row after the other to whoever accepts it, and remembers what was acknowledged.
pub struct Application {
    stop: Arc<AtomicBool>,
    task: tokio::task::JoinHandle<BTreeSet<i64>>,
}

impl Application {
    /// Begins to write.
    pub fn start(cluster: &Cluster) -> Self {
        let hosts: Vec<PgConnectOptions> = cluster
            .nodes
            .values()
            .map(|n| n.options("aisoc", "postgres", "super"))
            .collect();
        let stop = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&stop);
        let task = tokio::spawn(async move {
            // Every application of this test has ids of its own.
            let mut next = jiff::Timestamp::now().as_microsecond();
            let (mut acknowledged, mut at) = (BTreeSet::new(), 0);
            let mut connection: Option<PgConnection> = None;
            while !end.load(Ordering::Relaxed) {
                next += 1;
                tokio::time::sleep(Duration::from_millis(5)).await;
                if connection.is_none() {
                    at = (at + 1) % hosts.len();
                    connection = hosts[at].connect().await.ok();
                }
                let Some(open) = connection.as_mut() else { continue };
                let written = sqlx::query("INSERT INTO app (id) VALUES ($1)")
                    .bind(next)
                    .execute(open)
                    .await;
                match written {
                    Ok(_) => {
                        acknowledged.insert(next);
                    }
                    Err(_) => connection = None,
                }
            }
            acknowledged
        });
        Self { stop, task }
    }

    /// Ends it; answers what was acknowledged.
    pub async fn end(self) -> BTreeSet<i64> {
        self.stop.store(true, Ordering::Relaxed);
        self.task.await.unwrap()
    }
}

/// The application's rows on a node.
pub async fn rows(cluster: &Cluster, writer: &str) -> BTreeSet<i64> {
    let options = cluster.nodes[writer].options("aisoc", "postgres", "super");
    let mut connection = options.connect().await.unwrap();
    let rows = connection.fetch_all("SELECT id FROM app").await.unwrap();
    connection.close().await.unwrap();
    rows.iter().map(|r| r.get(0)).collect()
}
