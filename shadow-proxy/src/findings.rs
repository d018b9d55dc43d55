//! What the comparisons found: evidence per route, causes, and the latest divergences.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use http::StatusCode;
use parity::{
    clocks,
    cluster::{Cluster, Clusters, Group, Sighting, Signature},
    compare::{Comparison, Observation},
    exchange,
    outcome::Outcome,
    rules::Rules,
    verdict::{RouteTest, RouteVerdict},
};
use parking_lot::Mutex;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

use crate::{
    accounts::Accounts,
    forward::failure::Failure,
    journal::{self, Journal, Line, Rows},
    latency::Latencies,
    sink::{Entry, Outbox},
    stage::Side,
    verdicts::{self, Judged},
};

/// Divergences kept in memory for the admin port.
const RECENT: usize = 200;

const CONSTANT: &str = "names, buckets and labels are constants that prometheus accepts";

/// Two answers to the same request.
#[derive(Debug, Clone)]
pub struct Pair {
    pub route: Arc<str>,
    pub request: exchange::Request,
    pub reference: Observation,
    pub candidate: Observation,
    /// What the clocks of reference and candidate can have shown while each answered.
    pub clocks: Option<[clocks::Span; 2]>,
}

/// A pair that was found different, without its secrets.
#[derive(Debug)]
pub struct Found {
    pub id: String,
    /// The line the journal has.
    pub line: Line,
    /// Signatures of its divergences.
    pub signatures: Vec<Signature>,
}

/// Everything found on one question: by these rules, between these builds.
#[derive(Debug)]
pub struct Findings {
    /// Names the question; what was found on another is never added up with it.
    question: String,
    /// Names these findings among those of all replicas and starts.
    run: Arc<str>,
    tests: Mutex<BTreeMap<Arc<str>, RouteTest>>,
    clusters: Mutex<Clusters>,
    recent: Mutex<VecDeque<Arc<Found>>>,
    numbered: AtomicU64,
    journal: Arc<Journal>,
    outbox: Option<Arc<Outbox>>,
    latencies: Arc<Latencies>,
    rows: Arc<Accounts>,
    noise: Arc<Accounts>,
    durations: HistogramVec,
    answers: IntCounterVec,
    failures: IntCounterVec,
    /// Whether the reference left the latest request of a user unanswered.
    reference_silent: AtomicBool,
}

impl Findings {
    /// Nothing found yet. Divergences go to the journal, and to the outbox of a sink.
    pub fn new(question: String, journal: Journal, outbox: Option<Arc<Outbox>>) -> Self {
        let durations = HistogramOpts::new(
            "shadow_proxy_upstream_duration_seconds",
            "Time from a request to the head of the answer, by side and route",
        )
        .buckets(vec![
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ]);
        let answers = Opts::new(
            "shadow_proxy_answers_total",
            "Answers given to users, by the side that gave them and class of status",
        );
        let failures = Opts::new(
            "shadow_proxy_upstream_errors_total",
            "Requests of users that a side could not answer, by class",
        );
        Self {
            question,
            run: new_run(),
            tests: Mutex::default(),
            clusters: Mutex::default(),
            recent: Mutex::default(),
            numbered: AtomicU64::new(0),
            journal: Arc::new(journal),
            outbox,
            latencies: Arc::default(),
            rows: Arc::default(),
            noise: Arc::default(),
            durations: HistogramVec::new(durations, &["side", "route"]).expect(CONSTANT),
            answers: IntCounterVec::new(answers, &["side", "status"]).expect(CONSTANT),
            failures: IntCounterVec::new(failures, &["side", "class"]).expect(CONSTANT),
            reference_silent: AtomicBool::new(false),
        }
    }

    /// Nothing found yet on another question; journal, outbox and metrics go on.
    pub fn succeed(&self, question: String) -> Self {
        Self {
            question,
            run: new_run(),
            tests: Mutex::default(),
            clusters: Mutex::default(),
            recent: Mutex::default(),
            numbered: AtomicU64::new(0),
            journal: Arc::clone(&self.journal),
            outbox: self.outbox.clone(),
            latencies: Arc::clone(&self.latencies),
            rows: Arc::clone(&self.rows),
            noise: Arc::clone(&self.noise),
            durations: self.durations.clone(),
            answers: self.answers.clone(),
            failures: self.failures.clone(),
            reference_silent: AtomicBool::new(!self.reference_answers()),
        }
    }

    pub fn question(&self) -> &str {
        &self.question
    }

    pub fn run(&self) -> &Arc<str> {
        &self.run
    }

    /// A side answered after this time.
    pub fn asked(&self, side: Side, route: &Arc<str>, took: Duration) {
        self.latencies.observe(side, route, took);
        self.durations
            .with_label_values(&[side.name(), route])
            .observe(took.as_secs_f64());
    }

    /// A side answered a user.
    pub fn served(&self, side: Side, status: StatusCode) {
        self.answers
            .with_label_values(&[side.name(), class_of(status)])
            .inc();
        if side == Side::Reference {
            self.reference_silent.store(false, Ordering::Relaxed);
        }
    }

