//! Every kind of operation with the ways in which it can go, and its deaths: killed at every boundary of the journal and
//! taken up by the next process, adopted by another control plane, begun by breaking the glass and taken back to
//! agreement. One list makes the tests, so that a kind without them does not compile.

use super::boundaries::Script;
use super::fakes::{FakeManaged, FakeWorld};
use super::fixture::{
    self, AP, EU, US, at, drain, drained_until, emergency_facts, evidence, facts, of_main, plan, region,
    request, topology,
};
use super::{adoption, boundaries, dsn};
use crate::drivers::managed::Way;
use crate::operations::facts::{Emergency, Facts};
use crate::operations::planner::Prepared;
use aisoc_model::fence::FenceKind;
use aisoc_model::inventory::{Colour, RevisionStatus};
use aisoc_model::operation::OperationState::{self, Done, Failed};
use aisoc_model::plan::{OperationKind, Target};
use aisoc_model::topology::DatabaseLayout;
use std::collections::BTreeMap;
use std::sync::Arc;

/// One way in which an operation can go.
pub(super) struct Scenario {
    pub prepared: Prepared,
    pub script: Script,
    /// How it ends, however often the process died.
    pub ends: OperationState,
    /// Effects on the world, undone ones and their undoing included.
    pub effects: usize,
}

fn way(prepared: &Prepared, script: Script, ends: OperationState, effects: usize) -> Scenario {
    Scenario {
        prepared: prepared.clone(),
        script,
        ends,
        effects,
    }
}

macro_rules! every_kind {
    ($($name:ident => $kind:ident),+ $(,)?) => {
        /// The ways in which an operation of this kind can go; the first one goes well.
        fn scenarios(kind: OperationKind) -> Vec<Scenario> {
            let mut scenarios = match kind { $(OperationKind::$kind => $name(),)+ };
            for scenario in &mut scenarios {
                let prepared = &mut scenario.prepared;
                assert_eq!(prepared.plan.request.target.kind(), kind);
                assert!(!prepared.actions.is_empty(), "it does nothing");
                // Written to thousands of journals, and nobody reads them there.
                prepared.plan.gates.clear();
                prepared.plan.facts.clear();
            }
            scenarios
        }

        mod killed_anywhere {
            $(#[tokio::test]
            async fn $name() {
                for scenario in super::scenarios(super::OperationKind::$kind) {
                    super::boundaries::enumerate(&scenario).await;
                }
            })+
        }

        mod adopted_anywhere {
            $(#[tokio::test]
            async fn $name() {
                for scenario in super::scenarios(super::OperationKind::$kind) {
                    super::adoption::enumerate(&scenario).await;
                }
            })+
        }

        mod broken_glass_taken_back_anywhere {
            $(#[tokio::test]
            async fn $name() {
                let scenario = super::scenarios(super::OperationKind::$kind).remove(0);
                super::adoption::enumerate_broken_glass(&scenario).await;
            })+
        }
    };
}

every_kind! {
    drains => Drain,
    restores => Restore,
    renewals => RenewDrain,
    failovers => Failover,
    emergencies => EmergencyFailover,
    fences => Fence,
    rejoins => Rejoin,
    region_failovers => RegionFailover,
    promotions => Promote,
    rollbacks => Rollback,
    green_deployments => GreenDeploy,
    green_switches => GreenSwitch,
    green_cancellations => GreenCancel,
    deletions_of_blue => BlueDelete,
}

fn drains() -> Vec<Scenario> {
    let prepared = plan(drain(US), &facts(at(0)));
    let refused = |step, effects| way(&prepared, Script::Refuse(step), Failed, effects);
    vec![
        way(&prepared, Script::Good, Done, 3),
        way(&prepared, Script::AnswerLost("weight-10"), Done, 3),
        refused("weight-50", 0),
        refused("watch", 2),
        refused("weight-10", 2),
        refused("weight-0", 4),
        refused("await-idle", 6),
    ]
}

