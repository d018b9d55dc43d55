//! `parity-cli replay`: fixtures to both sides, compared.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parity::{
    fixture::Reader,
    redact::{RedactionRecord, Redactor},
    report::{self, Builder, Report, Run},
    verdict::{Basis, FailReason, Policy, Verdict},
};

use crate::{
    database::DatabaseError,
    exit::{Exit, Failure},
    replay::{BindingScope, Replay, ReplayError, Selection, Shard, milliseconds_since},
    sides::{RulesFile, Sides},
    terminal::Terminal,
};

/// Replay fixtures to both sides and compare answers and rows.
///
/// Every scenario starts from the seed, with the clock of the recording and an empty cache. Nothing
/// is retried.
///
/// Examples:
///   parity-cli replay fixtures/passport
///   parity-cli replay fixtures/passport --filter 'dedup/*' --report-dir reports/dedup
///   parity-cli replay fixtures/passport --candidate http://127.0.0.1:8080 --candidate-db postgres://…
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures.
    fixtures: PathBuf,
    #[command(flatten)]
    sides: Sides,
    #[command(flatten)]
    rules: RulesFile,
    /// Only scenarios whose name has this part or, with `*`, `?` or `[`, matches this glob.
    #[arg(long, value_name = "PATTERN")]
    filter: Option<String>,
    /// Only scenarios with a step of this tag; may be repeated, then each tag has to be there.
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// Only part i of n, to split a run over machines.
    #[arg(long, value_name = "i/n")]
    shard: Option<Shard>,
    /// Scenarios played at the same time.
    #[arg(long, value_name = "N", default_value_t = default_jobs())]
    jobs: usize,
    /// Where to write report.json; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    report_dir: Option<PathBuf>,
    /// Causes of divergence to show, with an example each.
    #[arg(long, value_name = "N", default_value_t = 10)]
    show: usize,
    /// End with code 2 unless the fixtures are enough for a confident verdict on every route.
    #[arg(long)]
    require_verdict: bool,
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let report = replay(arguments, terminal).await?;
    if let Some(directory) = &arguments.report_dir {
        write_report(directory, &report)?;
    }
    if terminal.json {
        terminal.result(&report.to_json());
    } else {
        let style = report::Style {
            color: terminal.color,
            clusters: if terminal.quiet { 0 } else { arguments.show },
            width: terminal.width(),
        };
        terminal.result(&report::terminal(&report, style));
    }
    Ok(exit(&report, arguments.require_verdict))
}

/// Plays what the arguments select and reports on it.
async fn replay(arguments: &Arguments, terminal: Terminal) -> Result<Report, Failure> {
    let started = Instant::now();
    let reader = Reader::open(&arguments.fixtures).map_err(Failure::usage)?;
    let rules = Arc::new(arguments.rules.read(&arguments.fixtures, terminal)?);
    let selection = Selection::new(arguments.filter.as_deref(), &arguments.tag, arguments.shard)
        .map_err(|error| Failure::usage(format!("--filter: {error}")))?;
    let steps = check(&selection, &reader)?;
    let [reference, candidate] = arguments.sides.open(&reader, &arguments.fixtures).await?;
    terminal.note(&format!("reference: {}", reference.describe()));
    terminal.note(&format!("candidate: {}", candidate.describe()));

    let replay = Replay {
        rules: Arc::clone(&rules),
        reference,
        candidate,
        bindings: if arguments.sides.dry_run {
            BindingScope::Step
        } else {
            BindingScope::Scenario
        },
        jobs: arguments.jobs,
    };
    let policy = Policy {
        basis: Basis::Replay,
        ..Policy::default()
    };
    let mut builder = Builder::new(describe(arguments), policy, &rules, redactor(&reader));
    let progress = progress(steps, terminal);
    let playing = replay.run(selection.scenarios(&reader), |played| {
        progress.inc(played.steps.len() as u64);
        played.report(&mut builder);
    });
    let played = tokio::select! {
        played = playing => played.map_err(|error| match error {
            ReplayError::Fixture(_) | ReplayError::Database(DatabaseError::SqlBefore { .. }) => {
                Failure::usage(error)
            }
            error => Failure::internal(error),
        }),
        _ = tokio::signal::ctrl_c() => Err(Failure::internal("interrupted; nothing was written")),
    };
    progress.finish_and_clear();
    close(&replay).await;
    played?;
    Ok(builder.finish(Utc::now().date_naive(), milliseconds_since(started)))
}

/// Reads every selected fixture once before anything is started, so that a broken one is named
/// before time is spent; returns the number of steps.
fn check(selection: &Selection, reader: &Reader) -> Result<u64, Failure> {
    let mut steps = 0;
    for scenario in selection.scenarios(reader) {
        steps += scenario.map_err(Failure::usage)?.steps.len() as u64;
    }
    if steps == 0 {
        return Err(Failure::usage(
            "no scenario is selected; look at --filter, --tag and --shard",
        ));
    }
    Ok(steps)
}

async fn close(replay: &Replay) {
    for side in [&replay.reference, &replay.candidate] {
        side.close().await;
    }
}

fn describe(arguments: &Arguments) -> Run {
    Run {
        command: "replay".to_owned(),
        reference: arguments.sides.reference.clone(),
        candidate: arguments.sides.candidate.clone(),
        source: arguments.fixtures.display().to_string(),
        started: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
        duration_ms: 0,
        shard: arguments.shard.map(|shard| report::Shard {
            index: shard.index,
            of: shard.of,
        }),
    }
}

/// A report keeps what its fixtures keep.
pub(super) fn redactor(reader: &Reader) -> Redactor {
    match &reader.manifest().redaction {
        RedactionRecord::Kept { reason } => Redactor::keep_all(reason.clone()),
        RedactionRecord::Replaced { .. } => Redactor::new(rand::random::<[u8; 32]>()),
    }
}

fn progress(steps: u64, terminal: Terminal) -> ProgressBar {
    if !terminal.shows_progress() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(steps), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} steps, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// Writes `report.json`, all or nothing.
fn write_report(directory: &Path, report: &Report) -> Result<(), Failure> {
    let write = || -> std::io::Result<()> {
        fs::create_dir_all(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        file.write_all(report.to_json().as_bytes())?;
        file.persist(directory.join("report.json"))?;
        Ok(())
    };
    write().map_err(|error| {
        Failure::usage(format!(
            "cannot write report.json in {}: {error}",
            directory.display()
        ))
    })
}

fn exit(report: &Report, require_verdict: bool) -> Exit {
    if report.totals.diverged > 0 {
        return Exit::Diverged;
    }
    match report.verdict {
        Verdict::Fail {
            reason: FailReason::NotComparable,
        } => Exit::NotComparable,
        Verdict::Fail { .. } => Exit::Diverged,
        Verdict::Insufficient { .. } if require_verdict || report.totals.compared == 0 => {
            Exit::Insufficient
        }
        Verdict::Insufficient { .. } | Verdict::Pass => Exit::Parity,
    }
}
