//! What a page of the wall says: one figure, one sentence, a few lines.

use super::rotation::View;
use crate::facts::{self, Standing};
use crate::format;
use crate::model::Model;
use crate::notify;
use crate::runbook;
use crate::theme::Role;
use crate::ui::pages::{map as ways, overview, runbooks as books};
use crate::ui::widgets::hero::Hero;
use crate::ui::widgets::state;
use aisoc_model::alert::Alert;
use aisoc_model::lag::LagLevel;
use aisoc_model::world::World;

/// Lines below the sentence.
const LINES: usize = 12;

/// What a page says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// The figure.
    pub figure: String,
    /// The sentence.
    pub title: String,
    /// How both look.
    pub role: Role,
    /// Further lines, the most important first.
    pub lines: Vec<(String, Role)>,
    /// It takes the whole screen, on a ground of its own.
    pub alarm: bool,
}

impl Sheet {
    fn new(figure: impl Into<String>, title: impl Into<String>, role: Role) -> Self {
        Self {
            figure: figure.into(),
            title: title.into(),
            role,
            lines: Vec::new(),
            alarm: false,
        }
    }
}

/// The alert that takes the screen: the oldest that pages and that nobody has acknowledged.
#[must_use]
pub fn alarm(model: &Model) -> Option<Sheet> {
    let world = model.world.as_ref()?;
    let paging: Vec<&Alert> = facts::firing(world)
        .into_iter()
        .map(|(_, alert)| alert)
        .filter(|alert| notify::pages(alert.severity) && alert.acknowledged.is_none())
        .collect();
    let first = paging.first()?;
    let place = first.region.as_ref().map_or("all regions", |id| id.as_str());
    let since = format::since(first.fired_at.unwrap_or(first.since), model.now);
    let mut sheet = Sheet::new(
        format!("{:?}", first.severity),
        format!("{place}: {}", facts::alert_text(first)),
        Role::Production,
    );
    sheet.alarm = true;
    sheet
        .lines
        .push((format!("for {since}, not acknowledged"), Role::Production));
    if paging.len() > 1 {
        sheet.lines.push((
            format!("and {} more that page", paging.len() - 1),
            Role::Production,
        ));
    }
    if let Some(runbook) = &first.runbook {
        sheet.lines.push((format!("runbook {runbook}"), Role::Production));
    }
    Some(sheet)
}

/// When there is nothing to trust: when the last good frame was, or why there is none.
#[must_use]
pub fn lost(model: &Model) -> Sheet {
    let why = crate::ui::waiting::reason(model);
    match &model.world {
        None => {
            let mut sheet = Sheet::new("?", "no frame yet", Role::Unknown);
            sheet.lines.push((why, Role::Muted));
            sheet
        }
        Some(world) => {
            let age = format::since(world.head.at, model.now);
            let mut sheet = Sheet::new(
                format::time_of_day(world.head.at),
                format!("LAST GOOD FRAME, {age} ago"),
                Role::Unknown,
            );
            sheet.lines.push((why, Role::Unknown));
            sheet
                .lines
                .push(("what is now is not known".to_owned(), Role::Muted));
            sheet
        }
    }
}

/// What a page says about a frame.
#[must_use]
pub fn of(view: View, model: &Model, world: &World) -> Sheet {
    match view {
        View::Overview => at_a_glance(model, world),
        View::Lag => lag(model, world),
        View::Slis => slis(model, world),
        View::Alerts => alerts(model, world),
        View::Map => map(model, world),
        View::Runbooks => runbooks(world),
    }
}

fn at_a_glance(model: &Model, world: &World) -> Sheet {
    let verdict = overview::verdict(model, world);
    // The reason behind the colon is for those who come closer.
    let (title, why) = verdict
        .title
        .split_once(": ")
        .unwrap_or((verdict.title.as_str(), ""));
    let mut sheet = Sheet::new(verdict.figure, title, verdict.role);
    if !why.is_empty() {
        sheet.lines.push((why.to_owned(), verdict.role));
    }
    for region in facts::regions(world) {
        let shown = state::region(region, model.connection.trustworthy());
        let weight = region
            .traffic
            .fresh(model.now)
            .map_or_else(|| "? %".to_owned(), |t| format!("{} %", t.weight_percent));
        let writes = if facts::writes(region, model.now) {
            ", writes"
        } else {
            ""
        };
        sheet.lines.push((
            format!("{} {} {}, {weight}{writes}", shown.glyph, region.id, shown.word),
            shown.value_role(),
        ));
    }
    let firing = facts::firing(world).len();
    let (text, role) = match firing {
        0 => ("no alert is firing".to_owned(), Role::Muted),
        1 => ("1 alert is firing".to_owned(), Role::Warn),
        count => (format!("{count} alerts are firing"), Role::Warn),
    };
    sheet.lines.push((text, role));
    sheet.lines.truncate(LINES);
    sheet
}

