//! Every page at every size, as text; one size with styles, one without colour in 7 bits. And no state looks like
//! another one.

use crate::action::{Action, Arming, Deciding, Look, Next, Stage};
use crate::capabilities::{Capabilities, Colors, Glyphs};
use crate::connection::Connection;
use crate::direct::{self, Answer, Said};
use crate::explain::{Explaining, Subject};
use crate::fixture::{self, ago, id, now, operations};
use crate::message::Identity;
use crate::model::{Following, Layer, Model};
use crate::page::Page;
use crate::palette::Palette;
use crate::replay::{Position, Present};
use crate::runbook::{Reading, Stage as Read};
use crate::safety::{Armed, Decision};
use crate::snapshot::{Style, draw, print};
use aisoc_model::Observed;
use aisoc_model::plan::Target;
use aisoc_model::topology::EnvironmentKind;
use aisoc_model::world::World;
use jiff::SignedDuration;
use rstest::rstest;
use std::fmt::Write;
use tui_input::Input;

const SIZES: [(u16, u16); 4] = [(60, 15), (80, 24), (120, 40), (200, 50)];

fn live(world: &World, page: Page, size: (u16, u16)) -> Model {
    let at = world.head.at;
    let mut model = Model::still(world.clone(), page, size);
    history(&mut model, world);
    model.connection = Connection::Live {
        endpoint: "http://127.0.0.1:7700".to_owned(),
    };
    model.endpoint = "http://127.0.0.1:7700".to_owned();
    model.identity = Some(Identity {
        name: "sre".to_owned(),
        operator: true,
    });
    model.now = at;
    model
}

/// A minute of history, so that trends have something to show.
fn history(model: &mut Model, world: &World) {
    let mut then = world.clone();
    for second in 1..60_u8 {
        let at = world.head.at + SignedDuration::from_secs(i64::from(second));
        then.head.at = at;
        let swing = 1.0 + f64::from(second % 7) / 10.0;
        for (key, reading) in &mut then.slis {
            if let Some(value) = world.slis.get(key).and_then(|r| r.value.value) {
                reading.value.set(value * swing, at);
            }
        }
        for (key, link) in &mut then.links {
            if let Some(value) = world.links.get(key).and_then(|l| l.lag_seconds.value) {
                link.lag_seconds.set(value * swing, at);
            }
        }
        model.history.sample(&then);
    }
}

fn lost(page: Page, size: (u16, u16)) -> Model {
    let mut model = live(&fixture::healthy(), page, size);
    model.now = now() + SignedDuration::from_secs(42);
    model.connection = Connection::Lost {
        since: now() + SignedDuration::from_secs(2),
        why: "no control plane at http://127.0.0.1:7700: connection refused".to_owned(),
        retry_at: Some(now() + SignedDuration::from_secs(45)),
    };
    model
}

fn text(model: &Model) -> String {
    print(&draw(model, Capabilities::FULL), Style::Text)
}

fn action(stage: Stage, target: Target, size: (u16, u16)) -> Model {
    let mut model = live(&fixture::healthy(), Page::OVERVIEW, size);
    model.layer = Layer::Action(Box::new(Action {
        target,
        ticket: 1,
        stage,
        remark: None,
        scroll: 0,
        asked_at: now(),
        renewing: false,
        look: Look::default(),
    }));
    model.armed = Some(armed());
    model
}

fn armed() -> Armed {
    Armed {
        region: id("eu-west-1"),
        environment: "local".to_owned(),
        until: now() + SignedDuration::from_secs(541),
    }
}

/// The plan of a failover as it stands while its name is asked for.
fn standings(size: (u16, u16)) -> Vec<(String, Model)> {
    let failover = || Target::Failover { to: id("eu-west-1") };
    let plan = operations::plan(failover(), "us-east-1 loses disks");
    let one = |name: &str, typed: &str, standing| {
        let typed = Input::new(typed.to_owned());
        let mut model = action(Stage::Confirm(Box::new(plan.clone()), typed), failover(), size);
        if let Layer::Action(action) = &mut model.layer {
            action.look.answer = Some(Ok(Box::new(standing)));
        }
        (name.to_owned(), model)
    };
    vec![
        one("plan-confirm", "eu-we", operations::ready(&plan)),
        one("plan-preparing", "", operations::preparing(&plan)),
        one("plan-moved", "", operations::moved(&plan)),
    ]
}

