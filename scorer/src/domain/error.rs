//! Why a scoring fails: the texts that end up in `registry_score.error` (domain B.8).

use crate::python::{datetime::DateTimeError, decimal::DecimalError};

/// A failure inside the scoring. It is an answer, not an exception: the score row is wiped, keeps
/// this text, and the client sees it in `error` with an ordinary status.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ScoringError {
    #[error("'expirationDate'")]
    ExpirationMissing,
    /// An expiration that is no date with an offset, or a stored date beyond Python's calendar.
    #[error(transparent)]
    Date(#[from] DateTimeError),
    /// A stamp that is null, a number or a boolean.
    #[error("argument of type '{0}' is not iterable")]
    StampNotContainer(&'static str),
    #[error("list indices must be integers or slices, not str")]
    StampIsList,
    #[error("string indices must be integers, not 'str'")]
    StampIsText,
    #[error("'{0}' object has no attribute 'startswith'")]
    NullifierNotText(&'static str),
    #[error("'{0}' object is not iterable")]
    NullifiersNotIterable(&'static str),
    /// A list or an object where a text is looked up.
    #[error("unhashable type: '{0}'")]
    Unhashable(&'static str),
    #[error("Invalid rule")]
    InvalidRule,
    #[error("Failed to save HashScorerLinks")]
    LinksNotSaved,
    #[error("Unexpected number of HashScorerLinks")]
    LinkCountUnexpected,
    /// PostgreSQL's message with its line feed.
    #[error("value too long for type character varying({0})\n")]
    ValueTooLong(usize),
    /// Weights that are not an object, and the method called on them.
    #[error("'{type_name}' object has no attribute '{method}'")]
    WeightsNotObject {
        type_name: &'static str,
        method: &'static str,
    },
    /// A weight that is no number, or a sum that cannot be formed.
    #[error(transparent)]
    Arithmetic(#[from] DecimalError),
    /// More than one row where the points program expects at most one.
    #[error("get() returned more than one HumanPoints -- it returned {0}!")]
    MultipleHumanPoints(MatchCount),
}

/// How many rows a `get()` found: it stops counting after twenty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchCount(pub usize);

impl std::fmt::Display for MatchCount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            count @ ..=20 => write!(f, "{count}"),
            _ => f.write_str("more than 20"),
        }
    }
}
