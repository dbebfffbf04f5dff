//! `aisoc journal`: the record of operations, read beside a running control plane.

use aisoc_control_plane::operations::journal::{Journal, JournalError, show};
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};

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
    /// Region of a local world's control plane; without it `show` and `verify` go through all of them.
    #[arg(long, global = true)]
    region: Option<String>,
    #[command(subcommand)]
    command: JournalCommand,
}

#[derive(Debug, Subcommand)]
enum JournalCommand {
    /// Every entry as a line; those of one operation with its id.
    Show {
        /// An operation's id.
        operation: Option<String>,
        /// Only entries of this kind, for example `intent`, `adopted`, `approved`.
        #[arg(long)]
        kind: Option<String>,
    },
    /// Checks the hash chain from the first entry to the last.
    Verify,
    /// Entries as JSON, one a line, and at the end what checking the whole chain said.
    Export {
        /// An operation's id: only its entries. The chain is checked as a whole all the same.
        operation: Option<String>,
    },
}

/// Runs a command and returns the process's exit code.
pub async fn run(args: JournalArgs) -> u8 {
    let journals = match &args.data_dir {
        Some(dir) => vec![(String::new(), dir.clone())],
        None => local(args.state_dir.as_deref(), args.region.as_deref()),
    };
    if journals.is_empty() {
        eprintln!(
            "aisoc journal: which control plane? give --data-dir, or --state-dir of a local world that was started"
        );
        return 2;
    }
    if journals.len() > 1 && matches!(args.command, JournalCommand::Export { .. }) {
        let regions: Vec<&str> = journals.iter().map(|(name, _)| name.as_str()).collect();
        eprintln!(
            "aisoc journal: each control plane has a chain of its own; give --region, one of {}",
            regions.join(", ")
        );
        return 2;
    }
    let mut code = 0;
    for (name, data_dir) in &journals {
        if journals.len() > 1 {
            println!("== {name}");
        }
        match execute(data_dir, &args.command).await {
            Ok(true) => {}
            Ok(false) => code = NOT_AS_WANTED,
            Err(error) => {
                eprintln!("aisoc journal: {error}");
                code = NOT_AS_WANTED;
            }
        }
    }
    code
}

/// The control planes of a local world, as their topology files name them: region and data directory.
fn local(state_dir: Option<&Path>, region: Option<&str>) -> Vec<(String, PathBuf)> {
    let Ok(state) = aisoc_local::state::StateDir::resolve(state_dir) else {
        return Vec::new();
    };
    aisoc_local::world::regions::REGIONS
        .iter()
        .filter(|r| region.is_none_or(|wanted| wanted == r.name))
        .filter_map(|r| {
            let text = std::fs::read_to_string(state.topology_toml(r.name)).ok()?;
            let topology = aisoc_model::topology::Topology::parse(&text).ok()?;
            Some((r.name.to_owned(), PathBuf::from(topology.control_plane.data_dir)))
        })
        .collect()
}

/// Answers whether what was read is as it has to be.
async fn execute(data_dir: &Path, command: &JournalCommand) -> Result<bool, JournalError> {
    let journal = Journal::open_read_only(data_dir).await?;
    let mut out = std::io::stdout();
    match command {
        JournalCommand::Show { operation, kind } => {
            let entries = match operation {
                Some(id) => journal.entries_of(id).await?,
                None => journal.entries().await?,
            };
            let wanted = |of: &str| kind.as_ref().is_none_or(|k| k.eq_ignore_ascii_case(of));
            for entry in entries.iter().filter(|e| wanted(&e.kind)) {
                if writeln!(out, "{}", show(entry)).is_err() {
                    break;
                }
            }
            Ok(true)
        }
        JournalCommand::Verify => {
            let count = journal.verify().await?;
            let written = writeln!(out, "{count} entries, the chain is whole");
            drop(written);
            Ok(true)
        }
        JournalCommand::Export { operation } => {
            let exported = journal.export(operation.as_deref(), &mut out).await?;
            Ok(exported.broken.is_none())
        }
    }
}
