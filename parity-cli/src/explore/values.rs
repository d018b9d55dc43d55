//! Values to ask with: those the fixtures use, and those that services trip over.

use std::collections::BTreeSet;

use parity::fixture::Scenario;
use rand::{RngExt as _, rngs::StdRng, seq::IndexedRandom as _};

/// Values for path segments and query parameters, as they stand in a target.
#[derive(Debug, Clone)]
pub(super) struct Values {
    segments: Vec<String>,
    parameters: Vec<String>,
}

/// Numbers in odd notations, odd characters, odd lengths.
const ODD: [&str; 30] = [
    "",
    "0",
    "-0",
    "-1",
    "+1",
    "01",
    "1.0",
    "1e2",
    "1_0",
    "0x",
    "0X0",
    "null",
    "true",
    "NaN",
    "%00",
    "%0A",
    "%20",
    "%2F",
    "%25",
    "%FF",
    "%C3%A9",
    "%D9%A1",
    "%EF%BC%91",
    "..",
    ".",
    "~",
    "*",
    "2147483648",
    "9223372036854775808",
    "100000000000000000000000000000000000000000000000000000",
];

const ODD_JSON: [&str; 24] = [
    "null",
    "true",
    "false",
    "0",
    "-0",
    "-0.0",
    "1",
    "-1",
    "1.0",
    "1e16",
    "1e400",
    "0.1",
    "NaN",
    "\"\"",
    "\"0\"",
    "\" 1\"",
    "\"\\u0000\"",
    "\"\\ud800\"",
    "\"é\"",
    "[]",
    "{}",
    "[[]]",
    "[null]",
    "123456789012345678901234567890",
];

impl Values {
    pub(super) fn harvest(scenarios: &[Scenario]) -> Self {
        let mut segments = BTreeSet::new();
        let mut parameters = BTreeSet::new();
        for step in scenarios.iter().flat_map(|scenario| &scenario.steps) {
            let (path, query) = step
                .request
                .target
                .split_once('?')
                .unwrap_or((&step.request.target, ""));
            segments.extend(path.split('/').filter(|segment| !segment.is_empty()));
            parameters.extend(
                query
                    .split('&')
                    .filter_map(|pair| pair.split_once('='))
                    .map(|(_, value)| value),
            );
        }
        let owned = |set: BTreeSet<&str>| set.into_iter().map(ToOwned::to_owned).collect();
        Self {
            segments: owned(segments),
            parameters: owned(parameters),
        }
    }

    pub(super) fn segment(&self, random: &mut StdRng) -> String {
        pick(&self.segments, random)
    }

    pub(super) fn parameter(&self, random: &mut StdRng) -> String {
        let from = if random.random_bool(0.5) {
            &self.parameters
        } else {
            &self.segments
        };
        pick(from, random)
    }

    /// JSON text.
    pub(super) fn json(random: &mut StdRng) -> &'static str {
        ODD_JSON.choose(random).copied().unwrap_or("null")
    }
}

/// One in three is odd.
fn pick(harvested: &[String], random: &mut StdRng) -> String {
    let harvested = harvested
        .choose(random)
        .filter(|_| random.random_bool(0.67));
    harvested
        .cloned()
        .unwrap_or_else(|| ODD.choose(random).copied().unwrap_or_default().to_owned())
}
