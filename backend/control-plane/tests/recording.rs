//! A control plane is killed while it records: what it recorded is there, whole, and the next one goes on.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use aisoc_control_plane::world::Frames;
use aisoc_control_plane::world::recording::{Limits, Recorder, Shelf};
use aisoc_model::world::World;
use aisoc_model::{Clock, SystemClock};
use aisoc_rpc::recording::{About, Tape};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// Names the directory for the process that is killed.
const DIRECTORY: &str = "AISOC_TEST_RECORDING";
const LIMITS: Limits = Limits {
    age_ms: 3_600_000,
    bytes: 16 * 1024 * 1024,
};

struct Recording(Child);

impl Recording {
    /// This test's own program, as the process that records.
    fn start(directory: &Path) -> Self {
        let child = Command::new(std::env::current_exe().unwrap())
            .args(["--ignored", "--exact", "records_until_it_is_killed"])
            .env(DIRECTORY, directory)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self(child.unwrap())
    }

    fn kill(&mut self) {
        self.0.kill().unwrap();
        assert_eq!(self.0.wait().unwrap().signal(), Some(9));
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Draws and records as fast as it can, the number of the frame in a reason of a region.
#[tokio::test]
#[ignore = "the process that the test below kills"]
async fn records_until_it_is_killed() {
    let Some(directory) = std::env::var_os(DIRECTORY) else {
        return;
    };
    let mut world: World = serde_json::from_str(include_str!("../../../assets/screens/world.json")).unwrap();
    let frames = Frames::new(world.head.clone());
    let recorder = Recorder {
        shelf: Arc::new(Shelf::open(directory, LIMITS).unwrap()),
        about: About {
            control_plane: "killed".into(),
            version: "0".into(),
            left_out: vec![],
        },
        clock: Arc::new(SystemClock),
    };
    tokio::spawn(recorder.run(frames.follow(), CancellationToken::new()));
    for number in 0_u64.. {
        world.head.at = SystemClock.now();
        let region = world.regions.values_mut().next().unwrap();
        region.reasons = vec![number.to_string()];
        frames.publish(world.clone());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    files
}

#[test]
fn a_killed_control_plane_loses_nothing_that_it_recorded() {
    let directory = tempfile::tempdir().unwrap();
    for round in 1..=3_usize {
        let mut process = Recording::start(directory.path());
        let deadline = Instant::now() + Duration::from_mins(1);
        let grown = |round: usize| {
            files(directory.path())
                .get(round - 1)
                .is_some_and(|file| std::fs::metadata(file).unwrap().len() > 24_000)
        };
        while !grown(round) {
            assert!(Instant::now() < deadline, "nothing is recorded");
            std::thread::sleep(Duration::from_millis(5));
        }
        process.kill();
        let written: u64 = std::fs::metadata(&files(directory.path())[round - 1])
            .unwrap()
            .len();
        let shelf = Shelf::open(directory.path(), LIMITS).unwrap();
        let segments = shelf.segments();
        assert_eq!(segments.len(), round);
        // At most the record that was being written is gone.
        let last = segments.last().unwrap();
        assert!(
            last.bytes <= written && written - last.bytes < 16_000,
            "{last:?} {written}"
        );
        let mut tape = Tape::read(std::fs::read(&last.path).unwrap()).unwrap();
        assert_eq!(tape.torn(), None);
        let mut before = None;
        for index in 0..tape.marks().len() {
            let world = tape.world(index).unwrap();
            let number: u64 = world.regions.values().next().unwrap().reasons[0].parse().unwrap();
            assert!(before.is_none_or(|before| before < number), "{before:?} {number}");
            before = Some(number);
        }
    }
}
