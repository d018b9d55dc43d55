//! Command line of the proxy.

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};
use shadow_proxy::{Config, Proxy};
use tokio::signal::unix::{SignalKind, signal};

/// Forwards live traffic to the reference, mirrors it to the candidate, judges the difference.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serves until SIGTERM or SIGINT; SIGHUP reads the configuration again.
    Run {
        #[arg(long, env = "SHADOW_PROXY_CONFIG", default_value = "shadow-proxy.toml")]
        config: PathBuf,
    },
    /// Validates a configuration and says what it means.
    Check {
        #[arg(long, env = "SHADOW_PROXY_CONFIG", default_value = "shadow-proxy.toml")]
        config: PathBuf,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    let result = match arguments.command {
        Command::Run { config } => run(config).await,
        Command::Check { config } => check(config),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(path: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let proxy = Proxy::start(Config::load(&path)?).await?;
    tracing::info!(address = %proxy.address(), admin = %proxy.admin_address(), "serving");
    loop {
        tokio::select! {
            _ = hangup.recv() => match Config::load(&path) {
                Ok(config) => match proxy.reload(config) {
                    Ok(()) => tracing::info!("configuration read again"),
                    Err(error) => tracing::error!("the configuration in force stays: {error}"),
                },
                Err(error) => tracing::error!("the configuration in force stays: {error}"),
            },
            _ = terminate.recv() => break,
            _ = tokio::signal::ctrl_c() => break,
        }
    }
    tracing::info!("stopping");
    proxy.shutdown().await;
    Ok(())
}

fn check(path: PathBuf) -> Result<(), Box<dyn std::error::Error>> {
    use std::io::Write;
    let config = Config::load(&path)?;
    let mut out = std::io::stdout().lock();
    write!(out, "{}", config.explain())?;
    Ok(())
}
