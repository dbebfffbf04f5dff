//! Blue/green: a release beside the one that serves, tested out of rotation, switched to by weights, and the former
//! one kept for a while to switch back to. The plans, and how what is seen on the way is judged.

use crate::drivers::Drivers;
use crate::drivers::release::smoke::Smoke;
use crate::drivers::traffic::ServerReading;
use crate::drivers::traffic::share::{HalfServer, ShareReading};
use crate::operations::action::{Action, milliseconds};
use crate::operations::gates::{self, Case};
use crate::operations::hands::{Report, Sight};
use crate::operations::planner::{Draft, DraftFact, step};
use crate::operations::watching::{LEAST_FAILURES, LEAST_REQUESTS, WATCHED_FAILURES, WATCHED_REQUESTS};
use aisoc_model::inventory::{Colour, Parallel, ParallelState, Release, difference};
use aisoc_model::plan::{PlannedStep, Target};
use aisoc_model::sli::SliId;
use jiff::Timestamp;
use std::collections::BTreeMap;
use std::time::Duration;

/// Shares on the way from one half to the other.
const SHARES: [u8; 3] = [10, 50, 100];
/// Objective of an answer where none is configured.
const ANSWER_SECONDS: f64 = 0.5;

type Steps = Vec<(Action, PlannedStep)>;

/// The plan of any of the four operations.
pub(crate) fn draft(case: &Case<'_>, drivers: &Drivers, target: &Target, name: &str) -> Draft {
    let found = case.facts.releases.as_ref().and_then(|r| r.as_ref().ok());
    let found = found.and_then(|all| all.iter().find(|r| r.name == name));
    let mut draft = Draft {
        summary: summary(target, name, found),
        facts: found.map_or_else(Vec::new, |release| facts(case, release)),
        gates: gates::parallel::gates(case, name),
        steps: Vec::new(),
        predicted_write_outage_ms: None,
        affected: Vec::new(),
        objective: None,
    };
    let Some(release) = found else { return draft };
    let parallel = release.parallel.as_ref();
    match target {
        Target::GreenDeploy { settings, .. } => {
            draft.steps = deploy(case, drivers, release, settings);
            draft
                .affected
                .push("nobody: it is out of rotation, on spare capacity".to_owned());
        }
        Target::GreenSwitch { .. } => {
            draft.steps = switch(case, drivers, release, Colour::Green);
            draft.affected.push(requests_move(release));
        }
        Target::GreenCancel { .. } if parallel.is_some_and(|p| p.colour == Colour::Blue) => {
            draft.steps = switch(case, drivers, release, Colour::Blue);
            draft.steps.push(remove(drivers, release, Colour::Green, false));
            draft.affected.push(requests_move(release));
        }
        Target::GreenCancel { .. } => {
            draft.steps.push(remove(drivers, release, Colour::Green, false));
            draft.affected.push("nobody: it is out of rotation".to_owned());
        }
        Target::BlueDelete { .. } => {
            let early = parallel
                .and_then(|p| p.keep_until)
                .is_some_and(|until| until > case.facts.now);
            draft.steps.push(remove(drivers, release, Colour::Blue, early));
            draft.affected.push(
                "nobody now; a fault of green that shows later can only be rolled back, not switched back"
                    .to_owned(),
            );
        }
        _ => {}
    }
    draft
}

fn requests_move(release: &Release) -> String {
    format!(
        "the requests of {} move to the other half by weights; none is cut off",
        release.region
    )
}

fn summary(target: &Target, name: &str, release: Option<&Release>) -> String {
    let parallel = release.and_then(|r| r.parallel.as_ref());
    match target {
        Target::GreenDeploy { settings, .. } => {
            let changes = release
                .and_then(Release::current)
                .map(|current| changed(&current.settings, settings));
            let changes = changes.unwrap_or_default();
            format!("Deploy green of {name} beside what serves, out of rotation, and test it: {changes}.")
        }
        Target::GreenSwitch { .. } => {
            format!("Switch {name} to green by weights; blue is kept idle for a while to switch back to.")
        }
        Target::GreenCancel { .. } if parallel.is_some_and(|p| p.colour == Colour::Blue) => {
            format!("Switch {name} back to blue by weights, then remove green.")
        }
        Target::GreenCancel { .. } => format!("Remove green of {name}; it never served."),
        _ => format!("Delete blue of {name}: there is no switching back afterwards."),
    }
}

