//! Shrinks a scenario that diverges to one that shows the same divergence and little else.
//!
//! Delta debugging (Zeller and Hildebrandt, *Simplifying and isolating failure-inducing input*,
//! 2002) over the steps, then over each step's headers, query and preparation, then over its body
//! level by level. How a scenario is played and what counts as the same divergence is the caller's:
//! this module only proposes smaller scenarios and keeps those that still diverge.

mod ddmin;
mod parts;

use std::{
    collections::HashSet,
    hash::{DefaultHasher, Hash as _, Hasher as _},
};

use crate::fixture::Scenario;

pub use ddmin::ddmin;
use parts::{body_paths, with_body_children, with_headers, with_query, without_flush, without_sql};

/// What came of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimized {
    pub scenario: Scenario,
    /// Scenarios that were played; none twice.
    pub tried: u32,
    /// Whether nothing smaller was left to try; otherwise the budget was spent before.
    pub complete: bool,
}

/// A scenario that is known to diverge, and what may still be spent on shrinking it.
struct Search<F> {
    best: Scenario,
    /// Digests of scenarios that were played and do not diverge.
    refused: HashSet<u64>,
    tried: u32,
    budget: u32,
    still_diverges: F,
}

/// Shrinks `scenario`, which must diverge, playing at most `budget` smaller ones.
/// `still_diverges` plays a scenario and says whether it diverges in the same way.
///
/// # Errors
/// What `still_diverges` fails with.
pub async fn minimize<E>(
    scenario: Scenario,
    budget: u32,
    still_diverges: impl AsyncFnMut(&Scenario) -> Result<bool, E>,
) -> Result<Minimized, E> {
    let mut search = Search {
        best: scenario,
        refused: HashSet::new(),
        tried: 0,
        budget,
        still_diverges,
    };
    loop {
        let before = search.best.clone();
        search.steps().await?;
        for step in (0..search.best.steps.len()).rev() {
            search.preparation(step).await?;
            search.headers(step).await?;
            search.query(step).await?;
            search.body(step).await?;
        }
        if search.best == before || search.is_spent() {
            break;
        }
    }
    Ok(Minimized {
        complete: !search.is_spent(),
        tried: search.tried,
        scenario: search.best,
    })
}

impl<E, F: AsyncFnMut(&Scenario) -> Result<bool, E>> Search<F> {
    fn is_spent(&self) -> bool {
        self.tried >= self.budget
    }

    /// Plays `smaller` and keeps it when it still diverges.
    async fn keep(&mut self, smaller: Scenario) -> Result<bool, E> {
        let digest = digest(&smaller);
        if self.is_spent()
            || smaller.steps.is_empty()
            || smaller == self.best
            || self.refused.contains(&digest)
        {
            return Ok(false);
        }
        self.tried += 1;
        let diverges = (self.still_diverges)(&smaller).await?;
        if diverges {
            self.best = smaller;
        } else {
            self.refused.insert(digest);
        }
        Ok(diverges)
    }

    /// Keeps as few of `count` parts as still diverge when `with` builds a scenario of them.
    async fn fewest(
        &mut self,
        count: usize,
        with: impl Fn(&Scenario, &[usize]) -> Scenario,
    ) -> Result<(), E> {
        let whole = self.best.clone();
        ddmin(count, async |kept: &[usize]| {
            self.keep(with(&whole, kept)).await
        })
        .await
    }

    async fn steps(&mut self) -> Result<(), E> {
        let count = self.best.steps.len();
        self.fewest(count, |whole, kept| Scenario {
            name: whole.name.clone(),
            steps: kept
                .iter()
                .map(|&index| whole.steps[index].clone())
                .collect(),
        })
        .await
    }

    async fn preparation(&mut self, step: usize) -> Result<(), E> {
        self.keep(without_sql(&self.best, step)).await?;
        self.keep(without_flush(&self.best, step)).await?;
        Ok(())
    }

    async fn headers(&mut self, step: usize) -> Result<(), E> {
        let count = self.best.steps[step].request.headers.0.len();
        self.fewest(count, |whole, kept| with_headers(whole, step, kept))
            .await
    }

    async fn query(&mut self, step: usize) -> Result<(), E> {
        let count = parts::query(&self.best.steps[step].request.target).len();
        self.fewest(count, |whole, kept| with_query(whole, step, kept))
            .await
    }

    /// Level by level, so that whole branches go before their leaves are looked at.
    async fn body(&mut self, step: usize) -> Result<(), E> {
        self.keep(parts::without_body(&self.best, step)).await?;
        let mut depth = 0;
        loop {
            let level = body_paths(&self.best.steps[step].request.body, depth);
            if level.is_empty() {
                return Ok(());
            }
            for (path, children) in level {
                self.fewest(children, |whole, kept| {
                    with_body_children(whole, step, &path, kept)
                })
                .await?;
            }
            depth += 1;
        }
    }
}

/// Of everything that is left out of a scenario bit by bit.
fn digest(scenario: &Scenario) -> u64 {
    let mut hasher = DefaultHasher::new();
    for step in &scenario.steps {
        let request = &step.request;
        (step.step, &step.sql_before, step.redis_flush_before).hash(&mut hasher);
        (&request.target, &request.headers.0, &request.body).hash(&mut hasher);
    }
    hasher.finish()
}

#[cfg(test)]
mod tests;
