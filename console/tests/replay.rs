//! Recordings, by the real program: played in a terminal, told as sentences, gone through beside the present, exported.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    missing_docs
)]

#[allow(dead_code)]
#[path = "../src/fixture/mod.rs"]
mod fixture;
#[allow(dead_code)]
mod support;

use aisoc_model::operation::OperationState;
use aisoc_model::plan::OperationKind;
use aisoc_model::region::Health;
use aisoc_rpc::recording::Tape;
use fixture::recording;
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::process::{Command, Output};
use support::control_plane::ControlPlane;
use support::program::{Program, Setting, token_file};
use tempfile::TempDir;

/// A recording from 12:00:00 to 12:01:59, in a file.
fn saved(directory: &TempDir) -> String {
    let file = directory.path().join("incident.rec");
    let end = fixture::now() + SignedDuration::from_secs(recording::SECONDS - 1);
    std::fs::write(&file, recording::ending(end)).unwrap();
    file.display().to_string()
}

fn replaying(file: &str, more: &[&str]) -> Setting {
    // Nobody is there to connect to.
    let mut setting = Setting::new("http://127.0.0.1:1");
    setting.arguments = vec!["replay".to_owned(), file.to_owned()];
    setting
        .arguments
        .extend(more.iter().map(|word| (*word).to_owned()));
    setting
}

fn console(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_aisoc-console"));
    command.args(arguments);
    command.env_remove("AISOC_STATE_DIR").env_remove("AISOC_ENDPOINT");
    command.output().unwrap()
}

#[test]
fn a_file_is_played_paused_and_gone_through() {
    let directory = tempfile::tempdir().unwrap();
    let mut program = Program::start(&replaying(&saved(&directory), &["--paused"]));
    program.wait_for("REPLAY 12:00:00");
    program.wait_for("paused");
    // No action is there to be begun.
    program.write(b"\x1b[15~");
    program.wait_for("this is a replay: nothing can be done to what was");
    // The next thing that happened: the incident.
    program.write(b"n");
    program.wait_for("REPLAY 12:00:40");
    program.wait_for("fires");
    program.write(b"4");
    program.wait_for("Region does not pass its health check");
    program.write(b">");
    program.wait_for("REPLAY 12:00:50");
    program.write(b"<<");
    program.wait_for("REPLAY 12:00:30");
    program.write(b"+++++ ");
    program.wait_for("paused at the end");
    program.wait_for("REPLAY 12:01:59");
    // It begins again.
    program.write(b" ");
    program.wait_for("REPLAY 12:00:");
    program.quit();
}

#[test]
fn a_live_console_goes_back_in_time_and_returns() {
    let plane = ControlPlane::start(fixture::healthy());
    let now = Timestamp::now();
    plane.has_recorded(recording::ending(now));
    let mut program = Program::start(&Setting::new(&plane.address));
    program.wait_for("● live");
    program.write(b"4N");
    program.wait_for("REPLAY");
    program.wait_for("ago");
    // The end of the incident is what happened last; before it is the incident.
    program.wait_for("is over");
    program.write(b"<");
    program.wait_for("Region does not pass its health check");
    plane.wait_beats(1);
    assert!(program.text().contains("REPLAY") && !program.text().contains("● live"));
    program.write(b"\x1b");
    program.wait_for("● live");
    program.wait_until("no replay", |screen| !screen.contains("REPLAY"));
    program.quit();
    assert!(plane.executed().is_empty());
}

#[test]
fn a_live_console_says_when_nothing_is_recorded() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut program = Program::start(&Setting::new(&plane.address));
    program.wait_for("● live");
    program.write(b"<");
    program.wait_for("nothing has been recorded yet");
    program.wait_for("● live");
    program.quit();
}

