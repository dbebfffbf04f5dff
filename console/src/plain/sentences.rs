//! What a frame says, in sentences, and which of them are different in the next frame. Pure.
//!
//! A statement has a state and a sentence: it is said again only when the state is another, so that a figure that
//! trembles does not speak every second.

use crate::facts::{self, Standing, Writers};
use crate::format;
use crate::runbook;
use crate::ui::environment_word;
use crate::ui::widgets::state;
use aisoc_model::alert::AlertState;
use aisoc_model::inventory::{Process, ProcessState};
use aisoc_model::lag::{LagLevel, Link};
use aisoc_model::operation::Operation;
use aisoc_model::region::Region;
use aisoc_model::runbook::RunbookSummary;
use aisoc_model::service_map::{Edge, EdgeFigures, Node};
use aisoc_model::sli::SliReading;
use aisoc_model::world::World;
use aisoc_model::{ClusterName, RegionId};
use jiff::Timestamp;
use std::collections::BTreeMap;

/// Statements by subject; their order is that of importance.
pub type Statements = BTreeMap<(u8, String), Statement>;

/// Something that is so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// What makes it different from another one on the same subject.
    state: String,
    /// In a sentence.
    pub sentence: String,
    /// What to say when nothing is said about the subject any more.
    gone: String,
}

impl Statement {
    fn new(state: impl Into<String>, sentence: impl Into<String>, gone: impl Into<String>) -> Self {
        Self {
            state: state.into(),
            sentence: sentence.into(),
            gone: gone.into(),
        }
    }
}

/// Whose frame it is, and of when.
pub fn opening(world: &World, now: Timestamp) -> [String; 3] {
    let head = &world.head;
    let healthy = world
        .regions
        .values()
        .filter(|region| region.health == aisoc_model::region::Health::Healthy)
        .count();
    [
        format!(
            "{} environment {}, as seen by {} at {} UTC.",
            environment_word(head.environment_kind),
            head.environment,
            head.control_plane,
            format::time_of_day(head.at)
        ),
        format!("Healthy regions: {healthy} of {}.", world.regions.len()),
        match world.service_map.len() {
            0 => "No trace has shown yet which service calls which.".to_owned(),
            ways => format!(
                "Ways between services that traces have shown: {ways}, of which fail too often: {}.",
                facts::failing_ways(world, now).len()
            ),
        },
    ]
}

/// Everything that is worth a sentence, judged at a time.
pub fn statements(world: &World, now: Timestamp) -> Statements {
    let mut all = Statements::new();
    let mut put = |order: u8, subject: &str, statement: Statement| {
        all.insert((order, subject.to_owned()), statement);
    };
    put(0, "", writer(world, now));
    for region in world.regions.values() {
        put(1, region.id.as_str(), of_region(region, now));
    }
    for (key, alert) in &world.alerts {
        if alert.state != AlertState::Firing {
            continue;
        }
        let name = format!("Alert {:?}, {}", alert.severity, facts::alert_text(alert));
        let place = alert
            .region
            .as_ref()
            .map_or_else(String::new, |id| format!(", in {id}"));
        let seen = alert.acknowledged.as_ref().map(|ack| ack.by.clone());
        let by = seen.as_ref().map_or_else(
            || "not acknowledged".to_owned(),
            |by| format!("acknowledged by {by}"),
        );
        let statement = Statement::new(
            seen.unwrap_or_default(),
            format!("{name}{place}, is firing, {by}."),
            format!("{name}{place}, no longer fires."),
        );
        put(2, key, statement);
    }
    for operation in world.operations.values() {
        put(3, &operation.id, of_operation(operation));
    }
    for (id, fault) in &world.faults {
        let name = format!("Drill: {}", crate::ui::chrome::fault(&fault.spec));
        put(
            4,
            &id.to_string(),
            Statement::new("", format!("{name}."), format!("{name}: this is over.")),
        );
    }
    for (key, link) in &world.links {
        let level = facts::level(link, now);
        if level != LagLevel::Ok && !facts::not_configured(&link.lag_seconds) {
            put(5, key, of_link(link, level, now));
        }
    }
    for (key, reading) in &world.slis {
        let standing = facts::standing(reading, now);
        if matches!(standing, Standing::Missed | Standing::Unknown) {
            put(6, key, of_sli(reading, standing, now));
        }
    }
    for process in world.processes.values() {
        if process.state != ProcessState::Ready {
            put(7, &process.name, of_process(process));
        }
    }
    for (edge, figures) in facts::failing_ways(world, now) {
        let key = Edge::key(&edge.region, &edge.from, &edge.to);
        put(8, &key, of_way(edge, figures));
    }
    for one in world.runbooks.values() {
        if let (1.., region) = runbook::firing(world, &one.id) {
            put(9, &one.id, of_runbook(one, region));
        }
    }
    all
}