/// The settings with the changes on top; an empty value unsets one.
fn with(current: &BTreeMap<String, String>, changes: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut settings = current.clone();
    for (key, value) in changes {
        if value.is_empty() {
            settings.remove(key);
        } else {
            settings.insert(key.clone(), value.clone());
        }
    }
    settings
}

fn changed(current: &BTreeMap<String, String>, changes: &BTreeMap<String, String>) -> String {
    let changes = difference(current, &with(current, changes));
    let changes: Vec<String> = changes.iter().map(ToString::to_string).collect();
    if changes.is_empty() {
        return "no setting differs".to_owned();
    }
    aisoc_model::text::sanitize(&changes.join(", "), 300)
}

fn facts(case: &Case<'_>, release: &Release) -> Vec<DraftFact> {
    let (name, at) = (&release.name, case.facts.now);
    let fact = |what: &str, value: String| DraftFact::new(format!("{name} {what}"), value, "supervisor", at);
    let number = release.current().map_or(0, |r| r.number);
    let mut facts = vec![fact("revision", number.to_string()).pinned()];
    match &release.parallel {
        None => facts.push(fact("other half", "none".to_owned()).pinned()),
        Some(parallel) => {
            let value = format!("{} revision {}", parallel.colour.word(), parallel.revision);
            facts.push(fact("other half", value).pinned());
            if let Some(current) = release.current() {
                for change in difference(&current.settings, &parallel.settings).iter().take(12) {
                    facts.push(fact("differs", change.to_string()));
                }
            }
        }
    }
    facts
}

fn deploy(
    case: &Case<'_>,
    drivers: &Drivers,
    release: &Release,
    settings: &BTreeMap<String, String>,
) -> Steps {
    let request = |f: &dyn Fn(&dyn crate::drivers::release::ReleaseDriver) -> String| {
        drivers
            .release
            .as_ref()
            .map_or_else(String::new, |d| f(d.as_ref()))
    };
    let (name, region) = (release.name.clone(), release.region.clone());
    let undo = request(&|d| d.remove_request(&name, false));
    let action = Action::DeployGreen {
        release: name.clone(),
        region: region.clone(),
        settings: settings.clone(),
    };
    let title = format!("start green in {region} on spare capacity, out of rotation");
    let first = step(
        action,
        title,
        request(&|d| d.green_request(&name, settings)),
        Some(format!("remove it: {undo}")),
    );
    let bound_ms = milliseconds(answer_bound(case).as_secs_f64());
    let smoke = Action::Smoke {
        release: name,
        region,
        bound_ms,
    };
    let title = format!("smoke tests of green at its own addresses: every answer within {bound_ms} ms");
    let asks = "GET /livez, /api/health (200), /api/v1/alerts without a token (401) of every instance";
    vec![first, step(smoke, title, asks.to_owned(), None)]
}

