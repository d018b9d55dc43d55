//! The accepted baseline: causes of divergence that are known, so that a run can be judged by what is
//! new since.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{ReportError, header::Header, model::Report};
use crate::{
    cluster::{Cluster, Signature},
    fixture::Version,
};

/// Format this build writes.
const VERSION: Version = Version { major: 1, minor: 0 };

const FORMAT: &str = "parity-baseline";

/// What somebody looked at and accepted for the time being. Accepting a cause does not make it
/// parity: its requests still diverge, and the verdict still counts them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    format: String,
    version: Version,
    /// Where the requests came from.
    pub source: String,
    /// Pairs that were compared. A run that compares fewer has not shown that nothing is new.
    pub compared: u64,
    /// Known causes, those that affected most requests first.
    pub causes: Vec<KnownCause>,
}

/// A cause of divergence, without the values it was seen with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownCause {
    /// Of the cluster.
    pub id: String,
    pub route: String,
    pub title: String,
    pub signatures: Vec<Signature>,
}

/// A run held against a baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SinceBaseline {
    /// Identifiers of clusters with a signature that the baseline does not have.
    pub new: Vec<String>,
    /// Causes none of whose signatures occurred. In a run of a part of the requests this may only
    /// mean that they were left out.
    pub gone: Vec<KnownCause>,
    /// How many pairs fewer than in the baseline were compared.
    pub compared_less: u64,
}

impl Baseline {
    /// The baseline that accepts everything a run found.
    ///
    /// # Errors
    /// The report is of one shard only.
    pub fn accepting(report: &Report) -> Result<Self, ReportError> {
        if let Some(shard) = report.run.shard {
            return Err(ReportError::PartialBaseline(shard.index, shard.of));
        }
        Ok(Baseline {
            format: FORMAT.to_owned(),
            version: VERSION,
            source: report.run.source.clone(),
            compared: report.totals.compared,
            causes: report.clusters.iter().map(KnownCause::of).collect(),
        })
    }

    /// What is new and what is gone in a run.
    pub fn since(&self, report: &Report) -> SinceBaseline {
        let signatures = |list: Vec<&'_ [Signature]>| -> BTreeSet<Signature> {
            list.into_iter().flatten().cloned().collect()
        };
        let known = signatures(self.causes.iter().map(|c| &c.signatures[..]).collect());
        let found = signatures(report.clusters.iter().map(|c| &c.signatures[..]).collect());
        let is_new = |cluster: &&Cluster| {
            // A new fault may come along with a known one.
            !cluster.signatures.iter().all(|one| known.contains(one))
        };
        let is_gone = |cause: &&KnownCause| !cause.signatures.iter().any(|one| found.contains(one));
        SinceBaseline {
            new: report
                .clusters
                .iter()
                .filter(is_new)
                .map(|cluster| cluster.id.clone())
                .collect(),
            gone: self.causes.iter().filter(is_gone).cloned().collect(),
            compared_less: self.compared.saturating_sub(report.totals.compared),
        }
    }

    /// Reads a baseline.
    ///
    /// # Errors
    /// The text is no baseline, or one of a format this build does not know.
    pub fn from_json(text: &str) -> Result<Self, ReportError> {
        Header::check(text, FORMAT, VERSION)?;
        Ok(serde_json::from_str(text)?)
    }

    /// Text of the file.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a baseline has string keys");
        text.push('\n');
        text
    }
}

impl KnownCause {
    fn of(cluster: &Cluster) -> Self {
        KnownCause {
            id: cluster.id.clone(),
            route: cluster.route.clone(),
            title: cluster.title(),
            signatures: cluster.signatures.clone(),
        }
    }
}

impl SinceBaseline {
    /// Whether the cluster is new.
    pub(super) fn has_new(&self, cluster: &Cluster) -> bool {
        self.new.contains(&cluster.id)
    }

    /// Everything in one line.
    pub(super) fn describe(&self) -> String {
        let fewer = match self.compared_less {
            0 => String::new(),
            fewer => format!(", {fewer} pairs fewer compared"),
        };
        format!(
            "since the baseline: {} new, {} gone{fewer}",
            self.new.len(),
            self.gone.len()
        )
    }
}
