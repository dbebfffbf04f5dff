//! kill -9 at any moment: nothing acknowledged is lost, nothing is doubled; a full disk costs no restart.
//!
//! The test starts itself again as a child (`crash_child`), which accepts records, prints each one it
//! acknowledged, and moves them to a bus of its own; the test kills it and looks at what is left.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod common;

use aisoc_bus::Bus;
use common::{SOON, TOPIC, entry, fan_out};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

const CHILD_DIR: &str = "AISOC_TEST_CRASH_DIR";
const CHILD_ROUND: &str = "AISOC_TEST_CRASH_ROUND";

/// Not a test of its own: does nothing unless a test started it as a child.
#[tokio::test(flavor = "multi_thread")]
async fn crash_child() {
    let Ok(dir) = std::env::var(CHILD_DIR) else { return };
    let round = std::env::var(CHILD_ROUND).unwrap();
    let dir = Path::new(&dir);
    let spool = common::spool(&dir.join("spool"), &["us"]);
    let bus = Bus::Embedded(common::bus(&dir.join("bus")));
    let _us = fan_out(&spool, "us", "us", bus);
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..4 {
        let (spool, round) = (spool.clone(), round.clone());
        tasks.spawn(async move {
            for n in 0.. {
                let text = format!("{round}/{writer}/{n}");
                // Long enough that the log is flushed and compacted meanwhile.
                spool
                    .append(vec![entry(&format!("{text}.{}", "x".repeat(3000)))])
                    .await
                    .unwrap();
                // One write, so that a kill never leaves half a line that looks like another record.
                let line = format!("ack {text}.\n");
                std::io::stdout().write_all(line.as_bytes()).unwrap();
            }
        });
    }
    while tasks.join_next().await.is_some() {}
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start_child(dir: &Path, round: usize) -> Running {
    let child = Command::new(std::env::current_exe().unwrap())
        .args(["crash_child", "--exact", "--nocapture"])
        .env(CHILD_DIR, dir)
        .env(CHILD_ROUND, round.to_string())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    Running(child)
}

#[tokio::test(flavor = "multi_thread")]
async fn kill_nine_loses_nothing_acknowledged_and_doubles_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let mut acknowledged = BTreeSet::new();
    // Different depths, so that the kill falls into different moments: start, full flight, after a flush.
    for (round, acks) in [1, 40, 400, 90, 3000].into_iter().enumerate() {
        let mut child = start_child(dir.path(), round);
        let mut lines = BufReader::new(child.0.stdout.take().unwrap()).lines();
        let mut seen = 0;
        while seen < acks {
            let line = lines.next().expect("the child ended early").unwrap();
            seen += usize::from(note(&mut acknowledged, &line));
        }
        child.0.kill().unwrap();
        // What it still had said before it died counts as well.
        for line in lines.map_while(Result::ok) {
            note(&mut acknowledged, &line);
        }
        child.0.wait().unwrap();
    }
    let spool = common::spool(&dir.path().join("spool"), &["us"]);
    let bus = Bus::Embedded(common::bus(&dir.path().join("bus")));
    let _us = fan_out(&spool, "us", "us", bus.clone());
    tokio::time::timeout(SOON, spool.drained())
        .await
        .expect("the spool was not delivered after the crash");
    let there = common::all(&bus, TOPIC).await;
    assert!(
        common::doubled(&there).is_empty(),
        "doubled: {:?}",
        common::doubled(&there)
    );
    let there: BTreeSet<String> = there
        .iter()
        .filter_map(|text| text.split_once('.').map(|(name, _)| name.to_owned()))
        .collect();
    let lost: Vec<_> = acknowledged.difference(&there).collect();
    assert!(
        lost.is_empty(),
        "{} of {} acknowledged records are lost",
        lost.len(),
        acknowledged.len()
    );
    assert!(acknowledged.len() >= 3531);
}

/// Notes an acknowledgement; the harness may have printed before it on the same line.
fn note(acknowledged: &mut BTreeSet<String>, line: &str) -> bool {
    let text = line
        .split_once("ack ")
        .and_then(|(_, rest)| rest.strip_suffix('.'));
    text.is_some_and(|text| acknowledged.insert(text.to_owned()))
}

/// A small file system that really fills up. Needs the right to mount; without it the reserve test
/// (`retention.rs`) is what covers a full disk.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    fn mount(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={size}"), "aisoc-test"])
            .arg(dir.path())
            .stderr(Stdio::null())
            .status();
        mounted.is_ok_and(|status| status.success()).then_some(Self(dir))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_fills_up_refuses_and_recovers_without_a_restart() {
    use aisoc_bus::disk::Reserve;
    use aisoc_bus::spool::{Spool, SpoolConfig};
    use std::fmt::Write as _;
    let Some(disk) = Tmpfs::mount("24m") else {
        eprintln!("no right to mount a small file system: not run");
        return;
    };
    let path = disk.0.path().join("spool");
    // Without a reserve the write itself runs into the end of the disk.
    let config = SpoolConfig {
        reserve: Reserve { bytes: 0, percent: 0 },
        ..SpoolConfig::new(&path)
    };
    let spool = Spool::open(
        config,
        &[common::region("us")],
        std::sync::Arc::new(aisoc_model::SystemClock),
    )
    .unwrap();
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 14 << 20]).unwrap();
    // Random-looking text, so that compression does not make room.
    let text = |n: usize| {
        let mut state = n as u64 + 1;
        let mut text = format!("{n}:");
        for _ in 0..12_000 {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            write!(text, "{:x}", state >> 32).unwrap();
        }
        text
    };
    let mut acknowledged = Vec::new();
    let mut refused = 0;
    for n in 0..400 {
        match spool.append(vec![entry(&text(n))]).await {
            Ok(_) => acknowledged.push(text(n)),
            Err(error) => {
                refused += 1;
                assert!(error.is_transient(), "{error}");
                if refused == 3 {
                    break;
                }
            }
        }
    }
    assert_eq!(refused, 3, "the disk did not fill up");
    std::fs::remove_file(&ballast).unwrap();
    let again = text(1000);
    tokio::time::timeout(SOON, async {
        while let Err(error) = spool.append(vec![entry(&again)]).await {
            assert!(error.is_transient(), "{error}");
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
    })
    .await
    .expect("the spool did not recover after space was freed");
    acknowledged.push(again);
    let bus_dir = tempfile::tempdir().unwrap();
    let bus = Bus::Embedded(common::bus(bus_dir.path()));
    let _us = fan_out(&spool, "us", "us", bus.clone());
    tokio::time::timeout(SOON, spool.drained()).await.unwrap();
    let there: BTreeSet<String> = common::all(&bus, TOPIC).await.into_iter().collect();
    let lost = acknowledged.iter().filter(|text| !there.contains(*text)).count();
    assert_eq!(lost, 0, "of {} acknowledged", acknowledged.len());
}
