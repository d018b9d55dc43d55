//! Collects a report while a run goes on.

use std::collections::{BTreeMap, BTreeSet};

use chrono::NaiveDate;

use super::model::{
    DivergedExchange, FoundDivergence, Latency, LatencyPair, MOST_DIVERGENCES, Report, RouteReport,
    RuleUse, Run, SideRecord, Uncompared,
};
use crate::{
    accounting::Accounting,
    clocks::{CLOCK_REASON, CLOCK_RULE},
    cluster::{Cluster, Clusters, Sighting, Signature},
    compare::{Comparison, Observation},
    exchange::Request,
    outcome::{Divergence, Outcome},
    redact::Redactor,
    rules::Rules,
    verdict::{self, Policy, RouteTest},
};

/// Which request a result belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Pair<'a> {
    pub scenario: &'a str,
    /// Counted from 1 within the scenario.
    pub step: u32,
    pub route: &'a str,
}

/// Why a request was seen but not compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeftOut {
    SampledOut,
    Declined,
    Dropped,
    TimedOut,
    Errored,
    NotComparable,
}

/// Exchanges kept for each cluster's reader; the divergences themselves are all kept.
const EXCHANGES_PER_SIGNATURE: u32 = 3;

/// A report in the making.
#[derive(Debug)]
pub struct Builder<'r> {
    rules: &'r Rules,
    redactor: Redactor,
    report: Report,
    routes: BTreeMap<String, Route>,
    clusters: Clusters,
    tolerated: BTreeMap<String, u64>,
    shown: BTreeMap<Signature, u32>,
    /// The first divergence of each signature, as it may be written.
    samples: BTreeMap<Signature, Divergence>,
}

#[derive(Debug, Default)]
struct Route {
    accounting: Accounting,
    test: RouteTest,
    /// Microseconds.
    reference: Vec<u32>,
    candidate: Vec<u32>,
}

impl<'r> Builder<'r> {
    /// Starts a report. Every route of the rules gets its line, also when it sees nothing. What
    /// the redactor does not let through is not kept.
    pub fn new(run: Run, policy: Policy, rules: &'r Rules, redactor: Redactor) -> Self {
        Builder {
            rules,
            redactor,
            report: Report::empty(run, policy),
            routes: rules
                .route_names()
                .map(|name| (name.to_owned(), Route::default()))
                .collect(),
            clusters: Clusters::default(),
            tolerated: BTreeMap::new(),
            shown: BTreeMap::new(),
            samples: BTreeMap::new(),
        }
    }

    /// Adds a pair that was compared.
    pub fn compared(
        &mut self,
        pair: Pair<'_>,
        comparison: &Comparison,
        request: &Request,
        reference: &Observation,
        candidate: &Observation,
    ) {
        let route = self.routes.entry(pair.route.to_owned()).or_default();
        route.test.observe(comparison.outcome);
        route.accounting.seen += 1;
        match comparison.outcome {
            Outcome::NotComparable => route.accounting.not_comparable += 1,
            outcome => {
                route.accounting.compared += 1;
                match outcome {
                    Outcome::Tolerated => route.accounting.tolerated += 1,
                    Outcome::Diverged => route.accounting.diverged += 1,
                    Outcome::Match | Outcome::NotComparable => route.accounting.matched += 1,
                }
            }
        }
        for rule in comparison
            .tolerated
            .iter()
            .filter_map(|found| found.rule.as_ref())
        {
            *self.tolerated.entry(rule.clone()).or_default() += 1;
        }
        if comparison.diverged.is_empty() {
            return;
        }
        let name = request_name(pair.scenario, pair.step);
        let sighting = Sighting {
            request: &name,
            route: pair.route,
            at: &name,
        };
        let signatures: Vec<Signature> = comparison
            .diverged
            .iter()
            .map(|divergence| Signature::of(self.rules, pair.route, divergence))
            .collect();
        self.clusters.observe_signed(
            sighting,
            signatures.iter().cloned().zip(&comparison.diverged),
        );
        for (divergence, signature) in comparison.diverged.iter().zip(&signatures) {
            let is_sample = !self.samples.contains_key(signature);
            let is_listed = self.report.divergences.len() < MOST_DIVERGENCES;
            if !is_listed {
                self.report.divergences_omitted += 1;
            }
            if !is_listed && !is_sample {
                continue;
            }
            let written = self.redactor.divergence(divergence, reference, candidate);
            if is_sample {
                self.samples.insert(signature.clone(), written.clone());
            }
            if !is_listed {
                continue;
            }
            let replaced = written != *divergence;
            self.report.divergences.push(FoundDivergence {
                scenario: pair.scenario.to_owned(),
                step: pair.step,
                route: pair.route.to_owned(),
                divergence: written,
                pattern: signature.path.clone(),
                shapes: replaced
                    .then(|| [signature.reference.clone(), signature.candidate.clone()]),
                cluster: String::new(),
            });
        }
        if self.is_news(signatures) {
            let side = |observation: &Observation| SideRecord {
                response: self.redactor.response(&observation.response),
                effects: observation
                    .effects
                    .as_ref()
                    .map(|effects| self.redactor.effects(effects)),
            };
            self.report.exchanges.push(DivergedExchange {
                scenario: pair.scenario.to_owned(),
                step: pair.step,
                route: pair.route.to_owned(),
                request: self.redactor.request(request),
                reference: side(reference),
                candidate: side(candidate),
            });
        }
    }

