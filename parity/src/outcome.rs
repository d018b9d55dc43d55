//! What a comparison can find.

use serde::{Deserialize, Serialize};

/// Result of comparing one pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Equal, byte for byte where the contract defines bytes.
    Match,
    /// Different only where a reviewed rule or ledger entry says the difference is allowed.
    Tolerated,
    Diverged,
    /// The two were not asked the same question: state, stage or an upstream failure came between.
    NotComparable,
}

/// Where a divergence was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Status,
    Header,
    Body,
    Effects,
}

/// How the two sides differ at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Different values of the same type.
    Value,
    /// Different JSON types, e.g. `"1"` and `1`.
    Type,
    /// `null` on one side, a value on the other.
    Null,
    /// Present in the reference only.
    Missing,
    /// Present in the candidate only.
    Extra,
    /// The same elements or members in another order.
    Order,
    /// Lists of different length.
    Length,
    /// The same number or text written differently, e.g. `1.10` and `1.1`.
    Form,
    /// The same JSON, written with other bytes (white space, escapes).
    Bytes,
    /// An identifier stands for another object on one side than on the other.
    Binding,
    /// A value that a rule covers, but that does not look as the rule demands.
    RuleViolated,
}

impl Kind {
    /// In words, for reports.
    pub fn describe(self) -> &'static str {
        match self {
            Kind::Value => "another value",
            Kind::Type => "another type",
            Kind::Null => "null on one side",
            Kind::Missing => "missing in the candidate",
            Kind::Extra => "only in the candidate",
            Kind::Order => "another order",
            Kind::Length => "another length",
            Kind::Form => "written differently",
            Kind::Bytes => "other white space",
            Kind::Binding => "stands for another object",
            Kind::RuleViolated => "violates its rule",
        }
    }
}

/// One difference at one place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Divergence {
    pub place: Place,
    /// `$.score.stamps.Google.dedup` in a body, the lower-case name for a header,
    /// `registry_score.inserted[0].evidence.rawScore` for rows, empty for the status.
    pub path: String,
    pub kind: Kind,
    /// Reference's value as JSON text or header text; absent when missing there.
    pub reference: Option<String>,
    /// Candidate's value, as for `reference`.
    pub candidate: Option<String>,
    /// Rule or ledger entry that tolerates (or was violated by) this difference.
    pub rule: Option<String>,
}
