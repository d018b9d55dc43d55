//! Written or only told, the rows of a scoring are the recorded ones.

#![expect(
    clippy::unwrap_used,
    reason = "a set-up that breaks has to fail the test that asked for it"
)]

use std::{path::Path, sync::Arc};

use parity::{fixture::Reader, outcome::Outcome, rules::Rules};
use parity_cli::{
    backend::{Embedded, Recorded},
    database::Seed,
    replay::{BindingScope, Replay, StepResult},
};
use scorer::{
    embedded::{Options, Postgres},
    message::Mode,
    settings::Settings,
};

/// Groups that score again and again on the state that the step before left.
const GROUPS: [&str; 3] = ["dedup", "human-points", "ceramic-bulk"];

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_writes_the_recorded_rows() {
    assert_recorded(Mode::CommitUnlisted, BindingScope::Scenario).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_tells_the_recorded_rows() {
    assert_recorded(Mode::DryRun, BindingScope::Step).await;
}

async fn assert_recorded(mode: Mode, bindings: BindingScope) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport");
    let reader = Reader::open(&directory).unwrap();
    let seed = Seed {
        origin: "seed.sql".to_owned(),
        sql: reader.seed().unwrap().expect("a seed"),
    };
    let settings = Settings::from_pairs(reader.manifest().settings.clone()).unwrap();
    let postgres = Postgres::start(Options::default()).await.unwrap();
    let candidate = Embedded::prepare(postgres, settings, &seed, mode)
        .await
        .unwrap();
    let replay = Replay {
        rules: Arc::new(Rules::read(&directory.join("rules.toml")).unwrap()),
        reference: Arc::new(Recorded),
        candidate: Arc::new(candidate),
        bindings,
        jobs: 2,
    };
    let scenarios = GROUPS.iter().flat_map(|group| {
        reader
            .scenarios(&format!("exchanges/{group}.jsonl"))
            .unwrap()
    });
    let (mut compared, mut wrong) = (0, Vec::new());
    let run = replay.run(scenarios, |played| {
        for (step, number) in played.steps.iter().zip(1..) {
            let name = format!("{} step {number}", played.scenario.name);
            match &step.result {
                StepResult::Compared(result) => {
                    compared += 1;
                    if result.comparison.outcome == Outcome::Diverged {
                        wrong.push(format!("{name}: {:#?}", result.comparison.diverged));
                    }
                }
                StepResult::LeftOut(why, detail) => {
                    wrong.push(format!("{name}: {why:?}: {detail}"))
                }
            }
        }
    });
    run.await.unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(compared >= 200, "only {compared} steps were compared");
}
