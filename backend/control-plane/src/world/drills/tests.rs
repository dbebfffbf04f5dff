//! Drills as tables: a fault that begins and ends, what is seen meanwhile, and the verdict.

use super::{Book, Drills};
use crate::world::example;
use aisoc_model::alert::{Alert, AlertState, Severity};
use aisoc_model::drill::{Checklist, DrillResult};
use aisoc_model::inventory::{Fault, FaultSpec, Process, ProcessState};
use aisoc_model::region::Health;
use aisoc_model::world::World;
use jiff::SignedDuration;
use rstest::rstest;
use std::collections::BTreeMap;

fn process(kind: &str) -> Process {
    Process {
        name: format!("us-east-1/{kind}"),
        region: Some(example::us()),
        zone: None,
        kind: kind.to_owned(),
        pid: Some(1),
        ports: BTreeMap::new(),
        state: ProcessState::Ready,
        detail: None,
        version: String::new(),
        restarts: 0,
        oom_kills: 0,
        started_at: None,
        memory_bytes: None,
        data_dir: None,
        log: String::new(),
    }
}

/// A frame so many seconds after the first, with or without the fault.
fn frame(kind: &str, seconds: i64, fault: bool) -> World {
    let mut world = example::world();
    world.head.at = example::now() + SignedDuration::from_secs(seconds);
    let lost = process(kind);
    if fault {
        let spec = FaultSpec::FreezeProcess {
            process: lost.name.clone(),
        };
        let since = example::now();
        world.faults.insert(1, Fault { id: 1, spec, since });
    }
    world.processes.insert(lost.name.clone(), lost);
    world
}

fn alert(seconds: i64) -> Alert {
    Alert {
        rule: "AiSOCEventStoreLag".to_owned(),
        region: Some(example::us()),
        subject: None,
        severity: Severity::P2,
        state: AlertState::Firing,
        summary: String::new(),
        value: None,
        bound: 0.0,
        since: example::now(),
        fired_at: Some(example::now() + SignedDuration::from_secs(seconds)),
        resolved_at: None,
        runbook: None,
        acknowledged: None,
    }
}

fn step(book: &mut Book, world: &World) -> bool {
    book.step(world, &Checklist::builtin().unwrap(), &example::slo())
}

#[rstest]
#[case::all_well(Health::Healthy, DrillResult::Passed)]
#[case::a_region_down(Health::Down, DrillResult::Failed)]
fn losing_an_api_instance(#[case] health: Health, #[case] result: DrillResult) {
    let mut book = Book::default();
    assert!(!step(&mut book, &frame("api", 0, true)));
    assert_eq!(book.runs["api-pods"].result, DrillResult::Running);
    let mut during = frame("api", 0, true);
    for region in during.regions.values_mut() {
        region.health = health;
    }
    assert!(!step(&mut book, &during));
    assert!(step(&mut book, &frame("api", 0, false)));
    assert_eq!(book.runs["api-pods"].result, result, "{:?}", book.runs);
    // It is over: the next frames change nothing.
    assert!(!step(&mut book, &frame("api", 1, false)));
}

#[rstest]
#[case::in_time(Some(60), 61, Some(DrillResult::Passed))]
#[case::not_yet(None, 61, None)]
#[case::never(None, 301, Some(DrillResult::Failed))]
#[case::too_late(Some(400), 401, Some(DrillResult::Failed))]
fn stopping_the_consumers(#[case] fires: Option<i64>, #[case] at: i64, #[case] result: Option<DrillResult>) {
    let mut book = Book::default();
    step(&mut book, &frame("enrichment", 0, true));
    let mut later = frame("enrichment", at, true);
    if let Some(seconds) = fires {
        later.alerts.insert("a".to_owned(), alert(seconds));
    }
    assert_eq!(step(&mut book, &later), result.is_some());
    assert_eq!(
        book.runs["stop-consumers"].result,
        result.unwrap_or(DrillResult::Running)
    );
    // The same fault does not begin the drill a second time.
    assert!(!step(&mut book, &later));
}

#[test]
fn a_fault_that_ends_before_the_alert_fails_the_drill() {
    let mut book = Book::default();
    step(&mut book, &frame("enrichment", 0, true));
    assert!(step(&mut book, &frame("enrichment", 20, false)));
    assert_eq!(book.runs["stop-consumers"].result, DrillResult::Failed);
}

#[test]
fn what_was_done_outlives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("drills.json");
    let drills = Drills::open(Some(file.clone())).unwrap();
    drills.judge(&mut frame("api", 0, true), &example::slo());
    drills.judge(&mut frame("api", 5, false), &example::slo());
    let mut world = frame("api", 9, false);
    Drills::open(Some(file.clone()))
        .unwrap()
        .judge(&mut world, &example::slo());
    assert!(world.drills["api-pods"].ended_at.is_some());
    assert_eq!(*world.checklist.unwrap(), Checklist::builtin().unwrap());
    std::fs::write(&file, "{").unwrap();
    assert!(Drills::open(Some(file)).is_err());
}
