//! The connection string of a region's services where it is kept as a secret, with the epoch under which it was last
//! written: which file or Kubernetes secret holds it, and how it is pointed at another writer.
//!
//! A multi-host string follows the writer by itself. One that names a single host does not, and is what a failover
//! rewrites. The string is never shown: it holds a password.

use crate::ids::RegionId;
use crate::load_balancer::VendorApi;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where the connection strings of the regions that lead to one database cluster are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DsnSecrets {
    /// The keeper.
    pub keeper: Keeper,
    /// Whether a region's services that use the database are restarted, one instance at a time, when their string
    /// has changed; not needed where something else does that.
    pub restart: bool,
    /// `host:port` of each region's server as the services reach it, where that is not the topology's.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub addresses: BTreeMap<RegionId, String>,
}

/// Who keeps the strings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Keeper {
    /// A file for each region.
    File(Files),
    /// A Kubernetes secret in each region's cluster.
    Kubernetes(Kubernetes),
}

/// A file for each region, as services read it at their start (`AISOC_DATABASE_URL_FILE`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Files {
    /// Path of each region's file.
    pub paths: BTreeMap<RegionId, String>,
}

/// A secret in each region's cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kubernetes {
    /// The API server of each region's cluster.
    pub clusters: BTreeMap<RegionId, Cluster>,
    /// The secret's namespace.
    pub namespace: String,
    /// The secret's name.
    pub name: String,
    /// The key in its data that holds the string.
    pub key: String,
}

/// A cluster's API server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// How it is reached; an endpoint has to be named.
    pub api: VendorApi,
    /// File with the bearer token of a service account that may get and update the secret.
    pub token_file: String,
    /// File with the certificate authority of the API server; the well-known ones when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_file: Option<String>,
}

impl DsnSecrets {
    /// The regions whose string is kept.
    #[must_use]
    pub fn regions(&self) -> Vec<&RegionId> {
        match &self.keeper {
            Keeper::File(files) => files.paths.keys().collect(),
            Keeper::Kubernetes(kubernetes) => kubernetes.clusters.keys().collect(),
        }
    }

    /// Where each region's string is, in words that no two places share.
    #[must_use]
    pub fn places(&self) -> Vec<String> {
        match &self.keeper {
            Keeper::File(files) => files.paths.values().cloned().collect(),
            Keeper::Kubernetes(kubernetes) => {
                let Kubernetes {
                    namespace, name, key, ..
                } = kubernetes;
                let regions = kubernetes.clusters.keys();
                regions
                    .map(|region| format!("key {key} of the secret {namespace}/{name} in {region}"))
                    .collect()
            }
        }
    }

    /// That the epoch can be kept beside each string.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check(&self) -> Result<(), String> {
        match &self.keeper {
            Keeper::Kubernetes(kubernetes) if !annotatable(&kubernetes.key) => Err(format!(
                "the key '{}' cannot be part of the annotation {EPOCH_ANNOTATION}KEY that keeps its epoch: \
                 up to {LONGEST_KEY} letters, digits, '-', '_' and '.', of which the last is a letter or digit",
                crate::text::sanitize(&kubernetes.key, 80)
            )),
            _ => Ok(()),
        }
    }
}

/// The annotation that keeps a string's epoch, followed by the key of the string: a secret may hold several.
const EPOCH_ANNOTATION: &str = "aisoc.io/epoch.";
/// An annotation's name has at most 63 characters behind its prefix.
const LONGEST_KEY: usize = 57;

fn annotatable(key: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    key.len() <= LONGEST_KEY && key.chars().all(plain) && key.ends_with(|c: char| c.is_ascii_alphanumeric())
}

impl Kubernetes {
    /// The annotation of the secret that keeps the string's epoch.
    #[must_use]
    pub fn epoch_annotation(&self) -> String {
        format!("{EPOCH_ANNOTATION}{}", self.key)
    }
}

/// What a region's services connect with.
#[derive(Clone, PartialEq, Eq)]
pub struct Dsn {
    /// The connection string.
    pub url: String,
    /// The epoch under which it was written; none when no control plane has written it yet.
    pub epoch: Option<u64>,
}