    /// Adds a request that was seen but not compared.
    pub fn left_out(&mut self, pair: Pair<'_>, why: LeftOut, reason: impl Into<String>) {
        let route = self.routes.entry(pair.route.to_owned()).or_default();
        let accounting = &mut route.accounting;
        accounting.seen += 1;
        let (count, outcome) = match why {
            LeftOut::SampledOut => (&mut accounting.sampled_out, "sampled_out"),
            LeftOut::Declined => (&mut accounting.declined, "declined"),
            LeftOut::Dropped => (&mut accounting.dropped, "dropped"),
            LeftOut::TimedOut => (&mut accounting.timed_out, "timed_out"),
            LeftOut::Errored => (&mut accounting.errored, "errored"),
            LeftOut::NotComparable => (&mut accounting.not_comparable, "not_comparable"),
        };
        *count += 1;
        match why {
            LeftOut::NotComparable => route.test.observe(Outcome::NotComparable),
            LeftOut::TimedOut | LeftOut::Errored => route.test.observe_unanswered(),
            LeftOut::SampledOut | LeftOut::Declined | LeftOut::Dropped => {}
        }
        self.report.uncompared.push(Uncompared {
            scenario: pair.scenario.to_owned(),
            step: pair.step,
            route: pair.route.to_owned(),
            outcome: outcome.to_owned(),
            reason: reason.into(),
        });
    }

    /// Adds how long each side took, in microseconds, where it was measured.
    pub fn latency(&mut self, route: &str, reference: Option<u32>, candidate: Option<u32>) {
        let route = self.routes.entry(route.to_owned()).or_default();
        route.reference.extend(reference);
        route.candidate.extend(candidate);
    }

    /// Adds what the run exercised.
    pub fn coverage(&mut self, coverage: serde_json::Value) {
        self.report.coverage = Some(coverage);
    }

