//! Causes behind divergences: many requests that diverge in the same way are one thing to fix.
//!
//! A divergence's [`Signature`] is its route, its place with indices and data keys left open, its
//! kind, and the shapes of both values. Signatures that occur in exactly the same requests are
//! taken for one cause; all of them stay listed, so that a cluster hides nothing.

mod shape;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::{
    outcome::{Divergence, Kind, Place},
    path,
    rules::Rules,
};

/// Most signatures that are told apart; what comes after is counted but not named.
const MOST_SIGNATURES: usize = 10_000;
/// Requests listed for each cluster.
const EXAMPLES: usize = 5;

/// What divergences of one cause have in common.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Signature {
    pub route: String,
    pub place: Place,
    /// As in [`Divergence::path`], with `[*]` for indices and `*` for keys that are data.
    pub path: String,
    pub kind: Kind,
    /// What the reference's value looks like: `null`, `integer`, `decimal(5)`, `timestamp`, …
    pub reference: String,
    /// What the candidate's value looks like.
    pub candidate: String,
}

/// One cause, as far as divergences tell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cluster {
    /// Stable over runs: made from the first signature.
    pub id: String,
    pub route: String,
    /// Signatures that always occurred together.
    pub signatures: Vec<Signature>,
    /// Requests affected.
    pub requests: u64,
    /// Divergences over all requests and signatures.
    pub divergences: u64,
    /// When, or in which request, it was first seen; as the observer says it.
    pub first_seen: String,
    pub last_seen: String,
    /// Some of the requests affected.
    pub examples: Vec<String>,
    /// Values of the first divergence.
    pub sample: Divergence,
}

/// One request that diverged.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Names the request: `<scenario>#<step>`, or a correlation id.
    pub request: &'a str,
    pub route: &'a str,
    /// Where or when: the request's name again, or a time stamp. Later ones sort after.
    pub at: &'a str,
}

/// Divergences sorted by signature, in memory that does not grow with the number of requests.
#[derive(Debug, Clone, Default)]
pub struct Clusters {
    groups: HashMap<Signature, Group>,
    /// Divergences beyond the most signatures that are told apart.
    unnamed: u64,
}

/// What is known of one signature. Groups of several replicas add up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    requests: u64,
    /// Divergences over all requests.
    divergences: u64,
    /// Sum over the hashes of all requests: equal for groups that occurred in the same requests.
    fingerprint: u128,
    #[serde(skip)]
    last_request: u128,
    first_seen: String,
    last_seen: String,
    examples: Vec<String>,
    sample: Divergence,
}

impl Group {
    /// Divergences over all requests; grows whenever anything of the group changes.
    pub fn divergences(&self) -> u64 {
        self.divergences
    }

    fn add(&mut self, other: Self) {
        if other.first_seen < self.first_seen {
            self.first_seen = other.first_seen;
            self.sample = other.sample;
        }
        self.last_seen = self.last_seen.clone().max(other.last_seen);
        self.requests += other.requests;
        self.divergences += other.divergences;
        self.fingerprint = self.fingerprint.wrapping_add(other.fingerprint);
        self.examples.extend(other.examples);
        self.examples.truncate(EXAMPLES);
    }
}

/// What signatures of one cause have in common.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Cause<'a> {
    route: &'a str,
    requests: u64,
    fingerprint: u128,
    /// Kind and values, where only these tell causes apart.
    change: String,
}

impl Clusters {
    /// Adds what diverged in one request. Call it once per request.
    pub fn observe(&mut self, rules: &Rules, sighting: Sighting<'_>, diverged: &[Divergence]) {
        let signed = diverged
            .iter()
            .map(|divergence| (Signature::of(rules, sighting.route, divergence), divergence));
        self.observe_signed(sighting, signed);
    }

    /// As [`Clusters::observe`], for divergences whose signatures are known.
    pub(crate) fn observe_signed<'d>(
        &mut self,
        sighting: Sighting<'_>,
        signed: impl Iterator<Item = (Signature, &'d Divergence)>,
    ) {
        let request = hash(sighting.request);
        for (signature, divergence) in signed {
            if !self.groups.contains_key(&signature) && self.groups.len() >= MOST_SIGNATURES {
                self.unnamed += 1;
                continue;
            }
            let group = self.groups.entry(signature).or_insert_with(|| Group {
                requests: 0,
                divergences: 0,
                fingerprint: 0,
                last_request: 0,
                first_seen: sighting.at.to_owned(),
                last_seen: sighting.at.to_owned(),
                examples: Vec::new(),
                sample: divergence.clone(),
            });
            group.divergences += 1;
            if group.last_request == request {
                continue;
            }
            group.requests += 1;
            group.last_request = request;
            group.fingerprint = group.fingerprint.wrapping_add(request);
            group.last_seen = sighting.at.to_owned();
            if group.examples.len() < EXAMPLES {
                group.examples.push(sighting.request.to_owned());
            }
        }
    }

