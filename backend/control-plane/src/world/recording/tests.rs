use super::keeper::Keeper;
use super::*;
use crate::world::example;
use aisoc_rpc::recording::{Tape, start};
use std::fs;
use std::io::Read;
use std::path::Path;

const LARGE: Limits = Limits {
    age_ms: 86_400_000,
    bytes: 64 * 1024 * 1024,
};

fn about() -> About {
    About {
        control_plane: "cp".into(),
        version: "0".into(),
        left_out: vec![],
    }
}

fn shelf(directory: &Path, limits: Limits) -> Arc<Shelf> {
    Arc::new(Shelf::open(directory, limits).unwrap())
}

/// The example's world, so many seconds later; something is different each second.
fn world(second: i64) -> World {
    let mut world = example::world();
    world.head.at += jiff::SignedDuration::from_secs(second);
    let us = world.regions.get_mut(&example::us()).unwrap();
    us.reasons = vec![format!("second {second}")];
    world
}

fn at(second: i64) -> i64 {
    world(second).head.at.as_millisecond()
}

/// What would be sent of a range.
fn fetched(shelf: &Shelf, from: i64, to: i64) -> Tape {
    let mut bytes = start();
    for extent in shelf.extents(from, to).unwrap() {
        let whole = fs::read(&extent.path).unwrap();
        let begin = usize::try_from(extent.offset).unwrap();
        let length = usize::try_from(extent.bytes).unwrap();
        bytes.extend_from_slice(&whole[begin..begin + length]);
    }
    Tape::read(bytes).unwrap()
}

#[test]
fn a_range_begins_with_the_whole_frame_before_it() {
    let directory = tempfile::tempdir().unwrap();
    let shelf = shelf(directory.path(), LARGE);
    let mut keeper = Keeper::new(Arc::clone(&shelf), about());
    for second in (0..1_500).filter(|s| s % 10 == 0 || (590..=612).contains(s)) {
        keeper.frame(&world(second));
    }
    // Ten minutes are a segment.
    assert_eq!(shelf.segments().len(), 3);
    let mut tape = fetched(&shelf, at(595), at(610));
    assert_eq!(tape.span(), (at(540), at(610)));
    let index = tape.index(at(601));
    assert_eq!(*tape.world(index).unwrap(), world(601));
    assert_eq!(tape.about(), None);
    assert!(shelf.extents(at(2_000), at(3_000)).unwrap().is_empty());
}

#[test]
fn what_is_too_old_or_too_much_goes() {
    let directory = tempfile::tempdir().unwrap();
    let shelf = shelf(
        directory.path(),
        Limits {
            age_ms: 1_200_000,
            bytes: 64 * 1024 * 1024,
        },
    );
    let mut keeper = Keeper::new(Arc::clone(&shelf), about());
    for second in 0..60 {
        keeper.frame(&world(second * 50));
    }
    let kept = shelf.segments();
    assert_eq!((kept.len(), kept[0].from), (3, at(1_200)));
    let files = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(files, 3);

    let small = tempfile::tempdir().unwrap();
    let bytes = 200_000;
    let shelf = self::shelf(small.path(), Limits { bytes, ..LARGE });
    let mut keeper = Keeper::new(Arc::clone(&shelf), about());
    for second in 0..300 {
        keeper.frame(&world(second * 40));
    }
    let on_disk: u64 = fs::read_dir(small.path())
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    assert!(on_disk <= bytes + shelf.segment_bytes() + 20_000, "{on_disk}");
    assert_eq!(shelf.segments().last().unwrap().to, at(11_960));
}

#[test]
fn what_a_kill_left_half_written_is_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = {
        let shelf = shelf(directory.path(), LARGE);
        let mut keeper = Keeper::new(Arc::clone(&shelf), about());
        for second in 0..20 {
            keeper.frame(&world(second));
        }
        shelf.segments()[0].path.clone()
    };
    let whole = fs::read(&path).unwrap();
    for cut in [1, 20, 30] {
        fs::write(&path, &whole[..whole.len() - cut]).unwrap();
        let shelf = shelf(directory.path(), LARGE);
        let segment = shelf.segments()[0].clone();
        assert_eq!(fs::metadata(&path).unwrap().len(), segment.bytes);
        assert_eq!(segment.to, at(18));
        let mut tape = fetched(&shelf, at(0), at(100));
        assert_eq!(tape.torn(), None);
        let last = tape.marks().len() - 1;
        assert_eq!(*tape.world(last).unwrap(), world(18));
    }
    // Nothing whole in it: it goes.
    fs::write(&path, &whole[..40]).unwrap();
    assert!(shelf(directory.path(), LARGE).segments().is_empty());
    assert!(!path.exists());
}

#[test]
fn a_damaged_segment_is_used_up_to_there_and_not_touched() {
    let directory = tempfile::tempdir().unwrap();
    let path = {
        let shelf = shelf(directory.path(), LARGE);
        let mut keeper = Keeper::new(Arc::clone(&shelf), about());
        for second in 0..20 {
            keeper.frame(&world(second));
        }
        shelf.segments()[0].path.clone()
    };
    let mut whole = fs::read(&path).unwrap();
    let place = whole.len() - 200;
    whole[place] ^= 1;
    fs::write(&path, &whole).unwrap();
    let shelf = shelf(directory.path(), LARGE);
    assert_eq!(fs::read(&path).unwrap(), whole);
    let tape = fetched(&shelf, at(0), at(100));
    assert!(tape.span().1 < at(19));
}

#[test]
fn a_disk_that_refuses_leaves_a_gap_and_no_half_record() {
    let directory = tempfile::tempdir().unwrap();
    let place = directory.path().join("recording");
    let shelf = shelf(&place, LARGE);
    let mut keeper = Keeper::new(Arc::clone(&shelf), about());
    keeper.frame(&world(0));
    keeper.frame(&world(1));
    // The next segment cannot be made: its directory is a file.
    fs::rename(&place, directory.path().join("away")).unwrap();
    fs::write(&place, "").unwrap();
    keeper.frame(&world(700));
    keeper.beat(at(705));
    fs::remove_file(&place).unwrap();
    fs::rename(directory.path().join("away"), &place).unwrap();
    keeper.frame(&world(710));
    let mut tape = fetched(&shelf, at(0), at(800));
    assert_eq!(tape.gap_after(1), Some((at(1), at(710))));
    assert_eq!(*tape.world(2).unwrap(), world(710));
}

#[tokio::test]
async fn a_term_is_recorded_and_nothing_after_it() {
    let directory = tempfile::tempdir().unwrap();
    let shelf = shelf(directory.path(), LARGE);
    let frames = crate::world::Frames::new(example::head(0, example::now()));
    let term = CancellationToken::new();
    let recorder = Recorder {
        shelf: Arc::clone(&shelf),
        about: about(),
        clock: Arc::new(aisoc_model::SystemClock),
    };
    let task = tokio::spawn(recorder.run(frames.follow(), term.clone()));
    tokio::task::yield_now().await;
    frames.publish(world(1));
    let deadline = std::time::Instant::now() + Duration::from_secs(30);
    while shelf.segments().iter().all(|segment| segment.bytes < 500) {
        assert!(std::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    term.cancel();
    task.await.unwrap();
    frames.publish(world(2));
    let mut file = fs::File::open(&shelf.segments()[0].path).unwrap();
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).unwrap();
    let tape = Tape::read(bytes).unwrap();
    assert_eq!((tape.marks().len(), tape.about()), (1, Some(&about())));
}
