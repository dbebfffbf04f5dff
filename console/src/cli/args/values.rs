//! Values of arguments: lengths of time, sizes, settings, overrides.

use aisoc_model::plan::Override;

/// Whole seconds, or a span such as `30m` or `1h 30m`.
pub fn lasting(text: &str) -> Result<u32, String> {
    let span = || text.parse::<jiff::SignedDuration>().ok().map(|d| d.as_secs());
    let seconds = text.parse::<i64>().ok().or_else(span);
    let seconds = seconds.and_then(|s| u32::try_from(s).ok()).filter(|s| *s > 0);
    seconds.ok_or_else(|| format!("'{text}' is not a length of time: give seconds, or for example 30m, 4h"))
}

/// Columns and rows: `120x40`.
pub fn size(text: &str) -> Result<(u16, u16), String> {
    let wrong = || format!("'{text}' is not a size: give COLUMNSxROWS, for example 120x40, up to 1000x500");
    let (columns, rows) = text.split_once('x').ok_or_else(wrong)?;
    let (columns, rows): (u16, u16) = (
        columns.parse().map_err(|_| wrong())?,
        rows.parse().map_err(|_| wrong())?,
    );
    if (1..=1000).contains(&columns) && (1..=500).contains(&rows) {
        Ok((columns, rows))
    } else {
        Err(wrong())
    }
}

/// A setting: `KEY=VALUE`.
pub fn setting_of(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err(format!("'{text}' is not a setting: give KEY=VALUE")),
    }
}

/// A gate and why it is overridden: `GATE=WHY`.
pub fn override_of(text: &str) -> Result<Override, String> {
    match text.split_once('=') {
        Some((gate, reason)) if !gate.trim().is_empty() && !reason.trim().is_empty() => Ok(Override {
            gate: gate.trim().to_owned(),
            reason: reason.trim().to_owned(),
        }),
        _ => Err(format!(
            "'{text}' does not name a gate and a reason: give GATE=WHY"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time() {
        for (text, seconds) in [("90", 90), ("30m", 1_800), ("4h", 14_400), ("1h 30m", 5_400)] {
            assert_eq!(lasting(text), Ok(seconds), "{text}");
        }
        for bad in ["", "0", "-5m", "soon", "9999999h"] {
            assert!(lasting(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes_and_overrides() {
        assert_eq!(size("80x24"), Ok((80, 24)));
        for bad in ["80", "0x10", "80x", "x24", "99999x1", "80x24x1"] {
            assert!(size(bad).is_err(), "{bad}");
        }
        assert!(override_of("rpo=legal said so").is_ok());
        assert!(override_of("rpo").is_err() && override_of("=x").is_err());
    }
}
