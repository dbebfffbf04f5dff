//! The command line.

use super::exit;
use super::wanted::{Asked, OnMember, Wanted, said};
use aisoc_console::page::Page;
use aisoc_console::theme;
use aisoc_model::fence::FenceKind;
use aisoc_model::plan::{DRAIN_DEADLINE_SECONDS, Override, Target};
use aisoc_model::{ClusterName, RegionId};
use clap::{Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    #[arg(long, env = "AISOC_THEME")]
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

/// What to do with the other half of a blue/green release.
#[derive(Debug, Subcommand)]
pub enum GreenCommand {
    /// Starts green beside what serves, out of rotation, and runs smoke tests against it.
    Deploy(Acting<GreenTarget>),
    /// Switches to green by weights (10, 50, 100 %), with a check after each; blue is kept idle for an hour.
    Switch(Acting<SwitchTarget>),
    /// Before the switch: removes green. After it: switches back to blue.
    Cancel(Acting<CancelTarget>),
    /// Deletes blue when its hour is over; needs a second person (`approve`).
    DeleteBlue(Acting<DeleteTarget>),
}

impl From<GreenCommand> for Confirmed {
    fn from(command: GreenCommand) -> Self {
        match command {
            GreenCommand::Deploy(a) => a.into(),
            GreenCommand::Switch(a) => a.into(),
            GreenCommand::Cancel(a) => a.into(),
            GreenCommand::DeleteBlue(a) => a.into(),
        }
    }
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

/// Of which operation.
#[derive(Debug, Subcommand)]
pub enum PlanTarget {
    /// Take a region out of rotation.
    Drain(Planning<DrainTarget>),
    /// Put it back.
    Restore(Planning<RestoreTarget>),
    /// Let a drain last longer.
    DrainRenew(Planning<RenewTarget>),
    /// Leave a region that is down.
    RegionFailover(Planning<RegionFailoverTarget>),
    /// Move the writer.
    Failover(Planning<FailoverTarget>),
    /// Stop a database member and keep it down.
    Fence(Planning<FenceTarget>),
    /// Let a fenced database member come back.
    Rejoin(Planning<RejoinTarget>),
    /// Make a managed database's replica the writer.
    Promote(Planning<PromoteTarget>),
    /// Return a release to an earlier revision.
    Rollback(Planning<RollbackTarget>),
    /// Deploy green beside what serves.
    GreenDeploy(Planning<GreenTarget>),
    /// Switch to green.
    GreenSwitch(Planning<SwitchTarget>),
    /// Remove green, or switch back to blue.
    GreenCancel(Planning<CancelTarget>),
    /// Delete blue.
    BlueDelete(Planning<DeleteTarget>),
}

/// What a plan needs besides its target.
#[derive(Debug, clap::Args)]
pub struct Planning<T: clap::Args> {
    #[command(flatten)]
    target: T,
    /// Why, for the record.
    #[arg(long, default_value = "")]
    reason: String,
    /// Overrides a gate by name: `gate=why`; repeatable.
    #[arg(long = "override", value_parser = override_of)]
    overrides: Vec<Override>,
    /// Why it has to be done although the control planes cannot agree who may act; needs a second person.
    #[arg(long, value_name = "WHY")]
    break_glass: Option<String>,
}

/// What acting needs besides its target.
#[derive(Debug, clap::Args)]
pub struct Acting<T: clap::Args> {
    #[command(flatten)]
    target: T,
    /// The region's or the release's name once more: this is the confirmation.
    #[arg(long)]
    confirm: String,
    /// Why, for the record.
    #[arg(long)]
    reason: String,
    /// Overrides a gate by name: `gate=why`; repeatable.
    #[arg(long = "override", value_parser = override_of)]
    overrides: Vec<Override>,
    /// Why it has to be done although the control planes cannot agree who may act; needs a second person.
    #[arg(long, value_name = "WHY")]
    break_glass: Option<String>,
    /// Stay until the operation has ended, and say how.
    #[arg(long)]
    wait: bool,
}

/// A confirmed request.
#[derive(Debug)]
pub struct Confirmed {
    /// What to do.
    pub asked: Asked,
    /// What was typed as confirmation.
    pub confirmation: String,
    /// Whether to wait for the end.
    pub wait: bool,
}

/// Which region to drain.
#[derive(Debug, clap::Args)]
pub struct DrainTarget {
    /// The region.
    region: RegionId,
    /// Seconds to wait for open requests before saying what is left.
    #[arg(long, default_value_t = DRAIN_DEADLINE_SECONDS)]
    deadline: u32,
    /// How long the drain lasts before it ends by itself: seconds, or as in `90m`, `4h`.
    #[arg(long, default_value = "4h", value_parser = lasting)]
    expires: u32,
}

/// Which drain to renew.
#[derive(Debug, clap::Args)]
pub struct RenewTarget {
    /// The drained region.
    region: RegionId,
    /// How long it lasts from now on: seconds, or as in `30m`, `2h`.
    #[arg(long = "for", value_parser = lasting)]
    lasts: u32,
}

/// What a renewal needs. It changes no traffic: the region's name in the command is confirmation enough.
#[derive(Debug, clap::Args)]
pub struct Renewing {
    #[command(flatten)]
    target: RenewTarget,
    /// Why, for the record.
    #[arg(long)]
    reason: String,
    /// Overrides a gate by name: `gate=why`; repeatable.
    #[arg(long = "override", value_parser = override_of)]
    overrides: Vec<Override>,
}

/// Which region to put back.
#[derive(Debug, clap::Args)]
pub struct RestoreTarget {
    /// The region.
    region: RegionId,
}

/// Where the writer goes.
#[derive(Debug, clap::Args)]
pub struct FailoverTarget {
    /// The new writer's region.
    #[arg(long)]
    to: RegionId,
    /// The present writer is gone or not to be trusted: fence it, then have the other one elected.
    #[arg(long)]
    emergency: bool,
    /// How the old writer is fenced: instance-stopped, server-refuses, network-isolated, or sworn (a second person
    /// has to approve); the best that can be proven when absent.
    #[arg(long, requires = "emergency")]
    proof: Option<FenceKind>,
    /// Of which database cluster; needed only where several have a member there.
    #[arg(long)]
    cluster: Option<ClusterName>,
}

/// Whose database member to stop.
#[derive(Debug, clap::Args)]
pub struct FenceTarget {
    /// The region.
    region: RegionId,
    /// Of which database cluster; needed only where several have a member there.
    #[arg(long)]
    cluster: Option<ClusterName>,
}

/// Whose database member to let come back.
#[derive(Debug, clap::Args)]
pub struct RejoinTarget {
    /// The region.
    region: RegionId,
    /// Of which database cluster; needed only where several have a member there.
    #[arg(long)]
    cluster: Option<ClusterName>,
}

/// Which region is left, and for which.
#[derive(Debug, clap::Args)]
pub struct RegionFailoverTarget {
    /// The region to leave.
    region: RegionId,
    /// The region that takes over; a DR-only one only when it is named here.
    #[arg(long)]
    to: RegionId,
}

/// Where a managed database's writer goes.
#[derive(Debug, clap::Args)]
pub struct PromoteTarget {
    /// The new writer's region.
    #[arg(long)]
    to: RegionId,
    /// Although acknowledged writes may be lost; needs a second person. RDS has no way without.
    #[arg(long)]
    allow_data_loss: bool,
}

impl From<PromoteTarget> for Target {
    fn from(t: PromoteTarget) -> Self {
        Self::Promote {
            to: t.to,
            allow_data_loss: t.allow_data_loss,
        }
    }
}

/// Which release to return to what.
#[derive(Debug, clap::Args)]
pub struct RollbackTarget {
    /// The release's name.
    #[arg(long)]
    release: String,
    /// The revision; the last good one when absent.
    #[arg(long)]
    revision: Option<u32>,
}

impl From<DrainTarget> for Target {
    fn from(t: DrainTarget) -> Self {
        Self::Drain {
            region: t.region,
            deadline_seconds: t.deadline,
            expires_seconds: t.expires,
        }
    }
}

impl From<RestoreTarget> for Target {
    fn from(t: RestoreTarget) -> Self {
        Self::Restore { region: t.region }
    }
}

impl From<RenewTarget> for Target {
    fn from(t: RenewTarget) -> Self {
        Self::RenewDrain {
            region: t.region,
            expires_seconds: t.lasts,
        }
    }
}

impl From<Renewing> for Confirmed {
    fn from(r: Renewing) -> Self {
        let confirmation = r.target.region.to_string();
        Self {
            asked: Asked {
                wanted: r.target.into(),
                reason: r.reason,
                overrides: r.overrides,
                break_glass: None,
            },
            confirmation,
            wait: true,
        }
    }
}

impl From<FailoverTarget> for Wanted {
    fn from(t: FailoverTarget) -> Self {
        let what = if t.emergency {
            OnMember::EmergencyFailover(t.proof)
        } else {
            OnMember::Failover
        };
        Self::member(what, t.to, t.cluster)
    }
}

impl From<FenceTarget> for Wanted {
    fn from(t: FenceTarget) -> Self {
        Self::member(OnMember::Fence, t.region, t.cluster)
    }
}

impl From<RejoinTarget> for Wanted {
    fn from(t: RejoinTarget) -> Self {
        Self::member(OnMember::Rejoin, t.region, t.cluster)
    }
}

said!(
    DrainTarget,
    RestoreTarget,
    RenewTarget,
    RegionFailoverTarget,
    PromoteTarget,
    RollbackTarget,
    GreenTarget,
    SwitchTarget,
    CancelTarget,
    DeleteTarget
);

impl From<RegionFailoverTarget> for Target {
    fn from(t: RegionFailoverTarget) -> Self {
        Self::RegionFailover {
            region: t.region,
            to: t.to,
        }
    }
}

impl From<RollbackTarget> for Target {
    fn from(t: RollbackTarget) -> Self {
        Self::Rollback {
            release: t.release,
            revision: t.revision,
        }
    }
}

/// What green is.
#[derive(Debug, clap::Args)]
pub struct GreenTarget {
    /// The release's name.
    #[arg(long)]
    release: String,
    /// A setting on top of those in force, `api.inject_latency_ms=5`; an empty value unsets it; repeatable.
    #[arg(long = "set", value_parser = setting_of, required = true)]
    settings: Vec<(String, String)>,
}

/// The release to switch.
#[derive(Debug, clap::Args)]
pub struct SwitchTarget {
    /// The release's name.
    #[arg(long)]
    release: String,
}

/// The release whose green goes.
#[derive(Debug, clap::Args)]
pub struct CancelTarget {
    /// The release's name.
    #[arg(long)]
    release: String,
}

/// The release whose blue goes.
#[derive(Debug, clap::Args)]
pub struct DeleteTarget {
    /// The release's name.
    #[arg(long)]
    release: String,
}

impl From<GreenTarget> for Target {
    fn from(t: GreenTarget) -> Self {
        Self::GreenDeploy {
            release: t.release,
            settings: t.settings.into_iter().collect(),
        }
    }
}

impl From<SwitchTarget> for Target {
    fn from(t: SwitchTarget) -> Self {
        Self::GreenSwitch { release: t.release }
    }
}

impl From<CancelTarget> for Target {
    fn from(t: CancelTarget) -> Self {
        Self::GreenCancel { release: t.release }
    }
}

impl From<DeleteTarget> for Target {
    fn from(t: DeleteTarget) -> Self {
        Self::BlueDelete { release: t.release }
    }
}

impl<T: clap::Args + Into<Wanted>> From<Planning<T>> for Asked {
    fn from(p: Planning<T>) -> Self {
        Self {
            wanted: p.target.into(),
            reason: p.reason,
            overrides: p.overrides,
            break_glass: p.break_glass,
        }
    }
}

impl<T: clap::Args + Into<Wanted>> From<Acting<T>> for Confirmed {
    fn from(a: Acting<T>) -> Self {
        Self {
            asked: Asked {
                wanted: a.target.into(),
                reason: a.reason,
                overrides: a.overrides,
                break_glass: a.break_glass,
            },
            confirmation: a.confirm,
            wait: a.wait,
        }
    }
}

impl From<PlanTarget> for Asked {
    fn from(target: PlanTarget) -> Self {
        match target {
            PlanTarget::Drain(p) => p.into(),
            PlanTarget::Restore(p) => p.into(),
            PlanTarget::DrainRenew(p) => p.into(),
            PlanTarget::RegionFailover(p) => p.into(),
            PlanTarget::Failover(p) => p.into(),
            PlanTarget::Fence(p) => p.into(),
            PlanTarget::Rejoin(p) => p.into(),
            PlanTarget::Promote(p) => p.into(),
            PlanTarget::Rollback(p) => p.into(),
            PlanTarget::GreenDeploy(p) => p.into(),
            PlanTarget::GreenSwitch(p) => p.into(),
            PlanTarget::GreenCancel(p) => p.into(),
            PlanTarget::BlueDelete(p) => p.into(),
        }
    }
}

/// Whole seconds, or a span such as `30m` or `1h 30m`.
fn lasting(text: &str) -> Result<u32, String> {
    let span = || text.parse::<jiff::SignedDuration>().ok().map(|d| d.as_secs());
    let seconds = text.parse::<i64>().ok().or_else(span);
    let seconds = seconds.and_then(|s| u32::try_from(s).ok()).filter(|s| *s > 0);
    seconds.ok_or_else(|| format!("'{text}' is not a length of time: give seconds, or for example 30m, 4h"))
}

fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("'{text}' is not a size: give COLUMNSxROWS, for example 120x40, up to 1000x500");
    let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
    let (columns, rows): (u16, u16) = (
        columns.parse().map_err(|_| wrong())?,
        rows.parse().map_err(|_| wrong())?,
    );
    if (1..=1000).contains(&columns) && (1..=500).contains(&rows) {
        Ok((columns, rows))
    } else {
        Err(wrong())
    }
}

fn setting_of(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!("'{text}' is not a setting: give KEY=VALUE")),
    }
}

