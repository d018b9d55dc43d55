//! Answers as they were recorded.

use std::time::Duration;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use parity::{
    clocks::Span,
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

/// What the clock can have shown when the step was recorded. Where the answer was timed, the clock
/// was not frozen but ran on.
fn clock(step: &Step) -> Option<Span> {
    let from: DateTime<Utc> = step.clock.as_deref()?.parse().ok()?;
    Some(Span {
        from,
        to: from + Duration::from_micros(step.latency_us.unwrap_or(0)),
    })
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
                cache: step.cache.clone(),
                latency: step.latency_us.map(Duration::from_micros),
                clock: clock(step),
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
