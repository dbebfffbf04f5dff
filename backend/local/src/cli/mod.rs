//! The command `aisoc local`.

mod deploy;
mod down;
mod fault;
mod generate;
mod logs;
mod packages;
mod status;
mod up;

use crate::error::{as_failure, exit};
use crate::state::StateDir;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// The three-region world on this machine.
#[derive(Debug, Args)]
pub struct LocalArgs {
    /// Where the world lives; default: /var/lib/aisoc/local for root, else ~/.local/state/aisoc/local.
    #[arg(long, env = "AISOC_STATE_DIR", global = true)]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: LocalCommand,
}

#[derive(Debug, Subcommand)]
enum LocalCommand {
    /// Starts the world and waits until it is ready.
    Up(up::UpArgs),
    /// Stops everything that was started.
    Down,
    /// Shows every process: state, process id, ports, version.
    Status(status::StatusArgs),
    /// Deletes the state of a stopped world.
    Reset(down::ResetArgs),
    /// Shows a process's log.
    Logs(logs::LogsArgs),
    /// Breaks something, or heals it.
    Fault(fault::FaultArgs),
    /// Rolls out a new revision of the services.
    Deploy(deploy::DeployArgs),
    /// Shows the revisions of every release.
    History(deploy::HistoryArgs),
    /// Rolls back to an earlier revision.
    Rollback(deploy::RollbackArgs),
    /// Changes the rates of the traffic generator.
    Generator(generate::GeneratorArgs),
    /// Shows which system packages are missing; installs them when asked.
    Packages(packages::PackagesArgs),
    /// The supervisor itself; `up` starts it.
    #[command(hide = true)]
    Supervise,
    /// The traffic generator itself; the supervisor starts it.
    #[command(hide = true)]
    Generate,
}

/// How an answer is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Runs the command; answers the exit code.
pub async fn run(args: LocalArgs) -> u8 {
    match carry_out(args).await {
        Ok(code) => code,
        Err(error) => {
            let failure = as_failure(&error);
            eprintln!("aisoc local: {failure}");
            failure.code
        }
    }
}

async fn carry_out(args: LocalArgs) -> anyhow::Result<u8> {
    let state = StateDir::resolve(args.state_dir.as_deref())?;
    match args.command {
        LocalCommand::Up(args) => up::run(&state, &args).await,
        LocalCommand::Down => down::run(&state).await,
        LocalCommand::Status(args) => status::run(&state, &args).await,
        LocalCommand::Reset(args) => down::reset(&state, &args).await,
        LocalCommand::Logs(args) => logs::run(&state, &args).await,
        LocalCommand::Fault(args) => fault::run(&state, args).await,
        LocalCommand::Deploy(args) => deploy::deploy(&state, &args).await,
        LocalCommand::History(args) => deploy::history(&state, &args).await,
        LocalCommand::Rollback(args) => deploy::rollback(&state, &args).await,
        LocalCommand::Generator(args) => generate::rates(&state, &args).await,
        LocalCommand::Packages(args) => packages::run(&args),
        LocalCommand::Supervise => {
            log_to_stderr();
            crate::supervise::run(state).await?;
            Ok(exit::OK)
        }
        LocalCommand::Generate => {
            log_to_stderr();
            generate::run(&state).await
        }
    }
}

/// Standard error is the process's log file.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("AISOC_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("info,sqlx=warn"));
    // A second initialisation (in a test) keeps the first.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(std::io::stderr)
        .try_init();
}
