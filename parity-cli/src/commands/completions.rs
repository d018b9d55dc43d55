//! `parity-cli completions`: tab completion for a shell.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::{
    cli::Cli,
    exit::{Exit, Failure},
    terminal::Terminal,
};

/// Print the tab completion for a shell.
///
/// Example: parity-cli completions bash > ~/.local/share/bash-completion/completions/parity-cli
#[derive(Debug, Args)]
pub struct Arguments {
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments, terminal: Terminal) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(
        arguments.shell,
        &mut Cli::command(),
        "parity-cli",
        &mut script,
    );
    terminal.result(&String::from_utf8_lossy(&script));
    Ok(Exit::Parity)
}