/// From what serves to the other half, which is `to`, by weights, with a check after each.
fn switch(case: &Case<'_>, drivers: &Drivers, release: &Release, to: Colour) -> Steps {
    let (name, region) = (&release.name, &release.region);
    let colour = to.word();
    let bound_ms = milliseconds(answer_bound(case).as_secs_f64());
    let mut steps = vec![step(
        Action::Smoke {
            release: name.clone(),
            region: region.clone(),
            bound_ms,
        },
        format!("smoke tests of {colour} once more"),
        "GET /livez, /api/health (200), /api/v1/alerts without a token (401) of every instance".to_owned(),
        None,
    )];
    let request = |percent| {
        drivers
            .share
            .as_ref()
            .map_or_else(String::new, |d| d.request(region, percent))
    };
    // Three looks of the load balancer's own checks, within reason for a person who waits.
    let seconds = (case.slo.region_removal.check_interval_seconds * 3.0).clamp(3.0, 30.0);
    let mut before = 0;
    for percent in SHARES {
        let share = Action::Share {
            region: region.clone(),
            percent,
            before,
        };
        let undo = format!("back to {before} %: {}", request(before));
        steps.push(step(
            share,
            format!("{percent} % of the requests of {region} to {colour}"),
            request(percent),
            Some(undo),
        ));
        let watch = Action::WatchShare {
            region: region.clone(),
            milliseconds: milliseconds(seconds),
            bound_ms,
        };
        let title = format!("watch {colour} for failed and slow requests for {seconds:.0} s");
        let (watch, mut planned) = step(watch, title, "show stat".to_owned(), None);
        planned.id = format!("watch-share-{percent}");
        steps.push((watch, planned));
        before = percent;
    }
    let swap = Action::Swap {
        release: name.clone(),
        region: region.clone(),
    };
    let request = drivers
        .release
        .as_ref()
        .map_or_else(String::new, |d| d.swap_request(name));
    steps.push(step(
        swap,
        format!("{colour} serves under the usual names, the other half is kept idle"),
        request,
        None,
    ));
    let deadline_ms = milliseconds(case.slo.window_seconds * 1.5 + 15.0);
    let recovered = Action::Recovered {
        region: region.clone(),
        deadline_ms,
    };
    steps.push(step(
        recovered,
        format!(
            "the indicators of {region} are within their objectives, at most {} s",
            deadline_ms / 1_000
        ),
        "SLIs over their window".to_owned(),
        None,
    ));
    steps
}

fn remove(drivers: &Drivers, release: &Release, colour: Colour, early: bool) -> (Action, PlannedStep) {
    let action = Action::RemoveParallel {
        release: release.name.clone(),
        region: release.region.clone(),
        early,
    };
    let request = drivers
        .release
        .as_ref()
        .map_or_else(String::new, |d| d.remove_request(&release.name, early));
    let title = format!("end {} in {}", colour.word(), release.region);
    step(action, title, request, None)
}

/// How long an answer may take: the api's objective.
fn answer_bound(case: &Case<'_>) -> Duration {
    let target = case.slo.slis.get(&SliId::HttpRequestDurationP99);
    let seconds = target.map_or(ANSWER_SECONDS, |t| t.objective.bound);
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::from_millis(500))
}

/// Whether the green of this operation is there and ready.
#[must_use]
pub fn deployed_sight(release: &Release, operation: &str) -> Sight {
    let Some(parallel) = &release.parallel else {
        return Sight::NotDone(format!("{} has no parallel release", release.name));
    };
    if parallel.operation != operation {
        return Sight::Failed(format!(
            "{} has a parallel release of operation {}",
            release.name,
            aisoc_model::text::sanitize(&parallel.operation, 60)
        ));
    }
    match &parallel.state {
        ParallelState::Starting => Sight::NotDone("its instances are starting".to_owned()),
        ParallelState::Unready(why) => Sight::Failed(why.clone()),
        ParallelState::Ready => Sight::Done(Report::new(format!(
            "green (revision {}) runs on {} instance(s) beside what serves",
            parallel.revision,
            parallel.instances.len()
        ))),
    }
}

/// Whether the other half is gone.
#[must_use]
pub fn removed_sight(release: &Release) -> Sight {
    match &release.parallel {
        None => Sight::Done(Report::new(format!("{} has one half again", release.name))),
        Some(parallel) => Sight::NotDone(format!("{} is still there", parallel.colour.word())),
    }
}

/// Whether this operation has made the halves change places.
#[must_use]
pub fn swapped_sight(release: &Release, operation: &str, now: Timestamp) -> Sight {
    match &release.parallel {
        Some(kept) if kept.operation == operation => {
            let serves = release.current().map_or(0, |r| r.number);
            let mut report = Report::new(format!("revision {serves} serves; {}", kept_words(kept)));
            report.times.insert("switched".to_owned(), now);
            Sight::Done(report)
        }
        Some(_) => Sight::NotDone("the halves have not changed places".to_owned()),
        None => Sight::Failed(format!("{} has no other half any more", release.name)),
    }
}