/// Also what ends a drain that has expired.
fn restores() -> Vec<Scenario> {
    let mut facts = facts(at(0));
    let drained = facts.traffic.as_mut().unwrap().as_mut().unwrap();
    for server in drained.servers.iter_mut().filter(|s| s.region == region(US)) {
        server.weight = 0;
    }
    let prepared = plan(Target::Restore { region: region(US) }, &facts);
    let steps = prepared.actions.iter().filter(|a| a.undo().is_some()).count();
    vec![
        way(&prepared, Script::Good, Done, steps),
        way(&prepared, Script::AnswerLost("weight-100"), Done, steps),
        way(&prepared, Script::Refuse("watch"), Failed, 2),
        way(&prepared, Script::Refuse("weight-100"), Failed, 2 * (steps - 1)),
    ]
}

fn renewals() -> Vec<Scenario> {
    let mut facts = facts(at(0));
    let drained = facts.traffic.as_mut().unwrap().as_mut().unwrap();
    for server in drained.servers.iter_mut().filter(|s| s.region == region(US)) {
        server.weight = 0;
    }
    facts.own.drains = BTreeMap::from([(region(US), drained_until(at(60_000)))]);
    let target = Target::RenewDrain {
        region: region(US),
        expires_seconds: 600,
    };
    let prepared = plan(target, &facts);
    vec![
        way(&prepared, Script::Good, Done, 0),
        way(&prepared, Script::Refuse("still-drained"), Failed, 0),
    ]
}

fn failovers() -> Vec<Scenario> {
    let to = |id| {
        plan(
            Target::Failover {
                cluster: fixture::main(),
                to: region(id),
            },
            &facts(at(0)),
        )
    };
    let prepared = to(EU);
    let followed = dsn::followed(
        Target::Failover {
            cluster: fixture::main(),
            to: region(EU),
        },
        &facts(at(0)),
    );
    vec![
        // Escorted, switched over, and the escort's end.
        way(&prepared, Script::Good, Done, 3),
        way(&prepared, Script::AnswerLost("escort"), Done, 3),
        way(&prepared, Script::AnswerLost("switchover"), Done, 3),
        // Refused before the writer moved. What an ended operation leaves of its escort is ended beside the engine.
        way(&prepared, Script::Refuse("escort"), Failed, 0),
        way(&prepared, Script::Refuse("prove"), Failed, 1),
        way(&prepared, Script::Refuse("switchover"), Failed, 1),
        way(&prepared, Script::RefuseLate("switchover"), Failed, 1),
        // Behind the point of no return a failure is held, and a person retries.
        way(&prepared, Script::FailOnce("old-writer-refused"), Done, 3),
        // Lost writes cannot be retried away: it goes on, and ends as failed.
        way(&prepared, Script::Refuse("set-check"), Failed, 3),
        // So it is with an escort that could not be ended.
        way(&prepared, Script::Refuse("end-escort"), Failed, 2),
        way(&to(AP), Script::Good, Done, 3),
        // The services of three regions are pointed at the new writer and restarted.
        way(&followed, Script::Good, Done, 9),
        way(&followed, Script::AnswerLost("dsn-eu-west-1"), Done, 9),
        way(&followed, Script::FailOnce("dsn-eu-west-1"), Done, 9),
        way(&followed, Script::Refuse("restart-aisoc-us-east-1"), Failed, 8),
    ]
}

fn emergencies() -> Vec<Scenario> {
    let target = |proof| Target::EmergencyFailover {
        cluster: fixture::main(),
        to: region(EU),
        proof,
    };
    let prepared = plan(target(None), &emergency_facts(at(0)));
    let sworn = plan(target(Some(FenceKind::Sworn)), &emergency_facts(at(0)));
    // Each region has a cluster and a store of its own; the standby's is promoted.
    let mut apart = topology();
    apart.databases[0].layout = DatabaseLayout::StandbyClusters;
    let promotion = fixture::prepare_in(&apart, &request(target(None)), &emergency_facts(at(0))).unwrap();
    vec![
        // Fenced, elected, and let back, because it has nothing that the new writer has not.
        way(&prepared, Script::Good, Done, 3),
        way(&prepared, Script::AnswerLost("fence"), Done, 3),
        way(&prepared, Script::AnswerLost("elect"), Done, 3),
        // Nobody was elected: the old writer runs again.
        way(&prepared, Script::Refuse("elect"), Failed, 2),
        // Not fenced: nothing else is tried.
        way(&prepared, Script::Refuse("fence"), Failed, 0),
        way(&prepared, Script::FailOnce("old-writer-silent"), Done, 3),
        way(&prepared, Script::Refuse("loss"), Failed, 3),
        way(&sworn, Script::Good, Done, 2),
        // Nobody can be let go who is only said to be off.
        way(&sworn, Script::Refuse("elect"), Failed, 1),
        way(&promotion, Script::Good, Done, 2),
        way(&promotion, Script::AnswerLost("elect"), Done, 2),
        way(&promotion, Script::Refuse("elect"), Failed, 2),
    ]
}

