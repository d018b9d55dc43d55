//! Why no database could be had.

use std::{io, path::PathBuf};

/// Why a PostgreSQL could not be reached, started or brought to the schema.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error("database URL is not understood: {0}")]
    InvalidUrl(String),
    #[error("database at {place} cannot be reached: {source}")]
    Unreachable { place: String, source: sqlx::Error },
    #[error("database at {place} did not answer within {seconds} s")]
    Silent { place: String, seconds: u64 },
    #[error("`{0}` is no source of PostgreSQL: expected any, installed or carried")]
    UnknownSource(String),
    #[error("no PostgreSQL server is installed (no initdb and postgres next to each other)")]
    NotInstalled,
    #[error(
        "no PostgreSQL is configured (DATABASE_URL) or installed, and this build carries none \
         (feature carried-postgres)"
    )]
    NotCarried,
    #[error("PostgreSQL refuses to run as root and there is no user {0} to run it as")]
    NoUnprivilegedUser(&'static str),
    #[error("initdb failed: {0}")]
    Initdb(String),
    #[error("PostgreSQL did not start: {0}")]
    DidNotStart(String),
    #[error(
        "data directory {directory} was made by PostgreSQL {found}, the one at hand is {at_hand}"
    )]
    OtherVersion {
        directory: PathBuf,
        found: String,
        at_hand: String,
    },
    #[error("{doing} {path}: {source}")]
    Io {
        doing: &'static str,
        path: PathBuf,
        source: io::Error,
    },
    #[error("carried PostgreSQL: {0}")]
    Carried(String),
    #[error("starting PostgreSQL was broken off: {0}")]
    Broken(String),
    #[error("schema could not be created: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
}

impl EmbeddedError {
    pub(super) fn io(
        doing: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io {
            doing,
            path,
            source,
        }
    }
}
