//! The command `parity-cli`; everything it does is in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    parity_cli::main(std::env::args_os())
}