fn fences() -> Vec<Scenario> {
    let prepared = plan(
        Target::Fence {
            cluster: fixture::main(),
            region: region(US),
        },
        &emergency_facts(at(0)),
    );
    vec![
        way(&prepared, Script::Good, Done, 1),
        way(&prepared, Script::AnswerLost("fence"), Done, 1),
        way(&prepared, Script::Refuse("fence"), Failed, 0),
        way(&prepared, Script::FailOnce("old-writer-silent"), Done, 1),
    ]
}

fn rejoins() -> Vec<Scenario> {
    let mut facts: Facts = emergency_facts(at(0));
    let Some(Ok(Emergency { standing, .. })) = &mut of_main(&mut facts).emergency else {
        panic!("no facts of an emergency")
    };
    let writer = standing.members.get_mut(&region(EU)).unwrap();
    writer.server.what.as_mut().unwrap().in_recovery = false;
    let prepared = plan(
        Target::Rejoin {
            cluster: fixture::main(),
            region: region(US),
        },
        &facts,
    );
    vec![
        way(&prepared, Script::Good, Done, 1),
        way(&prepared, Script::AnswerLost("release"), Done, 1),
        way(&prepared, Script::FailOnce("release"), Done, 1),
        way(&prepared, Script::FailOnce("redundancy"), Done, 1),
    ]
}

fn region_failovers() -> Vec<Scenario> {
    let leave = |from, to| {
        let target = Target::RegionFailover {
            region: region(from),
            to: region(to),
        };
        plan(target, &facts(at(0)))
    };
    let prepared = leave(US, EU);
    let (elsewhere, cold) = (leave(EU, US), leave(US, AP));
    let lost = {
        let mut facts = emergency_facts(at(0));
        of_main(&mut facts).database = Some(evidence(at(0), "nobody"));
        let target = Target::RegionFailover {
            region: region(US),
            to: region(EU),
        };
        plan(target, &facts)
    };
    vec![
        way(&prepared, Script::Good, Done, 4),
        way(&prepared, Script::AnswerLost("weight-0"), Done, 4),
        way(&prepared, Script::AnswerLost("switchover"), Done, 4),
        // Refused before the writer moved: the traffic goes back to where it was.
        way(&prepared, Script::Refuse("prove"), Failed, 3),
        // The writer is not in the region that is left.
        way(&elsewhere, Script::Good, Done, 1),
        // The writer was lost with the region.
        way(&lost, Script::Good, Done, 4),
        way(&lost, Script::AnswerLost("elect"), Done, 4),
        way(&lost, Script::Refuse("elect"), Failed, 4),
        // A cold region is given its weight, and loses it again.
        way(&cold, Script::Good, Done, 5),
        way(&cold, Script::Refuse("prove"), Failed, 5),
    ]
}