/// Every picture there is, by name.
fn pictures(size: (u16, u16)) -> Vec<(String, Model)> {
    let mut all = Vec::new();
    for page in Page::all() {
        for (name, world) in [("healthy", fixture::healthy()), ("incident", fixture::incident())] {
            all.push((format!("{page}-{name}"), live(&world, page, size)));
        }
    }
    let first = Page::OVERVIEW;
    all.push(("overview-stale".to_owned(), live(&fixture::stale(), first, size)));
    all.push(("overview-empty".to_owned(), live(&fixture::empty(), first, size)));
    all.push(("overview-lost".to_owned(), lost(first, size)));
    all.push((
        "waiting".to_owned(),
        Model::new("http://127.0.0.1:7700", first, size, now()),
    ));
    let mut refused = lost(first, size);
    refused.connection = Connection::Refused {
        why: "the control plane refused the token: unknown token".to_owned(),
    };
    refused.world = None;
    all.push(("token-refused".to_owned(), refused));
    let failover = || Target::Failover { to: id("eu-west-1") };
    let plan = |reason| Box::new(operations::plan(failover(), reason));
    let typed = |text: &str| Input::new(text.to_owned());
    all.push((
        "plan-planning".to_owned(),
        action(Stage::Planning, failover(), size),
    ));
    all.push((
        "plan-reason".to_owned(),
        action(Stage::Reason(plan(""), Input::default()), failover(), size),
    ));
    all.extend(standings(size));
    let refusal = Stage::Refused(Box::new(operations::refused(failover())));
    all.push(("plan-refused".to_owned(), action(refusal, failover(), size)));
    let overriding = Stage::Override(
        Box::new(operations::overridable(failover(), &[])),
        typed("survivor_capacity measured yes"),
    );
    all.push(("plan-override".to_owned(), action(overriding, failover(), size)));
    let mut arming = live(&fixture::healthy(), first, size);
    arming.layer = Layer::Arming(Box::new(Arming {
        region: id("eu-west-1"),
        then: Some(Next::Plan(failover())),
    }));
    all.push(("arm".to_owned(), arming));
    for (name, subject) in [
        (
            "explain-alert",
            Subject::Alert("AiSOCHighErrorRate:us-east-1".to_owned()),
        ),
        ("explain-region", Subject::Region(id("ap-southeast-1"))),
    ] {
        let mut model = live(&fixture::incident(), "alerts".parse().unwrap(), size);
        model.layer = Layer::Explain(Explaining::new(subject));
        all.push((name.to_owned(), model));
    }
    all.extend(runbooks(size));
    let mut progress = live(&fixture::incident(), first, size);
    progress.layer = Layer::Progress(Following::new(operations::failover_running().id));
    all.push(("progress-running".to_owned(), progress.clone()));
    progress.layer = Layer::Progress(Following::new(operations::drain_done().id));
    all.push(("progress-done".to_owned(), progress.clone()));
    progress.layer = Layer::Deciding(Deciding {
        operation: operations::failover_running().id,
        decision: Decision::Abort,
        input: typed("eu"),
        remark: None,
    });
    all.push(("progress-abort".to_owned(), progress));
    let mut help = live(&fixture::healthy(), first, size);
    help.layer = Layer::Help(0);
    all.push(("help".to_owned(), help.clone()));
    let mut palette = Palette::open(&help).typed("us");
    palette.chosen = 1;
    help.layer = Layer::Palette(Box::new(palette));
    all.push(("palette".to_owned(), help.clone()));
    help.layer = Layer::None;
    help.world.as_mut().unwrap().head.environment_kind = EnvironmentKind::Production;
    help.frozen.clone_from(&help.world);
    help.now = now() + SignedDuration::from_secs(31);
    all.push(("overview-frozen-production".to_owned(), help));
    all.push(("overview-replay".to_owned(), replay(first, size)));
    let mut file = replay("alerts".parse().unwrap(), size);
    if let Some(replaying) = &mut file.replaying {
        replaying.present = None;
        replaying.today = now() + SignedDuration::from_hours(90);
        replaying.position.unrecorded = Some((ago(1), now() + SignedDuration::from_secs(300)));
        replaying.position.playing = true;
        replaying.position.speed = 4;
    }
    all.push(("alerts-replay-file".to_owned(), file));
    all
}

