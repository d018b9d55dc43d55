//! Serves the scoring service.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use clap::Parser;
use scorer::{
    cache::Cache,
    clock::Clock,
    embedded,
    server::Server,
    service::{Databases, Service},
    settings::Settings,
    telemetry,
};
use tokio::signal::unix::{SignalKind, signal};

/// A scoring is many small values made of JSON: with the system's allocator, taking and giving back
/// their memory was two fifths of it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Passport scoring service: stamps in, a humanity score out.
///
/// Settings come from environment variables, under the names of the Python service. Without
/// DATABASE_URL a PostgreSQL of its own is started, without CELERY_BROKER_URL counters and cached
/// weights stay in this process.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Take what the environment does not set from this file (NAME=value lines)
    #[arg(long, value_name = "FILE")]
    env_file: Option<PathBuf>,

    /// Read the settings, say what is wrong with them, and exit
    #[arg(long)]
    check_config: bool,
}

/// Bytes of a worker's stack: JSON may be nested as deeply as Python takes it, 1451 levels.
const STACK: usize = 8 * 1024 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("scorer: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &Arguments) -> Result<(), Failure> {
    let settings = match &arguments.env_file {
        Some(path) => Settings::from_env_and_file(path)?,
        None => Settings::from_env()?,
    };
    if arguments.check_config {
        for warning in settings.warnings() {
            eprintln!("warning: {warning}");
        }
        eprintln!("the settings are usable");
        return Ok(());
    }
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_stack_size(STACK)
        .build()?
        .block_on(serve(settings))
}

async fn serve(settings: Settings) -> Result<(), Failure> {
    // The trace exporter's HTTP client and TLS to databases need to know whose cryptography to use.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let telemetry = telemetry::init(settings.otlp_endpoint.as_deref())?;
    telemetry::tell_only_where_it_panicked();
    for warning in settings.warnings() {
        tracing::warn!("{warning}");
    }
    let started = match settings.database_url {
        Some(_) => None,
        None => {
            let postgres = embedded::Postgres::start(embedded::Options::from_env()?).await?;
            tracing::info!(database = postgres.describe(), "DATABASE_URL is not set");
            embedded::migrate(&postgres.pool()).await?;
            Some(postgres)
        }
    };
    let databases = match &started {
        Some(postgres) => Databases::single(postgres.pool()),
        None => Databases::connect(&settings)?,
    };
    let cache = Cache::from_urls(settings.cache.as_ref())?;
    let service = Service::new(settings, databases, cache, Clock::system());
    // Before anybody is told that it serves: from then on a stop lets open requests finish.
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate())?,
        signal(SignalKind::interrupt())?,
    );
    let server = Server::start(Arc::new(service)).await?;
    tracing::info!(
        address = %server.address(),
        metrics = %server.metrics_address(),
        "serving"
    );
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("stopping: open requests may finish");
    if !server.shutdown().await {
        tracing::warn!("some requests did not finish in time");
    }
    telemetry.shutdown();
    Ok(())
}
