//! What stops an unplanned failover, what it tells beforehand, and how what is seen on the way is judged.

use super::fixture::{self, AP, EU, US, at, decisions, emergency_facts, gate, plan, region, request};
use crate::drivers::database::WriteAnswer;
use crate::drivers::database::dcs::LeaderKey;
use crate::drivers::database::standing::{Held, Knock, Knocks};
use crate::operations::emergency::{KnownEnd, loss_report, may_return, silenced_sight};
use crate::operations::facts::{Emergency, Facts};
use crate::operations::gates::Case;
use crate::operations::gates::emergency::emergency;
use crate::operations::gates::fence::lsn;
use crate::operations::hands::Sight;
use aisoc_model::Observed;
use aisoc_model::fence::{DemotionToken, FenceKind};
use aisoc_model::plan::{Decision, Target};
use aisoc_model::region::{PostgresMember, PostgresRole};
use aisoc_model::slo::Slo;
use aisoc_model::topology::DatabaseLayout;
use aisoc_model::world::World;
use rstest::rstest;
use std::sync::Arc;

fn to(id: &str, proof: Option<FenceKind>) -> Target {
    Target::EmergencyFailover {
        cluster: fixture::main(),
        to: region(id),
        proof,
    }
}

fn spoiled(spoil: impl FnOnce(&mut Emergency)) -> Facts {
    let mut facts = emergency_facts(at(0));
    spoil(
        fixture::of_main(&mut facts)
            .emergency
            .as_mut()
            .unwrap()
            .as_mut()
            .unwrap(),
    );
    facts
}

fn member<'a>(world: &'a mut World, id: &str) -> &'a mut Observed<PostgresMember> {
    let region = world.regions.get_mut(&region(id)).unwrap();
    region.postgres.get_mut(&fixture::main()).unwrap()
}

fn in_world(change: impl FnOnce(&mut World)) -> Facts {
    let mut facts = emergency_facts(at(0));
    change(Arc::make_mut(&mut facts.world));
    facts
}

fn held(lsn: u64, in_recovery: bool) -> Held {
    Held {
        in_recovery,
        lsn,
        timeline: 3,
        system_identifier: "77".into(),
    }
}

#[test]
fn a_writer_that_is_gone_is_fenced_first_and_the_loss_is_said() {
    let prepared = plan(to(EU, None), &emergency_facts(at(0)));
    assert_eq!(decisions(&prepared), vec![], "{:#?}", prepared.plan.gates);
    assert!(!prepared.plan.needs_approval());
    let steps: Vec<&str> = prepared.plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        steps,
        [
            "fence",
            "elect",
            "first-write",
            "old-writer-silent",
            "set-check",
            "loss",
            "api-health",
            "followers",
            "return"
        ]
    );
    let no_return = prepared.plan.steps.iter().position(|s| s.point_of_no_return);
    assert_eq!(no_return, Some(1), "the fence can be let go, the lease not");
    let rpo = gate(&prepared, "rpo");
    assert!(rpo.why.contains("1.0 s"), "{rpo:?}");
    assert!(rpo.evidence[0].starts_with("0 bytes"), "{rpo:?}");
    assert!(
        prepared.plan.affected[0].contains("are lost"),
        "{:?}",
        prepared.plan.affected
    );
}

#[test]
fn without_proof_two_writers_would_be_possible() {
    let frozen = |knock: Knock| {
        spoiled(|e| {
            e.instances.clear();
            let both = Knocks {
                server: knock.clone(),
                agent: knock.clone(),
            };
            e.standing.members.get_mut(&region(US)).unwrap().knock.what = Ok(both);
        })
    };
    let silent = frozen(Knock::Silent("no answer".into()));
    let refused = gate(&plan(to(EU, None), &silent), "fence_proof");
    assert_eq!(refused.decision, Decision::Refuse);
    assert!(
        refused.why.contains("two writers would be possible"),
        "{refused:?}"
    );
    assert_eq!(refused.evidence.len(), FenceKind::ALL.len());
    // An override cannot help; a second person can.
    let wanted = fixture::overridden(request(to(EU, None)), "fence_proof");
    assert!(fixture::prepare(&wanted, &silent).is_err());
    let sworn = plan(to(EU, Some(FenceKind::Sworn)), &silent);
    assert!(sworn.plan.needs_approval() && sworn.plan.may_execute());
    // The machine itself says that nobody listens.
    let closed = plan(to(EU, None), &frozen(Knock::Refuses));
    assert_eq!(gate(&closed, "fence_proof").decision, Decision::Pass);
    assert!(
        !closed.plan.steps.iter().any(|s| s.id == "return"),
        "nobody could start it"
    );
    // A proof that was asked for and cannot be had is not replaced by another one.
    let isolated = plan(to(EU, Some(FenceKind::NetworkIsolated)), &frozen(Knock::Refuses));
    assert_eq!(gate(&isolated, "fence_proof").decision, Decision::Refuse);
}

