//! Prints the report of a candidate with four faults, made from the recorded corpus: something to
//! try the writers on.
//!
//! ```text
//! cargo run -p parity --example sample_report -- html > report.html
//! cargo run -p parity --example sample_report > report.json
//! ```

use std::{io::Write as _, path::Path};

use chrono::NaiveDate;
use parity::{
    bind::Bindings,
    compare::{Context, Observation, compare},
    fixture::{Corpus, Step},
    redact::Redactor,
    report::{Builder, LeftOut, Pair, Run, html_page},
    rules::Rules,
    verdict::{Basis, Policy},
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport");
    let corpus = Corpus::read(&fixtures)?;
    let rules = Rules::read(&fixtures.join("rules.toml"))?;
    let run = Run {
        command: "sample".into(),
        reference: "recorded".into(),
        candidate: "a candidate with four faults".into(),
        source: "fixtures/passport".into(),
        started: "2026-01-15T12:00:00Z".into(),
        ..Run::default()
    };
    let policy = Policy {
        basis: Basis::Replay,
        ..Policy::default()
    };
    // Faulty answers of recorded test values: only what the report shows by default is kept.
    let mut builder = Builder::new(run, policy, &rules, Redactor::new(*b"sample"));
    for scenario in corpus.scenarios() {
        let mut bindings = Bindings::default();
        for step in &scenario.steps {
            let route = rules.route(&step.request, &step.tags);
            let pair = Pair {
                scenario: &step.scenario,
                step: step.step,
                route: &route,
            };
            if step.tags.iter().any(|tag| tag == "big-body") {
                builder.left_out(pair, LeftOut::TimedOut, "no answer within 5 s");
                continue;
            }
            let reference = Observation {
                response: step.response.clone(),
                effects: step.effects.clone(),
            };
            let candidate = with_faults(step, &reference);
            let context = Context {
                rules: &rules,
                route: &route,
                tags: &step.tags,
            };
            let found = compare(&context, &mut bindings, &reference, &candidate);
            builder.compared(pair, &found, &step.request, &reference, &candidate);
            // Made up, but the same in every run.
            let micros = 400 + u32::try_from(step.response.body.len()).unwrap_or(0) / 4;
            builder.latency(&route, Some(micros * 9), Some(micros));
        }
    }
    let report = builder.finish(
        NaiveDate::from_ymd_opt(2026, 1, 15).unwrap_or_default(),
        1_000,
    );
    let text = match std::env::args().nth(1).as_deref() {
        Some("html") => html_page(&report),
        _ => report.to_json(),
    };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

/// What the reference did, with four mistakes.
fn with_faults(step: &Step, reference: &Observation) -> Observation {
    let mut candidate = reference.clone();
    let body = String::from_utf8_lossy(&candidate.response.body).into_owned();
    let body = body
        // Drops the zeros that Python keeps.
        .replace("\"threshold\": \"3.03500\"", "\"threshold\": \"3.035\"")
        // Another text for a known error.
        .replace(
            "{\"detail\": \"Unauthorized\"}",
            "{\"detail\": \"unauthorized\"}",
        );
    candidate.response.body = body.into();
    let length = candidate.response.body.len().to_string();
    for (name, value) in &mut candidate.response.headers.0 {
        // Answers to unknown methods lose their `Allow`.
        if name == "Allow" {
            *name = "X-Allow".into();
        }
        if name.eq_ignore_ascii_case("content-length") && !reference.response.body.is_empty() {
            *value = length.clone().into_bytes();
        }
    }
    // Revoked stamps keep their row.
    if step.request.method == "DELETE"
        && let Some(effects) = &mut candidate.effects
    {
        effects.0.remove("ceramic_cache_ceramiccache");
    }
    candidate
}
