//! Replication lag: what follows what, how far behind, and how bad that is.

use crate::ids::{ClusterName, RegionId};
use crate::observed::Observed;
use serde::{Deserialize, Serialize};

/// What is replicated over a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LinkKind {
    /// PostgreSQL streaming replication.
    Postgres,
    /// Redis replication.
    Redis,
    /// The fan-out of accepted events from a region's spool to a region's bus.
    Bus,
    /// The region's own consumers behind its bus (`from` equals `to`): events not yet in the event store.
    EventStore,
    /// ClickHouse replication.
    #[serde(rename = "clickhouse")]
    ClickHouse,
    /// Object storage replication.
    ObjectStorage,
}

impl LinkKind {
    /// The name shown on screens and used as the key in `assets/slo.yaml`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Postgres => "postgres",
            Self::Redis => "redis",
            Self::Bus => "bus",
            Self::EventStore => "event_store",
            Self::ClickHouse => "clickhouse",
            Self::ObjectStorage => "object_storage",
        }
    }
}

/// One replication link between two regions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Link {
    /// What is replicated.
    pub kind: LinkKind,
    /// The database cluster, where it is PostgreSQL.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cluster: Option<ClusterName>,
    /// Where the data comes from.
    pub from: RegionId,
    /// Where it goes.
    pub to: RegionId,
    /// How far behind in time, seconds.
    pub lag_seconds: Observed<f64>,
    /// How far behind in bytes (PostgreSQL, Redis) or in records (bus, event store).
    pub lag_amount: Observed<u64>,
    /// The link's state in the system's own words: `streaming`, `catchup`, `refused`, `up`, …
    pub state: Observed<String>,
    /// How bad the lag is, by `assets/slo.yaml`.
    pub level: LagLevel,
}

impl Link {
    /// The key of a link in the world: `postgres:us-east-1:eu-west-1`.
    #[must_use]
    pub fn key(kind: LinkKind, from: &RegionId, to: &RegionId) -> String {
        format!("{}:{from}:{to}", kind.name())
    }

    /// The key of a PostgreSQL link where there are several database clusters: `postgres/eu:eu-west-1:us-east-1`.
    #[must_use]
    pub fn key_in(cluster: &ClusterName, from: &RegionId, to: &RegionId) -> String {
        format!("{}/{cluster}:{from}:{to}", LinkKind::Postgres.name())
    }

    /// What it replicates, for a person: with the cluster's name where there are `several`.
    #[must_use]
    pub fn name(&self, several: bool) -> String {
        match &self.cluster {
            Some(cluster) if several => format!("{} {cluster}", self.kind.name()),
            _ => self.kind.name().to_owned(),
        }
    }

    /// The unit of [`Link::lag_amount`].
    #[must_use]
    pub fn amount_unit(&self) -> &'static str {
        match self.kind {
            LinkKind::Bus | LinkKind::EventStore | LinkKind::ObjectStorage => "records",
            LinkKind::Postgres | LinkKind::Redis | LinkKind::ClickHouse => "bytes",
        }
    }
}

/// How bad a lag is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LagLevel {
    /// Within the target.
    Ok,
    /// Above the target, below the alert bound.
    AboveTarget,
    /// Not known: no fresh value. Ranks above a small lag because it may hide a large one.
    Unknown,
    /// Above the alert bound.
    Alert,
    /// Above the page bound.
    Page,
}

/// Bounds of a lag, seconds, from the operations document §3.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LagBounds {
    /// The target: at or below it all is well.
    pub target_seconds: f64,
    /// Alert above this.
    pub alert_seconds: f64,
    /// Page above this, if the document names such a bound.
    pub page_seconds: Option<f64>,
}

impl LagBounds {
    /// The level of a lag; `None` is a lag that is not freshly known.
    #[must_use]
    pub fn level(&self, lag_seconds: Option<f64>) -> LagLevel {
        match lag_seconds {
            None => LagLevel::Unknown,
            Some(lag) if self.page_seconds.is_some_and(|page| lag > page) => LagLevel::Page,
            Some(lag) if lag > self.alert_seconds => LagLevel::Alert,
            Some(lag) if lag > self.target_seconds => LagLevel::AboveTarget,
            Some(_) => LagLevel::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(None, LagLevel::Unknown)]
    #[case(Some(0.0), LagLevel::Ok)]
    #[case(Some(5.0), LagLevel::Ok)]
    #[case(Some(5.1), LagLevel::AboveTarget)]
    #[case(Some(30.1), LagLevel::Alert)]
    #[case(Some(121.0), LagLevel::Page)]
    fn postgres_bounds(#[case] lag: Option<f64>, #[case] level: LagLevel) {
        let bounds = LagBounds {
            target_seconds: 5.0,
            alert_seconds: 30.0,
            page_seconds: Some(120.0),
        };
        assert_eq!(bounds.level(lag), level);
    }
}
