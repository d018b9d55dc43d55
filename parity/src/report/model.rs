//! `report.json`.

use serde::{Deserialize, Serialize};

use super::{ReportError, SinceBaseline, header::Header};
use crate::{
    accounting::Accounting,
    cluster::{Cluster, Signature},
    effects::Effects,
    exchange::{Request, Response},
    fixture::Version,
    outcome::Divergence,
    rules::Audit,
    verdict::{Policy, RouteVerdict, Verdict},
};

/// Format this build writes.
pub const VERSION: Version = Version { major: 1, minor: 1 };

/// Most divergences a report lists, so that a candidate that does everything wrong does not use up
/// the memory.
pub const MOST_DIVERGENCES: usize = 100_000;

const FORMAT: &str = "parity-report";

/// Everything one run found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub format: String,
    pub version: Version,
    pub run: Run,
    /// Over all routes.
    pub verdict: Verdict,
    /// What the verdicts were judged by.
    pub policy: Policy,
    pub totals: Accounting,
    pub routes: Vec<RouteReport>,
    /// Causes, those that affect most requests first.
    pub clusters: Vec<Cluster>,
    /// Every difference that no rule allows, in the order of the run; the first
    /// [`MOST_DIVERGENCES`] of them.
    pub divergences: Vec<FoundDivergence>,
    /// Divergences beyond those listed. Counts and clusters have them all.
    pub divergences_omitted: u64,
    /// Rules, and how often each was needed.
    pub rules: Vec<RuleUse>,
    /// Rules that ask to be looked at again.
    pub audit: Audit,
    /// Requests that were seen but not compared, and why.
    pub uncompared: Vec<Uncompared>,
    /// Both sides of requests that diverged, for looking at. Not every one has to be here.
    pub exchanges: Vec<DivergedExchange>,
    /// What is new and what is gone since the accepted baseline, where the run was held against one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since_baseline: Option<SinceBaseline>,
    /// What the run exercised and what it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<serde_json::Value>,
}

/// What was run against what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// Subcommand, e.g. `replay`.
    pub command: String,
    /// What the reference was: `recorded`, or an address without credentials.
    pub reference: String,
    /// What the candidate was: `embedded`, or an address without credentials.
    pub candidate: String,
    /// Where the requests came from.
    pub source: String,
    /// RFC 3339, UTC.
    pub started: String,
    pub duration_ms: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shard: Option<Shard>,
}

/// One part of a run that was split over machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shard {
    /// Counted from 1.
    pub index: u32,
    pub of: u32,
}

/// One route.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RouteReport {
    pub route: String,
    #[serde(flatten)]
    pub accounting: Accounting,
    pub judgement: RouteVerdict,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency: Option<LatencyPair>,
}

/// Time from sending a request to the end of the answer, on each side; absent where none was
/// measured (a recorded reference).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LatencyPair {
    pub reference: Option<Latency>,
    pub candidate: Option<Latency>,
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Latency {
    pub count: u64,
    pub p50_ms: f64,
    pub p95_ms: f64,
    pub p99_ms: f64,
    pub max_ms: f64,
    /// `[upper bound in milliseconds, requests]`, ascending; the bounds double.
    pub histogram: Vec<(f64, u64)>,
}

/// One difference, and where it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoundDivergence {
    pub scenario: String,
    pub step: u32,
    pub route: String,
    #[serde(flatten)]
    pub divergence: Divergence,
    /// The path with indices and data keys left open, as in its cluster's signature.
    pub pattern: String,
    /// What both values looked like, as in its cluster's signature, where one was replaced for being
    /// a secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shapes: Option<[String; 2]>,
    /// Identifier of its cluster; empty when too many were told apart already.
    pub cluster: String,
}

/// One rule in one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleUse {
    pub rule: String,
    pub reason: String,
    /// Differences it tolerated.
    pub tolerated: u64,
}

/// A request that was seen but not compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uncompared {
    pub scenario: String,
    pub step: u32,
    pub route: String,
    /// Name in the accounting: `timed_out`, `errored`, `not_comparable` …
    pub outcome: String,
    pub reason: String,
}

/// Both sides of one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DivergedExchange {
    pub scenario: String,
    pub step: u32,
    pub route: String,
    pub request: Request,
    pub reference: SideRecord,
    pub candidate: SideRecord,
}

/// What one side did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SideRecord {
    pub response: Response,
    pub effects: Option<Effects>,
}

impl FoundDivergence {
    /// Signature of the cluster it belongs to.
    pub fn signature(&self) -> Signature {
        let mut signature = Signature::of_pattern(&self.route, &self.pattern, &self.divergence);
        if let Some(shapes) = &self.shapes {
            [signature.reference, signature.candidate] = shapes.clone();
        }
        signature
    }
}

impl Report {
    pub(super) fn empty(run: Run, policy: Policy) -> Self {
        Report {
            format: FORMAT.to_owned(),
            version: VERSION,
            run,
            verdict: Verdict::Insufficient { need_more: 1 },
            policy,
            totals: Accounting::default(),
            routes: Vec::new(),
            clusters: Vec::new(),
            divergences: Vec::new(),
            divergences_omitted: 0,
            rules: Vec::new(),
            audit: Audit::default(),
            uncompared: Vec::new(),
            exchanges: Vec::new(),
            since_baseline: None,
            coverage: None,
        }
    }

    /// Reads `report.json`.
    ///
    /// # Errors
    /// When the text is no report, or one of a format this build does not know.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        Header::check(text, FORMAT, VERSION)?;
        Ok(serde_json::from_str(text)?)
    }

    /// Text of `report.json`.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a report has string keys and valid JSON rows");
        text.push('\n');
        text
    }
}