/// What is said about the difference.
pub fn differences<'a>(before: &'a Statements, after: &'a Statements) -> Vec<&'a str> {
    let gone = before
        .iter()
        .filter(|(subject, _)| !after.contains_key(*subject))
        .map(|(subject, statement)| (subject, statement.gone.as_str()));
    let new = after
        .iter()
        .filter(|(subject, statement)| {
            before
                .get(*subject)
                .is_none_or(|earlier| earlier.state != statement.state)
        })
        .map(|(subject, statement)| (subject, statement.sentence.as_str()));
    let mut all: Vec<_> = gone.chain(new).filter(|(_, text)| !text.is_empty()).collect();
    all.sort();
    all.into_iter().map(|(_, text)| text).collect()
}

fn writer(world: &World, now: Timestamp) -> Statement {
    let clusters = facts::all_writers(world, now);
    let said: Vec<String> = clusters
        .into_iter()
        .map(|(cluster, writers)| writes_of(cluster, writers))
        .collect();
    let sentence = said.join(" ");
    Statement::new(sentence.clone(), sentence, "")
}

fn writes_of(cluster: Option<&ClusterName>, writers: Writers) -> String {
    let of = facts::of_cluster(cluster);
    match writers {
        Writers::One(id) => format!("Writes{of} go to {id}."),
        Writers::OneSeen(id) => format!("Writes{of} go to {id}, but not every database could be looked at."),
        Writers::Many(ids) => {
            let names: Vec<&str> = ids.iter().map(aisoc_model::RegionId::as_str).collect();
            format!(
                "DANGER: more than one database accepts writes{of}: {}.",
                names.join(" and ")
            )
        }
        Writers::None => format!("No database accepts writes{of}."),
        Writers::Unknown => format!("Where writes{of} go is unknown."),
    }
}

fn of_region(region: &Region, now: Timestamp) -> Statement {
    let drained = if region.drain.is_some() { ", drained" } else { "" };
    let state = format!("{}{drained}", region.health.word());
    let traffic = region.traffic.fresh(now).map_or_else(
        || "Its traffic is not known.".to_owned(),
        |t| {
            let rate = t.requests_per_second.map_or_else(
                || "its requests are not counted".to_owned(),
                |rate| format!("{} requests per second", format::rate(rate)),
            );
            format!("Weight {} percent, {rate}.", t.weight_percent)
        },
    );
    let why = match region.reasons.as_slice() {
        [] => String::new(),
        reasons => format!(", because {}", reasons.join(", and ")),
    };
    let sentence = format!(
        "Region {}, {}, is {state}{why}. {traffic}",
        region.id,
        region.role.word()
    );
    Statement::new(
        state,
        sentence,
        format!("Region {} is no longer known.", region.id),
    )
}

fn of_operation(operation: &Operation) -> Statement {
    let target = &operation.plan.request.target;
    let name = format!("Operation {} {}", target.kind().word(), target.confirmation());
    let state = operation.state.word();
    let step = operation.current_step().filter(|_| !operation.state.ended());
    let text = if let Some(at) = step {
        let title = operation
            .plan
            .steps
            .get(at)
            .map_or("", |step| step.title.as_str());
        format!(
            "{name} is {state}, step {} of {}: {title}.",
            at + 1,
            operation.steps.len()
        )
    } else {
        let outcome = operation
            .outcome
            .as_ref()
            .map_or_else(String::new, |o| format!(": {o}"));
        format!("{name} is {state}{outcome}.")
    };
    Statement::new(format!("{state} {step:?}"), text, "")
}

