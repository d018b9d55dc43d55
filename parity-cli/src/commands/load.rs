//! `parity-cli load`: how fast both backends answer.

use std::{path::PathBuf, sync::Arc, time::Duration};

use clap::Args;
use comfy_table::{Table, presets};
use parity::exchange::Request;

use crate::{
    backend::HttpClient,
    exit::{Exit, Failure},
    load::{
        BackendSummary, Judged, Pace, Plan, Started, Summary, TurnResult, judge, peak_memory,
        run_turn, start, write_time_series,
    },
    sides::RulesFile,
    terminal::Terminal,
    whole_file,
};

/// Put load on both backends in turn and compare latencies with the targets.
///
/// Sends the fixtures' single-step requests that were answered with 200. Answers are checked by
/// status, members and their types. Ends with code 1 when the candidate answers wrongly or misses a target.
///
/// Examples:
///   parity-cli load fixtures/passport --candidate http://127.0.0.1:8080 --vus 10 --duration 30
///   parity-cli load fixtures/passport --reference http://127.0.0.1:8000 \
///       --candidate http://127.0.0.1:8080 --rate 200 --out reports/load
///   parity-cli load fixtures/passport --candidate http://127.0.0.1:8080 \
///       --candidate-command './scorer serve' --vus 10
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// Directory of the fixtures whose requests are sent.
    fixtures: PathBuf,
    #[command(flatten)]
    rules: RulesFile,
    /// Address of the trusted backend; left out, only the candidate is measured.
    #[arg(long, value_name = "URL")]
    reference: Option<String>,
    /// Address of the new backend.
    #[arg(long, value_name = "URL")]
    candidate: String,
    /// Routes to ask; may be repeated.
    #[arg(long, value_name = "NAME", default_values = ["v2-score", "embed-score", "ceramic-score"])]
    route: Vec<String>,
    /// Users that each wait for an answer before they ask again.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    vus: u16,
    /// Requests a second instead of users; latency then counts from when a request was due.
    #[arg(long, value_name = "PER_SECOND", conflicts_with = "vus")]
    rate: Option<f64>,
    /// Measured seconds per backend, over all its turns.
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    duration: u64,
    /// Turns per backend; the order changes with every turn.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    turns: u32,
    /// Seconds at the start of every turn that are not counted.
    #[arg(long, value_name = "SECONDS", default_value_t = 2)]
    warm_up: u64,
    /// How long an answer may take, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
    /// Starts the reference, to measure its cold start and memory; it is stopped at the end.
    #[arg(long, value_name = "COMMAND", requires = "reference")]
    reference_command: Option<String>,
    /// Starts the candidate, to measure its cold start and memory; it is stopped at the end.
    #[arg(long, value_name = "COMMAND")]
    candidate_command: Option<String>,
    /// Process of a running reference, to measure its memory.
    #[arg(long, value_name = "PID", conflicts_with = "reference_command")]
    reference_pid: Option<u32>,
    /// Process of a running candidate, to measure its memory.
    #[arg(long, value_name = "PID", conflicts_with = "candidate_command")]
    candidate_pid: Option<u32>,
    /// Where to write summary.json and time-series.csv; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    out: Option<PathBuf>,
}

/// One backend under load.
struct Side {
    name: &'static str,
    client: HttpClient,
    started: Option<Started>,
    process: Option<u32>,
    result: TurnResult,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let pace = match arguments.rate {
        None => Pace::Users(usize::from(arguments.vus)),
        Some(rate) if rate > 0.0 && rate <= 100_000.0 => Pace::PerSecond(rate),
        Some(rate) => return Err(Failure::usage(format!("--rate {rate}: give 0 to 100000"))),
    };
    let reader = super::open(&arguments.fixtures, terminal)?;
    let rules = arguments.rules.read(&arguments.fixtures, terminal)?;
    let plan = Plan::from_fixtures(&reader, &rules, &arguments.route).map_err(Failure::usage)?;
    let probe = plan.requests[0].request.clone();
    let plan = Arc::new(plan);
    let mut sides = open(arguments, &probe).await?;

    let turns = arguments.turns;
    let duration = Duration::from_secs(arguments.duration) / turns;
    for turn in 0..turns {
        for side in &mut sides {
            terminal.note(&format!("turn {} of {turns}: the {}", turn + 1, side.name));
            let warm_up = Duration::from_secs(arguments.warm_up);
            let result = run_turn(
                side.client.clone(),
                Arc::clone(&plan),
                pace,
                warm_up,
                duration,
            )
            .await;
            side.result.merge(result);
        }
        sides.reverse();
    }
    let summary = summarise(arguments, pace, &sides);
    if let Some(directory) = &arguments.out {
        write(directory, &summary, &sides)?;
    }
    if terminal.json {
        terminal.result(&serde_json::to_string_pretty(&summary).map_err(Failure::internal)?);
    } else {
        terminal.result(&table(&summary));
    }
    Ok(exit(&summary))
}

