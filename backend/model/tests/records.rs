//! The Markdown of records, word for word, and what hostile text becomes in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_model::operation::{DemotionToken, Operation, OperationState, StepProgress, StepState};
use aisoc_model::plan::{Decision, Fact, Gate, Plan, PlanRequest, PlannedStep, Target};
use aisoc_model::record::{JournalSpan, Kept, OperationRecord, Recorded, Verdict, markdown};
use aisoc_model::slo::{RecoveryObjective, Slo};
use jiff::Timestamp;
use std::collections::BTreeMap;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
}

fn step(id: &str, title: &str, last: bool) -> PlannedStep {
    PlannedStep {
        id: id.into(),
        title: title.into(),
        request: format!("POST /{id}"),
        undo: None,
        point_of_no_return: last,
    }
}

fn done(id: &str, from: i64, until: i64, detail: &str) -> StepProgress {
    StepProgress {
        id: id.into(),
        state: StepState::Done,
        started_at: Some(at(from)),
        ended_at: Some(at(until)),
        detail: Some(detail.into()),
    }
}

fn failover() -> Operation {
    let plan = Plan {
        id: "0198f2c4-0000-7000-8000-000000000001".into(),
        request: PlanRequest {
            target: Target::Failover {
                cluster: "main".parse().unwrap(),
                to: "eu-west-1".parse().unwrap(),
            },
            reason: "rack 4 loses power at noon".into(),
            overrides: vec![],
            break_glass: None,
        },
        requested_by: "ann".into(),
        environment: "local (local)".into(),
        created_at: at(-9_000),
        expires_at: at(291_000),
        summary: "Make eu-west-1 the PostgreSQL writer instead of us-east-1.".into(),
        facts: vec![Fact {
            name: "eu-west-1 lag".into(),
            value: "40 bytes".into(),
            source: "postgres".into(),
            observed_at: Some(at(-9_250)),
        }],
        gates: vec![Gate {
            name: "rpo".into(),
            decision: Decision::Pass,
            why: "eu-west-1 has everything".into(),
            evidence: vec!["eu-west-1 streams".into(), "canary replayed after 4 ms".into()],
        }],
        steps: vec![
            step("switchover", "switch the writer", true),
            step("first-write", "a write is acknowledged by eu-west-1", false),
        ],
        predicted_write_outage_ms: Some(2_700),
        affected: vec!["writes of all tenants wait".into()],
        clusters: vec!["main".parse().unwrap()],
        objective: Some("region_warm".into()),
        hash: String::new(),
    }
    .sealed();
    Operation {
        id: plan.id.clone(),
        plan,
        state: OperationState::Done,
        started_by: "ann from 127.0.0.1:5".into(),
        started_at: at(0),
        ended_at: Some(at(4_000)),
        steps: vec![
            done("switchover", 10, 1_900, "eu-west-1 accepts writes"),
            done("first-write", 1_900, 1_950, "eu-west-1 acknowledges writes"),
        ],
        outcome: Some("eu-west-1 is the writer".into()),
        times: BTreeMap::from([
            ("decide".into(), at(0)),
            ("promote".into(), at(1_800)),
            ("first_write".into(), at(1_900)),
            ("first_api_2xx".into(), at(2_400)),
            ("redundancy".into(), at(3_900)),
            ("old_writer_refused".into(), at(2_000)),
        ]),
        figures: BTreeMap::from([
            ("write_outage_ms".into(), 1_520.0),
            ("rpo_bytes".into(), 0.0),
            ("rpo_seconds".into(), 0.0),
            ("lost_canaries".into(), 0.0),
            ("acknowledged_canaries".into(), 143.0),
            ("lag_bytes".into(), 40.0),
        ]),
        tokens: BTreeMap::from([(
            "main".parse().unwrap(),
            DemotionToken {
                member: "us-east-1".into(),
                system_identifier: "7300000000000000001".into(),
                timeline: 4,
                final_lsn: 0x2_0300_0060,
            },
        )]),
        offers: Vec::new(),
    }
}

fn row(id: &str) -> RecoveryObjective {
    let slo = Slo::builtin().unwrap();
    slo.recovery.into_iter().find(|r| r.id == id).unwrap()
}

fn span() -> JournalSpan {
    JournalSpan {
        first_seq: 12,
        last_seq: 40,
        entries: 29,
        last_hash: "ab".repeat(32),
    }
}

#[test]
fn a_failover_for_people() {
    let record = OperationRecord::of(failover(), Some(row("region_warm")), Some(span()));
    let measured = record.objective.as_ref().unwrap();
    assert_eq!((measured.rto, measured.rpo), (Verdict::Met, Verdict::Met));
    assert_eq!(measured.recovered_after_seconds, Some(2.4));
    insta::assert_snapshot!("failover", markdown(&record));
    let json = serde_json::to_string(&record).unwrap();
    assert_eq!(serde_json::from_str::<OperationRecord>(&json).unwrap(), record);
}

