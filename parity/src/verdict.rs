//! Whether a route may be switched: pass, fail, or not enough evidence yet.
//!
//! The test may be looked at after every pair without losing its error rates (it is anytime-valid);
//! it needs counts alone, so replicas add theirs up. `docs/evidence.md` states the assumptions,
//! gives the proof and tabulates how many pairs are needed.
//!
//! ```
//! use parity::{outcome::Outcome, verdict::{Policy, RouteTest, Verdict}};
//!
//! let policy = Policy::default();
//! let mut test = RouteTest::default();
//! for _ in 0..3_000 {
//!     test.observe(Outcome::Match);
//! }
//! let Verdict::Insufficient { need_more } = test.verdict(&policy) else { panic!() };
//! for _ in 0..need_more {
//!     test.observe(Outcome::Match);
//! }
//! assert_eq!(test.verdict(&policy), Verdict::Pass);
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::{Deserialize, Serialize};

use crate::outcome::Outcome;

mod evidence;
mod policy;
pub mod simulation;

pub use evidence::Tally;
pub use policy::{Basis, NotARate, Policy, Rate};

use evidence::{BISECTIONS, Hypothesis, Mixture, ln_evidence_against};

/// Everything the test remembers of one route: counts.
///
/// Keep one per route and per pair of builds: a new build of either side is a new question.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RouteTest {
    /// Reference against candidate.
    pub candidate: Tally,
    /// Reference against itself.
    pub reference: Tally,
    pub not_comparable: u64,
    /// Requests the candidate was asked and did not answer: timed out or broken off.
    pub unanswered: u64,
}

impl RouteTest {
    /// Adds one pair of reference and candidate.
    pub fn observe(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Match | Outcome::Tolerated => self.candidate.clean += 1,
            Outcome::Diverged => self.candidate.diverged += 1,
            Outcome::NotComparable => self.not_comparable += 1,
        }
    }

    /// Adds one pair of the reference with itself. Pairs that are not comparable say nothing
    /// about noise and are left out.
    pub fn observe_reference(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Match | Outcome::Tolerated => self.reference.clean += 1,
            Outcome::Diverged => self.reference.diverged += 1,
            Outcome::NotComparable => {}
        }
    }

    /// Adds a request that the candidate was asked but did not answer.
    pub fn observe_unanswered(&mut self) {
        self.unanswered += 1;
    }

    /// Adds another replica's counts. The verdict on the sum is the verdict one replica would
    /// have reached on all the pairs, and has the same error rates, as long as no replica's
    /// counts are left out because of what they say.
    pub fn merge(&mut self, other: &Self) {
        self.candidate.add(other.candidate);
        self.reference.add(other.reference);
        self.not_comparable += other.not_comparable;
        self.unanswered += other.unanswered;
    }

    /// The verdict now. Later pairs may change it: the error rates bound the chance that it is
    /// *ever* wrong, so it need not be latched.
    pub fn verdict(&self, policy: &Policy) -> Verdict {
        if self.diverges_beyond_margin(policy) {
            return Verdict::Fail {
                reason: FailReason::Diverged,
            };
        }
        if self.left_out_beyond_limit(policy) {
            return Verdict::Fail {
                reason: FailReason::NotComparable,
            };
        }
        match self.clean_pairs_needed(policy) {
            0 => Verdict::Pass,
            need_more => Verdict::Insufficient { need_more },
        }
    }

    /// The verdict with the figures it rests on.
    pub fn judge(&self, route: impl Into<String>, policy: &Policy) -> RouteVerdict {
        RouteVerdict {
            route: route.into(),
            verdict: self.verdict(policy),
            counts: *self,
            excess: self.excess(policy),
            evidence: self.evidence(policy),
        }
    }

    /// How strongly the pairs speak for passing and for failing.
    pub fn evidence(&self, policy: &Policy) -> Evidence {
        let margin = policy.margin.get();
        Evidence {
            ln_pass: self.ln_evidence(Hypothesis::AtLeast, margin, policy),
            ln_fail: self.ln_evidence(Hypothesis::AtMost, margin, policy),
        }
    }

    /// Share of the asked pairs that are not comparable or unanswered; zero before any.
    pub fn share_left_out(&self) -> f64 {
        let left_out = self.not_comparable + self.unanswered;
        match left_out + self.candidate.total() {
            0 => 0.0,
            asked => left_out as f64 / asked as f64,
        }
    }

    /// Noise as the policy sees it: measured, or none.
    fn noise(&self, policy: &Policy) -> Option<Tally> {
        match policy.basis {
            Basis::Replay | Basis::Live => None,
            Basis::LiveOverNoise => Some(self.reference),
        }
    }

    fn ln_evidence(&self, hypothesis: Hypothesis, excess: f64, policy: &Policy) -> f64 {
        let mixture = Mixture::around(policy.margin.get());
        ln_evidence_against(
            hypothesis,
            excess,
            self.candidate,
            self.noise(policy),
            &mixture,
        )
    }

    fn diverges_beyond_margin(&self, policy: &Policy) -> bool {
        match policy.basis {
            Basis::Replay => self.candidate.diverged > 0,
            Basis::Live | Basis::LiveOverNoise => {
                self.evidence(policy).ln_fail >= policy.ln_fail_threshold()
            }
        }
    }

    /// In a replay the share is a fact; on live traffic the limit must be exceeded beyond doubt.
    fn left_out_beyond_limit(&self, policy: &Policy) -> bool {
        let limit = policy.max_not_comparable.get();
        if self.share_left_out() <= limit {
            return false;
        }
        policy.basis == Basis::Replay || {
            let asked = Tally {
                clean: self.candidate.total(),
                diverged: self.not_comparable + self.unanswered,
            };
            ln_evidence_against(
                Hypothesis::AtMost,
                limit,
                asked,
                None,
                &Mixture::around(limit),
            ) >= policy.ln_fail_threshold()
        }
    }

    /// Clean pairs still missing before the route passes, if no further pair diverges and none is
    /// left out.
    fn clean_pairs_needed(&self, policy: &Policy) -> u64 {
        let passes_with = |more: u64| {
            let mut later = *self;
            later.candidate.clean += more;
            later.share_left_out() <= policy.max_not_comparable.get()
                && later.ln_evidence(Hypothesis::AtLeast, policy.margin.get(), policy)
                    >= policy.ln_pass_threshold()
        };
        if passes_with(0) {
            return 0;
        }
        let (mut too_few, mut enough) = (0_u64, 1_u64);
        while !passes_with(enough) {
            if enough > u64::MAX / 4 {
                return u64::MAX;
            }
            (too_few, enough) = (enough, enough * 2);
        }
        while enough - too_few > 1 {
            let middle = u64::midpoint(too_few, enough);
            if passes_with(middle) {
                enough = middle
            } else {
                too_few = middle
            }
        }
        enough
    }

    /// Bounds on the excess divergence rate: what is left after removing every excess the
    /// evidence speaks against. They hold for all routes and at all times together.
    fn excess(&self, policy: &Policy) -> Excess {
        let noise = self.noise(policy);
        let estimate = self.candidate.rate().and_then(|rate| match noise {
            None => Some(rate),
            Some(noise) => noise.rate().map(|noise| rate - noise),
        });
        let lowest = if noise.is_some() { -1.0 } else { 0.0 };
        let bound = |hypothesis, threshold: f64| {
            let (mut low, mut high) = (lowest, 1.0);
            for _ in 0..BISECTIONS {
                let middle = f64::midpoint(low, high);
                let refuted = self.ln_evidence(hypothesis, middle, policy) >= threshold;
                let beyond = match hypothesis {
                    Hypothesis::AtLeast => !refuted,
                    Hypothesis::AtMost => refuted,
                };
                if beyond { low = middle } else { high = middle }
            }
            (low, high)
        };
        Excess {
            estimate,
            lower: bound(Hypothesis::AtMost, policy.ln_fail_threshold()).0,
            upper: bound(Hypothesis::AtLeast, policy.ln_pass_threshold()).1,
        }
    }
}

