//! The recorded requests that can be played as live traffic, and what became of each.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use parity::{
    accounting::Accounting,
    exchange::Response,
    fixture::{Corpus, Scenario, Step},
};

use super::{house::House, progress::Progress, record::Record};
use crate::backend::HttpClient;

/// Longer than the mirror waits for the candidate: waiting has to end, whatever went wrong.
const SETTLE: Duration = Duration::from_secs(65);

/// Headers of a connection, which every server on the way sets for itself.
const OF_THE_CONNECTION: [&str; 5] = [
    "connection",
    "date",
    "keep-alive",
    "server",
    "transfer-encoding",
];

/// Scenarios of one request each, and why the other recorded steps are not played.
#[derive(Debug, Default)]
pub(super) struct Playable {
    pub(super) scenarios: Vec<Scenario>,
    /// Steps by reason.
    pub(super) left_out: BTreeMap<&'static str, usize>,
}

impl Playable {
    /// First steps on the untouched seed at this instant: the candidate writes nothing, so that
    /// every one of them finds what the reference found.
    pub(super) fn of(corpus: &Corpus, clock: DateTime<Utc>) -> Self {
        let mut playable = Self::default();
        for scenario in corpus.scenarios() {
            for step in &scenario.steps {
                match obstacle(step, clock) {
                    Some(reason) => *playable.left_out.entry(reason).or_default() += 1,
                    None => playable.scenarios.push(Scenario {
                        name: scenario.name.clone(),
                        steps: vec![step.clone()],
                    }),
                }
            }
        }
        playable
    }

    /// At most so many, spread evenly over the fixtures; two halves that both have of everything.
    pub(super) fn halves(&self, most: usize) -> [Vec<Scenario>; 2] {
        let all = self.scenarios.len();
        let count = most.min(all);
        let mut halves = [Vec::new(), Vec::new()];
        for number in 0..count {
            halves[number % 2].push(self.scenarios[number * all / count].clone());
        }
        halves
    }
}

/// Why a step cannot be played on the seed, at this instant, by somebody who does not know how it
/// was recorded.
fn obstacle(step: &Step, clock: DateTime<Utc>) -> Option<&'static str> {
    let tagged = |name: &str| step.tags.iter().any(|tag| tag == name);
    let recorded = step.clock.as_deref().and_then(|text| text.parse().ok());
    if step.step > 1 {
        Some("follow on rows that an earlier step wrote")
    } else if recorded != Some(clock) {
        Some("were recorded at another time of the frozen clock")
    } else if step.sql_before.is_some() {
        Some("need rows changed by hand before")
    } else if tagged("rate-limit") {
        Some("depend on how many came before (rate limit)")
    } else if tagged("unstable:headers") {
        Some("have a random value in a header")
    } else {
        None
    }
}

/// What was seen from outside.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) sent: usize,
    /// The proxy's accounts after the last request.
    stats: Accounting,
    /// Answers that were not those of the stand-in: status, headers, body.
    pub(super) altered: Vec<String>,
    /// Requests without an answer, and why.
    pub(super) broken: Vec<String>,
    /// How often each seeded fault spoilt an answer.
    pub(super) struck: BTreeMap<&'static str, u64>,
    /// Spoilt answers that the proxy did not find different.
    pub(super) missed: Vec<String>,
    /// Answers that the proxy found different without a fault.
    pub(super) unexpected: Vec<String>,
    /// Pairs on which the report and the proxy do not agree.
    pub(super) disputed: Vec<String>,
}

impl Seen {
    /// Sends the requests one after the other and checks that the proxy changes no answer. Waits
    /// for the mirror each time: a demo should compare everything, not show how load is shed.
    pub(super) async fn send(
        &mut self,
        client: &HttpClient,
        house: &House,
        scenarios: &[Scenario],
        record: &mut Record<'_>,
        progress: &mut Progress,
    ) {
        for step in scenarios.iter().flat_map(|scenario| &scenario.steps) {
            match client.send(&step.request).await {
                Ok(response) => {
                    self.sent += 1;
                    let before = self.stats;
                    self.stats = settled(&house.proxy, self.sent as u64).await;
                    let given = house.candidate.take_given();
                    self.judge(step, &response, before, &given.struck);
                    if !record.observe(step, response, given.answer, &before, &self.stats) {
                        self.disputed.push(step.scenario.clone());
                    }
                }
                Err(error) => self.broken.push(format!("{}: {error}", step.scenario)),
            }
            progress.sent(&self.stats);
        }
    }

    fn judge(
        &mut self,
        step: &Step,
        response: &Response,
        before: Accounting,
        struck: &[&'static str],
    ) {
        let name = || step.scenario.clone();
        if !same(response, &step.response, &step.request.method) {
            self.altered.push(name());
        }
        match (struck.is_empty(), self.stats.diverged > before.diverged) {
            (false, false) => self.missed.push(name()),
            (true, true) => self.unexpected.push(name()),
            _ => {}
        }
        for fault in struck {
            *self.struck.entry(fault).or_default() += 1;
        }
    }
}

fn same(got: &Response, recorded: &Response, method: &str) -> bool {
    let headers = |response: &Response| {
        let mut headers: Vec<(String, Vec<u8>)> = response
            .headers
            .0
            .iter()
            .map(|(name, value)| (name.to_ascii_lowercase(), value.trim_ascii().to_vec()))
            .filter(|(name, _)| !OF_THE_CONNECTION.contains(&name.as_str()))
            .collect();
        // Stable: values under one name keep their order.
        headers.sort_by(|(left, _), (right, _)| left.cmp(right));
        headers
    };
    got.status == recorded.status
        && headers(got) == headers(recorded)
        && (got.body == recorded.body || method == "HEAD")
}

/// The proxy's accounts once the mirror has dealt with every request.
async fn settled(proxy: &shadow_proxy::Handle, sent: u64) -> Accounting {
    let deadline = Instant::now() + SETTLE;
    loop {
        let stats = proxy.stats();
        if (stats.seen >= sent && stats.is_balanced()) || Instant::now() > deadline {
            return stats;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}
