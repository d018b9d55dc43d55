//! What the comparisons found: evidence per route, and the latest divergences.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use http::StatusCode;
use parity::{
    compare::{Comparison, Observation},
    exchange,
    outcome::Outcome,
    verdict::RouteTest,
};
use parking_lot::Mutex;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, Opts};

use crate::{forward::failure::Failure, stage::Side};

/// Divergences kept in memory for the admin port.
const RECENT: usize = 500;

const CONSTANT: &str = "names, buckets and labels are constants that prometheus accepts";

fn class_of(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

/// Two answers to the same request.
#[derive(Debug, Clone)]
pub struct Pair {
    pub route: Arc<str>,
    pub request: exchange::Request,
    pub reference: Observation,
    pub candidate: Observation,
}

/// A pair that was found different.
#[derive(Debug, Clone)]
pub struct Found {
    pub at: chrono::DateTime<chrono::Utc>,
    pub pair: Pair,
    pub comparison: Comparison,
}

/// Everything found since the start.
#[derive(Debug)]
pub struct Findings {
    tests: Mutex<BTreeMap<Arc<str>, RouteTest>>,
    recent: Mutex<VecDeque<Arc<Found>>>,
    durations: HistogramVec,
    answers: IntCounterVec,
    failures: IntCounterVec,
}

impl Default for Findings {
    fn default() -> Self {
        let options = HistogramOpts::new(
            "shadow_proxy_upstream_duration_seconds",
            "Time from a request to the head of the answer, by side and route",
        )
        .buckets(vec![
            0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
        ]);
        Self {
            tests: Mutex::default(),
            recent: Mutex::default(),
            durations: HistogramVec::new(options, &["side", "route"]).expect(CONSTANT),
            answers: IntCounterVec::new(
                Opts::new(
                    "shadow_proxy_answers_total",
                    "Answers given to users, by the side that gave them and class of status",
                ),
                &["side", "status"],
            )
            .expect(CONSTANT),
            failures: IntCounterVec::new(
                Opts::new(
                    "shadow_proxy_upstream_errors_total",
                    "Requests of users that a side could not answer, by class",
                ),
                &["side", "class"],
            )
            .expect(CONSTANT),
        }
    }
}

impl Findings {
    /// A side answered after this time.
    pub fn asked(&self, side: Side, route: &str, took: Duration) {
        self.durations
            .with_label_values(&[side.name(), route])
            .observe(took.as_secs_f64());
    }

    /// A side answered a user.
    pub fn served(&self, side: Side, status: StatusCode) {
        self.answers
            .with_label_values(&[side.name(), class_of(status)])
            .inc();
    }

    /// A side could not answer a user.
    pub fn failed(&self, side: Side, failure: Failure) {
        self.failures
            .with_label_values(&[side.name(), failure.class()])
            .inc();
    }

    /// A request the candidate was asked and did not answer.
    pub fn unanswered(&self, route: &Arc<str>) {
        self.test(route, RouteTest::observe_unanswered);
    }

    /// Keeps what a comparison found.
    pub fn record(&self, pair: Pair, comparison: Comparison) {
        self.test(&pair.route, |test| test.observe(comparison.outcome));
        if comparison.outcome != Outcome::Diverged {
            return;
        }
        let found = Arc::new(Found {
            at: chrono::Utc::now(),
            pair,
            comparison,
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

    /// Evidence by route.
    pub fn tests(&self) -> BTreeMap<Arc<str>, RouteTest> {
        self.tests.lock().clone()
    }

    /// The latest divergences, newest first.
    pub fn recent(&self) -> Vec<Arc<Found>> {
        self.recent.lock().iter().rev().cloned().collect()
    }

    /// Latency of both sides.
    pub fn durations(&self) -> &HistogramVec {
        &self.durations
    }
}
