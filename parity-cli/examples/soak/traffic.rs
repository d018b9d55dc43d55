//! The clients: recorded requests in random order, every answer held against the reference's.

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use parity::{
    exchange::{Request, Response},
    fixture::{Corpus, Scenario},
};
use parity_cli::backend::HttpClient;
use parking_lot::Mutex;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng};
use tokio_util::task::TaskTracker;

use crate::{Failure, relay::Relay};

/// Headers that every server on the way sets for itself.
const OF_THE_CONNECTION: [&str; 3] = ["connection", "date", "transfer-encoding"];
/// Marks an answer that the proxy made itself.
const OWN_ANSWER: &str = "x-shadow-proxy-error";
/// Wrong answers that are described.
const DESCRIBED: usize = 20;

/// Scenarios of one request whose request no other has, so that its answer is known.
pub(crate) fn playable(corpus: &Corpus) -> Vec<Scenario> {
    let mut seen = std::collections::HashSet::new();
    let mut scenarios = Vec::new();
    for scenario in corpus.scenarios() {
        let step = &scenario.steps[0];
        let key = (
            step.request.method.clone(),
            step.request.target.clone(),
            step.request.headers.0.clone(),
            step.request.body.clone(),
        );
        let unstable = step.tags.iter().any(|tag| tag == "unstable:headers");
        if scenario.steps.len() == 1 && !unstable && seen.insert(key) {
            scenarios.push(scenario.clone());
        }
    }
    scenarios
}

/// Requests and the answers that clients have to get.
#[derive(Debug)]
pub(crate) struct Traffic(Arc<Vec<(Request, Response)>>);

impl Traffic {
    /// Asks the reference itself. What no client can send is left out.
    pub(crate) async fn expecting(
        scenarios: Vec<Scenario>,
        reference: &HttpClient,
    ) -> Result<Self, Failure> {
        let mut pairs = Vec::new();
        for scenario in scenarios {
            let request = scenario.steps[0].request.clone();
            if let Ok(response) = reference.send(&request).await {
                pairs.push((request, response));
            }
        }
        if pairs.len() < 100 {
            return Err(format!("only {} requests can be sent", pairs.len()).into());
        }
        Ok(Self(Arc::new(pairs)))
    }

    /// Sends until told to stop, so many a second whatever the answers take.
    pub(crate) fn start(
        &self,
        client: HttpClient,
        rate: f64,
        seed: u64,
        relay: &Relay,
        tally: &Arc<Tally>,
    ) -> Load {
        let stop = tokio_util::sync::CancellationToken::new();
        let open = TaskTracker::new();
        let (pairs, relay, tally) = (Arc::clone(&self.0), relay.clone(), Arc::clone(tally));
        let (stopped, tracker) = (stop.clone(), open.clone());
        let driver = tokio::spawn(async move {
            let mut random = StdRng::seed_from_u64(seed);
            let mut due = tokio::time::interval(std::time::Duration::from_secs_f64(1.0 / rate));
            due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
            while !stopped.is_cancelled() {
                due.tick().await;
                let at = random.random_range(0..pairs.len());
                let (pairs, client) = (Arc::clone(&pairs), client.clone());
                let (relay, tally) = (relay.clone(), Arc::clone(&tally));
                tracker.spawn(async move {
                    let (request, expected) = &pairs[at];
                    tally.sent.fetch_add(1, Ordering::Relaxed);
                    let before = relay.disturbance();
                    let answer = client.send(request).await;
                    let after = relay.disturbance();
                    let disturbed = before != after || !before.1;
                    tally.count(request, expected, answer, disturbed);
                });
            }
        });
        Load { stop, driver, open }
    }
}

/// Clients at work.
#[derive(Debug)]
pub(crate) struct Load {
    stop: tokio_util::sync::CancellationToken,
    driver: tokio::task::JoinHandle<()>,
    open: TaskTracker,
}

impl Load {
    /// Sends nothing more and waits for what is open.
    pub(crate) async fn abort_after_current(self) {
        self.stop.cancel();
        // It only ends by returning.
        let _ = self.driver.await;
        self.open.close();
        self.open.wait().await;
    }
}

/// What the clients got.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    sent: AtomicU64,
    right: AtomicU64,
    honest: AtomicU64,
    wrong: Mutex<Vec<String>>,
}

impl Tally {
    fn count(
        &self,
        request: &Request,
        expected: &Response,
        answer: Result<Response, parity_cli::backend::BackendError>,
        disturbed: bool,
    ) {
        let counter = match &answer {
            Ok(answer) if stripped(answer) == stripped(expected) => &self.right,
            // The proxy says that the reference failed, or the answer was visibly broken off.
            Ok(answer) if disturbed && answer.headers.get(OWN_ANSWER).is_some() => &self.honest,
            Err(_) if disturbed => &self.honest,
            _ => {
                let mut wrong = self.wrong.lock();
                if wrong.len() < DESCRIBED {
                    let got = match answer {
                        Ok(answer) => format!("{} {:?}", answer.status, answer.body),
                        Err(error) => error.to_string(),
                    };
                    wrong.push(format!(
                        "{} {}: {got} instead of {} {:?}",
                        request.method, request.target, expected.status, expected.body
                    ));
                }
                return;
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    pub(crate) fn right(&self) -> u64 {
        self.right.load(Ordering::Relaxed)
    }

    pub(crate) fn honest(&self) -> u64 {
        self.honest.load(Ordering::Relaxed)
    }

    /// Wrong answers, the first ones described; and answers that are missing in the counts.
    pub(crate) fn wrong(&self) -> Vec<String> {
        let mut wrong = self.wrong.lock().clone();
        let counted = self.right() + self.honest();
        if counted != self.sent() {
            wrong.push(format!(
                "{} of {} answers were wrong",
                self.sent() - counted,
                self.sent()
            ));
        }
        wrong
    }
}

type Fields = Vec<(String, Vec<u8>)>;

/// An answer without what belongs to the connection.
fn stripped(response: &Response) -> (u16, Fields, &bytes::Bytes) {
    let fields = response.headers.0.iter();
    let fields = fields
        .filter(|(name, _)| {
            !OF_THE_CONNECTION
                .iter()
                .any(|own| name.eq_ignore_ascii_case(own))
        })
        .map(|(name, value)| (name.to_ascii_lowercase(), value.clone()))
        .collect();
    (response.status, fields, &response.body)
}
