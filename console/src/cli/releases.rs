//! Releases: what is in force, how it came to be, and in what revisions differ.

use super::args::{OutputFormat, ReleasesCommand};
use super::connect::{self, Settings};
use super::exit::{CliError, Exit};
use super::print;
use super::table::columns;
use aisoc_model::inventory::{Change, Parallel, ParallelState, Release, Revision, difference};
use aisoc_model::text::sanitize;
use aisoc_model::world::World;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// `releases …`.
///
/// # Errors
/// See [`CliError`].
pub async fn run(
    settings: &Settings,
    format: OutputFormat,
    command: ReleasesCommand,
) -> Result<Exit, CliError> {
    let world = connect::world(settings).await?;
    match command {
        ReleasesCommand::List => print(format, &world.releases, || list(&world.releases, world.head.at))?,
        ReleasesCommand::History { release } => {
            let release = find(&world, &release)?;
            print(format, &release.history, || history(release))?;
        }
        ReleasesCommand::Diff { release, from, to } => {
            let release = find(&world, &release)?;
            let (from, to) = ends(release, from, to)?;
            let changes = difference(&from.settings, &to.settings);
            print(format, &changes, || diff(release, from, to, &changes))?;
        }
    }
    Ok(Exit::Ok)
}

fn find<'a>(world: &'a World, name: &str) -> Result<&'a Release, CliError> {
    world.releases.get(name).ok_or_else(|| {
        let known: Vec<&str> = world.releases.keys().map(String::as_str).collect();
        let known = if known.is_empty() {
            "none is known: the control plane has no release driver, or has not seen it yet".to_owned()
        } else {
            format!("the releases are {}", known.join(", "))
        };
        CliError::Usage(format!("there is no release '{}'; {known}", sanitize(name, 80)))
    })
}

/// The two revisions: by default what a rollback would leave and where it would lead.
fn ends(release: &Release, from: Option<u32>, to: Option<u32>) -> Result<(&Revision, &Revision), CliError> {
    let numbered = |number: u32| {
        let found = release.history.iter().find(|r| r.number == number);
        found.ok_or_else(|| {
            CliError::Usage(format!(
                "{} has no revision {number}; see `aisoc-console releases history {}`",
                release.name, release.name
            ))
        })
    };
    let from = match from {
        Some(number) => numbered(number)?,
        None => release
            .interrupted()
            .or_else(|| release.current())
            .ok_or_else(|| CliError::Usage(format!("{} has no revision in force", release.name)))?,
    };
    let to = match to {
        Some(number) => numbered(number)?,
        None => release.rollback_target().ok_or_else(|| {
            CliError::Usage(format!(
                "{} has no earlier good revision to compare with: name two",
                release.name
            ))
        })?,
    };
    Ok((from, to))
}

/// One release a line.
fn list(releases: &BTreeMap<String, Release>, now: Timestamp) -> String {
    if releases.is_empty() {
        return "no release is known: the control plane has no release driver, or has not seen it yet\n"
            .to_owned();
    }
    let rows: Vec<[String; 6]> = releases
        .values()
        .map(|release| {
            let current = release.current();
            [
                release.name.clone(),
                release.region.to_string(),
                current.map_or_else(|| "none".to_owned(), |r| r.number.to_string()),
                going_on(release),
                release
                    .rollback_target()
                    .map_or_else(|| "none".to_owned(), |r| r.number.to_string()),
                release
                    .parallel
                    .as_ref()
                    .map_or_else(String::new, |p| parallel(p, now)),
            ]
        })
        .collect();
    columns(
        [
            "RELEASE",
            "REGION",
            "IN FORCE",
            "ROLLOUT",
            "GOOD BEFORE",
            "BLUE/GREEN",
        ],
        &rows,
    )
}

fn going_on(release: &Release) -> String {
    match (&release.rollout, release.interrupted()) {
        (Some(rollout), _) => sanitize(rollout, 60),
        (None, Some(revision)) => format!("INTERRUPTED at {}", revision.number),
        (None, None) => "none".to_owned(),
    }
}

/// The other half of a blue/green release, with what is left of its window.
fn parallel(parallel: &Parallel, now: Timestamp) -> String {
    let state = match &parallel.state {
        ParallelState::Starting => "starting".to_owned(),
        ParallelState::Ready => "ready".to_owned(),
        ParallelState::Unready(why) => format!("UNREADY: {}", sanitize(why, 60)),
    };
    let left = parallel.keep_until.map_or_else(String::new, |until| {
        let seconds = aisoc_model::clock::millis_between(now, until).div_ceil(1_000);
        match seconds {
            0 => ", window over: may be deleted".to_owned(),
            s => format!(", kept for {}:{:02}", s / 60, s % 60),
        }
    });
    format!("{} {state}{left}", parallel.colour.word())
}

/// The revisions, the newest last.
fn history(release: &Release) -> String {
    let rows: Vec<[String; 5]> = release
        .history
        .iter()
        .map(|revision| {
            let cut_off = release.interrupted().is_some_and(|r| r.number == revision.number);
            let left = release.rolled_back_from(&revision.settings);
            let mark = match (cut_off, left) {
                (true, _) => " (interrupted)",
                (false, true) => " (rolled back)",
                (false, false) => "",
            };
            let settings: Vec<String> = revision
                .settings
                .iter()
                .map(|(k, v)| format!("{k}={v}"))
                .collect();
            [
                revision.number.to_string(),
                format!("{}{mark}", revision.status.word()),
                revision.at.strftime("%Y-%m-%d %H:%M:%SZ").to_string(),
                sanitize(&settings.join(" "), 100),
                sanitize(&revision.description, 120),
            ]
        })
        .collect();
    columns(["REV", "STATUS", "MADE", "SETTINGS", "DESCRIPTION"], &rows)
}

fn diff(release: &Release, from: &Revision, to: &Revision, changes: &[Change]) -> String {
    let mut text = format!(
        "{} from revision {} ({}) to revision {} ({})\n",
        release.name,
        from.number,
        from.status.word(),
        to.number,
        to.status.word()
    );
    if changes.is_empty() {
        text.push_str("  no setting differs\n");
    }
    for change in changes {
        let show = |value: &Option<String>| value.as_deref().map_or("unset".to_owned(), |v| sanitize(v, 120));
        let _ = writeln!(
            text,
            "  {}: {} -> {}",
            sanitize(&change.key, 80),
            show(&change.from),
            show(&change.to)
        );
    }
    text
}
