//! Rounding of measured values: digits that only carry noise would change every frame.

/// Three significant digits.
#[must_use]
pub fn three_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let magnitude = value.abs().log10().floor();
    if magnitude >= 2.0 {
        // Whole numbers above 100: dividing by a power of ten keeps them exact.
        let step = 10_f64.powf(magnitude - 2.0);
        (value / step).round() * step
    } else {
        let scale = 10_f64.powf(2.0 - magnitude);
        (value * scale).round() / scale
    }
}

/// Seconds with three significant digits, not finer than a millisecond.
#[must_use]
pub fn seconds(value: f64) -> f64 {
    three_digits((value * 1_000.0).round() / 1_000.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case(0.0, 0.0)]
    #[case(12.345_678, 12.3)]
    #[case(0.001_234_56, 0.001_23)]
    #[case(123_456.0, 123_000.0)]
    #[case(-3.456, -3.46)]
    #[case(99.96, 100.0)]
    fn digits(#[case] value: f64, #[case] rounded: f64) {
        assert!(
            (three_digits(value) - rounded).abs() < 1e-9 * rounded.abs().max(1.0),
            "{}",
            three_digits(value)
        );
    }

    #[test]
    fn noise_below_a_millisecond_is_nothing() {
        assert_eq!(seconds(0.000_4), 0.0);
        assert_eq!(seconds(0.001_6), 0.002);
    }
}
