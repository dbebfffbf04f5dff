//! Numbers and outside text as they stand in a record.

use jiff::Timestamp;

/// Longest text from outside in a cell or a sentence.
const LONGEST: usize = 600;

/// Text from outside, harmless in Markdown.
pub(super) fn safe(text: &str) -> String {
    crate::text::markdown(text, LONGEST)
}

/// Text from outside as code.
pub(super) fn code(text: &str) -> String {
    crate::text::markdown_code(text, LONGEST)
}

/// Seconds: `84 ms`, `1.52 s`, `93 s`, `12 min 4 s`.
pub(super) fn seconds(value: f64) -> String {
    match value {
        v if !v.is_finite() => "not measured".to_owned(),
        v if v <= 0.0 => "0 s".to_owned(),
        v if v < 1.0 => format!("{:.0} ms", v * 1_000.0),
        v if v < 10.0 => format!("{v:.2} s"),
        v if v < 120.0 => format!("{v:.1} s"),
        v => {
            let whole = super::whole(v);
            format!("{} min {} s", whole / 60, whole % 60)
        }
    }
}

/// A bound in seconds, as the document of objectives writes it.
pub(super) fn bound(seconds: u64) -> String {
    match seconds {
        s if s >= 3_600 && s.is_multiple_of(3_600) => format!("{} h", s / 3_600),
        s if s >= 60 && s.is_multiple_of(60) => format!("{} min", s / 60),
        s => format!("{s} s"),
    }
}

/// A moment, UTC, to the millisecond.
pub(super) fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S%.3fZ").to_string()
}

/// How long after `from` it was: `+1.52 s`, or before it: `-240 ms`.
pub(super) fn after(from: Timestamp, at: Timestamp) -> String {
    let elapsed = at.duration_since(from).as_secs_f64();
    let sign = if elapsed < 0.0 { '-' } else { '+' };
    format!("{sign}{}", seconds(elapsed.abs()))
}

/// A name of ours (`first_write`) for people.
pub(super) fn name(text: &str) -> String {
    safe(&text.replace('_', " "))
}
