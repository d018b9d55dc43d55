//! `parity-cli demo`: the whole house at work, with nothing installed and nothing left behind.

mod house;
mod progress;
mod record;
mod seeded;
mod summary;
mod traffic;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use clap::Args;
use parity::{
    fixture::{Corpus, Reader, Scenario},
    rules::Rules,
};
use tokio::signal::unix::{SignalKind, signal};

use self::{
    house::House,
    progress::Progress,
    record::Record,
    seeded::SEEDED,
    summary::{Books, Summary},
    traffic::{Playable, Seen},
};
use crate::{
    backend::HttpClient,
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Fixtures of the Passport scorer, as far as the demo plays them.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/passport");
/// Longer than any answer takes; the stand-in answers at once.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Show the shadow path at work: recorded Python answers in front, the Rust scorer behind.
///
/// Starts a database with the recorded seed, the scorer in this process, a stand-in that serves
/// the recorded answers of the Python service, and the shadow proxy between them. Sends recorded
/// requests to the proxy, which answers each with the stand-in's answer and compares the scorer's
/// behind the client's back. Half-way, three deliberate faults are switched on in the scorer.
/// Ends by itself and leaves nothing behind but its report, also when it is interrupted: with code
/// 0 when exactly the faults were found, 1 when anything else was found or a fault was missed, 2
/// when no request showed one of the faults. Needs no network.
///
/// Example: cargo run -p parity-cli -- demo
#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory of the fixtures.
    #[arg(long, value_name = "DIRECTORY", default_value = FIXTURES, hide_default_value = true)]
    fixtures: PathBuf,
    /// Requests to send at most.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    requests: usize,
    /// Leave the scorer without faults to the end.
    #[arg(long)]
    clean: bool,
    /// Where to write report.html and report.json; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY", default_value = "reports/runs/demo")]
    report_dir: PathBuf,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let reader = super::open(&arguments.fixtures, terminal)?;
    let corpus = reader.corpus().map_err(Failure::usage)?;
    let clock = most_common_clock(&corpus)
        .ok_or_else(|| Failure::usage("the fixtures have no step with a clock"))?;
    let playable = Playable::of(&corpus, clock);
    let halves = playable.halves(arguments.requests);
    let mut terminate = signal(SignalKind::terminate()).map_err(Failure::internal)?;

    let started = Instant::now();
    let rules = arguments.fixtures.join("rules.toml");
    let house = House::start(&corpus, &rules, clock, halves.concat(), terminal).await?;
    let played = tokio::select! {
        played = play(arguments, &reader, &house, &halves, started, terminal) => played,
        _ = tokio::signal::ctrl_c() => Err(interrupted()),
        _ = terminate.recv() => Err(interrupted()),
    };
    house.close().await;
    let summary = Summary {
        left_out: playable.left_out,
        ..played?
    };
    if terminal.json {
        terminal.result(&summary.json().to_string());
    } else {
        terminal.result(&summary.text());
    }
    Ok(summary.exit())
}

fn interrupted() -> Failure {
    Failure::internal("interrupted; everything that was started is stopped")
}

/// Sends both halves, with faults switched on between them, and writes the report.
async fn play(
    arguments: &Arguments,
    reader: &Reader,
    house: &House,
    [first, second]: &[Vec<Scenario>; 2],
    started: Instant,
    terminal: Terminal,
) -> Result<Summary, Failure> {
    let rules = Rules::read(&arguments.fixtures.join("rules.toml")).map_err(Failure::usage)?;
    let client = HttpClient::new(&format!("http://{}", house.proxy.address()), TIMEOUT)
        .map_err(Failure::internal)?;
    let mut record = Record::new(reader, &arguments.fixtures, &rules)?;
    let mut progress = Progress::new(first.len() + second.len(), terminal);
    let mut seen = Seen::default();
    seen.send(&client, house, first, &mut record, &mut progress)
        .await;
    let before = Books::of(&house.proxy);
    progress.note(&format!("half-way   {}", before.verdict()));
    if !arguments.clean {
        progress.note(&format!(
            "faults     {} switched on in the scorer",
            SEEDED.len()
        ));
        house.candidate.switch_faults_on();
    }
    seen.send(&client, house, second, &mut record, &mut progress)
        .await;
    drop(progress);
    let after = Books::of(&house.proxy);
    let took = started.elapsed();
    record.write(&arguments.report_dir, took)?;
    Ok(Summary {
        seen,
        left_out: BTreeMap::new(),
        before,
        after,
        seeded: !arguments.clean,
        report: arguments.report_dir.join("report.html"),
        took,
    })
}

/// The instant at which most first steps were recorded.
fn most_common_clock(corpus: &Corpus) -> Option<DateTime<Utc>> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for scenario in corpus.scenarios() {
        if let Some(clock) = scenario
            .steps
            .first()
            .and_then(|step| step.clock.as_deref())
        {
            *counts.entry(clock).or_default() += 1;
        }
    }
    let (clock, _) = counts.into_iter().max_by_key(|(_, count)| *count)?;
    clock.parse().ok()
}
