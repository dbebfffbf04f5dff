//! Releases: what is deployed where, what changed, what is being rolled out, and what a rollback would lead to.

use super::PageView;
use crate::facts;
use crate::format;
use crate::model::Model;
use crate::table::{Column, Piece, Row, Table, Value, cell, piece};
use crate::theme::Role;
use crate::ui::canvas::Canvas;
use crate::ui::widgets::detail::Detail;
use crate::ui::widgets::hero::{self, Hero};
use crate::ui::widgets::table;
use aisoc_model::RegionId;
use aisoc_model::inventory::{Release, Revision, RevisionStatus};
use aisoc_model::world::World;
use jiff::Timestamp;
use ratatui::layout::Rect;

/// Revisions of the history that are shown.
const HISTORY: usize = 8;

/// The page.
pub struct Releases;

impl PageView for Releases {
    fn title(&self) -> &'static str {
        "Releases"
    }

    fn table(&self, model: &Model) -> Table {
        let Some(world) = model.shown() else {
            return Table::default();
        };
        let now = model.shown_at();
        let mut releases: Vec<&Release> = world.releases.values().collect();
        let places = facts::places(world);
        releases.sort_by_cached_key(|release| places.of(Some(&release.region)));
        let columns = vec![
            Column::new("RELEASE", 22).least(20),
            Column::new("STATE", 15),
            Column::new("REVISION", 8).right(),
            Column::new("SINCE", 7).right(),
            Column::new("BACK TO", 7).right().spare(1),
            Column::new("REGION", 14).spare(4),
            Column::new("CHANGED", 34).grow(2).most(90).spare(2),
            Column::new("MADE BY", 28).grow(1).most(70).spare(3),
        ];
        Table::new(
            columns,
            releases.into_iter().map(|release| row(release, now)).collect(),
        )
    }

    fn draw(&self, model: &Model, canvas: &mut Canvas<'_>, area: Rect) {
        let Some(world) = model.shown() else { return };
        let rest = hero::draw(
            canvas,
            area,
            &headline(world, model.shown_at()).remembered(facts::lost_source(
                world,
                super::services::SOURCE,
                model.shown_at(),
            )),
        );
        let rows = model.table();
        let selected = model.selected_on(model.page);
        let chosen = rows
            .selected(selected)
            .and_then(|row| world.releases.get(&row.key));
        let space = chosen.map_or(rest, |release| {
            // The history gives way before the whole is not shown.
            let room = usize::from(rest.height).saturating_sub(rows.rows.len().min(12) + 6);
            detail(release, model.shown_at(), room.saturating_sub(4).min(HISTORY)).below(
                canvas,
                rest,
                rows.rows.len(),
            )
        });
        table::draw(canvas, space, &rows, selected.or(Some("")));
    }

    fn region(&self, model: &Model, key: &str) -> Option<RegionId> {
        model
            .shown()?
            .releases
            .get(key)
            .map(|release| release.region.clone())
    }
}

/// How a release stands: glyph, word and role.
fn standing(release: &Release) -> (&'static str, Role) {
    if release.rollout.is_some() {
        return ("▶ rolling out", Role::Accent);
    }
    match release.history.last().map(|latest| latest.status) {
        _ if release.current().is_none() => ("✖ none deployed", Role::Bad),
        Some(RevisionStatus::Failed) => ("✖ latest failed", Role::Bad),
        Some(RevisionStatus::PendingUpgrade | RevisionStatus::PendingRollback) => {
            ("▲ interrupted", Role::Warn)
        }
        _ => ("● deployed", Role::Good),
    }
}

fn row(release: &Release, now: Timestamp) -> Row {
    let (word, role) = standing(release);
    let current = release.current();
    let dash = || cell("–", Role::Faint);
    let back = current.and_then(|current| release.last_good_before(current.number));
    let changed = current.map(|current| difference(before(release, current), current));
    let cells = vec![
        cell(release.name.clone(), Role::Text),
        cell(word, role),
        current.map_or_else(dash, |r| cell(r.number.to_string(), Role::Strong)),
        current.map_or_else(dash, |r| cell(format::since(r.at, now), Role::Muted)),
        back.map_or_else(dash, |r| cell(r.number.to_string(), Role::Muted)),
        cell(release.region.to_string(), Role::Muted),
        changed.unwrap_or_else(dash),
        current.map_or_else(dash, |r| cell(r.description.clone(), Role::Muted)),
    ];
    Row::new(&*release.name, cells)
        .field("release", Value::text(release.name.clone()))
        .field("region", Value::text(release.region.to_string()))
        .field(
            "state",
            Value::text(word.trim_start_matches(|c: char| !c.is_ascii())),
        )
        .field("revision", Value::Number(current.map(|r| f64::from(r.number))))
}

