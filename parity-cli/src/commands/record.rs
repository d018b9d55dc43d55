//! `parity-cli record`: a live backend's answers become fixtures.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use parity::{
    fixture::{Corpus, Group, Scenario},
    redact::Redactor,
};
use scorer::settings::Settings;

use crate::{
    backend::HttpClient,
    database::{Seed, TestDatabase},
    exit::{Exit, Failure},
    http_server::HttpServer,
    recorder::Recorder,
    terminal::Terminal,
};

const POLL: Duration = Duration::from_millis(100);

/// Record what a live backend answers and, with its test database, which rows it changes.
///
/// Either a reverse proxy in front of the backend (--listen), until Ctrl-C or --requests; or the
/// requests of existing fixtures, sent one after the other (--requests-from). What may be secret is
/// replaced before anything is written, unless --keep-values says why it need not be.
///
/// Examples:
///   parity-cli record http://127.0.0.1:8000 --listen 127.0.0.1:8001 --out fixtures/mine
///   parity-cli record http://127.0.0.1:8000 --requests-from fixtures/passport --db postgres://… --out fixtures/new
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub struct Arguments {
    /// The backend to record.
    backend: String,
    /// Where clients connect.
    #[arg(
        long,
        value_name = "ADDRESS",
        conflicts_with = "requests_from",
        required_unless_present = "requests_from"
    )]
    listen: Option<SocketAddr>,
    /// Send the requests of these fixtures.
    #[arg(long, value_name = "DIRECTORY")]
    requests_from: Option<PathBuf>,
    /// End after this many requests through --listen.
    #[arg(long, value_name = "N")]
    requests: Option<usize>,
    /// Directory for the fixtures; must not exist yet.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
    /// The backend's database, marked as a test database: the rows each request changes are
    /// recorded. Brought back to where it was at the end.
    #[arg(
        long,
        value_name = "URL",
        env = "PARITY_REFERENCE_DB",
        hide_env_values = true
    )]
    db: Option<String>,
    /// SQL that fills an empty database: loaded into --db first, and kept with the fixtures.
    #[arg(long, value_name = "FILE")]
    seed: Option<PathBuf>,
    /// The backend's settings as NAME=value lines, kept with the fixtures.
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Keep every value, for this reason, e.g. "test values". Only then the fixtures can log in.
    #[arg(long, value_name = "REASON")]
    keep_values: Option<String>,
    /// Key of the tokens that stand for what is replaced; random without it.
    #[arg(
        long,
        value_name = "KEY",
        env = "PARITY_REDACTION_KEY",
        hide_env_values = true
    )]
    redaction_key: Option<String>,
    /// How long the backend may take to answer, in milliseconds.
    #[arg(long, value_name = "MS", default_value_t = 10_000)]
    timeout: u64,
}

pub(crate) async fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    if arguments.out.exists() {
        return Err(Failure::usage(format!(
            "{} exists already; name another directory",
            arguments.out.display()
        )));
    }
    let client = HttpClient::new(&arguments.backend, Duration::from_millis(arguments.timeout))
        .map_err(Failure::usage)?;
    let seed = arguments.seed.as_deref().map(read).transpose()?;
    let settings = arguments.settings.as_deref().map(read).transpose()?;
    let mut database = match &arguments.db {
        None => None,
        Some(url) => {
            let seed = seed.as_ref().map(|sql| Seed {
                origin: arguments
                    .seed
                    .iter()
                    .map(|path| path.display().to_string())
                    .collect(),
                sql: sql.clone(),
            });
            let opened = TestDatabase::open(url, seed.as_ref()).await;
            Some(opened.map_err(Failure::usage)?)
        }
    };
    let recorded = record(arguments, client, database.as_ref(), terminal).await;
    if let Some(database) = &mut database {
        database.close().await;
    }
    let corpus = Corpus {
        settings: settings
            .as_deref()
            .map(Settings::parse_file)
            .unwrap_or_default(),
        seed,
        groups: vec![Group {
            name: "recorded".to_owned(),
            scenarios: recorded?,
        }],
    };
    write(&corpus, arguments)?;
    terminal.note(&format!(
        "recorded {} requests into {}",
        corpus.steps(),
        arguments.out.display()
    ));
    Ok(Exit::Parity)
}

async fn record(
    arguments: &Arguments,
    client: HttpClient,
    database: Option<&TestDatabase>,
    terminal: Terminal,
) -> Result<Vec<Scenario>, Failure> {
    let Some(address) = arguments.listen else {
        return resend(arguments, &client, database, terminal).await;
    };
    let recorder = Recorder::start(client, database, "recorded/1")
        .await
        .map_err(Failure::internal)?;
    let recorder = Arc::new(recorder);
    let server = HttpServer::start(address, Arc::clone(&recorder) as _)
        .await
        .map_err(|error| Failure::usage(format!("cannot listen on {address}: {error}")))?;
    terminal.note(&format!(
        "recording {} on http://{}",
        arguments.backend,
        server.address()
    ));
    let enough = async {
        let wanted = arguments.requests.unwrap_or(usize::MAX);
        while recorder.len() < wanted {
            tokio::time::sleep(POLL).await;
        }
    };
    tokio::select! {
        () = enough => {}
        _ = tokio::signal::ctrl_c() => {}
    }
    if recorder.is_empty() {
        return Err(Failure::usage(
            "no request came through; nothing was written",
        ));
    }
    Ok(vec![recorder.scenario()])
}

/// Sends the requests of fixtures, each scenario on the state the database had at the start.
async fn resend(
    arguments: &Arguments,
    client: &HttpClient,
    database: Option<&TestDatabase>,
    terminal: Terminal,
) -> Result<Vec<Scenario>, Failure> {
    let from = arguments.requests_from.as_deref().unwrap_or(Path::new("."));
    let corpus = super::open(from, terminal)?
        .corpus()
        .map_err(Failure::usage)?;
    let mut recorded = Vec::new();
    for scenario in corpus.scenarios() {
        let recorder = Recorder::start(client.clone(), database, &scenario.name)
            .await
            .map_err(Failure::internal)?;
        for step in &scenario.steps {
            recorder
                .record(step.request.clone())
                .await
                .map_err(|error| {
                    Failure::usage(format!(
                        "{} step {}: {error}; nothing was written",
                        scenario.name, step.step
                    ))
                })?;
        }
        recorded.push(recorder.scenario());
    }
    Ok(recorded)
}

fn read(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path)
        .map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))
}

/// Writes the fixtures, all or nothing.
fn write(corpus: &Corpus, arguments: &Arguments) -> Result<(), Failure> {
    let redactor = match (&arguments.keep_values, &arguments.redaction_key) {
        (Some(reason), _) => Redactor::keep_all(reason.clone()),
        (None, Some(key)) => Redactor::new(key.as_bytes()),
        (None, None) => Redactor::new(rand::random::<[u8; 32]>()),
    };
    let cannot = |error: std::io::Error| {
        Failure::usage(format!("cannot write {}: {error}", arguments.out.display()))
    };
    let parent = match arguments.out.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(parent).map_err(cannot)?;
    let staging = tempfile::Builder::new()
        .prefix(".record-")
        .tempdir_in(parent)
        .map_err(cannot)?;
    let fresh = staging.path().join("fixtures");
    corpus.write(&fresh, &redactor).map_err(Failure::usage)?;
    fs::rename(&fresh, &arguments.out).map_err(cannot)
}
