//! What an escort leaves in Patroni's configuration: the settings that it changed, what they were before, and who
//! still needs them. It is written together with the settings, in one request, so that whoever finds a cluster
//! synchronous can tell why and put it back: after a crash, without the journal, from another control plane.
//!
//! Pure: from a configuration to the patch that is due.

use crate::drivers::database::config::ClusterConfig;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The key of the marker. Patroni stores keys that it does not know and does nothing with them.
pub const KEY: &str = "aisoc_escort";
/// While commits wait for a standby nothing acknowledged is lost with a killed writer: Patroni may end one that does
/// not stop after this many seconds (a walsender that waits for a stalled standby holds it up for a minute).
pub const STOP_SECONDS: u64 = 10;
/// Clocks of two control planes may differ by this much before one takes away what the other still needs.
const SKEW: SignedDuration = SignedDuration::from_secs(60);

/// The marker as it is stored. Values are JSON as text: in a patch `null` would mean "remove".
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// What the settings were.
    #[serde(default)]
    pub prior: BTreeMap<String, String>,
    /// What the escort set them to.
    #[serde(default)]
    pub set: BTreeMap<String, String>,
    /// Plans that need it, and until when at most.
    #[serde(default)]
    pub holders: BTreeMap<String, String>,
}

/// Why a cluster cannot be escorted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotEscort {
    /// Synchronous mode would stop writes as soon as its standby goes away.
    #[error(
        "synchronous_mode_strict is set: with synchronous_mode on, writes would stop as soon as no standby is there; remove it first"
    )]
    Strict,
    /// Somebody took it back.
    #[error("synchronous_mode was switched off while plans were escorted: somebody decided otherwise")]
    TakenBack,
}

/// The marker in a configuration.
#[must_use]
pub fn of(config: &ClusterConfig) -> Option<Marker> {
    let stored = config.get(KEY)?;
    // One that cannot be read is still one: with no holder and nothing to put back, it is only removed.
    Some(Marker::deserialize(stored).unwrap_or_default())
}

/// The patch that makes `holder` one of those who need the escort; `None` when nothing has to change: it is one
/// already, or commits wait for a standby by the cluster's own setting.
///
/// # Errors
/// When this cluster cannot be escorted.
pub fn join(
    config: &ClusterConfig,
    holder: &str,
    until: Timestamp,
    standbys: u64,
) -> Result<Option<Value>, CannotEscort> {
    let marker = of(config);
    match &marker {
        Some(_) if !config.synchronous() => return Err(CannotEscort::TakenBack),
        None if config.synchronous() => return Ok(None),
        None if config.is_on("synchronous_mode_strict") => return Err(CannotEscort::Strict),
        _ => {}
    }
    let known = marker.unwrap_or_default();
    let (mut patch, mut prior, mut set) = (Map::new(), Map::new(), Map::new());
    for (key, wanted) in settings(config, standbys) {
        let text = wanted.to_string();
        if known.set.get(key) == Some(&text) {
            continue;
        }
        let before = config.get(key).cloned().unwrap_or(Value::Null);
        if !known.prior.contains_key(key) {
            prior.insert(key.to_owned(), json!(before.to_string()));
        }
        set.insert(key.to_owned(), json!(text));
        patch.insert(key.to_owned(), wanted);
    }
    let held = known
        .holders
        .get(holder)
        .and_then(|t| t.parse::<Timestamp>().ok());
    let renew = until.checked_sub(SignedDuration::from_mins(2)).unwrap_or(until);
    if patch.is_empty() && held.is_some_and(|at| at > renew) {
        return Ok(None);
    }
    let marker = json!({"prior": prior, "set": set, "holders": {holder: until.to_string()}});
    patch.insert(KEY.to_owned(), marker);
    Ok(Some(Value::Object(patch)))
}

/// What has to be set for an escort with so many standbys.
fn settings(config: &ClusterConfig, standbys: u64) -> Vec<(&'static str, Value)> {
    let mut settings = vec![("synchronous_mode", json!(true))];
    if config.number("synchronous_node_count").unwrap_or(1) < standbys {
        settings.push(("synchronous_node_count", json!(standbys)));
    }
    if config.number("primary_stop_timeout").unwrap_or(0) == 0 {
        settings.push(("primary_stop_timeout", json!(STOP_SECONDS)));
    }
    settings
}

/// The patch that takes these out of those who need the escort, and puts the settings back when nobody is left;
/// `None` when none of them is in it. A setting that was changed by somebody else meanwhile stays as it is.
#[must_use]
pub fn leave(config: &ClusterConfig, gone: &dyn Fn(&str, &str) -> bool) -> Option<Value> {
    let marker = of(config)?;
    let (leaving, left): (Vec<_>, Vec<_>) = marker.holders.iter().partition(|(id, until)| gone(id, until));
    if left.is_empty() {
        return Some(restoring(config, &marker));
    }
    if leaving.is_empty() {
        return None;
    }
    let out: Map<String, Value> = leaving
        .into_iter()
        .map(|(id, _)| (id.clone(), Value::Null))
        .collect();
    Some(json!({KEY: {"holders": out}}))
}