/// What is known of one route.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// The excess divergence rate is below the margin.
    Pass,
    Fail {
        reason: FailReason,
    },
    /// Neither is shown yet.
    Insufficient {
        /// Clean pairs after which the route passes, if none diverges before.
        need_more: u64,
    },
}

/// Why a route fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailReason {
    /// The excess divergence rate is above the margin; in a replay, a pair diverged.
    Diverged,
    /// Too many pairs were not comparable or unanswered for the rest to mean anything.
    NotComparable,
}

impl Verdict {
    /// Exit code of a run that ends with this verdict: 0 pass, 1 diverged, 2 insufficient,
    /// 3 not comparable.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Pass => 0,
            Self::Fail {
                reason: FailReason::Diverged,
            } => 1,
            Self::Insufficient { .. } => 2,
            Self::Fail {
                reason: FailReason::NotComparable,
            } => 3,
        }
    }
}

/// Natural logarithms of the evidence; compare them with the policy's thresholds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// Against an excess of the margin or more.
    pub ln_pass: f64,
    /// Against an excess of the margin or less.
    pub ln_fail: f64,
}

/// Excess divergence rate of the candidate over the reference's own noise.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Excess {
    /// Observed rate minus observed noise; absent until both were observed.
    pub estimate: Option<f64>,
    /// Below this with probability at most `beta`, over all routes and all times.
    pub lower: f64,
    /// Above this with probability at most `alpha`, over all routes and all times.
    pub upper: f64,
}

/// Verdict on one route and the figures it rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteVerdict {
    pub route: String,
    #[serde(flatten)]
    pub verdict: Verdict,
    pub counts: RouteTest,
    pub excess: Excess,
    pub evidence: Evidence,
}

/// Judges routes together. Give every declared route a test, also one that saw nothing: it is
/// insufficient, not absent. Where there are more tests than `policy.routes`, the error rates are
/// shared among that many.
pub fn judge(policy: &Policy, tests: &BTreeMap<String, RouteTest>) -> Vec<RouteVerdict> {
    let given = u32::try_from(tests.len()).unwrap_or(u32::MAX);
    let routes = NonZeroU32::new(given).map_or(policy.routes, |given| given.max(policy.routes));
    let policy = Policy { routes, ..*policy };
    tests
        .iter()
        .map(|(route, test)| test.judge(route, &policy))
        .collect()
}

/// One verdict over all routes: a failed one decides (divergence before not comparable), then an
/// insufficient one; passes only when every route does. Nothing judged is insufficient.
pub fn overall(routes: &[RouteVerdict]) -> Verdict {
    routes
        .iter()
        .map(|route| route.verdict)
        .max_by_key(|verdict| match verdict {
            Verdict::Pass => (0, 0),
            Verdict::Insufficient { need_more } => (1, *need_more),
            Verdict::Fail {
                reason: FailReason::NotComparable,
            } => (2, 0),
            Verdict::Fail {
                reason: FailReason::Diverged,
            } => (3, 0),
        })
        .unwrap_or(Verdict::Insufficient { need_more: 1 })
}

#[cfg(test)]
mod tests;
