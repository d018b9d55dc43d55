//! The side that is asked without anyone waiting for its answer.

pub mod breaker;
pub mod embedded;
pub mod http;

use bytes::Bytes;
use parity::compare::Observation;

use self::{embedded::Embedded, http::HttpBackend};
use crate::{config::WritePolicy, tee::RequestHead};

/// Why there is nothing to compare with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AskError {
    #[error("no answer: {0}")]
    Failed(&'static str),
    /// The answer is longer than any that is held.
    #[error("the answer is too large to compare")]
    TooLarge,
}

/// Whoever is asked.
#[derive(Debug)]
pub enum Candidate {
    Http(HttpBackend),
    Embedded(Embedded),
}

impl Candidate {
    /// The whole answer.
    ///
    /// # Errors
    /// When there is none, or none that can be held.
    pub async fn ask(&self, head: &RequestHead, body: Bytes) -> Result<Observation, AskError> {
        match self {
            Self::Http(backend) => backend.ask(head, body).await,
            Self::Embedded(scorer) => Ok(scorer.ask(head, body).await),
        }
    }

    /// What is done with requests that can write where the configuration says nothing.
    pub fn default_writes(&self) -> WritePolicy {
        match self {
            Self::Http(_) => WritePolicy::Skip,
            Self::Embedded(_) => WritePolicy::DryRun,
        }
    }
}
