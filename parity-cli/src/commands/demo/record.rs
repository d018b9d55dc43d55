//! The demo's report: every pair judged once more, which has to come to what the proxy found.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::{SecondsFormat, Utc};
use parity::{
    accounting::Accounting,
    compare::Observation,
    exchange::Response,
    fixture::{Reader, Step},
    ledger::Ledger,
    outcome::Outcome,
    report::{self, Builder, LeftOut, Run},
    rules::Rules,
    verdict::Policy,
};
use shadow_proxy::{findings::Pair, judge::Judge};

use crate::{commands::replay::redactor, exit::Failure, whole_file};

/// One of the proxy's counts.
type Count = fn(&Accounting) -> u64;

/// Collects a report while requests are sent.
pub(super) struct Record<'r> {
    rules: &'r Rules,
    judge: Judge,
    builder: Builder<'r>,
}

impl<'r> Record<'r> {
    pub(super) fn new(reader: &Reader, source: &Path, rules: &'r Rules) -> Result<Self, Failure> {
        let run = Run {
            command: "demo".to_owned(),
            reference: "recorded".to_owned(),
            candidate: "embedded".to_owned(),
            source: from_here(source).display().to_string(),
            started: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
            duration_ms: 0,
            shard: None,
        };
        Ok(Self {
            rules,
            judge: Judge::new(rules.clone(), Ledger::none()),
            builder: Builder::new(run, Policy::default(), rules, redactor(reader)?),
        })
    }

    /// Adds a request, and says whether the proxy's accounts moved as this judgement says.
    pub(super) fn observe(
        &mut self,
        step: &Step,
        reference: Response,
        candidate: Option<Response>,
        before: &Accounting,
        after: &Accounting,
    ) -> bool {
        let route = self.rules.route(&step.request, &[]);
        let name = report::Pair {
            scenario: &step.scenario,
            step: step.step,
            route: &route,
        };
        let grew = |count: Count| count(after) > count(before);
        let Some(candidate) = candidate.filter(|_| grew(|counts| counts.compared)) else {
            let reasons: [(Count, LeftOut, &str); 5] = [
                (|counts| counts.declined, LeftOut::Declined, "not mirrored"),
                (|counts| counts.dropped, LeftOut::Dropped, "no room"),
                (|counts| counts.timed_out, LeftOut::TimedOut, "no answer"),
                (|counts| counts.errored, LeftOut::Errored, "no answer"),
                (
                    |counts| counts.not_comparable,
                    LeftOut::NotComparable,
                    "not the same question",
                ),
            ];
            let why = reasons.into_iter().find(|(count, ..)| grew(*count));
            if let Some((_, why, reason)) = why {
                self.builder.left_out(name, why, reason);
            }
            return why.is_some();
        };
        let observed = |response: Response| Observation {
            response,
            effects: None,
        };
        let pair = Pair {
            route: Arc::from(route.as_str()),
            request: step.request.clone(),
            reference: observed(reference),
            candidate: observed(candidate),
            clocks: None,
        };
        let comparison = self.judge.compare(&pair);
        let (request, reference, candidate) = (&pair.request, &pair.reference, &pair.candidate);
        self.builder
            .compared(name, &comparison, request, reference, candidate);
        match comparison.outcome {
            Outcome::Match => grew(|counts| counts.matched),
            Outcome::Tolerated => grew(|counts| counts.tolerated),
            Outcome::Diverged => grew(|counts| counts.diverged),
            Outcome::NotComparable => false,
        }
    }

    /// Writes `report.json` and `report.html`.
    pub(super) fn write(self, directory: &Path, took: Duration) -> Result<(), Failure> {
        let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        let report = self.builder.finish(Utc::now().date_naive(), milliseconds);
        let put = |name, text| whole_file::write(&directory.join(name), text);
        fs::create_dir_all(directory)
            .and_then(|()| put("report.json", report.to_json()))
            .and_then(|()| put("report.html", report::html_page(&report)))
            .map_err(|error| {
                Failure::usage(format!(
                    "cannot write the report in {}: {error}",
                    directory.display()
                ))
            })
    }
}

/// The path as somebody would write it who stands in the current directory.
fn from_here(path: &Path) -> PathBuf {
    let relative = || {
        let here = std::env::current_dir().ok()?;
        let whole = path.canonicalize().ok()?;
        whole.strip_prefix(here).ok().map(Path::to_owned)
    };
    relative().unwrap_or_else(|| path.to_owned())
}
