//! `export`: fixtures for other tools.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use parity::fixture::{Step, export_har};

use crate::{
    exit::{Exit, Failure},
    reproduce::curl,
    terminal::Terminal,
    whole_file,
};

/// Write recorded requests as a HAR file or as curl commands.
///
/// Example: parity-cli export fixtures/passport --format curl --scenario v2-score/main-alice
#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory of the fixtures.
    fixtures: PathBuf,
    #[arg(long, value_enum)]
    format: Format,
    /// Only scenarios whose name starts with this.
    #[arg(long, value_name = "PREFIX", default_value = "")]
    scenario: String,
    /// Backend the requests are written for.
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8080")]
    to: String,
    /// File to write; standard output without it.
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// HTTP archive 1.2
    Har,
    /// One command per request
    Curl,
}

pub(crate) fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let corpus = super::open(&arguments.fixtures, terminal)?
        .corpus()
        .map_err(Failure::usage)?;
    let steps: Vec<&Step> = corpus
        .scenarios()
        .filter(|scenario| scenario.name.starts_with(&arguments.scenario))
        .flat_map(|scenario| &scenario.steps)
        .collect();
    if steps.is_empty() {
        return Err(Failure::usage(format!(
            "no scenario of {} starts with `{}`",
            arguments.fixtures.display(),
            arguments.scenario
        )));
    }
    let text = match arguments.format {
        Format::Har => export_har(steps.into_iter(), &arguments.to),
        Format::Curl => commands(&steps, &arguments.to),
    };
    write(arguments.out.as_deref(), &text, terminal)?;
    Ok(Exit::Parity)
}

fn commands(steps: &[&Step], to: &str) -> String {
    let commands: Vec<String> = steps
        .iter()
        .map(|step| {
            format!(
                "# {} step {}: answered with {}\n{}",
                step.scenario.replace('\n', " "),
                step.step,
                step.response.status,
                curl(to.trim_end_matches('/'), &step.request)
            )
        })
        .collect();
    commands.join("\n")
}

fn write(out: Option<&Path>, text: &str, terminal: Terminal) -> Result<(), Failure> {
    let Some(path) = out else {
        terminal.result(text);
        return Ok(());
    };
    whole_file::write(path, text)
        .map_err(|error| Failure::usage(format!("cannot write {}: {error}", path.display())))?;
    terminal.note(&format!("wrote {}", path.display()));
    Ok(())
}
