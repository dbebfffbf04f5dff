//! `aisoc local fault`.

use crate::client::Client;
use crate::error::{Failure, exit};
use crate::state::StateDir;
use aisoc_model::ids::{InvalidClusterName, InvalidRegionId};
use aisoc_model::inventory::{Fault, FaultSpec};
use aisoc_model::{ClusterName, RegionId};
use clap::{Args, Subcommand};
use reqwest::Method;
use serde::Deserialize;
use std::str::FromStr;

/// Options of `fault`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct FaultArgs {
    /// Heals the fault with this number, or all of them.
    #[arg(long, value_name = "ID", num_args = 0..=1)]
    #[expect(
        clippy::option_option,
        reason = "absent, without a value, with a value: clap's three cases"
    )]
    heal: Option<Option<u64>>,
    #[command(subcommand)]
    fault: Option<FaultCommand>,
}

#[derive(Debug, Subcommand)]
enum FaultCommand {
    /// Shows the faults in force.
    List,
    /// Kills a process (SIGKILL); it is restarted unless held.
    Kill {
        /// Its name in `aisoc local status`.
        process: String,
        /// Keeps it down until healed.
        #[arg(long)]
        hold: bool,
    },
    /// Stops a process with SIGSTOP.
    Freeze {
        /// Its name in `aisoc local status`.
        process: String,
    },
    /// Kills a region's Patroni and PostgreSQL and keeps them down.
    KillNode {
        /// The region, or `REGION/eu` for the node of the EU cluster.
        node: NodeName,
    },
    /// Stops a region's Patroni and PostgreSQL with SIGSTOP.
    FreezeNode {
        /// The region, or `REGION/eu` for the node of the EU cluster.
        node: NodeName,
    },
    /// Kills everything of a region and keeps it down.
    KillRegion {
        /// The region.
        region: RegionId,
    },
    /// Stops everything of a region with SIGSTOP.
    FreezeRegion {
        /// The region.
        region: RegionId,
    },
    /// The region's replica can no longer connect to the writer.
    CutReplication {
        /// The region, or `REGION/eu` for the node of the EU cluster.
        node: NodeName,
    },
    /// The region's replica no longer receives, although its connection stays open.
    StallReplication {
        /// The region, or `REGION/eu` for the node of the EU cluster.
        node: NodeName,
    },
    /// Every request of the region's api takes longer.
    Latency {
        /// The region.
        region: RegionId,
        /// Added milliseconds.
        milliseconds: u32,
    },
}

/// A database node: its region, and its cluster where that is not the first one.
#[derive(Debug, Clone)]
struct NodeName {
    region: RegionId,
    cluster: Option<ClusterName>,
}

impl FromStr for NodeName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (region, cluster) = match text.split_once('/') {
            Some((region, cluster)) => (region, Some(cluster)),
            None => (text, None),
        };
        Ok(Self {
            region: region.parse().map_err(|e: InvalidRegionId| e.to_string())?,
            cluster: cluster
                .map(str::parse)
                .transpose()
                .map_err(|e: InvalidClusterName| e.to_string())?,
        })
    }
}

pub(super) async fn run(state: &StateDir, args: FaultArgs) -> anyhow::Result<u8> {
    let client = Client::connect(state)?;
    if let Some(heal) = args.heal {
        #[derive(Deserialize)]
        struct Healed {
            healed: usize,
        }
        let path = heal.map_or_else(|| "/v1/faults".to_owned(), |id| format!("/v1/faults/{id}"));
        let healed: Healed = client.ask(Method::DELETE, &path, None).await?;
        println!("{} healed", count(healed.healed));
        return Ok(exit::OK);
    }
    let spec = match args.fault {
        None => {
            return Err(Failure::usage(
                "what is to be broken?",
                "see `aisoc local fault --help`; --heal heals",
            )
            .into());
        }
        Some(FaultCommand::List) => {
            let faults = client.inventory().await?.faults;
            for fault in &faults {
                println!(
                    "{}\t{:.0}\t{}",
                    fault.id,
                    fault.since,
                    serde_json::to_string(&fault.spec)?
                );
            }
            if faults.is_empty() {
                println!("no fault is in force");
            }
            return Ok(exit::OK);
        }
        Some(FaultCommand::Kill { process, hold }) => FaultSpec::KillProcess { process, hold },
        Some(FaultCommand::Freeze { process }) => FaultSpec::FreezeProcess { process },
        Some(FaultCommand::KillNode {
            node: NodeName { region, cluster },
        }) => FaultSpec::KillNode { region, cluster },
        Some(FaultCommand::FreezeNode {
            node: NodeName { region, cluster },
        }) => FaultSpec::FreezeNode { region, cluster },
        Some(FaultCommand::KillRegion { region }) => FaultSpec::KillRegion { region },
        Some(FaultCommand::FreezeRegion { region }) => FaultSpec::FreezeRegion { region },
        Some(FaultCommand::CutReplication {
            node: NodeName { region, cluster },
        }) => FaultSpec::CutReplication { region, cluster },
        Some(FaultCommand::StallReplication {
            node: NodeName { region, cluster },
        }) => FaultSpec::StallReplication { region, cluster },
        Some(FaultCommand::Latency { region, milliseconds }) => {
            FaultSpec::ApiLatency { region, milliseconds }
        }
    };
    let once = matches!(spec, FaultSpec::KillProcess { hold: false, .. });
    let fault: Fault = client
        .ask(Method::POST, "/v1/faults", Some(serde_json::to_value(&spec)?))
        .await?;
    if once {
        println!("done; the supervisor starts it again");
    } else {
        println!(
            "fault {} is in force; `aisoc local fault --heal {}` heals it",
            fault.id, fault.id
        );
    }
    Ok(exit::OK)
}

fn count(faults: usize) -> String {
    match faults {
        0 => "no fault was in force: nothing".to_owned(),
        1 => "1 fault".to_owned(),
        n => format!("{n} faults"),
    }
}
