//! Sigma rules, evaluated by rsigma.
//!
//! Rules are sorted into one engine for each log source at the start, so that an event meets only the rules
//! that are about it. rsigma's own log source handling is not used: it reads product, service and category
//! from fields of the event, which real events do not have.

use super::route::{self, Route};
use super::source_event::{Shape, SourceEvent};
use super::{Detector, RuleInfo};
use aisoc_model::event::EventRecord;
use rsigma_eval::Engine;
use rsigma_parser::{SigmaRule, parse_sigma_yaml};
use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

/// Why a rule cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rule '{origin}' cannot be used: {problem}")]
pub struct RuleError {
    /// File or name it came from.
    pub origin: String,
    /// What is wrong, and what to do.
    pub problem: String,
}

/// A detector over a set of Sigma rules.
pub struct SigmaDetector {
    engines: HashMap<Route, Engine>,
    rules: BTreeMap<String, Arc<RuleInfo>>,
}

impl SigmaDetector {
    /// Loads rules from texts, each with the name it is reported under. Rules that cannot be used are left out
    /// and returned: one bad rule must not switch off all others.
    #[must_use]
    pub fn load<'a>(texts: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Self, Vec<RuleError>) {
        let mut detector = Self {
            engines: HashMap::new(),
            rules: BTreeMap::new(),
        };
        let mut errors = Vec::new();
        for (origin, text) in texts {
            if let Err(problem) = detector.add(text) {
                errors.push(RuleError {
                    origin: origin.to_owned(),
                    problem,
                });
            }
        }
        (detector, errors)
    }

    /// Loads every `.yml` and `.yaml` below a directory.
    ///
    /// # Errors
    /// When the directory or a file in it cannot be read.
    pub fn load_dir(dir: &Path) -> std::io::Result<(Self, Vec<RuleError>)> {
        let mut files = Vec::new();
        collect(dir, 0, &mut files)?;
        files.sort();
        Ok(Self::load(
            files.iter().map(|(name, text)| (name.as_str(), text.as_str())),
        ))
    }

    fn add(&mut self, text: &str) -> Result<(), String> {
        let collection = parse_sigma_yaml(text).map_err(|error| error.to_string())?;
        if let Some(error) = collection.errors.first() {
            return Err(error.clone());
        }
        if !collection.correlations.is_empty() || !collection.filters.is_empty() {
            return Err("correlations and filters are not supported yet; use plain rules".to_owned());
        }
        if collection.rules.is_empty() {
            return Err("it holds no rule".to_owned());
        }
        for rule in &collection.rules {
            self.add_rule(rule)?;
        }
        Ok(())
    }

    fn add_rule(&mut self, rule: &SigmaRule) -> Result<(), String> {
        let id = rule
            .id
            .clone()
            .ok_or_else(|| format!("'{}' has no id; give it a UUID", rule.title))?;
        if self.rules.contains_key(&id) {
            return Err(format!(
                "the id {id} is taken by another rule; give it a new UUID"
            ));
        }
        let wanted = &rule.logsource;
        let routes: Vec<Route> = route::all()
            .into_iter()
            .filter(|route| {
                route.satisfies(
                    wanted.product.as_deref(),
                    wanted.service.as_deref(),
                    wanted.category.as_deref(),
                )
            })
            .collect();
        if routes.is_empty() {
            return Err(format!(
                "no events are routed to its log source (product {}, service {}, category {}); see \
                 detect/route.rs for those that are",
                wanted.product.as_deref().unwrap_or("-"),
                wanted.service.as_deref().unwrap_or("-"),
                wanted.category.as_deref().unwrap_or("-"),
            ));
        }
        // The routes share services, so a route may come twice; a rule must be in an engine once.
        let mut done: Vec<Route> = Vec::new();
        for route in routes {
            if done.contains(&route) {
                continue;
            }
            self.engines
                .entry(route)
                .or_default()
                .add_rule(rule)
                .map_err(|error| error.to_string())?;
            done.push(route);
        }
        self.rules.insert(id.clone(), Arc::new(info(id, rule)));
        Ok(())
    }
}

fn info(id: String, rule: &SigmaRule) -> RuleInfo {
    let attack = rule.tags.iter().filter_map(|tag| tag.strip_prefix("attack."));
    let (techniques, tactics): (Vec<&str>, Vec<&str>) = attack.partition(|tag| {
        tag.strip_prefix('t')
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    RuleInfo {
        id,
        title: rule.title.clone(),
        level: rule.level.map_or("medium", |level| level.as_str()).to_owned(),
        techniques: techniques.into_iter().map(str::to_uppercase).collect(),
        // Older rules write `credential-access`; two spellings would count as two tactics.
        tactics: tactics
            .into_iter()
            .map(|tactic| tactic.replace('-', "_"))
            .collect(),
    }
}

impl Detector for SigmaDetector {
    fn detect(&self, event: &EventRecord) -> Vec<Arc<RuleInfo>> {
        let raw = &event.raw_data;
        let shape = Shape::of(raw);
        let Some(engine) = route::of(raw, &shape).and_then(|route| self.engines.get(&route)) else {
            return Vec::new();
        };
        let results = engine.evaluate(&SourceEvent::new(raw, shape));
        let mut matched: Vec<Arc<RuleInfo>> = results
            .iter()
            .filter_map(|result| result.header.rule_id.as_ref())
            .filter_map(|id| self.rules.get(id).cloned())
            .collect();
        matched.sort_by(|a, b| a.id.cmp(&b.id));
        matched.dedup_by(|a, b| a.id == b.id);
        matched
    }

    fn rules(&self) -> Vec<Arc<RuleInfo>> {
        self.rules.values().cloned().collect()
    }
}

/// A rule directory is the operator's, yet a link to its own parent must not hang the start.
const MAX_DEPTH: usize = 8;

fn collect(dir: &Path, depth: usize, files: &mut Vec<(String, String)>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            if depth < MAX_DEPTH {
                collect(&path, depth + 1, files)?;
            }
            continue;
        }
        let rule = path
            .extension()
            .is_some_and(|extension| extension == "yml" || extension == "yaml");
        if rule {
            files.push((path.display().to_string(), std::fs::read_to_string(&path)?));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULE: &str = "
title: Whoami
id: 11111111-1111-1111-1111-111111111111
logsource:
    product: windows
    category: process_creation
detection:
    selection:
        Image|endswith: '\\whoami.exe'
    condition: selection
level: low
tags:
    - attack.discovery
    - attack.t1033
    - attack.credential-access
";

    #[test]
    fn tags_become_techniques_and_tactics() {
        let (detector, errors) = SigmaDetector::load([("a", RULE)]);
        assert_eq!(errors, []);
        let rules = detector.rules();
        assert_eq!(rules[0].techniques, ["T1033"]);
        assert_eq!(rules[0].tactics, ["discovery", "credential_access"]);
        assert_eq!(rules[0].level, "low");
    }

    #[test]
    fn a_bad_rule_is_reported_and_the_others_work() {
        let linux = RULE
            .replace("windows", "plan9")
            .replace("11111111-1111", "22222222-1111");
        let (detector, errors) = SigmaDetector::load([
            ("good", RULE),
            ("twice", RULE),
            ("unrouted", &linux),
            ("torn", "title: [\n"),
            ("empty", ""),
        ]);
        assert_eq!(detector.rules().len(), 1);
        let origins: Vec<_> = errors.iter().map(|error| error.origin.as_str()).collect();
        assert_eq!(origins, ["twice", "unrouted", "torn", "empty"]);
        assert!(errors[1].problem.contains("plan9"), "{}", errors[1]);
    }
}