    /// Ends the run on the given day after the given time.
    pub fn finish(mut self, today: NaiveDate, duration_ms: u64) -> Report {
        let tests: BTreeMap<String, RouteTest> = self
            .routes
            .iter()
            .map(|(name, route)| (name.clone(), route.test))
            .collect();
        let judgements = verdict::judge(&self.report.policy, &tests);
        // Routes beyond those declared (unknown paths, other methods) count when they were seen.
        self.report.verdict = verdict::overall(&judgements);
        self.report.routes = self
            .routes
            .into_values()
            .zip(judgements)
            .map(|(route, judgement)| RouteReport {
                route: judgement.route.clone(),
                accounting: route.accounting,
                judgement,
                latency: latencies(route.reference, route.candidate),
            })
            .collect();
        self.report.totals = total(self.report.routes.iter().map(|route| &route.accounting));
        self.report.clusters = self.clusters.ranked();
        for cluster in &mut self.report.clusters {
            let leader = cluster.signatures.first();
            if let Some(sample) = leader.and_then(|leader| self.samples.remove(leader)) {
                cluster.sample = sample;
            }
        }
        name_clusters(&self.report.clusters, &mut self.report.divergences);
        let used: BTreeSet<String> = self.tolerated.keys().cloned().collect();
        self.report.audit = self.rules.audit(&used, today);
        self.report.rules = self
            .rules
            .rules()
            .iter()
            .map(|rule| RuleUse {
                rule: rule.id().to_owned(),
                reason: rule.entry.reason.clone(),
                tolerated: self.tolerated.get(rule.id()).copied().unwrap_or(0),
            })
            .chain(self.tolerated.get(CLOCK_RULE).map(|&tolerated| RuleUse {
                rule: CLOCK_RULE.to_owned(),
                reason: CLOCK_REASON.to_owned(),
                tolerated,
            }))
            .collect();
        self.report.run.duration_ms = duration_ms;
        self.report
    }

    /// Whether a reader has not seen enough exchanges like this yet.
    fn is_news(&mut self, signatures: Vec<Signature>) -> bool {
        let mut news = false;
        for signature in signatures {
            let shown = self.shown.entry(signature).or_default();
            if *shown < EXCHANGES_PER_SIGNATURE {
                *shown += 1;
                news = true;
            }
        }
        news
    }
}

/// Name of a request in clusters: `<scenario>#<step>`.
pub(super) fn request_name(scenario: &str, step: u32) -> String {
    format!("{scenario}#{step}")
}

/// Tells each divergence which cluster it went into.
pub(super) fn name_clusters(clusters: &[Cluster], divergences: &mut [FoundDivergence]) {
    let ids: BTreeMap<&Signature, &str> = clusters
        .iter()
        .flat_map(|cluster| {
            cluster
                .signatures
                .iter()
                .map(|signature| (signature, cluster.id.as_str()))
        })
        .collect();
    for found in divergences {
        let id = ids.get(&found.signature()).copied().unwrap_or_default();
        found.cluster = id.to_owned();
    }
}

pub(super) fn total<'a>(parts: impl Iterator<Item = &'a Accounting>) -> Accounting {
    parts.fold(Accounting::default(), |sum, part| Accounting {
        seen: sum.seen + part.seen,
        sampled_out: sum.sampled_out + part.sampled_out,
        declined: sum.declined + part.declined,
        dropped: sum.dropped + part.dropped,
        timed_out: sum.timed_out + part.timed_out,
        errored: sum.errored + part.errored,
        not_comparable: sum.not_comparable + part.not_comparable,
        compared: sum.compared + part.compared,
        matched: sum.matched + part.matched,
        tolerated: sum.tolerated + part.tolerated,
        diverged: sum.diverged + part.diverged,
    })
}

fn latencies(reference: Vec<u32>, candidate: Vec<u32>) -> Option<LatencyPair> {
    if reference.is_empty() && candidate.is_empty() {
        return None;
    }
    Some(LatencyPair {
        reference: latency(reference),
        candidate: latency(candidate),
    })
}

fn latency(mut micros: Vec<u32>) -> Option<Latency> {
    micros.sort_unstable();
    let last = micros.len().checked_sub(1)?;
    let milliseconds = |micros: u32| f64::from(micros) / 1_000.0;
    // Nearest rank.
    let quantile = |percent: usize| milliseconds(micros[(last * percent).div_ceil(100)]);
    let mut histogram: Vec<(f64, u64)> = Vec::new();
    for &sample in &micros {
        let bound = milliseconds(
            sample
                .max(1)
                .checked_next_power_of_two()
                .unwrap_or(u32::MAX),
        );
        match histogram.last_mut() {
            Some((upper, count)) if (*upper - bound).abs() < f64::EPSILON => *count += 1,
            _ => histogram.push((bound, 1)),
        }
    }
    Some(Latency {
        count: micros.len() as u64,
        p50_ms: quantile(50),
        p95_ms: quantile(95),
        p99_ms: quantile(99),
        max_ms: milliseconds(micros[last]),
        histogram,
    })
}
