//! `aisoc health-check`: whether a region serves, looked at from here, when no control plane can be asked.

use aisoc_local::world::regions::REGIONS;
use aisoc_model::RegionId;
use aisoc_model::region::Health;
use aisoc_model::vantage::Verdict;
use anyhow::Context;
use clap::ValueEnum;
use std::path::PathBuf;

/// Exit codes, as `--help` shows them.
const CODES: &str = "\
Exit codes:
  0  healthy
  1  degraded or down; the first word after the region's name says which
  2  bad input: unknown region, unreadable topology
  6  nobody can tell: too few vantage points know anything";

/// Whether a region serves: the control plane's rules, applied from here.
///
/// Looks at the region's api by itself, asks the load balancer for its checks and the other regions for what they
/// see, and needs more than half of them to agree. Needs no control plane.
#[derive(Debug, clap::Args)]
#[command(after_help = CODES)]
pub struct HealthCheckArgs {
    /// The region.
    #[arg(long)]
    region: RegionId,
    /// Topology file of the control plane; that of the local world when absent.
    #[arg(long, env = "AISOC_TOPOLOGY")]
    topology: Option<PathBuf>,
    /// File with the token that services use among themselves; the other regions are not asked without.
    #[arg(long, env = "AISOC_INTERNAL_TOKEN_FILE")]
    internal_token_file: Option<PathBuf>,
    /// State directory of a local world, for both files.
    #[arg(long, env = "AISOC_STATE_DIR")]
    state_dir: Option<PathBuf>,
    /// Format of the answer.
    #[arg(long, short, value_enum, default_value_t = Format::Text)]
    output: Format,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// For a script: the verdict with every vantage point.
    Json,
}

/// Runs the check and returns the process's exit code.
pub async fn run(args: HealthCheckArgs) -> u8 {
    match check(&args).await {
        Ok(verdict) => {
            let now = jiff::Timestamp::now();
            let text = match args.output {
                Format::Text => verdict.describe(&args.region, now),
                Format::Json => serde_json::to_string_pretty(&verdict).unwrap_or_default() + "\n",
            };
            print!("{text}");
            match verdict.health {
                Health::Healthy => 0,
                Health::Degraded | Health::Down => 1,
                Health::Unknown => 6,
            }
        }
        Err(error) => {
            eprintln!("aisoc health-check: {error:#}");
            2
        }
    }
}

async fn check(args: &HealthCheckArgs) -> anyhow::Result<Verdict> {
    let (topology, token) = if let Some(topology) = &args.topology {
        (topology.clone(), args.internal_token_file.clone())
    } else {
        let state = aisoc_local::state::StateDir::resolve(args.state_dir.as_deref())?;
        let token = args.internal_token_file.clone();
        let token = token.unwrap_or_else(|| state.token("internal.token"));
        // Every region's control plane has the same regions in its file: any one that is there will do.
        let mut files = REGIONS.iter().map(|r| state.topology_toml(r.name));
        let file = files.find(|file| file.is_file());
        let file = file.context("no local world was started in this state directory")?;
        (file, Some(token))
    };
    aisoc_control_plane::health_check(&topology, token.as_deref(), &args.region).await
}
