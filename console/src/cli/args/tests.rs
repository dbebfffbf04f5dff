//! The command line is consistent, and what others start with it is understood.

use super::{Args, Command};
use crate::cli::wanted::Asked;
use aisoc_model::fence::FenceKind;
use aisoc_model::plan::{DRAIN_DEADLINE_SECONDS, Target};
use aisoc_model::{ClusterName, RegionId};
use clap::{CommandFactory, Parser};

#[test]
fn the_command_line_is_consistent() {
    Args::command().debug_assert();
}

/// The words of the line of a file that begins so.
fn line(file: &str, begin: &str) -> Vec<String> {
    let found = file.lines().find_map(|line| line.trim().strip_prefix(begin));
    found.unwrap().split_whitespace().map(str::to_owned).collect()
}

#[test]
fn what_deploy_starts_is_understood() {
    let wall = line(
        include_str!("../../../../deploy/wall/aisoc-wall.service"),
        "ExecStart=",
    );
    let args = Args::try_parse_from(wall).unwrap();
    assert!(args.wall && args.config.is_some() && args.command.is_none());
    let bastion = line(
        include_str!("../../../../deploy/bastion/aisoc-bastion.conf"),
        "ForceCommand exec ",
    );
    let args = Args::try_parse_from(bastion).unwrap();
    assert!(matches!(args.command, Some(Command::Captive { .. })));
}

#[test]
fn acting_needs_confirmation_and_reason() {
    for missing in [
        vec!["drain", "us-east-1"],
        vec!["drain", "us-east-1", "--confirm", "us-east-1"],
    ] {
        let line = std::iter::once("aisoc-console").chain(missing);
        assert!(Args::try_parse_from(line).is_err());
    }
    let line = [
        "aisoc-console",
        "failover",
        "--to",
        "eu-west-1",
        "--confirm",
        "x",
        "--reason",
        "y",
        "--wait",
    ];
    assert!(Args::try_parse_from(line).is_ok());
}

/// A command as a shell would split it; runbooks quote nothing but what this understands.
fn words(line: &str) -> Vec<String> {
    line.split(' ')
        .map(|word| word.trim_matches('\'').to_owned())
        .collect()
}

#[test]
fn the_command_of_a_target_leads_to_it() {
    let region = || "us-east-1".parse::<RegionId>().unwrap();
    let to = || "eu-west-1".parse::<RegionId>().unwrap();
    let release = || "aisoc-us-east-1".to_owned();
    let cluster = || "eu".parse::<ClusterName>().unwrap();
    for target in [
        Target::Drain {
            region: region(),
            deadline_seconds: DRAIN_DEADLINE_SECONDS,
            expires_seconds: aisoc_model::plan::DRAIN_SECONDS,
        },
        Target::Drain {
            region: region(),
            deadline_seconds: 5,
            expires_seconds: 90,
        },
        Target::RenewDrain {
            region: region(),
            expires_seconds: 60,
        },
        Target::Restore { region: region() },
        Target::Failover {
            cluster: cluster(),
            to: to(),
        },
        Target::EmergencyFailover {
            cluster: cluster(),
            to: to(),
            proof: None,
        },
        Target::EmergencyFailover {
            cluster: cluster(),
            to: to(),
            proof: Some(FenceKind::Sworn),
        },
        Target::Fence {
            cluster: cluster(),
            region: region(),
        },
        Target::Rejoin {
            cluster: cluster(),
            region: region(),
        },
        Target::RegionFailover {
            region: region(),
            to: to(),
        },
        Target::Promote {
            to: to(),
            allow_data_loss: false,
        },
        Target::Promote {
            to: to(),
            allow_data_loss: true,
        },
        Target::Rollback {
            release: release(),
            revision: Some(3),
        },
        Target::GreenDeploy {
            release: release(),
            settings: [("api.inject_latency_ms".to_owned(), "5".to_owned())].into(),
        },
        Target::GreenSwitch { release: release() },
        Target::GreenCancel { release: release() },
        Target::BlueDelete { release: release() },
    ] {
        let line = target.plan_command(true);
        let args = Args::try_parse_from(words(&line)).unwrap();
        let Some(Command::Plan { target: planned }) = args.command else {
            panic!("{line} is no plan")
        };
        let wanted = Asked::from(planned).wanted;
        assert_eq!(wanted.named(), Some(&target), "{line}");
    }
}

