//! Asks the reference twice, to learn what it does not hold still.
//!
//! Of a share of the safe reads the user's answer is compared with a second answer of the
//! reference. What differs is noise: it is counted against the excess that a verdict is about, and
//! from it rules are proposed, which nobody but a person puts in force. The second question comes
//! before or after the one to the candidate, by a coin that the request's id decides: what the
//! time between two questions does, it does to both pairs alike.
//!
//! The reference is not to feel it: extra requests are bounded in any second, a breaker leaves it
//! alone when it does not answer, and each carries a header by which a proxy behind this one knows
//! that it is no user's.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use chrono::Utc;
use http::{HeaderName, HeaderValue};
use parity::{
    compare::{Comparison, Observation},
    noise::{NoiseModel, Proposals, ProposalsFor},
};
use parking_lot::Mutex;
use tokio::time::timeout;

use crate::{
    accounts::{Accounts, Fate, Ticket},
    candidate::{AskError, Candidate, breaker::Breaker},
    config::NoiseConfig,
    sampling::{Purpose, position},
    tee::RequestHead,
};

/// Marks a request that no user sent.
pub const MARK: HeaderName = HeaderName::from_static("x-shadow-proxy-noise");

/// Names a request in logs; what it decides can be decided again.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Learns the reference's noise.
#[derive(Debug)]
pub struct Noise {
    budget: Budget,
    breaker: Breaker,
    accounts: Arc<Accounts>,
    model: Mutex<NoiseModel>,
}

/// One request that is to be asked twice.
#[derive(Debug)]
pub struct Probe {
    ticket: Ticket,
    /// Whether the reference is asked again before the candidate is asked.
    pub before_candidate: bool,
}

impl Probe {
    /// Ends it without a second answer to compare with.
    pub fn settle(self, fate: Fate) {
        self.ticket.settle(fate);
    }
}

impl Noise {
    pub fn new(config: &NoiseConfig, accounts: Arc<Accounts>) -> Self {
        Self {
            budget: Budget::new(config.max_per_second),
            breaker: Breaker::new(&config.breaker),
            accounts,
            model: Mutex::default(),
        }
    }

    /// Whether a request is among the share that is asked twice.
    pub fn draw(&self, route: &Arc<str>, share: f64, head: &RequestHead) -> Option<Probe> {
        let id = match head.headers.get(REQUEST_ID) {
            Some(id) => String::from_utf8_lossy(id.as_bytes()).into_owned(),
            None => rand::random::<u128>().to_string(),
        };
        if position(Purpose::Noise, &id) >= share {
            return None;
        }
        let ticket = self.accounts.ticket(Arc::clone(route));
        if !self.budget.admits(Instant::now()) {
            ticket.settle(Fate::Dropped("budget"));
            return None;
        }
        Some(Probe {
            ticket,
            before_candidate: position(Purpose::NoiseOrder, &id) < 0.5,
        })
    }

    /// Asks the reference again.
    ///
    /// # Errors
    /// What becomes of the probe when there is no answer.
    pub async fn ask(
        &self,
        reference: &Candidate,
        head: &RequestHead,
        body: Bytes,
        deadline: Duration,
    ) -> Result<Observation, Fate> {
        let pass = self.breaker.pass().ok_or(Fate::Dropped("breaker_open"))?;
        let mut marked = head.clone();
        marked.headers.insert(MARK, HeaderValue::from_static("1"));
        match timeout(deadline, reference.ask(&marked, body)).await {
            Err(_) => Err(Fate::TimedOut),
            Ok(Err(AskError::Failed(class))) => Err(Fate::Errored(class)),
            Ok(Err(AskError::TooLarge)) => {
                pass.answered();
                Err(Fate::Errored("answer_over_cap"))
            }
            Ok(Ok(answer)) => {
                pass.answered();
                Ok(answer)
            }
        }
    }

    /// Learns from the reference compared with itself, under the route's name in the rules.
    pub fn learn(&self, probe: Probe, route: &str, comparison: &Comparison) {
        self.model.lock().observe(route, comparison);
        probe.settle(Fate::Compared(comparison.outcome));
    }

    /// What was learnt since the configuration was read, for a person to judge.
    pub fn proposals(&self) -> Proposals {
        let today = Utc::now().date_naive();
        self.model.lock().propose(&ProposalsFor {
            source: format!("live traffic, asked twice by shadow-proxy until {today}"),
            today,
        })
    }
}

/// Most events in any second.
#[derive(Debug)]
struct Budget {
    most: usize,
    /// When the latest were admitted, oldest first.
    admitted: Mutex<VecDeque<Instant>>,
}

impl Budget {
    fn new(per_second: u32) -> Self {
        Self {
            most: per_second as usize,
            admitted: Mutex::default(),
        }
    }

    fn admits(&self, now: Instant) -> bool {
        let mut admitted = self.admitted.lock();
        while admitted
            .front()
            .is_some_and(|then| now.duration_since(*then) >= Duration::from_secs(1))
        {
            admitted.pop_front();
        }
        let admits = admitted.len() < self.most;
        if admits {
            admitted.push_back(now);
        }
        admits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_second_has_more_than_the_budget() {
        let budget = Budget::new(3);
        let start = Instant::now();
        let at = |millis| budget.admits(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 500, 900, 950, 1000, 1001, 1500, 1600].map(at),
            [true, true, true, false, true, false, true, false]
        );
    }
}