fn restoring(config: &ClusterConfig, marker: &Marker) -> Value {
    let mut patch = Map::new();
    for (key, set) in &marker.set {
        let ours = config.get(key).map(ToString::to_string).as_ref() == Some(set);
        let before = marker
            .prior
            .get(key)
            .and_then(|text| serde_json::from_str(text).ok());
        if let (true, Some(before)) = (ours, before) {
            patch.insert(key.clone(), before);
        }
    }
    patch.insert(KEY.to_owned(), Value::Null);
    Value::Object(patch)
}

/// Whether a holder's time is over, also by a clock that is behind.
#[must_use]
pub fn expired(until: &str, now: Timestamp) -> bool {
    let until = until.parse::<Timestamp>().ok();
    until.is_none_or(|until| until.checked_add(SKEW).is_ok_and(|end| end < now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    fn only(id: &'static str) -> impl Fn(&str, &str) -> bool {
        move |holder, _| holder == id
    }

    /// Joins as often as it takes effect.
    fn joined(config: &ClusterConfig, holder: &str, standbys: u64) -> ClusterConfig {
        let patch = join(config, holder, at(600), standbys).unwrap();
        patch.map_or_else(|| config.clone(), |p| config.patched(&p))
    }

    fn left(config: &ClusterConfig, holder: &'static str) -> ClusterConfig {
        leave(config, &only(holder)).map_or_else(|| config.clone(), |p| config.patched(&p))
    }

    #[test]
    fn two_plans_share_one_escort_and_the_last_one_puts_everything_back() {
        let before = ClusterConfig(json!({"ttl": 30, "synchronous_mode": false}));
        let one = joined(&before, "a", 1);
        assert!(one.synchronous());
        assert_eq!(one.number("primary_stop_timeout"), Some(STOP_SECONDS));
        assert_eq!(join(&one, "a", at(600), 1), Ok(None), "nothing to do twice");
        let two = joined(&one, "b", 2);
        assert_eq!(two.number("synchronous_node_count"), Some(2));
        let one_left = left(&two, "a");
        assert!(one_left.synchronous());
        assert_eq!(leave(&one_left, &only("a")), None);
        assert_eq!(left(&one_left, "b"), before);
    }

    #[test]
    fn an_operators_own_setting_is_neither_changed_nor_taken_for_ours() {
        for own in [json!(true), json!("on"), json!("quorum")] {
            let config = ClusterConfig(json!({"synchronous_mode": own}));
            assert_eq!(join(&config, "a", at(600), 2), Ok(None));
            assert_eq!(leave(&config, &only("a")), None);
        }
        let strict = ClusterConfig(json!({"synchronous_mode_strict": true}));
        assert_eq!(join(&strict, "a", at(600), 1), Err(CannotEscort::Strict));
    }

    #[test]
    fn what_somebody_else_changed_meanwhile_stays() {
        let during = joined(&ClusterConfig(json!({})), "a", 1);
        let quorum = during.patched(&json!({"synchronous_mode": "quorum", "primary_stop_timeout": 3}));
        let after = left(&quorum, "a");
        assert_eq!(
            after.0,
            json!({"synchronous_mode": "quorum", "primary_stop_timeout": 3})
        );
        let off = during.patched(&json!({"synchronous_mode": false}));
        assert_eq!(join(&off, "b", at(600), 1), Err(CannotEscort::TakenBack));
    }

    #[test]
    fn a_dead_control_planes_plans_expire_with_a_margin_for_clocks() {
        assert!(!expired(&at(0).to_string(), at(59)));
        assert!(expired(&at(0).to_string(), at(61)));
        assert!(expired("not a time", at(0)));
    }

    proptest! {
        /// Whatever plans come and go in whatever order: when the last one is gone, everything is as it was.
        #[test]
        fn never_leaves_a_cluster_synchronous_that_was_not(
            prior in prop_oneof![Just(json!({})), Just(json!({"synchronous_mode": false})),
                Just(json!({"synchronous_mode": "off", "synchronous_node_count": 1, "primary_stop_timeout": 0}))],
            moves in proptest::collection::vec((0..3usize, proptest::bool::ANY, 1..4u64), 0..20),
        ) {
            const IDS: [&str; 3] = ["a", "b", "c"];
            let before = ClusterConfig(prior);
            let mut config = before.clone();
            for (who, come, standbys) in moves {
                config = if come { joined(&config, IDS[who], standbys) } else { left(&config, IDS[who]) };
            }
            for id in IDS {
                config = left(&config, id);
            }
            prop_assert_eq!(config, before);
        }
    }
}
