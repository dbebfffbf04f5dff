//! What steps do, as data: everything a step needs is in its [`Action`], so that it can be journaled, compared
//! with a newer plan, and taken up again after a crash.

use crate::drivers::managed::Way;
use aisoc_model::fence::FenceKind;
use aisoc_model::{ClusterName, RegionId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A member of a database cluster: where it is and the name Patroni knows it by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// The database cluster.
    pub cluster: ClusterName,
    /// The region.
    pub region: RegionId,
    /// The Patroni member name.
    pub member: String,
}

/// A row of the recovery objectives, as far as a step is held against it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Objective {
    /// Its key.
    pub id: String,
    /// Time to recover.
    pub rto_seconds: u64,
    /// Data that may be lost, as time.
    pub rpo_seconds: u64,
}

/// What one step does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "action", rename_all = "snake_case")]
pub enum Action {
    /// Give a region a share of its full weight; 0 also puts its servers into drain state.
    SetWeight {
        /// The region.
        region: RegionId,
        /// Percent of the region's full weight.
        percent: u8,
        /// Percent before, which an undo returns to.
        before: u8,
    },
    /// Watch the servers of these regions for failed requests after a change of weights.
    Watch {
        /// Whose servers are judged.
        regions: Vec<RegionId>,
        /// For how long.
        milliseconds: u64,
    },
    /// Wait until a drained region has no session and no request.
    AwaitIdle {
        /// The region.
        region: RegionId,
        /// After how long the wait ends and says what is left.
        deadline_ms: u64,
    },
    /// Let the addresses run out that clients have resolved before a change of weights.
    DnsTail {
        /// The region.
        region: RegionId,
        /// How long they keep them.
        milliseconds: u64,
    },
    /// Look that a region is still out of rotation. Changes nothing: what a renewal changes is in the journal.
    StillDrained {
        /// The region.
        region: RegionId,
    },
    /// Have commits of the writer wait until the candidate has them.
    Escort {
        /// The writer.
        from: Seat,
        /// The candidate.
        to: Seat,
        /// How many standbys have to be synchronous for the candidate to be among them.
        standbys: u64,
    },
    /// Put the settings that the escort changed back.
    EndEscort {
        /// The writer that has them now.
        writer: Seat,
    },
    /// Prove once more, less than a second before acting, that the candidate has everything.
    Prove {
        /// The writer.
        from: Seat,
        /// The candidate.
        to: Seat,
        /// Whether commits have to wait for the candidate.
        #[serde(default)]
        escorted: bool,
    },
    /// Ask Patroni for the switchover.
    Switchover {
        /// The writer.
        from: Seat,
        /// The candidate.
        to: Seat,
    },
    /// A write is acknowledged by the new writer.
    FirstWrite {
        /// The new writer.
        to: Seat,
    },
    /// A write is refused by the old writer.
    OldWriterRefused {
        /// The old writer.
        from: Seat,
    },
    /// Every write that was acknowledged during the operation is on the new writer.
    SetCheck {
        /// The old writer.
        from: Seat,
        /// The new writer.
        to: Seat,
    },
    /// The api answers in every region that served before.
    ApiHealth {
        /// The regions.
        regions: Vec<RegionId>,
    },
    /// The old writer follows the new one.
    Redundancy {
        /// The old writer.
        from: Seat,
        /// The new writer.
        to: Seat,
        /// After how long the wait ends and says what is missing.
        deadline_ms: u64,
    },
    /// Stop a member's instance and prove that nothing of it is left, or find that proven.
    Fence {
        /// The member.
        seat: Seat,
        /// By which proof.
        proof: FenceKind,
    },
    /// Let a fenced instance run again.
    Release {
        /// The member.
        seat: Seat,
    },
    /// Take the leader key from a fenced writer and have the candidate elected.
    Elect {
        /// The fenced writer.
        from: Seat,
        /// The candidate.
        to: Seat,
        /// What proves the fence.
        proof: FenceKind,
    },
    /// The fenced writer acknowledges nothing.
    Silenced {
        /// The fenced writer.
        from: Seat,
        /// What proves the fence.
        proof: FenceKind,
    },
    /// How much of what the fenced writer had is not on the new one.
    Loss {
        /// The fenced writer.
        from: Seat,
        /// The new writer.
        to: Seat,
    },
    /// The surviving replicas follow the new writer.
    Followers {
        /// The new writer.
        to: Seat,
        /// The replicas.
        of: Vec<Seat>,
        /// After how long the wait ends and says what is missing.
        deadline_ms: u64,
    },
    /// The fenced instance comes back as a replica, unless it may have what nobody else has.
    Return {
        /// The fenced writer.
        from: Seat,
        /// The new writer.
        to: Seat,
        /// After how long the wait ends and says what is missing.
        deadline_ms: u64,
    },
    /// A quorum of vantage points says that a region is down.
    ConfirmDown {
        /// The region.
        region: RegionId,
    },
    /// Say that a region has been left, and how long that took.
    Announce {
        /// The region that was left.
        region: RegionId,
        /// The region that has taken over.
        to: RegionId,
        /// What the time is held against.
        objective: Option<Objective>,
    },
    /// Ask a cloud to make its database's replica the writer.
    MakeManagedWriter {
        /// The new writer's region.
        to: RegionId,
        /// How.
        way: Way,
    },
    /// Point the connection string of a region's services that leads to a database cluster at the new writer.
    PointDsn {
        /// The cluster.
        cluster: ClusterName,
        /// The region whose services read it.
        region: RegionId,
        /// `host:port` of the new writer as they reach it.
        address: String,
    },
    /// Replace what uses the database in a release by itself, one instance at a time.
    Restart {
        /// The release.
        release: String,
        /// The revision in force, whose settings stay.
        revision: u32,
    },
    /// Have a release returned to a revision.
    RollBack {
        /// The release.
        release: String,
        /// Its region.
        region: RegionId,
        /// The revision to return to.
        revision: u32,
        /// The revision in force before.
        before: u32,
    },
    /// The rollout has ended and every instance runs the new revision.
    Rollout {
        /// The release.
        release: String,
        /// Its region.
        region: RegionId,
        /// The revision returned to.
        revision: u32,
    },
    /// Start a release beside the one that serves.
    DeployGreen {
        /// The release.
        release: String,
        /// Its region.
        region: RegionId,
        /// Settings on top of those in force.
        settings: BTreeMap<String, String>,
    },
    /// Test the release beside at its own addresses.
    Smoke {
        /// The release.
        release: String,
        /// Its region.
        region: RegionId,
        /// How long an answer may take.
        bound_ms: u64,
    },
    /// Give the release beside a share of its region's requests; 0 takes it out of rotation.
    Share {
        /// The region.
        region: RegionId,
        /// Percent of the region's requests.
        percent: u8,
        /// Percent before, which an undo returns to.
        before: u8,
    },
    /// Watch the release beside for failed and slow requests.
    WatchShare {
        /// The region.
        region: RegionId,
        /// For how long.
        milliseconds: u64,
        /// How long an answer may take.
        bound_ms: u64,
    },
    /// Have the two halves of a blue/green release change places.
    Swap {
        /// The release.
        release: String,
        /// Its region.
        region: RegionId,
    },
    /// End the half that does not serve.
    RemoveParallel {
        /// The release.
        release: String,
        /// Its region.
        region: RegionId,
        /// Although it is kept for a while longer: an operator has said so.
        early: bool,
    },
    /// The region's indicators are back within their objectives.
    Recovered {
        /// The region.
        region: RegionId,
        /// After how long the wait ends and says how they stand.
        deadline_ms: u64,
    },
}

