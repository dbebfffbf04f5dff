//! What is written can be read, what is cut off is read as far as it goes, and what is damaged is refused.

use super::*;
use aisoc_model::topology::EnvironmentKind;
use aisoc_model::world::{Coordination, Source, World};
use jiff::Timestamp;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// 2026-11-22T12:00:00Z.
const BEGIN: i64 = 1_795_348_800_000;

fn world(at: i64, sources: &BTreeMap<String, u32>) -> World {
    let mut world = World::empty(aisoc_model::world::Head {
        seq: 0,
        at: Timestamp::from_millisecond(at).unwrap(),
        environment: "local".into(),
        environment_kind: EnvironmentKind::Local,
        control_plane: "cp".into(),
        version: "0".into(),
        started_at: Timestamp::UNIX_EPOCH,
        coordination: Coordination::default(),
    });
    for (name, failures) in sources {
        let source = Source {
            last_success: (failures % 2 == 0).then_some(world.head.at),
            problem: (failures % 3 == 0).then(|| "x".repeat(*failures as usize)),
            failures: *failures,
            lost_after_ms: 5_000,
        };
        world.sources.insert(name.clone(), source);
    }
    world
}

fn about() -> About {
    About {
        control_plane: "cp".into(),
        version: "0".into(),
        left_out: vec![],
    }
}

/// A recording of some worlds, and where each record ends.
fn recorded(worlds: &[World]) -> (Vec<u8>, Vec<usize>) {
    let mut bytes = start();
    bytes.extend(Writer::about(&about(), BEGIN).unwrap());
    let mut ends = vec![bytes.len()];
    let mut writer = Writer::default();
    for world in worlds {
        bytes.extend(writer.frame(world).unwrap());
        ends.push(bytes.len());
    }
    (bytes, ends)
}

fn worlds() -> impl Strategy<Value = Vec<World>> {
    let sources = prop::collection::btree_map("[a-d]{1,2}", 0u32..40, 0..8);
    let steps = prop::collection::vec((sources, 1i64..40_000), 1..20);
    steps.prop_map(|steps| {
        let mut at = BEGIN;
        let mut all = Vec::new();
        for (sources, step) in steps {
            all.push(world(at, &sources));
            at += step;
        }
        all
    })
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i32>().prop_map(Value::from),
        "[a-c+.-]{0,3}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map("[a-c+.-]{0,2}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_patch_makes_the_new_of_the_old(mut old in any_value(), new in any_value()) {
        if let Some(patch) = patch::between(&old, &new) {
            patch::apply(&mut old, patch).unwrap();
            prop_assert_eq!(old, new);
        } else {
            prop_assert!(!(old.is_object() && new.is_object()));
        }
    }

    #[test]
    fn a_patch_for_another_document_is_no_panic(mut document in any_value(), patch in any_value()) {
        let _ = patch::apply(&mut document, patch);
    }

    #[test]
    fn what_is_written_is_read(worlds in worlds(), order in prop::collection::vec(any::<prop::sample::Index>(), 1..12)) {
        let (bytes, _) = recorded(&worlds);
        let mut tape = Tape::read(bytes).unwrap();
        prop_assert_eq!(tape.marks().len(), worlds.len());
        prop_assert_eq!(tape.torn(), None);
        prop_assert_eq!(tape.about(), Some(&about()));
        // In any order, forwards and back.
        for index in order {
            let at = index.index(worlds.len());
            prop_assert_eq!(&*tape.world(at).unwrap(), &worlds[at]);
            prop_assert_eq!(tape.index(worlds[at].head.at.as_millisecond()), at);
        }
    }

    #[test]
    fn what_is_cut_off_is_read_as_far_as_it_goes(worlds in worlds(), cut in any::<prop::sample::Index>()) {
        let (mut bytes, ends) = recorded(&worlds);
        let length = cut.index(bytes.len() + 1);
        bytes.truncate(length);
        let whole = ends.iter().skip(1).filter(|end| **end <= length).count();
        match Tape::read(bytes) {
            Ok(mut tape) => {
                prop_assert_eq!(tape.marks().len(), whole);
                prop_assert_eq!(tape.torn().is_none(), ends.contains(&length));
                prop_assert_eq!(&*tape.world(whole - 1).unwrap(), &worlds[whole - 1]);
            }
            Err(RecordingError::Empty) => prop_assert_eq!(whole, 0),
            Err(RecordingError::NotARecording) => prop_assert!(length < START),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn a_flipped_bit_is_refused(worlds in worlds(), place in any::<prop::sample::Index>(), bit in 0u8..8) {
        let (mut bytes, _) = recorded(&worlds);
        let place = place.index(bytes.len());
        bytes[place] ^= 1 << bit;
        match Tape::read(bytes) {
            Err(RecordingError::NotARecording) => prop_assert!(place < MAGIC.len()),
            Err(RecordingError::Version { .. }) => prop_assert!((MAGIC.len()..START).contains(&place)),
            Err(RecordingError::Damaged { at, .. }) => prop_assert!(at <= place),
            // The two bytes that mean nothing yet.
            Ok(_) => prop_assert!((MAGIC.len() + 2..START).contains(&place)),
            Err(error) => prop_assert!(false, "{}", error),
        }
    }

    #[test]
    fn any_bytes_are_no_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..400), framed in any::<bool>()) {
        if framed {
            // Good checksums around nonsense.
            let mut whole = start();
            for kind in [Kind::Key, Kind::Patch] {
                whole.extend(record::Head::of(kind, BEGIN, 40, &bytes).unwrap().bytes());
                whole.extend_from_slice(&bytes);
            }
            bytes = whole;
        }
        if let Ok(mut tape) = Tape::read(bytes) {
            for index in 0..tape.marks().len() {
                let _ = tape.world(index);
            }
        }
    }
}

