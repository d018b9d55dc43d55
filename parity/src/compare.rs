//! Two observations of the same request, compared place by place.

use crate::{
    effects::Effects,
    exchange::Response,
    outcome::{Divergence, Outcome},
};

/// What one side did with a request.
#[derive(Debug, Clone)]
pub struct Observation {
    pub response: Response,
    /// Absent when the rows of this side are not known; rows are then not compared.
    pub effects: Option<Effects>,
}

/// Everything found between two observations.
#[derive(Debug, Clone)]
pub struct Comparison {
    pub outcome: Outcome,
    /// Differences that no rule allows.
    pub diverged: Vec<Divergence>,
    /// Differences allowed by the rule or ledger entry each names.
    pub tolerated: Vec<Divergence>,
}
