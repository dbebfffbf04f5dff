//! The list of machines: how much each matters, and whose it is.

use super::{LoadError, Source, SourceError, text_or};
use aisoc_model::event::{Enrichment, EventRecord};
use serde::Deserialize;
use std::path::Path;

const SAMPLE: &str = include_str!("../../../../assets/enrichment/assets.yaml");

/// A pattern for hosts, and what is known about them.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asset {
    /// `*` stands for any characters. Without a dot it is compared with the short name.
    pub host: String,
    /// 0–100.
    pub criticality: u8,
    /// Who answers for it.
    pub owner: Option<String>,
}

/// The asset list; the first fitting entry decides.
#[derive(Debug, Clone)]
pub struct Assets {
    list: Vec<Asset>,
}

impl Assets {
    /// Reads a list, or takes the sample list.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn load(file: Option<&Path>) -> Result<Self, LoadError> {
        let (what, text) = text_or(file, SAMPLE)?;
        Self::parse(&text).map_err(|problem| LoadError::Malformed { what, problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut list: Vec<Asset> = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
        for asset in &mut list {
            asset.host = asset.host.to_lowercase();
            if asset.host.is_empty() || asset.criticality > 100 {
                return Err(format!(
                    "host '{}' with criticality {}: give a name and a number from 0 to 100",
                    asset.host, asset.criticality
                ));
            }
        }
        Ok(Self { list })
    }

    /// What is known about a host.
    #[must_use]
    pub fn find(&self, host: &str) -> Option<&Asset> {
        let host = host.to_lowercase();
        let short = host.split('.').next().unwrap_or(&host);
        self.list.iter().find(|asset| {
            let name = if asset.host.contains('.') { &host } else { short };
            fits(&asset.host, name)
        })
    }
}

impl Source for Assets {
    fn name(&self) -> &'static str {
        "assets"
    }

    fn add(&self, event: &EventRecord, to: &mut Enrichment) -> Result<(), SourceError> {
        if let Some(asset) = event.entities.host.as_deref().and_then(|host| self.find(host)) {
            to.asset_criticality = Some(asset.criticality);
            to.asset_owner.clone_from(&asset.owner);
        }
        Ok(())
    }
}

/// Whether `name` fits `pattern`; linear in the length of both, whatever an attacker calls a machine.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = name.strip_prefix(first) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.find(part) {
            Some(at) => rest = rest.get(at + part.len()..).unwrap_or_default(),
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("dc*", "dc01", true)]
    #[case("dc*", "adc01", false)]
    #[case("*dc", "mordordc", true)]
    #[case("a*b*c", "axxbyyc", true)]
    #[case("a*b*c", "axxc", false)]
    #[case("aa*aa", "aaa", false)]
    #[case("exact", "exact", true)]
    #[case("exact", "exactly", false)]
    #[case("*", "anything", true)]
    fn patterns(#[case] pattern: &str, #[case] name: &str, #[case] expected: bool) {
        assert_eq!(fits(pattern, name), expected);
    }

    #[test]
    fn the_sample_list_knows_domain_controllers() {
        let assets = Assets::load(None).unwrap();
        assert_eq!(assets.find("MORDORDC.theshire.local").unwrap().criticality, 95);
        assert_eq!(
            assets.find("dc01.pandalab.com").unwrap().owner.as_deref(),
            Some("identity")
        );
        assert_eq!(assets.find("unheard-of"), None);
    }

    #[test]
    fn long_names_are_compared_when_the_pattern_has_a_dot() {
        let assets = Assets::parse("[{host: '*.shop.example', criticality: 50, owner: null}]").unwrap();
        assert!(assets.find("web.shop.example").is_some());
        assert!(assets.find("web.other.example").is_none());
    }

    #[rstest]
    #[case("[{host: a, criticality: 101, owner: x}]", "101")]
    #[case("[{host: '', criticality: 1, owner: x}]", "name")]
    #[case("[{host: a}]", "criticality")]
    #[case("nonsense", "")]
    fn malformed_lists_are_refused(#[case] text: &str, #[case] mentions: &str) {
        let problem = Assets::parse(text).unwrap_err();
        assert!(problem.contains(mentions), "{problem}");
    }
}
