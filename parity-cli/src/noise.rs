//! The reference against itself: each scenario twice, each time from the same state.
//!
//! The whole scenario is played once and then again, not step by step side by side: a reference
//! with one database is reset in between, and no step finds what its twin left.

use std::{collections::HashMap, sync::Arc};

use parity::{
    bind::Bindings,
    fixture::{Corpus, Scenario},
    noise::NoiseModel,
    rules::Rules,
};

use crate::{
    backend::{Backend, BackendError, Recorded},
    database::DatabaseError,
    replay::{Answers, compare_answers},
};

/// Where the second answers come from.
#[derive(Debug)]
pub enum Again {
    /// Another recording: its scenarios by name.
    Recording(HashMap<String, Scenario>),
    Backend(Arc<dyn Backend>),
}

impl Again {
    /// Another recording of the same scenarios.
    pub fn recording(corpus: &Corpus) -> Self {
        let named = |scenario: &Scenario| (scenario.name.clone(), scenario.clone());
        Self::Recording(corpus.scenarios().map(named).collect())
    }
}

/// Plays the reference against itself.
#[derive(Debug)]
pub struct Twice {
    pub rules: Arc<Rules>,
    pub reference: Arc<dyn Backend>,
    pub again: Again,
}

/// What was learnt, and how much of it.
#[derive(Debug, Default)]
pub struct Learnt {
    pub model: NoiseModel,
    /// Pairs compared.
    pub compared: u64,
    /// Steps without a pair, and why, by scenario.
    pub left_out: Vec<String>,
}

impl Twice {
    /// Plays one scenario twice and learns from it.
    ///
    /// # Errors
    /// A database fails.
    pub async fn play(
        &self,
        scenario: &Scenario,
        learnt: &mut Learnt,
    ) -> Result<(), DatabaseError> {
        let first = Answers::of(self.reference.as_ref(), scenario).await?;
        if let Some((_, reason)) = first.broken {
            learnt.left_out.push(format!("{}: {reason}", scenario.name));
        }
        let recorded = Recorded;
        let (backend, twin): (&dyn Backend, &Scenario) = match &self.again {
            Again::Backend(backend) => (backend.as_ref(), scenario),
            Again::Recording(scenarios) => match scenarios.get(&scenario.name) {
                Some(twin) => (&recorded, twin),
                None => {
                    let reason = "not in the second recording";
                    learnt.left_out.push(format!("{}: {reason}", scenario.name));
                    return Ok(());
                }
            },
        };
        let mut session = match backend.begin(twin).await {
            Ok(session) => session,
            Err(error) => return leave_out(learnt, scenario, error),
        };
        let mut bindings = Bindings::default();
        let mut result = Ok(());
        for ((step, twin), first) in scenario.steps.iter().zip(&twin.steps).zip(first.given) {
            let route = self.rules.route(&step.request, &step.tags);
            if self.rules.route(&twin.request, &twin.tags) != route {
                let reason = format!("step {} asks something else the second time", step.step);
                learnt.left_out.push(format!("{}: {reason}", scenario.name));
                break;
            }
            let request = bindings.translate(&self.rules, &route, &step.request);
            let second = match session.answer(twin, &request).await {
                Ok(second) => second,
                Err(error) => {
                    result = leave_out(learnt, scenario, error);
                    break;
                }
            };
            let answers = [&first, &second];
            let comparison = compare_answers(&self.rules, step, &route, &mut bindings, answers);
            learnt.model.observe(&route, &comparison);
            learnt.compared += 1;
        }
        session.end().await;
        result
    }

    /// Stops whatever was started.
    pub async fn close(&self) {
        self.reference.close().await;
        if let Again::Backend(backend) = &self.again {
            backend.close().await;
        }
    }
}

fn leave_out(
    learnt: &mut Learnt,
    scenario: &Scenario,
    error: BackendError,
) -> Result<(), DatabaseError> {
    let reason = reason_of(error)?;
    learnt.left_out.push(format!("{}: {reason}", scenario.name));
    Ok(())
}

fn reason_of(error: BackendError) -> Result<String, DatabaseError> {
    match error {
        BackendError::Database(error) => Err(error),
        error => Ok(error.to_string()),
    }
}
