//! The configuration of a control plane: which regions there are and where their parts answer.
//!
//! `aisoc local up` generates this file (TOML) for the local world; in production Helm renders it. The control
//! plane is the only reader.

use crate::dsn::DsnSecrets;
use crate::ids::{ClusterName, RegionId};
use crate::load_balancer::LoadBalancer;
use crate::managed::ManagedDatabase;
use crate::region::RegionRole;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The whole file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Topology {
    /// What is operated.
    pub environment: Environment,
    /// The control plane's own addresses and files.
    pub control_plane: ControlPlane,
    /// The global load balancer.
    pub load_balancer: LoadBalancer,
    /// The PostgreSQL clusters under Patroni, each with a writer of its own. The first one keeps the tenants that no
    /// other is named for.
    pub databases: Vec<DatabaseCluster>,
    /// A database that a cloud manages, whose writer Patroni does not choose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_database: Option<ManagedDatabase>,
    /// Where releases are driven and processes listed.
    pub supervisor: Option<Supervisor>,
    /// How several control planes agree which of them may act; one alone needs none.
    pub coordination: Option<CoordinationConfig>,
    /// TLS certificates whose end is watched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<CertificateConfig>,
    /// Regions in display order.
    pub regions: Vec<RegionConfig>,
}

/// What is operated: shown at every destructive prompt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Environment {
    /// Name, for example `local` or `prod-emea`.
    pub name: String,
    /// `local`, `staging` or `production`.
    pub kind: EnvironmentKind,
    /// Durations of observation (SLI window, alert `for`, LB check interval) are divided by this. 1 in production.
    pub speed_up: f64,
}

/// How careful one has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EnvironmentKind {
    /// On one machine.
    Local,
    /// Not for customers.
    Staging,
    /// Real.
    Production,
}

/// The control plane's own settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    /// Name of this control plane, shown by consoles.
    pub name: String,
    /// gRPC for consoles, `host:port`.
    pub listen: String,
    /// OTLP gRPC receiver, `host:port` (4317 by convention).
    pub otlp_listen: String,
    /// Journal and recordings.
    pub data_dir: String,
    /// File with lines `token role name`: role is `viewer` or `operator`. Mode 0600.
    pub tokens_file: String,
    /// Time between two looks at each source, milliseconds.
    pub observe_interval_ms: u32,
    /// Thresholds file; the built-in `assets/slo.yaml` when absent.
    pub slo_file: Option<String>,
    /// How much of what was shown is kept.
    #[serde(default)]
    pub recording: RecordingConfig,
}

/// How much of what was shown is kept: the oldest goes when either bound is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RecordingConfig {
    /// Hours.
    pub keep_hours: u32,
    /// Space on disk, MiB. A day of three regions takes about 100.
    pub keep_mib: u32,
}

impl Default for RecordingConfig {
    fn default() -> Self {
        Self {
            keep_hours: 24,
            keep_mib: 256,
        }
    }
}

/// A PostgreSQL cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseCluster {
    /// Its name, for example `main`: commands and tenants' settings use it.
    pub name: ClusterName,
    /// Patroni scope.
    pub scope: String,
    /// How the members are tied together.
    #[serde(default, skip_serializing_if = "DatabaseLayout::is_stretched")]
    pub layout: DatabaseLayout,
    /// The etcd that Patroni keeps its leader key in, `http://host:port` each; without it an unplanned failover
    /// has to wait for the key to expire.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub etcd: Vec<String>,
    /// Database name.
    pub database: String,
    /// User of the control plane (may write the heartbeat, read `pg_stat_replication`).
    pub user: String,
    /// Its password.
    pub password: String,
    /// Patroni REST user for `POST /switchover`.
    pub patroni_user: String,
    /// Its password.
    pub patroni_password: String,
    /// The services' connection strings that lead to it, where they name one host and have to be rewritten when the
    /// writer moves. Absent where they name all hosts: those follow by themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dsn_secret: Option<DsnSecrets>,
    /// Its members, at most one in each region.
    pub members: Vec<DatabaseMember>,
}

/// A region's member of a PostgreSQL cluster.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatabaseMember {
    /// The region.
    pub region: RegionId,
    /// Patroni REST API, `http://host:port`.
    pub patroni_url: String,
    /// Patroni member name.
    pub member: String,
    /// PostgreSQL, `host:port`.
    pub postgres: String,
    /// The region's own etcd, where every region has one (`layout = "standby_clusters"`).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub etcd: Vec<String>,
}

impl DatabaseCluster {
    /// The member in a region, if it has one there.
    #[must_use]
    pub fn member(&self, region: &RegionId) -> Option<&DatabaseMember> {
        self.members.iter().find(|m| &m.region == region)
    }
}

/// How the members of the PostgreSQL cluster are tied together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DatabaseLayout {
    /// One Patroni cluster over all regions, with one store of its keys.
    #[default]
    Stretched,
    /// A Patroni cluster with a store of its own in each region; all but one follow as standby clusters.
    StandbyClusters,
}

impl DatabaseLayout {
    /// Whether it is the one that needs no word in a topology file.
    #[must_use]
    pub fn is_stretched(&self) -> bool {
        *self == Self::Stretched
    }
}

/// How several control planes agree which of them may act.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CoordinationConfig {
    /// Endpoints of etcd, `http://host:port`.
    pub etcd: Vec<String>,
}

