//! Compares what the two sides did.

use parity::{
    bind::Bindings,
    compare::{Comparison, Context, compare},
    ledger::{Ledger, Occurrences},
    rules::Rules,
};

use crate::findings::Pair;

/// Judges by reviewed rules and accepted divergences.
#[derive(Debug)]
pub struct Judge {
    rules: Rules,
    ledger: Ledger,
}

impl Judge {
    pub fn new(rules: Rules, ledger: Ledger) -> Self {
        Self { rules, ledger }
    }

    /// How two answers to the same request compare.
    pub fn compare(&self, pair: &Pair) -> Comparison {
        let context = Context {
            rules: &self.rules,
            route: &pair.route,
            tags: &[],
        };
        // Requests of live traffic come without an order that both sides share: what one pair
        // teaches about identifiers is not carried to the next.
        let mut bindings = Bindings::default();
        let mut comparison = compare(&context, &mut bindings, &pair.reference, &pair.candidate);
        self.ledger.apply(
            &pair.route,
            &pair.request,
            &mut comparison,
            &mut Occurrences::default(),
        );
        comparison
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}
