//! Runbooks as documents: what a control plane renders and a console shows. How they are made is not known here.

use crate::ids::RegionId;
use crate::plan::Target;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// The sections of every runbook, in their order (operations document §7).
pub const SECTIONS: [&str; 6] = [
    "Trigger condition",
    "Impact assessment",
    "Diagnosis steps",
    "Remediation steps",
    "Verification steps",
    "Escalation path",
];

/// A runbook in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunbookSummary {
    /// `RB-001`.
    pub id: String,
    /// `api-high-latency`.
    pub slug: String,
    /// For a person.
    pub title: String,
    /// When it is to be used, with the threshold in force.
    pub trigger: String,
    /// The alert rules that name it.
    pub rules: Vec<String>,
}

/// A runbook, rendered on what was known at a moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Runbook {
    /// What stands in the list.
    #[serde(flatten)]
    pub summary: RunbookSummary,
    /// The region that it is written for; `None` when it is written for any.
    pub region: Option<RegionId>,
    /// Why that region.
    pub because: String,
    /// The time of the frame that it rests on; `None` when it rests on no frame, but on thresholds only.
    pub drawn_at: Option<Timestamp>,
    /// Its sections, [`SECTIONS`].
    pub sections: Vec<Section>,
    /// The same as a document.
    pub markdown: String,
}

/// A section of a runbook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Block {
    /// A paragraph.
    Text {
        /// What it says.
        text: String,
    },
    /// A point of a list.
    Point {
        /// What it says.
        text: String,
    },
    /// A numbered step.
    Step(Step),
}

/// A numbered step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// From 1 in each section.
    pub number: u32,
    /// What to do.
    pub text: String,
    /// What is known about it.
    pub notes: Vec<String>,
    /// The commands that do it.
    pub commands: Vec<StepCommand>,
}

/// A command of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepCommand {
    /// As it is typed in a shell.
    pub line: String,
    /// The operation whose plan it shows; `None` for a command that only looks, or that another tool does. It leads
    /// to a plan and never further: a plan is confirmed by a person.
    pub action: Option<Target>,
}

impl Runbook {
    /// The operations that its steps lead to, with the command of each.
    pub fn actions(&self) -> impl Iterator<Item = (&StepCommand, &Target)> {
        self.sections
            .iter()
            .flat_map(|section| &section.blocks)
            .filter_map(|block| match block {
                Block::Step(step) => Some(&step.commands),
                Block::Text { .. } | Block::Point { .. } => None,
            })
            .flatten()
            .filter_map(|command| Some((command, command.action.as_ref()?)))
    }
}
