//! Times as sources write them.

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

/// How far ahead of acceptance an event may say it happened; clocks of machines differ.
const AHEAD: SignedDuration = SignedDuration::from_hours(24);

/// A time as text with or without zone (then UTC), or as a number of seconds, milli-, micro- or nanoseconds.
#[must_use]
pub fn parse(value: &Value) -> Option<Timestamp> {
    match value {
        Value::String(text) => parse_text(text.trim()),
        Value::Number(number) => number
            .as_i64()
            .map_or_else(|| seconds(number.as_f64()?), since_epoch),
        _ => None,
    }
}

fn parse_text(text: &str) -> Option<Timestamp> {
    if let Ok(time) = text.parse::<Timestamp>() {
        return Some(time);
    }
    if let Ok(time) = text.parse::<DateTime>() {
        return time.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
    }
    // A number in quotes. A bare year or date is not a time.
    if text.len() >= 10 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return text
            .parse()
            .map_or_else(|_| seconds(text.parse().ok()?), since_epoch);
    }
    None
}

/// The unit follows from the size: seconds reach 10^11 in the year 5138.
fn since_epoch(number: i64) -> Option<Timestamp> {
    match number {
        0..100_000_000_000 => Timestamp::from_second(number).ok(),
        100_000_000_000..100_000_000_000_000 => Timestamp::from_millisecond(number).ok(),
        100_000_000_000_000..100_000_000_000_000_000 => Timestamp::from_microsecond(number).ok(),
        100_000_000_000_000_000.. => Timestamp::from_nanosecond(i128::from(number)).ok(),
        _ => None,
    }
}

fn seconds(number: f64) -> Option<Timestamp> {
    if !(0.0..1e11).contains(&number) {
        return None;
    }
    #[allow(clippy::cast_possible_truncation)] // in range by the line above
    Timestamp::from_microsecond((number * 1e6).round() as i64).ok()
}

/// The time an event counts under: its own, unless it lies so far ahead that it would spoil every window.
#[must_use]
pub fn plausible(own: Option<Timestamp>, received: Timestamp) -> Timestamp {
    let latest = received.saturating_add(AHEAD).unwrap_or(received);
    own.filter(|own| *own <= latest).unwrap_or(received)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    #[rstest]
    #[case(json!("2026-01-02T03:04:05Z"), Some("2026-01-02T03:04:05Z"))]
    #[case(json!("2026-01-02T03:04:05.678+01:00"), Some("2026-01-02T02:04:05.678Z"))]
    #[case(json!("2026-01-02 03:04:05"), Some("2026-01-02T03:04:05Z"))]
    #[case(json!("2026-01-02 03:04:05.123"), Some("2026-01-02T03:04:05.123Z"))]
    #[case(json!(1_767_323_045), Some("2026-01-02T03:04:05Z"))]
    #[case(json!(1_767_323_045_678_i64), Some("2026-01-02T03:04:05.678Z"))]
    #[case(json!(1_767_323_045_678_000_i64), Some("2026-01-02T03:04:05.678Z"))]
    #[case(json!(1_767_323_045_678_000_000_i64), Some("2026-01-02T03:04:05.678Z"))]
    #[case(json!(1_767_323_045.25), Some("2026-01-02T03:04:05.25Z"))]
    #[case(json!("1767323045.25"), Some("2026-01-02T03:04:05.25Z"))]
    #[case(json!("2026"), None)]
    #[case(json!("yesterday"), None)]
    #[case(json!(-5), None)]
    #[case(json!(null), None)]
    fn times(#[case] value: Value, #[case] expected: Option<&str>) {
        assert_eq!(parse(&value), expected.map(|t| t.parse().unwrap()));
    }

    #[test]
    fn the_far_future_is_now() {
        let received: Timestamp = "2026-01-02T00:00:00Z".parse().unwrap();
        let soon = "2026-01-02T10:00:00Z".parse().unwrap();
        let far = "9000-01-01T00:00:00Z".parse().unwrap();
        let past = "2019-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(plausible(Some(soon), received), soon);
        assert_eq!(plausible(Some(far), received), received);
        assert_eq!(plausible(Some(past), received), past);
        assert_eq!(plausible(None, received), received);
    }
}
