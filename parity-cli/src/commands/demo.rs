//! `parity-cli demo`: the whole house at work, with nothing installed and nothing left behind.

mod seeded;
mod summary;
mod traffic;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use chrono::{DateTime, Utc};
use clap::Args;
use parity::fixture::Corpus;
use scorer::{
    cache::Cache,
    clock::Clock,
    embedded::{Options, Postgres, Source},
    service::{Databases, Service},
    settings::Settings,
};
use shadow_proxy::{
    Config, Parts, Proxy,
    candidate::embedded::Scorer,
    config::{CandidateConfig, backend::Embedded},
};

use self::{
    seeded::{SEEDED, SeededScorer},
    summary::{Books, Summary},
    traffic::{Playable, Seen},
};
use crate::{
    backend::HttpClient,
    database::{FreshDatabases, Seed},
    exit::{Exit, Failure},
    stub::{Latency, Stub},
    terminal::Terminal,
};

/// Fixtures of the Passport scorer, as far as the demo plays them.
const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/passport");
const TIMEOUT: Duration = Duration::from_secs(10);

/// Show the shadow path at work: recorded Python answers in front, the Rust scorer behind.
///
/// Starts a database with the recorded seed, the scorer in this process, a stand-in that serves
/// the recorded answers of the Python service, and the shadow proxy between them. Sends recorded
/// requests to the proxy, which answers each with the stand-in's answer and compares the scorer's
/// behind the client's back. Half-way, three deliberate faults are switched on in the scorer.
/// Ends by itself and leaves nothing behind: with code 0 when exactly the faults were found, 1 when
/// anything else was found or a fault was missed, 2 when no request showed one of the faults.
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
    /// Leave the scorer without faults to the end.
    #[arg(long)]
    clean: bool,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let started = Instant::now();
    let corpus = Corpus::read(&arguments.fixtures).map_err(Failure::usage)?;
    let clock = most_common_clock(&corpus)
        .ok_or_else(|| Failure::usage("the fixtures have no step with a clock"))?;
    let playable = Playable::of(&corpus, clock);
    let [first, second] = playable.halves(arguments.requests);
    let scenarios = [first.as_slice(), second.as_slice()].concat();
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
    let candidate = Arc::new(SeededScorer::new(Service::new(
        settings,
        Databases::single(database.pool.clone()),
        Cache::in_process(),
        Clock::fixed(clock),
    )));
    terminal.note(&format!(
        "candidate  the scorer in this process, dry-run, clock at {clock}"
    ));

    let loopback = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let stub = Stub::start(loopback, scenarios, Latency::Fixed(Duration::ZERO))
        .await
        .map_err(Failure::internal)?;
    terminal.note(&format!(
        "reference  {} recorded Python answers on http://{}",
        first.len() + second.len(),
        stub.address()
    ));
    let mut config = Config::forwarding_to(&format!("http://{}", stub.address()));
    config.candidate = Some(CandidateConfig::Embedded(Embedded::default()));
    config.rules = Some(arguments.fixtures.join("rules.toml"));
    let scorer: Arc<dyn Scorer> = candidate.clone();
    let parts = Parts {
        scorer: Some(scorer),
        ..Parts::default()
    };
    let proxy = Proxy::start_with(config, parts)
        .await
        .map_err(Failure::internal)?;
    terminal.note(&format!("proxy      on http://{}", proxy.address()));
    terminal.note(&format!(
        "dashboard  on http://{}/ until the demo ends",
        proxy.admin_address()
    ));

    let client = HttpClient::new(&format!("http://{}", proxy.address()), TIMEOUT)
        .map_err(Failure::internal)?;
    let mut seen = Seen::default();
    seen.send(&client, &proxy, &candidate, &first).await;
    let before = Books::of(&proxy);
    if !arguments.clean {
        terminal.note(&format!(
            "half-way   {} faults switched on in the scorer",
            SEEDED.len()
        ));
        candidate.switch_faults_on();
    }
    seen.send(&client, &proxy, &candidate, &second).await;
    let after = Books::of(&proxy);
    proxy.shutdown().await;
    drop((stub, database));
    databases.close().await;

    let summary = Summary {
        seen,
        left_out: playable.left_out,
        before,
        after,
        seeded: !arguments.clean,
        took: started.elapsed(),
    };
    if terminal.json {
        terminal.result(&summary.json().to_string());
    } else {
        terminal.result(&summary.text());
    }
    Ok(summary.exit())
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
