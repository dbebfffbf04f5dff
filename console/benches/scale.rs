//! Figures of a large world: how long a frame of each page takes, a delta to be understood, a filter, the palette.
//! Prints; asserts nothing.
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

use aisoc_console::capabilities::Capabilities;
use aisoc_console::model::Model;
use aisoc_console::page::Page;
use aisoc_console::{palette, snapshot};
use aisoc_model::world::{Delta, World};
use fixture::many;
use std::hint::black_box;
use std::time::{Duration, Instant};

const ROUNDS: usize = 10;

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

/// The frame a second later: every twentieth indicator and lag has another value, everything was seen again.
fn a_second_later(world: &World) -> World {
    let mut next = world.clone();
    next.head.seq += 1;
    let at = world.head.at + jiff::SignedDuration::from_secs(1);
    next.head.at = at;
    for reading in next.slis.values_mut().step_by(20) {
        if let Some(value) = reading.value.value {
            reading.value.set(value * 1.1, at);
        }
    }
    for link in next.links.values_mut().step_by(20) {
        if let Some(value) = link.lag_seconds.value {
            link.lag_seconds.set(value * 1.1, at);
        }
    }
    next
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
    let mut model = Model::still(world.clone(), "alerts".parse().unwrap(), (200, 50));
    model
        .filters
        .insert(model.page, "region=eu-* age>10min".to_owned());
    line(
        "filter over all alerts",
        median(|| drop(black_box(model.table()))),
    );
    line(
        "palette: four letters over everything",
        median(|| drop(black_box(palette::matches(&model, "drn eu")))),
    );
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
}
