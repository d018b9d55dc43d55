//! Compares what the two sides did.

use parity::{
    bind::Bindings,
    compare::{Comparison, Context, compare},
    rules::Rules,
};

use crate::findings::Pair;

/// Says how two answers to the same request compare.
pub trait Judge: std::fmt::Debug + Send + Sync {
    fn compare(&self, pair: &Pair) -> Comparison;
}

/// Judges by a file of reviewed rules.
#[derive(Debug)]
pub struct ByRules(Rules);

impl ByRules {
    pub fn new(rules: Rules) -> Self {
        Self(rules)
    }
}

impl Judge for ByRules {
    fn compare(&self, pair: &Pair) -> Comparison {
        let context = Context {
            rules: &self.0,
            route: &pair.route,
            tags: &[],
        };
        // Requests of live traffic come without an order that both sides share: what one pair
        // teaches about identifiers is not carried to the next.
        let mut bindings = Bindings::default();
        compare(&context, &mut bindings, &pair.reference, &pair.candidate)
    }
}
