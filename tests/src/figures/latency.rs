//! From the acceptance of an event to its alert: to the start of the transaction that commits it, which is the time
//! that PostgreSQL keeps (`created_at`).

use super::quantile;
use crate::events;
use crate::wait::until;
use crate::world::LocalWorld;
use aisoc_model::region::PostgresRole;
use aisoc_model::topology::Topology;
use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use std::time::Duration;

/// Time over which events are sent.
const OVER: Duration = Duration::from_secs(30);
/// Batches a second.
const BATCHES: usize = 10;
/// One event in this many matches a rule.
const ATTACK_EVERY: usize = 10;

/// Sends `rate` events a second to the writer's region; prints p50 and p99 from `received_at` to `created_at`.
///
/// # Errors
/// When the world does not answer, or an alert is missing after a minute.
pub async fn print(world: &LocalWorld, rate: usize) -> Result<()> {
    let token = world.token("api-acme")?;
    let ingest = format!(
        "http://127.0.0.1:{}",
        world.port("us-east-1/ingest", "http").await?
    );
    let run = uuid::Uuid::now_v7().simple().to_string();
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / u32::try_from(BATCHES)?);
    let rounds = usize::try_from(OVER.as_secs())? * BATCHES;
    let mut attacks = 0;
    for round in 0..rounds {
        ticks.tick().await;
        let (batch, in_it) = mixed(&run, round, rate / BATCHES);
        attacks += in_it;
        events::post(&ingest, &token, &batch).await?;
    }
    let pool = writer(world).await?;
    let pattern = format!("lat-{run}-%");
    let alerts = "select extract(epoch from created_at - received_at)::float8 from alerts \
                  where body->'entities'->>'host' like $1 and updated_at = created_at";
    let mut latencies = until("every attack alerted", Duration::from_mins(1), async || {
        let rows: Vec<(f64,)> = sqlx::query_as(alerts).bind(&pattern).fetch_all(&pool).await?;
        anyhow::ensure!(rows.len() >= attacks, "{} of {attacks} alerts", rows.len());
        Ok(Some(rows.into_iter().map(|r| r.0 * 1000.0).collect::<Vec<f64>>()))
    })
    .await?;
    pool.close().await;
    println!(
        "event to alert at {rate} events/s: p50 {:.1} ms, p99 {:.1} ms over {} alerts",
        quantile(&mut latencies, 0.5),
        quantile(&mut latencies, 0.99),
        latencies.len()
    );
    Ok(())
}

/// A batch with one attack in [`ATTACK_EVERY`] events, each on a host of its own so that each is its own alert.
fn mixed(run: &str, round: usize, count: usize) -> (serde_json::Value, usize) {
    let mut attacks = 0;
    let events: Vec<serde_json::Value> = (0..count.max(1))
        .map(|n| {
            let attack = n % ATTACK_EVERY == 0;
            attacks += usize::from(attack);
            let (image, line) = if attack {
                ("C:\\Windows\\System32\\whoami.exe", "whoami.exe /all")
            } else {
                ("C:\\Windows\\System32\\notepad.exe", "notepad.exe notes.txt")
            };
            let host = if attack {
                format!("lat-{run}-{round}-{n}")
            } else {
                format!("ws-{}", n % 7)
            };
            serde_json::json!({
                "uid": format!("{run}-{round}-{n}"),
                "SourceName": "Microsoft-Windows-Sysmon",
                "Channel": "Microsoft-Windows-Sysmon/Operational",
                "EventID": 1,
                "Hostname": host,
                "@timestamp": jiff::Timestamp::now().to_string(),
                "Image": image,
                "OriginalFileName": image.rsplit('\\').next(),
                "CommandLine": line,
                "ParentImage": "C:\\Windows\\System32\\WindowsPowerShell\\v1.0\\powershell.exe",
                "User": format!("EXAMPLE\\lat-{run}-{round}-{n}"),
            })
        })
        .collect();
    let batch = serde_json::json!({
        "connector_id": "latency", "connector_type": "bench", "source_format": "windows_event_log", "events": events
    });
    (batch, attacks)
}

/// A connection pool on the present writer.
async fn writer(world: &LocalWorld) -> Result<sqlx::PgPool> {
    // Every region's control plane has one; what they say of the database is the same.
    let file = world.state().join("topology").join("us-east-1.toml");
    let text = std::fs::read_to_string(&file).with_context(|| file.display().to_string())?;
    let topology = Topology::parse(&text)?;
    let seen = world.seen().await?;
    let cluster = topology.databases.first().context("no database cluster")?;
    let region = seen
        .regions
        .values()
        .find(|r| {
            let member = r.member(&cluster.name).and_then(|m| m.value.as_ref());
            member.is_some_and(|p| p.role == PostgresRole::Writer)
        })
        .context("no writer is seen")?;
    let at = &cluster
        .member(&region.id)
        .context("a writer that is not in the topology")?
        .postgres;
    let (host, port) = at.rsplit_once(':').context("postgres address without a port")?;
    let options = PgConnectOptions::new_without_pgpass()
        .host(host)
        .port(port.parse()?)
        .username(&cluster.user)
        .password(&cluster.password)
        .database(&cluster.database);
    Ok(PgPoolOptions::new()
        .max_connections(1)
        .connect_with(options)
        .await?)
}
