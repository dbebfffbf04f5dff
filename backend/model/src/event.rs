//! Security events, alerts, incidents and investigations: what flows through the SOC pipeline.

use crate::ids::{ClusterName, RegionId};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Names of the bus topics.
pub mod topic {
    /// Accepted events, as received, with normalised columns.
    pub const RAW_EVENTS: &str = "aisoc.raw_events";
    /// Events after enrichment.
    pub const ENRICHED_EVENTS: &str = "aisoc.enriched_events";
    /// Alerts that were persisted by this region and want an investigation.
    pub const ALERTS: &str = "aisoc.alerts";
    /// Inputs that could not be understood, with the reason.
    pub const DEAD_LETTERS: &str = "aisoc.raw_events.dlq";
}

/// A tenant and where its data may be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tenant {
    /// Key, `a-z0-9-`.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// The region whose consumers persist this tenant's alerts.
    pub home_region: RegionId,
    /// Regions its events may be sent to; empty means all of them.
    pub residency: Vec<RegionId>,
    /// SLA targets: minutes to acknowledge, by severity word (`critical`, `high`, …).
    pub acknowledge_minutes: BTreeMap<String, u32>,
    /// The database cluster that keeps its data; the deployment's first one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterName>,
}

/// OCSF event class, as far as it decides on detection rules (OCSF 1.8 `class_uid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventClass {
    /// 1007
    ProcessActivity,
    /// 1001
    FileActivity,
    /// 1005
    ModuleActivity,
    /// 201001 (Windows registry value activity extension)
    RegistryActivity,
    /// 4001
    NetworkActivity,
    /// 4003
    DnsActivity,
    /// 4002
    HttpActivity,
    /// 3002
    Authentication,
    /// 3001
    AccountChange,
    /// 6003
    ApiActivity,
    /// 2004
    DetectionFinding,
    /// 2005
    IncidentFinding,
    /// 0
    BaseEvent,
}

impl EventClass {
    /// OCSF `class_uid`.
    #[must_use]
    pub fn uid(self) -> u32 {
        match self {
            Self::ProcessActivity => 1007,
            Self::FileActivity => 1001,
            Self::ModuleActivity => 1005,
            Self::RegistryActivity => 201_001,
            Self::NetworkActivity => 4001,
            Self::DnsActivity => 4003,
            Self::HttpActivity => 4002,
            Self::Authentication => 3002,
            Self::AccountChange => 3001,
            Self::ApiActivity => 6003,
            Self::DetectionFinding => 2004,
            Self::IncidentFinding => 2005,
            Self::BaseEvent => 0,
        }
    }
}

/// An event on the bus: envelope, normalised columns, and the untouched source event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EventRecord {
    /// The client's own id, else a hash of tenant, source, raw event and time. Unique per tenant.
    pub event_id: String,
    /// Tenant; from the token, never from the payload.
    pub tenant: String,
    /// The region that accepted it; it alone stores it.
    pub origin_region: RegionId,
    /// The tenant's home region; it alone persists alerts.
    pub home_region: RegionId,
    /// The client's connector.
    pub connector_id: String,
    /// Source format, for example `windows_event_log`, `cloudtrail`, `json`.
    pub source_format: String,
    /// When ingest accepted it.
    pub received_at: Timestamp,
    /// When it happened, by the source.
    pub event_time: Timestamp,
    /// OCSF class.
    pub class: EventClass,
    /// OCSF severity id, 0–6.
    pub severity: u8,
    /// Who and what it is about.
    pub entities: Entities,
    /// W3C `traceparent` of the accepting request, so that a trace goes on across the bus.
    pub traceparent: Option<String>,
    /// What enrichment added; `None` before it ran.
    pub enrichment: Option<Enrichment>,
    /// The event as the source shaped it.
    pub raw_data: serde_json::Value,
}

/// Who and what an event is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Entities {
    /// Host name, lower case.
    pub host: Option<String>,
    /// User, lower case.
    pub user: Option<String>,
    /// Address that is not loopback.
    pub ip: Option<String>,
    /// Image path of a process.
    pub process: Option<String>,
}

/// What enrichment added.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Enrichment {
    /// Criticality of the asset, 0–100.
    pub asset_criticality: Option<u8>,
    /// Owner of the asset.
    pub asset_owner: Option<String>,
    /// ISO country of the address.
    pub country: Option<String>,
    /// Autonomous system of the address.
    pub asn: Option<u32>,
    /// Matched indicators, `list:value`.
    pub indicators: Vec<String>,
    /// Some source did not answer in time.
    pub partial: bool,
}

/// An alert about a tenant: a rule matched events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SecurityAlert {
    /// hash(tenant, rule, fingerprint, floor(`event_time` / window)).
    pub id: String,
    /// Tenant.
    pub tenant: String,
    /// The Sigma rule's id.
    pub rule_id: String,
    /// The rule's title.
    pub title: String,
    /// `informational`, `low`, `medium`, `high`, `critical`.
    pub level: String,
    /// ATT&CK techniques (`T1059.001`) and tactics (`execution`).
    pub techniques: Vec<String>,
    /// Tactics.
    pub tactics: Vec<String>,
    /// Entities of the first event.
    pub entities: Entities,
    /// First and last event time.
    pub first_seen: Timestamp,
    /// Last event time.
    pub last_seen: Timestamp,
    /// When ingest accepted the first event.
    pub received_at: Timestamp,
    /// Events fused into it.
    pub event_count: u64,
    /// Ids of the first events (at most 20), as evidence.
    pub evidence: Vec<String>,
    /// The incident it belongs to.
    pub incident_id: String,
    /// W3C `traceparent` of the first event.
    pub traceparent: Option<String>,
}

/// Alerts about the same doings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Incident {
    /// Deterministic id: the smallest alert id it started from.
    pub id: String,
    /// Tenant.
    pub tenant: String,
    /// A line for a person.
    pub title: String,
    /// `open`, `acknowledged`, `closed`.
    pub status: String,
    /// Risk score.
    pub score: f64,
    /// Distinct tactics.
    pub tactics: Vec<String>,
    /// Alerts in it.
    pub alert_count: u64,
    /// First event time.
    pub first_seen: Timestamp,
    /// Last event time.
    pub last_seen: Timestamp,
}

/// The result of an agent's run over an alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Investigation {
    /// Deterministic: hash of alert id and playbook version.
    pub id: String,
    /// The alert.
    pub alert_id: String,
    /// Tenant.
    pub tenant: String,
    /// `malicious`, `suspicious`, `benign`, `inconclusive`.
    pub verdict: String,
    /// 0–1.
    pub confidence: f64,
    /// Reasons, each with the evidence ids it cites.
    pub reasons: Vec<Reason>,
    /// Recommended actions; every one needs a person's approval.
    pub recommended_actions: Vec<String>,
    /// Hash over the inputs, so that a run can be repeated.
    pub input_hash: String,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Timestamp,
}

/// Why a verdict was reached.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reason {
    /// The weighted rule that spoke.
    pub rule: String,
    /// Its weight in the verdict.
    pub weight: f64,
    /// One sentence.
    pub text: String,
    /// Event or alert ids it rests on.
    pub evidence: Vec<String>,
}
