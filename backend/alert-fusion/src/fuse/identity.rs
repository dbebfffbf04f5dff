//! Ids that every region computes alike, so that the same alert persisted twice is one row.

use aisoc_model::event::Entities;
use jiff::{SignedDuration, Timestamp};
use sha2::{Digest, Sha256};

const ALERT: &str = "al-";
const INCIDENT: &str = "in-";

/// Id of an alert: tenant, rule, who and what it is about, and the window of event time it began in.
#[must_use]
pub fn alert_id(
    tenant: &str,
    rule: &str,
    entities: &Entities,
    event_time: Timestamp,
    window: SignedDuration,
) -> String {
    let width = window.as_secs().max(1);
    let bucket = event_time.as_second().div_euclid(width);
    let mut hash = Sha256::new();
    for part in [tenant, rule] {
        absorb(&mut hash, Some(part));
    }
    for part in [&entities.host, &entities.user, &entities.ip] {
        absorb(&mut hash, part.as_deref());
    }
    hash.update(bucket.to_be_bytes());
    let digest = hash.finalize();
    let half: Vec<u8> = digest.iter().copied().take(16).collect();
    format!("{ALERT}{}", hex::encode(half))
}

/// Id of the incident that began with this alert.
#[must_use]
pub fn incident_id(alert_id: &str) -> String {
    format!("{INCIDENT}{}", alert_id.strip_prefix(ALERT).unwrap_or(alert_id))
}

/// The alert an incident began with.
#[must_use]
pub fn first_alert_id(incident_id: &str) -> String {
    format!(
        "{ALERT}{}",
        incident_id.strip_prefix(INCIDENT).unwrap_or(incident_id)
    )
}

/// Lengths first: otherwise `ab`,`c` and `a`,`bc` are the same alert, and a user name could forge another's.
fn absorb(hash: &mut Sha256, part: Option<&str>) {
    match part {
        None => hash.update([0]),
        Some(text) => {
            hash.update([1]);
            hash.update(u64::try_from(text.len()).unwrap_or(u64::MAX).to_be_bytes());
            hash.update(text.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: SignedDuration = SignedDuration::from_hours(1);

    fn on(host: &str, user: &str) -> Entities {
        Entities {
            host: Some(host.to_owned()),
            user: Some(user.to_owned()),
            ..Entities::default()
        }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_window_is_part_of_the_id() {
        let id = |second| alert_id("acme", "r", &on("h", "u"), at(second), HOUR);
        assert_eq!(id(7_200), id(10_799));
        assert_ne!(id(7_200), id(10_800));
        // Before 1970 windows go on without one of double width around zero.
        assert_ne!(id(-1), id(1));
    }

    #[test]
    fn parts_do_not_run_into_each_other() {
        let id = |host: &str, user: &str| alert_id("acme", "r", &on(host, user), at(0), HOUR);
        assert_ne!(id("ab", "c"), id("a", "bc"));
        let none = Entities {
            host: Some("ab".to_owned()),
            ..Entities::default()
        };
        assert_ne!(alert_id("acme", "r", &none, at(0), HOUR), id("ab", ""));
        assert_ne!(
            alert_id("a", "cmer", &none, at(0), HOUR),
            alert_id("ac", "mer", &none, at(0), HOUR)
        );
    }

    proptest! {
        #[test]
        fn same_input_same_id(tenant in ".*", rule in ".*", host in ".*", second in -1_000_000_000i64..4_000_000_000) {
            let entities = on(&host, "u");
            let id = alert_id(&tenant, &rule, &entities, at(second), HOUR);
            prop_assert_eq!(&id, &alert_id(&tenant, &rule, &entities.clone(), at(second), HOUR));
            prop_assert_eq!(id.len(), ALERT.len() + 32);
            prop_assert_eq!(first_alert_id(&incident_id(&id)), id);
        }
    }
}
