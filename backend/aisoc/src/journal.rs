//! `aisoc journal`: the record of operations, read beside a running control plane.

use aisoc_control_plane::operations::journal::{Journal, JournalError, show};
use clap::Subcommand;
use std::io::Write;
use std::path::PathBuf;

/// Exit code when the chain is broken or nothing could be read.
const NOT_AS_WANTED: u8 = 1;

/// The journal of a control plane.
#[derive(Debug, clap::Args)]
pub struct JournalArgs {
    /// Data directory of the control plane (`control_plane.data_dir` of its topology file).
    #[arg(long, env = "AISOC_JOURNAL_DIR", global = true)]
    data_dir: Option<PathBuf>,
    /// State directory of a local world, instead of `--data-dir`.
    #[arg(long, env = "AISOC_STATE_DIR", global = true)]
    state_dir: Option<PathBuf>,
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Every entry as a line; those of one operation with its id.
    Show {
        /// An operation's id.
        operation: Option<String>,
    },
    /// Checks the hash chain from the first entry to the last.
    Verify,
    /// Every entry as JSON, one a line.
    Export,
}

/// Runs a command and returns the process's exit code.
pub async fn run(args: JournalArgs) -> u8 {
    let Some(data_dir) = args
        .data_dir
        .or_else(|| local_data_dir(args.state_dir.as_deref()))
    else {
        eprintln!(
            "aisoc journal: which control plane? give --data-dir, or --state-dir of a local world that was started"
        );
        return 2;
    };
    match execute(&data_dir, args.command).await {
        Ok(()) => 0,
        Err(error) => {
            eprintln!("aisoc journal: {error}");
            NOT_AS_WANTED
        }
    }
}

/// The data directory that the topology file of a local world names.
fn local_data_dir(state_dir: Option<&std::path::Path>) -> Option<PathBuf> {
    let state = aisoc_local::state::StateDir::resolve(state_dir).ok()?;
    let text = std::fs::read_to_string(state.topology_toml()).ok()?;
    let topology = aisoc_model::topology::Topology::parse(&text).ok()?;
    Some(PathBuf::from(topology.control_plane.data_dir))
}

async fn execute(data_dir: &std::path::Path, command: JournalCommand) -> Result<(), JournalError> {
    let journal = Journal::open_read_only(data_dir).await?;
    let mut out = std::io::stdout();
    match command {
        JournalCommand::Show { operation } => {
            let entries = match operation {
                Some(id) => journal.entries_of(&id).await?,
                None => journal.entries().await?,
            };
            for entry in entries {
                if writeln!(out, "{}", show(&entry)).is_err() {
                    break;
                }
            }
        }
        JournalCommand::Verify => {
            let count = journal.verify().await?;
            let written = writeln!(out, "{count} entries, the chain is whole");
            drop(written);
        }
        JournalCommand::Export => {
            journal.export(&mut out).await?;
        }
    }
    Ok(())
}
