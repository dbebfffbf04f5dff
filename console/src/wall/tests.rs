//! The wall at its sizes, and what it may and may not do.

use super::*;
use crate::capabilities::{Capabilities, Colors, Glyphs};
use crate::connection::Connection;
use crate::fixture::{self, now};
use crate::snapshot::{Style, print};
use aisoc_model::alert::Severity;
use aisoc_model::world::World;
use jiff::SignedDuration;

const SIZES: [(u16, u16); 3] = [(80, 24), (200, 50), (400, 110)];

fn wall(world: World, size: (u16, u16), seconds: i64) -> Wall {
    let times = crate::config::Config::default().wall;
    let mut wall = Wall::new("http://127.0.0.1:7700", times, size, now());
    wall.hear(SourceEvent::Snapshot(Box::new(world)), now());
    wall.began = now() - SignedDuration::from_secs(seconds);
    wall
}

/// Nothing pages.
fn quiet(mut world: World) -> World {
    for alert in world.alerts.values_mut().filter(|a| a.severity == Severity::P1) {
        alert.severity = Severity::P2;
    }
    world
}

fn pages(size: (u16, u16)) -> Vec<(&'static str, Wall)> {
    let mut lost = wall(fixture::healthy(), size, 0);
    lost.model.now = now() + SignedDuration::from_secs(190);
    lost.model.connection = Connection::Lost {
        since: now() + SignedDuration::from_secs(2),
        why: "no control plane at http://127.0.0.1:7700: connection refused".to_owned(),
        retry_at: None,
    };
    let incident = || quiet(fixture::incident());
    let mut page = fixture::incident();
    if let Some(alert) = page.alerts.values_mut().next() {
        alert.severity = Severity::P1;
        alert.acknowledged = None;
    }
    vec![
        ("overview-healthy", wall(fixture::healthy(), size, 4)),
        ("overview-incident", wall(incident(), size, 21)),
        ("lag", wall(incident(), size, 31)),
        ("slis", wall(incident(), size, 73)),
        ("alerts", wall(incident(), size, 115)),
        ("map", wall(incident(), size, 157)),
        ("map-healthy", wall(fixture::healthy(), size, 157)),
        ("runbooks", wall(incident(), size, 199)),
        ("runbooks-healthy", wall(fixture::healthy(), size, 199)),
        ("alarm", wall(page, size, 0)),
        ("lost", lost),
        (
            "waiting",
            Wall::new(
                "http://127.0.0.1:7700",
                crate::config::Config::default().wall,
                size,
                now(),
            ),
        ),
    ]
}

fn drawn(wall: &Wall, name: Name, capabilities: Capabilities) -> Buffer {
    let (width, height) = wall.model.size;
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    draw::draw(wall, &Theme::named(name, capabilities), &mut buffer);
    buffer
}

#[test]
fn every_page_as_text() {
    for size in [(80, 24), (400, 110)] {
        let mut all = String::new();
        for (name, wall) in pages(size) {
            let text = print(&drawn(&wall, Name::Deuteranopia, Capabilities::FULL), Style::Text);
            all.extend(["== ", name, "\n", text.as_str()]);
        }
        insta::assert_snapshot!(format!("wall@{}x{}", size.0, size.1), all);
    }
}

/// Writes every picture with colours into the directory of `AISOC_LOOK`, to be looked at.
#[test]
fn pictures_to_look_at() {
    let Ok(directory) = std::env::var("AISOC_LOOK") else {
        return;
    };
    for size in SIZES {
        for (name, wall) in pages(size) {
            let file = format!("{directory}/wall-{name}@{}x{}.ansi", size.0, size.1);
            let buffer = drawn(&wall, Name::Deuteranopia, Capabilities::FULL);
            std::fs::write(file, print(&buffer, Style::Ansi)).unwrap();
        }
    }
}

#[test]
fn an_alert_that_pages_takes_the_screen_and_the_overview_comes_back() {
    let mut page = fixture::incident();
    let key = page.alerts.keys().next().unwrap().clone();
    let alert = page.alerts.get_mut(&key).unwrap();
    alert.severity = Severity::P1;
    alert.acknowledged = None;
    let mut wall = wall(page.clone(), (80, 24), 0);
    assert!(sheet::alarm(&wall.model).is_some());
    wall.tell_time(now() + SignedDuration::from_secs(100));
    let mut calm = quiet(page);
    calm.head.at = now() + SignedDuration::from_secs(101);
    wall.hear(
        SourceEvent::Snapshot(Box::new(calm)),
        now() + SignedDuration::from_secs(101),
    );
    assert!(sheet::alarm(&wall.model).is_none());
    let turn = wall.turn();
    assert_eq!((turn.view, turn.left), (rotation::View::Overview, 29));
}

#[test]
fn a_lost_connection_shows_when_the_last_good_frame_was() {
    for size in SIZES {
        let (_, lost) = pages(size).into_iter().find(|(name, _)| *name == "lost").unwrap();
        let text = print(&drawn(&lost, Name::Dark, Capabilities::PLAIN), Style::Text);
        // On a large screen it is in letters.
        if size.1 < 60 {
            assert!(text.contains("last good 12:00:00 UTC"), "{text}");
        }
        assert!(!text.contains("healthy"), "{text}");
    }
}

#[test]
fn only_leaving_means_anything() {
    let printable = (b' '..=b'~').map(|b| Key::char(char::from(b)));
    let controls = (b'a'..=b'z').map(|b| Key::ctrl(char::from(b)));
    let functions = (1..=12).map(|n| Key::plain(Code::F(n)));
    let all = printable.chain(controls).chain(functions);
    let leaving: Vec<String> = all
        .filter(|key| leaves(*key))
        .map(|key| key.to_string())
        .collect();
    assert_eq!(leaving, ["Q", "q", "^C"]);
}

#[test]
fn every_size_and_every_terminal() {
    for size in [(1, 1), (24, 8), (80, 24), (400, 110)] {
        for (name, wall) in pages(size) {
            let buffer = drawn(&wall, Name::Mono, Capabilities::PLAIN);
            assert!(print(&buffer, Style::Text).is_ascii(), "{name}");
            let console = Capabilities {
                colors: Colors::Ansi16,
                glyphs: Glyphs::Console,
            };
            let _ = drawn(&wall, Name::Tritanopia, console);
        }
    }
}
