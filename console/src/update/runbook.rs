//! Runbooks: asking for one, moving in it, and what opening a line does.

use super::act;
use crate::keys::Command;
use crate::message::{Effect, Failure};
use crate::model::{Layer, Model};
use crate::runbook::{self, Reading, Stage};
use aisoc_model::RegionId;
use aisoc_model::runbook::Runbook;
use aisoc_model::text::sanitize;

/// Lines that a page up or down moves.
const SCREEN: usize = 15;

/// Asks for a runbook. Changes nothing; without a region the control plane chooses the one that is in trouble.
pub fn open(model: &mut Model, id: &str, region: Option<RegionId>) -> Vec<Effect> {
    model.tickets = model.tickets.saturating_add(1);
    let ticket = model.tickets;
    let unwritten = of_a_file(model, id);
    let known = unwritten.is_some();
    model.layer = Layer::Runbook(Box::new(Reading {
        id: id.to_owned(),
        region: region.clone(),
        ticket,
        stage: unwritten.map_or(Stage::Asking, Stage::Failed),
        chosen: 0,
    }));
    if known {
        return Vec::new();
    }
    vec![Effect::Runbook {
        ticket,
        id: id.to_owned(),
        region,
    }]
}

/// Why there is no text while a file is played, and how it is made from the frame that is shown: a recording keeps
/// frames, and a runbook is written from one.
fn of_a_file(model: &Model, id: &str) -> Option<String> {
    let replaying = model.replaying.as_ref()?;
    if replaying.present.is_some() {
        return None;
    }
    let at = replaying.position.at.strftime("%Y-%m-%dT%H:%M:%SZ");
    Some(format!(
        "nobody writes runbooks for a file. As of what is shown: `aisoc-console snapshot --recording FILE --at {at} \
         --output json > frame.json`, then `aisoc runbook render {id} --world frame.json`"
    ))
}

/// Movement chooses a line; opening one that leads to a plan asks for it. `None`: the command means something else.
pub fn run(model: &mut Model, command: Command) -> Option<Vec<Effect>> {
    let Layer::Runbook(reading) = &model.layer else {
        return None;
    };
    let lines = reading.lines(model.size.0);
    let at = reading.chosen;
    let to = match command {
        Command::Up => at.saturating_sub(1),
        Command::Down => at.saturating_add(1),
        Command::PageUp => at.saturating_sub(SCREEN),
        Command::PageDown => at.saturating_add(SCREEN),
        Command::First => 0,
        Command::Last => usize::MAX,
        Command::NextPage => runbook::command(&lines, at, true),
        Command::PreviousPage => runbook::command(&lines, at, false),
        Command::Open => {
            if let Stage::Failed(_) = reading.stage {
                let (id, region) = (reading.id.clone(), reading.region.clone());
                return Some(open(model, &id, region));
            }
            let does = lines.into_iter().nth(at).and_then(|line| line.does);
            return Some(match does {
                Some(target) => act::wish(model, target),
                None => Vec::new(),
            });
        }
        _ => return None,
    };
    if let Layer::Runbook(reading) = &mut model.layer {
        reading.chosen = to.min(lines.len().saturating_sub(1));
    }
    Some(Vec::new())
}