    /// A side could not answer a user.
    pub fn failed(&self, side: Side, failure: Failure) {
        self.failures
            .with_label_values(&[side.name(), failure.class()])
            .inc();
        if side == Side::Reference && failure.is_backend() {
            self.reference_silent.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the reference answered the latest request of a user that it was sent.
    pub fn reference_answers(&self) -> bool {
        !self.reference_silent.load(Ordering::Relaxed)
    }

    /// A request the candidate was asked and did not answer.
    pub fn unanswered(&self, route: &Arc<str>) {
        self.test(route, RouteTest::observe_unanswered);
    }

    /// Two answers were, or could not be, compared.
    pub fn compared(&self, route: &Arc<str>, outcome: Outcome) {
        self.test(route, |test| test.observe(outcome));
    }

    /// Two answers of the reference to the same request were compared.
    pub fn compared_with_itself(&self, route: &Arc<str>, outcome: Outcome) {
        self.test(route, |test| test.observe_reference(outcome));
    }

    /// What became of the rows of requests that may write.
    pub fn rows(&self) -> &Arc<Accounts> {
        &self.rows
    }

    /// What became of the requests that the reference was to be asked twice.
    pub fn noise(&self) -> &Arc<Accounts> {
        &self.noise
    }

    /// Keeps a divergence; the pair and the comparison come without secrets.
    pub fn keep(&self, rules: &Rules, pair: Pair, comparison: Comparison) {
        let now = chrono::Utc::now();
        let number = self.numbered.fetch_add(1, Ordering::Relaxed);
        let id = format!("{}-{number}", self.run);
        let line = Line {
            version: journal::VERSION,
            at: now.to_rfc3339_opts(chrono::SecondsFormat::Micros, true),
            route: pair.route.as_ref().to_owned(),
            request: pair.request,
            reference: pair.reference.response,
            candidate: pair.candidate.response,
            rows: pair.reference.effects.zip(pair.candidate.effects).map(
                |(reference, candidate)| Rows {
                    reference,
                    candidate,
                },
            ),
            diverged: comparison.diverged,
            tolerated: comparison.tolerated,
        };
        self.journal.append(&line);
        let sighting = Sighting {
            request: &id,
            route: &line.route,
            at: &line.at,
        };
        self.clusters
            .lock()
            .observe(rules, sighting, &line.diverged);
        let signatures: Vec<Signature> = line
            .diverged
            .iter()
            .map(|divergence| Signature::of(rules, &line.route, divergence))
            .collect();
        if let Some(outbox) = &self.outbox {
            outbox.offer(Entry {
                run: Arc::clone(&self.run),
                number,
                route: line.route.clone(),
                signatures: signatures.iter().map(Signature::id).collect(),
                line: serde_json::to_string(&line).unwrap_or_default(),
            });
        }
        let found = Arc::new(Found {
            id,
            line,
            signatures,
        });
        let mut recent = self.recent.lock();
        if recent.len() == RECENT {
            recent.pop_front();
        }
        recent.push_back(found);
    }

    fn test(&self, route: &Arc<str>, change: impl FnOnce(&mut RouteTest)) {
        change(self.tests.lock().entry(Arc::clone(route)).or_default());
    }

    /// Verdict per route; routes that saw nothing yet are insufficient.
    pub fn verdicts(&self, judged: &[Judged]) -> Vec<RouteVerdict> {
        verdicts::judge(self.tests(), judged)
    }

    /// Evidence by route.
    pub fn tests(&self) -> BTreeMap<String, RouteTest> {
        let tests = self.tests.lock();
        let tests = tests.iter();
        tests
            .map(|(route, test)| (route.to_string(), *test))
            .collect()
    }

    /// What is known of the signatures that are wanted.
    pub fn signatures(
        &self,
        wanted: impl Fn(&Signature, &Group) -> bool,
    ) -> Vec<(Signature, Group)> {
        let clusters = self.clusters.lock();
        clusters
            .groups()
            .filter(|(signature, group)| wanted(signature, group))
            .map(|(signature, group)| (signature.clone(), group.clone()))
            .collect()
    }

    /// Causes, those that affect most requests first.
    pub fn clusters(&self) -> Vec<Cluster> {
        self.clusters.lock().ranked()
    }

    /// The latest divergences, newest first.
    pub fn recent(&self) -> Vec<Arc<Found>> {
        self.recent.lock().iter().rev().cloned().collect()
    }

    /// How long both sides took, over time.
    pub fn latencies(&self) -> &Latencies {
        &self.latencies
    }

    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Latency of both sides, answers, and failures to answer.
    pub fn collectors(&self) -> [Box<dyn prometheus::core::Collector>; 3] {
        [
            Box::new(self.durations.clone()),
            Box::new(self.answers.clone()),
            Box::new(self.failures.clone()),
        ]
    }
}

fn new_run() -> Arc<str> {
    format!("{:016x}", rand::random::<u64>()).into()
}

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}
