//! The list of addresses, names and hashes that are known to be bad.

use super::{LoadError, Source, SourceError, text_or};
use crate::observables::{Kind, for_each};
use aisoc_model::event::{Enrichment, EventRecord};
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::Path;

const SAMPLE: &str = include_str!("../../../../assets/enrichment/indicators.csv");
/// Indicators named on one event; more say nothing more.
const MAX_HITS: usize = 16;

/// The indicator list.
#[derive(Debug, Clone, Default)]
pub struct Indicators {
    ips: HashMap<IpAddr, String>,
    domains: HashMap<String, String>,
    hashes: HashMap<String, String>,
}

impl Indicators {
    /// Reads a list, or takes the sample list. Lines are `kind,value,list`; `#` begins a remark.
    ///
    /// # Errors
    /// When the file cannot be read or understood.
    pub fn load(file: Option<&Path>) -> Result<Self, LoadError> {
        let (what, text) = text_or(file, SAMPLE)?;
        Self::parse(&text).map_err(|problem| LoadError::Malformed { what, problem })
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut indicators = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let bad = |why: &str| format!("line {}: {why}; expected kind,value,list", index + 1);
            let mut fields = line.split(',').map(str::trim);
            let (Some(kind), Some(value), Some(list), None) =
                (fields.next(), fields.next(), fields.next(), fields.next())
            else {
                return Err(bad("not three fields"));
            };
            if value.is_empty() || list.is_empty() {
                return Err(bad("an empty field"));
            }
            let list = list.to_owned();
            match kind {
                "ip" => {
                    let ip = value.parse().map_err(|_| bad("not an IP address"))?;
                    indicators.ips.insert(ip, list);
                }
                "domain" => {
                    indicators.domains.insert(domain(value), list);
                }
                "hash" => {
                    indicators.hashes.insert(value.to_lowercase(), list);
                }
                _ => return Err(bad("the kind is none of ip, domain, hash")),
            }
        }
        Ok(indicators)
    }

    fn find(&self, kind: Kind, value: &str) -> Option<String> {
        let (list, of) = match kind {
            Kind::Ip => {
                let ip = value.trim().parse::<IpAddr>().ok()?.to_canonical();
                (self.ips.get(&ip)?, ip.to_string())
            }
            Kind::Domain => {
                let name = domain(value);
                let (at, list) = parents(&name).find_map(|at| Some((at, self.domains.get(at)?)))?;
                (list, at.to_owned())
            }
            Kind::Hash => {
                let hash = value.trim().to_lowercase();
                (self.hashes.get(&hash)?, hash)
            }
        };
        Some(format!("{list}:{of}"))
    }
}

impl Source for Indicators {
    fn name(&self) -> &'static str {
        "indicators"
    }

    fn add(&self, event: &EventRecord, to: &mut Enrichment) -> Result<(), SourceError> {
        for_each(event, |kind, value| {
            if to.indicators.len() < MAX_HITS
                && let Some(hit) = self.find(kind, value)
                && !to.indicators.contains(&hit)
            {
                to.indicators.push(hit);
            }
        });
        Ok(())
    }
}

fn domain(value: &str) -> String {
    value.trim().trim_end_matches('.').to_lowercase()
}

/// The name itself and every name above it.
fn parents(name: &str) -> impl Iterator<Item = &str> {
    let dots = name
        .match_indices('.')
        .filter_map(move |(at, _)| name.get(at + 1..));
    std::iter::once(name).chain(dots)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(Kind::Ip, "203.0.113.66", Some("sample-c2:203.0.113.66"))]
    #[case(Kind::Ip, "::ffff:203.0.113.66", Some("sample-c2:203.0.113.66"))]
    #[case(Kind::Ip, "203.0.113.67", None)]
    #[case(Kind::Ip, "not an address", None)]
    #[case(
        Kind::Domain,
        "Deep.Below.malware.example.",
        Some("sample-malware:malware.example")
    )]
    #[case(Kind::Domain, "notmalware.example", None)]
    #[case(
        Kind::Hash,
        "44D88612FEA8A8F36DE82E1278ABB02F",
        Some("eicar:44d88612fea8a8f36de82e1278abb02f")
    )]
    fn lookups(#[case] kind: Kind, #[case] value: &str, #[case] expected: Option<&str>) {
        let indicators = Indicators::load(None).unwrap();
        assert_eq!(indicators.find(kind, value).as_deref(), expected);
    }

    #[rstest]
    #[case("ip,10.0.0.1", "line 1")]
    #[case("# fine\nip,10.0.0.300,x", "line 2")]
    #[case("url,http://x,y", "kind")]
    #[case("domain,,y", "empty")]
    fn malformed_lists_are_refused(#[case] text: &str, #[case] mentions: &str) {
        let problem = Indicators::parse(text).unwrap_err();
        assert!(problem.contains(mentions), "{problem}");
    }
}
