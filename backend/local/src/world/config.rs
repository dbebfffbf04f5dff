//! `world.toml`: the operator's settings of the local world. Written once with its comments, read at each start.

use crate::error::Failure;
use crate::state::write_atomic;
use anyhow::Context;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

/// The whole file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WorldConfig {
    /// Observation times are divided by this.
    pub speed_up: f64,
    /// Which parts run.
    pub parts: Parts,
    /// Time between looks.
    pub intervals: Intervals,
    /// The traffic generator.
    pub generator: Generator,
    /// PostgreSQL and Patroni.
    pub database: Database,
    /// Bounds.
    pub limits: Limits,
    /// Ports fixed by the operator.
    pub ports: BTreeMap<String, u16>,
}

/// Which parts run beside the data stores and the load balancer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Parts {
    /// The SOC services of every region.
    pub services: bool,
    /// The control plane.
    pub control_plane: bool,
    /// The traffic generator.
    pub generator: bool,
}

/// Time between looks.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Intervals {
    /// Health checks of the load balancer, before division by `speed_up`.
    pub health_check_seconds: f64,
    /// Looks of the control plane at each source.
    pub observe_ms: u32,
    /// Metric export of each service.
    pub otlp_export_ms: u32,
    /// The supervisor's look at a process that is ready.
    pub readiness_ms: u64,
}

/// The traffic generator.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Generator {
    /// API requests per second, through the load balancer.
    pub requests_per_second: f64,
    /// Security events per second, over all regions.
    pub events_per_second: f64,
    /// Seed: the same one gives the same traffic.
    pub seed: u64,
}

/// PostgreSQL and Patroni.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Database {
    /// Patroni: life of the leader's lock, seconds.
    pub ttl_seconds: u32,
    /// Patroni: time between two looks at the cluster, seconds.
    pub loop_wait_seconds: u32,
    /// Patroni: how long etcd or PostgreSQL may be silent, seconds.
    pub retry_timeout_seconds: u32,
    /// PostgreSQL's buffer of each node, MiB.
    pub shared_buffers_mb: u32,
    /// Whether the services read a connection string with one host from a file, which a failover rewrites.
    pub dsn_file: bool,
    /// Whether tenants with EU residency have a cluster of their own.
    pub eu_cluster: bool,
}

/// Bounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// A log file is cut at this size; one older file is kept, MiB.
    pub log_mb: u64,
    /// A new process of a rollout must be ready within this, seconds.
    pub rollout_ready_seconds: u64,
    /// Requests per second that one api instance is held to carry when the capacity of survivors is judged; 0 = not
    /// known, only weights are compared.
    pub rated_requests_per_instance: u32,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            speed_up: 10.0,
            parts: Parts::default(),
            intervals: Intervals::default(),
            generator: Generator::default(),
            database: Database::default(),
            limits: Limits::default(),
            ports: BTreeMap::new(),
        }
    }
}

impl Default for Parts {
    fn default() -> Self {
        Self {
            services: true,
            control_plane: true,
            generator: true,
        }
    }
}

impl Default for Intervals {
    fn default() -> Self {
        Self {
            health_check_seconds: 10.0,
            observe_ms: 1000,
            otlp_export_ms: 2000,
            readiness_ms: 5000,
        }
    }
}

impl Default for Generator {
    fn default() -> Self {
        Self {
            requests_per_second: 5.0,
            events_per_second: 5.0,
            seed: 42,
        }
    }
}

impl Default for Database {
    fn default() -> Self {
        Self {
            ttl_seconds: 20,
            loop_wait_seconds: 5,
            retry_timeout_seconds: 5,
            shared_buffers_mb: 24,
            dsn_file: false,
            eu_cluster: false,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            log_mb: 8,
            rollout_ready_seconds: 20,
            rated_requests_per_instance: 200,
        }
    }
}

