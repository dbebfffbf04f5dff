//! Numbers as text: short, with their unit, and quiet (no digit that only flickers).

use jiff::Timestamp;

/// Seconds as a duration: `0 s`, `340 ms`, `2.4 s`, `45 s`, `3 min`, `5 h`, `2 d`.
#[must_use]
pub fn seconds(value: f64) -> String {
    match value {
        v if !v.is_finite() || v < 0.0 => "?".to_owned(),
        v if v < 0.000_5 => "0 s".to_owned(),
        v if v < 0.009_95 => format!("{:.1} ms", v * 1_000.0),
        v if v < 0.999_5 => format!("{:.0} ms", v * 1_000.0),
        v if v < 9.95 => format!("{v:.1} s"),
        v if v < 119.5 => format!("{v:.0} s"),
        v if v < 7_200.0 => format!("{:.0} min", v / 60.0),
        v if v < 172_800.0 => format!("{:.0} h", v / 3_600.0),
        v => format!("{:.0} d", v / 86_400.0),
    }
}

/// A bound in seconds, as documents write it: `500 ms`, `5 s`, `2 min`.
#[must_use]
pub fn bound(value: f64) -> String {
    match value {
        v if v >= 60.0 && v % 60.0 == 0.0 => format!("{:.0} min", v / 60.0),
        v if v >= 1.0 => format!("{v:.0} s"),
        v => format!("{:.0} ms", v * 1_000.0),
    }
}

/// An age in milliseconds, whole seconds at the finest: `3 s`, `4 min`, `2 h`, `3 d`.
#[must_use]
pub fn age(milliseconds: u64) -> String {
    match milliseconds / 1_000 {
        s @ 0..=119 => format!("{s} s"),
        s @ 120..=7_199 => format!("{} min", s / 60),
        s @ 7_200..=172_799 => format!("{} h", s / 3_600),
        s => format!("{} d", s / 86_400),
    }
}

/// The age of `at`, seen at `now`.
#[must_use]
pub fn since(at: Timestamp, now: Timestamp) -> String {
    age(aisoc_model::clock::millis_between(at, now))
}

/// What a source tells, or that it does not.
#[must_use]
pub fn told(text: Option<String>) -> String {
    text.unwrap_or_else(|| "not told".to_owned())
}

/// A stop-watch: `0:07`, `12:45`, `1:02:03`.
#[must_use]
pub fn clock(milliseconds: u64) -> String {
    let s = milliseconds / 1_000;
    if s < 3_600 {
        format!("{}:{:02}", s / 60, s % 60)
    } else {
        format!("{}:{:02}:{:02}", s / 3_600, s / 60 % 60, s % 60)
    }
}

/// The time of day in UTC, `12:31:05`.
#[must_use]
pub fn time_of_day(at: Timestamp) -> String {
    at.strftime("%H:%M:%S").to_string()
}

/// Bytes in powers of 1,000: `0 B`, `12 kB`, `3.4 MB`.
#[must_use]
pub fn bytes(value: u64) -> String {
    scaled(value as f64, &["B", "kB", "MB", "GB", "TB", "PB"])
}

/// A number of things: `950`, `12.3 k`, `3.4 M`.
#[must_use]
pub fn count(value: u64) -> String {
    if value < 10_000 {
        value.to_string()
    } else {
        scaled(value as f64, &["", "k", "M", "G", "T"])
    }
}

fn scaled(mut value: f64, units: &[&str]) -> String {
    let mut units = units.iter();
    let mut unit = units.next().copied().unwrap_or_default();
    while value >= 999.5 {
        let Some(next) = units.next() else { break };
        unit = next;
        value /= 1_000.0;
    }
    let digits = usize::from(value < 9.95 && value.fract() > 0.0);
    format!("{value:.digits$} {unit}").trim_end().to_owned()
}

/// So many of something: `1 link`, `3 links`.
#[must_use]
pub fn number(count: u64, noun: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{} {noun}{end}", self::count(count))
}

/// A rate per second: `0`, `0.4`, `98.2`, `1,250` without its unit.
#[must_use]
pub fn rate(value: f64) -> String {
    match value {
        v if !v.is_finite() || v < 0.0 => "?".to_owned(),
        v if v < 0.05 => "0".to_owned(),
        v if v < 9.95 => format!("{v:.1}"),
        v => format!("{v:.0}"),
    }
}

/// A share between 0 and 1 as percent: `0 %`, `0.42 %`, `12 %`, `99.3 %`.
#[must_use]
pub fn percent(ratio: f64) -> String {
    let percent = ratio * 100.0;
    match percent {
        p if !p.is_finite() || p < 0.0 => "?".to_owned(),
        p if p < 0.005 => "0 %".to_owned(),
        p if p < 1.0 => format!("{p:.2} %"),
        p if p < 10.0 => format!("{p:.1} %"),
        p if p > 90.0 && p < 99.95 => format!("{p:.1} %"),
        p => format!("{p:.0} %"),
    }
}

/// A length on the screen: what does not fit into a terminal is its largest.
#[must_use]
pub fn cells(length: usize) -> u16 {
    u16::try_from(length).unwrap_or(u16::MAX)
}

/// `part` of `whole`, rounded, for bars: `part` is cut to 0..=1.
#[must_use]
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // the factor is 0..=1, the product fits
pub fn part_of(part: f64, whole: u16) -> u16 {
    if part.is_finite() {
        (part.clamp(0.0, 1.0) * f64::from(whole)).round() as u16
    } else {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, "0 s")]
    #[case(0.0042, "4.2 ms")]
    #[case(0.34, "340 ms")]
    #[case(2.44, "2.4 s")]
    #[case(45.2, "45 s")]
    #[case(180.0, "3 min")]
    #[case(f64::NAN, "?")]
    fn durations(#[case] value: f64, #[case] text: &str) {
        assert_eq!(seconds(value), text);
    }

    #[rstest]
    #[case(0, "0 B")]
    #[case(999, "999 B")]
    #[case(1_500, "1.5 kB")]
    #[case(3_400_000, "3.4 MB")]
    #[case(34_000_000, "34 MB")]
    fn sizes(#[case] value: u64, #[case] text: &str) {
        assert_eq!(bytes(value), text);
    }

    #[test]
    fn clocks_and_shares() {
        assert_eq!(
            (clock(7_900), clock(3_723_000)),
            ("0:07".to_owned(), "1:02:03".to_owned())
        );
        assert_eq!(
            (percent(0.0042), percent(0.993), percent(1.0)),
            ("0.42 %".into(), "99.3 %".into(), "100 %".into())
        );
        assert_eq!(
            (part_of(0.5, 10), part_of(7.0, 10), part_of(f64::NAN, 10)),
            (5, 10, 0)
        );
    }
}