/// An incident three minutes ago, looked at from a present in which it is over.
fn replay(page: Page, size: (u16, u16)) -> Model {
    let position = Position {
        at: now(),
        from: ago(3_600),
        to: now() + SignedDuration::from_secs(180),
        playing: false,
        speed: 1,
        unrecorded: None,
        remark: Some("alert AiSOCRegionDown ap-southeast-1 fires".to_owned()),
        ended: false,
    };
    let today = now() + SignedDuration::from_secs(180);
    let mut model = Model::past(fixture::incident(), position, page, size, today);
    let present = live(&fixture::healthy(), page, size);
    if let Some(replaying) = &mut model.replaying {
        replaying.present = Some(Box::new(Present {
            world: present.world,
            connection: present.connection,
            history: present.history,
            clock_offset: SignedDuration::ZERO,
        }));
    }
    model.identity = present.identity;
    model
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

/// A runbook that is read, and a map without traces.
fn runbooks(size: (u16, u16)) -> Vec<(String, Model)> {
    let mut all = Vec::new();
    let mut reading = live(&fixture::incident(), "runbooks".parse().unwrap(), size);
    for (name, stage) in [
        (
            "runbook",
            Read::Shown(Box::new(fixture::traces::runbook("RB-001"))),
        ),
        (
            "runbook-failed",
            Read::Failed("not connected: nothing was sent".to_owned()),
        ),
    ] {
        reading.layer = Layer::Runbook(Box::new(Reading {
            id: "RB-001".to_owned(),
            region: None,
            ticket: 1,
            stage,
            chosen: 0,
        }));
        all.push((name.to_owned(), reading.clone()));
    }
    let Layer::Runbook(read) = &mut reading.layer else {
        panic!("it is read")
    };
    read.stage = Read::Shown(Box::new(fixture::traces::runbook("RB-001")));
    read.chosen = crate::runbook::command(&read.lines(size.0), 0, true);
    all.push(("runbook-command".to_owned(), reading));
    let mut quiet = live(&fixture::healthy(), "map".parse().unwrap(), size);
    quiet.world.as_mut().unwrap().service_map.clear();
    all.push(("map-empty".to_owned(), quiet));
    all
}

/// Some drawings in one file, each under its heading.
fn sheet(drawings: impl Iterator<Item = (String, String)>) -> String {
    drawings.fold(String::new(), |mut sheet, (heading, drawing)| {
        let _ = writeln!(sheet, "== {heading}\n{}", drawing.trim_end_matches('\n'));
        sheet
    })
}

#[test]
fn every_picture_as_text() {
    let names: Vec<String> = pictures(SIZES[0]).into_iter().map(|(name, _)| name).collect();
    let drawn: Vec<Vec<(String, Model)>> = SIZES.into_iter().map(pictures).collect();
    for (index, name) in names.iter().enumerate() {
        let drawings = SIZES
            .iter()
            .zip(&drawn)
            .map(|(size, all)| (format!("{name} {}x{}", size.0, size.1), text(&all[index].1)));
        insta::assert_snapshot!(name.clone(), sheet(drawings));
    }
}

#[test]
fn pages_with_styles() {
    for page in Page::all() {
        let model = live(&fixture::incident(), page, (120, 40));
        let colors = Capabilities {
            colors: Colors::Indexed,
            glyphs: Glyphs::Full,
        };
        let styled = print(&draw(&model, colors), Style::Ansi).replace('\u{1b}', "␛");
        insta::assert_snapshot!(format!("{page}-styled@120x40"), styled);
    }
}

#[test]
fn pages_without_colour_in_seven_bits() {
    for page in Page::all() {
        let model = live(&fixture::incident(), page, (80, 24));
        let buffer = draw(&model, Capabilities::PLAIN);
        let ascii = print(&buffer, Style::Text);
        assert!(ascii.is_ascii(), "{page}");
        let colors = |buffer: &ratatui::buffer::Buffer| {
            buffer
                .content
                .iter()
                .any(|cell| cell.fg != ratatui::style::Color::Reset)
        };
        assert!(!colors(&buffer));
        let mono = draw(
            &model,
            Capabilities {
                colors: Colors::Mono,
                glyphs: Glyphs::Full,
            },
        );
        assert!(!colors(&mono));
        let mono = print(&mono, Style::Ansi).replace('\u{1b}', "␛");
        let drawings = [(format!("{page} ascii"), ascii), (format!("{page} mono"), mono)];
        insta::assert_snapshot!(format!("{page}-plain@80x24"), sheet(drawings.into_iter()));
    }
}

/// Writes every picture with colours into the directory of `AISOC_LOOK`, to be looked at.
#[test]
fn pictures_to_look_at() {
    let Ok(directory) = std::env::var("AISOC_LOOK") else {
        return;
    };
    for size in SIZES {
        for (name, model) in pictures(size) {
            let file = format!("{directory}/{name}@{}x{}.ansi", size.0, size.1);
            std::fs::write(file, print(&draw(&model, Capabilities::FULL), Style::Ansi)).unwrap();
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
    assert!(shown.contains("▼") && shown.contains("◀"), "{shown}");
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
        again(&mut region.postgres, by, frozen);
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
        all.push((
            region.postgres.source.clone(),
            region.postgres.stale_after_ms,
            "overview",
        ));
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
fn a_world_of_fifty_regions_is_drawn_on_every_page() {
    let world = fixture::many::many();
    for page in Page::all() {
        let drawings = [(80, 24), (200, 50)].into_iter().map(|size| {
            (
                format!("{page} {}x{}", size.0, size.1),
                text(&live(&world, page, size)),
            )
        });
        insta::assert_snapshot!(format!("{page}-fifty"), sheet(drawings));
    }
}

/// What a page says before it knows anything, when nothing is there, when everything is old, and without connection.
#[test]
fn every_page_in_every_state() {
    for page in Page::all() {
        let size = (80, 24);
        let states = [
            ("loading", Model::new("http://127.0.0.1:7700", page, size, now())),
            ("empty", live(&fixture::empty(), page, size)),
            ("stale", live(&fixture::stale(), page, size)),
            ("disconnected", lost(page, size)),
            ("direct", direct(page, size)),
        ];
        let drawings = states
            .iter()
            .map(|(name, model)| (format!("{page} {name}"), text(model)));
        insta::assert_snapshot!(format!("{page}-states"), sheet(drawings));
    }
}

/// Without connection, and the regions answer themselves.
fn direct(page: Page, size: (u16, u16)) -> Model {
    let mut model = lost(page, size);
    let answers = direct::endpoints(&model)
        .into_iter()
        .enumerate()
        .map(|(index, endpoint)| Answer {
            endpoint,
            result: match index {
                3 => Ok(Said {
                    status: 503,
                    took_ms: 12,
                    reason: Some("database unreachable".to_owned()),
                }),
                4 => Err("connection refused".to_owned()),
                _ => Ok(Said {
                    status: 200,
                    took_ms: 4,
                    reason: None,
                }),
            },
        });
    model.direct.seen = Some((now() + SignedDuration::from_secs(41), answers.collect()));
    model
}

#[test]
fn the_largest_screen_is_used() {
    for page in Page::all() {
        let model = live(&fixture::incident(), page, (400, 110));
        insta::assert_snapshot!(format!("{page}-wall@400x110"), text(&model));
    }
}

#[test]
fn stale_values_never_look_fresh() {
    let shown = text(&live(&fixture::stale(), "lag".parse().unwrap(), (120, 40)));
    assert!(shown.contains("◌ 60 s"), "{shown}");
    assert!(!shown.contains("● ok"), "{shown}");
}

#[rstest]
#[case((1, 1))]
#[case((20, 5))]
#[case((24, 6))]
#[case((400, 110))]
fn odd_sizes_are_drawn(#[case] size: (u16, u16)) {
    for (_, model) in pictures(size) {
        let buffer = draw(&model, Capabilities::FULL);
        assert_eq!(buffer.content.len(), usize::from(size.0) * usize::from(size.1));
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
