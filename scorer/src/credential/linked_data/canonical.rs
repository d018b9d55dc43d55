//! URDNA2015: names for blank nodes that depend on nothing but what is said about them.
//!
//! For statements without graph names, which is all that credentials make. Telling apart blank nodes
//! that look alike can take exponential time; the work is bounded, and what exceeds the bound has no
//! canonical form here.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use sha2::{Digest, Sha256};

use super::rdf::{Object, Statement, Subject};

/// How many times the neighbourhood of a blank node may be explored.
const MAX_EXPLORATIONS: usize = 4_096;

/// How far an exploration may lead from one blank node to the next.
const MAX_DISTANCE: usize = 128;

/// The statements in canonical form: one line each, sorted, no line twice.
pub(super) fn canonicalise(statements: Vec<Statement>) -> Option<String> {
    let statements: BTreeSet<Statement> = statements.into_iter().collect();
    let names = Canonicaliser::new(&statements).names()?;
    let name = |blank: usize| format!("_:{}", names[&blank]);
    let mut lines: Vec<String> = statements
        .iter()
        .map(|statement| line(statement, name))
        .collect();
    lines.sort_unstable();
    Some(lines.concat())
}

/// One statement as a line of N-Quads.
fn line(statement: &Statement, name: impl Fn(usize) -> String) -> String {
    let subject = match &statement.subject {
        Subject::Iri(iri) => format!("<{iri}>"),
        Subject::Blank(blank) => name(*blank),
    };
    let object = match &statement.object {
        Object::Iri(iri) => format!("<{iri}>"),
        Object::Blank(blank) => name(*blank),
        Object::Literal(literal) => literal.to_string(),
    };
    format!("{subject} <{}> {object} .\n", statement.predicate)
}

/// Gives out names in the order in which they are asked for.
#[derive(Clone)]
struct Issuer {
    prefix: &'static str,
    names: HashMap<usize, String>,
}

impl Issuer {
    fn new(prefix: &'static str) -> Self {
        Self {
            prefix,
            names: HashMap::new(),
        }
    }

    fn name(&mut self, blank: usize) -> String {
        let next = format!("{}{}", self.prefix, self.names.len());
        self.names.entry(blank).or_insert(next).clone()
    }

    fn has(&self, blank: usize) -> bool {
        self.names.contains_key(&blank)
    }
}

struct Canonicaliser<'a> {
    /// The statements in which each blank node occurs.
    mentions: BTreeMap<usize, Vec<&'a Statement>>,
    first_degree: HashMap<usize, String>,
    canonical: Issuer,
    explorations: usize,
}

impl<'a> Canonicaliser<'a> {
    fn new(statements: &'a BTreeSet<Statement>) -> Self {
        let mut mentions: BTreeMap<usize, Vec<&Statement>> = BTreeMap::new();
        for statement in statements {
            let blanks: BTreeSet<usize> = blanks(statement).map(|(_, blank)| blank).collect();
            for blank in blanks {
                mentions.entry(blank).or_default().push(statement);
            }
        }
        let first_degree = mentions
            .iter()
            .map(|(blank, statements)| (*blank, first_degree_hash(*blank, statements)))
            .collect();
        Self {
            mentions,
            first_degree,
            canonical: Issuer::new("c14n"),
            explorations: 0,
        }
    }

    fn names(mut self) -> Option<HashMap<usize, String>> {
        let mut alike: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for blank in self.mentions.keys() {
            alike
                .entry(&self.first_degree[blank])
                .or_default()
                .push(*blank);
        }
        let (unique, ambiguous): (Vec<_>, Vec<_>) =
            alike.into_values().partition(|blanks| blanks.len() == 1);
        for blank in unique.into_iter().flatten() {
            self.canonical.name(blank);
        }
        for blanks in ambiguous {
            let mut explored = Vec::new();
            for blank in blanks {
                if self.canonical.has(blank) {
                    continue;
                }
                let mut issuer = Issuer::new("b");
                issuer.name(blank);
                explored.push(self.explore(blank, issuer, 0)?);
            }
            explored.sort_by(|(one, _), (other, _)| one.cmp(other));
            for (_, issuer) in explored {
                let mut issued: Vec<(usize, usize)> = issuer
                    .names
                    .iter()
                    .filter_map(|(blank, name)| {
                        Some((name.strip_prefix("b")?.parse().ok()?, *blank))
                    })
                    .collect();
                issued.sort_unstable();
                for (_, blank) in issued {
                    self.canonical.name(blank);
                }
            }
        }
        Some(self.canonical.names)
    }

