//! `parity-cli doctor`: whether a verdict of these two sides would mean anything.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use clap::Args;
use parity::{
    fixture::{Reader, Scenario},
    outcome::Outcome,
    rules::Rules,
};

use crate::{
    backend::{Backend, HttpClient, Recorded},
    exit::{Exit, Failure},
    faulty::{FAULTS, FaultyCandidate},
    replay::{BindingScope, Played, Replay, StepResult},
    sides::{RulesFile, Sides},
    terminal::Terminal,
};

/// Check the comparison itself, before a verdict is trusted.
///
/// Plays a sample of the fixtures: the reference against itself must be clean, the reference
/// against itself with a deliberate fault must be caught, fault by fault, and both sides must
/// agree on the time. Ends with code 1 when any check fails.
///
/// Examples:
///   parity-cli doctor fixtures/passport
///   parity-cli doctor fixtures/passport --reference http://127.0.0.1:8000 --reference-db postgres://…
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures.
    fixtures: PathBuf,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    rules: RulesFile,
    /// Scenarios to play, spread over the fixtures.
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(1..))]
    sample: u32,
    /// Seconds by which the clocks of live sides may differ.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    clock_tolerance: u32,
}

/// One check and what came of it.
struct Check {
    what: String,
    /// `None` when it could not be carried out.
    passed: Option<bool>,
    detail: String,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let reader = super::open(&arguments.fixtures, terminal)?;
    let rules = Arc::new(arguments.rules.read(&arguments.fixtures, terminal)?);
    let sample = sample(&reader, arguments.sample)?;
    let [reference, candidate] = arguments.sides.open(&reader, &arguments.fixtures).await?;
    terminal.note(&format!("reference: {}", reference.describe()));
    terminal.note(&format!("candidate: {}", candidate.describe()));

    let checks = async {
        let mut checks = vec![clean(&rules, &reference, &sample).await?];
        checks.push(caught(&rules, &reference, &sample).await?);
        checks.push(clocks(&arguments.sides, arguments.clock_tolerance, &sample).await?);
        checks.push(settings(&rules, &reference, &candidate, &sample).await?);
        Ok(checks)
    }
    .await;
    reference.close().await;
    candidate.close().await;
    let checks: Vec<Check> = checks?;
    terminal.result(&render(&checks, terminal.json));
    let failed = checks.iter().any(|check| check.passed == Some(false));
    Ok(if failed { Exit::Diverged } else { Exit::Parity })
}

/// Scenarios spread evenly over the fixtures.
fn sample(reader: &Reader, size: u32) -> Result<Vec<Scenario>, Failure> {
    let mut all = Vec::new();
    for group in &reader.manifest().groups {
        for scenario in reader.scenarios(&group.file).map_err(Failure::usage)? {
            all.push(scenario.map_err(Failure::usage)?);
        }
    }
    let every = all.len().div_ceil(size as usize).max(1);
    Ok(all.into_iter().step_by(every).collect())
}

/// The reference against itself.
async fn clean(
    rules: &Arc<Rules>,
    reference: &Arc<dyn Backend>,
    sample: &[Scenario],
) -> Result<Check, Failure> {
    let replay = between(rules, reference, Arc::clone(reference));
    let mut diverged = Vec::new();
    let mut compared = 0;
    for scenario in sample {
        let played = play_in_turn(&replay, scenario).await?;
        compared += steps_compared(&played);
        if diverges(&played) {
            diverged.push(scenario.name.clone());
        }
    }
    Ok(Check {
        what: "the reference agrees with itself".into(),
        passed: Some(diverged.is_empty() && compared > 0),
        detail: if diverged.is_empty() {
            let recorded = reference.describe() == Recorded.describe();
            let always = if recorded {
                "; a recording always does"
            } else {
                ""
            };
            format!("{compared} steps compared, none diverged{always}")
        } else {
            format!(
                "{} of {} scenarios diverged, first {}: noise that no rule covers",
                diverged.len(),
                sample.len(),
                diverged[0],
            )
        },
    })
}

/// The reference against itself with each deliberate fault.
async fn caught(
    rules: &Arc<Rules>,
    reference: &Arc<dyn Backend>,
    sample: &[Scenario],
) -> Result<Check, Failure> {
    /// Scenarios that are tried for each fault.
    const TRIES: usize = 5;
    let mut caught = 0;
    let mut missed = Vec::new();
    let mut without = 0;
    for fault in FAULTS {
        let faulty = Arc::new(FaultyCandidate::new(Arc::clone(reference), fault));
        let candidate = Arc::<FaultyCandidate>::clone(&faulty);
        let replay = between(rules, reference, candidate);
        let likely: Vec<&Scenario> = sample
            .iter()
            .filter(|scenario| {
                scenario
                    .steps
                    .iter()
                    .any(|step| fault.strikes_recorded(step))
            })
            .take(TRIES)
            .collect();
        let mut found = false;
        for scenario in &likely {
            found = diverges(&play_in_turn(&replay, scenario).await?);
            if found {
                break;
            }
        }
        match (found, faulty.has_struck()) {
            (true, _) => caught += 1,
            // What is recorded may be no part of what a live reference answers, such as a time.
            (false, false) => without += 1,
            (false, true) => missed.push(fault.name),
        }
    }
    Ok(Check {
        what: "the reference with a fault is caught".into(),
        passed: Some(missed.is_empty() && caught > 0),
        detail: format!(
            "{caught} of {} faults caught, {without} have nothing to strike in the sample{}",
            FAULTS.len(),
            if missed.is_empty() {
                String::new()
            } else {
                format!(", missed: {}", missed.join(", "))
            },
        ),
    })
}

