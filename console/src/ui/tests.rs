//! Every page at every size, as text; one size with styles, one without colour in 7 bits. And no state looks like
//! another one.

use crate::action::{Action, Deciding, Stage};
use crate::capabilities::{Capabilities, Colors, Glyphs};
use crate::connection::Connection;
use crate::fixture::{self, ago, id, now, operations};
use crate::message::Identity;
use crate::model::{Following, Layer, Model};
use crate::page::Page;
use crate::palette::Palette;
use crate::safety::Decision;
use crate::snapshot::{Style, draw, print};
use aisoc_model::plan::Target;
use aisoc_model::topology::EnvironmentKind;
use aisoc_model::world::World;
use jiff::SignedDuration;
use rstest::rstest;
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
    }));
    model
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
    let confirm = Stage::Confirm(plan("us-east-1 loses disks"), typed("eu-we"));
    all.push(("plan-confirm".to_owned(), action(confirm, failover(), size)));
    let refusal = Stage::Refused(Box::new(operations::refused(failover())));
    all.push(("plan-refused".to_owned(), action(refusal, failover(), size)));
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
    help.layer = Layer::Palette(Palette {
        input: typed("us"),
        chosen: 1,
    });
    all.push(("palette".to_owned(), help.clone()));
    help.layer = Layer::None;
    help.world.as_mut().unwrap().head.environment_kind = EnvironmentKind::Production;
    help.frozen.clone_from(&help.world);
    help.now = now() + SignedDuration::from_secs(31);
    all.push(("overview-frozen-production".to_owned(), help));
    all
}

#[test]
fn every_picture_as_text() {
    for size in SIZES {
        for (name, model) in pictures(size) {
            insta::assert_snapshot!(format!("{name}@{}x{}", size.0, size.1), text(&model));
        }
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
        let text = print(&buffer, Style::Text);
        assert!(text.is_ascii(), "{page}");
        assert!(
            buffer
                .content
                .iter()
                .all(|cell| cell.fg == ratatui::style::Color::Reset)
        );
        insta::assert_snapshot!(format!("{page}-ascii@80x24"), text);
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