#[rstest]
#[case::no_quorum(|e: &mut Emergency| e.standing.leader.what = Err("no quorum".into()), "dcs", Decision::Refuse)]
#[case::writer_works(
    |e: &mut Emergency| {
        let writer = e.standing.members.get_mut(&region(US)).unwrap();
        writer.server.what = Ok(held(1_000, false));
        let mut agent = fixture::standing(at(0), AP).members[&region(US)].agent.what.clone().unwrap();
        agent.primary = true;
        writer.agent.what = Ok(agent);
    },
    "writer_gone",
    Decision::NeedsOverride
)]
#[case::another_has_more(
    |e: &mut Emergency| e.standing.members.get_mut(&region(AP)).unwrap().server.what = Ok(held(1_100, true)),
    "most_advanced",
    Decision::NeedsOverride
)]
#[case::another_cannot_be_asked(
    |e: &mut Emergency| e.standing.members.get_mut(&region(AP)).unwrap().server.what = Err("silent".into()),
    "most_advanced",
    Decision::NeedsOverride
)]
#[case::another_cluster(
    |e: &mut Emergency| {
        let other = Held { system_identifier: "78".into(), ..held(1_000, true) };
        e.standing.members.get_mut(&region(EU)).unwrap().server.what = Ok(other);
    },
    "same_history",
    Decision::Refuse
)]
#[case::older_timeline(
    |e: &mut Emergency| {
        let old = Held { timeline: 2, ..held(1_000, true) };
        e.standing.members.get_mut(&region(EU)).unwrap().server.what = Ok(old);
    },
    "same_history",
    Decision::Refuse
)]
fn gates(#[case] spoil: fn(&mut Emergency), #[case] name: &str, #[case] decision: Decision) {
    let prepared = plan(to(EU, None), &spoiled(spoil));
    assert_eq!(
        gate(&prepared, name).decision,
        decision,
        "{:#?}",
        prepared.plan.gates
    );
}

#[test]
fn the_leader_key_of_another_member_stops_it() {
    let moved = spoiled(|e| {
        e.standing.leader.what = Ok(Some(LeaderKey {
            member: EU.into(),
            lease: Some(1),
        }));
    });
    let gates = plan(to(EU, None), &moved).plan.gates;
    let gate = gates.iter().find(|g| g.name == "old_writer").unwrap();
    assert_eq!(gate.decision, Decision::Refuse, "{gate:?}");
}

#[test]
fn losing_more_than_the_objective_allows_needs_two_people() {
    let never_seen = in_world(|w| member(w, US).value = None);
    assert_eq!(
        gate(&plan(to(EU, None), &never_seen), "rpo").decision,
        Decision::NeedsApproval
    );
    let behind = |seconds: f64| {
        in_world(|w| {
            member(w, US).value.as_mut().unwrap().lsn = Some(5_000);
            w.links.values_mut().next().unwrap().lag_seconds.value = Some(seconds);
        })
    };
    let within = gate(&plan(to(EU, None), &behind(30.0)), "rpo");
    assert_eq!(within.decision, Decision::Pass);
    assert!(within.evidence[0].starts_with("4000 bytes"), "{within:?}");
    let beyond = plan(to(EU, None), &behind(90.0));
    assert_eq!(gate(&beyond, "rpo").decision, Decision::NeedsApproval);
    assert!(beyond.plan.may_execute() && beyond.plan.needs_approval());
}

#[test]
fn beside_two_writers_only_the_fence_is_left() {
    let mut facts = in_world(|w| {
        for id in [US, EU] {
            let postgres = member(w, id);
            postgres.value.as_mut().unwrap().role = PostgresRole::Writer;
        }
    });
    let cluster = fixture::of_main(&mut facts)
        .emergency
        .as_mut()
        .unwrap()
        .as_mut()
        .unwrap();
    for id in [US, EU] {
        let member = cluster.standing.members.get_mut(&region(id)).unwrap();
        member.server.what = Ok(held(1_000, false));
    }
    cluster.standing.leader.what = Ok(Some(LeaderKey {
        member: EU.into(),
        lease: Some(1),
    }));
    for target in [
        fixture::drain(US),
        Target::Failover {
            cluster: fixture::main(),
            to: region(AP),
        },
        to(AP, None),
        Target::Rejoin {
            cluster: fixture::main(),
            region: region(US),
        },
    ] {
        let refused = gate(&plan(target, &facts), "two_writers");
        assert_eq!(refused.decision, Decision::Refuse);
        assert!(refused.why.contains("us-east-1") && refused.why.contains("eu-west-1"));
    }
    let fence = |id| {
        plan(
            Target::Fence {
                cluster: fixture::main(),
                region: region(id),
            },
            &facts,
        )
    };
    assert_eq!(decisions(&fence(US)), vec![]);
    let leader = vec![("fence_target".to_owned(), Decision::NeedsOverride)];
    assert_eq!(decisions(&fence(EU)), leader);
}