#[test]
fn a_drain_that_was_taken_back_for_people() {
    let mut drain = failover();
    drain.plan.request.target = Target::Drain {
        region: "us-east-1".parse().unwrap(),
        deadline_seconds: 60,
        expires_seconds: 0,
    };
    drain.plan.facts.clear();
    drain.plan.predicted_write_outage_ms = None;
    drain.plan.steps = vec![
        step("weight-50", "us-east-1 to 50 %", false),
        step("watch-50", "watch", false),
    ];
    drain.plan.steps[0].undo = Some("back to 100 %".into());
    drain.state = OperationState::Failed;
    drain.outcome = Some("taken back: 9 of 100 requests failed; us-east-1 has 100 % again".into());
    drain.steps[0].state = StepState::Undone;
    drain.steps[1].state = StepState::Failed;
    drain.times = BTreeMap::from([("decide".into(), at(0)), ("weight_50".into(), at(40))]);
    drain.figures = BTreeMap::from([("watched_requests".into(), 100.0)]);
    drain.tokens.clear();
    let drain = Operation {
        plan: drain.plan.clone().sealed(),
        ..drain
    };
    insta::assert_snapshot!("drain", markdown(&OperationRecord::of(drain, None, None)));
}

#[test]
fn what_was_not_measured_is_not_met() {
    let mut operation = failover();
    operation.figures.clear();
    operation.times.clear();
    let record = OperationRecord::of(operation, Some(row("region_warm")), None);
    let measured = record.objective.as_ref().unwrap();
    assert_eq!(
        (measured.rto, measured.rpo),
        (Verdict::NotMeasured, Verdict::NotMeasured)
    );
    assert_eq!((record.write_outage_seconds, record.loss.rpo_bytes), (None, None));
    let mut late = failover();
    late.times.insert("detect".into(), at(-3_600_000));
    late.figures.insert("rpo_seconds".into(), 61.0);
    let measured = OperationRecord::of(late, Some(row("region_warm")), None)
        .objective
        .unwrap();
    assert_eq!((measured.rto, measured.rpo), (Verdict::Missed, Verdict::Missed));
}

#[test]
fn text_from_outside_is_no_markup() {
    let mut operation = failover();
    let hostile = "x|y\u{1b}[31m<script>[a](http://b)`c`\n# d";
    operation.outcome = Some(hostile.into());
    operation.plan.request.reason = hostile.into();
    operation.plan.gates[0].evidence = vec![hostile.into()];
    operation.plan.steps[0].request = hostile.into();
    operation.steps[0].detail = Some(hostile.into());
    let text = markdown(&OperationRecord::of(operation, None, None));
    let request = text.lines().find(|l| l.contains("request: ")).unwrap();
    assert_eq!(
        request.matches('`').count(),
        2,
        "code ends where we end it: {request}"
    );
    let text = text.replace(request, "");
    assert!(!text.contains('\u{1b}') && !text.contains("<script") && !text.contains("[a]("));
    assert!(!text.lines().any(|line| line.starts_with("# d")));
    for line in text.lines().filter(|l| l.starts_with("| rpo")) {
        assert_eq!(line.replace("\\|", "").matches('|').count(), 5, "{line}");
    }
}

/// The record says whether what the screens showed is kept, and how to have it.
#[test]
fn a_record_leads_into_the_recording() {
    let operation = failover();
    let ms = |at: Timestamp| at.as_millisecond();
    let (began, ended) = (ms(operation.started_at), ms(operation.ended_at.unwrap()));
    for (spans, kept, said) in [
        (vec![(began - 5, ended + 5)], Kept::Whole, "takes it out"),
        (vec![(began + 1, ended + 5)], Kept::Partly, "not all of it"),
        (
            vec![(began - 5, began), (ended, ended + 5)],
            Kept::Partly,
            "not all of it",
        ),
        (vec![(ended + 1, ended + 5)], Kept::Nothing, "nothing of it"),
        (vec![], Kept::Nothing, "nothing of it"),
    ] {
        let recorded = Recorded::of(&operation, at(0), &spans);
        assert_eq!(recorded.kept, kept, "{spans:?}");
        assert_eq!(
            (ms(recorded.from), ms(recorded.to)),
            (began - 30_000, ended + 60_000)
        );
        let mut record = OperationRecord::of(operation.clone(), None, None);
        record.recording = Some(recorded);
        assert!(markdown(&record).contains(said), "{}", markdown(&record));
    }
}