fn promotions() -> Vec<Scenario> {
    let ways = [
        (&[Way::Promote][..], true),
        (&[Way::Switchover, Way::Failover], false),
        (&[Way::Switchover, Way::Failover], true),
    ];
    let [promoted, switched, failed_over] = ways.map(|(ways, allow_data_loss)| {
        let mut drivers = FakeWorld::new().drivers();
        drivers.managed = Some(Arc::new(FakeManaged(ways)));
        let target = Target::Promote {
            to: region(EU),
            allow_data_loss,
        };
        fixture::prepare_by(&drivers, &topology(), &request(target), &facts(at(0))).unwrap()
    });
    vec![
        way(&promoted, Script::Good, Done, 1),
        way(&promoted, Script::AnswerLost("make-writer"), Done, 1),
        // Refused by the cloud: nothing was changed.
        way(&promoted, Script::Refuse("make-writer"), Failed, 0),
        way(&promoted, Script::FailOnce("first-write"), Done, 1),
        way(&switched, Script::Good, Done, 1),
        way(&failed_over, Script::Good, Done, 1),
    ]
}

fn rollbacks() -> Vec<Scenario> {
    let target = || Target::Rollback {
        release: format!("aisoc-{US}"),
        revision: None,
    };
    let prepared = plan(target(), &facts(at(0)));
    // A rollout that was cut off is repaired.
    let mut cut_off = facts(at(0));
    let releases = cut_off.releases.as_mut().unwrap().as_mut().unwrap();
    releases[0]
        .history
        .push(fixture::revision(3, "5", RevisionStatus::PendingUpgrade));
    let repair = plan(target(), &cut_off);
    vec![
        way(&prepared, Script::Good, Done, 1),
        way(&prepared, Script::AnswerLost("roll-back"), Done, 1),
        way(&prepared, Script::FailOnce("roll-back"), Done, 1),
        way(&prepared, Script::FailOnce("rollout"), Done, 1),
        way(&prepared, Script::Refuse("recovered"), Failed, 1),
        way(&repair, Script::Good, Done, 1),
        way(&repair, Script::FailOnce("rollout"), Done, 1),
    ]
}

fn release() -> String {
    format!("aisoc-{US}")
}

fn beside(colour: Colour) -> Facts {
    let mut facts = facts(at(0));
    let releases = facts.releases.as_mut().unwrap().as_mut().unwrap();
    releases[0].parallel = Some(fixture::parallel(colour));
    facts
}

fn green_deployments() -> Vec<Scenario> {
    let target = Target::GreenDeploy {
        release: release(),
        settings: BTreeMap::from([("api.inject_latency_ms".to_owned(), "5".to_owned())]),
    };
    let prepared = plan(target, &facts(at(0)));
    vec![
        way(&prepared, Script::Good, Done, 1),
        way(&prepared, Script::AnswerLost("deploy-green"), Done, 1),
        // A green that fails its tests is removed again.
        way(&prepared, Script::Refuse("smoke"), Failed, 2),
    ]
}

fn green_switches() -> Vec<Scenario> {
    let prepared = plan(Target::GreenSwitch { release: release() }, &beside(Colour::Green));
    vec![
        way(&prepared, Script::Good, Done, 4),
        way(&prepared, Script::AnswerLost("share-50"), Done, 4),
        way(&prepared, Script::Refuse("smoke"), Failed, 0),
        way(&prepared, Script::Refuse("watch-share"), Failed, 2),
        way(&prepared, Script::Refuse("share-50"), Failed, 2),
        way(&prepared, Script::FailOnce("swap"), Done, 4),
    ]
}

fn green_cancellations() -> Vec<Scenario> {
    let target = || Target::GreenCancel { release: release() };
    let back = plan(target(), &beside(Colour::Blue));
    let before = plan(target(), &beside(Colour::Green));
    vec![
        way(&back, Script::Good, Done, 5),
        way(&back, Script::AnswerLost("swap"), Done, 5),
        way(&back, Script::Refuse("watch-share"), Failed, 2),
        way(&back, Script::FailOnce("remove-parallel"), Done, 5),
        way(&before, Script::Good, Done, 1),
        way(&before, Script::AnswerLost("remove-parallel"), Done, 1),
    ]
}

fn deletions_of_blue() -> Vec<Scenario> {
    let prepared = plan(Target::BlueDelete { release: release() }, &beside(Colour::Blue));
    vec![
        way(&prepared, Script::Good, Done, 1),
        way(&prepared, Script::AnswerLost("remove-parallel"), Done, 1),
        way(&prepared, Script::FailOnce("remove-parallel"), Done, 1),
    ]
}
