//! The backend's one binary: the SOC services, the control plane, the local world, and small tools.

mod identity;
mod journal;
mod serve;

use aisoc_local::cli::LocalArgs;
use aisoc_local::ingest_file::IngestFileArgs;
use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Backend of `AiSOC` Regions.
#[derive(Debug, Parser)]
#[command(name = "aisoc", version)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs one service or several in one process.
    Serve(Box<serve::ServeArgs>),
    /// The three-region world on this machine.
    Local(LocalArgs),
    /// Sends a file of events (NDJSON, also gzipped) to an ingest.
    IngestFile(IngestFileArgs),
    /// The control plane's journal of operations.
    Journal(journal::JournalArgs),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        // Two threads serve any of the services; more would only cost idle memory in a world of twenty processes.
        .worker_threads(2)
        .enable_all()
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("aisoc: cannot start: {error}");
            return ExitCode::FAILURE;
        }
    };
    let code = runtime.block_on(async {
        match args.command {
            Command::Serve(args) => serve::run(*args).await,
            Command::Local(args) => aisoc_local::cli::run(args).await,
            Command::IngestFile(args) => aisoc_local::ingest_file::run(args).await,
            Command::Journal(args) => journal::run(args).await,
        }
    });
    // A blocked thread (a frozen disk, say) must not keep a stopped process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(code)
}
