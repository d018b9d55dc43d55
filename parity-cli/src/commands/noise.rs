//! `parity-cli noise`: what the reference does not hold still.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use chrono::Utc;
use clap::Args;
use parity::{fixture::Reader, noise::ProposalsFor};
use serde_json::json;

use crate::{
    backend::{Backend, Recorded},
    database::{DatabaseError, Seed},
    exit::{Exit, Failure},
    noise::{Again, Learnt, Twice},
    replay::Selection,
    sides::{LiveSide, RulesFile},
    terminal::Terminal,
};

/// Compare the reference with itself and propose rules for what differs.
///
/// Plays every scenario twice, from the same state: from two recordings, from a recording and a
/// live reference, or from a live reference twice. Prints rules that would explain what differed,
/// with their evidence, as TOML. Nothing is put in force: a proposal has no reason and no author,
/// and the rules file refuses it until a person has written both. What the rules in force explain
/// already is not proposed again.
///
/// Ends with code 2 when there was nothing to compare. Without a database, a live reference is not
/// reset: select scenarios that only read.
///
/// Examples:
///   parity-cli noise recorded-monday --again recorded-tuesday
///   parity-cli noise fixtures/passport --reference http://127.0.0.1:8000 \
///       --reference-db postgres://… > proposals.toml
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures whose requests are asked.
    fixtures: PathBuf,
    /// First answers: `recorded`, or the address of the reference.
    #[arg(long, value_name = "recorded|URL", default_value = "recorded")]
    reference: String,
    /// Second answers: the directory of another recording of the same scenarios, or the address of
    /// the reference or of a second instance of it. Without it, the live reference is asked again.
    #[arg(long, value_name = "DIRECTORY|URL")]
    again: Option<String>,
    /// Test database of the live reference. It is emptied, filled with the seed, reset before each
    /// scenario is played and watched for changed rows; it has to be marked as a test database.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_REFERENCE_DB",
        hide_env_values = true
    )]
    reference_db: Option<String>,
    /// Test database of the second instance, as for the reference.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_AGAIN_DB",
        hide_env_values = true
    )]
    again_db: Option<String>,
    /// Redis database of the live reference, emptied before each scenario is played; it has to be
    /// marked as a test database.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_REFERENCE_REDIS",
        hide_env_values = true
    )]
    reference_redis: Option<String>,
    /// Redis database of the second instance, as for the reference.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_AGAIN_REDIS",
        hide_env_values = true
    )]
    again_redis: Option<String>,
    #[command(flatten)]
    rules: RulesFile,
    /// Only scenarios whose name has this part or, with `*`, `?` or `[`, matches this glob.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Only scenarios with a step of this tag; may be repeated, then each tag has to be there.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// How long a live reference may take to answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
    /// How far the clocks of a live reference and of this machine may be apart, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 100)]
    clock_skew: u64,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let reader = super::open(&arguments.fixtures, terminal)?;
    let rules = Arc::new(arguments.rules.read(&arguments.fixtures, terminal)?);
    let selection = Selection::new(arguments.filter.as_deref(), &arguments.tag, None)
        .map_err(|error| Failure::usage(format!("--filter: {error}")))?;
    let twice = open(arguments, &reader, rules, terminal).await?;
    let mut learnt = Learnt::default();
    let played = async {
        for scenario in selection.scenarios(&reader) {
            let scenario = scenario.map_err(Failure::usage)?;
            twice
                .play(&scenario, &mut learnt)
                .await
                .map_err(|error| match error {
                    DatabaseError::SqlBefore { .. } => Failure::usage(error),
                    error => Failure::internal(error),
                })?;
        }
        Ok(())
    }
    .await;
    twice.close().await;
    played?;
    print(arguments, &learnt, terminal)
}

fn print(arguments: &Arguments, learnt: &Learnt, terminal: Terminal) -> Result<Exit, Failure> {
    let today = Utc::now().date_naive();
    let source = format!(
        "{} twice ({}, then {}), {today}",
        arguments.fixtures.display(),
        arguments.reference,
        arguments.again.as_deref().unwrap_or("again"),
    );
    let proposals = learnt.model.propose(&ProposalsFor { source, today });
    for reason in &learnt.left_out {
        terminal.note(&format!("left out: {reason}"));
    }
    terminal.note(&format!(
        "{} pairs compared, {} rules proposed, {} places without an explanation",
        learnt.compared,
        proposals.rules.len(),
        proposals.unexplained.len(),
    ));
    if terminal.json {
        let summary = json!({
            "compared": learnt.compared,
            "left_out": learnt.left_out,
            "proposals": proposals.rules,
            "unexplained": proposals.unexplained,
        });
        terminal.result(&summary.to_string());
    } else {
        terminal.result(&proposals.to_toml().map_err(Failure::internal)?);
    }
    Ok(if learnt.compared == 0 {
        Exit::Insufficient
    } else {
        Exit::Parity
    })
}

async fn open(
    arguments: &Arguments,
    reader: &Reader,
    rules: Arc<parity::rules::Rules>,
    terminal: Terminal,
) -> Result<Twice, Failure> {
    let seed = reader.seed().map_err(Failure::usage)?;
    let seed = seed.map(|sql| Seed::of_fixtures(&arguments.fixtures, sql));
    let live = async |url: &str, database: &Option<String>, redis: &Option<String>| {
        let side = LiveSide {
            url,
            database: database.as_deref(),
            redis: redis.as_deref(),
            timeout: Duration::from_millis(arguments.timeout),
            clock_skew: Duration::from_millis(arguments.clock_skew),
        };
        side.open(seed.as_ref()).await
    };
    let reference: Arc<dyn Backend> = match arguments.reference.as_str() {
        "recorded" => Arc::new(Recorded),
        url => Arc::new(live(url, &arguments.reference_db, &arguments.reference_redis).await?),
    };
    let again = match arguments.again.as_deref() {
        Some(url) if url.starts_with("http://") || url.starts_with("https://") => {
            let again = live(url, &arguments.again_db, &arguments.again_redis).await?;
            Again::Backend(Arc::new(again))
        }
        Some(directory) => {
            let reader = super::open(Path::new(directory), terminal)?;
            Again::recording(&reader.corpus().map_err(Failure::usage)?)
        }
        None if arguments.reference == "recorded" => {
            return Err(Failure::usage(
                "one recording says nothing about noise: give --again, a second recording or an address",
            ));
        }
        None => Again::Backend(Arc::clone(&reference)),
    };
    Ok(Twice {
        rules,
        reference,
        again,
    })
}
