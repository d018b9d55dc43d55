//! `parity-cli explore`: questions that nobody recorded.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use parity::cluster::Signature;

use crate::{
    exit::{Exit, Failure},
    explore::{Description, Generator, Limits, explore},
    replay::{BindingScope, Replay},
    reproduce::{Budget, Reproduction, Same, write},
    sides::{RulesFile, Sides},
    terminal::Terminal,
};

/// The scorer's own description, for backends of the same service.
const BUILT_IN_DESCRIPTION: &str = include_str!("../../../scorer/openapi.json");

/// Make up requests, ask both sides, and keep what they answer differently.
///
/// Requests come from mutated fixtures and from the route description. Every new kind of
/// divergence is shrunk and written as a fixture, as curl and as a test. The same seed makes up
/// the same requests. Needs a reference that answers: a recording cannot.
///
/// Ends with code 1 when anything diverged.
///
/// Examples:
///   parity-cli explore fixtures/passport --reference http://127.0.0.1:8000 \
///       --reference-db postgres://… --count 500 --out reports/explored
///   parity-cli explore fixtures/passport --reference embedded --candidate http://127.0.0.1:8080 \
///       --candidate-db postgres://… --seed 7 --time 60
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures to start from.
    fixtures: PathBuf,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    rules: RulesFile,
    /// Route description; without it, that of the Passport scorer.
    #[arg(long, value_name = "OPENAPI.JSON")]
    description: Option<PathBuf>,
    /// Where the questions start; the same number asks the same ones.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Scenarios to make up.
    #[arg(long, value_name = "N", default_value_t = 200)]
    count: u32,
    /// Seconds after which no further scenario is made up.
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    time: u64,
    /// Kinds of divergence after which to stop.
    #[arg(long, value_name = "N", default_value_t = 50)]
    most: usize,
    /// Smaller scenarios that may be played for each divergence.
    #[arg(long, value_name = "N", default_value_t = 100)]
    budget: u32,
    /// Smaller seeds that may be played for each divergence.
    #[arg(long, value_name = "N", default_value_t = 50)]
    seed_budget: u32,
    /// Where to write what diverges, one directory each; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    if arguments.sides.reference == "recorded" {
        return Err(Failure::usage(
            "a recording cannot answer new questions: give --reference embedded or an address",
        ));
    }
    let reader = super::open(&arguments.fixtures, terminal)?;
    let rules = Arc::new(arguments.rules.read(&arguments.fixtures, terminal)?);
    let corpus = reader.corpus().map_err(Failure::usage)?;
    let description = describe(arguments)?;
    let mut generator = Generator::new(
        arguments.seed,
        corpus.scenarios().cloned().collect(),
        &description,
    );
    let [reference, candidate] = arguments.sides.open(&reader, &arguments.fixtures).await?;
    let replay = Replay {
        rules,
        reference,
        candidate,
        bindings: BindingScope::Scenario,
        jobs: 1,
    };
    let limits = Limits {
        count: arguments.count,
        time: Duration::from_secs(arguments.time),
        most_found: arguments.most,
        budget: Budget {
            scenarios: arguments.budget,
            seeds: arguments.seed_budget,
        },
    };
    let explored = explore(&replay, &mut generator, limits, |found| {
        if let Some(signature) = signature(found) {
            terminal.note(&format!(
                "{:?} {} {:?} on {}",
                signature.place, signature.path, signature.kind, signature.route
            ));
        }
    })
    .await
    .map_err(Failure::internal);
    replay.reference.close().await;
    replay.candidate.close().await;
    let explored = explored?;
    let mut directories = Vec::new();
    if let Some(out) = &arguments.out {
        let rules = arguments.rules.text(&arguments.fixtures)?;
        let redactor = super::replay::redactor(&reader)?;
        for (number, found) in (1..).zip(&explored.found) {
            let directory = out.join(format!("{number:03}"));
            let name = format!("explored/seed-{}-{number:03}", arguments.seed);
            write(&directory, &name, found, &corpus, &rules, &redactor).map_err(Failure::usage)?;
            directories.push(directory);
        }
    }
    terminal.result(&if terminal.json {
        let signatures: Vec<_> = explored.found.iter().map(signature).collect();
        serde_json::json!({
            "played": explored.played,
            "seed": arguments.seed,
            "found": signatures,
            "directories": directories,
        })
        .to_string()
    } else {
        format!(
            "{} scenarios made up with seed {}, {} kinds of divergence found",
            explored.played,
            arguments.seed,
            explored.found.len(),
        )
    });
    Ok(if explored.found.is_empty() {
        Exit::Parity
    } else {
        Exit::Diverged
    })
}

fn signature(found: &Reproduction) -> Option<&Signature> {
    match &found.same {
        Same::Signature(signature) => Some(signature),
        Same::Divergences(_) => None,
    }
}

fn describe(arguments: &Arguments) -> Result<Description, Failure> {
    match &arguments.description {
        None => Description::parse(BUILT_IN_DESCRIPTION).map_err(Failure::internal),
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                Failure::usage(format!("cannot read {}: {error}", path.display()))
            })?;
            Description::parse(&text)
                .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
        }
    }
}
