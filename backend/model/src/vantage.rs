//! What several vantage points see of a region, and the verdict that they give together.
//!
//! One observer cannot tell a region that is down from a network that is cut between it and the region. So the
//! control plane, the load balancer and every other region count the same two removal rules of the operations
//! document, each by its own checks, and [`verdict`] says how many agree. Looking is done elsewhere.

use crate::ids::RegionId;
use crate::observed::{Freshness, Observed};
use crate::region::Health;
use crate::slo::RegionRemoval;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Peers that one vantage point checks at most.
pub const MAX_PEERS: usize = 256;

/// The two counters of the removal rules: one check per check interval, whatever the probing rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Checks {
    rules: RegionRemoval,
    last: Option<Timestamp>,
    failed: u32,
    slow: u32,
}

impl Checks {
    /// Nothing checked yet.
    #[must_use]
    pub fn new(rules: RegionRemoval) -> Self {
        Self {
            rules,
            last: None,
            failed: 0,
            slow: 0,
        }
    }

    /// Checks are now made at another pace.
    pub fn pace(&mut self, check_interval_seconds: f64) {
        self.rules.check_interval_seconds = check_interval_seconds;
    }

    /// Takes a probe into account; `status` is 0 when nothing answered.
    pub fn take(&mut self, status: u16, took: Duration, at: Timestamp) {
        // Probes tick at a multiple of the check interval; the tolerance keeps jitter from skipping a check.
        let due = self.last.is_none_or(|last| {
            at.duration_since(last).as_secs_f64() >= self.rules.check_interval_seconds * 0.9
        });
        if !due {
            return;
        }
        self.last = Some(at);
        let counted = |bad: bool, count: u32| if bad { count.saturating_add(1) } else { 0 };
        self.failed = counted(status != 200, self.failed);
        // One probe a check: its own latency is the p99 of what the check saw. A window of many probes would
        // count one slow answer for as long as it stays in the window.
        self.slow = counted(took.as_secs_f64() > self.rules.slow_p99_seconds, self.slow);
    }

    /// Checks in a row with a status other than 200.
    #[must_use]
    pub fn failed(&self) -> u32 {
        self.failed
    }

    /// Checks in a row that were slower than the bound.
    #[must_use]
    pub fn slow(&self) -> u32 {
        self.slow
    }
}

/// Longest reason of an instance in a sight: what a person needs is which part, not the whole story.
const MAX_REASON: usize = 60;

/// One api instance as one vantage point sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// Instance name, for example `api-a`.
    pub instance: String,
    /// HTTP status of the last probe; 0 when nothing answered.
    pub status: u16,
    /// Round trip of the last probe, milliseconds.
    pub latency_ms: f64,
    /// Checks in a row with a status other than 200.
    pub failed: u32,
    /// Checks in a row that were slower than the bound.
    pub slow: u32,
    /// Why it does not serve, when it says so or when nothing answered.
    pub reason: Option<String>,
}

impl Check {
    /// Whether the removal rules take this instance out of rotation.
    #[must_use]
    pub fn removed(&self, rules: RegionRemoval) -> bool {
        self.failed >= rules.failed_checks || self.slow >= rules.slow_checks
    }

    /// What is wrong, counted as far as the rule counts: a text that is the same every second is sent once.
    #[must_use]
    pub fn complaint(&self, rules: RegionRemoval) -> Option<String> {
        let why = self.reason.as_ref().map_or_else(String::new, |r| {
            format!(": {}", crate::text::sanitize(r, MAX_REASON))
        });
        if self.failed > 0 || self.status != 200 {
            let status = match self.status {
                0 => "no answer".to_owned(),
                status => status.to_string(),
            };
            let (n, of) = (
                self.failed.clamp(1, rules.failed_checks.max(1)),
                rules.failed_checks,
            );
            return Some(format!("{status} in {n} of {of} checks{why}"));
        }
        (self.slow > 0).then(|| {
            let (n, of) = (self.slow.min(rules.slow_checks), rules.slow_checks);
            format!("slower than {} s in {n} of {of} checks", rules.slow_p99_seconds)
        })
    }
}

/// What a vantage point says of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// Every instance answers well.
    Serves,
    /// Some instance does not.
    Impaired,
    /// The removal rules take every instance out.
    Fails,
}

impl Says {
    /// The word on screens.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Serves => "serves",
            Self::Impaired => "impaired",
            Self::Fails => "FAILS",
        }
    }
}