    /// What is known of each signature.
    pub fn groups(&self) -> impl Iterator<Item = (&Signature, &Group)> {
        self.groups.iter()
    }

    /// Adds what another replica knows of a signature. No request may have been seen by both.
    pub fn add(&mut self, signature: Signature, group: Group) {
        if let Some(known) = self.groups.get_mut(&signature) {
            known.add(group);
        } else if self.groups.len() < MOST_SIGNATURES {
            self.groups.insert(signature, group);
        } else {
            self.unnamed += group.divergences;
        }
    }

    /// Divergences that were counted but not named.
    pub fn unnamed(&self) -> u64 {
        self.unnamed
    }

    /// All clusters, those that affect most requests first.
    pub fn ranked(&self) -> Vec<Cluster> {
        let mut causes: BTreeMap<Cause<'_>, Vec<(&Signature, &Group)>> = BTreeMap::new();
        for (signature, group) in &self.groups {
            // In a single request everything occurs together. There, only the same change of value
            // is taken for the same cause.
            let change = if group.requests > 1 {
                String::new()
            } else {
                change(&group.sample)
            };
            let cause = Cause {
                route: &signature.route,
                requests: group.requests,
                fingerprint: group.fingerprint,
                change,
            };
            causes.entry(cause).or_default().push((signature, group));
        }
        let mut clusters: Vec<Cluster> = causes.into_values().filter_map(cluster).collect();
        clusters.sort_by(|a, b| {
            (b.requests, b.divergences, &a.id).cmp(&(a.requests, a.divergences, &b.id))
        });
        clusters
    }
}

fn cluster(mut members: Vec<(&Signature, &Group)>) -> Option<Cluster> {
    members.sort_by_key(|(signature, _)| *signature);
    let (leader, group) = *members.first()?;
    Some(Cluster {
        id: leader.id(),
        route: leader.route.clone(),
        signatures: members
            .iter()
            .map(|(signature, _)| (*signature).clone())
            .collect(),
        requests: group.requests,
        divergences: members.iter().map(|(_, group)| group.divergences).sum(),
        first_seen: group.first_seen.clone(),
        last_seen: group.last_seen.clone(),
        examples: group.examples.clone(),
        sample: group.sample.clone(),
    })
}

impl Cluster {
    /// What happens where, in one line.
    pub fn title(&self) -> String {
        let others = match self.signatures.len() {
            0 | 1 => String::new(),
            n => format!(" and {} more places", n - 1),
        };
        self.signatures
            .first()
            .map_or_else(String::new, |first| format!("{}{others}", first.describe()))
    }

    /// Whether the other cluster has a signature in common.
    pub fn shares_signature(&self, other: &Cluster) -> bool {
        let mine: BTreeSet<&Signature> = self.signatures.iter().collect();
        other.signatures.iter().any(|theirs| mine.contains(theirs))
    }
}

impl Signature {
    /// Signature of a divergence on a route.
    pub fn of(rules: &Rules, route: &str, divergence: &Divergence) -> Self {
        let pattern = path::generalise(&divergence.path, rules.data_keys());
        Signature::of_pattern(route, &pattern, divergence)
    }

    /// Signature of a divergence whose general path is known.
    pub(crate) fn of_pattern(route: &str, pattern: &str, divergence: &Divergence) -> Self {
        // A status says what happened: 404 for 200 is another cause than 500 for 200.
        let shape = |value: &Option<String>| match (divergence.place, value) {
            (Place::Status, Some(status)) => status.clone(),
            (_, value) => shape::of(value.as_deref()),
        };
        Signature {
            route: route.to_owned(),
            place: divergence.place,
            path: pattern.to_owned(),
            kind: divergence.kind,
            reference: shape(&divergence.reference),
            candidate: shape(&divergence.candidate),
        }
    }

    /// Stable name: twelve hexadecimal digits.
    pub fn id(&self) -> String {
        let text = serde_json::to_string(self).expect("a signature holds only strings");
        format!("{:032x}", hash(&text))[..12].to_owned()
    }

    /// Place, path and change of shape, in one line.
    pub fn describe(&self) -> String {
        let place = match self.place {
            Place::Status => "status".to_owned(),
            Place::Header => format!("header {}", self.path),
            Place::Body | Place::Effects => self.path.clone(),
        };
        let kind = self.kind.describe();
        if self.reference == self.candidate {
            format!("{place}: {kind}")
        } else {
            format!("{place}: {kind}, {} → {}", self.reference, self.candidate)
        }
    }
}

fn change(sample: &Divergence) -> String {
    let side = |value: &Option<String>| value.clone().unwrap_or_else(|| "(absent)".to_owned());
    format!(
        "{:?}\n{}\n{}",
        sample.kind,
        side(&sample.reference),
        side(&sample.candidate)
    )
}

fn hash(text: &str) -> u128 {
    let digest = Sha256::digest(text.as_bytes());
    digest[..16]
        .iter()
        .fold(0, |value, &byte| value << 8 | u128::from(byte))
}

#[cfg(test)]
mod tests;
