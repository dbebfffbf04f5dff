//! Explicit-bucket histograms over the product's bounds.

use crate::metrics::BOUNDS;

const BUCKETS: usize = BOUNDS.len() + 1;

/// Counts of measurements by bucket. Bucket `i` holds values in `(BOUNDS[i-1], BOUNDS[i]]`, the first those up
/// to the first bound, the last everything above the last bound.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Histogram {
    counts: [u64; BUCKETS],
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: [0; BUCKETS] }
    }
}

impl Histogram {
    /// From buckets over any ascending bounds, one count more than bounds; `None` when they are not that.
    ///
    /// Foreign buckets are counted where their upper bound falls, so a quantile may come out too high by the
    /// width of a foreign bucket but never too low: bad never looks like good.
    #[must_use]
    pub fn from_buckets(bounds: &[f64], counts: &[u64]) -> Option<Self> {
        if bounds.is_empty() || counts.len() != bounds.len() + 1 {
            return None;
        }
        if bounds == BOUNDS {
            return counts.try_into().ok().map(|counts| Self { counts });
        }
        let ascending = bounds.iter().zip(bounds.iter().skip(1)).all(|(a, b)| a < b);
        if !ascending || bounds.iter().any(|bound| bound.is_nan()) {
            return None;
        }
        let mut histogram = Self::default();
        for (upper, count) in bounds.iter().copied().chain([f64::INFINITY]).zip(counts) {
            histogram.add(upper, *count);
        }
        Some(histogram)
    }

    /// Counts `count` measurements of `value`.
    pub fn add(&mut self, value: f64, count: u64) {
        let bucket = BOUNDS.partition_point(|bound| *bound < value);
        if let Some(held) = self.counts.get_mut(bucket) {
            *held = held.saturating_add(count);
        }
    }

    /// Adds the counts of `other`.
    pub fn merge(&mut self, other: &Self) {
        for (held, more) in self.counts.iter_mut().zip(&other.counts) {
            *held = held.saturating_add(*more);
        }
    }

