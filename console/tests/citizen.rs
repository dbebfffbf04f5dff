//! The program as a guest of the terminal: what it switches on, what it leaves alone, and what it says besides cells.
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

use aisoc_model::alert::{AlertState, Severity};
use aisoc_model::world::World;
use std::process::Command;
use std::time::{Duration, Instant};
use support::control_plane::ControlPlane;
use support::program::{Program, Setting, ends_without_its_terminal};

const PATIENCE: Duration = Duration::from_secs(30);

fn raw(program: &Program) -> String {
    String::from_utf8_lossy(program.raw()).into_owned()
}

/// An alert that pages begins to fire.
fn page(world: &mut World, rule: &str) {
    let (_, mut alert) = fixture::incident().alerts.into_iter().next().unwrap();
    rule.clone_into(&mut alert.rule);
    alert.severity = Severity::P1;
    alert.state = AlertState::Firing;
    alert.acknowledged = None;
    alert.since = world.head.at;
    alert.fired_at = Some(world.head.at);
    world.alerts.insert(rule.to_owned(), alert);
}

#[test]
fn the_mouse_is_left_alone_unless_it_is_wanted() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut program = Program::start(&Setting::on(&plane));
    program.wait_for("● live");
    program.write(b"\x1b[<0;3;2M");
    program.quit();
    assert!(!raw(&program).contains("[?1000") && !raw(&program).contains("[?1006"));

    let mut setting = Setting::on(&plane);
    setting.config = "mouse = true\n".to_owned();
    let mut program = Program::start(&setting);
    program.wait_for("● live");
    let text = program.text();
    let row = text.lines().position(|line| line.contains("2 Lag")).unwrap();
    let column = text.lines().nth(row).unwrap().find("2 Lag").unwrap();
    program.write(format!("\x1b[<0;{};{}M", column + 2, row + 1).as_bytes());
    program.wait_for("worst lag");
    program.write(b"\x1b[<65;5;9M");
    program.quit();
    let written = raw(&program);
    for mode in ["1000", "1006"] {
        assert_eq!(written.matches(&format!("[?{mode}h")).count(), 1, "{mode}");
        assert_eq!(written.matches(&format!("[?{mode}l")).count(), 1, "{mode}");
    }
    for mode in ["1001", "1002", "1003", "1005", "1015"] {
        assert!(!written.contains(&format!("[?{mode}h")), "{mode}");
    }
}

#[test]
fn a_hang_up_that_the_parent_ignores_still_ends_it() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut setting = Setting::on(&plane);
    setting.hang_up_ignored = true;
    ends_without_its_terminal(&plane, setting);
}

#[test]
fn on_a_slow_line_it_still_leaves_and_restores() {
    let plane = ControlPlane::start(fixture::incident());
    let mut setting = Setting::on(&plane);
    setting.size = (200, 50);
    setting.rate = 4_000;
    let mut program = Program::start(&setting);
    plane.wait_watched();
    program.wait_raw("AiSOC Regions");
    let pressed = Instant::now();
    program.write(b"q");
    assert_eq!(program.wait_exit(PATIENCE), Some(0));
    println!(
        "left {} ms after the key, on 4 KB/s",
        pressed.elapsed().as_millis()
    );
    program.wait_raw("\u{1b}[?1049l");
}

#[test]
fn a_linux_console_gets_what_its_font_has() {
    let plane = ControlPlane::start(fixture::incident());
    let mut setting = Setting::on(&plane);
    setting.variables = vec![("TERM", "linux")];
    setting.config = "runbook-url = \"https://wiki/{id}\"\n".to_owned();
    let mut program = Program::start(&setting);
    program.wait_for("is DOWN");
    program.write(b"4y");
    program.wait_for("keeps no text");
    plane.happens(|world| page(world, "NewPage"));
    program.wait_raw("\u{7}");
    program.quit();
    let written = raw(&program);
    for deep in ["38;5", "38;2", "48;5", "48;2", "\u{1b}]"] {
        assert!(!written.contains(deep), "{deep:?}");
    }
    let strange = written
        .chars()
        .find(|c| !c.is_ascii() && !"─│┌┐└┘├┤┬┴┼█▀▄░▒←↑→↓●·▲▼►◄".contains(*c));
    assert_eq!(strange, None);
}

