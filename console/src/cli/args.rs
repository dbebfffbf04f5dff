//! The command line.

mod acting;
mod targets;
mod values;

#[cfg(test)]
mod tests;

pub use acting::{Acting, Confirmed, GreenCommand, PlanTarget, Renewing};

use super::exit;
use aisoc_console::page::Page;
use aisoc_console::theme;
use aisoc_model::RegionId;
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use targets::{
    DrainTarget, FailoverTarget, FenceTarget, PromoteTarget, RegionFailoverTarget, RejoinTarget,
    RestoreTarget, RollbackTarget,
};
use values::size;

/// Multi-region operations console of `AiSOC`.
///
/// Without a command it opens the screen. Every command works without a terminal.
#[derive(Debug, Parser)]
#[allow(clippy::struct_excessive_bools)] // flags of a command line
#[command(name = "aisoc-console", version, after_help = exit::TABLE)]
pub struct Args {
    /// Control plane, http://host:port; repeat it for more, tried in order.
    #[arg(long, global = true, env = "AISOC_ENDPOINT", value_delimiter = ',')]
    pub endpoint: Vec<String>,
    /// File that holds the bearer token.
    #[arg(long, global = true, env = "AISOC_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// State directory of a local world, for its addresses and token.
    #[arg(long, global = true, env = "AISOC_STATE_DIR")]
    pub state_dir: Option<PathBuf>,
    /// File of settings; by default `$XDG_CONFIG_HOME/aisoc/console.toml`.
    #[arg(long, global = true, env = "AISOC_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Theme: auto, dark, light, high-contrast, deuteranopia, tritanopia or mono.
    #[arg(long, global = true, env = "AISOC_THEME")]
    pub theme: Option<theme::Choice>,
    /// Takes the mouse from the terminal.
    #[arg(long)]
    pub mouse: bool,
    /// Sentences, line after line, instead of a screen (as with ACCESSIBLE=1).
    #[arg(long)]
    pub plain: bool,
    /// Large and without any action, for a screen on a wall.
    #[arg(long, conflicts_with = "plain")]
    pub wall: bool,
    /// Prints the default settings, each with what it is for.
    #[arg(long, exclusive = true)]
    pub print_default_config: bool,
    /// Format of what a command prints.
    #[arg(long, short, global = true, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// What to do; nothing opens the screen.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// Format of what a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OutputFormat {
    /// For a person.
    Text,
    /// For a script: the documents of the vocabulary.
    Json,
    /// `snapshot` only: with colours.
    Ansi,
    /// `snapshot` only: a picture for a document.
    Svg,
}

/// Format of an operation's record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RecordFormat {
    /// For people: a ticket, a post-mortem.
    Markdown,
    /// For programs.
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The whole picture in a few lines; exit code 1 when something is not healthy.
    Status,
    /// Regions: role, health, weight, traffic, writer; how ready each is to take over, and what it lacks.
    Regions,
    /// Whether a region serves, as every vantage point sees it; exit code 0 only when it is healthy.
    HealthCheck {
        /// The region.
        #[arg(long)]
        region: RegionId,
    },
    /// Replication links and how far each is behind.
    Lag,
    /// Indicators against their objectives.
    Slis,
    /// Alerts of the platform.
    Alerts,
    /// Who calls whom, by the traces: rate, failures and durations of each way.
    Map,
    /// Runbooks and what triggers each.
    Runbooks,
    /// A runbook, written for a region as it is now.
    Runbook {
        /// Its id (RB-003) or its name (region-failover).
        id: String,
        /// The region; the one where an alert of the runbook fires when absent, else the primary one.
        #[arg(long)]
        region: Option<RegionId>,
    },
    /// Acknowledges an alert by its key (see `alerts`).
    Ack {
        /// The alert's key.
        alert: String,
    },
    /// Prints a line whenever something that matters changes.
    Watch,
    /// Plays a recording on the screen; with --plain as sentences. Needs no control plane.
    Replay(Replaying),
    /// Takes a range of time out of the recording that the control planes keep (the last ten minutes by default), without
    /// names of people and tenants, addresses, directories, typed reasons and tokens.
    Export(Exporting),
    /// Draws one page as the screen would.
    Snapshot(Drawing),
    /// Operations that run or ran.
    Operations {
        /// What about them.
        #[command(subcommand)]
        command: OperationsCommand,
    },
    /// Releases: revisions in force, their history and differences.
    Releases {
        /// What about them.
        #[command(subcommand)]
        command: ReleasesCommand,
    },
    /// Blue/green: a release beside the one that serves, tested, switched to by weights, and back.
    Green {
        /// What to do.
        #[command(subcommand)]
        command: GreenCommand,
    },
    /// Decides what an operation would do; changes nothing.
    Plan {
        /// Of which operation.
        #[command(subcommand)]
        target: PlanTarget,
    },
    /// Approves another operator's plan that needs a second person; without `--hash` shows what it is.
    Approve {
        /// The plan's id.
        plan: String,
        /// The plan's hash, as it was shown: what is approved is what was looked at.
        #[arg(long)]
        hash: Option<String>,
    },
    /// Carries out a plan that was made before, for example one that a second person has approved.
    Execute {
        /// The plan's id.
        plan: String,
        /// The plan's hash, as it was shown.
        #[arg(long)]
        hash: String,
        /// The region's or the release's name: this is the confirmation.
        #[arg(long)]
        confirm: String,
        /// Stay until the operation has ended, and say how.
        #[arg(long)]
        wait: bool,
    },
    /// Takes a region out of the load balancer's rotation, in steps.
    Drain(Acting<DrainTarget>),
    /// Puts a region back, in steps.
    Restore(Acting<RestoreTarget>),
    /// Lets the drain of a region last longer; without that every drain ends by itself.
    DrainRenew(Renewing),
    /// Leaves a region that is down: its traffic and the writer go to another one (RB-003).
    RegionFailover(Acting<RegionFailoverTarget>),
    /// Makes a region's database member the writer, without losing a write; with --emergency although the present
    /// writer is gone: it is fenced first, and what is lost is said before.
    Failover(Acting<FailoverTarget>),
    /// Stops a region's database member and keeps it down: the way out when two members accept writes.
    Fence(Acting<FenceTarget>),
    /// Lets a fenced database member come back as a replica.
    Rejoin(Acting<RejoinTarget>),
    /// Makes a managed database's replica (RDS, Aurora) the writer; a promotion of a read replica is for ever.
    Promote(Acting<PromoteTarget>),
    /// Returns a release to its last good revision, or to a named one.
    Rollback(Acting<RollbackTarget>),
    /// The console's settings.
    Config {
        /// What about them.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Opens the console for the key of an ssh session, and nothing else (see deploy/bastion).
    Captive {
        /// Where the bastion's keys, tokens and settings are.
        #[arg(long, default_value = "/etc/aisoc/bastion")]
        directory: PathBuf,
    },
    /// Prints the completions of a shell.
    Completions {
        /// Which shell.
        shell: clap_complete::Shell,
    },
    /// Prints the man page.
    Man,
    /// Prints the keys as a Markdown document.
    Keys,
}

