//! `parity-cli demo`: the whole house at work, with nothing installed and nothing left behind.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use clap::Args;
use parity::{
    accounting::Accounting,
    fixture::{Corpus, Scenario, Step},
};
use scorer::{
    cache::Cache,
    clock::Clock,
    embedded::{Options, Postgres, Source},
    service::{Databases, Service},
    settings::Settings,
};
use shadow_proxy::{
    Config, Parts, Proxy,
    config::{CandidateConfig, backend::Embedded},
};

use crate::{
    backend::HttpClient,
    database::{FreshDatabases, Seed},
    exit::{Exit, Failure},
    stub::Stub,
    terminal::Terminal,
};

/// Fixtures of the Passport scorer, as far as the demo plays them.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/passport");
const TIMEOUT: Duration = Duration::from_secs(10);
/// Requests the proxy refuses itself are never mirrored, so that waiting has to end.
const SETTLE: Duration = Duration::from_secs(1);

/// Show the shadow path at work: recorded Python answers in front, the Rust scorer behind.
///
/// Starts a database with the recorded seed, the scorer in this process, a stand-in that serves
/// the recorded answers of the Python service, and the shadow proxy between them. Sends recorded
/// requests to the proxy, which answers each with the stand-in's answer and compares the scorer's
/// behind the client's back. Ends by itself and leaves nothing behind.
///
/// Example: cargo run --release -p parity-cli -- demo
#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory of the fixtures.
    #[arg(long, value_name = "DIRECTORY", default_value = FIXTURES, hide_default_value = true)]
    fixtures: std::path::PathBuf,
    /// Requests to send at most.
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    requests: usize,
}

/// What the client saw.
#[derive(Debug, Default)]
struct Client {
    sent: usize,
    /// Answers that were not byte for byte those of the stand-in.
    altered: Vec<String>,
    /// Requests without an answer, and why.
    broken: Vec<String>,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let started = Instant::now();
    let corpus = Corpus::read(&arguments.fixtures).map_err(Failure::usage)?;
    let clock = most_common_clock(&corpus)
        .ok_or_else(|| Failure::usage("the fixtures have no step with a clock"))?;
    let scenarios = playable(&corpus, clock, arguments.requests);
    let settings = Settings::from_pairs(corpus.settings.iter().cloned())
        .map_err(|error| Failure::usage(format!("the fixtures' settings: {error}")))?;

    let source = Source::from_env().map_err(Failure::usage)?;
    let postgres = Postgres::start(Options::temporary(source))
        .await
        .map_err(Failure::internal)?;
    terminal.note(&format!("database   {}", postgres.describe()));
    let seed = Seed {
        origin: "seed.sql".to_owned(),
        sql: corpus.seed.clone().unwrap_or_default(),
    };
    let databases = FreshDatabases::prepare(&postgres, &seed)
        .await
        .map_err(Failure::internal)?;
    let database = databases.take().await.map_err(Failure::internal)?;
    let service = Service::new(
        settings,
        Databases::single(database.pool.clone()),
        Cache::in_process(),
        Clock::fixed(clock),
    );
    terminal.note(&format!(
        "candidate  the scorer in this process, dry-run, clock at {clock}"
    ));

    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let stub = Stub::start(loopback, scenarios.clone(), Duration::ZERO)
        .await
        .map_err(Failure::internal)?;
    terminal.note(&format!(
        "reference  {} recorded Python answers on http://{}",
        scenarios.len(),
        stub.address()
    ));
    let mut config = Config::forwarding_to(&format!("http://{}", stub.address()));
    config.candidate = Some(CandidateConfig::Embedded(Embedded::default()));
    config.rules = Some(arguments.fixtures.join("rules.toml"));
    let parts = Parts {
        scorer: Some(Arc::new(service)),
    };
    let proxy = Proxy::start_with(config, parts)
        .await
        .map_err(Failure::internal)?;
    terminal.note(&format!("proxy      on http://{}", proxy.address()));

    let client = HttpClient::new(&format!("http://{}", proxy.address()), TIMEOUT)
        .map_err(Failure::internal)?;
    let seen = send(&client, &proxy, &scenarios).await;
    let stats = proxy.stats();
    proxy.shutdown().await;
    drop((stub, database));
    databases.close().await;

    summarise(&seen, &stats, started.elapsed(), terminal);
    Ok(if !seen.altered.is_empty() || stats.diverged > 0 {
        Exit::Diverged
    } else {
        Exit::Parity
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

/// First steps on the untouched seed at this instant: the candidate writes nothing, so that every
/// one of them finds what the reference found.
fn playable(corpus: &Corpus, clock: DateTime<Utc>, most: usize) -> Vec<Scenario> {
    let fits = |step: &&Step| {
        let recorded = step.clock.as_deref().and_then(|text| text.parse().ok());
        recorded == Some(clock)
            && step.sql_before.is_none()
            && !step.tags.iter().any(|tag| tag == "rate-limit")
    };
    corpus
        .scenarios()
        .filter_map(|scenario| {
            let first = scenario.steps.first().filter(fits)?;
            Some(Scenario {
                name: scenario.name.clone(),
                steps: vec![first.clone()],
            })
        })
        .take(most)
        .collect()
}

/// Sends the requests one after the other and checks that the proxy changes no answer. Waits for
/// the mirror each time: a demo should compare everything, not show how load is shed.
async fn send(client: &HttpClient, proxy: &shadow_proxy::Handle, scenarios: &[Scenario]) -> Client {
    let mut seen = Client::default();
    for step in scenarios.iter().flat_map(|scenario| &scenario.steps) {
        match client.send(&step.request).await {
            Ok(response) => {
                seen.sent += 1;
                let same = response.status == step.response.status
                    && (response.body == step.response.body || step.request.method == "HEAD");
                if !same {
                    seen.altered.push(step.scenario.clone());
                }
            }
            Err(error) => seen.broken.push(format!("{}: {error}", step.scenario)),
        }
        settled(proxy, seen.sent as u64).await;
    }
    seen
}

/// The proxy's accounts once the mirror has dealt with every request.
async fn settled(proxy: &shadow_proxy::Handle, sent: u64) {
    let deadline = Instant::now() + SETTLE;
    loop {
        let stats = proxy.stats();
        if (stats.seen >= sent && stats.is_balanced()) || Instant::now() > deadline {
            return;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

fn summarise(seen: &Client, stats: &Accounting, took: Duration, terminal: Terminal) {
    if terminal.json {
        let summary = serde_json::json!({
            "sent": seen.sent,
            "altered": seen.altered,
            "not_sendable": seen.broken,
            "proxy": stats,
        });
        terminal.result(&summary.to_string());
        return;
    }
    terminal.result(&format!(
        "\n{} requests answered through the proxy in {:.1} s, {} of them altered by it\n\
         behind the clients' backs: {} compared: {} match, {} tolerated by a reviewed rule, {} diverged\n\
         not compared: {} not comparable, {} declined, {} sampled out, {} dropped, {} timed out, {} errored\n\
         accounts: {} seen = every one of the above, none missing: {}",
        seen.sent,
        took.as_secs_f64(),
        seen.altered.len(),
        stats.compared,
        stats.matched,
        stats.tolerated,
        stats.diverged,
        stats.not_comparable,
        stats.declined,
        stats.sampled_out,
        stats.dropped,
        stats.timed_out,
        stats.errored,
        stats.seen,
        if stats.is_balanced() { "yes" } else { "NO" },
    ));
}