/// Seconds of a threshold as whole milliseconds; a negative or absurd one counts as none.
pub(crate) fn milliseconds(seconds: f64) -> u64 {
    let duration = Duration::try_from_secs_f64(seconds).unwrap_or_default();
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// What a failed step leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnFailure {
    /// Undo what was done, unless the point of no return has passed.
    Undo,
    /// Hold: a person decides.
    Hold,
    /// Go on; the operation ends as failed.
    GoOn,
}

impl Action {
    /// What undoes it, when it changed anything that can be changed back.
    #[must_use]
    pub fn undo(&self) -> Option<Self> {
        match self {
            Self::SetWeight {
                region,
                percent,
                before,
            } => Some(Self::SetWeight {
                region: region.clone(),
                percent: *before,
                before: *percent,
            }),
            Self::Fence {
                seat,
                proof: FenceKind::InstanceStopped,
            } => Some(Self::Release { seat: seat.clone() }),
            Self::RollBack {
                release,
                region,
                revision,
                before,
            } => Some(Self::RollBack {
                release: release.clone(),
                region: region.clone(),
                revision: *before,
                before: *revision,
            }),
            Self::DeployGreen { release, region, .. } => Some(Self::RemoveParallel {
                release: release.clone(),
                region: region.clone(),
                early: false,
            }),
            Self::Share {
                region,
                percent,
                before,
            } => Some(Self::Share {
                region: region.clone(),
                percent: *before,
                before: *percent,
            }),
            _ => None,
        }
    }

