//! How long nobody can write after the writer's machine is lost: measured from outside, by a client that tries to
//! write to whoever is left.

use super::patroni::Cluster;
use sqlx::{ConnectOptions, Connection, Executor};
use std::time::{Duration, Instant};

/// Time between two tries.
const EVERY: Duration = Duration::from_millis(5);
/// Longest outage that is waited for: several times the time to live of a leader key.
const LONGEST: Duration = Duration::from_secs(150);

/// Waits until a member other than `lost` acknowledges a write of the application.
pub async fn first_write(cluster: &Cluster, lost: &str) -> Instant {
    let begun = Instant::now();
    loop {
        for (id, node) in cluster.nodes.iter().filter(|(id, _)| *id != lost) {
            let options = node.options("aisoc", "postgres", "super");
            let Ok(mut connection) = options.connect().await else {
                continue;
            };
            let n = jiff::Timestamp::now().as_microsecond();
            let sql = sqlx::query("INSERT INTO app (id) VALUES ($1)").bind(n);
            let written = connection.execute(sql).await.is_ok();
            let _ = connection.close().await;
            if written {
                println!("  {id} acknowledges");
                return Instant::now();
            }
        }
        assert!(begun.elapsed() < LONGEST, "nobody acknowledges a write");
        tokio::time::sleep(EVERY).await;
    }
}

/// The middle of some measurements.
pub fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
