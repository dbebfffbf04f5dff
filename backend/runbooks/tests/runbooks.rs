#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]
//! Every runbook, on thresholds alone, on a real frame, and on a frame that an attacker wrote into.

use aisoc_model::observed::Observed;
use aisoc_model::plan::Target;
use aisoc_model::runbook::{Block, Runbook, SECTIONS, StepCommand};
use aisoc_model::service_map::{Edge, EdgeFigures, Node, NodeKind};
use aisoc_model::slo::Slo;
use aisoc_model::world::World;
use aisoc_model::{Absence, RegionId};
use aisoc_runbooks::{Library, RunbookError, Scene, file_name};
use proptest::prelude::*;
use std::path::Path;

fn slo() -> Slo {
    Slo::builtin().unwrap()
}

fn library() -> Library {
    Library::builtin().unwrap()
}

/// A frame of a real world in which api p99 alerts in us-east-1.
fn world() -> World {
    let text = include_str!("../../../assets/screens/world.json");
    let mut world: World = serde_json::from_str(text).unwrap();
    let us: RegionId = "us-east-1".parse().unwrap();
    world.service_map.clear();
    for (from, to, kind, p99) in [
        ("clients", "api", NodeKind::Service, Some(0.9)),
        ("api", "postgresql", NodeKind::Datastore, Some(0.82)),
        ("api", "redis", NodeKind::Datastore, Some(0.002)),
        ("ingest", "bus", NodeKind::Bus, None),
        ("agents", "postgresql", NodeKind::Datastore, Some(0.01)),
    ] {
        add(&mut world, &us, from, (to, kind), p99);
    }
    world
}

fn add(world: &mut World, region: &RegionId, from: &str, to: (&str, NodeKind), p99: Option<f64>) {
    let node = |name: &str, kind| Node::new(name, kind, Some(region.clone()));
    let caller = if from == "clients" {
        NodeKind::Client
    } else {
        NodeKind::Service
    };
    let (from, to) = (node(from, caller), node(to.0, to.1));
    let figures = match p99 {
        Some(p99_seconds) => {
            let figures = EdgeFigures {
                window_seconds: 60,
                sampled: 34,
                per_second: 11.3,
                error_share: 0.031,
                p50_seconds: p99_seconds / 4.0,
                p99_seconds,
            };
            Observed::known(figures, world.head.at, "traces", 10_000)
        }
        None => Observed::absent(Absence::NoTraffic, "traces", 10_000),
    };
    let edge = Edge {
        region: region.clone(),
        from,
        to,
        figures,
    };
    world
        .service_map
        .insert(Edge::key(region, &edge.from, &edge.to), edge);
}

fn render(id: &str, world: &World) -> Runbook {
    library().render(id, &Scene::of(&slo(), world, None)).unwrap()
}

fn commands(runbook: &Runbook) -> Vec<&StepCommand> {
    let blocks = runbook.sections.iter().flat_map(|section| &section.blocks);
    blocks
        .filter_map(|block| match block {
            Block::Step(step) => Some(&step.commands),
            _ => None,
        })
        .flatten()
        .collect()
}

fn section(runbook: &Runbook, title: &str) -> String {
    let section = runbook.sections.iter().find(|s| s.title == title).unwrap();
    let mut text = String::new();
    for block in &section.blocks {
        match block {
            Block::Text { text: t } | Block::Point { text: t } => text.push_str(t),
            Block::Step(step) => {
                text.push_str(&step.text);
                for note in &step.notes {
                    text.push('\n');
                    text.push_str(note);
                }
            }
        }
        text.push('\n');
    }
    text
}

#[test]
fn the_list_is_that_of_the_operations_document() {
    let list = library().summaries(&slo()).unwrap();
    let rows: Vec<_> = list
        .iter()
        .map(|one| (&*one.id, &*one.slug, &*one.trigger))
        .collect();
    assert_eq!(
        rows,
        [
            ("RB-001", "api-high-latency", "http_request_duration_p99 > 500 ms"),
            ("RB-002", "postgres-replica-lag", "Replication lag > 30 s"),
            (
                "RB-003",
                "region-failover",
                "Region health check failure: 3 failed checks in a row, or 5 with a p99 > 2 s"
            ),
            ("RB-004", "ingest-pipeline-stall", "Ingest lag > 30 s"),
            ("RB-005", "agent-runner-oom", "OOMKilled in agents pods"),
            ("RB-006", "cert-expiry", "TLS cert expires in < 14 days"),
        ]
    );
    assert!(
        list.iter().all(|one| !one.rules.is_empty()),
        "a runbook that no alert leads to"
    );
}

