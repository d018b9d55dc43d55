//! Proposed rules, in the form of the rules file, for a person to judge.

use std::{collections::BTreeSet, fmt::Write as _};

use chrono::{Days, NaiveDate};
use serde::{Deserialize, Serialize};

use super::{NoiseModel, PlaceNoise, RouteNoise};
use crate::{
    outcome::{Kind, Place},
    rules::{Equivalence, Evidence, RuleEntry},
    verdict::{Basis, Policy, RouteTest, Tally},
};

/// Differing pairs below which nothing is proposed: one difference explains itself too easily.
const MIN_DIFFERING: u64 = 3;
/// Days after which a learnt rule has to be looked at again.
const LIFETIME: Days = Days::new(180);

/// What a run of the reference against itself is called, and when it was.
#[derive(Debug, Clone)]
pub struct ProposalsFor {
    /// Where the pairs came from, for the evidence, e.g. `staging, 2026-01-15`.
    pub source: String,
    pub today: NaiveDate,
}

/// Rules to consider, and noise that none explains.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Proposals {
    /// Rules without author and reason, so that no rules file takes them as they are.
    pub rules: Vec<RuleEntry>,
    /// Formats seen at each rule's places, in the order of `rules`.
    pub shapes: Vec<BTreeSet<String>>,
    pub unexplained: Vec<Unexplained>,
}

/// Noise that no equivalence explains, or that was seen too rarely to propose one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unexplained {
    pub route: String,
    pub place: Place,
    pub path: String,
    pub kinds: BTreeSet<Kind>,
    pub evidence: Evidence,
}

impl NoiseModel {
    /// What was learnt so far.
    pub fn propose(&self, run: &ProposalsFor) -> Proposals {
        let mut proposals = Proposals::default();
        for (route, noise) in &self.routes {
            for ((place, path), seen) in &noise.places {
                let evidence = evidence(noise, seen, &run.source);
                match seen.proposal().filter(|_| seen.differing >= MIN_DIFFERING) {
                    Some(equivalence) => {
                        proposals.shapes.push(seen.shapes.clone());
                        proposals
                            .rules
                            .push(rule(run, route, *place, path, equivalence, evidence));
                    }
                    None => proposals.unexplained.push(Unexplained {
                        route: route.clone(),
                        place: *place,
                        path: path.clone(),
                        kinds: seen.kinds.clone(),
                        evidence,
                    }),
                }
            }
        }
        proposals
    }
}

/// The rate with the interval of the verdict's test: 95 %, valid while it is watched.
fn evidence(noise: &RouteNoise, seen: &PlaceNoise, source: &str) -> Evidence {
    let candidate: Tally = NoiseModel::tally(noise, seen);
    let policy = Policy {
        basis: Basis::Live,
        routes: std::num::NonZeroU32::MIN,
        ..Policy::default()
    };
    let excess = RouteTest {
        candidate,
        ..RouteTest::default()
    }
    .judge("", &policy)
    .excess;
    let rate = candidate.rate().unwrap_or_default();
    Evidence {
        n: candidate.total(),
        rate,
        interval: [excess.lower.min(rate), excess.upper.max(rate)],
        source: Some(source.to_owned()),
    }
}

fn rule(
    run: &ProposalsFor,
    route: &str,
    place: Place,
    path: &str,
    equivalence: &Equivalence,
    evidence: Evidence,
) -> RuleEntry {
    let path = match place {
        Place::Header => format!("header.{path}"),
        Place::Status | Place::Body | Place::Effects => path.to_owned(),
    };
    let words: Vec<&str> = path
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .collect();
    RuleEntry {
        id: format!("{route}-{}", words.join("-").to_ascii_lowercase()),
        routes: vec![route.to_owned()],
        paths: vec![path],
        equivalence: equivalence.clone(),
        when_tag: None,
        when_writes: Vec::new(),
        reason: String::new(),
        evidence,
        author: String::new(),
        expires: run.today.checked_add_days(LIFETIME).unwrap_or(run.today),
    }
}

impl Proposals {
    /// The proposals as a rules file. Reading it as it stands fails: every rule needs an author
    /// and a reason first.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        #[derive(Serialize)]
        struct OneRule<'a> {
            rule: [&'a RuleEntry; 1],
        }
        let mut text = String::from(
            "# Proposed from comparing the reference with itself. Not in force: give each rule that you\n\
             # accept a reason and an author, and move it to the rules file. Delete the others.\n\
             version = 1\n",
        );
        for (rule, shapes) in self.rules.iter().zip(&self.shapes) {
            text.push('\n');
            for shape in shapes {
                let _ = writeln!(text, "# seen: {shape}");
            }
            text.push_str(&toml::to_string(&OneRule { rule: [rule] })?);
        }
        for left in &self.unexplained {
            let _ = write!(
                text,
                "\n# not explained: {} at {:?} `{}` {:?}, {} of {} pairs differed\n",
                left.route,
                left.place,
                left.path,
                left.kinds,
                (left.evidence.rate * left.evidence.n as f64).round(),
                left.evidence.n,
            );
        }
        Ok(text)
    }
}
