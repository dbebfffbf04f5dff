//! No state looks like another one, and nothing raw reaches the terminal. Every page and dialog in every state, at every
//! size and with every kind of terminal is in [`matrix`].

mod matrix;
mod scene;

use crate::capabilities::Capabilities;
use crate::fixture::{self, ago};
use crate::model::Model;
use crate::page::Page;
use crate::snapshot::{Style, draw, print};
use aisoc_model::Observed;
use aisoc_model::world::World;
use jiff::SignedDuration;
use rstest::rstest;
use scene::{Dialog, State, live, lost, replay};

const SIZES: [(u16, u16); 4] = [(60, 15), (80, 24), (120, 40), (200, 50)];

fn text(model: &Model) -> String {
    print(&draw(model, Capabilities::FULL), Style::Text)
}

#[test]
fn a_replay_cannot_be_taken_for_live() {
    for size in SIZES.into_iter().chain([(23, 5), (40, 8)]) {
        for page in Page::all() {
            let shown = text(&replay(page, size));
            assert!(shown.contains("REPLAY") && !shown.contains("live"), "{shown}");
        }
    }
}

#[test]
fn a_lost_connection_cannot_look_healthy() {
    for size in SIZES {
        let model = lost(Page::OVERVIEW, size);
        let shown = text(&model);
        assert!(
            shown.contains("CONNECTION LOST") || shown.contains("✕ lost"),
            "{shown}"
        );
        assert!(!shown.contains("● healthy"), "{shown}");
        let buffer = draw(&model, Capabilities::FULL);
        let good = crate::theme::Theme::new(Capabilities::FULL)
            .style(crate::theme::Role::Good)
            .fg;
        assert!(buffer.content.iter().all(|cell| Some(cell.fg) != good));
    }
}

#[test]
fn a_map_at_120_by_40_whatever_else_is_to_be_said() {
    let mut model = live(&fixture::incident(), Page::OVERVIEW, (120, 40));
    model.frozen.clone_from(&model.world);
    let shown = text(&model);
    assert!(shown.contains("FROZEN") && shown.contains("DRILL") && shown.contains("failover"));
    assert!(shown.contains("▾") && shown.contains("◀"), "{shown}");
}

/// Seen again, unless its source is frozen.
fn again<T>(observed: &mut Observed<T>, by: SignedDuration, frozen: &str) {
    if observed.source != frozen {
        observed.observed_at = observed.observed_at.map(|at| at + by);
    }
}

/// The world so many milliseconds later: everything was seen again, but not what one source brings.
fn frozen_source(world: &World, milliseconds: i64, frozen: &str) -> World {
    let mut later = world.clone();
    let by = SignedDuration::from_millis(milliseconds);
    later.head.at = world.head.at + by;
    for region in later.regions.values_mut() {
        for probe in &mut region.api {
            again(&mut probe.health, by, frozen);
        }
        again(&mut region.traffic, by, frozen);
        for member in region.postgres.values_mut() {
            again(member, by, frozen);
        }
        again(&mut region.redis, by, frozen);
        again(&mut region.bus, by, frozen);
    }
    for link in later.links.values_mut() {
        again(&mut link.lag_seconds, by, frozen);
        again(&mut link.lag_amount, by, frozen);
        again(&mut link.state, by, frozen);
    }
    for reading in later.slis.values_mut() {
        again(&mut reading.value, by, frozen);
    }
    for reading in later.sla.values_mut() {
        again(&mut reading.figures, by, frozen);
    }
    for (name, source) in &mut later.sources {
        if name != frozen {
            source.last_success = source.last_success.map(|at| at + by);
        }
    }
    later
}

/// Every source of a world with its bound and a page that shows what it brings.
fn sources(world: &World) -> Vec<(String, u32, &'static str)> {
    let mut all = Vec::new();
    for region in world.regions.values() {
        let health = &region.api[0].health;
        all.push((health.source.clone(), health.stale_after_ms, "overview"));
        for member in region.postgres.values() {
            all.push((member.source.clone(), member.stale_after_ms, "overview"));
        }
        all.push((
            region.redis.source.clone(),
            region.redis.stale_after_ms,
            "overview",
        ));
        all.push((region.bus.source.clone(), region.bus.stale_after_ms, "overview"));
    }
    all.push(("haproxy".to_owned(), 5_000, "overview"));
    let links = world.links.values().map(|link| &link.lag_seconds);
    all.extend(links.map(|lag| (lag.source.clone(), lag.stale_after_ms, "lag")));
    all.push(("otlp".to_owned(), 10_000, "slis"));
    all.push(("incidents".to_owned(), 30_000, "sla"));
    all.push(("supervisor".to_owned(), 40_000, "services"));
    all.push(("supervisor".to_owned(), 40_000, "releases"));
    all
}

#[test]
fn each_frozen_source_is_seen_as_stale_within_its_bound() {
    let world = fixture::healthy();
    for (source, bound, page) in sources(&world) {
        let shown = |milliseconds: i64| {
            let later = frozen_source(&world, milliseconds, &source);
            text(&live(&later, page.parse().unwrap(), (200, 50)))
        };
        let bound = i64::from(bound);
        assert!(!shown(bound).contains('◌'), "{source} is fresh until its bound");
        let after = shown(bound + 1);
        assert!(after.contains('◌'), "{source} on {page}:\n{after}");
    }
}

#[test]
fn gaps_and_folded_frames_are_counted_on_the_screen() {
    let mut model = live(&fixture::healthy(), Page::OVERVIEW, (120, 40));
    model.missed.gaps = 2;
    model.missed.coalesced = 7;
    let shown = text(&model);
    assert!(
        shown.contains("2 gaps") && shown.contains("7 frames folded"),
        "{shown}"
    );
}

