//! Asks both sides questions that nobody recorded, and keeps those they answer differently.
//!
//! Questions come from mutated fixtures and from the route description, with values harvested from
//! the fixtures. The same seed asks the same questions in the same order.

mod description;
mod mutate;
mod values;

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use parity::{
    cluster::Signature,
    fixture::{Scenario, Step},
};
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};

use crate::{
    replay::{Replay, ReplayError},
    reproduce::{Budget, Reproduction, Same, shrink, signatures},
};

pub use description::{Description, DescriptionError, Operation};
use mutate::mutate;
use values::Values;

/// How far to go.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Scenarios that are generated.
    pub count: u32,
    pub time: Duration,
    /// Kinds of divergence after which it stops.
    pub most_found: usize,
    /// What may be played to shrink each divergence found.
    pub budget: Budget,
}

/// What came of it.
#[derive(Debug, Default)]
pub struct Explored {
    /// Scenarios that were generated and played.
    pub played: u32,
    /// One per signature, shrunk.
    pub found: Vec<Reproduction>,
}

/// Makes up scenarios.
#[derive(Debug)]
pub struct Generator {
    random: StdRng,
    scenarios: Vec<Scenario>,
    operations: Vec<Operation>,
    values: Values,
    made: u32,
}

/// Longer scenarios are not mutated: they cost more than they show.
const MOST_STEPS: usize = 6;
const MOST_MUTATIONS: u32 = 3;
/// Share of the scenarios that are built from the route description.
const FROM_DESCRIPTION: f64 = 0.3;

impl Generator {
    /// Makes up scenarios from these, and from the operations of a route description.
    pub fn new(seed: u64, scenarios: Vec<Scenario>, description: &Description) -> Self {
        let scenarios: Vec<Scenario> = scenarios
            .into_iter()
            .filter(|scenario| (1..=MOST_STEPS).contains(&scenario.steps.len()))
            .collect();
        Self {
            random: StdRng::seed_from_u64(seed),
            values: Values::harvest(&scenarios),
            scenarios,
            operations: description.operations.clone(),
            made: 0,
        }
    }

    /// The next scenario; none when there is nothing to start from.
    pub fn next_scenario(&mut self) -> Option<Scenario> {
        let mut scenario = self.scenarios.choose(&mut self.random)?.clone();
        let at = self.random.random_range(0..scenario.steps.len());
        if !self.operations.is_empty() && self.random.random_bool(FROM_DESCRIPTION) {
            let step = scenario.steps[at].clone();
            scenario.steps[at] = self.described(step);
        }
        let step = &mut scenario.steps[at];
        for _ in 0..self.random.random_range(1..=MOST_MUTATIONS) {
            mutate(&mut step.request, &self.values, &mut self.random);
        }
        // The recorded tag names the route that was asked before.
        step.tags.retain(|tag| !tag.starts_with("ep:"));
        self.made += 1;
        scenario.name = format!("explored/{}", self.made);
        for (number, step) in (1..).zip(&mut scenario.steps) {
            step.scenario = scenario.name.clone();
            step.step = number;
        }
        Some(scenario)
    }

    /// A step that asks an operation of the description, with the credentials and the body of a
    /// recorded one where there is one.
    fn described(&mut self, like: Step) -> Step {
        let Some(operation) = self.operations.choose(&mut self.random).cloned() else {
            return like;
        };
        let recorded: Vec<&Step> = self
            .scenarios
            .iter()
            .flat_map(|scenario| &scenario.steps)
            .filter(|step| operation.answers(&step.request))
            .collect();
        let mut step = recorded
            .choose(&mut self.random)
            .map_or(like, |step| (*step).clone());
        step.request.method = operation.method.to_ascii_uppercase();
        step.request.target = operation.target(&self.values, &mut self.random);
        step
    }
}

/// Plays generated scenarios until a limit is reached, and shrinks each new kind of divergence.
/// `found` hears of each as it is found.
///
/// # Errors
/// A database fails.
pub async fn explore(
    replay: &Replay,
    generator: &mut Generator,
    limits: Limits,
    mut found: impl FnMut(&Reproduction),
) -> Result<Explored, ReplayError> {
    let began = Instant::now();
    let mut explored = Explored::default();
    let mut known: BTreeSet<Signature> = BTreeSet::new();
    while explored.played < limits.count
        && began.elapsed() < limits.time
        && explored.found.len() < limits.most_found
    {
        let Some(scenario) = generator.next_scenario() else {
            break;
        };
        let played = replay.play(scenario.clone()).await?;
        explored.played += 1;
        for signature in signatures(&replay.rules, &played) {
            if explored.found.len() >= limits.most_found {
                break;
            }
            if !known.insert(signature.clone()) {
                continue;
            }
            let same = Same::Signature(signature);
            let reproduction = shrink(replay, scenario.clone(), same, limits.budget).await?;
            // What else the small scenario shows has the same cause.
            known.extend(signatures(&replay.rules, &reproduction.played));
            found(&reproduction);
            explored.found.push(reproduction);
        }
    }
    Ok(explored)
}

#[cfg(test)]
mod tests;
