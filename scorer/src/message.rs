//! Requests and responses, free of any HTTP library, with exact bytes.

use bytes::Bytes;

use crate::{cache::CacheWrite, effects::Effects};

/// A request as received. Header names keep their case, values are raw bytes.
#[derive(Debug, Clone)]
pub struct Request {
    pub method: String,
    /// Request target exactly as sent (path and query, percent-encoding untouched).
    pub target: String,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
}

/// A response in the header order of the Python service.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Bytes,
}

/// Whether rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Effects are applied to the database.
    Commit,
    /// As [`Commit`](Self::Commit), without a list of what a scoring wrote: for a server, which
    /// has nobody to tell.
    CommitUnlisted,
    /// Nothing is written; identifiers the database would assign are negative placeholders.
    DryRun,
}

impl Mode {
    /// Whether the database and the cache are changed.
    #[must_use]
    pub fn writes(self) -> bool {
        self != Self::DryRun
    }
}

/// A response with the rows it goes with.
#[derive(Debug, Clone)]
pub struct Reply {
    /// Name of the endpoint, for metrics and reports; `other-route` where there is none.
    pub route: &'static str,
    pub response: Response,
    /// Rows written, or in dry-run mode the rows that would have been; not those of a scoring in
    /// mode [`CommitUnlisted`](Mode::CommitUnlisted).
    pub effects: Effects,
    /// Cache entries set, or in dry-run mode those that would have been.
    pub cache: Vec<CacheWrite>,
}
