//! What commands act on, in words of the command line, and the target that each is.

use super::values::{lasting, setting_of};
use crate::cli::wanted::{OnMember, Wanted, said};
use aisoc_model::fence::FenceKind;
use aisoc_model::plan::{DRAIN_DEADLINE_SECONDS, Target};
use aisoc_model::{ClusterName, RegionId};

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
    pub(super) region: RegionId,
    /// How long it lasts from now on: seconds, or as in `30m`, `2h`.
    #[arg(long = "for", value_parser = lasting)]
    lasts: u32,
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
