//! Leaves a candidate alone that does not answer.

use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::config::BreakerConfig;

/// What the breaker does with the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BreakerState {
    /// Requests pass.
    Closed,
    /// One request is trying whether the candidate is back.
    HalfOpen,
    /// Requests are dropped.
    Open,
}

#[derive(Debug)]
enum Inner {
    Closed { failures: u32 },
    Open { until: Instant },
    Trying,
}

/// Opens after a number of failures in a row; after a pause lets one request try.
#[derive(Debug)]
pub struct Breaker {
    failures: u32,
    pause: Duration,
    inner: Mutex<Inner>,
}

impl Breaker {
    pub fn new(config: &BreakerConfig) -> Self {
        Self {
            failures: config.failures.max(1),
            pause: config.pause.0,
            inner: Mutex::new(Inner::Closed { failures: 0 }),
        }
    }

    pub fn state(&self) -> BreakerState {
        match *self.inner.lock() {
            Inner::Closed { .. } => BreakerState::Closed,
            Inner::Open { .. } => BreakerState::Open,
            Inner::Trying => BreakerState::HalfOpen,
        }
    }

    /// Whether asking would be refused now; asks for nothing.
    pub fn is_refusing(&self) -> bool {
        match *self.inner.lock() {
            Inner::Closed { .. } => false,
            Inner::Open { until } => Instant::now() < until,
            Inner::Trying => true,
        }
    }

    /// Permission to ask the candidate once. `None`: it is left alone for now. A pass that is
    /// dropped without a word counts as a failure.
    pub fn pass(&self) -> Option<Pass<'_>> {
        let mut inner = self.inner.lock();
        match *inner {
            Inner::Closed { .. } => {}
            Inner::Open { until } if Instant::now() >= until => *inner = Inner::Trying,
            Inner::Open { .. } | Inner::Trying => return None,
        }
        Some(Pass {
            breaker: self,
            answered: false,
        })
    }

    fn record(&self, answered: bool) {
        let mut inner = self.inner.lock();
        let open = || Inner::Open {
            until: Instant::now() + self.pause,
        };
        *inner = match (&*inner, answered) {
            (_, true) => Inner::Closed { failures: 0 },
            (Inner::Closed { failures }, false) if failures + 1 < self.failures => Inner::Closed {
                failures: failures + 1,
            },
            (Inner::Closed { .. } | Inner::Trying, false) => open(),
            // A request from before it opened failed late: the pause is not prolonged.
            (Inner::Open { until }, false) => Inner::Open { until: *until },
        };
    }
}

/// One permitted request.
#[derive(Debug)]
pub struct Pass<'a> {
    breaker: &'a Breaker,
    answered: bool,
}

impl Pass<'_> {
    /// The candidate answered, whatever it said.
    pub fn answered(mut self) {
        self.answered = true;
    }
}

impl Drop for Pass<'_> {
    fn drop(&mut self) {
        self.breaker.record(self.answered);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::units::Span;

    fn breaker() -> Breaker {
        Breaker::new(&BreakerConfig {
            failures: 3,
            pause: Span::secs(5),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn failures_in_a_row_open_it_and_an_answer_between_starts_the_count_again() {
        let breaker = breaker();
        for _ in 0..2 {
            drop(breaker.pass().unwrap());
        }
        breaker.pass().unwrap().answered();
        for _ in 0..2 {
            drop(breaker.pass().unwrap());
        }
        assert_eq!(breaker.state(), BreakerState::Closed);
        drop(breaker.pass().unwrap());
        assert_eq!(breaker.state(), BreakerState::Open);
        assert!(breaker.pass().is_none());
        assert!(breaker.is_refusing());
    }

    #[tokio::test(start_paused = true)]
    async fn after_the_pause_one_request_decides() {
        let breaker = breaker();
        for _ in 0..3 {
            drop(breaker.pass().unwrap());
        }
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(!breaker.is_refusing());
        let trial = breaker.pass().unwrap();
        assert!(breaker.pass().is_none(), "only one may try");
        drop(trial);
        assert_eq!(breaker.state(), BreakerState::Open);
        tokio::time::advance(Duration::from_secs(5)).await;
        breaker.pass().unwrap().answered();
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