/// What a vantage point sees of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sight {
    /// The conclusion.
    pub says: Says,
    /// What it rests on, in words.
    pub why: String,
}

/// The conclusion from the checks of a region's instances; `None` when there is nothing to conclude from.
///
/// `expected` instances exist; those that were not checked keep the region from counting as failed.
#[must_use]
pub fn sight(checks: &[Check], expected: usize, rules: RegionRemoval) -> Option<Sight> {
    if checks.is_empty() {
        return None;
    }
    let complaints: Vec<String> = checks
        .iter()
        .filter_map(|check| Some(format!("{} {}", check.instance, check.complaint(rules)?)))
        .collect();
    let out = checks.iter().filter(|check| check.removed(rules)).count();
    let says = if out >= expected.max(1) {
        Says::Fails
    } else if complaints.is_empty() && checks.len() >= expected {
        Says::Serves
    } else {
        Says::Impaired
    };
    let why = match complaints.as_slice() {
        [] if checks.len() < expected => format!("{} of {expected} instances checked", checks.len()),
        [] => format!("{} of {expected} instances answer 200", checks.len()),
        complaints => complaints.join(", "),
    };
    Some(Sight {
        says,
        why: crate::text::sanitize(&why, 200),
    })
}

/// One vantage point's view of one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Vantage {
    /// `control plane`, `load balancer`, or the region that looks.
    pub name: String,
    /// What it sees.
    pub sight: Observed<Sight>,
}

/// What all vantage points together say of a region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Down only when a quorum of vantage points says that it fails.
    pub health: Health,
    /// Vantage points that say that it fails.
    pub agree: u32,
    /// Vantage points that know anything now.
    pub known: u32,
    /// Vantage points that are configured.
    pub of: u32,
    /// How many have to agree.
    pub quorum: u32,
    /// One sentence.
    pub why: String,
    /// Each of them.
    pub vantages: Vec<Vantage>,
}

impl Verdict {
    /// No vantage point has looked.
    #[must_use]
    pub fn unknown() -> Self {
        verdict(Vec::new(), Timestamp::UNIX_EPOCH)
    }

    /// The verdict on `region` for a person: one line, then one for each vantage point.
    #[must_use]
    pub fn describe(&self, region: &RegionId, now: Timestamp) -> String {
        let mut text = format!("{region} {}: {}\n", self.health.word(), self.why);
        let width = self.vantages.iter().map(|v| v.name.chars().count()).max();
        let width = width.unwrap_or_default();
        for vantage in &self.vantages {
            let (word, why) = match vantage.sight.freshness(now) {
                Freshness::Fresh(sight) => (sight.says.word(), sight.why.clone()),
                Freshness::Lost(sight, age, why) => (
                    "unknown",
                    format!("{why}; said '{}' {} s ago", sight.says.word(), age / 1_000),
                ),
                Freshness::Stale(sight, age) => (
                    "unknown",
                    format!("said '{}' {} s ago", sight.says.word(), age / 1_000),
                ),
                Freshness::Unknown(why) => ("unknown", why.to_owned()),
                Freshness::NoTraffic | Freshness::NotConfigured => ("unknown", String::new()),
            };
            let line = format!("  {:<width$}  {word:<8}  {why}", vantage.name);
            text.push_str(crate::text::sanitize(line.trim_end(), 300).as_str());
            text.push('\n');
        }
        text
    }

    /// What a vantage point says now; `None` when it knows nothing now.
    #[must_use]
    pub fn says(&self, vantage: &str, now: Timestamp) -> Option<Says> {
        let found = self.vantages.iter().find(|v| v.name == vantage)?;
        found.sight.fresh(now).map(|sight| sight.says)
    }
}