/// A TLS certificate that is watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CertificateConfig {
    /// Its name on screens.
    pub name: String,
    /// PEM file with it, or with its whole chain: in Kubernetes `tls.crt` of the mounted secret.
    pub file: String,
    /// The region that it serves, if it is one's own.
    pub region: Option<RegionId>,
}

/// The local supervisor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Supervisor {
    /// `http://host:port`.
    pub url: String,
    /// File with the bearer token.
    pub token_file: String,
}

/// One region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegionConfig {
    /// Label.
    pub id: RegionId,
    /// Part in the topology.
    pub role: RegionRole,
    /// Where, for people.
    pub location: String,
    /// api instances.
    pub api: Vec<ApiConfig>,
    /// Redis, `host:port`.
    pub redis: String,
    /// gRPC of the region's bus, `http://host:port`.
    pub bus_url: String,
    /// Release name of the region.
    pub release: String,
    /// Requests per second that its api carries at full weight, by a load test; without it only weights are
    /// compared when capacity is judged.
    pub rated_requests_per_second: Option<f64>,
}

/// An api instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ApiConfig {
    /// Instance, `api-a`.
    pub instance: String,
    /// Zone.
    pub zone: String,
    /// Server name in the load balancer's backend.
    pub server: String,
    /// Name of the server beside it for blue/green releases, out of rotation outside of a switch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parallel_server: Option<String>,
    /// `http://host:port`; with a supervisor the inventory's port wins, because a rollout moves it.
    pub url: String,
}

/// Why a topology file cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("control plane configuration: {0}")]
pub struct TopologyError(String);

impl Topology {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not TOML of this shape, has no region or database cluster, names one twice, or names one that is not
    /// there.
    pub fn parse(text: &str) -> Result<Self, TopologyError> {
        let topology: Self = toml::from_str(text).map_err(|e| TopologyError(e.to_string()))?;
        if topology.regions.is_empty() {
            return Err(TopologyError("no [[regions]]: name at least one".to_owned()));
        }
        let mut seen = BTreeSet::new();
        for region in &topology.regions {
            if !seen.insert(&region.id) {
                return Err(TopologyError(format!("region {} is named twice", region.id)));
            }
        }
        topology.check_databases().map_err(TopologyError)?;
        topology
            .load_balancer
            .check(&topology.regions)
            .map_err(TopologyError)?;
        Ok(topology)
    }

    fn check_databases(&self) -> Result<(), String> {
        if self.databases.is_empty() {
            return Err("no [[databases]]: name at least one".to_owned());
        }
        let (mut names, mut scopes) = (BTreeSet::new(), BTreeSet::new());
        for cluster in &self.databases {
            let name = &cluster.name;
            if !names.insert(name) {
                return Err(format!("database cluster {name} is named twice"));
            }
            if !scopes.insert(&cluster.scope) {
                return Err(format!(
                    "database cluster {name} has the scope {} of another one: Patroni would take them for one cluster",
                    crate::text::sanitize(&cluster.scope, 80)
                ));
            }
            if cluster.members.is_empty() {
                return Err(format!("database cluster {name} has no [[databases.members]]"));
            }
            let mut regions = BTreeSet::new();
            for member in &cluster.members {
                let region = &member.region;
                if self.region(region).is_none() {
                    return Err(format!(
                        "database cluster {name} has a member in {region}, which is not in [[regions]]"
                    ));
                }
                if !regions.insert(region) {
                    return Err(format!("database cluster {name} has two members in {region}"));
                }
            }
        }
        self.check_secrets()?;
        match self.managed_database.as_ref().map(ManagedDatabase::cluster) {
            Some(cluster) if self.cluster(cluster).is_none() => Err(format!(
                "[managed_database] is for the database cluster {cluster}, which is not in [[databases]]"
            )),
            _ => Ok(()),
        }
    }

    /// Each region's string of each cluster has a place of its own: two in one place would overwrite each other.
    fn check_secrets(&self) -> Result<(), String> {
        let mut places = BTreeMap::new();
        for cluster in &self.databases {
            let name = &cluster.name;
            let Some(secrets) = &cluster.dsn_secret else {
                continue;
            };
            let wrong = |why: String| format!("the dsn_secret of the database cluster {name}: {why}");
            secrets.check().map_err(wrong)?;
            for region in secrets.regions() {
                if self.region(region).is_none() {
                    return Err(wrong(format!("{region} is not in [[regions]]")));
                }
            }
            for place in secrets.places() {
                let what = crate::text::sanitize(&place, 200);
                if let Some(other) = places.insert(place, name) {
                    return Err(wrong(format!("{what} holds a string of {other} already")));
                }
            }
        }
        Ok(())
    }

    /// The configuration of a database cluster.
    #[must_use]
    pub fn cluster(&self, name: &ClusterName) -> Option<&DatabaseCluster> {
        self.databases.iter().find(|c| &c.name == name)
    }

    /// Whether there is more than one database cluster, so that a person has to be told which.
    #[must_use]
    pub fn several_clusters(&self) -> bool {
        self.databases.len() > 1
    }

    /// The configuration of a region.
    #[must_use]
    pub fn region(&self, id: &RegionId) -> Option<&RegionConfig> {
        self.regions.iter().find(|r| &r.id == id)
    }
}