fn lag(model: &Model, world: &World) -> Sheet {
    let now = model.now;
    let Some(worst) = facts::worst_link(world, now) else {
        return Sheet::new("?", "no replication link is known", Role::Unknown);
    };
    let shown = state::lag(facts::level(worst, now));
    let figure = worst
        .lag_seconds
        .fresh(now)
        .map_or_else(|| "?".to_owned(), |lag| format::seconds(*lag));
    let mut sheet = Sheet::new(
        figure,
        format!("worst lag: {} to {}, {}", worst.kind.name(), worst.to, shown.word),
        shown.value_role(),
    );
    let mut links: Vec<_> = world
        .links
        .values()
        .map(|link| (facts::level(link, now), link))
        .filter(|(level, link)| *level != LagLevel::Ok && !facts::not_configured(&link.lag_seconds))
        .collect();
    links.sort_by_key(|(level, _)| std::cmp::Reverse(*level));
    if links.is_empty() {
        sheet
            .lines
            .push(("every link is within its target".to_owned(), Role::Muted));
    }
    for (level, link) in links.into_iter().take(LINES) {
        let shown = state::lag(level);
        let lag = link
            .lag_seconds
            .fresh(now)
            .map_or_else(String::new, |lag| format!(" {}", format::seconds(*lag)));
        sheet.lines.push((
            format!(
                "{} {} to {}{lag}, {}",
                shown.glyph,
                link.kind.name(),
                link.to,
                shown.word
            ),
            shown.role,
        ));
    }
    sheet
}

fn slis(model: &Model, world: &World) -> Sheet {
    let now = model.now;
    let Some(worst) = facts::worst_sli(world, now) else {
        return Sheet::new("?", "no indicator is known", Role::Unknown);
    };
    let shown = state::standing(facts::standing(worst, now));
    let figure = worst
        .value
        .fresh(now)
        .map_or_else(|| "?".to_owned(), |value| facts::sli_text(worst, *value));
    let mut sheet = Sheet::new(
        figure,
        format!("{} in {}: {}", worst.sli.title(), worst.region, shown.word),
        shown.value_role(),
    );
    let mut off: Vec<_> = world
        .slis
        .values()
        .map(|reading| (facts::standing(reading, now), reading))
        .filter(|(standing, _)| matches!(standing, Standing::Missed | Standing::Unknown | Standing::Close))
        .collect();
    off.sort_by_key(|(standing, _)| std::cmp::Reverse(*standing));
    if off.is_empty() {
        sheet
            .lines
            .push(("every objective is met".to_owned(), Role::Muted));
    }
    for (standing, reading) in off.into_iter().take(LINES) {
        let shown = state::standing(standing);
        let value = reading.value.fresh(now).map_or_else(String::new, |value| {
            format!(" {}", facts::sli_text(reading, *value))
        });
        sheet.lines.push((
            format!(
                "{} {} in {}{value}, {} is {}",
                shown.glyph,
                reading.sli.title(),
                reading.region,
                facts::objective_text(reading),
                shown.word
            ),
            shown.role,
        ));
    }
    sheet
}

fn alerts(model: &Model, world: &World) -> Sheet {
    let firing = facts::firing(world);
    let role = firing
        .first()
        .map_or(Role::Good, |(_, alert)| state::severity(alert.severity).1);
    let title = match firing.len() {
        0 => "no alert is firing",
        1 => "alert is firing",
        _ => "alerts are firing",
    };
    let mut sheet = Sheet::new(firing.len().to_string(), title, role);
    for (_, alert) in firing.into_iter().take(LINES) {
        let (label, role) = state::severity(alert.severity);
        let place = alert.region.as_ref().map_or("all regions", |id| id.as_str());
        let since = format::since(alert.fired_at.unwrap_or(alert.since), model.now);
        let seen = if alert.acknowledged.is_some() {
            ", seen"
        } else {
            ""
        };
        sheet.lines.push((
            format!("{label} {place} {since}{seen}: {}", facts::alert_text(alert)),
            role,
        ));
    }
    sheet
}

/// The headline of a page of the screen, with its notes as lines.
fn headed(hero: Hero) -> Sheet {
    let mut sheet = Sheet::new(hero.figure, hero.title, hero.role);
    for line in hero.lines {
        let text: String = line.into_iter().map(|piece| piece.text).collect();
        sheet.lines.push((text, Role::Muted));
    }
    sheet
}

fn map(model: &Model, world: &World) -> Sheet {
    let mut sheet = headed(ways::headline(model, world));
    let failing = facts::failing_ways(world, model.now);
    if failing.is_empty() && !world.service_map.is_empty() {
        let line = "no way fails more often than the objective allows";
        sheet.lines.push((line.to_owned(), Role::Muted));
    }
    for (edge, figures) in failing.into_iter().take(LINES) {
        let share = format::percent(figures.error_share);
        let p99 = format::seconds(figures.p99_seconds);
        sheet
            .lines
            .push((format!("{}: {share} fail, p99 {p99}", ways::way(edge)), Role::Bad));
    }
    sheet.lines.truncate(LINES);
    sheet
}

fn runbooks(world: &World) -> Sheet {
    let hero = books::headline(world);
    let mut sheet = Sheet::new(hero.figure, hero.title, hero.role);
    for one in world.runbooks.values() {
        if let (count @ 1.., region) = runbook::firing(world, &one.id) {
            let place = region.map_or("the platform", |id| id.as_str());
            let alerts = if count == 1 { "alert" } else { "alerts" };
            sheet.lines.push((
                format!("{} {}: {place}, {count} {alerts}", one.id, one.title),
                Role::Warn,
            ));
        }
    }
    if sheet.lines.is_empty() {
        sheet.lines.push((
            format!("{} runbooks are there", world.runbooks.len()),
            Role::Muted,
        ));
    }
    sheet.lines.truncate(LINES);
    sheet
}
