//! Divergences that somebody has accepted, and the mistakes that are reproduced on purpose.
//!
//! An accepted divergence names its place as narrowly as it can, says who is wrong, who looks after
//! it and until when. One that no longer occurs, or has expired, is reported for deletion.

mod document;
mod file;

use std::collections::BTreeMap;

use chrono::NaiveDate;
use serde::{Deserialize, Serialize};

use crate::{
    compare::Comparison,
    exchange::Request,
    outcome::{Divergence, Kind, Outcome, Place},
    path::Pattern,
};

pub use file::LedgerError;

/// Everything the ledger file says.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    accepted: Vec<Accepted>,
    reproduced: Vec<Reproduced>,
}

/// Which side of an accepted divergence is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// The candidate is right, or better on purpose.
    ReferenceWrong,
    /// A known fault of the candidate, to be mended before the entry expires.
    CandidateWrong,
    /// Neither: clients cannot tell the two apart in any way that matters.
    Equal,
}

/// One `[[accepted]]` entry as written in the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub id: String,
    /// Routes on which the divergence is accepted; at least one.
    pub routes: Vec<String>,
    pub place: Place,
    /// `$.points_data` in a body, `registry_score.inserted[*].status` in rows, the lower-case name
    /// of a header; empty for the status.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub paths: Vec<String>,
    /// How the sides may differ there; at least one.
    pub kinds: Vec<Kind>,
    /// Accept only this text on the reference's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    /// Accept only this text on the candidate's side.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<String>,
    /// Accept only for requests whose query has this parameter with this value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when_query: Option<String>,
    pub direction: Direction,
    pub reason: String,
    pub ticket: String,
    pub owner: String,
    /// Day after which the entry has to be looked at again.
    pub expires: NaiveDate,
    /// `<fixtures>/<group>/<scenario>` that shows the divergence.
    pub fixture: String,
}

/// One `[[reproduced]]` entry: a mistake of the reference that the candidate makes as well, so
/// that nothing changes with the cutover. Documentation, not a tolerance: both sides must agree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reproduced {
    pub id: String,
    pub routes: Vec<String>,
    /// What the service does.
    pub behaviour: String,
    /// What one would expect instead.
    pub expected: String,
    /// Section of the contract or the domain specification that states it.
    pub stated_in: String,
    /// `<group>/<scenario>` of the recorded corpus that holds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
}

/// An entry with its patterns read.
#[derive(Debug, Clone)]
struct Accepted {
    entry: Entry,
    patterns: Vec<Pattern>,
}

/// How often each entry was needed. Adds up over replicas and shards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Occurrences(pub BTreeMap<String, u64>);

impl Occurrences {
    /// Adds another run's occurrences.
    pub fn merge(&mut self, other: &Self) {
        for (id, count) in &other.0 {
            *self.0.entry(id.clone()).or_default() += count;
        }
    }
}

/// Entries to delete or to look at again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Audit {
    /// Entries whose divergence did not occur: delete them.
    pub gone: Vec<String>,
    /// Entries past their expiry. They still apply, so that a date alone changes no outcome.
    pub expired: Vec<String>,
}

impl Ledger {
    /// No accepted divergence.
    pub fn none() -> Self {
        Self::default()
    }

    /// Accepted divergences, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.accepted.iter().map(|accepted| &accepted.entry)
    }

    /// Reproduced mistakes, in the order of the file.
    pub fn reproduced(&self) -> &[Reproduced] {
        &self.reproduced
    }

    /// The entry that accepts this divergence, if any.
    pub fn accepting(
        &self,
        route: &str,
        request: &Request,
        divergence: &Divergence,
    ) -> Option<&Entry> {
        self.accepted
            .iter()
            .find(|accepted| accepted.accepts(route, request, divergence))
            .map(|accepted| &accepted.entry)
    }

    /// Moves what the ledger accepts from diverged to tolerated and says by which entry.
    pub fn apply(
        &self,
        route: &str,
        request: &Request,
        comparison: &mut Comparison,
        occurrences: &mut Occurrences,
    ) {
        let mut diverged = Vec::new();
        for mut divergence in std::mem::take(&mut comparison.diverged) {
            match self.accepting(route, request, &divergence) {
                Some(entry) => {
                    *occurrences.0.entry(entry.id.clone()).or_default() += 1;
                    divergence.rule = Some(format!("ledger:{}", entry.id));
                    comparison.tolerated.push(divergence);
                }
                None => diverged.push(divergence),
            }
        }
        comparison.diverged = diverged;
        if comparison.outcome == Outcome::Diverged && comparison.diverged.is_empty() {
            comparison.outcome = Outcome::Tolerated;
        }
    }

    /// Finds entries that did not occur in a run that could have shown them, and entries past
    /// their expiry on the day `today`.
    pub fn audit(&self, occurrences: &Occurrences, today: NaiveDate) -> Audit {
        let ids = |keep: &dyn Fn(&Entry) -> bool| {
            self.entries()
                .filter(|entry| keep(entry))
                .map(|entry| entry.id.clone())
                .collect()
        };
        Audit {
            gone: ids(&|entry| occurrences.0.get(&entry.id).is_none_or(|count| *count == 0)),
            expired: ids(&|entry| entry.expires < today),
        }
    }
}

impl Accepted {
    fn accepts(&self, route: &str, request: &Request, divergence: &Divergence) -> bool {
        let entry = &self.entry;
        let same =
            |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        entry.routes.iter().any(|name| name == route)
            && entry.place == divergence.place
            && entry.kinds.contains(&divergence.kind)
            && same(&entry.reference, &divergence.reference)
            && same(&entry.candidate, &divergence.candidate)
            && entry
                .when_query
                .as_ref()
                .is_none_or(|wanted| has_query(request, wanted))
            && self.covers(&divergence.path)
    }

    fn covers(&self, path: &str) -> bool {
        if self.patterns.is_empty() {
            return path.is_empty();
        }
        Pattern::parse(path)
            .is_ok_and(|path| self.patterns.iter().any(|pattern| pattern.covers(&path)))
    }
}

/// Whether `name=value` stands in the query, as written.
fn has_query(request: &Request, wanted: &str) -> bool {
    request
        .target
        .split_once('?')
        .is_some_and(|(_, query)| query.split('&').any(|pair| pair == wanted))
}

#[cfg(test)]
mod tests;
