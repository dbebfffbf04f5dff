//! Figures of a large world: how long a frame of each page takes, a delta to be understood, a key in the filter and in
//! the palette; then the program itself in a terminal, with a frame every second. Prints; asserts nothing.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    dead_code,
    missing_docs
)]

#[path = "../src/fixture/mod.rs"]
mod fixture;
#[path = "../tests/support/mod.rs"]
mod support;

use aisoc_console::capabilities::Capabilities;
use aisoc_console::keys::{Code, Key};
use aisoc_console::message::Message;
use aisoc_console::model::Model;
use aisoc_console::page::Page;
use aisoc_console::snapshot;
use aisoc_console::update::update;
use aisoc_model::world::{Delta, World};
use fixture::many;
use std::hint::black_box;
use std::time::{Duration, Instant};
use support::control_plane::ControlPlane;
use support::program::{Program, Setting};

const ROUNDS: usize = 10;
/// Seconds over which the program is watched.
const WATCHED: u64 = 20;

fn median(mut run: impl FnMut()) -> Duration {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            run();
            began.elapsed()
        })
        .collect();
    took.sort();
    took[ROUNDS / 2]
}

fn line(what: &str, took: Duration) {
    println!("{what:<44}{:>10.2} ms", took.as_secs_f64() * 1_000.0);
}

/// A second later: every twentieth indicator and lag has another value.
fn a_second(world: &mut World) {
    let at = world.head.at + jiff::SignedDuration::from_secs(1);
    for reading in world.slis.values_mut().step_by(20) {
        if let Some(value) = reading.value.value {
            reading.value.set(value * 1.1, at);
        }
    }
    for link in world.links.values_mut().step_by(20) {
        if let Some(value) = link.lag_seconds.value {
            link.lag_seconds.set(value * 1.1, at);
        }
    }
}

/// The frame a second later.
fn a_second_later(world: &World) -> World {
    let mut next = world.clone();
    a_second(&mut next);
    next.head.seq += 1;
    next.head.at = world.head.at + jiff::SignedDuration::from_secs(1);
    next
}

/// Types a text key by key; how long each took until the screen was drawn.
fn keys(model: &mut Model, text: &str) -> Vec<Duration> {
    text.chars()
        .map(|letter| {
            let began = Instant::now();
            let at = model.now;
            update(model, Message::Key(Key::plain(Code::Char(letter)), at));
            black_box(snapshot::draw(model, Capabilities::FULL));
            began.elapsed()
        })
        .collect()
}

/// Types something ten times, and says how long a key took: in the middle and at most.
fn typed(what: &str, model: &Model, open: char, text: &str) {
    let mut took: Vec<Duration> = (0..ROUNDS)
        .flat_map(|_| {
            let mut model = model.clone();
            keys(&mut model, &open.to_string());
            keys(&mut model, text)
        })
        .collect();
    took.sort();
    line(what, took[took.len() / 2]);
    line(&format!("{what}, the slowest key"), took[took.len() - 1]);
}

/// The program at 200x50 on a world that changes every second.
fn program(world: World) {
    let plane = ControlPlane::start(world);
    let mut setting = Setting::new(&plane.address);
    setting.size = (200, 50);
    let mut program = Program::start(&setting);
    program.wait_for("● live");
    let seconds = |program: &mut Program, seconds: u64| {
        for _ in 0..seconds {
            plane.happens(a_second);
            plane.wait_frames(1);
            program.drain();
        }
    };
    seconds(&mut program, 3);
    let (bytes, cpu, at) = (program.bytes(), program.cpu(), Instant::now());
    seconds(&mut program, WATCHED);
    let passed = at.elapsed().as_secs_f64();
    println!(
        "the program: {:.0} bytes/s, {:.2} CPU s/min, RSS {:.1} MiB",
        (program.bytes() - bytes) as f64 / passed,
        program.cpu().saturating_sub(cpu).as_secs_f64() / passed * 60.0,
        program.rss() as f64 / 1_048_576.0
    );
}

fn main() {
    let world = many::many();
    println!(
        "{} regions, {} processes, {} links, {} alerts; {}",
        world.regions.len(),
        world.processes.len(),
        world.links.len(),
        world.alerts.len(),
        if cfg!(debug_assertions) {
            "a build with debug assertions"
        } else {
            "an optimised build"
        }
    );
    for page in Page::all() {
        let model = Model::still(world.clone(), page, (200, 50));
        line(
            &format!("frame of {page}, 200x50"),
            median(|| drop(black_box(snapshot::draw(&model, Capabilities::FULL)))),
        );
    }
    let alerts = Model::still(world.clone(), "alerts".parse().unwrap(), (200, 50));
    typed("a key in the filter", &alerts, '/', "region=eu-* age>10min ready");
    typed("a key in the palette", &alerts, ':', "acknowledge eu-we 17");
    let next = a_second_later(&world);
    let delta = serde_json::to_vec(&world.delta_to(&next)).unwrap();
    let whole = serde_json::to_vec(&world).unwrap();
    println!("snapshot {} bytes, delta {} bytes", whole.len(), delta.len());
    line(
        "delta: decode",
        median(|| drop(black_box(serde_json::from_slice::<Delta>(&delta).unwrap()))),
    );
    let parsed: Delta = serde_json::from_slice(&delta).unwrap();
    let mut worlds: Vec<World> = (0..ROUNDS).map(|_| world.clone()).collect();
    line(
        "delta: apply",
        median(|| worlds.pop().unwrap().apply(parsed.clone()).unwrap()),
    );
    line(
        "snapshot: decode",
        median(|| drop(black_box(serde_json::from_slice::<World>(&whole).unwrap()))),
    );
    program(world);
}
