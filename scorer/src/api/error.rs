//! How a handler fails.
//!
//! Handlers return [`Failure`]; it says what the client sees. Inside, each layer has its own error
//! type (`sqlx::Error`, `CacheError`, …). An error that the Python service would not have caught
//! becomes [`Failure::Uncaught`] by `?`; where Python catches it, the handler maps it explicitly.

use std::borrow::Cow;

use super::validation::Invalid;
use crate::store::failure::Cause;

/// What the client gets instead of a result.
#[derive(Debug)]
pub(crate) enum Failure {
    /// `{"detail": …}` with a status.
    Detail(u16, Cow<'static, str>),
    /// 422 with the list of what is wrong (contract §1.7).
    Invalid(Vec<Invalid>),
    /// 404 of the score history, which repeats the address asked for (domain E.8).
    WithAddress { detail: String, address: String },
    /// The fixed 400 page.
    HtmlBadRequest,
    /// The fixed 500 page; the cause goes to the log only.
    Uncaught(Uncaught),
}

/// What Python would have raised through all layers.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Uncaught {
    #[error("database: {0}")]
    Database(#[from] sqlx::Error),
    #[error("cache: {0}")]
    Cache(#[from] crate::cache::CacheError),
    #[error("{0}")]
    Rate(crate::rate_limit::RateError),
    #[error("{0}")]
    Quirk(&'static str),
    #[error("{0}")]
    Other(String),
}

impl Failure {
    pub(crate) fn detail(status: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self::Detail(status, text.into())
    }

    /// An exception that the Python service raises on purpose or by accident and nobody catches.
    pub(crate) fn quirk(what: &'static str) -> Self {
        Self::Uncaught(Uncaught::Quirk(what))
    }

    pub(crate) fn invalid_address() -> Self {
        Self::detail(400, "Invalid address.")
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        Self::Uncaught(error.into())
    }
}

impl From<crate::cache::CacheError> for Failure {
    fn from(error: crate::cache::CacheError) -> Self {
        Self::Uncaught(error.into())
    }
}

impl From<Cause> for Failure {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::InvalidAddress => Self::invalid_address(),
            Cause::Database(error) => Self::from(error),
            Cause::UnknownCommunity | Cause::NothingToDelete | Cause::Exception(_) => {
                Self::Uncaught(Uncaught::Other(cause.to_string()))
            }
        }
    }
}