/// The `Date` headers of live sides, and this machine's clock.
async fn clocks(sides: &Sides, tolerance: u32, sample: &[Scenario]) -> Result<Check, Failure> {
    let mut skews = Vec::new();
    let mut silent = Vec::new();
    for side in [&sides.reference, &sides.candidate] {
        let (true, Some(step)) = (
            side.contains("://"),
            sample.iter().find_map(|s| s.steps.first()),
        ) else {
            continue;
        };
        let client =
            HttpClient::new(side, Duration::from_millis(sides.timeout)).map_err(Failure::usage)?;
        let answer = client.send(&step.request).await.map_err(Failure::usage)?;
        let date = answer
            .headers
            .get("date")
            .and_then(|value| std::str::from_utf8(value).ok())
            .and_then(|text| DateTime::parse_from_rfc2822(text).ok());
        match date {
            Some(date) => skews.push((Utc::now() - date.with_timezone(&Utc)).num_seconds()),
            None => silent.push(side.as_str()),
        }
    }
    let worst = skews.iter().map(|skew| skew.abs()).max();
    Ok(Check {
        what: "both sides agree on the time".into(),
        passed: match (worst, silent.is_empty()) {
            (Some(worst), _) if worst > i64::from(tolerance) => Some(false),
            (_, false) => None,
            // The embedded and the recorded side take the clock of the fixtures.
            _ => Some(true),
        },
        detail: match (worst, silent.is_empty()) {
            (_, false) => format!("no Date header from {}", silent.join(" and ")),
            (Some(worst), true) => format!("at most {worst} s from this machine's clock"),
            (None, true) => "no side has a clock of its own".into(),
        },
    })
}

/// Settings cannot be read from outside, but they show: where they differ, statuses do.
async fn settings(
    rules: &Arc<Rules>,
    reference: &Arc<dyn Backend>,
    candidate: &Arc<dyn Backend>,
    sample: &[Scenario],
) -> Result<Check, Failure> {
    let replay = between(rules, reference, Arc::clone(candidate));
    let (mut compared, mut other_status) = (0, 0);
    for scenario in sample {
        for step in &play(&replay, scenario).await?.steps {
            if let StepResult::Compared(pair) = &step.result {
                compared += 1;
                other_status +=
                    usize::from(pair.reference.response.status != pair.candidate.response.status);
            }
        }
    }
    // A port may have faults; other settings change answers wholesale.
    let share = other_status as f64 / f64::from(compared.max(1));
    Ok(Check {
        what: "both sides look set up alike".into(),
        passed: (compared > 0).then_some(share <= 0.05),
        detail: format!(
            "{other_status} of {compared} answers have another status; settings themselves cannot be \
             read from outside",
        ),
    })
}

fn between(
    rules: &Arc<Rules>,
    reference: &Arc<dyn Backend>,
    candidate: Arc<dyn Backend>,
) -> Replay {
    Replay {
        rules: Arc::clone(rules),
        reference: Arc::clone(reference),
        candidate,
        bindings: BindingScope::Scenario,
        jobs: 1,
    }
}

async fn play(replay: &Replay, scenario: &Scenario) -> Result<Played, Failure> {
    replay
        .play(scenario.clone())
        .await
        .map_err(Failure::internal)
}

/// For a reference against itself: it may have one state only.
async fn play_in_turn(replay: &Replay, scenario: &Scenario) -> Result<Played, Failure> {
    replay
        .play_in_turn(scenario.clone())
        .await
        .map_err(Failure::internal)
}

fn diverges(played: &Played) -> bool {
    played.steps.iter().any(|step| {
        matches!(&step.result, StepResult::Compared(pair)
            if pair.comparison.outcome == Outcome::Diverged)
    })
}

fn steps_compared(played: &Played) -> usize {
    played
        .steps
        .iter()
        .filter(|step| matches!(step.result, StepResult::Compared(_)))
        .count()
}

fn render(checks: &[Check], json: bool) -> String {
    if json {
        let checks: Vec<_> = checks
            .iter()
            .map(|check| {
                serde_json::json!({
                    "check": check.what,
                    "passed": check.passed,
                    "detail": check.detail,
                })
            })
            .collect();
        return serde_json::Value::from(checks).to_string();
    }
    let mark = |passed| match passed {
        Some(true) => "ok     ",
        Some(false) => "FAILED ",
        None => "unknown",
    };
    let lines: Vec<String> = checks
        .iter()
        .map(|check| format!("{} {}: {}", mark(check.passed), check.what, check.detail))
        .collect();
    lines.join("\n")
}