    /// "Hash N-Degree Quads": a hash of everything that can be reached from a blank node, and the
    /// names given on the way.
    fn explore(
        &mut self,
        blank: usize,
        mut issuer: Issuer,
        distance: usize,
    ) -> Option<(String, Issuer)> {
        self.explorations += 1;
        if self.explorations > MAX_EXPLORATIONS || distance > MAX_DISTANCE {
            return None;
        }
        let mut related: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for statement in &self.mentions[&blank] {
            for (position, other) in blanks(statement).filter(|(_, other)| *other != blank) {
                let hash = self.hash_related(position, other, statement, &issuer);
                related.entry(hash).or_default().push(other);
            }
        }
        let mut data = String::new();
        for (hash, blanks) in related {
            data.push_str(&hash);
            let mut best: Option<(String, Issuer)> = None;
            let mut orders = Permutations::of(blanks);
            while let Some(order) = orders.next() {
                if let Some(found) = self.follow(order, &issuer, best.as_ref(), distance)? {
                    best = Some(found);
                }
            }
            let (path, best_issuer) = best?;
            data.push_str(&path);
            issuer = best_issuer;
        }
        Some((sha256(&data), issuer))
    }

    /// The path through related blank nodes in one order, if it is better than the best so far.
    fn follow(
        &mut self,
        order: &[usize],
        issuer: &Issuer,
        best: Option<&(String, Issuer)>,
        distance: usize,
    ) -> Option<Option<(String, Issuer)>> {
        self.explorations += 1;
        if self.explorations > MAX_EXPLORATIONS {
            return None;
        }
        let is_worse = |path: &str| {
            best.is_some_and(|(best, _)| path.len() >= best.len() && path > best.as_str())
        };
        let mut issuer = issuer.clone();
        let mut path = String::new();
        let mut unexplored = Vec::new();
        for blank in order {
            if self.canonical.has(*blank) {
                path.push_str("_:");
                path.push_str(&self.canonical.name(*blank));
            } else {
                if !issuer.has(*blank) {
                    unexplored.push(*blank);
                }
                path.push_str("_:");
                path.push_str(&issuer.name(*blank));
            }
            if is_worse(&path) {
                return Some(None);
            }
        }
        for blank in unexplored {
            let (hash, explored) = self.explore(blank, issuer.clone(), distance + 1)?;
            path.push_str("_:");
            path.push_str(&issuer.name(blank));
            path.push_str(&format!("<{hash}>"));
            issuer = explored;
            if is_worse(&path) {
                return Some(None);
            }
        }
        let is_better = best.is_none_or(|(best, _)| path < *best);
        Some(is_better.then_some((path, issuer)))
    }

    fn hash_related(
        &self,
        position: char,
        blank: usize,
        statement: &Statement,
        issuer: &Issuer,
    ) -> String {
        let name = self
            .canonical
            .names
            .get(&blank)
            .or_else(|| issuer.names.get(&blank));
        let identifier = match name {
            Some(name) => format!("_:{name}"),
            None => self.first_degree[&blank].clone(),
        };
        sha256(&format!("{position}<{}>{identifier}", statement.predicate))
    }
}

/// The blank nodes of a statement and where they stand: `s`ubject or `o`bject.
fn blanks(statement: &Statement) -> impl Iterator<Item = (char, usize)> {
    let subject = match &statement.subject {
        Subject::Blank(blank) => Some(('s', *blank)),
        Subject::Iri(_) => None,
    };
    let object = match &statement.object {
        Object::Blank(blank) => Some(('o', *blank)),
        Object::Iri(_) | Object::Literal(_) => None,
    };
    subject.into_iter().chain(object)
}

/// "Hash First Degree Quads": what is said about a blank node, all others being anyone.
fn first_degree_hash(blank: usize, statements: &[&Statement]) -> String {
    let name = |other: usize| if other == blank { "_:a" } else { "_:z" }.to_owned();
    let mut lines: Vec<String> = statements
        .iter()
        .map(|statement| line(statement, name))
        .collect();
    lines.sort_unstable();
    sha256(&lines.concat())
}

fn sha256(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Every order of a few blank nodes, in lexicographic order of their numbers.
struct Permutations {
    order: Vec<usize>,
    is_first: bool,
}

impl Permutations {
    fn of(mut blanks: Vec<usize>) -> Self {
        blanks.sort_unstable();
        Self {
            order: blanks,
            is_first: true,
        }
    }

    /// The next order, not an iterator because it is lent out.
    fn next(&mut self) -> Option<&[usize]> {
        if self.is_first {
            self.is_first = false;
            return Some(&self.order);
        }
        let pivot = self.order.windows(2).rposition(|pair| pair[0] < pair[1])?;
        let successor = self
            .order
            .iter()
            .rposition(|item| *item > self.order[pivot])?;
        self.order.swap(pivot, successor);
        self.order[pivot + 1..].reverse();
        Some(&self.order)
    }
}
