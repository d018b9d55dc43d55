//! What is written where: results on standard output, everything else on standard error.

use std::io::{IsTerminal as _, Write as _};

use crate::exit::Failure;

/// How to talk to whoever started the command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Only results and errors.
    pub quiet: bool,
    /// Results as JSON.
    pub json: bool,
    /// Colours on standard output: a terminal, and `NO_COLOR` is not set.
    pub color: bool,
}

impl Terminal {
    pub fn new(quiet: bool, json: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            quiet,
            json,
            color: !no_color && std::io::stdout().is_terminal(),
        }
    }

    /// Whether progress may be drawn: somebody watches and did not ask for silence.
    pub fn shows_progress(self) -> bool {
        !self.quiet && std::io::stderr().is_terminal()
    }

    /// Characters in a line: those of the terminal, or enough for a table.
    pub fn width(self) -> u16 {
        match console::Term::stdout().size_checked() {
            Some((_, columns)) => columns,
            None => 120,
        }
    }

    /// A result, on standard output. A reader that has left is not an error.
    pub fn result(self, text: &str) {
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{}", text.trim_end_matches('\n'));
        let _ = out.flush();
    }

    /// What is going on, on standard error, unless silence was asked for.
    pub fn note(self, text: &str) {
        if !self.quiet {
            let _ = writeln!(std::io::stderr(), "{text}");
        }
    }

    /// Why the command ends, on standard error.
    pub fn failure(self, failure: &Failure) {
        let _ = writeln!(std::io::stderr(), "error: {failure}");
    }
}
