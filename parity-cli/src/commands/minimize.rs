//! `parity-cli minimize`: a diverging scenario, as small as it goes.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use parity::{
    fixture::{Corpus, Reader, Scenario},
    rules::Rules,
};

use crate::{
    exit::{Exit, Failure},
    replay::{BindingScope, Replay},
    reproduce::{Budget, Reproduction, Same, Written, first_divergence, shrink, write},
    sides::{RulesFile, Sides},
    terminal::Terminal,
};

/// Shrink a scenario that diverges, and write what is left as a fixture, as curl and as a test.
///
/// Leaves out steps, headers, parameters and parts of bodies as long as the same divergence shows.
/// A recorded reference only knows the answers it has: then only what the candidate does not react
/// to is left out. Give a running reference to shrink further. Then leaves out rows of the seed in
/// the same way, and plays what was written once more to see that it still diverges.
///
/// Ends with code 1 when the scenario diverges (and was shrunk), 0 when it does not.
///
/// Examples:
///   parity-cli minimize fixtures/passport --scenario dedup/clash-expires --out /tmp/clash
///   parity-cli minimize fixtures/passport --scenario v2-score/main-alice --out /tmp/alice \
///       --reference http://127.0.0.1:8000 --reference-db postgres://…
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures.
    fixtures: PathBuf,
    /// Name of the scenario.
    #[arg(long, value_name = "NAME")]
    scenario: String,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    rules: RulesFile,
    /// Smaller scenarios that may be played.
    #[arg(long, value_name = "N", default_value_t = 600)]
    budget: u32,
    /// Smaller seeds that may be played; 0 keeps the seed whole.
    #[arg(long, value_name = "N", default_value_t = 300)]
    seed_budget: u32,
    /// Where to write what is left; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let reader = super::open(&arguments.fixtures, terminal)?;
    let rules = Arc::new(arguments.rules.read(&arguments.fixtures, terminal)?);
    let scenario = find(&reader, &arguments.scenario)?;
    let steps = scenario.steps.len();
    let [reference, candidate] = arguments.sides.open(&reader, &arguments.fixtures).await?;
    let replay = Replay {
        rules: Arc::clone(&rules),
        reference,
        candidate,
        bindings: BindingScope::Scenario,
        jobs: 1,
    };
    let budget = Budget {
        scenarios: arguments.budget,
        seeds: arguments.seed_budget,
    };
    let result = async {
        let played = replay
            .play(scenario.clone())
            .await
            .map_err(Failure::internal)?;
        let recorded = arguments.sides.reference == "recorded";
        match first_divergence(&rules, &played, recorded) {
            None => Ok(None),
            Some(same) => shrink(&replay, scenario, same, budget)
                .await
                .map(Some)
                .map_err(Failure::internal),
        }
    }
    .await;
    close(&replay).await;
    let Some(mut reproduction) = result? else {
        let name = &arguments.scenario;
        terminal.result(&if terminal.json {
            serde_json::json!({ "scenario": name, "diverges": false }).to_string()
        } else {
            format!("{name} does not diverge")
        });
        return Ok(Exit::Parity);
    };
    let origin = Corpus {
        settings: reader.manifest().settings.clone(),
        seed: reader.seed().map_err(Failure::usage)?,
        groups: Vec::new(),
    };
    let rules_text = arguments.rules.text(&arguments.fixtures)?;
    let redactor = super::replay::redactor(&reader)?;
    let put = |reproduction: &Reproduction| {
        let (out, name) = (&arguments.out, &arguments.scenario);
        write(out, name, reproduction, &origin, &rules_text, &redactor).map_err(Failure::usage)
    };
    let written = put(&reproduction)?;
    if reproduction.seed.is_some() && !still_diverges(arguments, &rules, &reproduction).await {
        terminal.note("on the smaller seed alone it does not diverge: the seed is kept whole");
        reproduction.seed = None;
        put(&reproduction)?;
    }
    report(arguments, steps, &reproduction, &written, terminal);
    Ok(Exit::Diverged)
}

async fn close(replay: &Replay) {
    replay.reference.close().await;
    replay.candidate.close().await;
}

/// Plays the written fixture on both sides, from nothing.
async fn still_diverges(
    arguments: &Arguments,
    rules: &Arc<Rules>,
    reproduction: &Reproduction,
) -> bool {
    let fixtures = arguments.out.join("fixtures");
    let played = async {
        let reader = Reader::open(&fixtures).map_err(Failure::usage)?;
        let [reference, candidate] = arguments.sides.open(&reader, &fixtures).await?;
        let replay = Replay {
            rules: Arc::clone(rules),
            reference,
            candidate,
            bindings: BindingScope::Scenario,
            jobs: 1,
        };
        let scenario = find(&reader, &arguments.scenario)?;
        let played = replay.play(scenario).await.map_err(Failure::internal);
        close(&replay).await;
        played
    };
    // A seed that cannot even be loaded does not show it either.
    let played: Result<_, Failure> = played.await;
    played.is_ok_and(|played| reproduction.same.shows_in(rules, &played))
}

fn report(
    arguments: &Arguments,
    steps: usize,
    reproduction: &Reproduction,
    written: &Written,
    terminal: Terminal,
) {
    if let Same::Signature(signature) = &reproduction.same {
        terminal.note(&format!(
            "shrunk to the divergence {:?} {} {:?} on {}",
            signature.place, signature.path, signature.kind, signature.route
        ));
    }
    let seeds = reproduction.seed.as_ref().map_or(0, |seed| seed.tried);
    if !reproduction.minimized.complete || seeds >= arguments.seed_budget.max(1) {
        terminal.note("the budget was spent before nothing smaller was left to try");
    }
    let left = reproduction.minimized.scenario.steps.len();
    if terminal.json {
        let result = serde_json::json!({
            "scenario": arguments.scenario,
            "diverges": true,
            "steps": { "before": steps, "left": left },
            "seed_rows": reproduction.seed.as_ref().map(|seed| {
                let [left, before] = seed.rows;
                serde_json::json!({ "before": before, "left": left })
            }),
            "tried": { "scenarios": reproduction.minimized.tried, "seeds": seeds },
            "fixtures": written.fixtures,
            "curl": written.curl,
            "test": written.test,
        });
        return terminal.result(&result.to_string());
    }
    let rows = match &reproduction.seed {
        Some(seed) => format!("{} of {} rows of the seed", seed.rows[0], seed.rows[1]),
        None => "the whole seed".to_owned(),
    };
    terminal.result(&format!(
        "{steps} steps became {left} on {rows}, after playing {} scenarios and {seeds} seeds:\n  {}\n  {}\n  {}",
        reproduction.minimized.tried,
        written.fixtures.display(),
        written.curl.display(),
        written.test.display(),
    ));
}

fn find(reader: &Reader, name: &str) -> Result<Scenario, Failure> {
    for group in &reader.manifest().groups {
        for scenario in reader.scenarios(&group.file).map_err(Failure::usage)? {
            let scenario = scenario.map_err(Failure::usage)?;
            if scenario.name == name {
                return Ok(scenario);
            }
        }
    }
    Err(Failure::usage(format!("no scenario is called `{name}`")))
}
