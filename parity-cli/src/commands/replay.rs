//! `parity-cli replay`: fixtures to both sides, compared.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{SecondsFormat, Utc};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use parity::{
    coverage::Coverage,
    fixture::Reader,
    ledger,
    redact::Redactor,
    report::{self, Baseline, Builder, Report, Run, SinceBaseline},
    verdict::{Basis, FailReason, Policy, Verdict},
};

use crate::{
    database::DatabaseError,
    exit::{Exit, Failure},
    replay::{
        Acceptance, BindingScope, Played, Replay, ReplayError, Selection, Shard, StepResult,
        milliseconds_since,
    },
    sides::{LedgerFile, RulesFile, Sides},
    terminal::Terminal,
    whole_file,
};

/// Replay fixtures to both sides and compare answers and rows.
///
/// Every scenario starts from the seed, with the clock of the recording and an empty cache; a live
/// backend with its own clock, and reset as far as its database and its Redis are given. Nothing is
/// retried.
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
    #[command(flatten)]
    ledger: LedgerFile,
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
    /// Accepted causes of divergence, as `parity-cli report baseline` writes them: end with code 1
    /// only when a cause is new, and with 3 when a run of all fixtures compares fewer pairs.
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,
    /// Causes of divergence to show, with an example each.
    #[arg(long, value_name = "N", default_value_t = 10)]
    show: usize,
    /// End with code 2 unless the fixtures are enough for a confident verdict on every route.
    #[arg(long)]
    require_verdict: bool,
    /// End with code 1 when a rule or a ledger entry is expired or, in a run of all fixtures, was
    /// not needed.
    #[arg(long)]
    strict_rules: bool,
}

impl Arguments {
    /// Whether every fixture is played, so that what was not needed is needed nowhere.
    fn plays_everything(&self) -> bool {
        self.filter.is_none() && self.tag.is_empty() && self.shard.is_none()
    }
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let (report, accepted) = replay(arguments, terminal).await?;
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
    for (ids, what) in [
        (&accepted.expired, "past its expiry: look at it again"),
        (&accepted.gone, "no longer occurs: delete it"),
    ] {
        for id in ids {
            terminal.note(&format!("ledger entry {id}: {what}"));
        }
    }
    let exit = match &report.since_baseline {
        Some(since) => since_baseline(since, arguments, exit(&report, arguments.require_verdict)),
        None => exit(&report, arguments.require_verdict),
    };
    if arguments.strict_rules && matches!(exit, Exit::Parity | Exit::Insufficient) {
        return Ok(strictly(arguments, &report, &accepted, terminal).unwrap_or(exit));
    }
    Ok(exit)
}

/// The exit of a run that is held against a baseline: known causes are no reason to fail.
fn since_baseline(since: &SinceBaseline, arguments: &Arguments, exit: Exit) -> Exit {
    if !since.new.is_empty() {
        Exit::Diverged
    } else if since.compared_less > 0 && arguments.plays_everything() {
        Exit::NotComparable
    } else if exit == Exit::Diverged {
        Exit::Parity
    } else {
        exit
    }
}

/// The exit when a rule or a ledger entry has to be looked at again.
fn strictly(
    arguments: &Arguments,
    report: &Report,
    accepted: &ledger::Audit,
    terminal: Terminal,
) -> Option<Exit> {
    let expired = report.audit.expired.len() + accepted.expired.len();
    let unneeded = if arguments.plays_everything() {
        report.audit.dead.len() + accepted.gone.len()
    } else {
        0
    };
    (expired + unneeded > 0).then(|| {
        terminal.note(&format!(
            "--strict-rules: {expired} expired and {unneeded} unneeded rules or ledger entries"
        ));
        Exit::Diverged
    })
}

/// Adds every compared pair of a scenario.
fn observe(coverage: &mut Coverage, played: &Played) {
    for step in &played.steps {
        if let StepResult::Compared(compared) = &step.result {
            coverage.observe(&step.route, &compared.request, &compared.reference.response);
        }
    }
}

/// Plays what the arguments select and reports on it and on the ledger.
async fn replay(
    arguments: &Arguments,
    terminal: Terminal,
) -> Result<(Report, ledger::Audit), Failure> {
    let started = Instant::now();
    let reader = super::open(&arguments.fixtures, terminal)?;
    let rules = Arc::new(arguments.rules.read(&arguments.fixtures, terminal)?);
    let baseline = arguments
        .baseline
        .as_deref()
        .map(read_baseline)
        .transpose()?;
    let mut acceptance = Acceptance::new(arguments.ledger.read(&arguments.fixtures)?);
    let mut coverage = Coverage::expecting_routes(rules.route_names());
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
    let mut builder = Builder::new(describe(arguments), policy, &rules, redactor(&reader)?);
    let progress = progress(steps, terminal);
    let playing = replay.run(selection.scenarios(&reader), |mut played| {
        progress.inc(played.steps.len() as u64);
        acceptance.apply(&mut played);
        observe(&mut coverage, &played);
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
    let today = Utc::now().date_naive();
    let coverage = serde_json::to_value(&coverage).map_err(Failure::internal)?;
    builder.coverage(coverage);
    let mut report = builder.finish(today, milliseconds_since(started));
    report.since_baseline = baseline.map(|baseline| baseline.since(&report));
    Ok((report, acceptance.audit(today)))
}

fn read_baseline(path: &Path) -> Result<Baseline, Failure> {
    let text = fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    Baseline::from_json(&text)
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
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
pub(super) fn redactor(reader: &Reader) -> Result<Redactor, Failure> {
    Redactor::as_recorded(&reader.manifest().redaction, rand::random::<[u8; 32]>())
        .map_err(|error| Failure::usage(format!("the manifest's redaction: {error}")))
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
    let written = fs::create_dir_all(directory)
        .and_then(|()| whole_file::write(&directory.join("report.json"), report.to_json()));
    written.map_err(|error| {
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
