//! Plays scenarios to both sides and compares what they did, step by step.
//!
//! Steps of a scenario go in order, each on the state the one before left; scenarios run side by
//! side. Nothing is retried: a request is sent once to each side, and what became of it is
//! reported.

mod acceptance;
mod in_turn;
mod judge;
mod selection;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use futures::{StreamExt as _, stream};
use parity::{
    bind::Bindings,
    clocks::Span,
    compare::{Comparison, Observation},
    exchange::Request,
    fixture::{FixtureError, Scenario, Step},
    report::{Builder, LeftOut, Pair},
    rules::Rules,
};

use crate::{
    backend::{Backend, BackendError, Session},
    database::DatabaseError,
};

pub use acceptance::Acceptance;
pub(crate) use in_turn::Answers;
pub(crate) use judge::compare_answers;
pub use selection::{Selection, Shard};

/// Two sides and how to compare them.
#[derive(Debug, Clone)]
pub struct Replay {
    pub rules: Arc<Rules>,
    pub reference: Arc<dyn Backend>,
    pub candidate: Arc<dyn Backend>,
    /// A candidate that writes nothing reads the reference's rows, so that numbers bound in one
    /// step mean nothing to the next.
    pub bindings: BindingScope,
    /// Scenarios played at the same time, as far as both sides can.
    pub jobs: usize,
}

/// How long a binding of numbers holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BindingScope {
    Scenario,
    Step,
}

/// Everything that became of one scenario.
#[derive(Debug)]
pub struct Played {
    pub scenario: Scenario,
    /// One per step, in order.
    pub steps: Vec<PlayedStep>,
}

/// What became of one step.
#[derive(Debug)]
pub struct PlayedStep {
    pub route: String,
    pub result: StepResult,
}

/// Whether a step could be compared, and with what result.
#[derive(Debug)]
pub enum StepResult {
    Compared(Box<Compared>),
    LeftOut(LeftOut, String),
}

/// Both observations of a step and what they differ in.
#[derive(Debug)]
pub struct Compared {
    pub request: Request,
    pub reference: Observation,
    pub candidate: Observation,
    pub comparison: Comparison,
    /// Reference, candidate.
    pub latency: [Option<Duration>; 2],
    /// What the reference's clock can have shown.
    pub clock: Option<Span>,
}

/// Why a replay was broken off.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error(transparent)]
    Fixture(#[from] FixtureError),
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Without the text of the panic, which may quote an exchange.
    #[error("a scenario was broken off by a mistake in the program; the log says where")]
    Broken(#[from] tokio::task::JoinError),
}

impl Replay {
    /// Plays the scenarios and hands each result on, in the order of the scenarios. Memory does
    /// not grow with their number.
    ///
    /// # Errors
    /// A fixture cannot be read, or a database fails.
    pub async fn run(
        &self,
        scenarios: impl Iterator<Item = Result<Scenario, FixtureError>>,
        mut played: impl FnMut(Played),
    ) -> Result<(), ReplayError> {
        let jobs = self
            .jobs
            .min(self.reference.concurrency())
            .min(self.candidate.concurrency())
            .max(1);
        let mut results = std::pin::pin!(
            stream::iter(scenarios)
                .map(|scenario| {
                    let replay = self.clone();
                    async move {
                        let scenario = scenario?;
                        tokio::spawn(async move { replay.play(scenario).await }).await?
                    }
                })
                .buffered(jobs)
        );
        while let Some(result) = results.next().await {
            played(result?);
        }
        Ok(())
    }

    /// Plays one scenario from its first step to its last.
    ///
    /// # Errors
    /// A database fails.
    pub async fn play(&self, scenario: Scenario) -> Result<Played, ReplayError> {
        let mut steps = Vec::with_capacity(scenario.steps.len());
        let sessions = async {
            let reference = self.reference.begin(&scenario).await?;
            let candidate = self.candidate.begin(&scenario).await?;
            Ok::<_, BackendError>([reference, candidate])
        };
        match sessions.await {
            Err(BackendError::Database(error)) => return Err(error.into()),
            Err(error) => {
                let reason = format!("the scenario could not be started: {error}");
                for step in &scenario.steps {
                    steps.push(self.left_out(step, left_out_as(&error), reason.clone()));
                }
            }
            Ok(mut sessions) => {
                let result = self.play_steps(&scenario, &mut sessions, &mut steps).await;
                for session in sessions {
                    session.end().await;
                }
                result?;
            }
        }
        Ok(Played { scenario, steps })
    }

    async fn play_steps(
        &self,
        scenario: &Scenario,
        [reference, candidate]: &mut [Box<dyn Session + '_>; 2],
        played: &mut Vec<PlayedStep>,
    ) -> Result<(), ReplayError> {
        let mut bindings = Bindings::default();
        let mut broken_at = None;
        for step in &scenario.steps {
            if let Some(number) = broken_at {
                let reason = format!("step {number} before it has no answer to go on from");
                played.push(self.left_out(step, LeftOut::NotComparable, reason));
                continue;
            }
            if self.bindings == BindingScope::Step {
                bindings = Bindings::default();
            }
            let route = self.rules.route(&step.request, &step.tags);
            let translated = bindings.translate(&self.rules, &route, &step.request);
            let answers = async {
                let answers = (
                    reference.answer(step, &step.request).await?,
                    candidate.answer(step, &translated).await?,
                );
                Ok(answers)
            };
            let result = match answers.await {
                Ok((reference, candidate)) => judge::judge(
                    &self.rules,
                    step,
                    &route,
                    &mut bindings,
                    reference,
                    candidate,
                ),
                Err(BackendError::Database(error)) => return Err(error.into()),
                Err(error) => {
                    broken_at = Some(step.step);
                    StepResult::LeftOut(left_out_as(&error), error.to_string())
                }
            };
            played.push(PlayedStep { route, result });
        }
        Ok(())
    }

    fn left_out(&self, step: &Step, why: LeftOut, reason: String) -> PlayedStep {
        PlayedStep {
            route: self.rules.route(&step.request, &step.tags),
            result: StepResult::LeftOut(why, reason),
        }
    }
}

impl Played {
    /// Adds every step to a report.
    pub fn report(&self, builder: &mut Builder<'_>) {
        for (step, played) in self.scenario.steps.iter().zip(&self.steps) {
            let pair = Pair {
                scenario: &step.scenario,
                step: step.step,
                route: &played.route,
            };
            match &played.result {
                StepResult::LeftOut(why, reason) => builder.left_out(pair, *why, reason.clone()),
                StepResult::Compared(compared) => {
                    builder.compared(
                        pair,
                        &compared.comparison,
                        &compared.request,
                        &compared.reference,
                        &compared.candidate,
                    );
                    let [reference, candidate] = compared.latency.map(|latency| {
                        latency.map(|time| u32::try_from(time.as_micros()).unwrap_or(u32::MAX))
                    });
                    builder.latency(&played.route, reference, candidate);
                }
            }
        }
    }
}

fn left_out_as(error: &BackendError) -> LeftOut {
    match error {
        BackendError::CannotAsk(_) => LeftOut::NotComparable,
        BackendError::TimedOut(_) => LeftOut::TimedOut,
        BackendError::Broken(_) | BackendError::Database(_) => LeftOut::Errored,
    }
}

/// Milliseconds since an instant, for reports.
pub fn milliseconds_since(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX)
}
