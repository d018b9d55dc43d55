//! Learns what the reference does not hold still, from comparing it with itself.
//!
//! Where its answers differ, the narrowest equivalence that explains *every* difference seen there
//! is proposed as a rule, with its evidence. Nothing is accepted by itself: a proposal has no
//! author and no reason, and the rules file refuses it until a person writes both.

mod proposals;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    compare::Comparison,
    outcome::{Divergence, Kind, Place},
    rules::{Equivalence, Format},
    verdict::Tally,
};

pub use proposals::{Proposals, ProposalsFor, Unexplained};

/// Windows that may be proposed, in seconds.
const TIME_WINDOWS: [u32; 7] = [1, 2, 5, 10, 30, 60, 300];
/// Significant digits that may be proposed. Fewer than twelve would hide real differences.
const SIGNIFICANT_DIGITS: std::ops::RangeInclusive<u32> = 12..=28;
/// Formats of opaque values, narrowest first.
const FORMATS: [Format; 5] = [
    Format::Uuid,
    Format::Digits,
    Format::Hex,
    Format::Alphanumeric,
    Format::Base64Url,
];
/// Shorter values have too few forms to be random: they are states, counts or names.
const MIN_OPAQUE_LENGTH: usize = 16;

/// What was seen of the reference's noise.
#[derive(Debug, Clone, Default)]
pub struct NoiseModel {
    routes: BTreeMap<String, RouteNoise>,
}

#[derive(Debug, Clone, Default)]
struct RouteNoise {
    pairs: u64,
    places: BTreeMap<(Place, String), PlaceNoise>,
}

/// Differences at one place, with wild indices.
#[derive(Debug, Clone)]
struct PlaceNoise {
    /// Pairs that differed here.
    differing: u64,
    kinds: BTreeSet<Kind>,
    /// Equivalences that explain every difference so far, narrowest first.
    explains: Vec<Equivalence>,
    /// Shapes of the values seen: digits as `0`, letters as `a`.
    shapes: BTreeSet<String>,
    /// Random values are never seen twice; those seen are kept up to a limit.
    values: BTreeSet<String>,
    repeats: bool,
}

impl NoiseModel {
    /// Adds one pair of the reference with itself, compared under the rules in force, so that only
    /// what they do not explain is learnt.
    pub fn observe(&mut self, route: &str, comparison: &Comparison) {
        let noise = self.routes.entry(route.to_owned()).or_default();
        noise.pairs += 1;
        let mut differed = BTreeSet::new();
        for divergence in &comparison.diverged {
            let place = (divergence.place, wild(&divergence.path));
            let seen = noise
                .places
                .entry(place.clone())
                .or_insert_with(PlaceNoise::new);
            seen.observe(divergence);
            differed.insert(place);
        }
        for place in differed {
            if let Some(seen) = noise.places.get_mut(&place) {
                seen.differing += 1;
            }
        }
    }

    /// Pairs of one route, and how many of them differed at all places it knows.
    fn tally(noise: &RouteNoise, place: &PlaceNoise) -> Tally {
        Tally {
            clean: noise.pairs - place.differing,
            diverged: place.differing,
        }
    }
}

impl PlaceNoise {
    fn new() -> Self {
        Self {
            differing: 0,
            kinds: BTreeSet::new(),
            explains: Vec::new(),
            shapes: BTreeSet::new(),
            values: BTreeSet::new(),
            repeats: false,
        }
    }

    fn observe(&mut self, divergence: &Divergence) {
        const MAX_SHAPES: usize = 8;
        const MAX_VALUES: usize = 1_000;
        let sides = [
            divergence.reference.as_deref(),
            divergence.candidate.as_deref(),
        ];
        let texts = sides.map(|side| unquoted(side.unwrap_or_default()));
        for text in &texts {
            if self.shapes.len() < MAX_SHAPES {
                self.shapes.insert(shape(text));
            }
            if self.values.len() < MAX_VALUES {
                self.repeats |= !self.values.insert(text.clone());
            }
        }
        let [reference, candidate] = &texts;
        if self.kinds.is_empty() {
            self.explains = hypotheses(divergence, reference);
        }
        self.kinds.insert(divergence.kind);
        self.explains
            .retain(|equivalence| explains(equivalence, divergence, reference, candidate));
    }

