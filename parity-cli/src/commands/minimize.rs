//! `parity-cli minimize`: a diverging scenario, as small as it goes.

use std::{path::PathBuf, sync::Arc};

use clap::Args;
use parity::fixture::{Corpus, Reader, Scenario};

use crate::{
    exit::{Exit, Failure},
    replay::{BindingScope, Replay},
    reproduce::{Same, first_divergence, shrink, write},
    sides::{RulesFile, Sides},
    terminal::Terminal,
};

/// Shrink a scenario that diverges, and write what is left as a fixture, as curl and as a test.
///
/// Leaves out steps, headers, parameters and parts of bodies as long as the same divergence shows.
/// A recorded reference only knows the answers it has: then only what the candidate does not react
/// to is left out. Give a running reference to shrink further. Rows of the seed are all kept.
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
    #[arg(long, value_name = "N", default_value_t = 300)]
    budget: u32,
    /// Where to write what is left; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let reader = Reader::open(&arguments.fixtures).map_err(Failure::usage)?;
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
    let result = async {
        let played = replay
            .play(scenario.clone())
            .await
            .map_err(Failure::internal)?;
        let recorded = arguments.sides.reference == "recorded";
        match first_divergence(&rules, &played, recorded) {
            None => Ok(None),
            Some(same) => shrink(&replay, scenario, same, arguments.budget)
                .await
                .map(Some)
                .map_err(Failure::internal),
        }
    }
    .await;
    replay.reference.close().await;
    replay.candidate.close().await;
    let Some(reproduction) = result? else {
        terminal.result(&format!("{} does not diverge", arguments.scenario));
        return Ok(Exit::Parity);
    };
    let origin = Corpus {
        settings: reader.manifest().settings.clone(),
        seed: reader.seed().map_err(Failure::usage)?,
        groups: Vec::new(),
    };
    let written = write(
        &arguments.out,
        &arguments.scenario,
        &reproduction,
        &origin,
        &arguments.rules.text(&arguments.fixtures)?,
        &super::replay::redactor(&reader),
    )
    .map_err(Failure::usage)?;
    if let Same::Signature(signature) = &reproduction.same {
        terminal.note(&format!(
            "shrunk to the divergence {:?} {} {:?} on {}",
            signature.place, signature.path, signature.kind, signature.route
        ));
    }
    if !reproduction.minimized.complete {
        terminal.note("the budget was spent before nothing smaller was left to try");
    }
    terminal.result(&format!(
        "{steps} steps became {}, after playing {} scenarios:\n  {}\n  {}\n  {}",
        reproduction.minimized.scenario.steps.len(),
        reproduction.minimized.tried,
        written.fixtures.display(),
        written.curl.display(),
        written.test.display(),
    ));
    Ok(Exit::Diverged)
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
