//! Every deliberate fault is found by a replay, and shrinks to what matters.
#![expect(
    clippy::print_stdout,
    reason = "with --nocapture a run says what became of each fault"
)]

use std::{path::PathBuf, sync::Arc, time::Duration};

use parity::{
    fixture::{Corpus, Scenario, Step},
    outcome::Outcome,
    rules::Rules,
};
use parity_cli::{
    backend::{Backend, Recorded},
    explore::{Description, Generator, Limits, explore},
    faulty::{FAULTS, Fault, FaultyCandidate},
    replay::{BindingScope, Played, Replay, StepResult},
    reproduce::{Budget, Same, first_divergence, seed_of, shrink},
    sides::open_embedded,
};
use scorer::message::Mode;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

fn rules() -> Arc<Rules> {
    Arc::new(Rules::read(&fixtures().join("rules.toml")).expect("rules"))
}

fn replay(reference: Arc<dyn Backend>, candidate: Arc<dyn Backend>) -> Replay {
    Replay {
        rules: rules(),
        reference,
        candidate,
        bindings: BindingScope::Scenario,
        jobs: 1,
    }
}

fn diverges(played: &Played) -> bool {
    played.steps.iter().any(|step| {
        matches!(&step.result, StepResult::Compared(compared)
            if compared.comparison.outcome == Outcome::Diverged)
    })
}

#[tokio::test]
async fn replay_finds_every_fault_and_nothing_without_one() {
    let corpus = Corpus::read(&fixtures()).expect("fixtures");
    let faultless = replay(Arc::new(Recorded), Arc::new(Recorded));
    let mut missed = Vec::new();
    for fault in FAULTS {
        let faulty = replay(
            Arc::new(Recorded),
            Arc::new(FaultyCandidate::new(Arc::new(Recorded), fault)),
        );
        let mut struck = 0;
        let mut found = false;
        for scenario in corpus.scenarios() {
            if !scenario
                .steps
                .iter()
                .any(|step| fault.strikes_recorded(step))
            {
                continue;
            }
            struck += 1;
            let played = faulty.play(scenario.clone()).await.expect("played");
            found = diverges(&played);
            if found {
                let played = faultless.play(scenario.clone()).await.expect("played");
                assert!(!diverges(&played), "{} diverges from itself", scenario.name);
                break;
            }
        }
        if !found {
            missed.push(format!("{} (strikes {struck} scenarios)", fault.name));
        }
    }
    assert!(missed.is_empty(), "not found: {missed:#?}");
    assert!(FAULTS.len() >= 40);
}

/// Steps that have nothing to do with a fault, before the ones that show it.
fn in_a_long_session(scenario: &Scenario, corpus: &Corpus, fault: &Fault) -> Scenario {
    let others = corpus
        .scenarios()
        .filter(|other| {
            let [step] = other.steps.as_slice() else {
                return false;
            };
            step.sql_before.is_none()
                && step.effects.as_ref().is_some_and(|rows| rows.is_empty())
                && step.response.status == 200
                && !fault.strikes_recorded(step)
        })
        .take(8)
        .map(|other| other.steps[0].clone());
    let mut steps: Vec<Step> = others.collect();
    steps.extend(scenario.steps.iter().cloned());
    for (number, step) in (1..).zip(&mut steps) {
        step.step = number;
    }
    Scenario {
        name: scenario.name.clone(),
        steps,
    }
}

