//! What an investigation does, as data.

use crate::tools::ToolName;
use crate::verdict::Verdict;
use aisoc_model::event::SecurityAlert;
use serde::Deserialize;
use std::path::{Path, PathBuf};

const BUILTIN: &[(&str, &str)] = &[(
    "triage.yaml",
    include_str!("../../../assets/playbooks/triage.yaml"),
)];

/// An investigation's tools, rules and actions.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Playbook {
    /// Key.
    pub id: String,
    /// Rises with every change of what it does.
    pub version: u32,
    /// Alerts with one of these tactics; empty means every alert.
    pub tactics: Vec<String>,
    /// Tools, run at once.
    pub tools: Vec<ToolName>,
    /// Rules over what the tools found.
    pub rules: Vec<Rule>,
    /// Scores at which verdicts begin.
    pub verdict: Thresholds,
    /// What may be recommended.
    pub actions: Vec<Action>,
}

/// A weighted rule over one feature.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// Key.
    pub id: String,
    /// The feature it reads. A feature that no tool found speaks for nothing.
    pub feature: String,
    /// Lowest value it speaks at.
    pub at_least: Option<f64>,
    /// First value it is silent at.
    pub below: Option<f64>,
    /// What it adds to the score.
    pub weight: f64,
    /// One sentence; `{value}` stands for the feature's value.
    pub text: String,
}

impl Rule {
    /// Whether the rule speaks at this value.
    #[must_use]
    pub fn speaks(&self, value: f64) -> bool {
        self.at_least.is_none_or(|bound| value >= bound) && self.below.is_none_or(|bound| value < bound)
    }
}

/// Scores at which verdicts begin.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// From here on.
    pub malicious: f64,
    /// From here on.
    pub suspicious: f64,
    /// Down from here.
    pub benign: f64,
}

/// A recommendation.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Action {
    /// The mildest verdict it is recommended at.
    pub from: Verdict,
    /// Only for alerts with one of these tactics; empty means any.
    #[serde(default)]
    pub tactics: Vec<String>,
    /// The entity it concerns; without it the action is left out.
    pub entity: Option<EntityKind>,
    /// What to do; `{entity}` stands for the entity.
    pub text: String,
}

/// Which entity of an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntityKind {
    /// Its host.
    Host,
    /// Its user.
    User,
    /// Its address.
    Ip,
}

/// Why a playbook cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaybookError {
    /// It cannot be read.
    #[error("could not read playbooks from {path}: {source}; check AISOC_PLAYBOOKS_DIR and its permissions")]
    Read {
        /// Directory or file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It makes no sense.
    #[error("playbook {name} is malformed: {problem}")]
    Malformed {
        /// File name.
        name: String,
        /// Where and why.
        problem: String,
    },
    /// Alerts would stay without investigation.
    #[error("no playbook is for every alert; give one of them 'tactics: []'")]
    NoDefault,
}

/// All playbooks; those for certain tactics are preferred.
#[derive(Debug, Clone)]
pub struct Playbooks(Vec<Playbook>);

