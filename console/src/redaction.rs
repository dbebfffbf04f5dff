//! What is taken out of a recording before it leaves: who, where, and what opens something. Pure.
//!
//! Everything is looked at twice: names that are met anywhere are replaced everywhere, also within sentences and in
//! frames from before they were met. The same name always gets the same stand-in, so that the story still holds.

use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What is taken out, each in a sentence.
pub const LEFT_OUT: [&str; 5] = [
    "names of people: person-1, person-2 and so on stand for them",
    "names of tenants: tenant-1, tenant-2 and so on stand for them",
    "network addresses and mail addresses: address-1, address-2 and so on stand for them",
    "directories: of a path only its last part is kept",
    "reasons that people typed, passwords, tokens and what looks like one",
];

/// What stands for something that a person wrote or that opens something.
const NOTHING: &str = "(left out)";
/// Texts of at least so many characters without a space, of letters and digits, look like a token.
const TOKEN: usize = 32;
/// Shorter texts that people typed are words of the program, too, and only left out where they stand alone.
const QUOTED: usize = 8;

/// Names that were met, and what stands for them.
#[derive(Debug, Clone, Default)]
pub struct Redaction {
    /// Longer ones first would shadow shorter ones: they are sorted when they are used.
    names: BTreeMap<String, String>,
    people: usize,
    tenants: usize,
    addresses: BTreeMap<String, String>,
    /// What people typed: it is quoted in evidence, too.
    typed: BTreeSet<String>,
}

impl Redaction {
    /// Learns the names in a frame.
    pub fn learn(&mut self, frame: &Value) {
        if let Some(readings) = frame.get("sla").and_then(Value::as_object) {
            for reading in readings.values() {
                let tenant = |name: &str| reading.get(name).and_then(Value::as_str).unwrap_or_default();
                self.tenant(tenant("tenant"), tenant("name"));
            }
        }
        self.meet(frame);
    }

    fn tenant(&mut self, id: &str, name: &str) {
        let known = [id, name].iter().find_map(|text| self.names.get(*text)).cloned();
        let stand_in = known.unwrap_or_else(|| {
            self.tenants += 1;
            format!("tenant-{}", self.tenants)
        });
        for text in [id, name] {
            if !text.is_empty() {
                self.names
                    .entry(text.to_owned())
                    .or_insert_with(|| stand_in.clone());
            }
        }
    }

    fn meet(&mut self, value: &Value) {
        match value {
            Value::Object(object) => {
                let typed = is_typed(object);
                for (key, inner) in object {
                    if let (true, true, Some(text)) = (typed, is_reason(key), inner.as_str())
                        && !text.trim().is_empty()
                    {
                        self.typed.insert(text.trim().to_owned());
                    }
                    if let (true, Some(name)) = (is_person(key, object), inner.as_str()) {
                        self.person(name);
                    }
                    self.meet(inner);
                }
            }
            Value::Array(array) => array.iter().for_each(|inner| self.meet(inner)),
            _ => {}
        }
    }

    fn person(&mut self, name: &str) {
        if !name.is_empty() && !self.names.contains_key(name) {
            self.people += 1;
            self.names
                .insert(name.to_owned(), format!("person-{}", self.people));
        }
    }

    /// A frame without what is taken out.
    #[must_use]
    pub fn frame(&mut self, frame: &Value) -> Value {
        self.value("", frame)
    }

    fn value(&mut self, key: &str, value: &Value) -> Value {
        match value {
            Value::Object(object) => {
                let typed = is_typed(object);
                let inner = object.iter().map(|(key, inner)| {
                    let text = inner.as_str();
                    let value = match text {
                        Some(text) if typed && is_reason(key) => {
                            let stand_in = if text.is_empty() { "" } else { NOTHING };
                            Value::from(stand_in)
                        }
                        // A variant of the vocabulary, not a name.
                        Some(text) if key == "by" && !is_person(key, object) => Value::from(text),
                        _ => self.value(key, inner),
                    };
                    (self.named(key), value)
                });
                Value::Object(inner.collect::<Map<String, Value>>())
            }
            Value::Array(array) => array.iter().map(|inner| self.value(key, inner)).collect(),
            Value::String(text) => Value::from(self.text(key, text)),
            other => other.clone(),
        }
    }