#[test]
fn beats_are_moments_and_silence_is_a_gap() {
    let first = world(BEGIN, &BTreeMap::new());
    let mut writer = Writer::default();
    assert_eq!(writer.beat(BEGIN), None);
    let mut bytes = start();
    bytes.extend(writer.frame(&first).unwrap());
    bytes.extend(writer.beat(BEGIN + 5_000).unwrap());
    bytes.extend(writer.beat(BEGIN + 40_000).unwrap());
    let mut tape = Tape::read(bytes).unwrap();
    assert_eq!(tape.span(), (BEGIN, BEGIN + 40_000));
    assert_eq!(tape.gap_after(0), None);
    assert_eq!(tape.gap_after(1), Some((BEGIN + 5_000, BEGIN + 40_000)));
    assert_eq!(*tape.world(2).unwrap(), first);
}

#[test]
fn there_is_a_whole_frame_each_minute_and_one_after_the_other_is_smaller() {
    let many: BTreeMap<String, u32> = (0..100).map(|n| (format!("source-{n}"), n)).collect();
    let worlds: Vec<World> = (0..121).map(|s| world(BEGIN + s * 1_000, &many)).collect();
    let (bytes, ends) = recorded(&worlds);
    let tape = Tape::read(bytes).unwrap();
    let keys: Vec<usize> = (0..121).filter(|i| tape.marks()[*i].kind == Kind::Key).collect();
    assert_eq!(keys, [0, 60, 120]);
    let size = |index: usize| ends[index + 1] - ends[index];
    assert!(size(1) * 2 < size(0), "{} {}", size(1), size(0));
}

#[test]
fn another_version_says_which() {
    let (mut bytes, _) = recorded(&[world(BEGIN, &BTreeMap::new())]);
    bytes[8] = 7;
    let error = Tape::read(bytes).unwrap_err();
    assert_eq!(error, RecordingError::Version { found: 7 });
    assert!(error.to_string().contains("format 7"), "{error}");
}

#[test]
fn a_frame_of_another_model_says_when_and_what() {
    let mut bytes = start();
    bytes.extend(Writer::default().value(BEGIN, json!({"head": 1})).unwrap());
    let error = Tape::read(bytes).unwrap().world(0).unwrap_err().to_string();
    assert!(
        error.contains("2026-11-22T12:00:00Z") && error.contains("version"),
        "{error}"
    );
}

#[test]
fn what_happens_is_found_in_both_directions() {
    let alert = |state: &str| json!({"alerts": {"k": {"rule": "Lag", "region": "eu", "subject": null, "state": state}}});
    let operation = |state: &str| {
        json!({"alerts": {}, "operations": {"0123456789": {
            "state": state, "plan": {"request": {"target": {"kind": "region_failover", "region": "us"}}}}}})
    };
    let frames = [
        json!({"alerts": {}}),
        alert("pending"),
        alert("firing"),
        alert("firing"),
        alert("resolved"),
        operation("running"),
        operation("done"),
        alert("firing"),
        json!({}),
    ];
    let mut bytes = start();
    let mut writer = Writer::default();
    for (second, frame) in (0_i64..).zip(frames) {
        bytes.extend(writer.value(BEGIN + second * 1_000, frame).unwrap());
    }
    let mut tape = Tape::read(bytes).unwrap();
    let found = |index, what: &str| Search::Found {
        index,
        what: vec![what.to_owned()],
    };
    assert_eq!(
        tape.happens_after(0, 100).unwrap(),
        found(2, "alert Lag eu fires")
    );
    assert_eq!(
        tape.happens_after(2, 100).unwrap(),
        found(4, "alert Lag eu is over")
    );
    assert_eq!(
        tape.happens_after(4, 100).unwrap(),
        found(5, "region-failover us (01234567) running")
    );
    assert_eq!(tape.happens_after(8, 100).unwrap(), Search::Nothing);
    assert_eq!(tape.happens_after(2, 1).unwrap(), Search::Until(3));
    assert_eq!(
        tape.happens_before(8, 100).unwrap(),
        found(7, "alert Lag eu fires")
    );
    assert_eq!(
        tape.happens_after(7, 100).unwrap(),
        found(8, "alert Lag eu is over")
    );
    assert_eq!(
        tape.happens_before(6, 100).unwrap(),
        found(5, "region-failover us (01234567) running")
    );
    assert_eq!(
        tape.happens_before(4, 100).unwrap(),
        found(2, "alert Lag eu fires")
    );
    assert_eq!(tape.happens_before(2, 100).unwrap(), Search::Nothing);
    assert_eq!(tape.happens_before(6, 1).unwrap(), Search::Until(5));
}
