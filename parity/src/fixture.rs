//! Fixtures on disk: a manifest, the seed, and one JSON Lines file per group.
//!
//! ```text
//! manifest.json        format, version, settings, redaction, groups
//! seed.sql             what every scenario starts from (optional)
//! exchanges/<group>.jsonl    one step per line, scenarios one after the other
//! ```
//!
//! Writing is deterministic: the same corpus gives the same bytes, so that a change shows as a
//! small difference. What a fixture may keep is decided by a [`Redactor`] before it is written.

mod goreplay;
mod har;
mod manifest;
mod read;
mod recordings;
mod write;

use std::{collections::BTreeMap, path::PathBuf};

use serde::{Deserialize, Serialize};

use crate::{
    effects::Effects,
    exchange::{Request, Response},
    json::Json,
};

pub use goreplay::{GoReplay, import_goreplay};
pub use har::{export_har, import_har};
pub use manifest::{GroupEntry, Manifest, VERSION, Version};
pub use read::{Reader, ScenarioStream};
pub use recordings::import_recordings;
pub use write::GroupWriter;

/// A whole set of fixtures.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Corpus {
    /// Settings of the recorded service, as environment variables, in recorded order.
    pub settings: Vec<(String, String)>,
    /// SQL that fills an empty database; every scenario starts from it.
    pub seed: Option<String>,
    pub groups: Vec<Group>,
}

/// Scenarios that belong together, in one file.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    pub name: String,
    pub scenarios: Vec<Scenario>,
}

/// Steps that follow each other on the state the step before left.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    pub name: String,
    pub steps: Vec<Step>,
}

/// One request with its context, and what the reference did with it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub scenario: String,
    /// Counted from 1 within the scenario.
    pub step: u32,
    pub tags: Vec<String>,
    /// The service's wall clock, ISO 8601 in UTC; absent when it was not frozen.
    pub clock: Option<String>,
    /// SQL to run on the database before the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sql_before: Option<String>,
    /// Whether the cache is emptied before the request.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub redis_flush_before: bool,
    pub request: Request,
    pub response: Response,
    /// How long the answer took, in microseconds; absent when nobody measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub latency_us: Option<u64>,
    /// Absent when the rows were not recorded.
    pub effects: Option<Effects>,
    /// Absent when nobody looked into the cache.
    #[serde(default, skip_serializing_if = "Option::is_none", rename = "redis")]
    pub cache: Option<Cache>,
}

/// What the request put into the cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cache {
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub set: BTreeMap<String, CacheEntry>,
}

/// One cache entry as it stood after the request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CacheEntry {
    pub value: Json,
    /// Time to live in seconds, measured on real time; -1 when the entry does not expire.
    pub ttl_s: Option<i64>,
}

impl Corpus {
    /// Every scenario, group by group.
    pub fn scenarios(&self) -> impl Iterator<Item = &Scenario> {
        self.groups.iter().flat_map(|group| &group.scenarios)
    }

    /// Number of steps over all scenarios.
    pub fn steps(&self) -> usize {
        self.scenarios().map(|scenario| scenario.steps.len()).sum()
    }
}

/// Why fixtures cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum FixtureError {
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("cannot write {}: {source}", path.display())]
    Write {
        path: PathBuf,
        source: std::io::Error,
    },
    /// `message` says what was expected.
    #[error("{}:{line}: {message}", path.display())]
    Malformed {
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        message: String,
    },
    #[error(
        "{}: written in fixture format {found}, this build reads {VERSION} and older minor versions of it; {}",
        path.display(),
        if (found.major, found.minor) > (VERSION.major, VERSION.minor) { "use a newer build" } else { "record or import the fixtures again" }
    )]
    Unreadable { path: PathBuf, found: Version },
    #[error("{} has no fixtures: expected {expected}", path.display())]
    Missing {
        path: PathBuf,
        expected: &'static str,
    },
}

#[cfg(test)]
mod tests;
