//! The ledger file: its TOML form and what is wrong with it.

use std::{
    collections::BTreeSet,
    path::{Path, PathBuf},
};

use serde::Deserialize;

use super::{Accepted, Entry, Ledger, Reproduced};
use crate::{
    outcome::Place,
    path::{Pattern, PatternError},
};

const FORMAT: u32 = 1;

/// Why a ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type; the message shows the line.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    #[error("ledger format {0} is not known; this build reads format {FORMAT}")]
    Version(u32),
    #[error("ledger entry `{id}`: {source}")]
    Path { id: String, source: PatternError },
    #[error("ledger entry `{id}`: {message}")]
    Invalid { id: String, message: &'static str },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    #[serde(default)]
    accepted: Vec<Entry>,
    #[serde(default)]
    reproduced: Vec<Reproduced>,
}

impl Ledger {
    /// Reads a ledger from TOML text.
    ///
    /// # Errors
    /// Shows the line of what is not TOML or not known; names the entry that makes no sense.
    pub fn load(text: &str) -> Result<Self, LedgerError> {
        let file: File = toml::from_str(text)?;
        if file.version != FORMAT {
            return Err(LedgerError::Version(file.version));
        }
        let mut ids = BTreeSet::new();
        let all_ids = file.accepted.iter().map(|entry| &entry.id);
        for id in all_ids.chain(file.reproduced.iter().map(|entry| &entry.id)) {
            if id.trim().is_empty() || !ids.insert(id) {
                return Err(invalid(id, "every entry needs an id of its own"));
            }
        }
        Ok(Self {
            accepted: file
                .accepted
                .into_iter()
                .map(Accepted::try_from)
                .collect::<Result<_, _>>()?,
            reproduced: file.reproduced,
        })
    }

    /// Reads a ledger from a file.
    ///
    /// # Errors
    /// As [`Ledger::load`], and when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, LedgerError> {
        let text = std::fs::read_to_string(path).map_err(|source| LedgerError::Read {
            path: path.to_owned(),
            source,
        })?;
        Self::load(&text)
    }
}

impl TryFrom<Entry> for Accepted {
    type Error = LedgerError;

    fn try_from(entry: Entry) -> Result<Self, LedgerError> {
        let fault = if entry.routes.is_empty() {
            Some("name the routes on which it is accepted")
        } else if entry.kinds.is_empty() {
            Some("name the kinds of difference that are accepted")
        } else if entry.paths.is_empty() != (entry.place == Place::Status) {
            Some("name the paths, except for the status, which has none")
        } else if [&entry.reason, &entry.owner, &entry.ticket, &entry.fixture]
            .iter()
            .any(|text| text.trim().is_empty())
        {
            Some("reason, owner, ticket and fixture must not be empty")
        } else {
            None
        };
        if let Some(message) = fault {
            return Err(invalid(&entry.id, message));
        }
        let patterns = entry
            .paths
            .iter()
            .map(|path| {
                Pattern::parse(path).map_err(|source| LedgerError::Path {
                    id: entry.id.clone(),
                    source,
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { entry, patterns })
    }
}

fn invalid(id: &str, message: &'static str) -> LedgerError {
    LedgerError::Invalid {
        id: id.to_owned(),
        message,
    }
}
