//! Templates: their heads, and the list of them.

use crate::scene::Scene;
use crate::{RunbookError, document, engine};
use aisoc_model::runbook::{Runbook, RunbookSummary};
use aisoc_model::slo::Slo;
use aisoc_model::text::sanitize;
use serde::Deserialize;

/// The templates compiled in: the name of each file and its text.
pub(crate) const SOURCES: [(&str, &str); 6] = [
    (
        "RB-001-api-high-latency.md",
        include_str!("../../../assets/runbooks/RB-001-api-high-latency.md"),
    ),
    (
        "RB-002-postgres-replica-lag.md",
        include_str!("../../../assets/runbooks/RB-002-postgres-replica-lag.md"),
    ),
    (
        "RB-003-region-failover.md",
        include_str!("../../../assets/runbooks/RB-003-region-failover.md"),
    ),
    (
        "RB-004-ingest-pipeline-stall.md",
        include_str!("../../../assets/runbooks/RB-004-ingest-pipeline-stall.md"),
    ),
    (
        "RB-005-agent-runner-oom.md",
        include_str!("../../../assets/runbooks/RB-005-agent-runner-oom.md"),
    ),
    (
        "RB-006-cert-expiry.md",
        include_str!("../../../assets/runbooks/RB-006-cert-expiry.md"),
    ),
];

/// The mark around a template's head.
const FENCE: &str = "---\n";

/// The head of a template.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Head {
    pub(crate) id: String,
    pub(crate) slug: String,
    pub(crate) title: String,
    /// A template of one line.
    pub(crate) trigger: String,
    /// The node of the service map that it is about.
    pub(crate) node: String,
}

/// A template, read.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) name: &'static str,
    pub(crate) head: Head,
    pub(crate) body: &'static str,
}

impl Template {
    fn read(name: &'static str, text: &'static str) -> Result<Self, RunbookError> {
        let wrong = |why: String| RunbookError::Template {
            name: name.to_owned(),
            why,
        };
        let (head, body) = text
            .strip_prefix(FENCE)
            .and_then(|rest| rest.split_once("\n---\n"))
            .ok_or_else(|| wrong("it does not begin with a head between two lines of ---".to_owned()))?;
        let head = serde_saphyr::from_str(head).map_err(|e| wrong(e.to_string()))?;
        Ok(Self { name, head, body })
    }
}

/// The runbooks there are.
#[derive(Debug, Clone)]
pub struct Library {
    templates: Vec<Template>,
}

impl Library {
    /// The templates compiled in.
    ///
    /// # Errors
    /// Never for a released build: a test reads the same texts.
    pub fn builtin() -> Result<Self, RunbookError> {
        let templates = SOURCES
            .into_iter()
            .map(|(name, text)| Template::read(name, text))
            .collect::<Result<_, _>>()?;
        Ok(Self { templates })
    }

    /// Ids in their order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.templates.iter().map(|template| template.head.id.as_str())
    }

    /// What stands in the list, by the thresholds in force.
    ///
    /// # Errors
    /// When a template uses a threshold that there is not.
    pub fn summaries(&self, slo: &Slo) -> Result<Vec<RunbookSummary>, RunbookError> {
        self.templates
            .iter()
            .map(|template| summary(template, slo))
            .collect()
    }

    /// Writes a runbook, by its id (`RB-003`) or its slug (`region-failover`).
    ///
    /// # Errors
    /// When there is none with this id, or its template uses something that there is not.
    pub fn render(&self, id: &str, scene: &Scene<'_>) -> Result<Runbook, RunbookError> {
        let wanted = |t: &&Template| t.head.id.eq_ignore_ascii_case(id) || t.head.slug == id;
        let template = self
            .templates
            .iter()
            .find(wanted)
            .ok_or_else(|| RunbookError::Unknown {
                id: sanitize(id, 40),
                known: self.ids().collect::<Vec<_>>().join(", "),
            })?;
        let summary = summary(template, scene.slo)?;
        let subject = scene.subject(&summary)?;
        let (markdown, actions) = engine::body(template, &summary, scene, &subject)?;
        let sections = document::sections(&markdown, &actions).map_err(|why| RunbookError::Template {
            name: template.name.to_owned(),
            why,
        })?;
        Ok(Runbook {
            region: subject.known,
            because: subject.because,
            drawn_at: scene.world.map(|world| world.head.at),
            summary,
            sections,
            markdown,
        })
    }
}

fn summary(template: &Template, slo: &Slo) -> Result<RunbookSummary, RunbookError> {
    let head = &template.head;
    let of_this = |rule: &&aisoc_model::slo::AlertRule| rule.runbook.as_deref() == Some(&*head.id);
    Ok(RunbookSummary {
        id: head.id.clone(),
        slug: head.slug.clone(),
        title: head.title.clone(),
        trigger: engine::line(template, &head.trigger, slo)?,
        rules: slo
            .alerts
            .iter()
            .filter(of_this)
            .map(|rule| rule.name.clone())
            .collect(),
    })
}
