//! What counts as safe, and how often the verdict may be wrong.

use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

/// A probability strictly between 0 and 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Rate(f64);

/// A number that is no [`Rate`].
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
#[error("{0} is not a rate: give a number strictly between 0 and 1, for example 0.001 for 0.1 %")]
pub struct NotARate(pub f64);

impl Rate {
    /// The rate as a number.
    pub const fn get(self) -> f64 {
        self.0
    }

    /// For the constants of this crate; a wrong one stops the build.
    const fn of(value: f64) -> Self {
        assert!(value > 0.0 && value < 1.0);
        Self(value)
    }
}

impl TryFrom<f64> for Rate {
    type Error = NotARate;

    fn try_from(value: f64) -> Result<Self, NotARate> {
        if value > 0.0 && value < 1.0 {
            Ok(Self(value))
        } else {
            Err(NotARate(value))
        }
    }
}

impl From<Rate> for f64 {
    fn from(rate: Rate) -> f64 {
        rate.0
    }
}

impl std::str::FromStr for Rate {
    type Err = NotARate;

    /// Reads `0.001` as well as `0.1%`.
    fn from_str(text: &str) -> Result<Self, NotARate> {
        let text = text.trim();
        let number = |digits: &str| digits.trim().parse::<f64>().unwrap_or(f64::NAN);
        let value = text
            .strip_suffix('%')
            .map_or_else(|| number(text), |percent| number(percent) / 100.0);
        Self::try_from(value)
    }
}

/// Where the pairs come from, which decides what a divergence proves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// A recorded corpus, replayed with clock and state held fixed. Nothing is random, so a
    /// divergence is a fact: one is enough to fail. Without any, the size of the corpus decides
    /// between pass and insufficient, as if the corpus had been drawn from the traffic.
    Replay,
    /// Live traffic. Whatever the reference's noise does is already covered by rules, so every
    /// remaining divergence counts against the candidate.
    #[default]
    Live,
    /// Live traffic, with the rules' remaining noise measured by comparing the reference with
    /// itself. Only divergence in excess of that noise counts. Cannot fail a route before pairs
    /// of the reference with itself were seen on it.
    LiveOverNoise,
}

/// The question a verdict answers. Fix it before the first pair is seen: choosing it afterwards
/// voids the error rates.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Excess divergence rate up to which a route counts as equal.
    pub margin: Rate,
    /// Probability that any route whose excess is at or above the margin ever passes.
    pub alpha: Rate,
    /// Probability that any route whose excess is at or below the margin ever fails.
    pub beta: Rate,
    /// Share of pairs that may be not comparable or unanswered.
    pub max_not_comparable: Rate,
    /// Number of routes that are judged together; `alpha` and `beta` are shared among them.
    pub routes: NonZeroU32,
    pub basis: Basis,
}

impl Default for Policy {
    /// 0.1 % margin, 5 % false pass, 5 % false fail, 5 % not comparable, the fifteen routes of
    /// the service, live traffic.
    fn default() -> Self {
        const FIFTEEN: NonZeroU32 = NonZeroU32::new(15).expect("15 is not zero");
        Self {
            margin: Rate::of(0.001),
            alpha: Rate::of(0.05),
            beta: Rate::of(0.05),
            max_not_comparable: Rate::of(0.05),
            routes: FIFTEEN,
            basis: Basis::default(),
        }
    }
}

impl Policy {
    /// Natural logarithm of the evidence a route needs to pass: `ln(routes / alpha)`.
    pub fn ln_pass_threshold(&self) -> f64 {
        (f64::from(self.routes.get()) / self.alpha.get()).ln()
    }

    /// Natural logarithm of the evidence a route needs to fail: `ln(routes / beta)`.
    pub fn ln_fail_threshold(&self) -> f64 {
        (f64::from(self.routes.get()) / self.beta.get()).ln()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_read_as_number_or_percent_and_refused_outside_zero_and_one() {
        let rate: Rate = "0.1%".parse().unwrap();
        assert!((rate.get() - 0.001).abs() < 1e-15);
        assert_eq!("0.25".parse::<Rate>().unwrap().get(), 0.25);
        for text in ["0", "1", "100%", "-0.1", "NaN", "inf", "", "one"] {
            assert!(text.parse::<Rate>().is_err(), "{text:?} was accepted");
        }
        assert!(serde_json::from_str::<Policy>(r#"{"margin": 0}"#).is_err());
    }

    #[test]
    fn a_policy_survives_being_written_and_read() {
        let policy = Policy {
            basis: Basis::LiveOverNoise,
            ..Policy::default()
        };
        let text = serde_json::to_string(&policy).unwrap();
        assert_eq!(serde_json::from_str::<Policy>(&text).unwrap(), policy);
    }
}