#[test]
fn every_alert_that_names_a_runbook_names_one_that_there_is() {
    let library = library();
    for rule in slo().alerts {
        if let Some(id) = rule.runbook {
            assert!(library.ids().any(|known| known == id), "{}: {id}", rule.name);
        }
    }
}

#[test]
fn each_is_whole_on_a_frame_and_without_one() {
    let (slo, world, library) = (slo(), world(), library());
    let mut scenes = vec![Scene::empty(&slo), Scene::of(&slo, &world, None)];
    scenes.extend(
        world
            .regions
            .keys()
            .map(|region| Scene::of(&slo, &world, Some(region))),
    );
    for id in library.ids() {
        for scene in &scenes {
            let runbook = library.render(id, scene).unwrap();
            let titles: Vec<&str> = runbook.sections.iter().map(|s| s.title.as_str()).collect();
            assert_eq!(titles, SECTIONS, "{id}");
            assert!(
                !runbook.markdown.contains("{{") && !runbook.markdown.contains("{%"),
                "{id}"
            );
            assert_eq!(runbook.drawn_at, scene.world.map(|world| world.head.at));
            // What only stands for a region leads to no plan.
            let actions = runbook.actions().count();
            if scene.world.is_none() {
                assert_eq!(actions, 0, "{id}");
            } else if id != "RB-005" {
                assert!(actions > 0, "{id}");
            }
        }
    }
}

#[test]
fn files_are_named_after_what_is_in_them() {
    let (library, slo) = (library(), slo());
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/runbooks");
    let mut written: Vec<String> = library
        .ids()
        .map(|id| file_name(&library.render(id, &Scene::empty(&slo)).unwrap()))
        .collect();
    let mut there: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    written.sort();
    there.sort();
    assert_eq!(written, there);
}

/// A number in the text of a template would be a threshold that `assets/slo.yaml` does not know.
#[test]
fn every_threshold_comes_from_the_file_of_thresholds() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../assets/runbooks");
    for entry in std::fs::read_dir(directory).unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let mut fenced = false;
        for (number, line) in text.lines().enumerate() {
            fenced ^= line.trim_start().starts_with("```");
            let identity = line.starts_with("id: ") || line.starts_with("slug: ");
            if fenced || identity {
                continue;
            }
            let words = line.strip_prefix("1. ").unwrap_or(line);
            for word in words.split(|c: char| !c.is_alphanumeric() && c != '-' && c != '_' && c != '.') {
                let word = word.trim_matches('.');
                let known =
                    word.starts_with("RB-") || ["p99", "p95", "http_request_duration_p99"].contains(&word);
                // A name of the file of thresholds; one that is not there fails when the template is written.
                let path = ["slo.", "rules.", "recovery."]
                    .iter()
                    .any(|root| word.starts_with(root));
                assert!(
                    known || path || !word.contains(|c: char| c.is_ascii_digit()),
                    "{}:{}: '{word}' is a number of its own",
                    file.display(),
                    number + 1
                );
            }
        }
    }
}

#[test]
fn the_diagnosis_follows_the_traces() {
    let runbook = render("RB-001", &world());
    assert_eq!(runbook.region.as_ref().unwrap().as_str(), "us-east-1");
    assert_eq!(runbook.because, "AiSOCHighLatency fires there");
    let text = section(&runbook, "Diagnosis steps");
    assert!(
        text.contains(
            "api → postgresql (datastore) takes longest of what it calls (p99 820 ms): begin there"
        ),
        "{text}"
    );
    assert!(
        text.contains("clients → api: about 11 per second, 3.1 % failed"),
        "{text}"
    );
    assert!(section(&runbook, "Trigger condition").contains("NOW: P2 AiSOCHighLatency in us-east-1"));
    // A datastore calls nobody: those that call it are what there is to see.
    let lag = render("RB-002", &world());
    assert!(section(&lag, "Diagnosis steps").contains("agents → postgresql (datastore)"));
    let pipeline = section(&render("RB-004", &world()), "Diagnosis steps");
    assert!(pipeline.contains("ingest → bus (bus): no traffic"), "{pipeline}");
}