/// The verdict. More than half of the *configured* vantage points have to agree that a region fails, so that two
/// halves of a cut network can never both call the other one down. That it serves needs no quorum: an answer is
/// a sign of life wherever it was heard.
#[must_use]
pub fn verdict(vantages: Vec<Vantage>, now: Timestamp) -> Verdict {
    let vantages: Vec<Vantage> = vantages
        .into_iter()
        .filter(|v| !matches!(v.sight.freshness(now), Freshness::NotConfigured))
        .collect();
    let said: Vec<Says> = vantages
        .iter()
        .filter_map(|v| v.sight.fresh(now).map(|sight| sight.says))
        .collect();
    let count = |wanted: Says| said.iter().filter(|says| **says == wanted).count();
    let (of, known, agree) = (vantages.len(), said.len(), count(Says::Fails));
    let quorum = of / 2 + 1;
    let (health, why) = if of == 0 {
        (Health::Unknown, "no vantage point looks at it".to_owned())
    } else if agree >= quorum {
        (
            Health::Down,
            format!("{agree} of {of} vantage points say that it fails, {quorum} are needed"),
        )
    } else if known == 0 {
        (
            Health::Unknown,
            format!("none of {of} vantage points knows anything now"),
        )
    } else if agree > 0 && known < quorum {
        (
            Health::Unknown,
            format!(
                "{agree} of {of} vantage points say that it fails, and too few know anything: {quorum} are needed"
            ),
        )
    } else if agree > 0 {
        (
            Health::Degraded,
            format!("{agree} of {of} vantage points say that it fails, {quorum} are needed"),
        )
    } else if count(Says::Impaired) > 0 {
        (
            Health::Degraded,
            format!("{} of {of} vantage points see it impaired", count(Says::Impaired)),
        )
    } else {
        (
            Health::Healthy,
            format!("{known} of {of} vantage points say that it serves"),
        )
    };
    let number = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
    Verdict {
        health,
        agree: number(agree),
        known: number(known),
        of: number(of),
        quorum: number(quorum),
        why,
        vantages,
    }
}

/// What a region answers when it is asked what it sees of the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Who looked: `region/instance`.
    pub by: String,
    /// What was seen, peer by peer; a peer that was not checked yet is not here.
    pub peers: Vec<PeerCheck>,
}

/// One peer as the reporting region sees it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PeerCheck {
    /// The peer's region.
    pub region: RegionId,
    /// How long ago it was looked at last: an age needs no common clock.
    pub age_ms: u64,
    /// What was seen.
    #[serde(flatten)]
    pub check: Check,
}

/// The instances that a region looks at, as its configuration lists them (TOML, `[[peers]]`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peers {
    /// Each of them.
    #[serde(default)]
    pub peers: Vec<Peer>,
}

/// One api instance to look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peer {
    /// Its region.
    pub region: RegionId,
    /// Its name, for example `api-a`.
    pub instance: String,
    /// `http://host:port`.
    pub url: String,
}

/// Why a list of peers cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("list of peers: {0}")]
pub struct PeersError(String);

