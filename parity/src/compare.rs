//! Two observations of the same request, compared place by place.
//!
//! Rows come first, because they bind the numbers that the answer then mentions; the answer is
//! compared as status, headers and body. Nothing is skipped: what may differ is said by the rules,
//! and each use of a rule is reported as a tolerated difference.

mod body;
mod cache;
mod effects;
mod excerpt;
mod headers;
mod meaning;
mod pairing;
mod patch;
mod walk;

use meaning::Hashing;

use crate::{
    bind::{Bindings, Sight},
    effects::Effects,
    exchange::Response,
    outcome::{Divergence, Kind, Outcome, Place},
    rules::{Rule, Rules},
};

pub use cache::{CacheComparison, compare_cache};
pub use excerpt::text_diff;
pub use patch::json_patch;

/// What one side did with a request.
#[derive(Debug, Clone)]
pub struct Observation {
    pub response: Response,
    /// Absent when the rows of this side are not known; rows are then not compared.
    pub effects: Option<Effects>,
}

/// What a pair is compared under.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    pub rules: &'a Rules,
    /// Name of the route, see [`Rules::route`].
    pub route: &'a str,
    /// Tags of the step; empty in live traffic.
    pub tags: &'a [String],
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

/// Compares what both sides did with the same request. `bindings` carries what earlier steps of
/// the scenario taught and learns from this one.
pub fn compare(
    context: &Context<'_>,
    bindings: &mut Bindings,
    reference: &Observation,
    candidate: &Observation,
) -> Comparison {
    let rows = [reference.effects.as_ref(), candidate.effects.as_ref()];
    let scope = Scope {
        context,
        rules: context
            .rules
            .rules()
            .iter()
            .filter(|rule| rule.applies(context.route, context.tags, rows))
            .collect(),
        // Without rows nothing says which numbers are new: any may be.
        mentions: if rows.iter().all(Option::is_some) {
            Sight::Known
        } else {
            Sight::First
        },
        hashing: Hashing::default(),
    };
    let mut findings = Findings::default();
    if let [Some(reference), Some(candidate)] = rows {
        effects::compare(&scope, bindings, &mut findings, reference, candidate);
    }
    let effects_end = findings.lengths();
    if reference.response.status != candidate.response.status {
        findings.diverged.push(Divergence {
            place: Place::Status,
            path: String::new(),
            kind: Kind::Value,
            reference: Some(reference.response.status.to_string()),
            candidate: Some(candidate.response.status.to_string()),
            rule: None,
        });
    }
    headers::compare(
        &scope,
        bindings.clocks(),
        &mut findings,
        &reference.response,
        &candidate.response,
    );
    body::compare(
        &scope,
        bindings,
        &mut findings,
        &reference.response,
        &candidate.response,
    );
    findings.rows_last(effects_end);
    findings.into_comparison()
}

/// What holds for all places of one pair.
struct Scope<'a> {
    context: &'a Context<'a>,
    /// Rules that speak about this pair.
    rules: Vec<&'a Rule>,
    /// What a number that is mentioned, not defined, may be taken for.
    mentions: Sight,
    hashing: Hashing,
}

#[derive(Debug, Default)]
struct Findings {
    diverged: Vec<Divergence>,
    tolerated: Vec<Divergence>,
}

impl Findings {
    fn lengths(&self) -> (usize, usize) {
        (self.diverged.len(), self.tolerated.len())
    }

    /// Puts what was found in rows behind what was found in the answer, which readers look at
    /// first.
    fn rows_last(&mut self, (diverged, tolerated): (usize, usize)) {
        self.diverged.rotate_left(diverged);
        self.tolerated.rotate_left(tolerated);
    }

    /// Says of what was found since `from` that it was found at another place.
    fn move_to(&mut self, place: Place, (diverged, tolerated): (usize, usize)) {
        for found in self.diverged[diverged..]
            .iter_mut()
            .chain(&mut self.tolerated[tolerated..])
        {
            found.place = place;
        }
    }

    fn into_comparison(self) -> Comparison {
        Comparison {
            outcome: if !self.diverged.is_empty() {
                Outcome::Diverged
            } else if !self.tolerated.is_empty() {
                Outcome::Tolerated
            } else {
                Outcome::Match
            },
            diverged: self.diverged,
            tolerated: self.tolerated,
        }
    }
}

#[cfg(test)]
mod tests;
