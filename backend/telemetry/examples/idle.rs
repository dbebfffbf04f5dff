//! An idle service that exports, to measure what telemetry costs:
//! `idle http://127.0.0.1:4317 SECONDS` exports every 2 s with 5 requests/s; `idle receive 127.0.0.1:4317
//! SECONDS` is the other end. Prints the CPU time used.

use aisoc_model::SystemClock;
use aisoc_model::slo::Slo;
use aisoc_telemetry::receive::Receiver;
use aisoc_telemetry::{ExportConfig, Identity, init, metrics};
use anyhow::Context as _;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let usage = "usage: idle http://HOST:PORT SECONDS | idle receive HOST:PORT SECONDS";
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["receive", listen, seconds] => {
            let receiver = Receiver::new(&Slo::builtin()?, Arc::new(SystemClock));
            let listener = Receiver::bind(listen).await?;
            let shutdown = CancellationToken::new();
            let server = tokio::spawn(receiver.clone().serve(listener, shutdown.clone()));
            tokio::time::sleep(Duration::from_secs(seconds.parse().context(usage)?)).await;
            let exports: u64 = receiver.services().iter().map(|held| held.metric_exports).sum();
            println!("received {exports} exports of metrics");
            shutdown.cancel();
            server.await??;
        }
        [endpoint, seconds] => {
            let identity = Identity {
                service: "aisoc-api".to_owned(),
                region: "us-east-1".to_owned(),
                instance: format!("idle-{}", std::process::id()),
                ..Identity::default()
            };
            let export = ExportConfig {
                endpoint: Some(endpoint.to_owned()),
                interval: Duration::from_secs(2),
            };
            let guard = init(&identity, &export)?;
            let seconds: u64 = seconds.parse().context(usage)?;
            for _ in 0..seconds * 5 {
                metrics::http_request("/api/v1/alerts", "GET", 200, 0.01);
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
            guard.shutdown().await;
        }
        _ => anyhow::bail!(usage),
    }
    let stat = std::fs::read_to_string("/proc/self/stat").context("no /proc")?;
    let ticks: u64 = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .skip(11)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    println!("cpu {} ms", ticks * 10);
    Ok(())
}
