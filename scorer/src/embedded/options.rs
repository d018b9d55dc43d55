//! What kind of PostgreSQL is wanted.

use std::{env, path::PathBuf, str::FromStr};

use super::EmbeddedError;

/// Which PostgreSQL to start. The default takes whatever is there, on a temporary directory.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Use this database instead of starting one.
    pub database_url: Option<String>,
    /// Keep the data here, durably. Without it the data is temporary and durability is off.
    pub data_directory: Option<PathBuf>,
    pub source: Source,
}

/// Where a database that has to be started may come from.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Source {
    /// Installed, else carried.
    #[default]
    Any,
    /// Only a PostgreSQL installed on this machine.
    Installed,
    /// Only the carried one.
    Carried,
}

impl Options {
    /// From `DATABASE_URL`, `SCORER_DATA_DIRECTORY` and `SCORER_POSTGRES` (`any`, `installed` or
    /// `carried`).
    ///
    /// # Errors
    /// `SCORER_POSTGRES` holds another word.
    pub fn from_env() -> Result<Self, EmbeddedError> {
        let set = |name| env::var(name).ok().filter(|value| !value.is_empty());
        Ok(Self {
            database_url: set("DATABASE_URL"),
            data_directory: set("SCORER_DATA_DIRECTORY").map(PathBuf::from),
            source: Source::from_env()?,
        })
    }

    /// A temporary database from this source.
    pub fn temporary(source: Source) -> Self {
        Self {
            source,
            ..Self::default()
        }
    }
}

impl Source {
    /// From `SCORER_POSTGRES`; [`Source::Any`] when it is not set.
    ///
    /// # Errors
    /// It holds a word that is no source.
    pub fn from_env() -> Result<Self, EmbeddedError> {
        match env::var("SCORER_POSTGRES") {
            Ok(word) if !word.is_empty() => word.parse(),
            _ => Ok(Self::Any),
        }
    }
}

impl FromStr for Source {
    type Err = EmbeddedError;

    fn from_str(word: &str) -> Result<Self, EmbeddedError> {
        match word {
            "any" => Ok(Self::Any),
            "installed" => Ok(Self::Installed),
            "carried" => Ok(Self::Carried),
            _ => Err(EmbeddedError::UnknownSource(word.to_owned())),
        }
    }
}
