//! Read-only tools. Each answers with numbers and the ids they rest on; none changes anything anywhere.

mod alerts;
mod events;
mod process;

use aisoc_model::Clock;
use aisoc_model::event::{EventRecord, SecurityAlert};
use aisoc_storage::{Database, EventStore};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// The longest a tool may take.
pub const TOOL_TIMEOUT: Duration = Duration::from_secs(2);

/// Where tools look.
#[derive(Clone)]
pub struct Sources {
    /// Alerts.
    pub database: Database,
    /// The region's events. Those that other regions accepted are not here.
    pub store: EventStore,
    /// Now.
    pub clock: Arc<dyn Clock>,
}

/// The tools there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolName {
    /// The events the alert rests on.
    Evidence,
    /// What else happened around its entities.
    EventsAround,
    /// Other alerts on its entities.
    PriorAlerts,
    /// The machine it happened on.
    Asset,
    /// Known-bad addresses, names and hashes.
    Indicators,
    /// How often the rule fires for this tenant.
    RulePrevalence,
    /// The process and its ancestors.
    ProcessChain,
}

impl ToolName {
    /// The word for it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Evidence => "evidence",
            Self::EventsAround => "events_around",
            Self::PriorAlerts => "prior_alerts",
            Self::Asset => "asset",
            Self::Indicators => "indicators",
            Self::RulePrevalence => "rule_prevalence",
            Self::ProcessChain => "process_chain",
        }
    }
}

/// A number that was found, and what it rests on.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Feature {
    /// `tool.number`.
    pub name: &'static str,
    /// The number.
    pub value: f64,
    /// Event or alert ids.
    pub evidence: Vec<String>,
}

impl Feature {
    fn new(name: &'static str, value: f64, evidence: Vec<String>) -> Self {
        Self {
            name,
            value,
            evidence,
        }
    }

    /// A count of things, which are the evidence.
    fn count(name: &'static str, ids: Vec<String>) -> Self {
        Self::new(name, ids.len() as f64, ids)
    }
}

/// An alert under investigation, and the events that several tools look at.
pub struct Case<'a> {
    alert: &'a SecurityAlert,
    sources: &'a Sources,
    evidence: OnceCell<Vec<EventRecord>>,
    around: OnceCell<Vec<EventRecord>>,
}

/// What the tools found.
#[derive(Debug, Default)]
pub struct Findings {
    /// Numbers, in the order of the playbook's tools.
    pub features: Vec<Feature>,
    /// Tools that failed or did not answer in time.
    pub missing: Vec<&'static str>,
}

/// Runs tools at once, none longer than [`TOOL_TIMEOUT`] or past `deadline`.
pub async fn run(
    tools: &[ToolName],
    alert: &SecurityAlert,
    sources: &Sources,
    deadline: Instant,
) -> Findings {
    let case = Case {
        alert,
        sources,
        evidence: OnceCell::new(),
        around: OnceCell::new(),
    };
    let until = deadline.min(Instant::now() + TOOL_TIMEOUT);
    let runs = tools.iter().map(|tool| {
        let work = case.run(*tool);
        async move { (*tool, tokio::time::timeout_at(until, work).await) }
    });
    let mut findings = Findings {
        features: about(alert),
        missing: Vec::new(),
    };
    for (tool, outcome) in futures::future::join_all(runs).await {
        match outcome {
            Ok(Ok(features)) => findings.features.extend(features),
            Ok(Err(error)) => {
                tracing::warn!(tool = tool.word(), alert = %alert.id, %error, "a tool failed");
                findings.missing.push(tool.word());
            }
            Err(_) => {
                tracing::warn!(tool = tool.word(), alert = %alert.id, "a tool took too long");
                findings.missing.push(tool.word());
            }
        }
    }
    findings
}

/// What the alert itself says.
fn about(alert: &SecurityAlert) -> Vec<Feature> {
    let level = match alert.level.as_str() {
        "critical" => 4.0,
        "high" => 3.0,
        "medium" => 2.0,
        "low" => 1.0,
        _ => 0.0,
    };
    vec![
        Feature::new("alert.level", level, vec![alert.id.clone()]),
        Feature::new("alert.events", alert.event_count as f64, alert.evidence.clone()),
    ]
}

impl Case<'_> {
    async fn run(&self, tool: ToolName) -> aisoc_storage::Result<Vec<Feature>> {
        match tool {
            ToolName::Evidence => self.found().await,
            ToolName::EventsAround => self.surroundings().await,
            ToolName::PriorAlerts => self.prior_alerts().await,
            ToolName::Asset => self.asset().await,
            ToolName::Indicators => self.indicators().await,
            ToolName::RulePrevalence => self.rule_prevalence().await,
            ToolName::ProcessChain => self.process_chain().await,
        }
    }

    /// The events the alert rests on, as far as this region has them.
    async fn evidence(&self) -> aisoc_storage::Result<&[EventRecord]> {
        let load = || async {
            let mut events = Vec::new();
            for id in &self.alert.evidence {
                events.extend(self.sources.store.get(&self.alert.tenant, id).await?);
            }
            Ok(events)
        };
        self.evidence.get_or_try_init(load).await.map(Vec::as_slice)
    }

    /// Events of the same entities around the alert.
    async fn around(&self) -> aisoc_storage::Result<&[EventRecord]> {
        const AROUND: Duration = Duration::from_hours(1);
        const EVENTS: u32 = 200;
        let load = || async {
            let alert = self.alert;
            self.sources
                .store
                .around_entity(&alert.tenant, &alert.entities, alert.first_seen, AROUND, EVENTS)
                .await
        };
        self.around.get_or_try_init(load).await.map(Vec::as_slice)
    }
}