/// Which recording, and how to begin.
#[derive(Debug, clap::Args)]
pub struct Replaying {
    /// The file, made by `export` or one of a control plane's own.
    pub file: PathBuf,
    /// Where to begin: 2026-11-22T14:02:11Z or 14:02:11 (UTC).
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How much faster than it was, 1 to 64; + and - change it.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub speed: u16,
    /// Stand still at first; space plays.
    #[arg(long)]
    pub paused: bool,
}

/// A page to draw.
#[derive(Debug, clap::Args)]
pub struct Drawing {
    /// Which page.
    #[arg(long, default_value = "overview")]
    pub page: Page,
    /// Columns x rows.
    #[arg(long, default_value = "120x40", value_parser = size)]
    pub size: (u16, u16),
    /// Draw a frame that `status --output json` printed, instead of the present one.
    #[arg(long)]
    pub world: Option<PathBuf>,
    /// Draw a moment of a recording, instead of the present.
    #[arg(long, value_name = "FILE", conflicts_with = "world")]
    pub recording: Option<PathBuf>,
    /// Which moment: 2026-11-22T14:02:11Z or 14:02:11 (UTC); its first one when absent.
    #[arg(long, value_name = "TIME", requires = "recording")]
    pub at: Option<String>,
}

/// Which range, and where to.
#[derive(Debug, clap::Args)]
pub struct Exporting {
    /// From when: 2026-11-22T14:02:11Z, 14:02:11 (UTC), or 10m (ago); ten minutes before the end when absent.
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    pub from: Option<String>,
    /// Until when.
    #[arg(long, value_name = "TIME", default_value = "now", allow_hyphen_values = true)]
    pub to: String,
    /// The time of an operation, from half a minute before it began to a minute after it ended: its id, or at least 8
    /// characters of its beginning.
    #[arg(long, value_name = "ID", conflicts_with_all = ["from", "to"])]
    pub operation: Option<String>,
    /// The file to write.
    #[arg(long)]
    pub file: PathBuf,
    /// Leave nothing out.
    #[arg(long)]
    pub keep_names: bool,
}

/// What about the settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Reads a file of settings and names everything that is wrong with it.
    Check {
        /// The file; by default the one that is used.
        file: Option<PathBuf>,
    },
}

/// What about operations.
#[derive(Debug, Subcommand)]
pub enum OperationsCommand {
    /// The latest ones, the newest last; older ones by `--before`. All are kept in the journal.
    List {
        /// Only operations older than this one: its id, or at least 8 characters of its beginning.
        #[arg(long, value_name = "ID")]
        before: Option<String>,
        /// How many, at most 100.
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// One, with its steps, times and figures.
    Show {
        /// Its id, or at least 8 characters of its beginning.
        id: String,
    },
    /// Its record, to keep: all times, write outage, loss, objective, evidence, gates, steps.
    Export {
        /// Its id, or at least 8 characters of its beginning.
        id: String,
        /// For people or for programs.
        #[arg(long, value_enum, default_value_t = RecordFormat::Markdown)]
        format: RecordFormat,
        /// Where to; standard output when absent.
        #[arg(long)]
        file: Option<PathBuf>,
    },
    /// Has a held operation try its failed step again.
    Retry {
        /// Its id, or at least 8 characters of its beginning.
        id: String,
    },
    /// Says that somebody has understood how an operation ended: the block after a failover ends.
    Acknowledge {
        /// Its id.
        id: String,
    },
    /// Undoes an operation, before its point of no return.
    Abort {
        /// Its id, or at least 8 characters of its beginning.
        id: String,
    },
}

/// What about releases.
#[derive(Debug, Subcommand)]
pub enum ReleasesCommand {
    /// Every release: revision in force, rollout, where a rollback would lead, blue/green.
    List,
    /// The revisions of one, the newest last.
    History {
        /// Its name, for example aisoc-us-east-1.
        release: String,
    },
    /// The settings in which two revisions differ; by default what runs and where a rollback would lead.
    Diff {
        /// Its name, for example aisoc-us-east-1.
        release: String,
        /// A revision.
        from: Option<u32>,
        /// Another one.
        to: Option<u32>,
    },
}
