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

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Position {
    Closed { failures: u32 },
    Open { until: Instant },
    Trying,
}

/// The breaker without a clock: opens after a number of failures in a row; after a pause lets one
/// request try.
#[derive(Debug)]
struct Machine {
    failures: u32,
    pause: Duration,
    position: Position,
}

impl Machine {
    fn new(config: &BreakerConfig) -> Self {
        Self {
            failures: config.failures.max(1),
            pause: config.pause.0,
            position: Position::Closed { failures: 0 },
        }
    }

    fn is_refusing(&self, now: Instant) -> bool {
        match self.position {
            Position::Closed { .. } => false,
            Position::Open { until } => now < until,
            Position::Trying => true,
        }
    }

    fn pass(&mut self, now: Instant) -> bool {
        let passes = !self.is_refusing(now);
        if passes && matches!(self.position, Position::Open { .. }) {
            self.position = Position::Trying;
        }
        passes
    }

    fn record(&mut self, answered: bool, now: Instant) {
        self.position = match self.position {
            _ if answered => Position::Closed { failures: 0 },
            Position::Closed { failures } if failures + 1 < self.failures => Position::Closed {
                failures: failures + 1,
            },
            Position::Closed { .. } | Position::Trying => Position::Open {
                until: now + self.pause,
            },
            // A request from before it opened failed late: the pause is not prolonged.
            Position::Open { until } => Position::Open { until },
        };
    }
}

/// Opens after a number of failures in a row; after a pause lets one request try.
#[derive(Debug)]
pub struct Breaker(Mutex<Machine>);

impl Breaker {
    pub fn new(config: &BreakerConfig) -> Self {
        Self(Mutex::new(Machine::new(config)))
    }

    pub fn state(&self) -> BreakerState {
        match self.0.lock().position {
            Position::Closed { .. } => BreakerState::Closed,
            Position::Open { .. } => BreakerState::Open,
            Position::Trying => BreakerState::HalfOpen,
        }
    }

    /// Whether asking would be refused now; asks for nothing.
    pub fn is_refusing(&self) -> bool {
        self.0.lock().is_refusing(Instant::now())
    }

    /// Permission to ask the candidate once. `None`: it is left alone for now. A pass that is
    /// dropped without a word counts as a failure.
    pub fn pass(&self) -> Option<Pass<'_>> {
        let passes = self.0.lock().pass(Instant::now());
        // Made only when it is given: a pass that is dropped is a failure.
        passes.then(|| Pass {
            breaker: self,
            answered: false,
        })
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
        self.breaker.0.lock().record(self.answered, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::units::Span;

    fn machine() -> Machine {
        Machine::new(&BreakerConfig {
            failures: 3,
            pause: Span::secs(5),
        })
    }

    #[test]
    fn failures_in_a_row_open_it_and_an_answer_between_starts_the_count_again() {
        let (mut machine, now) = (machine(), Instant::now());
        for answered in [false, false, true, false, false] {
            assert!(machine.pass(now));
            machine.record(answered, now);
        }
        assert_eq!(machine.position, Position::Closed { failures: 2 });
        machine.record(false, now);
        assert!(machine.is_refusing(now));
        assert!(!machine.pass(now));
    }

    #[test]
    fn after_the_pause_one_request_decides() {
        let (mut machine, now) = (machine(), Instant::now());
        for _ in 0..3 {
            machine.record(false, now);
        }
        let later = now + Duration::from_secs(5);
        assert!(machine.pass(later));
        assert!(!machine.pass(later), "only one may try");
        machine.record(false, later);
        assert!(!machine.pass(later));
        let much_later = later + Duration::from_secs(5);
        assert!(machine.pass(much_later));
        machine.record(true, much_later);
        assert!(machine.pass(much_later) && machine.pass(much_later));
    }
}