/// The control plane has answered.
pub fn arrived(model: &mut Model, ticket: u64, result: Result<Box<Runbook>, Failure>) {
    let Layer::Runbook(reading) = &mut model.layer else {
        return;
    };
    if reading.ticket != ticket {
        return;
    }
    reading.stage = match result {
        Ok(runbook) => Stage::Shown(runbook),
        Err(failure) => Stage::Failed(sanitize(&failure.text, 400)),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, id, now};
    use crate::keys::{Code, Key};
    use crate::message::{Identity, Message, Reply, SourceEvent};
    use crate::page::Page;
    use crate::update::update;
    use aisoc_model::plan::OperationKind;

    fn console() -> Model {
        let mut model = Model::new("http://a:1", Page::OVERVIEW, (120, 40), now());
        let identity = Identity {
            name: "sre".to_owned(),
            operator: true,
        };
        let endpoint = "http://a:1".to_owned();
        for event in [
            SourceEvent::Connected { endpoint, identity },
            SourceEvent::Snapshot(Box::new(fixture::incident())),
        ] {
            update(&mut model, Message::Source(event, now()));
        }
        model.layer = Layer::None;
        model
    }

    fn press(model: &mut Model, code: Code) -> Vec<Effect> {
        update(model, Message::Key(Key::plain(code), now()))
    }

    fn answer(model: &mut Model, ticket: u64, result: Result<Box<Runbook>, Failure>) {
        let effects = update(model, Message::Reply(Reply::Runbook(ticket, result), now()));
        assert!(effects.is_empty());
    }

    fn stage(model: &Model) -> Option<&Stage> {
        match &model.layer {
            Layer::Runbook(reading) => Some(&reading.stage),
            _ => None,
        }
    }

    #[test]
    fn a_step_is_started_from_the_page_and_leads_to_a_plan_never_further() {
        let mut model = console();
        press(&mut model, Code::Char('0'));
        assert_eq!(model.page.name(), "runbooks");
        let asked = press(&mut model, Code::Enter);
        let [
            Effect::Runbook {
                ticket,
                id: wanted,
                region: None,
            },
        ] = asked.as_slice()
        else {
            panic!("{asked:?}")
        };
        assert_eq!(wanted, "RB-001");
        answer(
            &mut model,
            *ticket,
            Ok(Box::new(fixture::traces::runbook("RB-001"))),
        );
        assert!(matches!(stage(&model), Some(Stage::Shown(_))));
        // A line that is no command does nothing.
        assert!(press(&mut model, Code::Enter).is_empty());
        press(&mut model, Code::Tab);
        // The region is not armed: that is asked first, with the same keys as everywhere.
        assert!(press(&mut model, Code::Enter).is_empty());
        assert!(matches!(model.layer, Layer::Arming(_)), "{:?}", model.layer);
        let planned = press(&mut model, Code::F(4));
        let [Effect::Plan { request, .. }] = planned.as_slice() else {
            panic!("{planned:?}")
        };
        assert_eq!(request.target.kind(), OperationKind::Rollback);
    }

    #[test]
    fn an_alert_leads_to_its_runbook_for_its_region() {
        let mut model = console();
        crate::update::go(&mut model, "alerts".parse().unwrap());
        model
            .selected
            .insert(model.page, "AiSOCRegionDown:ap-southeast-1".to_owned());
        press(&mut model, Code::Enter);
        // Action, who has seen it, runbook.
        press(&mut model, Code::Down);
        press(&mut model, Code::Down);
        let asked = press(&mut model, Code::Enter);
        let [
            Effect::Runbook {
                id: wanted, region, ..
            },
        ] = asked.as_slice()
        else {
            panic!("{asked:?}")
        };
        assert_eq!((wanted.as_str(), region), ("RB-003", &Some(id("ap-southeast-1"))));
    }

    #[test]
    fn a_file_has_no_text_but_says_how_to_make_it() {
        let mut model = console();
        let position = crate::replay::Position {
            at: now(),
            from: now(),
            to: now(),
            playing: false,
            speed: 1,
            unrecorded: None,
            remark: None,
            ended: false,
        };
        model.replaying = Some(crate::replay::Replaying {
            position,
            present: None,
            today: now(),
        });
        assert!(open(&mut model, "RB-003", None).is_empty());
        let Some(Stage::Failed(why)) = stage(&model) else {
            panic!("{:?}", model.layer)
        };
        assert!(
            why.contains("runbook render RB-003") && why.contains("--at 2026-11-22T12:00:00Z"),
            "{why}"
        );
    }

    #[test]
    fn what_fails_is_said_and_can_be_asked_again() {
        let mut model = console();
        let first = open(&mut model, "RB-002", None);
        let [Effect::Runbook { ticket, .. }] = first.as_slice() else {
            panic!("{first:?}")
        };
        let failure = || {
            Err(Failure {
                text: "not connected: nothing was sent".to_owned(),
                unknown: false,
            })
        };
        answer(&mut model, ticket + 7, failure());
        assert!(
            matches!(stage(&model), Some(Stage::Asking)),
            "an answer to another question"
        );
        answer(&mut model, *ticket, failure());
        assert!(matches!(stage(&model), Some(Stage::Failed(_))));
        assert!(matches!(
            press(&mut model, Code::Enter).as_slice(),
            [Effect::Runbook { .. }]
        ));
        press(&mut model, Code::Esc);
        assert!(matches!(model.layer, Layer::None));
        press(&mut model, Code::Char('m'));
        assert_eq!(model.page.name(), "map");
    }
}
