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
        if let Some([reference, candidate]) = pair.clocks {
            bindings.clocks_showed(reference, candidate);
        }
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
    pub fn route(&self, pair: &Pair) -> String {
        match self.rules.route(&pair.request, &[]) {
            unknown if unknown == OTHER_ROUTE => pair.route.to_string(),
            known => known,
        }
    }

    pub fn rules(&self) -> &Rules {
        &self.rules
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bytes::Bytes;
    use parity::{
        compare::Observation,
        exchange::{Headers, Request, Response},
        outcome::Outcome,
    };

    use super::*;

    const RULES: &str = r#"
        version = 1
        [[route]]
        name = "known-to-the-rules"
        method = "GET"
        path = "/listed"
        [[rule]]
        id = "order"
        routes = ["known-to-the-rules", "known-to-the-proxy"]
        paths = ["$"]
        equivalence = "unordered"
        reason = "no order is defined"
        evidence = { n = 1, rate = 1.0, interval = [0.2, 1.0], source = "test" }
        author = "test"
        expires = "2999-01-01"
    "#;

    fn outcome(route: &str, target: &str) -> Outcome {
        let answer = |body: &'static str| Observation {
            response: Response {
                status: 200,
                headers: Headers(vec![(
                    "content-type".to_owned(),
                    b"application/json".to_vec(),
                )]),
                body: Bytes::from_static(body.as_bytes()),
            },
            effects: None,
        };
        let pair = Pair {
            route: Arc::from(route),
            request: Request {
                method: "GET".to_owned(),
                target: target.to_owned(),
                headers: Headers(Vec::new()),
                body: Bytes::new(),
            },
            reference: answer("[1, 2]"),
            candidate: answer("[2, 1]"),
            clocks: None,
        };
        let rules = Rules::load(RULES).expect("rules");
        Judge::new(rules, Ledger::none()).compare(&pair).outcome
    }

    #[test]
    fn rules_hold_on_routes_that_only_they_or_only_the_proxy_names() {
        assert_eq!(outcome(OTHER_ROUTE, "/listed"), Outcome::Tolerated);
        assert_eq!(outcome("known-to-the-proxy", "/else"), Outcome::Tolerated);
        assert_eq!(outcome(OTHER_ROUTE, "/else"), Outcome::Diverged);
    }
}
