//! The id of an event: the client's own, or one that the same event always gets.

use jiff::Timestamp;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The longest id a client may give.
pub const MAX_ID: usize = 256;

/// The client's id as it is kept.
///
/// # Errors
/// A reason, when it cannot be an id.
pub fn client_id(id: &str) -> Result<String, String> {
    if id.len() > MAX_ID {
        return Err(format!("the event's id is longer than {MAX_ID} bytes"));
    }
    if id.chars().any(char::is_control) {
        return Err("the event's id holds control characters".to_owned());
    }
    Ok(id.to_owned())
}

/// hash(tenant, source, raw event, its own time): a client that sends an event again, because it got no
/// answer, sends the same event. The time of acceptance takes no part in it for that reason.
#[must_use]
pub fn derived(tenant: &str, source: &str, raw: &Map<String, Value>, time: Option<Timestamp>) -> String {
    let mut hash = Sha256::new();
    for part in [tenant, source] {
        // Lengths first, so that no two different inputs run together to the same bytes.
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(time.map_or(i64::MIN, Timestamp::as_microsecond).to_be_bytes());
    // Maps of JSON text always serialise.
    hash.update(serde_json::to_vec(raw).unwrap_or_default());
    let mut id = hex::encode(hash.finalize());
    id.truncate(32);
    id
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn event(text: &str) -> Map<String, Value> {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn the_same_event_gets_the_same_id() {
        let time = Some("2026-01-02T03:04:05Z".parse().unwrap());
        let id = derived("acme", "c", &event(r#"{"a":1,"b":"x"}"#), time);
        assert_eq!(id.len(), 32);
        assert_eq!(
            id,
            derived("acme", "c", &event("{ \"a\": 1,\n\"b\": \"x\" }"), time)
        );
        for other in [
            derived("acme2", "c", &event(r#"{"a":1,"b":"x"}"#), time),
            derived("acme", "d", &event(r#"{"a":1,"b":"x"}"#), time),
            derived("acme", "c", &event(r#"{"a":2,"b":"x"}"#), time),
            derived("acme", "c", &event(r#"{"a":1,"b":"x"}"#), None),
        ] {
            assert_ne!(id, other);
        }
    }

    #[rstest]
    #[case("e-1", true)]
    #[case("293ba626-3be5-4a26-ab1b-0f4c54f49959", true)]
    #[case("a\nb", false)]
    fn client_ids(#[case] id: &str, #[case] good: bool) {
        assert_eq!(client_id(id).is_ok(), good);
        assert!(client_id(&"x".repeat(257)).is_err());
    }

    proptest! {
        #[test]
        fn parts_do_not_run_together(a in "[ab]{0,4}", b in "[ab]{0,4}", c in "[ab]{0,4}", d in "[ab]{0,4}") {
            let raw = event("{\"x\":1}");
            let same = (&a, &b) == (&c, &d);
            prop_assert_eq!(derived(&a, &b, &raw, None) == derived(&c, &d, &raw, None), same);
        }
    }
}
