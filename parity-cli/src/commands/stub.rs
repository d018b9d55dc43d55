//! `parity-cli stub`: recorded answers as a backend.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::Args;
use parity::fixture::Scenario;

use crate::{
    exit::{Exit, Failure},
    replay::Selection,
    stub::{Latency, Stub},
    terminal::Terminal,
};

/// Serve recorded answers as a backend, e.g. the reference in a CI without Python.
///
/// A request gets the answer recorded for the same method, target, headers and body; of several,
/// the one that continues the scenario in progress, or the one in the scenario that the header
/// X-Parity-Scenario names. What was not recorded gets a 501. Ends on Ctrl-C.
///
/// Examples:
///   parity-cli stub fixtures/passport --listen 127.0.0.1:8000
///   parity-cli stub fixtures/mine --latency recorded
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures.
    fixtures: PathBuf,
    /// Where to listen; port 0 takes a free one.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Time every answer takes, in milliseconds, or `recorded`: as long as the recorded backend took.
    #[arg(long, value_name = "MS|recorded", default_value = "0", value_parser = latency)]
    latency: Latency,
    /// Only scenarios whose name has this part or matches this glob.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let reader = super::open(&arguments.fixtures, terminal)?;
    let selection = Selection::new(arguments.filter.as_deref(), &[], None)
        .map_err(|error| Failure::usage(format!("--filter: {error}")))?;
    let scenarios: Vec<_> = selection
        .scenarios(&reader)
        .collect::<Result<_, _>>()
        .map_err(Failure::usage)?;
    let count = scenarios.len();
    let measured = scenarios
        .iter()
        .flat_map(|scenario: &Scenario| &scenario.steps)
        .any(|step| step.latency_us.is_some());
    if arguments.latency == Latency::Recorded && !measured {
        return Err(Failure::usage(
            "--latency recorded: these fixtures hold no latencies; `parity-cli record` measures \
             them, and `parity-cli import` takes them from HAR and GoReplay files",
        ));
    }
    let stub = Stub::start(arguments.listen, scenarios, arguments.latency)
        .await
        .map_err(|error| {
            Failure::usage(format!("cannot listen on {}: {error}", arguments.listen))
        })?;
    let address = stub.address();
    if terminal.json {
        terminal.result(&serde_json::json!({ "address": address, "scenarios": count }).to_string());
    } else {
        terminal.note(&format!("{count} scenarios answered on http://{address}"));
    }
    tokio::signal::ctrl_c()
        .await
        .map_err(|error| Failure::internal(format!("cannot wait for Ctrl-C: {error}")))?;
    Ok(Exit::Parity)
}

fn latency(text: &str) -> Result<Latency, String> {
    if text == "recorded" {
        return Ok(Latency::Recorded);
    }
    text.parse()
        .map(|time| Latency::Fixed(Duration::from_millis(time)))
        .map_err(|_| "expected milliseconds or `recorded`".to_owned())
}
