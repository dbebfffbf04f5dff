//! The figures that README quotes, measured on a world of their own. They are printed, never asserted: a figure
//! depends on the machine, a test must not.

pub mod cost;
pub mod failover;
pub mod latency;
pub mod screen;

/// The value at quantile `q` (0–1) of some measurements, sorted by this function; 0 for none.
pub fn quantile(values: &mut [f64], q: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    let last = values.len().saturating_sub(1) as f64;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between 0 and the number of values
    let index = (last * q.clamp(0.0, 1.0)).round() as usize;
    values.get(index).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #[test]
    fn quantiles() {
        let mut values = [5.0, 1.0, 3.0, 2.0, 4.0];
        assert_eq!(super::quantile(&mut values, 0.5), 3.0);
        assert_eq!(super::quantile(&mut values, 1.0), 5.0);
        assert_eq!(super::quantile(&mut [], 0.5), 0.0);
    }
}
