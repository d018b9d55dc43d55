//! Why a scoring request ends without a score.

use crate::{domain::pipeline::Raised, effects::Effects, python::datetime::DateTimeError};

/// A request that ends without a score, and the rows it changed nevertheless.
#[derive(Debug, thiserror::Error)]
#[error("{cause}")]
pub struct Failure {
    pub cause: Cause,
    /// Rows written before the failure: the Python service runs without a transaction.
    pub effects: Effects,
}

/// Which failure it is. Each endpoint has its own answer to each of them.
#[derive(Debug, thiserror::Error)]
pub enum Cause {
    #[error("no such community")]
    UnknownCommunity,
    #[error("invalid address")]
    InvalidAddress,
    /// A deletion that matches no row.
    #[error("no stamp to delete")]
    NothingToDelete,
    /// An exception of the Python service, answered like any other.
    #[error("{0}")]
    Exception(String),
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
}

impl Failure {
    /// A failure that changed nothing.
    pub fn clean(cause: impl Into<Cause>) -> Self {
        Failure {
            cause: cause.into(),
            effects: Effects::default(),
        }
    }

    /// The same failure after other rows were written.
    pub(crate) fn after(mut self, mut earlier: Effects) -> Self {
        earlier.0.append(&mut self.effects.0);
        Failure {
            cause: self.cause,
            effects: earlier,
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Failure::clean(error)
    }
}

impl From<Raised> for Cause {
    fn from(raised: Raised) -> Self {
        Cause::Exception(raised.to_string())
    }
}

impl From<DateTimeError> for Cause {
    fn from(error: DateTimeError) -> Self {
        Cause::Exception(error.to_string())
    }
}
