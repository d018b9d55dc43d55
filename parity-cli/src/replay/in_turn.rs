//! One side after the other: for two that are the same backend, whose one state is reset in between.

use parity::{
    bind::Bindings,
    fixture::{Scenario, Step},
    report::LeftOut,
};

use super::{Played, PlayedStep, Replay, ReplayError, judge::judge, left_out_as};
use crate::{
    backend::{Answer, Backend, BackendError},
    database::DatabaseError,
};

/// What one side answered to a scenario.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    /// One per step, up to the first that has none.
    pub(crate) given: Vec<Answer>,
    /// Why that one has none.
    pub(crate) broken: Option<(LeftOut, String)>,
}

impl Answers {
    /// Plays a scenario to one side alone.
    ///
    /// # Errors
    /// A database fails.
    pub(crate) async fn of(
        backend: &dyn Backend,
        scenario: &Scenario,
    ) -> Result<Self, DatabaseError> {
        let mut answers = Self::default();
        let mut session = match backend.begin(scenario).await {
            Ok(session) => session,
            Err(error) => {
                answers.broken = Some(reason_of(error)?);
                return Ok(answers);
            }
        };
        let mut failed = None;
        for step in &scenario.steps {
            match session.answer(step, &step.request).await {
                Ok(answer) => answers.given.push(answer),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        session.end().await;
        answers.broken = failed.map(reason_of).transpose()?;
        Ok(answers)
    }
}

impl Replay {
    /// As [`Replay::play`], but the whole scenario goes to the reference before its first step goes
    /// to the candidate.
    ///
    /// # Errors
    /// A database fails.
    pub async fn play_in_turn(&self, scenario: Scenario) -> Result<Played, ReplayError> {
        let Answers { given, mut broken } = Answers::of(self.reference.as_ref(), &scenario).await?;
        let mut steps = Vec::with_capacity(scenario.steps.len());
        match self.candidate.begin(&scenario).await {
            Err(error) => broken = Some(reason_of(error)?),
            Ok(mut session) => {
                let mut bindings = Bindings::default();
                let mut failed = None;
                for (step, ours) in scenario.steps.iter().zip(given) {
                    let route = self.rules.route(&step.request, &step.tags);
                    let translated = bindings.translate(&self.rules, &route, &step.request);
                    match session.answer(step, &translated).await {
                        Ok(theirs) => {
                            let rules = &self.rules;
                            let result = judge(rules, step, &route, &mut bindings, ours, theirs);
                            steps.push(PlayedStep { route, result });
                        }
                        Err(error) => {
                            failed = Some(error);
                            break;
                        }
                    }
                }
                session.end().await;
                if let Some(error) = failed {
                    broken = Some(reason_of(error)?);
                }
            }
        }
        if let Some((why, reason)) = broken {
            let rest: &[Step] = scenario.steps.get(steps.len()..).unwrap_or_default();
            for step in rest {
                steps.push(self.left_out(step, why, reason.clone()));
            }
        }
        Ok(Played { scenario, steps })
    }
}

fn reason_of(error: BackendError) -> Result<(LeftOut, String), DatabaseError> {
    match error {
        BackendError::Database(error) => Err(error),
        error => Ok((left_out_as(&error), error.to_string())),
    }
}
