//! A runbook that is read: what the control plane has written, as lines to move through, of which some lead to a plan.

use crate::format;
use crate::table::{Piece, piece};
use crate::theme::Role;
use crate::ui::canvas::wrap;
use aisoc_model::RegionId;
use aisoc_model::plan::Target;
use aisoc_model::runbook::{Block, Runbook, Step};
use aisoc_model::text::sanitize;
use aisoc_model::world::World;

/// Columns of the widest page of a runbook, its frame included.
pub const WIDEST: u16 = 126;
/// Longest text of one part.
const LONGEST: usize = 2_000;

/// A runbook that is read.
#[derive(Debug, Clone)]
pub struct Reading {
    /// Its id.
    pub id: String,
    /// The region that it was asked for; the control plane chooses when there is none.
    pub region: Option<RegionId>,
    /// Replies with another ticket belong to an earlier question.
    pub ticket: u64,
    /// How far it is.
    pub stage: Stage,
    /// The chosen line.
    pub chosen: usize,
}

/// How far the reading is.
#[derive(Debug, Clone)]
pub enum Stage {
    /// The control plane writes it.
    Asking,
    /// Here it is.
    Shown(Box<Runbook>),
    /// There is none, and why.
    Failed(String),
}

/// A line of a runbook.
#[derive(Debug, Clone)]
pub struct Line {
    /// What it says.
    pub pieces: Vec<Piece>,
    /// The operation whose plan it leads to.
    pub does: Option<Target>,
}

impl Reading {
    /// Its lines on a screen of so many columns; none while there is nothing to read.
    #[must_use]
    pub fn lines(&self, columns: u16) -> Vec<Line> {
        match &self.stage {
            Stage::Shown(runbook) => lines(runbook, usize::from(room(columns))),
            Stage::Asking | Stage::Failed(_) => Vec::new(),
        }
    }
}

/// Columns for text on a screen of so many.
#[must_use]
pub fn room(columns: u16) -> u16 {
    // The frame, a blank at each side of it, and the mark of the chosen line.
    columns.min(WIDEST).saturating_sub(6).max(10)
}

/// How many alerts of a runbook fire, and where the gravest of them does.
#[must_use]
pub fn firing<'a>(world: &'a World, id: &str) -> (usize, Option<&'a RegionId>) {
    let mut of_it: Vec<_> = world
        .alerts
        .values()
        .filter(|alert| {
            alert.state == aisoc_model::alert::AlertState::Firing && alert.runbook.as_deref() == Some(id)
        })
        .collect();
    of_it.sort_by_key(|alert| (alert.severity, alert.since));
    (of_it.len(), of_it.iter().find_map(|alert| alert.region.as_ref()))
}

fn lines(runbook: &Runbook, width: usize) -> Vec<Line> {
    let mut page = Page {
        lines: Vec::new(),
        width,
    };
    for section in &runbook.sections {
        if !page.lines.is_empty() {
            page.lines.push(Line {
                pieces: Vec::new(),
                does: None,
            });
        }
        page.put("", &section.title, Role::Heading);
        for block in &section.blocks {
            match block {
                Block::Text { text } => page.put("", text, Role::Text),
                Block::Point { text } => match text.strip_prefix("NOW: ") {
                    Some(now) => page.put("▲ ", now, Role::Warn),
                    None => page.put("· ", text, Role::Muted),
                },
                Block::Step(step) => page.step(step),
            }
        }
    }
    page.lines
}

struct Page {
    lines: Vec<Line>,
    width: usize,
}

impl Page {
    fn step(&mut self, step: &Step) {
        self.put(&format!("{:>2}  ", step.number), &step.text, Role::Text);
        for note in &step.notes {
            self.put("    · ", note, Role::Muted);
        }
        for command in &step.commands {
            let text = sanitize(&command.line, LONGEST);
            let role = if command.action.is_some() {
                Role::Accent
            } else {
                Role::Text
            };
            // A command is one line, however long: broken, it would be another one.
            self.lines.push(Line {
                pieces: vec![piece("    $ ", Role::Faint), piece(text, role)],
                does: command.action.clone(),
            });
        }
    }

    /// Text under a mark, broken at blanks; what follows stands under where it began.
    fn put(&mut self, mark: &str, text: &str, role: Role) {
        let indent = mark.chars().count();
        let room = self.width.saturating_sub(indent).max(8);
        for (index, line) in wrap(&sanitize(text, LONGEST), room).into_iter().enumerate() {
            let lead = if index == 0 {
                mark.to_owned()
            } else {
                " ".repeat(indent)
            };
            let lead_role = if role == Role::Warn { role } else { Role::Faint };
            self.lines.push(Line {
                pieces: vec![piece(lead, lead_role), piece(line, role)],
                does: None,
            });
        }
    }
}

/// The line of the next command that leads to a plan, or of the one before; the same line when there is none.
#[must_use]
pub fn command(lines: &[Line], from: usize, forward: bool) -> usize {
    let leads = |at: &usize| lines.get(*at).is_some_and(|line| line.does.is_some());
    let found = if forward {
        (from.saturating_add(1)..lines.len()).find(leads)
    } else {
        (0..from.min(lines.len())).rev().find(leads)
    };
    found.unwrap_or(from)
}

/// Beside a screen that shows the past: control planes write from the present frame only.
#[must_use]
pub fn of_the_present(runbook: &Runbook) -> String {
    let at = runbook.drawn_at.map_or_else(
        || "without a frame".to_owned(),
        |at| format!("{} UTC", format::time_of_day(at)),
    );
    format!("Of the present ({at}), not of what is shown.")
}

/// How old what it rests on is.
#[must_use]
pub fn age(runbook: &Runbook, now: jiff::Timestamp) -> String {
    runbook.drawn_at.map_or_else(
        || "written without a frame".to_owned(),
        |at| format!("written {} ago", format::since(at, now)),
    )
}
