//! Commands that plan and act: what each needs besides its target, and the request that it is.

use super::targets::{
    CancelTarget, DeleteTarget, DrainTarget, FailoverTarget, FenceTarget, GreenTarget, PromoteTarget,
    RegionFailoverTarget, RejoinTarget, RenewTarget, RestoreTarget, RollbackTarget, SwitchTarget,
};
use super::values::override_of;
use crate::cli::wanted::{Asked, Wanted};
use aisoc_model::plan::Override;
use clap::Subcommand;

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