impl Peers {
    /// Reads the file's text.
    ///
    /// # Errors
    /// When it is not TOML of this shape or names too many.
    pub fn parse(text: &str) -> Result<Self, PeersError> {
        let peers: Self = toml::from_str(text).map_err(|e| PeersError(e.to_string()))?;
        if peers.peers.len() > MAX_PEERS {
            return Err(PeersError(format!(
                "{} peers, at most {MAX_PEERS} are checked",
                peers.peers.len()
            )));
        }
        Ok(peers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observed::Absence;
    use proptest::prelude::*;
    use rstest::rstest;

    const RULES: RegionRemoval = RegionRemoval {
        check_interval_seconds: 10.0,
        failed_checks: 3,
        slow_checks: 5,
        slow_p99_seconds: 2.0,
    };

    /// (second, status, ms) -> (failed, slow)
    #[rstest]
    #[case::healthy(&[(0, 200, 5), (10, 200, 5)], (0, 0))]
    #[case::three_failures(&[(0, 503, 5), (10, 503, 5), (20, 0, 5)], (3, 0))]
    #[case::success_starts_over(&[(0, 503, 5), (10, 503, 5), (20, 200, 5)], (0, 0))]
    #[case::between_checks_nothing_counts(&[(0, 503, 5), (1, 503, 5), (2, 503, 5), (9, 503, 5)], (2, 0))]
    #[case::slow(&[(0, 200, 2_100), (10, 200, 2_100), (20, 200, 2_100)], (0, 3))]
    #[case::one_slow_answer_counts_once(&[(0, 200, 2_100), (10, 200, 5), (20, 200, 5)], (0, 0))]
    #[case::exactly_two_seconds_is_not_slow(&[(0, 200, 2_000)], (0, 0))]
    fn removal_counters(#[case] probes: &[(i64, u16, u64)], #[case] expected: (u32, u32)) {
        let mut checks = Checks::new(RULES);
        for (second, status, ms) in probes {
            let at = Timestamp::from_second(*second).unwrap();
            checks.take(*status, Duration::from_millis(*ms), at);
        }
        assert_eq!((checks.failed(), checks.slow()), expected);
    }

    fn check(status: u16, failed: u32, slow: u32) -> Check {
        Check {
            instance: "api-a".into(),
            status,
            latency_ms: 1.0,
            failed,
            slow,
            reason: None,
        }
    }

    #[rstest]
    #[case::all_well(&[check(200, 0, 0), check(200, 0, 0)], 2, Some(Says::Serves))]
    #[case::one_out(&[check(200, 0, 0), check(503, 3, 0)], 2, Some(Says::Impaired))]
    #[case::both_out(&[check(0, 3, 0), check(503, 7, 0)], 2, Some(Says::Fails))]
    #[case::slow_is_out_too(&[check(200, 0, 5)], 1, Some(Says::Fails))]
    #[case::two_failures_are_not_three(&[check(0, 2, 0)], 1, Some(Says::Impaired))]
    #[case::one_was_not_checked(&[check(0, 3, 0)], 2, Some(Says::Impaired))]
    #[case::nothing_was_checked(&[], 2, None)]
    fn sights(#[case] checks: &[Check], #[case] expected: usize, #[case] says: Option<Says>) {
        assert_eq!(sight(checks, expected, RULES).map(|s| s.says), says);
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn vantages(letters: &str) -> Vec<Vantage> {
        let vantage = |(n, letter): (usize, char)| {
            let says = match letter {
                's' => Some(Says::Serves),
                'i' => Some(Says::Impaired),
                'f' | 'o' => Some(Says::Fails),
                _ => None,
            };
            let seen = if letter == 'o' { at(0) } else { at(100) };
            let absence = if letter == '-' {
                Absence::NotConfigured
            } else {
                Absence::Failed("lost".into())
            };
            let sight = says.map_or_else(
                || Observed::absent(absence, "v", 3_000),
                |says| {
                    Observed::known(
                        Sight {
                            says,
                            why: String::new(),
                        },
                        seen,
                        "v",
                        3_000,
                    )
                },
            );
            Vantage {
                name: n.to_string(),
                sight,
            }
        };
        letters.chars().enumerate().map(vantage).collect()
    }

    /// s serves, i impaired, f fails, o failed long ago (stale), ? unknown, - not configured
    #[rstest]
    #[case::all_well("ssss", Health::Healthy, 3)]
    #[case::everybody_agrees("ffff", Health::Down, 3)]
    #[case::quorum("fff?", Health::Down, 3)]
    #[case::its_own_region_cannot_say("ff", Health::Down, 2)]
    #[case::half_is_no_quorum("ff??", Health::Unknown, 3)]
    #[case::cut_network("ffss", Health::Degraded, 3)]
    #[case::only_i_say_so("fsss", Health::Degraded, 3)]
    #[case::only_i_know("f???", Health::Unknown, 3)]
    #[case::stale_words_do_not_count("fooo", Health::Unknown, 3)]
    #[case::one_instance("siii", Health::Degraded, 3)]
    #[case::not_configured_does_not_count("ff--", Health::Down, 2)]
    #[case::one_answer_is_a_sign_of_life("s???", Health::Healthy, 3)]
    #[case::nobody_knows("????", Health::Unknown, 3)]
    #[case::nobody("----", Health::Unknown, 1)]
    #[case::one_alone("f", Health::Down, 1)]
    fn verdicts(#[case] letters: &str, #[case] health: Health, #[case] quorum: u32) {
        let verdict = verdict(vantages(letters), at(101));
        assert_eq!(
            (verdict.health, verdict.quorum),
            (health, quorum),
            "{}",
            verdict.why
        );
    }

    proptest! {
        #[test]
        fn down_takes_more_than_half_of_what_is_configured(letters in "[sifo?-]{0,9}") {
            let given = verdict(vantages(&letters), at(101));
            let fails = letters.chars().filter(|c| *c == 'f').count();
            let configured = letters.chars().filter(|c| *c != '-').count();
            prop_assert_eq!(given.health == Health::Down, fails * 2 > configured);
            if given.health == Health::Healthy {
                prop_assert!(!letters.contains('f') && !letters.contains('i'));
            }
        }
    }

    #[test]
    fn peers_are_a_list_and_nothing_else() {
        let text = "[[peers]]\nregion = \"eu-west-1\"\ninstance = \"api-a\"\nurl = \"http://127.0.0.1:1\"\n";
        assert_eq!(Peers::parse(text).unwrap().peers.len(), 1);
        assert_eq!(Peers::parse("").unwrap().peers.len(), 0);
        assert!(Peers::parse("[[peers]]\nregion = \"x\"\nother = 1").is_err());
    }
}
