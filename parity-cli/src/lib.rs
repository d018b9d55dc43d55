//! Records, replays, compares, explains, minimises and load-tests two backends, and says whether it
//! is safe to switch. One file per subcommand under [`commands`], each a thin shell over the
//! libraries.

pub mod backend;
pub mod cli;
pub mod commands;
pub mod database;
pub mod exit;
pub mod explore;
pub mod faulty;
pub mod http_server;
pub mod load;
pub mod noise;
pub mod recorder;
pub mod replay;
pub mod reproduce;
pub mod sides;
pub mod stub;
pub mod terminal;
pub mod whole_file;

use std::{ffi::OsString, process::ExitCode};

use clap::Parser as _;

use crate::{
    cli::Cli,
    exit::{Exit, Failure},
};

/// Without `RUST_LOG`: the scorer's own account of its errors is no news here, where they are compared,
/// and a busy machine makes statements slow.
const QUIET_LIBRARIES: &str = "warn,scorer::api=off,sqlx=error";

/// Runs the command line and says how it ended. Never panics on bad input.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Parity
            };
            // A closed terminal is no reason for another message.
            let _ = error.print();
            return exit.into();
        }
    };
    let terminal = cli.terminal();
    match run(cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            terminal.failure(&failure);
            failure.exit().into()
        }
    }
}

fn run(cli: Cli) -> Result<Exit, Failure> {
    // Fails only where another provider is installed already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env()
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(QUIET_LIBRARIES)),
        )
        .with_writer(std::io::stderr)
        .with_ansi(cli.terminal().color)
        .init();
    scorer::telemetry::tell_only_where_it_panicked();
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::internal(format!("no runtime: {error}")))?
        .block_on(cli.run())
}
