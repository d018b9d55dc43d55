//! Half an hour in the life of the proxy: mixed traffic, faults drawn from a seed, and a ledger that has
//! to balance. Started by `scripts/soak`, which builds the programs it runs.
//!
//! ```text
//! client ─► shadow-proxy (a process) ─► relay (faults) ─► recorded answers of the reference
//!                  └─ mirror ─► scorer (a process: killed, stopped, its connections cut)
//! ```
//!
//! Fails when a client gets anything but the reference's answer (or, while the reference is away, a
//! failure the proxy owns up to), when a request is not accounted for, or when memory grows.

mod faults;
mod memory;
mod programs;
mod relay;
mod traffic;

use std::{
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Parser;
use parity::fixture::Corpus;
use parity_cli::{
    backend::HttpClient,
    stub::{Latency, Stub},
};
use serde_json::{Value, json};

use crate::{
    faults::Faults,
    memory::Memory,
    programs::{Database, ProxyProgram, ScorerProgram},
    relay::Relay,
    traffic::{Tally, Traffic},
};

/// Soak the proxy, or the scorer alone.
#[derive(Debug, Parser)]
struct Arguments {
    /// Minutes of traffic.
    #[arg(default_value_t = 30.0)]
    minutes: f64,
    /// Requests a second.
    #[arg(long, default_value_t = 100.0)]
    rate: f64,
    /// Draws the faults and the order of the requests.
    #[arg(long, default_value_t = 9)]
    seed: u64,
    /// Leave the proxy out: so many requests straight to the scorer, without faults.
    #[arg(long, value_name = "REQUESTS")]
    scorer: Option<u64>,
    /// Directory with the programs.
    #[arg(long, value_name = "DIRECTORY")]
    programs: PathBuf,
    /// Where the result goes.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

type Failure = Box<dyn std::error::Error + Send + Sync>;

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/passport");
/// How often the books are looked at.
const LOOK: Duration = Duration::from_secs(5);
/// How long a client waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(60);

#[tokio::main]
async fn main() -> ExitCode {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let arguments = Arguments::parse();
    let soaked = match arguments.scorer {
        Some(requests) => soak_scorer(&arguments, requests).await,
        None => soak_proxy(&arguments).await,
    };
    let result = match soaked {
        Ok(result) => result,
        Err(error) => {
            eprintln!("soak: {error}");
            return ExitCode::FAILURE;
        }
    };
    let text = format!("{result:#}\n");
    if let Err(error) = std::fs::write(&arguments.out, &text) {
        eprintln!("soak: cannot write {}: {error}", arguments.out.display());
        return ExitCode::FAILURE;
    }
    print(&text);
    match result["faults_found"].as_array() {
        Some(found) if found.is_empty() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

#[expect(clippy::print_stdout, reason = "the result of the program")]
fn print(text: &str) {
    print!("{text}");
}

async fn soak_proxy(arguments: &Arguments) -> Result<Value, Failure> {
    let corpus = Corpus::read(FIXTURES.as_ref())?;
    let scenarios = traffic::playable(&corpus);
    let database = Database::start(&corpus).await?;
    let loopback = "127.0.0.1:0".parse()?;
    let stub = Stub::start(loopback, scenarios.clone(), Latency::Fixed(Duration::ZERO)).await?;
    let relay = Relay::start(stub.address()).await?;
    let mut scorer = ScorerProgram::start(&arguments.programs, &corpus, &database).await?;
    let proxy = ProxyProgram::start(&arguments.programs, relay.address(), scorer.address()).await?;

    let direct = HttpClient::new(&format!("http://{}", stub.address()), TIMEOUT)?;
    let client = HttpClient::new(&format!("http://{}", proxy.address()), TIMEOUT)?;
    let traffic = Traffic::expecting(scenarios, &direct).await?;
    let tally = Arc::new(Tally::default());
    let load = traffic.start(client, arguments.rate, arguments.seed, &relay, &tally);

    let mut faults = Faults::new(arguments.seed);
    let mut memory = Memory::default();
    let mut found = Vec::new();
    let begun = Instant::now();
    while begun.elapsed().as_secs_f64() < arguments.minutes * 60.0 {
        faults
            .strike(&mut scorer, &proxy, &relay, &database)
            .await?;
        tokio::time::sleep(LOOK).await;
        memory.look(begun.elapsed(), proxy.process());
        let status = proxy.status().await?;
        if status["balanced"] != true {
            found.push(format!("the accounts do not balance: {status}"));
        }
    }
    faults.relent(&mut scorer, &proxy, &relay).await?;
    load.abort_after_current().await;
    let status = proxy.settled().await?;
    let sent = tally.sent();
    if status["counts"]["seen"].as_u64() != Some(sent) {
        found.push(format!(
            "{sent} requests were sent, the proxy saw {}",
            status["counts"]["seen"]
        ));
    }
    found.extend(tally.wrong());
    found.extend(memory.growth());
    let journal = proxy.stop().await?;
    let written = status["journal"]["written"].as_u64().unwrap_or_default();
    if (journal.lines.len() as u64) < written && !journal.rotated {
        found.push(format!(
            "{written} lines were acknowledged, {} are there",
            journal.lines.len()
        ));
    }
    let result = json!({
        "date": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "minutes": arguments.minutes,
        "seed": arguments.seed,
        "requests": sent,
        "answers_of_the_reference": tally.right(),
        "honest_failures_while_the_reference_was_away": tally.honest(),
        "faults_injected": faults.counts(),
        "accounts": status["counts"],
        "journal": { "acknowledged": written, "unreadable": journal.unreadable },
        "proxy_memory": memory.summary(),
        "faults_found": found,
    });
    scorer.stop().await;
    database.stop().await;
    Ok(result)
}

async fn soak_scorer(arguments: &Arguments, requests: u64) -> Result<Value, Failure> {
    let corpus = Corpus::read(FIXTURES.as_ref())?;
    let scenarios = traffic::playable(&corpus);
    let database = Database::start(&corpus).await?;
    let scorer = ScorerProgram::start(&arguments.programs, &corpus, &database).await?;
    let client = HttpClient::new(&format!("http://{}", scorer.address()), TIMEOUT)?;
    let begun = Instant::now();
    let mut memory = Memory::default();
    let mut statuses = std::collections::BTreeMap::<u16, u64>::new();
    let mut looked = Instant::now();
    let pause = Duration::from_secs_f64(1.0 / arguments.rate);
    let mut due = tokio::time::interval(pause);
    due.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Burst);
    for number in 0..requests {
        due.tick().await;
        let number = usize::try_from(number)?;
        let step = &scenarios[number % scenarios.len()].steps[0];
        let answer = client.send(&step.request).await?;
        *statuses.entry(answer.status).or_default() += 1;
        if looked.elapsed() > LOOK {
            looked = Instant::now();
            memory.look(begun.elapsed(), scorer.process());
        }
    }
    memory.look(begun.elapsed(), scorer.process());
    let result = json!({
        "date": chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        "minutes": begun.elapsed().as_secs_f64() / 60.0,
        "requests": requests,
        "answers_by_status": statuses,
        "scorer_memory": memory.summary(),
        "faults_found": Vec::from_iter(memory.growth()),
    });
    scorer.stop().await;
    database.stop().await;
    Ok(result)
}