    fn text(&mut self, key: &str, text: &str) -> String {
        if text.parse::<jiff::Timestamp>().is_ok() {
            return text.to_owned();
        }
        if self.typed.contains(text.trim()) {
            return NOTHING.to_owned();
        }
        let mut unquoted = text.to_owned();
        for typed in self.typed.iter().filter(|typed| typed.len() >= QUOTED) {
            unquoted = unquoted.replace(typed.as_str(), NOTHING);
        }
        let named = self.named(&unquoted);
        let mut clean = String::with_capacity(named.len());
        for word in named.split_inclusive(|c: char| c.is_whitespace() || "()[]{}\"'`,;<>".contains(c)) {
            let end = word
                .char_indices()
                .next_back()
                .filter(|(_, c)| c.is_whitespace() || "()[]{}\"'`,;<>".contains(*c))
                .map_or(word.len(), |(at, _)| at);
            let (word, rest) = word.split_at(end);
            let (word, dots) = word.split_at(word.trim_end_matches(['.', ':', '!', '?']).len());
            clean.push_str(&self.word(key, word));
            clean.push_str(dots);
            clean.push_str(rest);
        }
        clean
    }

    fn word(&mut self, key: &str, word: &str) -> String {
        if let Some((name, secret)) = word.split_once('=') {
            let opens = ["password", "token", "secret", "authorization"];
            if !secret.is_empty() && opens.iter().any(|what| name.to_lowercase().contains(what)) {
                return format!("{name}={NOTHING}");
            }
            if is_address(secret) {
                return format!("{name}={}", self.address(secret));
            }
        }
        if let Some((scheme, rest)) = word.split_once("://") {
            let (place, path) = rest
                .split_once('/')
                .map_or((rest, None), |(p, path)| (p, Some(path)));
            let place = self.address(place);
            return match path {
                Some(path) => format!("{scheme}://{place}/{path}"),
                None => format!("{scheme}://{place}"),
            };
        }
        if is_address(word) {
            return self.address(word);
        }
        if word.starts_with('/') && word.len() > 1 {
            return format!("…/{}", word.rsplit('/').next().unwrap_or_default());
        }
        if looks_like_token(word) && !matches!(key, "hash" | "id" | "operation") {
            return NOTHING.to_owned();
        }
        word.to_owned()
    }

    fn address(&mut self, address: &str) -> String {
        let next = format!("address-{}", self.addresses.len() + 1);
        self.addresses.entry(address.to_owned()).or_insert(next).clone()
    }

    /// A text with stand-ins for the names that were met, where they are whole words.
    fn named(&self, text: &str) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        let mut text = text.to_owned();
        for (name, stand_in) in names {
            if !text.contains(name.as_str()) {
                continue;
            }
            let mut clean = String::with_capacity(text.len());
            let mut rest = text.as_str();
            while let Some((before, after)) = rest.split_once(name.as_str()) {
                let word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
                let whole = !word(before.chars().next_back()) && !word(after.chars().next());
                clean.push_str(before);
                clean.push_str(if whole { stand_in } else { name });
                rest = after;
            }
            clean.push_str(rest);
            text = clean;
        }
        text
    }
}

/// Whether a field holds the name of a person. `by` is also how a revision came to be: that has no time of its own.
fn is_person(key: &str, object: &Map<String, Value>) -> bool {
    match key {
        "started_by" | "requested_by" | "approved_by" => true,
        "by" => object.contains_key("at") || object.contains_key("since"),
        _ => false,
    }
}

fn is_reason(key: &str) -> bool {
    matches!(key, "reason" | "break_glass")
}

/// Whether the reasons of an object are what a person typed: a request, an override, a drain, a renewal.
fn is_typed(object: &Map<String, Value>) -> bool {
    ["target", "gate", "by"]
        .iter()
        .any(|key| object.contains_key(*key))
}