#[test]
fn an_old_writer_is_silent_only_with_proof_or_by_its_own_word() {
    let us = region(US);
    let sight = |answer: &WriteAnswer, proof, fenced: &Result<String, String>| {
        silenced_sight(answer, &us, proof, fenced, at(0))
    };
    let (stopped, sworn) = (FenceKind::InstanceStopped, FenceKind::Sworn);
    let (ok, not) = (Ok("gone".to_owned()), Err("postgres 42 runs".to_owned()));
    let away = WriteAnswer::Away("refused".into());
    let unknown = WriteAnswer::Unknown("no answer".into());
    assert!(
        matches!(sight(&WriteAnswer::Acknowledged, stopped, &ok), Sight::Failed(why) if why.contains("TWO WRITERS"))
    );
    assert!(matches!(
        sight(&WriteAnswer::ReadOnly("25006".into()), stopped, &not),
        Sight::Done(_)
    ));
    assert!(matches!(sight(&away, stopped, &ok), Sight::Done(_)));
    assert!(matches!(sight(&away, stopped, &not), Sight::NotDone(_)));
    assert!(matches!(sight(&unknown, stopped, &ok), Sight::Unknown(_)));
    assert!(matches!(sight(&unknown, sworn, &ok), Sight::Done(_)));
}

#[test]
fn what_is_lost_is_measured_by_the_best_that_is_known() {
    let (us, eu) = (region(US), region(EU));
    let token = |end| DemotionToken {
        system_identifier: "77".into(),
        timeline: 3,
        final_lsn: end,
    };
    let report = |end: &KnownEnd, fork| loss_report(end, fork, &us, &eu);
    let none = report(&KnownEnd::Token(token(1_000)), Some(1_120));
    assert_eq!(none.figures["rpo_bytes"], 0.0);
    assert_eq!(
        report(&KnownEnd::Token(token(1_500)), Some(1_120)).figures["rpo_bytes"],
        380.0
    );
    assert_eq!(
        report(&KnownEnd::Seen(1_500, at(0)), Some(1_120)).figures["rpo_bytes"],
        380.0
    );
    // Not known is no figure, and never 0.
    assert!(report(&KnownEnd::Unknown, Some(1)).figures.is_empty());
    assert!(report(&KnownEnd::Token(token(1)), None).figures.is_empty());
    assert_eq!(may_return(Some(&token(1_000)), Some(1_120), &us), Ok(()));
    for (token, fork) in [(None, Some(1)), (Some(token(1)), None), (Some(token(9)), Some(8))] {
        let why = may_return(token.as_ref(), fork, &us).unwrap_err();
        assert!(why.contains("rejoin us-east-1"), "{why}");
    }
}

#[test]
fn a_standby_cluster_is_promoted_with_the_token_of_the_demoted_one_or_by_two_people() {
    let mut topology = fixture::topology();
    topology.databases[0].layout = DatabaseLayout::StandbyClusters;
    let decided = |final_lsn: Option<u64>| {
        let facts = spoiled(|e| {
            e.standing.leader.what = Ok(None);
            let status = e.instances.get_mut(&region(US)).unwrap().as_mut().unwrap();
            status.token = final_lsn.map(|final_lsn| DemotionToken {
                system_identifier: "77".into(),
                timeline: 3,
                final_lsn,
            });
        });
        let request = request(to(EU, None));
        let slo = Slo::builtin().unwrap();
        let cluster = fixture::main();
        let case = Case {
            cluster: &cluster,
            request: &request,
            facts: &facts,
            topology: &topology,
            slo: &slo,
        };
        let gates = emergency(&case, &region(EU), None);
        gates
            .into_iter()
            .find(|g| g.name == "demotion_token")
            .unwrap()
            .decision
    };
    assert_eq!(decided(Some(1_000)), Decision::Pass);
    assert_eq!(
        decided(Some(1_001)),
        Decision::NeedsApproval,
        "one byte is missing"
    );
    assert_eq!(decided(None), Decision::NeedsApproval);
}

#[test]
fn positions_are_written_as_postgresql_writes_them() {
    assert_eq!(lsn(0x1_0500_0028), "1/5000028");
}