async fn open(arguments: &Arguments, probe: &Request) -> Result<Vec<Side>, Failure> {
    let named = [
        (
            "reference",
            arguments.reference.as_deref(),
            &arguments.reference_command,
            arguments.reference_pid,
        ),
        (
            "candidate",
            Some(arguments.candidate.as_str()),
            &arguments.candidate_command,
            arguments.candidate_pid,
        ),
    ];
    let mut sides = Vec::new();
    for (name, address, command, process) in named {
        let Some(address) = address else { continue };
        let client = HttpClient::new(address, Duration::from_millis(arguments.timeout))
            .map_err(Failure::usage)?;
        let started = match command {
            None => None,
            Some(command) => Some(
                start(command, &client, probe, Duration::from_secs(60))
                    .await
                    .map_err(Failure::usage)?,
            ),
        };
        if let Err(error) = client.send(probe).await {
            return Err(Failure::usage(format!("the {name} at {address}: {error}")));
        }
        sides.push(Side {
            name,
            client,
            started,
            process,
            result: TurnResult::default(),
        });
    }
    Ok(sides)
}

fn summarise(arguments: &Arguments, pace: Pace, sides: &[Side]) -> Summary {
    let backends = sides.iter().map(|side| {
        let process = side
            .process
            .or_else(|| side.started.as_ref().and_then(Started::process));
        let summary = BackendSummary::new(
            side.client.base(),
            &side.result,
            side.started.as_ref().map(|started| started.cold_start),
            process.and_then(peak_memory),
        );
        (side.name.to_owned(), summary)
    });
    let backends: std::collections::BTreeMap<_, _> = backends.collect();
    Summary {
        version: 1,
        pace: match pace {
            Pace::Users(users) => format!("closed, {users} users"),
            Pace::PerSecond(rate) => format!("open, {rate} requests/s from the intended start"),
        },
        turns: arguments.turns,
        warm_up_s: arguments.warm_up as f64,
        targets: backends.get("candidate").map(judge).unwrap_or_default(),
        backends,
    }
}

fn write(directory: &std::path::Path, summary: &Summary, sides: &[Side]) -> Result<(), Failure> {
    let cannot =
        |error| Failure::usage(format!("cannot write to {}: {error}", directory.display()));
    let text = serde_json::to_string_pretty(summary).map_err(Failure::internal)?;
    let series: Vec<(&str, &TurnResult)> =
        sides.iter().map(|side| (side.name, &side.result)).collect();
    std::fs::create_dir_all(directory).map_err(cannot)?;
    whole_file::write(&directory.join("summary.json"), text).map_err(cannot)?;
    write_time_series(&directory.join("time-series.csv"), &series).map_err(cannot)
}

fn table(summary: &Summary) -> String {
    let mut backends = Table::new();
    backends
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_header([
            "backend",
            "requests",
            "errors",
            "wrong",
            "per second",
            "p50 ms",
            "p95 ms",
            "p99 ms",
            "max ms",
        ]);
    for (name, backend) in &summary.backends {
        let quantile = |q: crate::load::Quantile| match (q.low_ms, q.high_ms) {
            (Some(low), Some(high)) => format!("{:.2} ({low:.2}-{high:.2})", q.ms),
            _ => format!("{:.2}", q.ms),
        };
        backends.add_row([
            name.clone(),
            backend.requests.to_string(),
            (backend.errors + backend.not_sent).to_string(),
            backend.wrong.to_string(),
            format!("{:.1}", backend.throughput_per_s),
            quantile(backend.p50),
            quantile(backend.p95),
            quantile(backend.p99),
            format!("{:.2}", backend.max_ms),
        ]);
    }
    let mut targets = Table::new();
    targets
        .load_style(presets::UTF8_HORIZONTAL_ONLY)
        .set_header([
            "target of the candidate",
            "below",
            "measured",
            "Python (report)",
            "",
        ]);
    for Judged {
        target,
        measured,
        holds,
        ..
    } in &summary.targets
    {
        targets.add_row([
            target.metric.to_owned(),
            format!("{} {}", target.below, target.unit),
            measured.map_or("not measured".into(), |value| {
                format!("{value:.2} {}", target.unit)
            }),
            target.python.to_owned(),
            match holds {
                Some(true) => "holds",
                Some(false) => "missed",
                None => "",
            }
            .to_owned(),
        ]);
    }
    let mut text = format!("{backends}\n\n{targets}\n");
    for (name, backend) in &summary.backends {
        for (fault, count) in &backend.faults {
            text.push_str(&format!("{name}: {count} x {fault}\n"));
        }
    }
    text
}

fn exit(summary: &Summary) -> Exit {
    let right = summary
        .backends
        .get("candidate")
        .is_some_and(|candidate| candidate.errors + candidate.wrong + candidate.not_sent == 0);
    let reached = summary
        .targets
        .iter()
        .all(|judged| judged.holds != Some(false));
    if right && reached {
        Exit::Parity
    } else {
        Exit::Diverged
    }
}
