//! Pairs of answers to compare, and the rules they are compared under.

use bytes::Bytes;
use parity::bind::Bindings;
use parity::compare::{Comparison, Context, Observation, compare};
use parity::exchange::{Headers, Response};
use parity::rules::Rules;

use super::documents;

/// The rules the Passport scorer is compared under.
const PASSPORT: &str = include_str!("../../../fixtures/passport/rules.toml");

/// Two answers and everything that comparing them takes.
pub(crate) struct Pair {
    rules: Rules,
    reference: Observation,
    candidate: Observation,
}

impl Pair {
    /// Equal to the byte. The rules bind numbers in bodies, so that every value is looked at.
    pub(crate) fn equal(size: usize) -> Self {
        Self::new(
            PASSPORT,
            documents::in_order(size),
            documents::in_order(size),
        )
    }

    /// One stamp in a hundred has another score.
    pub(crate) fn diverging(size: usize) -> Self {
        Self::new(
            PASSPORT,
            documents::in_order(size),
            documents::with_differences(size),
        )
    }

    /// The candidate lists the stamps the other way round; they are found by their provider.
    pub(crate) fn keyed(size: usize) -> Self {
        let rules = rule("equivalence = { keyed_list = { keys = [\"provider\"] } }");
        Self::new(&rules, documents::in_order(size), documents::reversed(size))
    }

    /// The candidate lists the stamps the other way round; they are found by all they contain.
    pub(crate) fn unordered(size: usize) -> Self {
        let rules = rule("equivalence = \"unordered\"");
        Self::new(&rules, documents::in_order(size), documents::reversed(size))
    }

    fn new(rules: &str, reference: Vec<u8>, candidate: Vec<u8>) -> Self {
        Self {
            rules: Rules::load(rules).expect("the rules of this benchmark are valid"),
            reference: observation(reference),
            candidate: observation(candidate),
        }
    }

    /// Bytes of both answers.
    pub(crate) fn bytes(&self) -> usize {
        self.reference.response.body.len() + self.candidate.response.body.len()
    }

    pub(crate) fn compare(&self) -> Comparison {
        let context = Context {
            rules: &self.rules,
            route: "benchmark",
            tags: &[],
        };
        compare(
            &context,
            &mut Bindings::default(),
            &self.reference,
            &self.candidate,
        )
    }
}

fn observation(body: Vec<u8>) -> Observation {
    Observation {
        response: Response {
            status: 200,
            headers: Headers(vec![(
                "content-type".to_owned(),
                b"application/json".to_vec(),
            )]),
            body: Bytes::from(body),
        },
        effects: None,
    }
}

fn rule(equivalence: &str) -> String {
    format!(
        r#"
version = 1
[[rule]]
id = "stamps"
paths = ["$.stamps"]
{equivalence}
reason = "the order is not defined"
evidence = {{ n = 1, rate = 0.0, interval = [0.0, 1.0] }}
author = "benchmark"
expires = "2099-01-01"
"#
    )
}