#[test]
fn stale_values_never_look_fresh() {
    let shown = text(&live(&fixture::stale(), "lag".parse().unwrap(), (120, 40)));
    assert!(shown.contains("◌ 60 s"), "{shown}");
    assert!(!shown.contains("● ok"), "{shown}");
}

/// A column free at each side, the mark, and no gap behind the last.
const BESIDE: u16 = 2 + 2 - 2;

#[test]
fn columns_that_always_stay_fit_eighty_and_lose_only_words_at_sixty() {
    for page in Page::all() {
        for world in [fixture::incident(), fixture::clusters::two_clusters()] {
            let table = page.view().table(&live(&world, page, (80, 24)));
            let stay = || table.columns.iter().filter(|column| column.spare == 0);
            let width = |column: &crate::table::Column| match column.grow {
                0 => column.width,
                _ => column.least,
            };
            let needed: u16 = stay().map(|column| width(column) + 2).sum();
            assert!(needed <= 80 - BESIDE, "{page} needs {needed} of eighty");
            let table = page.view().table(&live(&world, page, (60, 15)));
            let stay = table.columns.iter().filter(|column| column.spare == 0);
            let least = |column: &crate::table::Column| if column.glyph { 1 } else { column.least };
            let needed: u16 = stay.map(|column| least(column) + 2).sum();
            assert!(needed <= 60 - BESIDE, "{page} needs {needed} of sixty");
        }
    }
}

#[test]
fn a_small_screen_cuts_no_figure() {
    let shown = |page: &str| text(&live(&fixture::incident(), page.parse().unwrap(), (60, 15)));
    let lag = shown("lag");
    assert!(
        lag.contains(" 21 ms  ●") && lag.contains(" 48 s  ▲") && lag.contains(" 6.5 s  ▲"),
        "{lag}"
    );
    assert!(shown("slis").contains("✖ MISSED"));
    assert!(shown("services").contains("✖ stopped"));
    assert!(shown("releases").contains("13 min"));
    for page in Page::all() {
        assert!(shown(&page.to_string()).contains("as of 12:00:00 UTC"), "{page}");
    }
}

#[test]
fn with_several_clusters_every_part_is_said_and_a_name_where_it_matters() {
    let shown = |size| text(&live(&fixture::clusters::two_clusters(), Page::OVERVIEW, size));
    let small = shown((60, 15));
    assert!(small.contains("main WRITER, replica"), "{small}");
    assert!(small.contains("eu WRITER, replica"), "{small}");
    let list = shown((80, 24));
    assert!(
        list.contains("  eu 41 s") && list.contains("     21 ms"),
        "{list}"
    );
    assert!(!list.contains("main 21"), "{list}");
}

#[test]
fn a_runbook_read_beside_the_past_says_that_it_is_of_the_present() {
    let mut model = replay("alerts".parse().unwrap(), (80, 24));
    Dialog::Runbook.open(&mut model);
    let shown = text(&model);
    assert!(
        shown.contains("Of the present (12:0") && shown.contains("not of what is shown."),
        "{shown}"
    );
    let mut present = live(&fixture::incident(), "alerts".parse().unwrap(), (80, 24));
    Dialog::Runbook.open(&mut present);
    assert!(!text(&present).contains("Of the present"));
}

#[rstest]
#[case((1, 1))]
#[case((20, 5))]
#[case((24, 6))]
fn odd_sizes_are_drawn(#[case] size: (u16, u16)) {
    for state in State::ALL.iter().filter(|state| **state != State::Fifty) {
        for page in Page::all() {
            let mut model = state.model(page);
            model.size = size;
            let buffer = draw(&model, Capabilities::FULL);
            assert_eq!(buffer.content.len(), usize::from(size.0) * usize::from(size.1));
            for dialog in Dialog::ALL.iter().filter(|_| page == Page::OVERVIEW) {
                dialog.open(&mut model);
                let _ = draw(&model, Capabilities::FULL);
            }
        }
    }
}

#[test]
fn untrusted_text_never_reaches_the_terminal_raw() {
    let mut world = fixture::incident();
    for alert in world.alerts.values_mut() {
        alert.summary = "\u{1b}[2J\u{202e}日本\u{200b}evil".to_owned();
    }
    let buffer = draw(
        &live(&world, "alerts".parse().unwrap(), (120, 40)),
        Capabilities::FULL,
    );
    let bytes = crate::terminal::encode::frame(None, &buffer);
    let text = String::from_utf8(bytes).unwrap();
    assert!(text.contains("evil"));
    assert!(!text.contains('\u{202e}') && !text.contains('日') && !text.contains("\u{1b}[2J\u{fffd}"));
    assert_eq!(text.matches("\u{1b}[2J").count(), 1);
}

#[test]
fn a_second_in_a_live_world_costs_little() {
    let before = draw(
        &live(&fixture::incident(), Page::OVERVIEW, (200, 50)),
        Capabilities::FULL,
    );
    let mut world = fixture::incident();
    world.head.at = ago(-1);
    for reading in world.slis.values_mut() {
        reading.value.observed_at = Some(ago(-1));
        reading.value.value = reading.value.value.map(|value| value * 1.05);
    }
    let after = draw(&live(&world, Page::OVERVIEW, (200, 50)), Capabilities::FULL);
    let bytes = crate::terminal::encode::frame(Some(&before), &after);
    assert!(bytes.len() < 1_200, "{} bytes", bytes.len());
}