fn override_of(text: &str) -> Result<Override, String> {
    match text.split_once('=') {
        Some((gate, reason)) if !gate.trim().is_empty() && !reason.trim().is_empty() => Ok(Override {
            gate: gate.trim().to_owned(),
            reason: reason.trim().to_owned(),
        }),
        _ => Err(format!(
            "'{text}' does not name a gate and a reason: give GATE=WHY"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Args::command().debug_assert();
    }

    /// The words of the line of a file that begins so.
    fn line(file: &str, begin: &str) -> Vec<String> {
        let found = file.lines().find_map(|line| line.trim().strip_prefix(begin));
        found.unwrap().split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn what_deploy_starts_is_understood() {
        let wall = line(
            include_str!("../../../deploy/wall/aisoc-wall.service"),
            "ExecStart=",
        );
        let args = Args::try_parse_from(wall).unwrap();
        assert!(args.wall && args.config.is_some() && args.command.is_none());
        let bastion = line(
            include_str!("../../../deploy/bastion/aisoc-bastion.conf"),
            "ForceCommand exec ",
        );
        let args = Args::try_parse_from(bastion).unwrap();
        assert!(matches!(args.command, Some(Command::Captive { .. })));
    }

    #[test]
    fn acting_needs_confirmation_and_reason() {
        for missing in [
            vec!["drain", "us-east-1"],
            vec!["drain", "us-east-1", "--confirm", "us-east-1"],
        ] {
            let line = std::iter::once("aisoc-console").chain(missing);
            assert!(Args::try_parse_from(line).is_err());
        }
        let line = [
            "aisoc-console",
            "failover",
            "--to",
            "eu-west-1",
            "--confirm",
            "x",
            "--reason",
            "y",
            "--wait",
        ];
        assert!(Args::try_parse_from(line).is_ok());
    }

    /// A command as a shell would split it; runbooks quote nothing but what this understands.
    fn words(line: &str) -> Vec<String> {
        line.split(' ')
            .map(|word| word.trim_matches('\'').to_owned())
            .collect()
    }

    #[test]
    fn the_command_of_a_target_leads_to_it() {
        let region = || "us-east-1".parse::<RegionId>().unwrap();
        let to = || "eu-west-1".parse::<RegionId>().unwrap();
        let release = || "aisoc-us-east-1".to_owned();
        let cluster = || "eu".parse::<ClusterName>().unwrap();
        for target in [
            Target::Drain {
                region: region(),
                deadline_seconds: DRAIN_DEADLINE_SECONDS,
                expires_seconds: aisoc_model::plan::DRAIN_SECONDS,
            },
            Target::Drain {
                region: region(),
                deadline_seconds: 5,
                expires_seconds: 90,
            },
            Target::RenewDrain {
                region: region(),
                expires_seconds: 60,
            },
            Target::Restore { region: region() },
            Target::Failover {
                cluster: cluster(),
                to: to(),
            },
            Target::EmergencyFailover {
                cluster: cluster(),
                to: to(),
                proof: None,
            },
            Target::EmergencyFailover {
                cluster: cluster(),
                to: to(),
                proof: Some(FenceKind::Sworn),
            },
            Target::Fence {
                cluster: cluster(),
                region: region(),
            },
            Target::Rejoin {
                cluster: cluster(),
                region: region(),
            },
            Target::RegionFailover {
                region: region(),
                to: to(),
            },
            Target::Promote {
                to: to(),
                allow_data_loss: false,
            },
            Target::Promote {
                to: to(),
                allow_data_loss: true,
            },
            Target::Rollback {
                release: release(),
                revision: Some(3),
            },
            Target::GreenDeploy {
                release: release(),
                settings: [("api.inject_latency_ms".to_owned(), "5".to_owned())].into(),
            },
            Target::GreenSwitch { release: release() },
            Target::GreenCancel { release: release() },
            Target::BlueDelete { release: release() },
        ] {
            let line = target.plan_command(true);
            let args = Args::try_parse_from(words(&line)).unwrap();
            let Some(Command::Plan { target: planned }) = args.command else {
                panic!("{line} is no plan")
            };
            let wanted = Asked::from(planned).wanted;
            assert_eq!(wanted.named(), Some(&target), "{line}");
        }
    }

    #[test]
    fn runbooks_use_commands_that_there_are() {
        use aisoc_model::runbook::Block;
        use aisoc_runbooks::{Library, Scene};
        let slo = aisoc_model::slo::Slo::builtin().unwrap();
        let text = include_str!("../../../assets/screens/world.json");
        let world: aisoc_model::world::World = serde_json::from_str(text).unwrap();
        let library = Library::builtin().unwrap();
        let mut seen = 0;
        for id in library.ids() {
            for scene in [Scene::empty(&slo), Scene::of(&slo, &world, None)] {
                let runbook = library.render(id, &scene).unwrap();
                for block in runbook.sections.iter().flat_map(|section| &section.blocks) {
                    let Block::Step(step) = block else { continue };
                    for command in &step.commands {
                        if !command.line.starts_with("aisoc-console") {
                            continue;
                        }
                        seen += 1;
                        // Capitals stand for a name that nobody knows yet.
                        let line = command.line.replace("REGION", "eu-west-1");
                        let parsed = Args::try_parse_from(words(&line));
                        assert!(parsed.is_ok(), "{id}: {line}: {}", parsed.unwrap_err());
                        let planned = match parsed.unwrap().command {
                            Some(Command::Plan { target }) => {
                                Some(Asked::from(target).wanted.in_world(&world).unwrap())
                            }
                            _ => None,
                        };
                        if let Some(action) = &command.action {
                            assert_eq!(planned.as_ref(), Some(action), "{id}: {line}");
                        }
                    }
                }
            }
        }
        assert!(seen > 20, "{seen} commands of the console");
    }

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [("90", 90), ("30m", 1_800), ("4h", 14_400), ("1h 30m", 5_400)] {
            assert_eq!(lasting(text), Ok(seconds), "{text}");
        }
        for bad in ["", "0", "-5m", "soon", "9999999h"] {
            assert!(lasting(bad).is_err(), "{bad}");
        }
        let line = [
            "aisoc-console",
            "drain-renew",
            "us-east-1",
            "--for",
            "30m",
            "--reason",
            "longer",
        ];
        assert!(Args::try_parse_from(line).is_ok());
    }

    #[test]
    fn sizes_and_overrides() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for bad in ["80", "0x10", "80x", "x24", "99999x1", "80x24x1"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert!(override_of("rpo=legal said so").is_ok());
        assert!(override_of("rpo").is_err() && override_of("=x").is_err());
    }
}
