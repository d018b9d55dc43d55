//! Seeded simulation of the verdict under peeking: how often it is wrong, how soon it is reached.
//!
//! `cargo run -p parity --release --example verdict_simulation` prints the tables of
//! `docs/evidence.md`; the tests of this module run a smaller version.

use rand::{RngExt, SeedableRng, rngs::StdRng};

use super::{Basis, Evidence, Policy, RouteTest};

/// One truth, simulated many times with a look at the verdict after every single pair.
#[derive(Debug, Clone, Copy)]
pub struct Trial {
    pub policy: Policy,
    /// Divergence rate of the candidate.
    pub candidate_rate: f64,
    /// Noise of the reference; drawn once per candidate pair, only under [`Basis::LiveOverNoise`].
    pub reference_rate: f64,
    /// Pairs per run; a run goes on after a decision, to see whether the other one follows.
    pub pairs: u64,
    pub runs: u32,
    pub seed: u64,
}

/// What became of the runs of a [`Trial`].
#[derive(Debug, Clone, PartialEq)]
pub struct Decisions {
    pub runs: u32,
    /// Pairs at which each run that ever passed first did, in ascending order.
    pub passed_at: Vec<u64>,
    /// Pairs at which each run that ever failed first did, in ascending order.
    pub failed_at: Vec<u64>,
    /// Runs in which a fixed-sample test, repeated at every look, would ever have passed.
    pub passed_by_fixed_sample_test: u32,
}

impl Decisions {
    /// Share of the runs that ever passed.
    pub fn pass_rate(&self) -> f64 {
        self.passed_at.len() as f64 / f64::from(self.runs)
    }

    /// Share of the runs that ever failed.
    pub fn fail_rate(&self) -> f64 {
        self.failed_at.len() as f64 / f64::from(self.runs)
    }

    /// Share of the runs that a repeated fixed-sample test would ever have passed.
    pub fn fixed_sample_pass_rate(&self) -> f64 {
        f64::from(self.passed_by_fixed_sample_test) / f64::from(self.runs)
    }

    /// Pairs within which the given share of all runs passed; absent when fewer did.
    pub fn pairs_to_pass(&self, share: f64) -> Option<u64> {
        self.passed_at
            .get((share * f64::from(self.runs)) as usize)
            .copied()
    }

    /// Pairs within which the given share of all runs failed; absent when fewer did.
    pub fn pairs_to_fail(&self, share: f64) -> Option<u64> {
        self.failed_at
            .get((share * f64::from(self.runs)) as usize)
            .copied()
    }
}

impl Trial {
    /// Runs the trial; the same seed gives the same decisions.
    pub fn run(&self) -> Decisions {
        let mut random = StdRng::seed_from_u64(self.seed);
        let mut decisions = Decisions {
            runs: self.runs,
            passed_at: Vec::new(),
            failed_at: Vec::new(),
            passed_by_fixed_sample_test: 0,
        };
        for _ in 0..self.runs {
            let run = match self.policy.basis {
                Basis::LiveOverNoise => self.run_pair_by_pair(&mut random),
                Basis::Live | Basis::Replay => self.run_gap_by_gap(&mut random),
            };
            decisions.passed_at.extend(run.passed_at);
            decisions.failed_at.extend(run.failed_at);
            decisions.passed_by_fixed_sample_test += u32::from(run.passed_by_fixed_sample_test);
        }
        decisions.passed_at.sort_unstable();
        decisions.failed_at.sort_unstable();
        decisions
    }

    /// Looks after every pair, literally.
    fn run_pair_by_pair(&self, random: &mut StdRng) -> Run<'_> {
        let mut run = Run::new(&self.policy);
        let mut test = RouteTest::default();
        for _ in 0..self.pairs {
            if self.policy.basis == Basis::LiveOverNoise {
                let diverged = random.random_bool(self.reference_rate);
                test.reference.diverged += u64::from(diverged);
                test.reference.clean += u64::from(!diverged);
                run.look(&test);
            }
            let diverged = random.random_bool(self.candidate_rate);
            test.candidate.diverged += u64::from(diverged);
            test.candidate.clean += u64::from(!diverged);
            run.look(&test);
        }
        run
    }

    /// Draws the clean stretches between divergences and looks where a look can matter.
    ///
    /// Along a clean stretch the logarithm of the evidence is convex in the number of pairs, and
    /// at most zero where the observed rate equals the margin. So evidence to fail is greatest
    /// right after a divergence, and evidence to pass rises through its threshold at most once.
    fn run_gap_by_gap(&self, random: &mut StdRng) -> Run<'_> {
        let mut run = Run::new(&self.policy);
        let mut test = RouteTest::default();
        let mut left = self.pairs;
        while left > 0 {
            let stretch = clean_stretch(self.candidate_rate, random).min(left);
            run.look_along(&test, stretch);
            test.candidate.clean += stretch;
            left -= stretch;
            if left > 0 {
                left -= 1;
                test.candidate.diverged += 1;
                run.look(&test);
            }
        }
        run
    }
}

