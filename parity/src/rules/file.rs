//! The rules file: its TOML form and what is wrong with it.

use std::path::{Path, PathBuf};

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use super::{
    Equivalence, HeaderProfile, Rule, Rules,
    identity::{Identities, IdentityEntry},
    routes::{RouteEntry, Routes},
};
use crate::path::{Pattern, PatternError};

/// Why a rules file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum RulesError {
    #[error("cannot read {}: {source}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type; the message shows the line.
    #[error("{0}")]
    Syntax(#[from] toml::de::Error),
    #[error("rules format {0} is not known; this build reads format {FORMAT}")]
    Version(u32),
    #[error("{owner}: {source}")]
    Path {
        /// The rule, identity or route the path belongs to.
        owner: String,
        source: PatternError,
    },
    #[error("{owner}: {message}")]
    Invalid { owner: String, message: String },
}

const FORMAT: u32 = 1;

/// One `[[rule]]` as written in the file. Proposals of rules are printed in this form too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleEntry {
    pub id: String,
    /// Routes the rule speaks about; none means all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<String>,
    /// Places: `$.stamps` in a body, `registry_score.inserted[*].evidence.rawScore` in rows,
    /// `header.allow`. `*` stands for any key, `[*]` for any index, `(json)` for the document
    /// inside a string.
    pub paths: Vec<String>,
    pub equivalence: Equivalence,
    /// Applies only to steps with this tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_tag: Option<String>,
    /// Applies only when one side is known to have written to one of these tables.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub when_writes: Vec<String>,
    /// Why both values are as good as each other.
    pub reason: String,
    pub evidence: Evidence,
    pub author: String,
    /// Day after which the rule has to be looked at again.
    pub expires: NaiveDate,
}

/// What a rule rests on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Pairs of reference answers that were compared with each other.
    pub n: u64,
    /// Share of those pairs that differed here, 0 to 1.
    pub rate: f64,
    /// Confidence interval of the rate.
    pub interval: [f64; 2],
    /// Where the pairs came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RulesFile {
    version: u32,
    /// Objects whose keys are data, like the provider of a stamp: divergences below them are
    /// alike whatever the key is.
    #[serde(default)]
    data_keys: Vec<String>,
    #[serde(default)]
    headers: Option<HeadersEntry>,
    #[serde(default)]
    route: Vec<RouteEntry>,
    #[serde(default)]
    identity: Vec<IdentityEntry>,
    #[serde(default)]
    clock_key: Vec<ClockKeyEntry>,
    #[serde(default)]
    rule: Vec<RuleEntry>,
}

/// Cache entries whose key holds the time, in a form that cannot be read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ClockKeyEntry {
    /// What the keys begin with.
    prefix: String,
    /// How the time comes into the key.
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HeadersEntry {
    not_compared: Vec<String>,
    #[serde(default)]
    ordered: bool,
    #[serde(default)]
    name_case: bool,
}

impl Rules {
    /// Reads rules from TOML text.
    ///
    /// # Errors
    /// Shows the line of what is not TOML or not known; names the rule that makes no sense.
    pub fn load(text: &str) -> Result<Self, RulesError> {
        let file: RulesFile = toml::from_str(text)?;
        if file.version != FORMAT {
            return Err(RulesError::Version(file.version));
        }
        let mut rules: Vec<Rule> = Vec::with_capacity(file.rule.len());
        for entry in file.rule {
            if rules.iter().any(|rule| rule.entry.id == entry.id) {
                return Err(invalid(&entry, "two rules have this id".into()));
            }
            rules.push(Rule::try_from(entry)?);
        }
        Ok(Rules {
            routes: Routes::new(file.route)?,
            headers: file
                .headers
                .map(|headers| HeaderProfile {
                    not_compared: headers
                        .not_compared
                        .iter()
                        .map(|name| name.to_ascii_lowercase())
                        .collect(),
                    ordered: headers.ordered,
                    name_case: headers.name_case,
                })
                .unwrap_or_default(),
            identities: Identities::new(file.identity)?,
            clock_keys: clock_keys(file.clock_key)?,
            data_keys: parse_patterns("data_keys", &file.data_keys)?,
            rules,
        })
    }

    /// Reads rules from a file.
    ///
    /// # Errors
    /// As [`Rules::load`], and when the file cannot be read.
    pub fn read(path: &Path) -> Result<Self, RulesError> {
        let text = std::fs::read_to_string(path).map_err(|source| RulesError::Read {
            path: path.to_owned(),
            source,
        })?;
        Rules::load(&text)
    }
}

impl TryFrom<RuleEntry> for Rule {
    type Error = RulesError;

    fn try_from(entry: RuleEntry) -> Result<Self, RulesError> {
        if entry.paths.is_empty() {
            return Err(invalid(&entry, "a rule needs at least one path".into()));
        }
        for (name, value) in [
            ("id", &entry.id),
            ("reason", &entry.reason),
            ("author", &entry.author),
        ] {
            if value.trim().is_empty() {
                return Err(invalid(&entry, format!("`{name}` is empty")));
            }
        }
        let [low, high] = entry.evidence.interval;
        let rate = entry.evidence.rate;
        if !(0.0 <= low && low <= rate && rate <= high && high <= 1.0) {
            return Err(invalid(
                &entry,
                "evidence needs 0 <= interval[0] <= rate <= interval[1] <= 1".into(),
            ));
        }
        entry
            .equivalence
            .check()
            .map_err(|message| invalid(&entry, message))?;
        let patterns = parse_patterns(&format!("rule `{}`", entry.id), &entry.paths)?;
        let about_headers = patterns.iter().all(|pattern| pattern.root() == "header");
        if entry.equivalence.is_about_headers() && !about_headers {
            return Err(invalid(
                &entry,
                "this equivalence is for headers: write the path as `header.<name>`".into(),
            ));
        }
        Ok(Rule { entry, patterns })
    }
}

fn clock_keys(entries: Vec<ClockKeyEntry>) -> Result<Vec<String>, RulesError> {
    entries
        .into_iter()
        .map(|ClockKeyEntry { prefix, reason }| {
            if prefix.is_empty() || reason.trim().is_empty() {
                return Err(RulesError::Invalid {
                    owner: format!("clock_key `{prefix}`"),
                    message: "needs a prefix and a reason".into(),
                });
            }
            Ok(prefix)
        })
        .collect()
}

pub(super) fn parse_patterns(owner: &str, paths: &[String]) -> Result<Vec<Pattern>, RulesError> {
    paths
        .iter()
        .map(|path| {
            Pattern::parse(path).map_err(|source| RulesError::Path {
                owner: owner.to_owned(),
                source,
            })
        })
        .collect()
}

fn invalid(entry: &RuleEntry, message: String) -> RulesError {
    RulesError::Invalid {
        owner: format!("rule `{}`", entry.id),
        message,
    }
}