#[test]
fn what_is_not_known_says_so() {
    let runbook = library().render("RB-001", &Scene::empty(&slo())).unwrap();
    assert_eq!(runbook.region, None);
    assert!(
        section(&runbook, "Diagnosis steps")
            .contains("not known: this was written without a frame, so without traces")
    );
    let mut silent = world();
    silent.service_map.clear();
    let text = section(&render("RB-001", &silent), "Diagnosis steps");
    assert!(
        text.contains("not known: no trace has reached the control plane"),
        "{text}"
    );
    // A frame that is judged long after it was drawn is stale, and no figure of it is given as present.
    let (slo, world) = (slo(), world());
    let mut scene = Scene::of(&slo, &world, None);
    scene.now = scene
        .now
        .saturating_add(jiff::SignedDuration::from_mins(10))
        .unwrap();
    let text = section(&library().render("RB-001", &scene).unwrap(), "Diagnosis steps");
    assert!(
        text.contains("nothing new for 600 s") && !text.contains("begin there"),
        "{text}"
    );
}

#[test]
fn steps_that_are_operations_carry_their_target() {
    let runbook = render("RB-003", &world());
    let targets: Vec<&Target> = runbook.actions().map(|(_, target)| target).collect();
    let (us, eu): (RegionId, RegionId) = ("us-east-1".parse().unwrap(), "eu-west-1".parse().unwrap());
    assert!(
        targets.contains(&&Target::RegionFailover {
            region: us.clone(),
            to: eu
        }),
        "{targets:?}"
    );
    assert!(targets.contains(&&Target::Restore { region: us }));
    for (command, target) in runbook.actions() {
        assert_eq!(command.line, target.plan_command(false));
        assert!(runbook.markdown.contains(&command.line));
    }
    // Every command that shows a plan carries it.
    for command in commands(&runbook) {
        assert_eq!(
            command.action.is_some(),
            command.line.starts_with("aisoc-console plan"),
            "{}",
            command.line
        );
    }
}

#[test]
fn what_there_is_not_is_named() {
    let (slo, world) = (slo(), world());
    let unknown = library()
        .render("RB-099\u{1b}[0m", &Scene::empty(&slo))
        .unwrap_err();
    assert!(
        unknown.to_string().contains("there are RB-001, RB-002"),
        "{unknown}"
    );
    assert!(!unknown.to_string().contains('\u{1b}'));
    let nowhere: RegionId = "mars-1".parse().unwrap();
    let error = library()
        .render("RB-003", &Scene::of(&slo, &world, Some(&nowhere)))
        .unwrap_err();
    assert!(matches!(error, RunbookError::UnknownRegion { .. }), "{error}");
    assert_eq!(
        library()
            .render("region-failover", &Scene::empty(&slo))
            .unwrap()
            .summary
            .id,
        "RB-003"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Names come from whoever can send spans, summaries from whoever can change a rule.
    #[test]
    fn nothing_from_outside_becomes_a_section_or_a_command(name in "\\PC{0,40}|[\\x00-\\x7f]{0,60}") {
        let mut world = world();
        let us: RegionId = "us-east-1".parse().unwrap();
        add(&mut world, &us, "api", (&name, NodeKind::Service), Some(3.0));
        add(&mut world, &us, &name, ("api", NodeKind::Service), Some(3.0));
        for alert in world.alerts.values_mut() {
            alert.summary.clone_from(&name);
        }
        let expected: Vec<String> = commands(&render("RB-001", &self::world())).iter().map(|c| c.line.clone()).collect();
        let runbook = render("RB-001", &world);
        let found: Vec<String> = commands(&runbook).iter().map(|c| c.line.clone()).collect();
        prop_assert_eq!(found, expected);
        prop_assert!(!runbook.markdown.chars().any(|c| c.is_control() && c != '\n'));
    }
}
