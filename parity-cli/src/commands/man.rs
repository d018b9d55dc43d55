//! `parity-cli man`: manual pages.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use crate::{
    cli::Cli,
    exit::{Exit, Failure},
};

/// Write a manual page for every subcommand.
///
/// Example: parity-cli man --out ~/.local/share/man/man1
#[derive(Debug, Args)]
pub struct Arguments {
    /// Directory for the pages; made when it does not exist.
    #[arg(long, value_name = "DIRECTORY")]
    out: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    std::fs::create_dir_all(&arguments.out)
        .and_then(|()| clap_mangen::generate_to(Cli::command(), &arguments.out))
        .map_err(|error| {
            Failure::usage(format!("cannot write {}: {error}", arguments.out.display()))
        })?;
    Ok(Exit::Parity)
}
