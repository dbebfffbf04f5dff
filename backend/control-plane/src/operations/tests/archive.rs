//! Operations that the ledger has forgotten, from the journal.

use super::fakes::FakeWorld;
use super::fixture::{self, EU, US, at, drain, facts, plan, request};
use crate::operations::event::{Direction, Event, Outcome};
use crate::operations::journal::Journal;
use crate::operations::outcome;
use crate::operations::record::{Next, Record};
use crate::operations::{OperationError, Operations, WorldView};
use aisoc_model::SystemClock;
use aisoc_model::operation::OperationState;
use aisoc_model::plan::Target;
use aisoc_model::slo::Slo;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

/// Writes `count` ended drains whose ids differ in their last digits only.
async fn written(dir: &Path, count: u32) -> Vec<String> {
    let journal = Journal::open(dir).await.unwrap();
    let mut ids = Vec::new();
    for n in 0..count {
        let mut prepared = plan(drain(US), &facts(at(0)));
        prepared.plan.id = format!("0198f2c4-{n:04}-7000-8000-000000000000");
        prepared.plan = prepared.plan.sealed();
        let id = prepared.plan.id.clone();
        let events = [
            Event::Started {
                plan: Box::new(prepared.plan),
                actions: prepared.actions,
                by: "ann".into(),
                origin: "test".into(),
                approved_by: None,
                epoch: None,
            },
            Event::Ended {
                state: OperationState::Done,
                outcome: format!("number {n}"),
            },
        ];
        for event in &events {
            let body = serde_json::to_string(event).unwrap();
            journal
                .append(at(i64::from(n)), &id, event.kind(), body)
                .await
                .unwrap();
        }
        ids.push(id);
    }
    // A refused plan is no operation.
    let refused = Event::Refused {
        hash: "x".into(),
        by: "ann".into(),
        origin: "test".into(),
        why: "no".into(),
    };
    let body = serde_json::to_string(&refused).unwrap();
    journal
        .append(at(0), "0199ffff-0000", refused.kind(), body)
        .await
        .unwrap();
    ids
}

async fn open(dir: &Path) -> Operations {
    let mut topology = fixture::topology();
    topology.control_plane.data_dir = dir.display().to_string();
    let world = FakeWorld::new();
    let view = Arc::clone(&world) as Arc<dyn WorldView>;
    let slo = Arc::new(Slo::builtin().unwrap());
    Operations::open_with(
        Arc::new(topology),
        slo,
        view,
        Arc::new(SystemClock),
        world.drivers(),
    )
    .await
    .unwrap()
}

#[tokio::test]
async fn what_the_ledger_forgot_is_in_the_journal() {
    let dir = tempfile::tempdir().unwrap();
    let ids = written(dir.path(), 120).await;
    let operations = open(dir.path()).await;
    assert!(operations.get(&ids[3]).is_none(), "the ledger is bounded");
    let old = operations.find(&ids[3]).await.unwrap();
    assert_eq!(old.outcome.as_deref(), Some("number 3"));
    // By a beginning that is its own, and by one that is not.
    assert_eq!(operations.find("0198f2c4-0003").await.unwrap(), old);
    let several = operations.find("0198f2c4-00").await.unwrap_err();
    assert!(
        matches!(&several, OperationError::Invalid(why) if why.contains(&ids[0]) && why.contains('…')),
        "{several}"
    );
    for (text, word) in [
        ("0198", "too short"),
        ("zzzzzzzzzz", "no plan or operation"),
        ("0198f2c5", "no plan or operation"),
        ("0199ffff-0000", "no plan or operation"),
    ] {
        let error = operations.find(text).await.unwrap_err().to_string();
        assert!(error.contains(word), "{text}: {error}");
    }

    let record = operations.record("0198f2c4-0003").await.unwrap();
    let span = record.journal.unwrap();
    assert_eq!((span.first_seq, span.last_seq, span.entries), (7, 8, 2));

    let (newest, more) = operations.page(None, 50).await.unwrap();
    assert_eq!((newest.len(), more), (50, true));
    assert_eq!(newest[0].id, ids[119]);
    let (next, more) = operations.page(Some(&newest[49].id), 1_000).await.unwrap();
    assert_eq!(
        (next.len(), more),
        (70, false),
        "a page has a bound, and 70 are left"
    );
    assert_eq!(next[69].id, ids[0]);
}

