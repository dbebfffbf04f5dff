//! Settings of a revision, what Helm calls values: checked before anything is changed.

use crate::error::Failure;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A service that a release runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// HTTP API.
    Api,
    /// Intake and the region's bus.
    Ingest,
    /// Enrichment.
    Enrichment,
    /// Correlation.
    AlertFusion,
    /// Investigations.
    Agents,
}

impl Service {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Api,
        Self::Ingest,
        Self::Enrichment,
        Self::AlertFusion,
        Self::Agents,
    ];

    /// The word in process names, settings and `--target`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Ingest => "ingest",
            Self::Enrichment => "enrichment",
            Self::AlertFusion => "alert-fusion",
            Self::Agents => "agents",
        }
    }

    fn find(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }
}

/// Checked settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settings(BTreeMap<String, String>);

impl Settings {
    /// Checks every setting.
    ///
    /// # Errors
    /// At the first one whose name is unknown or whose value makes no sense.
    pub fn parse(values: &BTreeMap<String, String>) -> Result<Self, Failure> {
        for (key, value) in values {
            check(key, value)?;
        }
        Ok(Self(values.clone()))
    }

    /// These with `changes` on top; an empty value removes a setting.
    ///
    /// # Errors
    /// As [`Settings::parse`].
    pub fn with(&self, changes: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let mut values = self.0.clone();
        for (key, value) in changes {
            if value.is_empty() {
                values.remove(key);
            } else {
                values.insert(key.clone(), value.clone());
            }
        }
        Self::parse(&values)
    }

    /// As they are stored and shown.
    #[must_use]
    pub fn values(&self) -> &BTreeMap<String, String> {
        &self.0
    }

    fn of(&self, service: Service, key: &str) -> Option<String> {
        self.0.get(&format!("{}.{key}", service.word())).cloned()
    }

    /// Injected latency, milliseconds.
    #[must_use]
    pub fn latency(&self, service: Service) -> Option<String> {
        self.of(service, "inject_latency_ms")
    }

    /// Injected share of errors, 0–1.
    #[must_use]
    pub fn error_rate(&self, service: Service) -> Option<String> {
        self.of(service, "inject_error_rate")
    }

    /// Another program in place of this one.
    #[must_use]
    pub fn binary(&self, service: Service) -> Option<PathBuf> {
        self.of(service, "binary").map(PathBuf::from)
    }

    /// What the service says its version is.
    #[must_use]
    pub fn version(&self) -> Option<String> {
        self.0.get("version").cloned()
    }

    /// Further environment variables.
    #[must_use]
    pub fn environment(&self, service: Service) -> BTreeMap<String, String> {
        let prefix = format!("{}.env.", service.word());
        self.0
            .iter()
            .filter_map(|(k, v)| Some((k.strip_prefix(&prefix)?.to_owned(), v.clone())))
            .collect()
    }
}

const KEYS: &str = "the settings are <service>.inject_latency_ms, <service>.inject_error_rate, <service>.binary, \
    <service>.env.NAME and version; the services are api, ingest, enrichment, alert-fusion, agents";

fn check(key: &str, value: &str) -> Result<(), Failure> {
    let wrong = |why: &str| Err(Failure::usage(format!("setting {key}={value}: {why}"), KEYS));
    if value.len() > 4096 || value.chars().any(char::is_control) {
        return wrong("the value is longer than 4096 bytes or holds control characters");
    }
    if key == "version" {
        return Ok(());
    }
    let Some((service, setting)) = key.split_once('.') else {
        return wrong("there is no such setting");
    };
    if Service::find(service).is_none() {
        return wrong("there is no such service");
    }
    match setting {
        "inject_latency_ms" => match value.parse::<u32>() {
            Ok(0..=600_000) => Ok(()),
            _ => wrong("milliseconds are a whole number up to 600000"),
        },
        "inject_error_rate" => match value.parse::<f64>() {
            Ok(rate) if (0.0..=1.0).contains(&rate) => Ok(()),
            _ => wrong("a rate is a number from 0 to 1"),
        },
        "binary" if !std::path::Path::new(value).is_absolute() => wrong("the path must be absolute"),
        "binary" => Ok(()),
        _ => match setting.strip_prefix("env.") {
            Some(name) if environment_name(name) => Ok(()),
            Some(_) => wrong("a variable's name is made of A-Z 0-9 _ and does not begin with a digit"),
            None => wrong("there is no such setting"),
        },
    }
}

fn environment_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect()
    }

    #[rstest]
    #[case("api.inject_latency_ms", "800", true)]
    #[case("api.inject_latency_ms", "-1", false)]
    #[case("api.inject_error_rate", "0.25", true)]
    #[case("api.inject_error_rate", "25", false)]
    #[case("api.inject_error_rate", "NaN", false)]
    #[case("alert-fusion.env.RUST_LOG", "debug", true)]
    #[case("alert-fusion.env.rust log", "debug", false)]
    #[case("ingest.binary", "aisoc", false)]
    #[case("ingest.binary", "/opt/aisoc", true)]
    #[case("web.inject_latency_ms", "1", false)]
    #[case("version", "2.0", true)]
    #[case("version", "\u{1b}[31m", false)]
    #[case("latency", "1", false)]
    fn checked(#[case] key: &str, #[case] value: &str, #[case] good: bool) {
        assert_eq!(Settings::parse(&map(&[(key, value)])).is_ok(), good);
    }

    #[test]
    fn an_empty_value_removes_a_setting() {
        let first = Settings::default()
            .with(&map(&[("api.inject_latency_ms", "800"), ("version", "2")]))
            .unwrap();
        let second = first.with(&map(&[("api.inject_latency_ms", "")])).unwrap();
        assert_eq!(second.values(), &map(&[("version", "2")]));
    }

    #[test]
    fn environment_is_per_service() {
        let settings = Settings::parse(&map(&[("api.env.A", "1"), ("ingest.env.B", "2")])).unwrap();
        assert_eq!(settings.environment(Service::Api), map(&[("A", "1")]));
    }
}