    /// What was counted since `earlier`; `None` when some bucket went down, which a counter never does
    /// unless it was reset.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Option<Self> {
        let mut grown = Self::default();
        for (out, (now, then)) in grown
            .counts
            .iter_mut()
            .zip(self.counts.iter().zip(&earlier.counts))
        {
            *out = now.checked_sub(*then)?;
        }
        Some(grown)
    }

    /// Measurements in all buckets.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts
            .iter()
            .fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// The value below which the share `q` (0–1) of the measurements lies; `None` without measurements.
    ///
    /// Linear inside the bucket, so it is off by at most the bucket's width, and exact at a bound. Above the
    /// last bound nothing is known but that: the last bound (120 s) is the answer, and a lower limit.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 || !(0.0..=1.0).contains(&q) {
            return None;
        }
        let rank = q * total as f64;
        let mut below = 0_u64;
        let mut lower = 0.0;
        let mut last = 0.0;
        for (count, upper) in self
            .counts
            .iter()
            .zip(BOUNDS.iter().copied().chain([f64::INFINITY]))
        {
            let through = below.saturating_add(*count);
            if *count > 0 {
                if upper.is_infinite() {
                    return Some(lower);
                }
                if through as f64 >= rank {
                    let share = ((rank - below as f64) / *count as f64).clamp(0.0, 1.0);
                    return Some(lower + (upper - lower) * share);
                }
                last = upper;
            }
            below = through;
            lower = upper;
        }
        // Reached only when rounding puts the rank above every count.
        Some(last)
    }

    /// The share of measurements above `bound`, linear inside the bucket that holds it; `None` without
    /// measurements.
    #[must_use]
    pub fn share_above(&self, bound: f64) -> Option<f64> {
        let total = self.total();
        if total == 0 {
            return None;
        }
        let mut above = 0.0;
        let mut lower = 0.0;
        for (count, upper) in self
            .counts
            .iter()
            .zip(BOUNDS.iter().copied().chain([f64::INFINITY]))
        {
            let count = *count as f64;
            if lower >= bound || upper.is_infinite() {
                above += count;
            } else if upper > bound {
                above += count * (upper - bound) / (upper - lower);
            }
            lower = upper;
        }
        Some((above / total as f64).clamp(0.0, 1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rstest::rstest;

    fn of(values: &[f64]) -> Histogram {
        let mut histogram = Histogram::default();
        for value in values {
            histogram.add(*value, 1);
        }
        histogram
    }

    #[rstest]
    #[case(&[], 0.99, None)]
    #[case(&[0.3], 1.0, Some(0.3))]
    #[case(&[0.3; 4], 0.5, Some(0.25))]
    #[case(&[0.0005; 100], 0.5, Some(0.0005))]
    #[case(&[500.0], 0.99, Some(120.0))]
    #[case(&[0.4, 0.4, 0.4, 7.0], 0.75, Some(0.4))]
    fn quantiles(#[case] values: &[f64], #[case] q: f64, #[case] expected: Option<f64>) {
        let got = of(values).quantile(q);
        match (got, expected) {
            (Some(got), Some(expected)) => assert!((got - expected).abs() < 1e-9, "{got} {expected}"),
            other => assert_eq!(other.0, other.1),
        }
    }

    #[rstest]
    #[case(&[], 0.5, None)]
    #[case(&[0.1, 0.6], 0.5, Some(0.5))]
    #[case(&[0.1, 0.5], 0.5, Some(0.0))]
    #[case(&[500.0, 0.1, 0.1, 0.1], 200.0, Some(0.25))]
    fn shares(#[case] values: &[f64], #[case] bound: f64, #[case] expected: Option<f64>) {
        assert_eq!(of(values).share_above(bound), expected);
    }

    #[rstest]
    #[case(&[], &[1])]
    #[case(&[1.0], &[1])]
    #[case(&[2.0, 1.0], &[1, 1, 1])]
    #[case(&[f64::NAN], &[1, 1])]
    fn malformed_buckets_are_refused(#[case] bounds: &[f64], #[case] counts: &[u64]) {
        assert_eq!(Histogram::from_buckets(bounds, counts), None);
    }

    #[test]
    fn foreign_bounds_never_flatter() {
        let foreign = Histogram::from_buckets(&[0.45, 2.5], &[98, 1, 1]).unwrap();
        assert_eq!(foreign.total(), 100);
        assert!(foreign.quantile(0.5).unwrap() > 0.4);
        assert_eq!(foreign.quantile(1.0), Some(120.0));
        assert_eq!(foreign.share_above(0.5), Some(0.02));
    }

    fn histogram() -> impl Strategy<Value = Histogram> {
        proptest::array::uniform::<_, BUCKETS>(0u64..1_000).prop_map(|counts| Histogram { counts })
    }

    proptest! {
        /// The estimate lies in the bucket that holds the true quantile.
        #[test]
        fn a_quantile_is_in_the_true_bucket(mut values in prop::collection::vec(0.0001f64..119.0, 1..200), q in 0.01f64..=1.0) {
            let estimate = of(&values).quantile(q).unwrap();
            values.sort_by(f64::total_cmp);
            let truth = values.iter().copied().enumerate()
                .find(|(index, _)| (index + 1) as f64 >= q * values.len() as f64)
                .map_or(values[values.len() - 1], |(_, value)| value);
            let bucket = BOUNDS.partition_point(|bound| *bound < truth);
            let lower = if bucket == 0 { 0.0 } else { BOUNDS[bucket - 1] };
            prop_assert!(estimate >= lower - 1e-9 && estimate <= BOUNDS[bucket] + 1e-9,
                "estimate {} truth {} bucket ({}, {}]", estimate, truth, lower, BOUNDS[bucket]);
        }

        #[test]
        fn quantiles_do_not_decrease(h in histogram(), a in 0.0f64..=1.0, b in 0.0f64..=1.0) {
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            prop_assert!(h.quantile(low) <= h.quantile(high));
        }

        #[test]
        fn merge_is_associative_and_commutative(a in histogram(), b in histogram(), c in histogram()) {
            let merged = |parts: &[&Histogram]| {
                let mut all = Histogram::default();
                for part in parts { all.merge(part); }
                all
            };
            prop_assert_eq!(merged(&[&merged(&[&a, &b]), &c]), merged(&[&a, &merged(&[&b, &c])]));
            prop_assert_eq!(merged(&[&a, &b]), merged(&[&b, &a]));
            prop_assert_eq!(merged(&[&a, &b]).since(&a), Some(b));
        }

        #[test]
        fn shares_agree_with_counting_at_a_bound(values in prop::collection::vec(0.0001f64..200.0, 1..100), at in 0..BOUNDS.len()) {
            let bound = BOUNDS[at];
            let above = values.iter().filter(|value| **value > bound).count() as f64;
            let share = of(&values).share_above(bound).unwrap();
            prop_assert!((share - above / values.len() as f64).abs() < 1e-9);
        }
    }
}
