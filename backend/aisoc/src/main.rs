//! The backend's one binary: the SOC services, the control plane, the local world, and small tools.

mod health_check;
mod identity;
mod journal;
mod runbook;
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
    /// Whether a region serves, looked at from here.
    HealthCheck(health_check::HealthCheckArgs),
    /// The control plane's journal of operations.
    Journal(journal::JournalArgs),
    /// Runbooks, written from thresholds, the regions as they are and their traces.
    Runbook(runbook::RunbookArgs),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let threads = match &args.command {
        Command::Serve(args) => args.worker_threads,
        _ => 1,
    };
    let runtime = match runtime(threads) {
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
            Command::HealthCheck(args) => health_check::run(args).await,
            Command::Journal(args) => journal::run(args).await,
            Command::Runbook(args) => runbook::run(args).await,
        }
    });
    // A blocked thread (a frozen disk, say) must not keep a stopped process alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    ExitCode::from(code)
}

/// A runtime on `threads` threads; on one, everything runs on the main thread, which saves the switches between
/// threads that a mostly idle service would spend most of its time on.
fn runtime(threads: u16) -> std::io::Result<tokio::runtime::Runtime> {
    let mut builder = if threads <= 1 {
        tokio::runtime::Builder::new_current_thread()
    } else {
        tokio::runtime::Builder::new_multi_thread()
    };
    if threads > 1 {
        builder.worker_threads(usize::from(threads));
    }
    builder.enable_all().build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use aisoc_model::runbook::Block;
    use aisoc_model::slo::Slo;
    use aisoc_runbooks::{Library, Scene};
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn runbooks_use_commands_that_there_are() {
        let (library, slo) = (Library::builtin().unwrap(), Slo::builtin().unwrap());
        let mut seen = 0;
        for id in library.ids() {
            let runbook = library.render(id, &Scene::empty(&slo)).unwrap();
            for block in runbook.sections.iter().flat_map(|section| &section.blocks) {
                let Block::Step(step) = block else { continue };
                for command in step.commands.iter().filter(|c| c.line.starts_with("aisoc ")) {
                    seen += 1;
                    let parsed = Args::try_parse_from(command.line.split(' '));
                    assert!(parsed.is_ok(), "{id}: {}: {}", command.line, parsed.unwrap_err());
                }
            }
        }
        assert!(seen > 0, "no runbook uses the backend's own command");
    }
}