#[test]
fn one_frame_is_one_write_between_marks_and_a_quiet_world_wakes_no_one() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut program = Program::start(&Setting::on(&plane));
    program.wait_for("● live");
    plane.change_every_second();
    plane.wait_frames(4);
    plane.stay_as_is();
    plane.wait_beats(2);
    program.drain();
    let written = raw(&program);
    let frames = written.matches("\u{1b}[?2026h").count();
    assert_eq!(written.matches("\u{1b}[?2026l").count(), frames);
    // Nothing is drawn outside of the marks, but for what takes the terminal.
    let outside: String = written
        .split("\u{1b}[?2026h")
        .map(|part| part.rsplit("\u{1b}[?2026l").next().unwrap_or_default())
        .collect();
    assert_eq!(outside, "\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l");
    let (writes, woken) = program.thread("terminal-write");
    // To the terminal, and to wake up the loop that waits for it.
    assert!(writes <= 2 * frames as u64, "{writes} writes for {frames} frames");
    let (_, reader) = program.thread("terminal-read");
    plane.wait_beats(3);
    assert_eq!(program.thread("terminal-write"), (writes, woken));
    assert_eq!(program.thread("terminal-read").1, reader);
    program.quit();
}

#[test]
fn a_frozen_view_writes_nothing_while_the_world_goes_on() {
    let plane = ControlPlane::start(fixture::incident());
    let mut program = Program::start(&Setting::on(&plane));
    program.wait_for("● live");
    program.write(b" ");
    program.wait_for("FROZEN at");
    program.drain();
    let (written, drawn) = (program.bytes(), program.thread("terminal-write"));
    plane.change_every_second();
    plane.wait_frames(4);
    plane.stay_as_is();
    plane.wait_beats(2);
    program.drain();
    assert_eq!(program.bytes(), written);
    assert_eq!(program.thread("terminal-write"), drawn);
    // What pages rings all the same, once, and the screen still stands.
    plane.happens(|world| page(world, "Meanwhile"));
    program.wait_raw("\u{7}");
    program.wait_for("FROZEN at");
    assert!(!program.text().contains("Meanwhile"));
    program.write(b" ");
    program.wait_until("it goes on", |text| !text.contains("FROZEN"));
    program.quit();
}

#[test]
fn what_begins_to_page_rings_once_and_not_too_often() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut program = Program::start(&Setting::on(&plane));
    program.wait_for("● live");
    plane.happens(|world| page(world, "First"));
    program.wait_raw("]777;notify;AiSOC P1");
    for rule in ["Second", "Third", "Fourth"] {
        plane.happens(|world| page(world, rule));
    }
    plane.wait_frames(1);
    program.drain();
    let written = raw(&program);
    assert!(written.contains("\u{1b}]9;AiSOC P1"));
    assert_eq!(
        written.matches("]777;notify").count(),
        1,
        "within ten seconds there is one"
    );
    program.quit();

    let mut setting = Setting::on(&plane);
    setting.config = "notify = false\n".to_owned();
    let mut program = Program::start(&setting);
    program.wait_for("● live");
    plane.happens(|world| page(world, "Fifth"));
    plane.wait_frames(1);
    program.drain();
    assert!(!raw(&program).contains('\u{7}'));
    program.quit();
}

#[test]
fn copies_and_links_by_the_terminal() {
    let plane = ControlPlane::start(fixture::incident());
    let mut setting = Setting::on(&plane);
    setting.config = "runbook-url = \"https://wiki.example.org/{id}\"\n".to_owned();
    let mut program = Program::start(&setting);
    program.wait_for("is DOWN");
    program.write(b"1y");
    // us-east-1
    program.wait_raw("\u{1b}]52;c;dXMtZWFzdC0x\u{7}");
    program.write(b"4");
    program.wait_raw("\u{1b}]8;;https://wiki.example.org/RB-");
    program.quit();
    let written = raw(&program);
    assert!(written.rfind("\u{1b}]8;;\u{1b}\\").unwrap() > written.rfind("\u{1b}]8;;https").unwrap());
}

