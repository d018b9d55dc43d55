//! Answers as they were recorded.

use futures::future::BoxFuture;
use parity::{
    compare::Observation,
    exchange::Request,
    fixture::{Scenario, Step},
};

use super::{Answer, Backend, BackendError, Session};

/// Answers every step with what the fixture holds.
#[derive(Debug, Clone, Copy)]
pub struct Recorded;

impl Backend for Recorded {
    fn describe(&self) -> String {
        "the recorded answers".to_owned()
    }

    fn concurrency(&self) -> usize {
        usize::MAX
    }

    fn begin<'a>(
        &'a self,
        _: &'a Scenario,
    ) -> BoxFuture<'a, Result<Box<dyn Session + 'a>, BackendError>> {
        Box::pin(async { Ok(Box::new(*self) as Box<dyn Session>) })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async {})
    }
}

impl Session for Recorded {
    fn answer<'a>(
        &'a mut self,
        step: &'a Step,
        _: &'a Request,
    ) -> BoxFuture<'a, Result<Answer, BackendError>> {
        Box::pin(async {
            Ok(Answer {
                observation: Observation {
                    response: step.response.clone(),
                    effects: step.effects.clone(),
                },
                cache: Some(step.cache.clone()),
                latency: None,
            })
        })
    }

    fn end<'a>(self: Box<Self>) -> BoxFuture<'a, ()>
    where
        Self: 'a,
    {
        Box::pin(async {})
    }
}