fn of_link(link: &Link, level: LagLevel, now: Timestamp) -> Statement {
    let shown = state::lag(level).word;
    let name = format!(
        "Replication of {} from {} to {}",
        link.kind.name(),
        link.from,
        link.to
    );
    let lag = link
        .lag_seconds
        .fresh(now)
        .map_or_else(String::new, |lag| format!(", {} behind", format::seconds(*lag)));
    Statement::new(
        shown,
        format!("{name}: {shown}{lag}."),
        format!("{name} is within its target."),
    )
}

fn of_sli(reading: &SliReading, standing: Standing, now: Timestamp) -> Statement {
    let shown = state::standing(standing).word;
    let name = format!("Indicator {} in {}", reading.sli.title(), reading.region);
    let value = reading.value.fresh(now).map_or_else(String::new, |value| {
        format!(
            ", {}, objective {}",
            facts::sli_text(reading, *value),
            facts::objective_text(reading)
        )
    });
    Statement::new(
        shown,
        format!("{name}: {shown}{value}."),
        format!("{name} is no longer missed or unknown."),
    )
}

fn of_process(process: &Process) -> Statement {
    let shown = state::process(process.state).word;
    let why = process
        .detail
        .as_ref()
        .map_or_else(String::new, |why| format!(": {why}"));
    Statement::new(
        shown,
        format!("Process {} is {shown}{why}.", process.name),
        format!("Process {} is ready.", process.name),
    )
}

fn of_way(edge: &Edge, figures: &EdgeFigures) -> Statement {
    let label = |node: &Node| node.label(&edge.region);
    let name = format!(
        "The way from {} to {} in {}",
        label(&edge.from),
        label(&edge.to),
        edge.region
    );
    Statement::new(
        "",
        format!(
            "{name} fails in {} of its calls, p99 {}.",
            format::percent(figures.error_share),
            format::seconds(figures.p99_seconds)
        ),
        format!("{name} no longer fails too often."),
    )
}

fn of_runbook(one: &RunbookSummary, region: Option<&RegionId>) -> Statement {
    let place = region.map_or("the platform", RegionId::as_str);
    let of = region.map_or_else(String::new, |id| format!(" --region {id}"));
    Statement::new(
        place,
        format!(
            "Runbook {}, {}, is asked for in {place}. `aisoc-console runbook {}{of}` prints it.",
            one.id, one.title, one.id
        ),
        format!("Runbook {} is no longer asked for.", one.id),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{self, now};

    #[test]
    fn an_incident_in_sentences() {
        let world = fixture::incident();
        let mut text = opening(&world, now()).join("\n");
        for statement in statements(&world, now()).values() {
            text.push('\n');
            text.push_str(&statement.sentence);
        }
        insta::assert_snapshot!(text);
    }

    #[test]
    fn only_what_is_different_is_said() {
        let (calm, incident) = (fixture::healthy(), fixture::incident());
        let (before, after) = (statements(&calm, now()), statements(&incident, now()));
        assert!(differences(&before, &before).is_empty());
        let said = differences(&before, &after);
        assert!(
            said.iter()
                .any(|s| s.starts_with("Region ap-southeast-1, DR-only, is DOWN")),
            "{said:?}"
        );
        let back = differences(&after, &before);
        assert!(back.iter().any(|s| s.ends_with("no longer fires.")), "{back:?}");
        assert!(back.iter().any(|s| s.contains("is healthy")), "{back:?}");
    }

    #[test]
    fn a_trembling_figure_does_not_speak() {
        let mut world = fixture::incident();
        let before = statements(&world, now());
        for link in world.links.values_mut() {
            if let Some(lag) = &mut link.lag_seconds.value {
                *lag *= 1.01;
            }
        }
        let after = statements(&world, now());
        assert!(differences(&before, &after).is_empty());
    }
}
