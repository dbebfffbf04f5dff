use super::fixture::{AP, EU, US, at, decisions, evidence, facts, gate, plan, region};
use crate::drivers::database::{Evidence, Member};
use crate::operations::gates::database::{MAX_LAG_BYTES, rpo};
use aisoc_model::plan::{Decision, Target};
use rstest::rstest;

fn to(id: &str) -> Target {
    Target::Failover { to: region(id) }
}

fn member<'a>(evidence: &'a mut Evidence, id: &str) -> &'a mut Member {
    evidence.members.get_mut(&region(id)).unwrap()
}

#[test]
fn a_healthy_failover_passes() {
    let prepared = plan(to(EU), &facts(at(0)));
    assert_eq!(decisions(&prepared), vec![]);
    let ids: Vec<&str> = prepared.plan.steps.iter().map(|s| s.id.as_str()).collect();
    assert_eq!(
        ids,
        [
            "prove",
            "switchover",
            "first-write",
            "old-writer-refused",
            "set-check",
            "api-health",
            "redundancy"
        ]
    );
    assert_eq!(
        prepared
            .plan
            .steps
            .iter()
            .filter(|s| s.point_of_no_return)
            .count(),
        1
    );
    assert_eq!(prepared.plan.objective.as_deref(), Some("region_warm"));
    assert!(
        gate(&prepared, "rpo")
            .evidence
            .iter()
            .all(|l| l.starts_with("ok"))
    );
}

/// Patroni 3.0 has no `replication_state`: the walreceiver's word stands in for it; without either it is unknown.
#[test]
fn older_patroni_is_judged_by_the_walreceiver() {
    let mut seen = evidence(at(0), US);
    member(&mut seen, EU)
        .patroni
        .what
        .as_mut()
        .unwrap()
        .replication_state = None;
    assert_eq!(rpo(&seen, &region(EU), at(0)).decision, Decision::Pass);
    let server = member(&mut seen, EU).server.what.as_mut().unwrap();
    server.receiver.as_mut().unwrap().status = None;
    assert_eq!(rpo(&seen, &region(EU), at(0)).decision, Decision::Refuse);
}

type Spoil = fn(&mut Evidence);

#[rstest]
#[case::cut_but_cluster_says_streaming(|e: &mut Evidence| e.canary.what.as_mut().unwrap().replayed = 999)]
#[case::no_canary(|e: &mut Evidence| e.canary.what = Err("timed out".into()))]
#[case::old_canary(|e: &mut Evidence| e.canary.at = at(-1_500))]
#[case::not_in_stat_replication(|e: &mut Evidence| e.standbys.what.as_mut().unwrap().retain(|r| r.name != EU))]
#[case::only_a_basebackup(|e: &mut Evidence| e.standbys.what.as_mut().unwrap()[0].name = "pg_basebackup".into())]
#[case::catching_up(|e: &mut Evidence| e.standbys.what.as_mut().unwrap()[0].state = "catchup".into())]
#[case::state_hidden(|e: &mut Evidence| e.standbys.what.as_mut().unwrap()[0].state = "hidden: grant pg_monitor".into())]
#[case::no_walreceiver(|e: &mut Evidence| member(e, EU).server.what.as_mut().unwrap().receiver = None)]
#[case::archive_recovery(|e: &mut Evidence| {
    member(e, EU).patroni.what.as_mut().unwrap().replication_state = Some("in archive recovery".into());
})]
#[case::other_timeline(|e: &mut Evidence| {
    let server = member(e, EU).server.what.as_mut().unwrap();
    server.receiver.as_mut().unwrap().timeline = Some(2);
})]
#[case::timeline_unknown(|e: &mut Evidence| member(e, US).patroni.what.as_mut().unwrap().timeline = None)]
#[case::other_system(|e: &mut Evidence| member(e, EU).server.what.as_mut().unwrap().system_identifier = "78".into())]
#[case::far_behind(|e: &mut Evidence| member(e, US).server.what.as_mut().unwrap().lsn = 2_000 + MAX_LAG_BYTES)]
#[case::patroni_silent(|e: &mut Evidence| member(e, EU).patroni.what = Err("connection refused".into()))]
#[case::server_silent(|e: &mut Evidence| member(e, EU).server.what = Err("timed out".into()))]
#[case::seen_long_ago(|e: &mut Evidence| member(e, EU).server.at = at(-1_001))]
#[case::writer_silent(|e: &mut Evidence| member(e, US).server.what = Err("timed out".into()))]
fn what_is_not_proven_refuses(#[case] spoil: Spoil) {
    let mut seen = evidence(at(0), US);
    spoil(&mut seen);
    let gate = rpo(&seen, &region(EU), at(0));
    assert_eq!(gate.decision, Decision::Refuse, "{gate:?}");
    let mut facts = facts(at(0));
    facts.database = Some(seen);
    assert!(!plan(to(EU), &facts).plan.may_execute());
}

#[rstest]
#[case::two_writers(EU, |e: &mut Evidence| member(e, AP).server.what.as_mut().unwrap().in_recovery = false, "single_writer")]
#[case::no_writer(EU, |e: &mut Evidence| member(e, US).server.what.as_mut().unwrap().in_recovery = true, "single_writer")]
#[case::writer_already(US, |_: &mut Evidence| {}, "candidate_role")]
#[case::nofailover(AP, |_: &mut Evidence| {}, "candidate_nofailover")]
#[case::paused(EU, |e: &mut Evidence| member(e, US).patroni.what.as_mut().unwrap().paused = true, "cluster_paused")]
fn other_gates_of_a_failover(#[case] candidate: &str, #[case] spoil: Spoil, #[case] refuses: &str) {
    let mut facts = facts(at(0));
    spoil(facts.database.as_mut().unwrap());
    let prepared = plan(to(candidate), &facts);
    assert_eq!(gate(&prepared, refuses).decision, Decision::Refuse);
}

#[test]
fn naming_a_dr_only_region_is_enough_unless_it_may_not_be_promoted() {
    let mut facts = facts(at(0));
    member(facts.database.as_mut().unwrap(), AP)
        .patroni
        .what
        .as_mut()
        .unwrap()
        .nofailover = false;
    let prepared = plan(to(AP), &facts);
    assert_eq!(decisions(&prepared), vec![]);
    assert_eq!(prepared.plan.objective.as_deref(), Some("region_cold"));
}

#[test]
fn a_rollout_in_progress_needs_an_override() {
    let mut facts = facts(at(0));
    facts.releases.as_mut().unwrap().as_mut().unwrap()[1].rollout = Some("replacing api-a".into());
    let prepared = plan(to(EU), &facts);
    assert_eq!(
        decisions(&prepared),
        [("rollout".to_owned(), Decision::NeedsOverride)]
    );
}