#[test]
fn runbooks_use_commands_that_there_are() {
    use aisoc_model::runbook::Block;
    use aisoc_runbooks::{Library, Scene};
    let slo = aisoc_model::slo::Slo::builtin().unwrap();
    let text = include_str!("../../../../assets/screens/world.json");
    let world: aisoc_model::world::World = serde_json::from_str(text).unwrap();
    let library = Library::builtin().unwrap();
    let mut seen = 0;
    for id in library.ids() {
        for scene in [Scene::empty(&slo), Scene::of(&slo, &world, None)] {
            let runbook = library.render(id, &scene).unwrap();
            for block in runbook.sections.iter().flat_map(|section| &section.blocks) {
                let Block::Step(step) = block else { continue };
                for command in &step.commands {
                    if !command.line.starts_with("aisoc-console") {
                        continue;
                    }
                    seen += 1;
                    // Capitals stand for a name that nobody knows yet.
                    let line = command.line.replace("REGION", "eu-west-1");
                    let parsed = Args::try_parse_from(words(&line));
                    assert!(parsed.is_ok(), "{id}: {line}: {}", parsed.unwrap_err());
                    let planned = match parsed.unwrap().command {
                        Some(Command::Plan { target }) => {
                            Some(Asked::from(target).wanted.in_world(&world).unwrap())
                        }
                        _ => None,
                    };
                    if let Some(action) = &command.action {
                        assert_eq!(planned.as_ref(), Some(action), "{id}: {line}");
                    }
                }
            }
        }
    }
    assert!(seen > 20, "{seen} commands of the console");
}

#[test]
fn a_renewal_takes_a_length_of_time() {
    let line = [
        "aisoc-console",
        "drain-renew",
        "us-east-1",
        "--for",
        "30m",
        "--reason",
        "longer",
    ];
    assert!(Args::try_parse_from(line).is_ok());
}

#[test]
fn among_several_database_clusters_none_is_guessed() {
    let text = include_str!("../../../../assets/screens/world.json");
    let mut world: aisoc_model::world::World = serde_json::from_str(text).unwrap();
    let wanted = |line: &[&str]| {
        let line = ["aisoc-console", "plan"].iter().chain(line);
        let Some(Command::Plan { target }) = Args::try_parse_from(line).unwrap().command else {
            panic!("it is no plan")
        };
        Asked::from(target).wanted
    };
    let one = wanted(&["failover", "--to", "eu-west-1"]).in_world(&world);
    assert_eq!(one.unwrap().cluster().unwrap().as_str(), "main");
    let eu: ClusterName = "eu".parse().unwrap();
    for name in ["us-east-1", "eu-west-1"] {
        let region = world.regions.get_mut(&name.parse().unwrap()).unwrap();
        // Its writers are where those of the other one are not.
        let mut member = region.postgres.values().next().unwrap().clone();
        let role = if name == "eu-west-1" {
            aisoc_model::region::PostgresRole::Writer
        } else {
            aisoc_model::region::PostgresRole::Replica
        };
        member.value.as_mut().unwrap().role = role;
        region.postgres.insert(eu.clone(), member);
    }
    for line in [
        &["failover", "--to", "eu-west-1"][..],
        &["failover", "--to", "eu-west-1", "--emergency"],
        &["failover", "--to", "us-east-1"],
        &["fence", "us-east-1"],
        &["rejoin", "us-east-1"],
    ] {
        let refused = wanted(line).in_world(&world).unwrap_err();
        assert!(
            refused.contains("2 database clusters have a member in"),
            "{refused}"
        );
        assert!(refused.contains("eu (writer eu-west-1)"), "{refused}");
        assert!(
            refused.contains("main (") && refused.contains("--cluster NAME"),
            "{refused}"
        );
        let named = [line, &["--cluster", "eu"]].concat();
        assert_eq!(wanted(&named).in_world(&world).unwrap().cluster(), Some(&eu));
    }
    let only = wanted(&["rejoin", "ap-southeast-1"]).in_world(&world);
    assert_eq!(only.unwrap().cluster().unwrap().as_str(), "main");
}