impl WorldConfig {
    /// Reads the file; writes the commented default first when there is none.
    ///
    /// # Errors
    /// When it cannot be read or written, or a value makes no sense.
    pub fn load_or_write(path: &Path) -> anyhow::Result<Self> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                let text = commented_default();
                write_atomic(path, text.as_bytes(), 0o644)?;
                text
            }
            Err(e) => return Err(e).with_context(|| format!("reading {}", path.display())),
        };
        Self::parse(&text).map_err(|mut f| {
            f.what = format!("{}: {}", path.display(), f.what);
            f.into()
        })
    }

    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not TOML of this shape or a value makes no sense.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        let config: Self = toml::from_str(text).map_err(|e| {
            Failure::usage(
                e.to_string(),
                "correct it, or delete the file: `aisoc local up` writes a new one",
            )
        })?;
        config.check()?;
        Ok(config)
    }

    /// Asks for the EU cluster in the file, in which everything else stays as it is.
    ///
    /// # Errors
    /// When the file cannot be read or written, or does not have the line any more.
    pub fn ask_for_eu_cluster(path: &Path) -> anyhow::Result<()> {
        if Self::load_or_write(path)?.database.eu_cluster {
            return Ok(());
        }
        let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let asked = text.replacen("\neu_cluster = false", "\neu_cluster = true ", 1);
        if !Self::parse(&asked)?.database.eu_cluster {
            return Err(Failure::usage(
                format!("{} has no line `eu_cluster = false` to change", path.display()),
                "write `eu_cluster = true` below [database]",
            )
            .into());
        }
        write_atomic(path, asked.as_bytes(), 0o644)
    }

    fn check(&self) -> Result<(), Failure> {
        let wrong = |what: &str| Failure::usage(what, "correct the file; its comments name the bounds");
        if !(1.0..=1000.0).contains(&self.speed_up) {
            return Err(wrong("speed_up must be from 1 to 1000"));
        }
        if !(0.5..=3600.0).contains(&self.intervals.health_check_seconds) {
            return Err(wrong("intervals.health_check_seconds must be from 0.5 to 3600"));
        }
        if self.intervals.observe_ms < 100
            || self.intervals.otlp_export_ms < 100
            || self.intervals.readiness_ms < 1000
        {
            return Err(wrong(
                "intervals: observe_ms and otlp_export_ms are at least 100, readiness_ms at least 1000",
            ));
        }
        let rate = |r: f64| (0.0..=100_000.0).contains(&r);
        if !rate(self.generator.requests_per_second) || !rate(self.generator.events_per_second) {
            return Err(wrong("generator: rates must be from 0 to 100000"));
        }
        let db = self.database;
        if db.ttl_seconds < 20 || db.loop_wait_seconds < 1 || db.retry_timeout_seconds < 3 {
            return Err(wrong(
                "database: ttl_seconds is at least 20, loop_wait_seconds 1, retry_timeout_seconds 3",
            ));
        }
        if db
            .loop_wait_seconds
            .saturating_add(db.retry_timeout_seconds.saturating_mul(2))
            > db.ttl_seconds
        {
            return Err(wrong(
                "database: loop_wait_seconds + 2 * retry_timeout_seconds must not exceed ttl_seconds",
            ));
        }
        if !(1..=4096).contains(&self.limits.log_mb)
            || !(1..=600).contains(&self.limits.rollout_ready_seconds)
        {
            return Err(wrong(
                "limits: log_mb is from 1 to 4096, rollout_ready_seconds from 1 to 600",
            ));
        }
        Ok(())
    }

    /// Time between two health checks of the load balancer.
    #[must_use]
    pub fn check_interval(&self) -> Duration {
        Duration::from_secs_f64(self.intervals.health_check_seconds / self.speed_up)
    }
}

/// The file as it is first written.
#[must_use]
pub fn commented_default() -> String {
    let mut text = include_str!("world.default.toml").to_owned();
    for (name, port) in super::ports::defaults() {
        let key = if name.contains('/') {
            format!("\"{name}\"")
        } else {
            name
        };
        let _ = writeln!(text, "# {key} = {port}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_written_default_says_what_the_code_does() {
        assert_eq!(
            WorldConfig::parse(&commented_default()).unwrap(),
            WorldConfig::default()
        );
        let uncommented: String = commented_default()
            .lines()
            .map(|l| {
                l.strip_prefix("# ")
                    .filter(|l| l.contains(" = 17") || l.contains("otlp = "))
                    .unwrap_or(l)
            })
            .fold(String::new(), |text, line| text + line + "\n");
        let config = WorldConfig::parse(&uncommented).unwrap();
        assert_eq!(config.ports.len(), super::super::ports::defaults().len());
        super::super::ports::Ports::choose(&config.ports, &super::super::ports::Slot::unguarded(0), &|_| {
            true
        })
        .unwrap();
    }

    #[rstest]
    #[case("speed_up = 0", "speed_up")]
    #[case("[generator]\nevents_per_second = -1", "rates")]
    #[case(
        "[database]\nttl_seconds = 20\nloop_wait_seconds = 11",
        "loop_wait_seconds + 2"
    )]
    #[case("[datebase]\nttl_seconds = 20", "datebase")]
    #[case("speed_up =", "TOML")]
    fn nonsense_is_named(#[case] text: &str, #[case] names: &str) {
        let failure = WorldConfig::parse(text).unwrap_err();
        assert!(failure.what.contains(names), "{failure}");
    }

    #[test]
    fn the_eu_cluster_is_asked_for_in_the_file_and_nothing_else_changes() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("world.toml");
        for _ in 0..2 {
            WorldConfig::ask_for_eu_cluster(&path).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text.replace("eu_cluster = true ", "eu_cluster = false"),
            commented_default()
        );
        assert!(WorldConfig::parse(&text).unwrap().database.eu_cluster);
        std::fs::write(&path, "[database]\nttl_seconds = 20\n").unwrap();
        let refused = WorldConfig::ask_for_eu_cluster(&path).unwrap_err().to_string();
        assert!(refused.contains("eu_cluster = true"), "{refused}");
    }

    #[test]
    fn check_interval_is_sped_up() {
        assert_eq!(WorldConfig::default().check_interval(), Duration::from_secs(1));
    }
}