/// The revision that was in force before another one.
fn before<'a>(release: &'a Release, revision: &Revision) -> Option<&'a Revision> {
    release
        .history
        .iter()
        .rev()
        .find(|r| r.number < revision.number && r.status == RevisionStatus::Superseded)
}

/// What settings differ: `api.inject_latency_ms 0 → 800`.
fn difference(from: Option<&Revision>, to: &Revision) -> Vec<Piece> {
    let Some(from) = from else {
        return vec![piece("the first one that is remembered", Role::Muted)];
    };
    let mut pieces = Vec::new();
    let names: std::collections::BTreeSet<&String> = from.settings.keys().chain(to.settings.keys()).collect();
    for name in names {
        let (old, new) = (from.settings.get(name), to.settings.get(name));
        if old == new {
            continue;
        }
        let word = |value: Option<&String>| value.cloned().unwrap_or_else(|| "unset".to_owned());
        pieces.push(piece(format!("{name} "), Role::Muted));
        pieces.push(piece(format!("{} → {}  ", word(old), word(new)), Role::Text));
    }
    if pieces.is_empty() {
        pieces.push(piece("no setting differs", Role::Muted));
    }
    pieces
}

fn headline(world: &World, now: Timestamp) -> Hero {
    let total = world.releases.len();
    if total == 0 {
        return Hero::new("?", "No release is known", Role::Unknown);
    }
    let good = world
        .releases
        .values()
        .filter(|release| standing(release).1 == Role::Good)
        .count();
    let latest = world
        .releases
        .values()
        .filter_map(|release| Some((release, release.current()?)))
        .max_by_key(|(_, revision)| revision.at);
    let note = latest.map_or_else(String::new, |(release, revision)| {
        format!(
            "latest: {} revision {}, {} ago: {}",
            release.name,
            revision.number,
            format::since(revision.at, now),
            revision.description
        )
    });
    let rolling: Vec<&Release> = world.releases.values().filter(|r| r.rollout.is_some()).collect();
    let figure = format!("{good}/{total}");
    if let [first, rest @ ..] = rolling.as_slice() {
        let what = first.rollout.clone().unwrap_or_default();
        let more = if rest.is_empty() {
            String::new()
        } else {
            format!(" and {} more", rest.len())
        };
        return Hero::new(
            figure,
            format!("{} is being rolled out{more}", first.name),
            Role::Accent,
        )
        .line(vec![piece(what, Role::Text)])
        .note(note);
    }
    match world.releases.values().find(|r| standing(r).1 != Role::Good) {
        Some(bad) => {
            let (how, role) = standing(bad);
            let how = how.trim_start_matches(|c: char| !c.is_ascii()).trim();
            Hero::new(figure, format!("deployed; {}: {how}", bad.name), role).note(note)
        }
        None => Hero::new(figure, "Every release is deployed", Role::Good).note(note),
    }
}

fn detail(release: &Release, now: Timestamp, history: usize) -> Detail {
    let mut detail = Detail::new(release.name.clone());
    if let Some(rollout) = &release.rollout {
        detail = detail.line("rollout", vec![piece(format!("▶ {rollout}"), Role::Accent)]);
    }
    detail = match release.current() {
        Some(current) => detail.line("changed", difference(before(release, current), current)),
        None => detail.line("changed", vec![piece("✖ no revision is deployed", Role::Bad)]),
    };
    let back = release
        .current()
        .and_then(|current| release.last_good_before(current.number));
    detail = detail.text(
        "roll back",
        back.map_or_else(
            || "no earlier revision was completely deployed with other settings".to_owned(),
            |r| {
                format!(
                    "to revision {} ({}), the last complete one that differs",
                    r.number, r.description
                )
            },
        ),
    );
    for (index, revision) in release.history.iter().rev().take(history).enumerate() {
        let label = if index == 0 { "history" } else { "" };
        detail = detail.line(label, revision_line(revision, now));
    }
    let more = release.history.len().saturating_sub(history);
    if more > 0 {
        detail = detail.line("", vec![piece(format!("{more} more"), Role::Muted)]);
    }
    detail
}

fn revision_line(revision: &Revision, now: Timestamp) -> Vec<Piece> {
    let (word, role) = match revision.status {
        RevisionStatus::Deployed => ("● deployed", Role::Good),
        RevisionStatus::Superseded => ("○ superseded", Role::Muted),
        RevisionStatus::Failed => ("✖ failed", Role::Bad),
        RevisionStatus::PendingUpgrade => ("▶ rolling out", Role::Accent),
        RevisionStatus::PendingRollback => ("◀ rolling back", Role::Accent),
    };
    vec![
        piece(format!("rev {:<4}", revision.number), Role::Text),
        piece(format!("{word:<14}"), role),
        piece(
            format!("{:>7} ago  ", format::since(revision.at, now)),
            Role::Muted,
        ),
        piece(revision.description.clone(), Role::Muted),
    ]
}
