//! Evidence that stays valid while it is watched: a mixture likelihood over the best likelihood
//! the hypothesis can offer. `docs/evidence.md` has the proof and its limits.

use serde::{Deserialize, Serialize};

/// Pairs of one kind on one route.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Pairs that matched or differed only as a rule or ledger entry allows.
    pub clean: u64,
    pub diverged: u64,
}

impl Tally {
    /// All pairs.
    pub fn total(self) -> u64 {
        self.clean + self.diverged
    }

    /// Share that diverged; absent before the first pair.
    pub fn rate(self) -> Option<f64> {
        (self.total() > 0).then(|| self.diverged as f64 / self.total() as f64)
    }

    pub(super) fn add(&mut self, other: Self) {
        self.clean += other.clean;
        self.diverged += other.diverged;
    }

    /// Logarithm of the likelihood of this very sequence when each pair diverges with `rate`.
    fn ln_likelihood(self, rate: f64) -> f64 {
        let diverged = self.diverged as f64;
        let clean = self.clean as f64;
        let ln_diverged = if diverged == 0.0 {
            0.0
        } else {
            diverged * rate.ln()
        };
        let ln_clean = if clean == 0.0 {
            0.0
        } else {
            clean * (-rate).ln_1p()
        };
        ln_diverged + ln_clean
    }

    /// Rate with the greatest likelihood within `lowest..=highest`.
    fn best_rate(self, lowest: f64, highest: f64, when_empty: f64) -> f64 {
        self.rate().unwrap_or(when_empty).clamp(lowest, highest)
    }
}

/// A claim about the excess divergence rate that evidence can speak against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Hypothesis {
    /// The excess is at least this large. Evidence against it lets a route pass.
    AtLeast,
    /// The excess is at most this large. Evidence against it fails a route.
    AtMost,
}

/// What the alternative believes of a rate before any pair is seen: half on exactly zero, a
/// quarter spread over rates below the margin, a quarter over all rates (Jeffreys). Any choice
/// keeps the error rates; this one needs few pairs where ports usually are: no divergence at all,
/// a rare one, or a plain mistake.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mixture {
    below_margin: Beta,
    anywhere: Beta,
}

impl Mixture {
    /// The part below the margin has its mean at a third of it.
    pub(super) fn around(margin: f64) -> Self {
        Self {
            below_margin: Beta::new(1.0, 3.0 / margin),
            anywhere: Beta::new(0.5, 0.5),
        }
    }

    /// Logarithm of the likelihood of the sequence, averaged over the mixture.
    fn ln_likelihood(&self, tally: Tally) -> f64 {
        const LN_HALF: f64 = -std::f64::consts::LN_2;
        let zero = if tally.diverged == 0 {
            LN_HALF
        } else {
            f64::NEG_INFINITY
        };
        let below = 2.0 * LN_HALF + self.below_margin.ln_likelihood(tally);
        let anywhere = 2.0 * LN_HALF + self.anywhere.ln_likelihood(tally);
        let largest = zero.max(below).max(anywhere);
        let parts = [zero, below, anywhere];
        largest
            + parts
                .iter()
                .map(|part| (part - largest).exp())
                .sum::<f64>()
                .ln()
    }
}

/// A Beta distribution of a rate.
#[derive(Debug, Clone, Copy)]
struct Beta {
    a: f64,
    b: f64,
    ln_beta: f64,
}

impl Beta {
    fn new(a: f64, b: f64) -> Self {
        Self {
            a,
            b,
            ln_beta: ln_beta(a, b),
        }
    }

    /// Logarithm of the sequence's likelihood averaged over the distribution.
    fn ln_likelihood(&self, tally: Tally) -> f64 {
        ln_beta(self.a + tally.diverged as f64, self.b + tally.clean as f64) - self.ln_beta
    }
}

/// Halvings of an interval within 0..=1: enough to use up a double's digits.
pub(super) const BISECTIONS: u32 = 60;

/// Logarithm of the evidence against `hypothesis` about an excess of `excess`.
///
/// `noise` holds the pairs of the reference with itself; without it the reference's own rate is
/// taken as zero. An e-value: its expectation is at most 1 at any stopping time while the
/// hypothesis is true.
pub(super) fn ln_evidence_against(
    hypothesis: Hypothesis,
    excess: f64,
    candidate: Tally,
    noise: Option<Tally>,
    mixture: &Mixture,
) -> f64 {
    let alternative =
        mixture.ln_likelihood(candidate) + noise.map_or(0.0, |noise| mixture.ln_likelihood(noise));
    alternative - ln_best_likelihood(hypothesis, excess, candidate, noise)
}

/// Logarithm of the greatest likelihood any rates offer that agree with the hypothesis.
fn ln_best_likelihood(
    hypothesis: Hypothesis,
    excess: f64,
    candidate: Tally,
    noise: Option<Tally>,
) -> f64 {
    let Some(noise) = noise else {
        let (lowest, highest) = match hypothesis {
            Hypothesis::AtLeast => (excess.clamp(0.0, 1.0), 1.0),
            Hypothesis::AtMost => (0.0, excess.clamp(0.0, 1.0)),
        };
        return candidate.ln_likelihood(candidate.best_rate(lowest, highest, lowest));
    };
    let (free_candidate, free_noise, agrees): (_, _, fn(f64, f64) -> bool) = match hypothesis {
        Hypothesis::AtLeast => (1.0, 0.0, |difference, excess| difference >= excess),
        Hypothesis::AtMost => (0.0, 1.0, |difference, excess| difference <= excess),
    };
    let candidate_rate = candidate.best_rate(0.0, 1.0, free_candidate);
    let noise_rate = noise.best_rate(0.0, 1.0, free_noise);
    if agrees(candidate_rate - noise_rate, excess) {
        candidate.ln_likelihood(candidate_rate) + noise.ln_likelihood(noise_rate)
    } else {
        ln_best_likelihood_at(excess, candidate, noise)
    }
}

/// Greatest likelihood with the candidate's rate exactly `excess` above the noise. The logarithm
/// is concave in the noise rate, so its slope is bisected.
fn ln_best_likelihood_at(excess: f64, candidate: Tally, noise: Tally) -> f64 {
    let (mut low, mut high) = ((-excess).max(0.0), (1.0 - excess).min(1.0));
    let slope = |rate: f64| {
        x_over_y(candidate.diverged as f64, rate + excess)
            - x_over_y(candidate.clean as f64, 1.0 - rate - excess)
            + x_over_y(noise.diverged as f64, rate)
            - x_over_y(noise.clean as f64, 1.0 - rate)
    };
    let at = |rate: f64| {
        candidate.ln_likelihood((rate + excess).clamp(0.0, 1.0)) + noise.ln_likelihood(rate)
    };
    let ends = at(low).max(at(high));
    for _ in 0..BISECTIONS {
        let middle = f64::midpoint(low, high);
        if slope(middle) > 0.0 {
            low = middle
        } else {
            high = middle
        }
    }
    ends.max(at(f64::midpoint(low, high)))
}

/// `x / y`, zero when `x` is.
fn x_over_y(x: f64, y: f64) -> f64 {
    if x == 0.0 { 0.0 } else { x / y }
}

fn ln_beta(a: f64, b: f64) -> f64 {
    libm::lgamma(a) + libm::lgamma(b) - libm::lgamma(a + b)
}