    /// The writer that it finds demoted in order, with what that one left behind.
    #[must_use]
    pub fn demoted(&self) -> Option<&Seat> {
        match self {
            Self::SetCheck { from, .. } => Some(from),
            _ => None,
        }
    }

    /// What its failure leads to.
    #[must_use]
    pub fn on_failure(&self) -> OnFailure {
        match self {
            Self::SetWeight { .. }
            | Self::Watch { .. }
            | Self::AwaitIdle { .. }
            | Self::ConfirmDown { .. }
            | Self::DnsTail { .. }
            | Self::StillDrained { .. }
            | Self::Escort { .. }
            | Self::Prove { .. }
            | Self::Fence { .. }
            | Self::Elect { .. }
            | Self::DeployGreen { .. }
            | Self::Smoke { .. }
            | Self::Share { .. }
            | Self::WatchShare { .. }
            | Self::MakeManagedWriter { .. }
            | Self::Switchover { .. } => OnFailure::Undo,
            // The change itself has happened and stands; a person needs the next operation, not a held one.
            // What could not be put back is tried again in the background as long as it takes.
            Self::EndEscort { .. }
            | Self::SetCheck { .. }
            | Self::Loss { .. }
            | Self::Followers { .. }
            | Self::Return { .. }
            | Self::Announce { .. }
            | Self::ApiHealth { .. }
            | Self::Restart { .. }
            | Self::Recovered { .. } => OnFailure::GoOn,
            Self::FirstWrite { .. }
            | Self::Release { .. }
            | Self::Silenced { .. }
            | Self::OldWriterRefused { .. }
            | Self::Redundancy { .. }
            | Self::RollBack { .. }
            | Self::PointDsn { .. }
            | Self::Swap { .. }
            | Self::RemoveParallel { .. }
            | Self::Rollout { .. } => OnFailure::Hold,
        }
    }

    /// Whether there is no way back within the operation once it was sent.
    #[must_use]
    pub fn point_of_no_return(&self) -> bool {
        matches!(
            self,
            Self::Switchover { .. }
                | Self::Elect { .. }
                | Self::MakeManagedWriter { .. }
                | Self::Swap { .. }
                | Self::RemoveParallel { .. }
        )
    }

    /// How long to wait for its effect to be observed before it counts as failed.
    #[must_use]
    pub fn deadline(&self) -> Duration {
        match self {
            Self::ConfirmDown { .. }
            | Self::Announce { .. }
            | Self::SetWeight { .. }
            | Self::Share { .. }
            | Self::Prove { .. }
            | Self::StillDrained { .. }
            | Self::Fence { .. }
            | Self::Release { .. } => Duration::from_secs(10),
            Self::Watch { milliseconds, .. }
            | Self::WatchShare { milliseconds, .. }
            | Self::DnsTail { milliseconds, .. } => {
                Duration::from_millis(milliseconds.saturating_add(10_000))
            }
            // Patroni gives up after max(10, loop_wait) * 2 s, and may still carry it out then.
            Self::Switchover { .. } => Duration::from_secs(75),
            Self::Escort { .. }
            | Self::EndEscort { .. }
            | Self::FirstWrite { .. }
            | Self::SetCheck { .. }
            | Self::Loss { .. }
            | Self::Elect { .. }
            | Self::Silenced { .. }
            | Self::PointDsn { .. }
            | Self::RollBack { .. } => Duration::from_secs(30),
            Self::OldWriterRefused { .. }
            | Self::ApiHealth { .. }
            | Self::DeployGreen { .. }
            | Self::Smoke { .. }
            | Self::Swap { .. }
            | Self::RemoveParallel { .. } => Duration::from_mins(1),
            Self::Rollout { .. } => Duration::from_mins(5),
            // The writer has moved already: what hangs here must not keep the rest from being looked at for long.
            Self::Restart { .. } => Duration::from_mins(2),
            // A promotion reboots the instance after its last log is applied.
            Self::MakeManagedWriter { .. } => Duration::from_hours(1),
            Self::AwaitIdle { deadline_ms, .. }
            | Self::Redundancy { deadline_ms, .. }
            | Self::Followers { deadline_ms, .. }
            | Self::Return { deadline_ms, .. }
            | Self::Recovered { deadline_ms, .. } => {
                Duration::from_millis(deadline_ms.saturating_add(30_000))
            }
        }
    }