/// One fault of every layer; `FAULTS_TO_MINIMISE=all` takes all of them, names with commas take
/// those.
fn to_minimise() -> Vec<&'static Fault> {
    let asked = std::env::var("FAULTS_TO_MINIMISE").unwrap_or_default();
    let all = asked == "all";
    if !all && !asked.is_empty() {
        let named = asked.split(',').map(|name| Fault::named(name).expect(name));
        return named.collect();
    }
    let mut seen = Vec::new();
    FAULTS
        .iter()
        .filter(|fault| {
            let first = !seen.contains(&fault.layer);
            seen.push(fault.layer);
            all || first
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn minimise_brings_a_fault_in_a_long_session_to_at_most_three_steps() {
    let corpus = Corpus::read(&fixtures()).expect("fixtures");
    let seed = || seed_of(&corpus, &fixtures());
    let open = async || {
        open_embedded(&corpus.settings, seed(), Mode::CommitUnlisted, None)
            .await
            .expect("a scorer")
    };
    let reference: Arc<dyn Backend> = Arc::new(open().await);
    let candidate: Arc<dyn Backend> = Arc::new(open().await);
    let mut failures = Vec::new();
    for fault in to_minimise() {
        let faulty: Arc<dyn Backend> =
            Arc::new(FaultyCandidate::new(Arc::clone(&candidate), fault));
        let replay = replay(Arc::clone(&reference), faulty);
        let striking = corpus
            .scenarios()
            .filter(|scenario| {
                scenario
                    .steps
                    .iter()
                    .any(|step| fault.strikes_recorded(step))
            })
            .min_by_key(|scenario| scenario.steps.len())
            .expect("a scenario that the fault strikes");
        let session = in_a_long_session(striking, &corpus, fault);
        let played = replay.play(session.clone()).await.expect("played");
        let Some(same @ Same::Signature(_)) = first_divergence(&replay.rules, &played, false)
        else {
            failures.push(format!("{}: not found in {}", fault.name, session.name));
            continue;
        };
        let budget = Budget {
            scenarios: 600,
            seeds: 0,
        };
        let reproduction = shrink(&replay, session, same, budget)
            .await
            .expect("shrunk");
        let steps = &reproduction.minimized.scenario.steps;
        println!(
            "{}: {} steps after {} plays, nothing left to try: {}",
            fault.name,
            steps.len(),
            reproduction.minimized.tried,
            reproduction.minimized.complete,
        );
        if steps.len() > 3 {
            failures.push(format!("{}: {} steps are left", fault.name, steps.len()));
        }
        // Then no header, parameter or part of a body is left that could be left out.
        if !reproduction.minimized.complete {
            failures.push(format!("{}: more could be left out", fault.name));
        }
        assert!(
            diverges(&reproduction.played),
            "{}: the rest does not diverge",
            fault.name
        );
    }
    reference.close().await;
    candidate.close().await;
    assert!(failures.is_empty(), "{failures:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explore_finds_faults_that_no_fixture_was_made_for() {
    let corpus = Corpus::read(&fixtures()).expect("fixtures");
    let open = async || {
        let seed = seed_of(&corpus, &fixtures());
        open_embedded(&corpus.settings, seed, Mode::CommitUnlisted, None)
            .await
            .expect("a scorer")
    };
    let reference: Arc<dyn Backend> = Arc::new(open().await);
    let candidate: Arc<dyn Backend> = Arc::new(open().await);
    let description =
        Description::parse(include_str!("../../scorer/openapi.json")).expect("a description");
    let limits = Limits {
        count: 500,
        time: Duration::from_secs(120),
        most_found: 1,
        budget: Budget {
            scenarios: 15,
            seeds: 0,
        },
    };
    for name in [
        "header-nosniff-missing",
        "body-validation-type",
        "rows-event-missing",
    ] {
        let fault = Fault::named(name).expect("a fault");
        let faulty: Arc<dyn Backend> =
            Arc::new(FaultyCandidate::new(Arc::clone(&candidate), fault));
        let replay = replay(Arc::clone(&reference), faulty);
        let scenarios = corpus.scenarios().cloned().collect();
        let mut generator = Generator::new(11, scenarios, &description);
        let explored = explore(&replay, &mut generator, limits, |_| {})
            .await
            .expect("explored");
        assert!(
            !explored.found.is_empty(),
            "{name} was not found in {} scenarios",
            explored.played
        );
    }
    let replay = replay(Arc::clone(&reference), Arc::clone(&candidate));
    let scenarios = corpus.scenarios().cloned().collect();
    let mut generator = Generator::new(11, scenarios, &description);
    let limits = Limits {
        count: 60,
        ..limits
    };
    let explored = explore(&replay, &mut generator, limits, |_| {})
        .await
        .expect("explored");
    assert!(
        explored.found.is_empty(),
        "the scorer differs from itself: {:#?}",
        explored.found
    );
    reference.close().await;
    candidate.close().await;
}
