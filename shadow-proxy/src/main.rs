//! Command line of the proxy.

use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
    time::Duration,
};

use chrono::SecondsFormat;
use clap::{Parser, Subcommand};
use scorer::{
    cache::Cache,
    clock::Clock,
    service::{Databases, Service},
    settings::Settings,
    telemetry::tell_only_where_it_panicked,
};
use shadow_proxy::{
    Config, Parts, Proxy,
    candidate::embedded::Scorer,
    config::{CandidateConfig, units::Span},
    sink::Store,
    start::check,
};
use tokio::signal::unix::{SignalKind, signal};

/// Half of the proxy's own work for a request is taking and giving back small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Forwards live traffic to the reference, mirrors it to the candidate, judges the difference.
///
/// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again. The embedded candidate
/// takes its settings from environment variables, under the names of the Python service.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The configuration
    #[arg(
        long,
        global = true,
        env = "SHADOW_PROXY_CONFIG",
        default_value = "shadow-proxy.toml"
    )]
    config: PathBuf,
    /// Record exchanges with the reference as fixtures for parity-cli, redacted, into a new
    /// directory below this one; limits are under [recording]
    #[arg(long, value_name = "DIRECTORY")]
    record: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves (the default)
    Run,
    /// Validates the configuration and everything it names, and says what it means
    Check,
    /// Prepares and clears the database that several replicas share
    #[command(subcommand)]
    Sink(SinkCommand),
}

#[derive(Debug, Subcommand)]
enum SinkCommand {
    /// Makes the tables, in the schema `shadow_proxy`; refuses the database of a Django service
    Migrate,
    /// Shows the runs that nobody has heard of for some time, and removes them with --confirm
    ///
    /// With a run go its counts, which verdicts on its question no longer hold, its clusters and its
    /// divergences. Changes of stage stay.
    Prune {
        /// Runs last heard of longer ago than this; a day at least
        #[arg(long, value_name = "DURATION")]
        older_than: Span,
        /// Remove them
        #[arg(long)]
        confirm: bool,
    },
}

type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    tell_only_where_it_panicked();
    let result = match arguments.command {
        None | Some(Command::Run) => run(&arguments.config, arguments.record).await,
        Some(Command::Check) => explain(&arguments.config),
        Some(Command::Sink(SinkCommand::Migrate)) => migrate(&arguments.config).await,
        Some(Command::Sink(SinkCommand::Prune {
            older_than,
            confirm,
        })) => prune(&arguments.config, older_than.0, confirm).await,
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("shadow-proxy: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(path: &Path, record: Option<PathBuf>) -> Result<(), Failure> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut config = Config::load(path)?;
    if record.is_some() {
        config.recording.directory = record;
    }
    let scorer = match config.candidate {
        Some(CandidateConfig::Embedded(_)) => Some(embedded_scorer()?),
        _ => None,
    };
    let proxy = Proxy::start_with(
        config,
        Parts {
            scorer,
            ..Parts::default()
        },
    )
    .await?;
    tracing::info!(address = %proxy.address(), admin = %proxy.admin_address(), "serving");
    loop {
        tokio::select! {
            _ = hangup.recv() => {
                let reloaded = Config::load(path)
                    .map_err(Failure::from)
                    .and_then(|config| proxy.reload(config).map_err(Failure::from));
                match reloaded {
                    Ok(()) => tracing::info!("the configuration was read again"),
                    Err(error) => tracing::error!("the configuration in force stays: {error}"),
                }
            }
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    tracing::info!("stopping: open requests may finish");
    proxy.shutdown().await;
    Ok(())
}

/// The scoring service inside this process, on the reference's own database.
fn embedded_scorer() -> Result<Arc<dyn Scorer>, Failure> {
    // TLS to databases needs to know whose cryptography to use; a second call changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let settings = Settings::from_env()?;
    if settings.database_url.is_none() {
        return Err("candidate.kind = \"embedded\" needs DATABASE_URL: the database (or a replica) of the reference".into());
    }
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let databases = Databases::connect(&settings)?;
    let cache = Cache::from_urls(settings.cache.as_ref())?;
    Ok(Arc::new(Service::new(
        settings,
        databases,
        cache,
        Clock::system(),
    )))
}

fn sink(path: &Path) -> Result<Store, Failure> {
    let config = Config::load(path)?;
    let sink = config.sink.ok_or("the configuration has no [sink]")?;
    Ok(Store::connect(&sink)?)
}

async fn migrate(path: &Path) -> Result<(), Failure> {
    sink(path)?.migrate().await?;
    writeln!(std::io::stdout(), "the tables of the sink are there")?;
    Ok(())
}

async fn prune(path: &Path, older_than: Duration, confirm: bool) -> Result<(), Failure> {
    let store = sink(path)?;
    let mut out = std::io::stdout();
    let silent = store.silent_runs(older_than).await?;
    let mut removed = 0;
    for run in &silent {
        // One at a time: no statement takes long, and what was done is said when one fails.
        let fate = if !confirm {
            "silent"
        } else if store.remove(&run.run, older_than).await? {
            removed += 1;
            "removed"
        } else {
            "heard of meanwhile, kept"
        };
        let counted = if run.is_counted {
            ", counted in verdicts of today"
        } else {
            ""
        };
        writeln!(
            out,
            "{fate}: run {} of replica {}, last seen {}: {} routes, {} signatures, {} divergences{counted}",
            run.run,
            run.replica,
            run.last_seen.to_rfc3339_opts(SecondsFormat::Secs, true),
            run.routes,
            run.signatures,
            run.divergences,
        )?;
    }
    let found = silent.len();
    if confirm {
        writeln!(out, "{removed} of {found} silent runs removed")?;
    } else {
        writeln!(
            out,
            "{found} silent runs; nothing is removed without --confirm"
        )?;
    }
    Ok(())
}

fn explain(path: &Path) -> Result<(), Failure> {
    let config = Config::load(path)?;
    check(&config)?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", config.explain())?;
    Ok(())
}
