//! How a command ends, for scripts.

use std::{fmt, process::ExitCode};

/// What the exit code says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// The two sides agree, or the command did what was asked.
    Parity,
    /// At least one divergence that no rule allows.
    Diverged,
    /// Nothing diverged, but there is not enough to say so with the stated confidence.
    Insufficient,
    /// Too much could not be compared for the rest to mean anything.
    NotComparable,
    /// The command cannot be carried out as given: arguments, fixtures, databases or backends.
    Usage,
    /// The tool or something it started failed.
    Internal,
}

impl Exit {
    /// The number, as documented in `--help`.
    pub fn code(self) -> u8 {
        match self {
            Self::Parity => 0,
            Self::Diverged => 1,
            Self::Insufficient => 2,
            Self::NotComparable => 3,
            Self::Usage => 64,
            Self::Internal => 70,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// What the user gave cannot be used; the message says why and what to do.
    pub fn usage(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Usage,
            message: message.to_string(),
        }
    }

    /// Something failed that the user did not cause.
    pub fn internal(message: impl fmt::Display) -> Self {
        Self {
            exit: Exit::Internal,
            message: message.to_string(),
        }
    }

    /// How the process ends because of it.
    pub fn exit(&self) -> Exit {
        self.exit
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