    /// Time between two looks at its effect.
    #[must_use]
    pub fn poll(&self) -> Duration {
        match self {
            Self::Switchover { .. }
            | Self::FirstWrite { .. }
            | Self::Fence { .. }
            | Self::Elect { .. }
            | Self::Silenced { .. }
            | Self::OldWriterRefused { .. } => Duration::from_millis(25),
            Self::Rollout { .. }
            | Self::Restart { .. }
            | Self::Recovered { .. }
            | Self::Followers { .. }
            | Self::Return { .. }
            | Self::Redundancy { .. } => Duration::from_millis(500),
            // A cloud's API has a rate limit, and this takes minutes.
            Self::MakeManagedWriter { .. } => Duration::from_secs(5),
            _ => Duration::from_millis(200),
        }
    }

    /// The step's key within its plan.
    #[must_use]
    pub fn key(&self) -> String {
        match self {
            Self::SetWeight { percent, .. } => format!("weight-{percent}"),
            Self::Watch { .. } => "watch".to_owned(),
            Self::AwaitIdle { .. } => "await-idle".to_owned(),
            Self::DnsTail { .. } => "dns-tail".to_owned(),
            Self::StillDrained { .. } => "still-drained".to_owned(),
            Self::Escort { .. } => "escort".to_owned(),
            Self::EndEscort { .. } => "end-escort".to_owned(),
            Self::Prove { .. } => "prove".to_owned(),
            Self::Switchover { .. } => "switchover".to_owned(),
            Self::FirstWrite { .. } => "first-write".to_owned(),
            Self::OldWriterRefused { .. } => "old-writer-refused".to_owned(),
            Self::SetCheck { .. } => "set-check".to_owned(),
            Self::ApiHealth { .. } => "api-health".to_owned(),
            Self::Redundancy { .. } => "redundancy".to_owned(),
            Self::Fence { .. } => "fence".to_owned(),
            Self::Release { .. } => "release".to_owned(),
            Self::Elect { .. } => "elect".to_owned(),
            Self::Silenced { .. } => "old-writer-silent".to_owned(),
            Self::Loss { .. } => "loss".to_owned(),
            Self::Followers { .. } => "followers".to_owned(),
            Self::Return { .. } => "return".to_owned(),
            Self::ConfirmDown { .. } => "confirm-down".to_owned(),
            Self::Announce { .. } => "announce".to_owned(),
            Self::MakeManagedWriter { .. } => "make-writer".to_owned(),
            Self::PointDsn { region, .. } => format!("dsn-{region}"),
            Self::Restart { release, .. } => format!("restart-{release}"),
            Self::RollBack { .. } => "roll-back".to_owned(),
            Self::Rollout { .. } => "rollout".to_owned(),
            Self::Recovered { .. } => "recovered".to_owned(),
            Self::DeployGreen { .. } => "deploy-green".to_owned(),
            Self::Smoke { .. } => "smoke".to_owned(),
            Self::Share { percent, .. } => format!("share-{percent}"),
            Self::WatchShare { .. } => "watch-share".to_owned(),
            Self::Swap { .. } => "swap".to_owned(),
            Self::RemoveParallel { .. } => "remove-parallel".to_owned(),
        }
    }
}
