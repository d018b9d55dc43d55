//! Compares what the two sides did.

use parity::{
    bind::Bindings,
    compare::{Comparison, Context, compare},
    ledger::{Ledger, Occurrences},
    rules::Rules,
};

use crate::{findings::Pair, route::OTHER_ROUTE};

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
        let route = self.route(pair);
        let context = Context {
            rules: &self.rules,
            route: &route,
            tags: &[],
        };
        // Requests of live traffic come without an order that both sides share: what one pair
        // teaches about identifiers is not carried to the next.
        let mut bindings = Bindings::default();
        let mut comparison = compare(&context, &mut bindings, &pair.reference, &pair.candidate);
        self.ledger.apply(
            &route,
            &pair.request,
            &mut comparison,
            &mut Occurrences::default(),
        );
        comparison
    }

    /// The name by which rules and ledger speak of the route: the one in the rules' own table, or
    /// where that does not know the path, the one of the proxy's configuration.
    fn route(&self, pair: &Pair) -> String {
        match self.rules.route(&pair.request, &[]) {
            unknown if unknown == OTHER_ROUTE => pair.route.to_string(),
            known => known,
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}