    /// The rule to propose: the narrowest that explains everything, if its kind is plausible here.
    fn proposal(&self) -> Option<&Equivalence> {
        self.explains
            .iter()
            .find(|equivalence| !matches!(equivalence, Equivalence::Opaque { .. }) || !self.repeats)
    }
}

/// Equivalences that could explain a first difference, narrowest first.
fn hypotheses(divergence: &Divergence, reference: &str) -> Vec<Equivalence> {
    match (divergence.kind, divergence.place) {
        (Kind::Order, _) => vec![Equivalence::Unordered, Equivalence::UnorderedKeys],
        (Kind::Value | Kind::Form, Place::Body | Place::Effects | Place::Header) => {
            let windows = TIME_WINDOWS.map(|seconds| Equivalence::TimeWindow { seconds });
            let digits = SIGNIFICANT_DIGITS
                .rev()
                .map(|digits| Equivalence::SignificantDigits { digits });
            let length = reference.chars().count();
            let header = (divergence.place == Place::Header).then_some(Equivalence::HeaderSet);
            let opaque = FORMATS
                .iter()
                .filter(|_| length >= MIN_OPAQUE_LENGTH)
                .flat_map(|format| {
                    [Some(length), None].map(|length| Equivalence::Opaque {
                        format: *format,
                        length,
                    })
                });
            header
                .into_iter()
                .chain(windows)
                .chain(digits)
                .chain(opaque)
                .collect()
        }
        _ => Vec::new(),
    }
}

fn explains(
    equivalence: &Equivalence,
    divergence: &Divergence,
    reference: &str,
    candidate: &str,
) -> bool {
    let written = divergence.reference.as_deref().unwrap_or_default();
    match equivalence {
        Equivalence::HeaderSet => {
            let items = |text: &str| {
                let mut items: Vec<String> =
                    text.split(',').map(|item| item.trim().to_owned()).collect();
                items.sort_unstable();
                items
            };
            divergence.place == Place::Header && items(reference) == items(candidate)
        }
        // The order of a list is told by its indices, that of an object by its keys.
        Equivalence::Unordered => divergence.kind == Kind::Order && written.starts_with('['),
        Equivalence::UnorderedKeys => divergence.kind == Kind::Order && !written.starts_with('['),
        Equivalence::Opaque { .. } => {
            [reference, candidate]
                .iter()
                .all(|text| text.chars().count() >= MIN_OPAQUE_LENGTH)
                && written.starts_with('"') == (divergence.place != Place::Header)
                && equivalence.allows(reference, candidate) == Some(true)
        }
        _ => {
            matches!(divergence.kind, Kind::Value | Kind::Form)
                && equivalence.allows(reference, candidate) == Some(true)
        }
    }
}

/// The text inside a JSON string, anything else as it is.
fn unquoted(text: &str) -> String {
    serde_json::from_str(text).unwrap_or_else(|_| text.to_owned())
}

/// The path with every index wild.
fn wild(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    let mut rest = path;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open);
        out.push_str(before);
        let close = from.find(']').map_or(from.len(), |at| at + 1);
        let (bracket, after) = from.split_at(close);
        let inside = bracket.trim_start_matches('[').trim_end_matches(']');
        let index = !inside.is_empty() && inside.bytes().all(|byte| byte.is_ascii_digit());
        out.push_str(if index { "[*]" } else { bracket });
        rest = after;
    }
    out.push_str(rest);
    out
}

/// What a value looks like without saying what it is: it may be a secret.
fn shape(text: &str) -> String {
    const MAX_CHARS: usize = 60;
    let mut shape = String::new();
    for c in text.chars().take(MAX_CHARS) {
        shape.push(match c {
            '0'..='9' => '0',
            'a'..='z' => 'a',
            'A'..='Z' => 'A',
            c if c.is_ascii_punctuation() || c == ' ' => c,
            _ => '?',
        });
    }
    shape
}

#[cfg(test)]
mod tests;
