//! What two answers to one step differ in.

use parity::{
    bind::Bindings,
    compare::{CacheComparison, Comparison, Context, compare, compare_cache},
    fixture::Step,
    outcome::Outcome,
    report::LeftOut,
    rules::Rules,
};

use super::{Compared, StepResult};
use crate::backend::Answer;

/// Compares responses and rows, knowing what each side's clock can have shown.
pub(crate) fn compare_answers(
    rules: &Rules,
    step: &Step,
    route: &str,
    bindings: &mut Bindings,
    [reference, candidate]: [&Answer; 2],
) -> Comparison {
    if let (Some(ours), Some(theirs)) = (reference.clock, candidate.clock)
        && ours != theirs
    {
        bindings.clocks_showed(ours, theirs);
    }
    let context = Context {
        rules,
        route,
        tags: &step.tags,
    };
    let [reference, candidate] = [&reference.observation, &candidate.observation];
    compare(&context, bindings, reference, candidate)
}

/// As [`compare_answers`], and the cache entries of both sides, where they are known.
pub(super) fn judge(
    rules: &Rules,
    step: &Step,
    route: &str,
    bindings: &mut Bindings,
    reference: Answer,
    candidate: Answer,
) -> StepResult {
    let mut comparison = compare_answers(rules, step, route, bindings, [&reference, &candidate]);
    if let (Some(ours), Some(theirs)) = (&reference.cache, &candidate.cache) {
        match compare_cache(rules, bindings, ours, theirs) {
            CacheComparison::ClockMoved { prefix } => {
                let reason = format!(
                    "the clock of one side alone went on to other {prefix}… entries in the cache"
                );
                return StepResult::LeftOut(LeftOut::NotComparable, reason);
            }
            CacheComparison::Compared {
                diverged,
                tolerated,
            } => {
                comparison.outcome = match comparison.outcome {
                    Outcome::NotComparable => Outcome::NotComparable,
                    _ if !diverged.is_empty() => Outcome::Diverged,
                    Outcome::Match if !tolerated.is_empty() => Outcome::Tolerated,
                    outcome => outcome,
                };
                comparison.diverged.extend(diverged);
                comparison.tolerated.extend(tolerated);
            }
        }
    }
    StepResult::Compared(Box::new(Compared {
        request: step.request.clone(),
        latency: [reference.latency, candidate.latency],
        clock: reference.clock,
        reference: reference.observation,
        candidate: candidate.observation,
        comparison,
    }))
}
