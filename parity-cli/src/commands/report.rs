//! `report`: writes a report for its readers, joins the reports of shards, tells two runs apart.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::{Args, Subcommand, ValueEnum};
use parity::report::{self, Baseline, Difference, Report, Style};

use crate::{
    exit::{Exit, Failure},
    terminal::Terminal,
    whole_file,
};

/// Write a report for people or machines, join shards, or compare two runs
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  parity-cli report html reports/latest/report.json --out report.html
  parity-cli report markdown reports/latest/report.json >> \"$GITHUB_STEP_SUMMARY\"
  parity-cli report merge shard-*/report.json --out reports/latest/report.json
  parity-cli report baseline reports/latest/report.json --out reports/baseline.json
  parity-cli report diff reports/earlier/report.json reports/latest/report.json")]
pub struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// One self-contained HTML page
    Html(Conversion),
    /// JUnit XML for CI systems
    Junit(Conversion),
    /// Markdown for a pull request
    Markdown(Conversion),
    /// Text for a terminal
    Text(Conversion),
    /// The report itself, checked and in the format of this build
    Json(Conversion),
    /// Join the reports of shards into one
    Merge {
        /// Reports to join
        #[arg(required = true)]
        reports: Vec<PathBuf>,
        /// File to write; standard output without it
        #[arg(long, short)]
        out: Option<PathBuf>,
    },
    /// Accept what a run found: write the baseline that later runs are held against
    Baseline(Conversion),
    /// Say which causes are new, fixed and still there; exits with 1 when any is new
    Diff {
        /// Report of the earlier run
        earlier: PathBuf,
        /// Report of the later run
        later: PathBuf,
        #[arg(long, value_enum, default_value_t = DiffFormat::Markdown)]
        format: DiffFormat,
    },
}

#[derive(Debug, Args)]
struct Conversion {
    /// The report.json to read
    report: PathBuf,
    /// File to write; standard output without it
    #[arg(long, short)]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DiffFormat {
    Markdown,
    Json,
}

/// Carries out `report`.
///
/// # Errors
/// A report that cannot be read or joined, or a file that cannot be written.
pub fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let style = Style {
        color: terminal.color,
        ..Style::default()
    };
    match &arguments.action {
        Action::Html(conversion) => convert(conversion, terminal, report::html_page),
        Action::Junit(conversion) => convert(conversion, terminal, report::junit),
        Action::Markdown(conversion) => convert(conversion, terminal, report::markdown),
        Action::Text(conversion) => {
            convert(conversion, terminal, |read| report::terminal(read, style))
        }
        Action::Json(conversion) => convert(conversion, terminal, Report::to_json),
        Action::Merge { reports, out } => {
            let reports = reports
                .iter()
                .map(|path| read(path))
                .collect::<Result<Vec<_>, _>>()?;
            let merged = report::merge(reports).map_err(Failure::usage)?;
            write(out.as_deref(), &merged.to_json(), terminal)?;
            Ok(Exit::Parity)
        }
        Action::Baseline(conversion) => {
            let baseline = Baseline::accepting(&read(&conversion.report)?);
            let baseline = baseline.map_err(Failure::usage)?;
            write(conversion.out.as_deref(), &baseline.to_json(), terminal)?;
            Ok(Exit::Parity)
        }
        Action::Diff {
            earlier,
            later,
            format,
        } => {
            let difference = Difference::between(&read(earlier)?, &read(later)?);
            let text = if terminal.json || *format == DiffFormat::Json {
                serde_json::to_string_pretty(&difference).map_err(Failure::internal)?
            } else {
                report::markdown_difference(&difference)
            };
            terminal.result(&text);
            Ok(if difference.new.is_empty() {
                Exit::Parity
            } else {
                Exit::Diverged
            })
        }
    }
}

fn convert(
    conversion: &Conversion,
    terminal: Terminal,
    writer: impl FnOnce(&Report) -> String,
) -> Result<Exit, Failure> {
    let text = writer(&read(&conversion.report)?);
    write(conversion.out.as_deref(), &text, terminal)?;
    Ok(Exit::Parity)
}

fn read(path: &Path) -> Result<Report, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    Report::from_json(&text).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
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