#[test]
fn a_recording_is_told_as_sentences_with_its_own_times() {
    let directory = tempfile::tempdir().unwrap();
    let told = console(&["--plain", "replay", &saved(&directory), "--speed", "64"]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(told.status.success(), "{text}");
    assert!(text.starts_with("12:00:00 This is a replay of"), "{text}");
    assert!(
        text.contains("12:00:4") && text.contains("AiSOCRegionDown") || text.contains("is firing"),
        "{text}"
    );
    assert!(
        text.trim_end().ends_with("12:01:59 The recording ends here."),
        "{text}"
    );
}

#[test]
fn a_moment_is_drawn_without_a_terminal() {
    let directory = tempfile::tempdir().unwrap();
    let file = saved(&directory);
    let drawn = console(&[
        "snapshot",
        "--page",
        "alerts",
        "--recording",
        &file,
        "--at",
        "12:00:50",
    ]);
    let text = String::from_utf8(drawn.stdout).unwrap();
    assert!(text.contains("REPLAY 2026-11-22 12:00:50 UTC"), "{text}");
    assert!(text.contains("Region does not pass its health check"), "{text}");
}

#[test]
fn what_is_no_recording_is_refused_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let file = saved(&directory);
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 4;
    let mut newer = whole.clone();
    newer[8] = 9;
    for (bytes, why) in [
        (b"{}".to_vec(), "not a recording"),
        (flipped, "damaged at byte"),
        (newer, "format 9"),
        (whole[..20].to_vec(), "no frame"),
    ] {
        std::fs::write(&file, bytes).unwrap();
        let refused = console(&["replay", &file]);
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains(why), "{said}");
        assert_eq!(refused.status.code(), Some(2), "{said}");
    }
    // Cut off while it was written: it is read as far as it goes, and that is said.
    std::fs::write(&file, &whole[..whole.len() - 5]).unwrap();
    let told = console(&["--plain", "replay", &file, "--speed", "64"]);
    assert!(told.status.success());
    assert!(
        String::from_utf8(told.stderr)
            .unwrap()
            .contains("ends within a record")
    );
}

/// What `export` writes and says.
fn exported(plane: &ControlPlane, file: &Path, more: &[&str]) -> (Tape, String) {
    let token = token_file("good");
    let mut arguments = vec!["--endpoint", &plane.address, "--token-file"];
    let token = token.path().display().to_string();
    arguments.push(&token);
    let shown = file.display().to_string();
    arguments.extend(["export", "--file", &shown]);
    arguments.extend(more);
    let done = console(&arguments);
    let said = String::from_utf8(done.stdout).unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    (Tape::read(std::fs::read(file).unwrap()).unwrap(), said)
}

#[test]
fn a_range_is_exported_without_names() {
    let directory = tempfile::tempdir().unwrap();
    let plane = ControlPlane::start(fixture::healthy());
    let now = Timestamp::now();
    plane.has_recorded(recording::ending(now));
    let file = directory.path().join("range.rec");
    let (mut tape, said) = exported(&plane, &file, &["--from", "70s"]);
    assert!(said.contains("left out: names of people"), "{said}");
    let (from, to) = tape.span();
    assert!((40_000..=75_000).contains(&(to - from)), "{from} {to}");
    assert_eq!(tape.about().unwrap().left_out.len(), 5);
    let text = tape.value(5).unwrap().to_string();
    assert!(text.contains("person-1") && !text.contains("alice"), "{text}");
    tape.world(5).unwrap();
    let (mut tape, said) = exported(&plane, &file, &["--from", "70s", "--keep-names"]);
    assert!(said.contains("nothing is left out"), "{said}");
    assert!(tape.value(5).unwrap().to_string().contains("alice"));
}

/// The recording that is shipped is understood to its end, and is what it says: a change of the vocabulary that makes it
/// unreadable is found here (`make recording` makes another one).
#[test]
fn the_shipped_recording_is_replayed_to_its_end() {
    let file = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../assets/recordings/region-failover.rec"
    );
    let bytes = std::fs::read(file).unwrap();
    assert!(bytes.len() < 300 * 1024, "{} bytes", bytes.len());
    let mut tape = Tape::read(bytes).unwrap();
    assert_eq!(tape.torn(), None);
    assert!(!tape.about().unwrap().left_out.is_empty());
    let (mut down, mut done, mut healthy) = (None, None, None);
    for index in 0..tape.marks().len() {
        let world = tape.world(index).unwrap();
        let all_well = world
            .regions
            .values()
            .all(|region| region.health == Health::Healthy);
        if world.regions.values().any(|region| region.health == Health::Down) {
            down = down.or(Some(index));
        }
        let failed_over = world.operations.values().any(|operation| {
            operation.plan.request.target.kind() == OperationKind::RegionFailover
                && operation.state == OperationState::Done
        });
        if failed_over {
            done = done.or(Some(index));
        }
        if all_well {
            healthy = Some(index);
        }
        let text = serde_json::to_string(&world).unwrap();
        assert!(
            !text.contains("127.0.0.1") && !text.contains("/tmp"),
            "frame {index}"
        );
    }
    // A fault, the failover, the recovery.
    assert!(
        down.is_some() && down < done && done < healthy,
        "{down:?} {done:?} {healthy:?}"
    );
    let told = console(&["--plain", "replay", file, "--speed", "64"]);
    let text = String::from_utf8(told.stdout).unwrap();
    assert!(
        told.status.success() && text.contains("The recording ends here."),
        "{text}"
    );
}