impl Playbooks {
    /// Reads the playbooks of a directory, or takes those that are compiled in.
    ///
    /// # Errors
    /// When one cannot be read or understood, or none is for every alert.
    pub fn load(dir: Option<&Path>) -> Result<Self, PlaybookError> {
        let files = match dir {
            Some(dir) => read_dir(dir)?,
            None => BUILTIN
                .iter()
                .map(|(n, t)| ((*n).to_owned(), (*t).to_owned()))
                .collect(),
        };
        let mut playbooks = files
            .into_iter()
            .map(|(name, text)| parse(&text).map_err(|problem| PlaybookError::Malformed { name, problem }))
            .collect::<Result<Vec<_>, _>>()?;
        if !playbooks.iter().any(|playbook| playbook.tactics.is_empty()) {
            return Err(PlaybookError::NoDefault);
        }
        playbooks.sort_by(|a, b| (a.tactics.is_empty(), &a.id).cmp(&(b.tactics.is_empty(), &b.id)));
        Ok(Self(playbooks))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none, which [`Playbooks::load`] does not allow.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The playbook for an alert.
    #[must_use]
    pub fn choose(&self, alert: &SecurityAlert) -> Option<&Playbook> {
        let fits = |playbook: &&Playbook| {
            playbook.tactics.is_empty() || playbook.tactics.iter().any(|t| alert.tactics.contains(t))
        };
        self.0.iter().find(fits)
    }
}

fn parse(text: &str) -> Result<Playbook, String> {
    let playbook: Playbook = serde_saphyr::from_str(text).map_err(|error| error.to_string())?;
    let Thresholds {
        malicious,
        suspicious,
        benign,
    } = playbook.verdict;
    if !(malicious > suspicious && suspicious > benign) {
        return Err("the thresholds must fall from malicious over suspicious to benign".to_owned());
    }
    let silent = playbook
        .rules
        .iter()
        .find(|rule| rule.at_least.is_none() && rule.below.is_none());
    if let Some(rule) = silent {
        return Err(format!(
            "rule {} has no bound: give it at_least or below",
            rule.id
        ));
    }
    Ok(playbook)
}

fn read_dir(dir: &Path) -> Result<Vec<(String, String)>, PlaybookError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| PlaybookError::Read { path, source }
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(failed(dir))? {
        let path = entry.map_err(failed(dir))?.path();
        if path.extension().is_some_and(|e| e == "yaml" || e == "yml") {
            let text = std::fs::read_to_string(&path).map_err(failed(&path))?;
            files.push((path.display().to_string(), text));
        }
    }
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[test]
    fn the_builtin_playbook_is_for_every_alert() {
        let playbooks = Playbooks::load(None).unwrap();
        assert_eq!(playbooks.len(), BUILTIN.len());
        assert_eq!(playbooks.0.last().unwrap().id, "triage");
    }

    #[rstest]
    #[case("benign: -1", "benign: 9", "thresholds")]
    #[case("    at_least: 10\n", "", "no bound")]
    #[case("- prior_alerts", "- delete_host", "delete_host")]
    #[case("version: 1", "version: 1\nsurprise: 1", "surprise")]
    fn malformed_playbooks_are_refused(#[case] from: &str, #[case] to: &str, #[case] mentions: &str) {
        let text = BUILTIN[0].1;
        assert!(text.contains(from));
        let problem = parse(&text.replacen(from, to, 1)).unwrap_err();
        assert!(problem.contains(mentions), "{problem}");
    }

    #[test]
    fn a_directory_needs_a_playbook_for_every_alert() {
        let dir = tempfile::tempdir().unwrap();
        assert!(matches!(
            Playbooks::load(Some(dir.path())),
            Err(PlaybookError::NoDefault)
        ));
        let only = BUILTIN[0].1.replace("tactics: []", "tactics: [impact]");
        std::fs::write(dir.path().join("a.yaml"), only).unwrap();
        assert!(matches!(
            Playbooks::load(Some(dir.path())),
            Err(PlaybookError::NoDefault)
        ));
        std::fs::write(dir.path().join("b.yaml"), BUILTIN[0].1).unwrap();
        assert_eq!(Playbooks::load(Some(dir.path())).unwrap().len(), 2);
        assert!(Playbooks::load(Some(&dir.path().join("absent"))).is_err());
    }

    #[rstest]
    #[case(Some(2.0), None, 2.0, true)]
    #[case(Some(2.0), None, 1.9, false)]
    #[case(None, Some(2.0), 2.0, false)]
    #[case(Some(1.0), Some(2.0), 1.0, true)]
    #[case(Some(1.0), None, f64::NAN, false)]
    fn bounds(
        #[case] at_least: Option<f64>,
        #[case] below: Option<f64>,
        #[case] v: f64,
        #[case] speaks: bool,
    ) {
        let rule = Rule {
            id: "r".to_owned(),
            feature: "f".to_owned(),
            at_least,
            below,
            weight: 1.0,
            text: String::new(),
        };
        assert_eq!(rule.speaks(v), speaks);
    }
}