impl std::fmt::Debug for Dsn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dsn")
            .field("hosts", &self.hosts())
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Why a connection string cannot be used. Never quotes it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the connection string {0}")]
pub struct BadDsn(&'static str);

const EPOCH: &str = "# aisoc epoch ";

impl Dsn {
    /// Reads a file: lines that begin with `#` are comments, one of which may name the epoch.
    ///
    /// # Errors
    /// When there is not exactly one other line, or the epoch is none.
    pub fn parse(text: &str) -> Result<Self, BadDsn> {
        let mut epoch = None;
        let mut urls = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            if let Some(number) = line.strip_prefix(EPOCH) {
                epoch = Some(
                    number
                        .trim()
                        .parse()
                        .map_err(|_| BadDsn("has no number as its epoch"))?,
                );
            } else if !line.starts_with('#') {
                urls.push(line);
            }
        }
        match urls.as_slice() {
            [url] => Ok(Self {
                url: (*url).to_owned(),
                epoch,
            }),
            [] => Err(BadDsn("is missing")),
            _ => Err(BadDsn("is there more than once")),
        }
    }

    /// The text of a file.
    #[must_use]
    pub fn render(&self) -> String {
        let epoch = self
            .epoch
            .map_or_else(String::new, |epoch| format!("{EPOCH}{epoch}\n"));
        format!("{epoch}{}\n", self.url)
    }

    /// The hosts that it names, `host:port` each; none when it is no connection string.
    #[must_use]
    pub fn hosts(&self) -> Vec<String> {
        let hosts = parts(&self.url).map(|parts| parts.hosts.split(',').map(str::to_owned).collect());
        hosts.unwrap_or_default()
    }

    /// The same with this one host, written under this epoch. Without one (a single control plane, broken glass) the
    /// epoch that is there stays.
    ///
    /// # Errors
    /// When it is no connection string, or the address is none.
    pub fn pointed_at(&self, address: &str, epoch: Option<u64>) -> Result<Self, BadDsn> {
        let Parts {
            scheme,
            credentials,
            rest,
            ..
        } = parts(&self.url)?;
        let (host, port) = address
            .rsplit_once(':')
            .ok_or(BadDsn("cannot name a host without a port"))?;
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-_[]:".contains(c);
        if host.is_empty() || !host.chars().all(plain) || port.parse::<u16>().is_err() {
            return Err(BadDsn("cannot name a host that is not host:port"));
        }
        Ok(Self {
            url: format!("{scheme}://{credentials}@{address}/{rest}"),
            epoch: epoch.or(self.epoch),
        })
    }

    /// Whether a control plane with this epoch may write it.
    ///
    /// # Errors
    /// The higher epoch that it was written under.
    pub fn admits(&self, epoch: Option<u64>) -> Result<(), u64> {
        match (self.epoch, epoch) {
            (Some(there), Some(mine)) if there > mine => Err(there),
            _ => Ok(()),
        }
    }
}

/// A connection string taken apart as far as it is changed.
struct Parts<'a> {
    scheme: &'a str,
    credentials: &'a str,
    hosts: &'a str,
    /// Database and parameters.
    rest: &'a str,
}

fn parts(url: &str) -> Result<Parts<'_>, BadDsn> {
    let (scheme, rest) = url
        .split_once("://")
        .filter(|(scheme, _)| ["postgres", "postgresql"].contains(scheme))
        .ok_or(BadDsn("does not begin with postgres://"))?;
    // The password is encoded: the first slash ends the authority, the last @ in it the credentials.
    let (authority, rest) = rest.split_once('/').ok_or(BadDsn("names no database"))?;
    let (credentials, hosts) = authority.rsplit_once('@').ok_or(BadDsn("names no user"))?;
    if hosts.is_empty() {
        return Err(BadDsn("names no host"));
    }
    Ok(Parts {
        scheme,
        credentials,
        hosts,
        rest,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "postgres://app:p%40ss@10.0.0.1:5432,10.0.0.2:5432/aisoc?application_name=api";

    fn dsn(epoch: Option<u64>) -> Dsn {
        Dsn {
            url: URL.to_owned(),
            epoch,
        }
    }

    #[test]
    fn it_is_pointed_at_one_host_and_keeps_the_rest() {
        assert_eq!(dsn(None).hosts(), ["10.0.0.1:5432", "10.0.0.2:5432"]);
        let moved = dsn(Some(3))
            .pointed_at("db.eu-west-1.internal:6432", Some(4))
            .unwrap();
        assert_eq!(
            moved.url,
            "postgres://app:p%40ss@db.eu-west-1.internal:6432/aisoc?application_name=api"
        );
        assert_eq!((moved.epoch, moved.hosts().len()), (Some(4), 1));
        assert_eq!(dsn(Some(3)).pointed_at("h:1", None).unwrap().epoch, Some(3));
        assert!(dsn(None).pointed_at("h:1/other?x", Some(1)).is_err());
        assert!(dsn(None).pointed_at("nowhere", Some(1)).is_err());
        for bad in [
            "mysql://u:p@h:1/d",
            "postgres://h:1/d",
            "postgres://u:p@h:1",
            "postgres://u:p@/d",
        ] {
            let bad = Dsn {
                url: bad.to_owned(),
                epoch: None,
            };
            assert!(bad.pointed_at("h:1", None).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_file_says_its_epoch_and_is_read_back() {
        for epoch in [None, Some(7)] {
            assert_eq!(Dsn::parse(&dsn(epoch).render()), Ok(dsn(epoch)));
        }
        assert_eq!(Dsn::parse(&format!("# by hand\n\n{URL}\n")), Ok(dsn(None)));
        assert!(Dsn::parse("# aisoc epoch 1\n").is_err());
        assert!(Dsn::parse(&format!("# aisoc epoch x\n{URL}\n")).is_err());
        assert!(Dsn::parse(&format!("{URL}\n{URL}\n")).is_err());
    }

    #[test]
    fn an_epoch_that_is_behind_is_not_admitted_and_a_password_is_not_shown() {
        assert_eq!(dsn(Some(7)).admits(Some(6)), Err(7));
        for (there, mine) in [
            (Some(7), Some(7)),
            (Some(7), Some(8)),
            (None, Some(1)),
            (Some(7), None),
        ] {
            assert_eq!(dsn(there).admits(mine), Ok(()));
        }
        assert!(!format!("{:?}", dsn(None)).contains("p%40ss"));
    }
}