/// `host:port`, an IP address with or without one, or a mail address.
fn is_address(word: &str) -> bool {
    if word.parse::<std::net::IpAddr>().is_ok() || word.parse::<std::net::SocketAddr>().is_ok() {
        return true;
    }
    if let Some((name, host)) = word.split_once('@') {
        return !name.is_empty() && host.contains('.');
    }
    let host_and_port = word.rsplit_once(':').filter(|(host, port)| {
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-".contains(c);
        host.contains(|c: char| c.is_ascii_alphabetic())
            && host.chars().all(plain)
            && (2..=5).contains(&port.len())
            && port.chars().all(|c| c.is_ascii_digit())
    });
    host_and_port.is_some()
}

fn looks_like_token(word: &str) -> bool {
    word.len() >= TOKEN
        && !is_uuid(word)
        && word
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_+/=-".contains(c))
        && word.contains(|c: char| c.is_ascii_digit())
        && word.contains(|c: char| c.is_ascii_alphabetic())
}

fn is_uuid(word: &str) -> bool {
    let lengths: Vec<usize> = word.split('-').map(str::len).collect();
    lengths == [8, 4, 4, 4, 12] && word.chars().all(|c| c.is_ascii_hexdigit() || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture;
    use aisoc_model::world::World;
    use serde_json::json;

    fn redacted(frame: &Value) -> Value {
        let mut redaction = Redaction::default();
        redaction.learn(frame);
        redaction.frame(frame)
    }

    #[test]
    fn names_addresses_tokens_and_paths_go_and_what_happened_stays() {
        let frame = json!({
            "operations": {"1": {
                "started_by": "Ann Lee",
                "outcome": "Ann Lee asked at http://10.0.0.7:8008/patroni, mail ann@example.org.",
                "plan": {"requested_by": "bob", "request": {"target": {"kind": "drain"}, "reason": "bob is ill"}},
            }},
            "regions": {"us": {
                "reasons": ["connect to db-1.internal:5432: connection refused", "Bobby 12:30:01 L7OK/200"],
                "drain": {"by": "bob", "since": "2026-11-22T12:00:00Z", "reason": "disks"},
                "source": "health:us-east-1/api-b",
            }},
            "releases": {"r": {"origin": {"by": "deploy"}}},
            "processes": {"p": {"log": "/var/lib/aisoc/logs/api-a.log", "hash": "a1".repeat(32)}},
            "gates": [{"evidence": ["bob is ill"], "why": "given: bob is ill"}, {"why": "disks"}],
            "note": format!("token=abc {} 127.0.0.1:17101", "Zx9".repeat(12)),
            "sla": {"acme:high": {"tenant": "acme", "name": "Acme Corporation", "level": "high"}},
        });
        let clean = redacted(&frame);
        assert_eq!(
            clean,
            json!({
                "operations": {"1": {
                    "started_by": "person-2",
                    "outcome": "person-2 asked at http://address-2/patroni, mail address-3.",
                    "plan": {"requested_by": "person-1", "request": {"target": {"kind": "drain"}, "reason": "(left out)"}},
                }},
                "regions": {"us": {
                    "reasons": ["connect to address-4: connection refused", "Bobby 12:30:01 L7OK/200"],
                    "drain": {"by": "person-1", "since": "2026-11-22T12:00:00Z", "reason": "(left out)"},
                    "source": "health:us-east-1/api-b",
                }},
                "releases": {"r": {"origin": {"by": "deploy"}}},
                "processes": {"p": {"log": "…/api-a.log", "hash": "a1".repeat(32)}},
                "gates": [{"evidence": ["(left out)"], "why": "given: (left out)"}, {"why": "(left out)"}],
                "note": "token=(left out) (left out) address-1",
                "sla": {"tenant-1:high": {"tenant": "tenant-1", "name": "tenant-1", "level": "high"}},
            })
        );
    }

    #[test]
    fn a_frame_is_still_a_frame() {
        for world in [fixture::healthy(), fixture::incident()] {
            let clean = redacted(&serde_json::to_value(&world).unwrap());
            let read: World = serde_json::from_value(clean.clone()).unwrap();
            assert_eq!(read.regions.len(), world.regions.len());
            let text = clean.to_string();
            for secret in ["alice", "127.0.0.1", "/var/lib"] {
                assert!(!text.contains(secret), "{secret}");
            }
        }
    }
}