#[test]
fn text_from_servers_is_never_a_command_to_the_terminal() {
    let mut world = fixture::incident();
    for alert in world.alerts.values_mut() {
        alert.summary = "\u{1b}]0;owned\u{7}\u{1b}[2J\u{202e}日本evil".to_owned();
    }
    for region in world.regions.values_mut() {
        region.reasons = vec!["\u{9b}31mevil\u{8}\u{8}".to_owned()];
    }
    let plane = ControlPlane::start(world);
    let mut program = Program::start(&Setting::on(&plane));
    program.wait_for("evil");
    program.write(b"4");
    program.wait_for("firing");
    program.drain();
    let written = raw(&program);
    for bad in ["\u{1b}]0", "\u{7}", "\u{202e}", "日", "\u{9b}", "\u{8}"] {
        assert!(!written.contains(bad), "{bad:?}");
    }
    program.quit();
}

#[test]
fn sentences_instead_of_a_screen() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut setting = Setting::on(&plane);
    setting.variables = vec![("ACCESSIBLE", "1")];
    let mut program = Program::start(&setting);
    program.wait_raw("Region us-east-1, primary, is healthy");
    plane.happens(|world| page(world, "First"));
    program.wait_raw("is firing, not acknowledged.");
    plane.hang_up();
    program.wait_raw("The connection is lost");
    plane.listen_again();
    program.wait_raw("Connected to");
    let written = raw(&program);
    assert!(!written.contains('\u{1b}'), "{written}");
    assert!(
        !written.chars().any(|c| ('\u{2500}'..='\u{257f}').contains(&c)),
        "{written}"
    );
    program.write(b"q\r");
    assert_eq!(program.wait_exit(PATIENCE), Some(0));
}

#[test]
fn a_wall_can_only_be_left() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut setting = Setting::on(&plane);
    setting.arguments = vec!["--wall".to_owned()];
    let mut program = Program::start(&setting);
    program.wait_for("next: Lag");
    for key in ["\x1b[15~", "\x1b[18~", ":", "/", "2", "\r", "?", "\x1a", "\x1b"] {
        program.write(key.as_bytes());
    }
    plane.happens(|world| page(world, "First"));
    // The alert takes the screen, and with it the countdown.
    program.wait_until("the alert", |text| !text.contains("next:"));
    assert!(plane.executed().is_empty());
    program.quit();
    assert!(!raw(&program).contains("[?1000"));
}

#[test]
fn settings_are_checked_and_shown() {
    let console = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_aisoc-console"))
            .args(arguments)
            .env_remove("AISOC_CONFIG")
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.code(), text)
    };
    let (code, printed) = console(&["--print-default-config"]);
    assert_eq!(code, Some(0));
    let good = support::program::token_file(&printed);
    let (code, text) = console(&["config", "check", good.path().to_str().unwrap()]);
    assert_eq!(code, Some(0), "{text}");
    let bad = support::program::token_file("mouse = true\nthem = \"light\"\n[keys]\ndrain = \"d\"\n");
    let (code, text) = console(&["config", "check", bad.path().to_str().unwrap()]);
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains(":2: unknown setting 'them': did you mean 'theme'?"),
        "{text}"
    );
    assert!(text.contains(":4: drain acts, and d is editing in vi"), "{text}");
    // What is wrong stops the program, too, before it touches the terminal.
    let (code, _) = console(&["--config", bad.path().to_str().unwrap(), "status"]);
    assert_eq!(code, Some(2));
}

#[test]
fn keys_and_theme_of_ones_own() {
    let plane = ControlPlane::start(fixture::healthy());
    let mut setting = Setting::on(&plane);
    setting.config =
        "theme = \"high-contrast\"\npage = \"lag\"\n[keys]\ndrain = \"F10\"\nquit = [\"x\"]\n".to_owned();
    let mut program = Program::start(&setting);
    program.wait_for("worst lag");
    program.wait_for("F10 drain");
    program.write(b":theme dark\r");
    program.wait_until("the palette is closed", |text| !text.contains("Palette"));
    program.write(b"\x1b[21~");
    program.wait_for("This console only looks");
    program.write(b"\x1b");
    program.wait_until("the question is closed", |text| !text.contains("only looks"));
    program.write(b"x");
    assert_eq!(program.wait_exit(PATIENCE), Some(0));
    // White on black was painted.
    assert!(raw(&program).contains("48;5;16"));
}