/// The record of a target whose steps all went well, with these figures from its steps.
fn carried_out(target: Target, figures: &[(&str, f64)]) -> Record {
    let prepared = plan(target, &facts(at(0)));
    let mut record = Record::begin(at(0), &fixture::started(&prepared)).unwrap();
    for step in 0..record.actions.len() {
        let figures = if record.actions[step].key().starts_with("watch") || step + 1 == record.actions.len() {
            figures.iter().map(|(k, v)| ((*k).to_owned(), *v)).collect()
        } else {
            BTreeMap::new()
        };
        let result = Event::Result {
            step,
            direction: Direction::Do,
            outcome: Outcome::Done,
            detail: "the last step's words".into(),
            times: BTreeMap::new(),
            figures,
            token: None,
        };
        record.apply(at(1), &result);
    }
    record
}

#[test]
fn outcomes_say_what_happened() {
    type Figures<'a> = &'a [(&'a str, f64)];
    let watched = [("watched_requests", 100.0), ("watched_failures", 0.0)];
    let failover = [
        ("write_outage_ms", 1_520.0),
        ("acknowledged_canaries", 143.0),
        ("lost_canaries", 0.0),
    ];
    let restore = Target::Restore {
        region: fixture::region(US),
    };
    let back = Target::Rollback {
        release: format!("aisoc-{US}"),
        revision: None,
    };
    let moved = Target::Failover {
        cluster: fixture::main(),
        to: fixture::region(EU),
    };
    let cases: [(Target, Figures<'_>, &str); 4] = [
        (drain(US), &watched[..1], "us-east-1 is out of rotation and idle"),
        (
            restore,
            &watched,
            "us-east-1 is back in rotation with its full weight; 0 of 100 requests failed while it was watched",
        ),
        (
            moved,
            &failover,
            "eu-west-1 is the writer; writes stood still for 1.52 s; 0 of 143 acknowledged canaries lost; \
             the last step's words",
        ),
        (
            back,
            &[],
            "aisoc-us-east-1 runs the settings of revision 1 again; the last step's words",
        ),
    ];
    for (target, figures, words) in cases {
        let record = carried_out(target, figures);
        let Next::End(OperationState::Done, outcome) = record.next() else {
            panic!("{:?}", record.next())
        };
        assert!(outcome.starts_with(words), "{outcome}");
    }
    assert_eq!(request(drain(US)).reason, "maintenance");
}

#[test]
fn counts_of_several_watches_are_summed() {
    let figures = [("watched_requests", 100.0), ("watched_failures", 1.0)];
    let record = carried_out(drain(US), &figures);
    let watches = record.actions.iter().filter(|a| a.key() == "watch").count() + 1;
    assert_eq!(
        record.operation.figures["watched_requests"],
        100.0 * f64::from(u32::try_from(watches).unwrap())
    );
}

#[test]
fn a_failed_check_after_the_change_is_not_hidden() {
    let record = carried_out(
        Target::Failover {
            cluster: fixture::main(),
            to: fixture::region(EU),
        },
        &[("lost_canaries", 3.0), ("acknowledged_canaries", 9.0)],
    );
    let check = record
        .operation
        .steps
        .iter()
        .position(|s| s.id == "set-check")
        .unwrap();
    let text = outcome::incomplete(&record.operation, &record.actions, check);
    assert!(
        text.starts_with(
            "eu-west-1 is the writer; 3 of 9 acknowledged canaries lost, BUT 'every acknowledged canary"
        ),
        "{text}"
    );
}