/// One run of a trial.
struct Run<'a> {
    policy: &'a Policy,
    passed_at: Option<u64>,
    failed_at: Option<u64>,
    passed_by_fixed_sample_test: bool,
}

impl<'a> Run<'a> {
    fn new(policy: &'a Policy) -> Self {
        Self {
            policy,
            passed_at: None,
            failed_at: None,
            passed_by_fixed_sample_test: false,
        }
    }

    fn look(&mut self, test: &RouteTest) {
        let pairs = test.candidate.total();
        let Evidence { ln_pass, ln_fail } = test.evidence(self.policy);
        if ln_pass >= self.policy.ln_pass_threshold() {
            self.passed_at.get_or_insert(pairs);
        }
        if ln_fail >= self.policy.ln_fail_threshold() {
            self.failed_at.get_or_insert(pairs);
        }
        self.passed_by_fixed_sample_test =
            self.passed_by_fixed_sample_test || passes_fixed_sample_test(self.policy, test);
    }

    fn look_along(&mut self, start: &RouteTest, stretch: u64) {
        let undecided_before = self.passed_at.is_none();
        let after = |clean: u64| {
            let mut test = *start;
            test.candidate.clean += clean;
            test
        };
        self.look(&after(stretch));
        if undecided_before && self.passed_at.is_some() {
            let passes = |clean| {
                after(clean).evidence(self.policy).ln_pass >= self.policy.ln_pass_threshold()
            };
            let (mut low, mut high) = (0, stretch);
            while low < high {
                let middle = u64::midpoint(low, high);
                if passes(middle) {
                    high = middle
                } else {
                    low = middle + 1
                }
            }
            self.passed_at = Some(start.candidate.total() + low);
        }
    }
}

/// The usual mistake, for contrast: the exact binomial test, valid for one look at a sample size
/// fixed beforehand. Without a divergence it is the rule of three.
fn passes_fixed_sample_test(policy: &Policy, test: &RouteTest) -> bool {
    let level = policy.alpha.get() / f64::from(policy.routes.get());
    let (pairs, diverged) = (test.candidate.total(), test.candidate.diverged);
    (diverged as f64) < policy.margin.get() * pairs as f64
        && ln_binomial_at_most(diverged, pairs, policy.margin.get()) <= level.ln()
}

/// Pairs a single look at a fixed sample needs to pass with this many divergences among them.
/// With none and 5 % it is the rule of three: about 3 over the margin.
pub fn fixed_sample_size(policy: &Policy, diverged: u64) -> u64 {
    let level = policy.alpha.get() / f64::from(policy.routes.get());
    let margin = policy.margin.get();
    let passes = |pairs| ln_binomial_at_most(diverged, pairs, margin) <= level.ln();
    let (mut low, mut high) = (diverged, diverged + 1);
    while !passes(high) {
        high *= 2;
    }
    while low < high {
        let middle = u64::midpoint(low, high);
        if passes(middle) {
            high = middle
        } else {
            low = middle + 1
        }
    }
    low
}

/// Pairs the verdict needs to pass with this many divergences among them, looked at throughout.
/// Absent when it does not pass on any number.
pub fn sample_size(policy: &Policy, diverged: u64) -> Option<u64> {
    let mut test = RouteTest::default();
    test.candidate.diverged = diverged;
    let clean = test.clean_pairs_needed(policy);
    (clean < u64::MAX).then(|| diverged + clean)
}

/// Logarithm of the probability of at most `most` divergences among `pairs` at `rate`.
fn ln_binomial_at_most(most: u64, pairs: u64, rate: f64) -> f64 {
    let odds = (rate / (1.0 - rate)).ln();
    let mut term = pairs as f64 * (-rate).ln_1p();
    let mut sum = term;
    for diverged in 1..=most.min(pairs) {
        term += ((pairs - diverged + 1) as f64 / diverged as f64).ln() + odds;
        let (small, large) = if term < sum { (term, sum) } else { (sum, term) };
        sum = large + (small - large).exp().ln_1p();
    }
    sum
}