fn kept_words(kept: &Parallel) -> String {
    let (colour, revision) = (kept.colour.word(), kept.revision);
    kept.keep_until.map_or_else(
        || format!("{colour} (revision {revision}) is beside it"),
        |until| format!("{colour} (revision {revision}) is kept idle until {until:.0}"),
    )
}

/// What smoke tests mean for the step.
///
/// # Errors
/// What is wrong with the release.
pub fn judge_smoke(smoke: &Smoke) -> Result<Report, String> {
    if !smoke.failed.is_empty() {
        let failed: Vec<&str> = smoke.failed.iter().take(3).map(String::as_str).collect();
        return Err(failed.join("; "));
    }
    let mut report = Report::new(format!(
        "{} smoke tests passed, the slowest answer took {:.0} ms",
        smoke.passed.len(),
        smoke.slowest_ms
    ));
    report
        .figures
        .insert("smoke_slowest_ms".to_owned(), smoke.slowest_ms);
    Ok(report)
}

/// Whether the halves have the weights of this share.
#[must_use]
pub fn share_sight(reading: &ShareReading, percent: u8) -> Sight {
    let rest = 100_u8.saturating_sub(percent);
    let mut wrong = Vec::new();
    let mut check = |server: &HalfServer, share: u8, beside: bool| {
        let wanted = ServerReading::weight_at(server.full_weight, share);
        // The other half is out of rotation, not only without weight, when it gets nothing.
        let placed = !beside || server.is_out() == (share == 0);
        if server.weight != wanted || !placed {
            wrong.push(format!(
                "{} {} weight {}",
                server.name, server.status, server.weight
            ));
        }
    };
    for server in &reading.serving {
        check(server, rest, false);
    }
    for server in &reading.beside {
        check(server, percent, true);
    }
    if reading.beside.is_empty() {
        return Sight::Failed("the load balancer has no server for the other half".to_owned());
    }
    if wrong.is_empty() {
        let mut report = Report::new(format!("{percent} % of the requests go to the other half"));
        report.times.insert(format!("share_{percent}"), reading.at);
        Sight::Done(report)
    } else {
        Sight::NotDone(wrong.join(", "))
    }
}

/// Judges what happened to the other half between two readings.
///
/// # Errors
/// Why the share has to be taken back.
pub fn judge_share(
    before: &ShareReading,
    after: &ShareReading,
    allowed_error_rate: f64,
    bound_ms: u64,
) -> Result<Report, String> {
    let count = |reading: &ShareReading| {
        reading
            .beside
            .iter()
            .fold((0_u64, 0_u64), |(r, f), s| (r + s.requests, f + s.failures))
    };
    let (requests_before, failures_before) = count(before);
    let (requests_after, failures_after) = count(after);
    let down: Vec<String> = after
        .beside
        .iter()
        .filter(|s| !s.serves())
        .map(|s| format!("{} is {}", s.name, s.status))
        .collect();
    if !down.is_empty() {
        return Err(down.join(", "));
    }
    let requests = requests_after.saturating_sub(requests_before);
    let failures = failures_after.saturating_sub(failures_before);
    let slowest = after.beside.iter().map(|s| s.response_ms).max().unwrap_or(0);
    let text = format!("{failures} of {requests} requests failed");
    let share = failures as f64 / requests.max(1) as f64;
    if requests >= LEAST_REQUESTS && failures >= LEAST_FAILURES && share > allowed_error_rate {
        return Err(format!(
            "{text}: more than {:.1} % allowed",
            allowed_error_rate * 100.0
        ));
    }
    if requests > 0 && slowest > bound_ms {
        return Err(format!(
            "answers take {slowest} ms on average, more than {bound_ms} ms"
        ));
    }
    let mut report = Report::new(if requests == 0 {
        "no request came by".to_owned()
    } else {
        format!("{text}, {slowest} ms on average at most")
    });
    report
        .figures
        .insert(WATCHED_REQUESTS.to_owned(), requests as f64);
    report
        .figures
        .insert(WATCHED_FAILURES.to_owned(), failures as f64);
    Ok(report)
}
