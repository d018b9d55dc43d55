//! Quantiles of latencies with confidence intervals.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde::Serialize;

/// Latencies with three significant digits, from a microsecond to an hour.
#[derive(Debug, Clone)]
pub struct Samples(Histogram<u64>);

/// A quantile and the 95 % confidence interval of it, in milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Quantile {
    pub ms: f64,
    /// Absent when there are too few samples for this quantile.
    pub low_ms: Option<f64>,
    pub high_ms: Option<f64>,
}

const LONGEST_MICROSECONDS: u64 = 3_600_000_000;

impl Samples {
    pub fn new() -> Self {
        Self(
            Histogram::new_with_bounds(1, LONGEST_MICROSECONDS, 3)
                .expect("the bounds are constants that a histogram takes"),
        )
    }

    pub fn record(&mut self, latency: Duration) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        self.0.saturating_record(microseconds);
    }

    pub fn merge(&mut self, other: &Self) {
        self.0
            .add(&other.0)
            .expect("both histograms have the same bounds");
    }

    pub fn count(&self) -> u64 {
        self.0.len()
    }

    pub fn max_ms(&self) -> f64 {
        self.0.max() as f64 / 1_000.0
    }

    /// The quantile, with the order statistics that enclose it with 95 % probability whatever the
    /// distribution (binomial ranks, normal approximation). Assumes independent samples: under a
    /// queue they are not, and the interval is then too narrow.
    pub fn quantile(&self, quantile: f64) -> Quantile {
        const Z: f64 = 1.96;
        let n = self.count() as f64;
        let at = |rank: f64| {
            (1.0..=n)
                .contains(&rank)
                .then(|| self.0.value_at_quantile(rank / n) as f64 / 1_000.0)
        };
        let spread = Z * (n * quantile * (1.0 - quantile)).sqrt();
        Quantile {
            ms: self.0.value_at_quantile(quantile) as f64 / 1_000.0,
            low_ms: at((n * quantile - spread).floor()),
            high_ms: at((n * quantile + spread).ceil() + 1.0),
        }
    }
}

impl Default for Samples {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};

    use super::*;

    fn uniform(count: u32, random: &mut StdRng) -> Samples {
        let mut samples = Samples::new();
        for _ in 0..count {
            samples.record(Duration::from_micros(random.random_range(0..100_000)));
        }
        samples
    }

    #[test]
    fn the_interval_holds_the_true_quantile_as_often_as_stated() {
        let mut random = StdRng::seed_from_u64(5);
        for (quantile, truth) in [(0.5, 50.0), (0.95, 95.0), (0.99, 99.0)] {
            let held = (0..400)
                .filter(|_| {
                    let found = uniform(2_000, &mut random).quantile(quantile);
                    let (Some(low), Some(high)) = (found.low_ms, found.high_ms) else {
                        panic!("2,000 samples are enough")
                    };
                    // A histogram of three digits rounds up by up to 0.1 %.
                    low * 0.999 <= truth && truth <= high * 1.001
                })
                .count();
            assert!(held >= 370, "{held} of 400 for {quantile}");
        }
    }

    #[test]
    fn too_few_samples_have_no_upper_bound() {
        let mut random = StdRng::seed_from_u64(5);
        let found = uniform(50, &mut random).quantile(0.99);
        assert_eq!(found.high_ms, None);
    }
}