/// Clean pairs before the next divergence: geometric.
fn clean_stretch(rate: f64, random: &mut StdRng) -> u64 {
    if rate <= 0.0 {
        return u64::MAX;
    }
    let uniform: f64 = 1.0 - random.random::<f64>();
    (uniform.ln() / (-rate).ln_1p()) as u64
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;
    use crate::verdict::Rate;

    fn policy(margin: f64, basis: Basis) -> Policy {
        Policy {
            margin: Rate::try_from(margin).unwrap(),
            routes: NonZeroU32::MIN,
            basis,
            ..Policy::default()
        }
    }

    fn trial(policy: Policy, candidate_rate: f64) -> Trial {
        Trial {
            policy,
            candidate_rate,
            reference_rate: 0.0,
            pairs: 4_000,
            runs: 600,
            seed: 7,
        }
    }

    #[test]
    fn peeking_passes_no_more_routes_at_the_margin_than_stated() {
        let policy = policy(0.01, Basis::Live);
        for rate in [0.01, 0.012, 0.02] {
            let decisions = trial(policy, rate).run();
            assert!(
                decisions.pass_rate() <= policy.alpha.get(),
                "{rate}: {}",
                decisions.pass_rate()
            );
        }
    }

    #[test]
    fn peeking_fails_no_more_routes_at_the_margin_than_stated() {
        let policy = policy(0.01, Basis::Live);
        for rate in [0.0, 0.005, 0.01] {
            let decisions = trial(policy, rate).run();
            assert!(
                decisions.fail_rate() <= policy.beta.get(),
                "{rate}: {}",
                decisions.fail_rate()
            );
        }
    }

    #[test]
    fn peeking_at_a_fixed_sample_test_breaks_its_promise_so_the_simulation_can_tell() {
        let policy = policy(0.01, Basis::Live);
        let decisions = trial(policy, 0.01).run();
        assert!(decisions.fixed_sample_pass_rate() > 2.0 * policy.alpha.get());
    }

    #[test]
    fn measured_noise_keeps_the_error_rates() {
        let policy = policy(0.05, Basis::LiveOverNoise);
        for noise in [0.0, 0.02, 0.3] {
            let at_margin = Trial {
                reference_rate: noise,
                pairs: 300,
                runs: 200,
                ..trial(policy, noise + 0.05)
            };
            let decisions = at_margin.run();
            assert!(
                decisions.pass_rate() <= policy.alpha.get(),
                "{noise}: {decisions:?}"
            );
            assert!(
                decisions.fail_rate() <= policy.beta.get(),
                "{noise}: {decisions:?}"
            );
        }
    }

    #[test]
    fn decides_rightly_away_from_the_margin() {
        let policy = policy(0.01, Basis::Live);
        assert_eq!(trial(policy, 0.0).run().pass_rate(), 1.0);
        assert_eq!(trial(policy, 0.1).run().fail_rate(), 1.0);
    }

    #[test]
    fn looking_at_gaps_sees_what_looking_at_every_pair_sees() {
        let policy = policy(0.02, Basis::Live);
        for (rate, seed) in [(0.0, 1), (0.005, 2), (0.01, 3), (0.02, 4), (0.05, 5)] {
            for run in 0..40 {
                let trial = Trial {
                    seed: seed * 1_000 + run,
                    pairs: 1_500,
                    ..trial(policy, rate)
                };
                let mut random = StdRng::seed_from_u64(trial.seed);
                let mut gaps = Vec::new();
                let mut seen = 0;
                while seen < trial.pairs {
                    let gap = clean_stretch(rate, &mut random).min(trial.pairs);
                    seen += gap + 1;
                    gaps.push(gap);
                }
                let by_gap = trial.run_gap_by_gap(&mut StdRng::seed_from_u64(trial.seed));
                let mut by_pair = Run::new(&policy);
                let mut test = RouteTest::default();
                let outcomes = gaps
                    .iter()
                    .flat_map(|gap| std::iter::repeat_n(false, *gap as usize).chain([true]));
                for diverged in outcomes.take(trial.pairs as usize) {
                    test.candidate.diverged += u64::from(diverged);
                    test.candidate.clean += u64::from(!diverged);
                    by_pair.look(&test);
                }
                assert_eq!(
                    by_gap.passed_at, by_pair.passed_at,
                    "rate {rate}, run {run}"
                );
                assert_eq!(
                    by_gap.failed_at, by_pair.failed_at,
                    "rate {rate}, run {run}"
                );
            }
        }
    }

    #[test]
    fn the_fixed_sample_size_without_divergence_is_the_rule_of_three() {
        assert_eq!(fixed_sample_size(&policy(0.001, Basis::Live), 0), 2_995);
    }

    #[test]
    fn the_same_seed_decides_the_same() {
        let trial = trial(policy(0.01, Basis::Live), 0.004);
        assert_eq!(trial.run(), trial.run());
        assert_ne!(trial.run(), Trial { seed: 8, ..trial }.run());
    }
}
