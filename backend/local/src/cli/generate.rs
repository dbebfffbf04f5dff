//! `aisoc local generator` (changes the rates) and the hidden `generate` (is the generator).

use crate::client::Client;
use crate::error::{Failure, exit};
use crate::generator::{self, GeneratorConfig, IngestTarget, Rates, TenantAccess};
use crate::rates;
use crate::state::StateDir;
use crate::world::config::WorldConfig;
use crate::world::secrets::{Secrets, TENANTS};
use anyhow::Context;
use clap::Args;
use reqwest::Method;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Options of `generator`.
#[derive(Debug, Args)]
pub(super) struct GeneratorArgs {
    /// API requests per second, through the load balancer.
    #[arg(long, value_name = "N", required_unless_present = "events")]
    requests: Option<f64>,
    /// Security events per second, over all regions.
    #[arg(long, value_name = "N")]
    events: Option<f64>,
}

pub(super) async fn rates(state: &StateDir, args: &GeneratorArgs) -> anyhow::Result<u8> {
    let client = Client::connect(state)?;
    let change =
        serde_json::json!({ "requests_per_second": args.requests, "events_per_second": args.events });
    let now: Rates = client.ask(Method::PUT, "/v1/generator", Some(change)).await?;
    println!(
        "{} requests/s, {} events/s",
        now.requests_per_second, now.events_per_second
    );
    Ok(exit::OK)
}

/// The generator itself, told by its environment where to send.
pub(super) async fn run(state: &StateDir) -> anyhow::Result<u8> {
    let config = config(state)?;
    let shutdown = CancellationToken::new();
    let mut terminate = signal(SignalKind::terminate()).context("waiting for SIGTERM")?;
    let stop = shutdown.clone();
    tokio::spawn(async move {
        terminate.recv().await;
        stop.cancel();
    });
    generator::run(config, shutdown).await?;
    Ok(exit::OK)
}

fn config(state: &StateDir) -> anyhow::Result<GeneratorConfig> {
    let world = WorldConfig::load_or_write(&state.world_toml())?;
    let secrets = Secrets::load_or_make(state)?;
    let tenants = TENANTS
        .iter()
        .filter_map(|(id, _, _, residency)| {
            Some(TenantAccess {
                tenant: (*id).to_owned(),
                token: secrets.tenants.get(*id)?.clone(),
                regions: residency.iter().map(|r| (*r).to_owned()).collect(),
            })
        })
        .collect();
    let configured = Rates {
        requests_per_second: world.generator.requests_per_second,
        events_per_second: world.generator.events_per_second,
    };
    Ok(GeneratorConfig {
        listen: variable("AISOC_LISTEN")?,
        load_balancer: variable("AISOC_LOAD_BALANCER")?,
        ingest: targets(&variable("AISOC_INGEST")?),
        tenants,
        rates: rates::read(state)?.unwrap_or(configured),
        seed: world.generator.seed,
    })
}

fn variable(name: &str) -> anyhow::Result<String> {
    std::env::var(name).map_err(|_| {
        Failure::usage(
            format!("{name} is not set"),
            "`aisoc local generate` is started by the supervisor; you want `aisoc local up` or `aisoc local generator`",
        )
        .into()
    })
}

/// `us-east-1=http://…,eu-west-1=http://…`
fn targets(text: &str) -> Vec<IngestTarget> {
    text.split(',')
        .filter_map(|entry| entry.split_once('='))
        .map(|(region, url)| IngestTarget {
            region: region.to_owned(),
            url: url.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_read_as_the_supervisor_writes_them() {
        let targets = targets("us-east-1=http://127.0.0.1:1,eu-west-1=http://127.0.0.1:2");
        assert_eq!(targets.len(), 2);
        assert_eq!(
            targets[1],
            IngestTarget {
                region: "eu-west-1".into(),
                url: "http://127.0.0.1:2".into()
            }
        );
    }
}
