//! Patroni's dynamic configuration, as far as a failover depends on it: read as stored, with Patroni's own idea of
//! what is true, and patched as Patroni patches.

use serde_json::{Map, Value};

/// The configuration as the store has it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ClusterConfig(pub Value);

impl ClusterConfig {
    /// A key's value; `None` when it is not set.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key).filter(|v| !v.is_null())
    }

    /// Whether a switch is on, as Patroni reads it.
    #[must_use]
    pub fn is_on(&self, key: &str) -> bool {
        self.get(key).is_some_and(truthy)
    }

    /// A number; `None` when it is not set or is none.
    #[must_use]
    pub fn number(&self, key: &str) -> Option<u64> {
        let value = self.get(key)?;
        value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())
    }

    /// Whether commits wait for a standby: `synchronous_mode` is on, or `quorum` (4.x).
    #[must_use]
    pub fn synchronous(&self) -> bool {
        self.is_on("synchronous_mode")
    }

    /// Replication slots for members, Patroni's default.
    #[must_use]
    pub fn uses_slots(&self) -> bool {
        let value = self.get("postgresql").and_then(|p| p.get("use_slots"));
        value.is_none_or(truthy)
    }

    /// What is stored after a patch: objects are merged, `null` removes.
    #[must_use]
    pub fn patched(&self, patch: &Value) -> Self {
        let mut value = self.0.clone();
        merge(&mut value, patch);
        Self(value)
    }
}

fn truthy(value: &Value) -> bool {
    match value {
        Value::Bool(b) => *b,
        Value::Number(n) => n.as_f64() != Some(0.0),
        Value::String(s) => matches!(
            s.trim().to_ascii_lowercase().as_str(),
            "on" | "true" | "yes" | "1" | "quorum"
        ),
        _ => false,
    }
}

fn merge(into: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *into = patch.clone();
        return;
    };
    if !into.is_object() {
        *into = Value::Object(Map::new());
    }
    let Value::Object(map) = into else { return };
    for (key, value) in patch {
        match (value, map.get_mut(key)) {
            (Value::Null, _) => {
                map.remove(key);
            }
            (Value::Object(_), Some(old)) if old.is_object() => merge(old, value),
            (value, _) => {
                map.insert(key.clone(), value.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!({}), false)]
    #[case(json!({"synchronous_mode": null}), false)]
    #[case(json!({"synchronous_mode": false}), false)]
    #[case(json!({"synchronous_mode": "off"}), false)]
    #[case(json!({"synchronous_mode": true}), true)]
    #[case(json!({"synchronous_mode": "on"}), true)]
    #[case(json!({"synchronous_mode": "quorum"}), true)]
    fn a_switch_is_read_as_patroni_reads_it(#[case] config: Value, #[case] on: bool) {
        assert_eq!(ClusterConfig(config).synchronous(), on);
    }

    #[test]
    fn a_patch_merges_and_null_removes() {
        let config = ClusterConfig(json!({"ttl": 30, "aisoc_escort": {"holders": {"a": "1"}}}));
        let patch = json!({"ttl": null, "aisoc_escort": {"holders": {"b": "2", "a": null}}, "new": {"x": 1}});
        assert_eq!(
            config.patched(&patch).0,
            json!({"aisoc_escort": {"holders": {"b": "2"}}, "new": {"x": 1}})
        );
    }
}
