use super::fixture::{
    AP, EU, US, at, decisions, evidence, facts, gate, main, of_main, overridden, plan, prepare, region,
    request, synchronous,
};
use crate::drivers::database::config::ClusterConfig;
use crate::drivers::database::{Evidence, Member, Seen};
use crate::operations::gates::database::{MAX_LAG_BYTES, escorted_rpo, rpo};
use crate::operations::gates::escort;
use aisoc_model::plan::{Decision, Target};
use rstest::rstest;

fn to(id: &str) -> Target {
    Target::Failover {
        cluster: main(),
        to: region(id),
    }
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
            "escort",
            "prove",
            "switchover",
            "first-write",
            "end-escort",
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
    of_main(&mut facts).database = Some(seen);
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
    spoil(of_main(&mut facts).database.as_mut().unwrap());
    let prepared = plan(to(candidate), &facts);
    assert_eq!(gate(&prepared, refuses).decision, Decision::Refuse);
}

#[test]
fn naming_a_dr_only_region_is_enough_unless_it_may_not_be_promoted() {
    let mut facts = facts(at(0));
    member(of_main(&mut facts).database.as_mut().unwrap(), AP)
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

fn set(e: &mut Evidence, config: serde_json::Value) {
    e.config.what = Ok(ClusterConfig(config));
}

#[rstest]
#[case::can_be_escorted(|_: &mut Evidence| {}, Decision::Pass)]
#[case::is_synchronous(|e: &mut Evidence| synchronous(e), Decision::Pass)]
#[case::synchronous_by_its_own_setting(|e: &mut Evidence| {
    set(e, serde_json::json!({"synchronous_mode": true, "loop_wait": 10}));
    synchronous(e);
}, Decision::Pass)]
#[case::own_setting_with_another_standby(|e: &mut Evidence| {
    set(e, serde_json::json!({"synchronous_mode": true, "loop_wait": 10}));
}, Decision::Refuse)]
#[case::strict(|e: &mut Evidence| set(e, serde_json::json!({"synchronous_mode_strict": true})), Decision::NeedsOverride)]
#[case::switched_off_by_hand(|e: &mut Evidence| {
    set(e, serde_json::json!({"aisoc_escort": {"holders": {"x": "2030-01-01T00:00:00Z"}}}));
}, Decision::Refuse)]
#[case::nosync(|e: &mut Evidence| member(e, EU).patroni.what.as_mut().unwrap().nosync = true, Decision::NeedsOverride)]
#[case::settings_unknown(|e: &mut Evidence| e.config.what = Err("no".into()), Decision::Refuse)]
#[case::commits_are_held_up(|e: &mut Evidence| {
    synchronous(e);
    e.standbys.what.as_mut().unwrap()[1].flush_lsn = Some(999);
}, Decision::Refuse)]
fn an_escort_never_holds_writes_up_and_never_changes_an_operators_setting(
    #[case] spoil: Spoil,
    #[case] decision: Decision,
) {
    let mut seen = evidence(at(0), US);
    spoil(&mut seen);
    assert_eq!(escort::escort(&seen, &region(EU)).decision, decision);
}

#[test]
fn without_its_escort_only_by_an_override_that_names_it() {
    let mut facts = facts(at(0));
    member(of_main(&mut facts).database.as_mut().unwrap(), EU)
        .patroni
        .what
        .as_mut()
        .unwrap()
        .nosync = true;
    let wanted = overridden(request(to(EU)), escort::NAME);
    let prepared = prepare(&wanted, &facts).unwrap();
    assert_eq!(decisions(&prepared), vec![]);
    assert!(prepared.plan.steps.iter().all(|s| !s.id.contains("escort")));
}

#[test]
fn under_an_escort_the_candidate_has_to_be_synchronous_by_both_accounts() {
    let mut seen = evidence(at(0), US);
    let decision = |seen: &Evidence| escorted_rpo(seen, &region(EU), at(0)).decision;
    assert_eq!(decision(&seen), Decision::Refuse);
    synchronous(&mut seen);
    assert_eq!(decision(&seen), Decision::Pass);
    let mut one = seen.clone();
    member(&mut one, EU).patroni.what.as_mut().unwrap().sync_standby = false;
    assert_eq!(decision(&one), Decision::Refuse);
    seen.standbys.what.as_mut().unwrap()[0].sync_state = "potential".into();
    assert_eq!(decision(&seen), Decision::Refuse);
}

/// As many as could be taken before the candidate; one that never is does not count.
#[test]
fn so_many_standbys_that_the_candidate_is_among_them() {
    let mut seen = evidence(at(0), US);
    assert_eq!(escort::standbys(&seen), 1);
    member(&mut seen, AP).patroni.what.as_mut().unwrap().nofailover = false;
    assert_eq!(escort::standbys(&seen), 2);
}

#[test]
fn a_store_that_patroni_does_not_reach_and_weak_settings_are_named() {
    let mut seen = evidence(at(0), US);
    assert_eq!(escort::store(&seen, at(0)).decision, Decision::Pass);
    member(&mut seen, US).patroni.what.as_mut().unwrap().store_seen = Some(at(-31_000).as_second());
    assert_eq!(escort::store(&seen, at(0)).decision, Decision::Refuse);
    let mut silent = evidence(at(0), US);
    silent.store = Some(Seen {
        at: at(0),
        what: Err("etcd does not answer".into()),
    });
    assert_eq!(escort::store(&silent, at(0)).decision, Decision::Refuse);
    silent.store = None;
    assert_eq!(escort::store(&silent, at(0)).decision, Decision::Pass);
    let mut failsafe = evidence(at(0), US);
    member(&mut failsafe, US)
        .patroni
        .what
        .as_mut()
        .unwrap()
        .failsafe_active = true;
    assert_eq!(escort::store(&failsafe, at(0)).decision, Decision::Refuse);
    assert!(
        escort::preflight(&seen)
            .evidence
            .iter()
            .all(|l| !l.starts_with("weak"))
    );
    set(&mut seen, serde_json::json!({}));
    let gate = escort::preflight(&seen);
    assert_eq!(gate.decision, Decision::Pass);
    assert!(
        gate.evidence.iter().any(|l| l.contains("failsafe_mode")),
        "{gate:?}"
    );
}
