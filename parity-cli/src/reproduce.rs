//! From a scenario that diverges to a small one that a person can look at: shrunk, written as a
//! fixture, as `curl` commands, and as a Rust test.

mod seed;
mod write;

use std::{collections::BTreeSet, path::Path, sync::Arc};

use parity::{
    cluster::Signature,
    fixture::{Corpus, Scenario},
    minimize::{Minimized, minimize},
    outcome::Divergence,
    rules::Rules,
};
use scorer::message::Mode;

use crate::{
    backend::Recorded,
    database::Seed,
    exit::Failure,
    replay::{BindingScope, Played, Replay, ReplayError, StepResult},
    sides::open_embedded,
};

use seed::shrink_seed;

pub use seed::SmallSeed;
pub use write::{WriteError, Written, curl, write};

/// What counts as the same divergence while a scenario shrinks.
#[derive(Debug, Clone)]
pub enum Same {
    /// A divergence with this signature. For a reference that answers whatever it is asked.
    Signature(Signature),
    /// Exactly these divergences at one step. A recording only knows the answers it has, so that
    /// nothing may change but what the candidate does not react to.
    Divergences(Vec<Divergence>),
}

/// A scenario that was shrunk, and what both sides did with the result.
#[derive(Debug)]
pub struct Reproduction {
    pub same: Same,
    pub minimized: Minimized,
    /// Absent where the whole seed was kept.
    pub seed: Option<SmallSeed>,
    /// On the whole seed.
    pub played: Played,
}

/// How many smaller cases may be played.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Smaller scenarios.
    pub scenarios: u32,
    /// Smaller seeds, once the scenario is small; with none the seed is kept whole.
    pub seeds: u32,
}

/// What to look for in a played scenario: its first divergence.
pub fn first_divergence(rules: &Rules, played: &Played, recorded: bool) -> Option<Same> {
    played.steps.iter().find_map(|step| {
        let diverged = diverged(&step.result);
        let first = diverged.first()?;
        Some(if recorded {
            Same::Divergences(diverged.to_vec())
        } else {
            Same::Signature(Signature::of(rules, &step.route, first))
        })
    })
}

/// Signatures of everything that diverged.
pub fn signatures(rules: &Rules, played: &Played) -> BTreeSet<Signature> {
    played
        .steps
        .iter()
        .flat_map(|step| {
            diverged(&step.result)
                .iter()
                .map(|divergence| Signature::of(rules, &step.route, divergence))
        })
        .collect()
}

/// Shrinks a scenario that shows `same`, and then the seed it starts from.
///
/// # Errors
/// A database fails.
pub async fn shrink(
    replay: &Replay,
    scenario: Scenario,
    same: Same,
    budget: Budget,
) -> Result<Reproduction, ReplayError> {
    let minimized = minimize(scenario, budget.scenarios, async |smaller: &Scenario| {
        let played = replay.play(smaller.clone()).await?;
        Ok::<bool, ReplayError>(same.shows_in(&replay.rules, &played))
    })
    .await?;
    let seed = shrink_seed(replay, &minimized.scenario, &same, budget.seeds).await?;
    let played = replay.play(minimized.scenario.clone()).await?;
    Ok(Reproduction {
        same,
        minimized,
        seed,
        played,
    })
}

impl Same {
    /// Whether it shows in any step.
    pub fn shows_in(&self, rules: &Rules, played: &Played) -> bool {
        played.steps.iter().any(|step| {
            let diverged = diverged(&step.result);
            match self {
                Self::Divergences(wanted) => diverged == wanted,
                Self::Signature(wanted) => diverged
                    .iter()
                    .any(|divergence| Signature::of(rules, &step.route, divergence) == *wanted),
            }
        })
    }
}

fn diverged(result: &StepResult) -> &[Divergence] {
    match result {
        StepResult::Compared(compared) => &compared.comparison.diverged,
        StepResult::LeftOut(..) => &[],
    }
}

/// Replays the fixtures in `directory` to the embedded scorer and returns what diverges. For the
/// tests that `parity-cli minimize` writes.
///
/// # Errors
/// The fixtures or the rules beside them cannot be used, or no database can be started.
pub async fn divergences_of_embedded(directory: &Path) -> Result<Vec<Divergence>, Failure> {
    let corpus = Corpus::read(directory).map_err(Failure::usage)?;
    let rules = Rules::read(&directory.join("rules.toml")).map_err(Failure::usage)?;
    let candidate = open_embedded(
        &corpus.settings,
        seed_of(&corpus, directory),
        Mode::CommitUnlisted,
        None,
    )
    .await?;
    let replay = Replay {
        rules: Arc::new(rules),
        reference: Arc::new(Recorded),
        candidate: Arc::new(candidate),
        bindings: BindingScope::Scenario,
        jobs: 1,
    };
    let mut found = Vec::new();
    for scenario in corpus.scenarios() {
        let played = replay
            .play(scenario.clone())
            .await
            .map_err(Failure::internal)?;
        for step in &played.steps {
            if let StepResult::LeftOut(_, reason) = &step.result {
                return Err(Failure::internal(format!("not compared: {reason}")));
            }
            found.extend_from_slice(diverged(&step.result));
        }
    }
    replay.candidate.close().await;
    Ok(found)
}

/// The seed of fixtures that were read from `directory`.
pub fn seed_of(corpus: &Corpus, directory: &Path) -> Option<Seed> {
    let sql = corpus.seed.clone()?;
    Some(Seed::of_fixtures(directory, sql))
}
