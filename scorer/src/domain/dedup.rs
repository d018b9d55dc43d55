//! Last-in-first-out deduplication: a nullifier counts for one user of a community at a time
//! (domain B.5).
//!
//! The rounds are played on a table in memory exactly as the Python service plays them on the
//! database, because its failures are part of the contract: a backfilled link makes the first
//! round fail its count, a nullifier held twice fails all five.

use std::collections::{BTreeMap, HashSet};

use chrono::{DateTime as Instant, Utc};

use super::{
    error::ScoringError,
    rules::Rules,
    snapshot::{Community, HashLink},
    stamp::{check_readable_instant, plain_text},
    validate::ValidStamp,
    varchar::fit,
};
use crate::python::Value;

/// Rounds until a failure to save becomes the score's error.
const ROUNDS: usize = 5;
/// `registry_hashscorerlink.hash` is a `varchar(100)`.
const HASH_LENGTH: usize = 100;

/// The stamps that stay, and those another user claims.
#[derive(Debug, Default)]
pub struct Deduplicated<'a> {
    pub kept: Vec<ValidStamp<'a>>,
    /// In the order in which their names first clashed.
    pub clashes: Vec<Clash>,
}

/// A stamp that was taken out.
#[derive(Debug, Clone, PartialEq)]
pub struct Clash {
    /// `credentialSubject.provider` as a key of the stamps in a response.
    pub name: String,
    /// `credentialSubject.provider` as it is.
    pub provider: Value,
    pub nullifiers: Vec<Nullifier>,
    /// `expirationDate` as written.
    pub expires_text: String,
}

/// One nullifier of a stamp.
#[derive(Debug, Clone, PartialEq)]
pub struct Nullifier {
    pub raw: Value,
    /// The text stored as `hash`; `None` for null, which the column refuses.
    pub hash: Option<String>,
}

impl Nullifier {
    /// The hash of a stored link that Python takes for this nullifier: a number is stored as text, but
    /// never equal to it afterwards.
    fn stored(&self) -> Option<&str> {
        self.raw.as_str()
    }
}

/// What became of a link. Links are never deleted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkChange {
    Created(Claim),
    Updated { before: HashLink, after: Claim },
}

/// Who claims a hash until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    pub hash: String,
    pub address: String,
    pub expires_at: Instant<Utc>,
}

/// The links of one community, as the database would have them after each statement.
#[derive(Debug)]
pub struct LinkTable(BTreeMap<String, Entry>);

#[derive(Debug)]
struct Entry {
    stored: Option<HashLink>,
    claim: Claim,
}

impl LinkTable {
    pub fn new(links: &[HashLink]) -> Self {
        let entry = |link: &HashLink| {
            let claim = Claim {
                hash: link.hash.clone(),
                address: link.address.clone(),
                expires_at: link.expires_at,
            };
            (
                link.hash.clone(),
                Entry {
                    stored: Some(link.clone()),
                    claim,
                },
            )
        };
        LinkTable(links.iter().map(entry).collect())
    }

    /// The rows that changed, by hash.
    pub fn into_changes(self) -> Vec<LinkChange> {
        self.0
            .into_values()
            .filter_map(|entry| match entry.stored {
                None => Some(LinkChange::Created(entry.claim)),
                Some(before)
                    if before.address == entry.claim.address
                        && before.expires_at == entry.claim.expires_at =>
                {
                    None
                }
                Some(before) => Some(LinkChange::Updated {
                    before,
                    after: entry.claim,
                }),
            })
            .collect()
    }

    /// One multi-row insert: all or nothing.
    fn insert_all(&mut self, claims: &[PendingClaim]) -> Result<(), RoundFailure> {
        // The server cuts text to size while planning, before it touches a row.
        let stored = |hash: &String| {
            let too_long = || RoundFailure::Final(ScoringError::ValueTooLong(HASH_LENGTH));
            fit(hash, HASH_LENGTH)
                .map(str::to_owned)
                .ok_or_else(too_long)
        };
        let hashes = claims
            .iter()
            .map(|claim| claim.hash.as_ref().map(stored).transpose())
            .collect::<Result<Vec<Option<String>>, RoundFailure>>()?;
        let mut distinct = HashSet::new();
        let free = |hash: &String| !self.0.contains_key(hash);
        let hashes: Option<Vec<String>> = hashes
            .into_iter()
            .map(|hash| hash.filter(|hash| free(hash) && distinct.insert(hash.clone())))
            .collect();
        let Some(hashes) = hashes else {
            return Err(RoundFailure::Retry(ScoringError::LinksNotSaved));
        };
        for (claim, hash) in claims.iter().zip(hashes) {
            let claim = Claim {
                hash: hash.clone(),
                address: claim.address.clone(),
                expires_at: claim.expires_at,
            };
            self.0.insert(
                hash,
                Entry {
                    stored: None,
                    claim,
                },
            );
        }
        Ok(())
    }

    fn update_all(&mut self, claims: &[PendingClaim]) {
        for pending in claims {
            if let Some(entry) = pending.hash.as_ref().and_then(|hash| self.0.get_mut(hash)) {
                entry.claim.address.clone_from(&pending.address);
                entry.claim.expires_at = pending.expires_at;
            }
        }
    }

    /// How many of these hashes the address owns.
    fn count_owned<'h>(&self, hashes: impl Iterator<Item = &'h String>, address: &str) -> usize {
        let distinct: HashSet<&String> = hashes.collect();
        distinct
            .into_iter()
            .filter_map(|hash| self.0.get(hash))
            .filter(|entry| entry.claim.address == address)
            .count()
    }
}

/// A link a round wants to create or update.
#[derive(Debug)]
struct PendingClaim {
    hash: Option<String>,
    address: String,
    expires_at: Instant<Utc>,
}

enum RoundFailure {
    /// Another user may have been faster: look again.
    Retry(ScoringError),
    Final(ScoringError),
}

/// Takes out the stamps that other users claim, and claims the rest.
///
/// `links` is changed even when this fails: what a failed round had written stays.
///
/// # Errors
/// A community that does not deduplicate, nullifiers that are no text, links that cannot be saved.
pub fn deduplicate<'a>(
    stamps: Vec<ValidStamp<'a>>,
    links: &mut LinkTable,
    community: &Community,
    address: &str,
    rules: &Rules,
    now: Instant<Utc>,
) -> Result<Deduplicated<'a>, ScoringError> {
    if community.rule != "LIFO" {
        return Err(ScoringError::InvalidRule);
    }
    let stamps = stamps
        .into_iter()
        .map(|stamp| Ok((nullifiers_of(&stamp, rules)?, stamp)))
        .collect::<Result<Vec<_>, ScoringError>>()?;
    let mut failure = ScoringError::LinksNotSaved;
    for _ in 0..ROUNDS {
        match play_round(&stamps, links, address, now) {
            Ok(result) => return Ok(result),
            Err(RoundFailure::Retry(error)) => failure = error,
            Err(RoundFailure::Final(error)) => return Err(error),
        }
    }
    Err(failure)
}

fn play_round<'a>(
    stamps: &[(Vec<Nullifier>, ValidStamp<'a>)],
    links: &mut LinkTable,
    address: &str,
    now: Instant<Utc>,
) -> Result<Deduplicated<'a>, RoundFailure> {
    let mut result = Deduplicated::default();
    let (mut created, mut updated) = (Vec::new(), Vec::new());
    for (nullifiers, stamp) in stamps {
        let mut first_clash = None;
        for nullifier in nullifiers {
            let Some(claim) = links.claim_on(nullifier).map_err(RoundFailure::Final)? else {
                continue;
            };
            if first_clash.is_none() && clashes(claim, address, now) {
                first_clash = Some(claim);
            }
        }
        match first_clash {
            None => {
                for nullifier in nullifiers {
                    let claim = PendingClaim {
                        hash: nullifier.hash.clone(),
                        address: address.to_owned(),
                        expires_at: stamp.expires.instant(),
                    };
                    let known = links.claim_on(nullifier).map_err(RoundFailure::Final)?;
                    if known.is_some() {
                        &mut updated
                    } else {
                        &mut created
                    }
                    .push(claim);
                }
                result.kept.push(stamp.clone());
            }
            Some(first_clash) => {
                for nullifier in nullifiers {
                    let known = links.claim_on(nullifier).map_err(RoundFailure::Final)?;
                    if !known.is_some_and(|claim| clashes(claim, address, now)) {
                        created.push(PendingClaim {
                            hash: nullifier.hash.clone(),
                            address: first_clash.address.clone(),
                            expires_at: first_clash.expires_at,
                        });
                    }
                }
                remember(&mut result.clashes, nullifiers, stamp).map_err(RoundFailure::Final)?;
            }
        }
    }
    if created.is_empty() && updated.is_empty() {
        return Ok(result);
    }
    links.insert_all(&created)?;
    links.update_all(&updated);
    let written = created
        .iter()
        .chain(&updated)
        .filter_map(|claim| claim.hash.as_ref());
    if links.count_owned(written, address) == created.len() + updated.len() {
        Ok(result)
    } else {
        Err(RoundFailure::Retry(ScoringError::LinkCountUnexpected))
    }
}

impl LinkTable {
    /// # Errors
    /// A stored expiry that Python cannot represent.
    fn claim_on(&self, nullifier: &Nullifier) -> Result<Option<&Claim>, ScoringError> {
        let entry = nullifier.stored().and_then(|hash| self.0.get(hash));
        entry
            .map(|entry| check_readable_instant(entry.claim.expires_at).map(|()| &entry.claim))
            .transpose()
    }
}

/// Whether another user holds the nullifier. Addresses are compared case-sensitively.
fn clashes(claim: &Claim, address: &str, now: Instant<Utc>) -> bool {
    claim.address != address && claim.expires_at > now
}

/// A later clash of the same name replaces the earlier one, in its place.
fn remember(
    clashes: &mut Vec<Clash>,
    nullifiers: &[Nullifier],
    stamp: &ValidStamp<'_>,
) -> Result<(), ScoringError> {
    let provider = stamp
        .subject
        .get("provider")
        .cloned()
        .unwrap_or(Value::None);
    check_hashable(&provider)?;
    let clash = Clash {
        name: provider
            .as_str()
            .map_or_else(|| plain_text(&provider), str::to_owned),
        provider,
        nullifiers: nullifiers.to_vec(),
        expires_text: stamp.expires_text.to_owned(),
    };
    match clashes.iter_mut().find(|known| known.name == clash.name) {
        Some(known) => *known = clash,
        None => clashes.push(clash),
    }
    Ok(())
}

/// Whether Python can look the value up in a dict.
fn check_hashable(value: &Value) -> Result<(), ScoringError> {
    match value {
        Value::List(_) | Value::Dict(_) => Err(ScoringError::Unhashable(value.type_name())),
        _ => Ok(()),
    }
}

/// The key `hash` shadows `nullifiers`, even when it is null.
fn nullifiers_of(stamp: &ValidStamp<'_>, rules: &Rules) -> Result<Vec<Nullifier>, ScoringError> {
    let raw: Vec<Value> = match (stamp.subject.get("hash"), stamp.subject.get("nullifiers")) {
        (Some(hash), _) => vec![hash.clone()],
        (None, Some(Value::List(items))) => items.clone(),
        (None, Some(Value::Str(text))) => text
            .as_str()
            .unwrap_or_default()
            .chars()
            .map(|c| Value::from(c.to_string()))
            .collect(),
        (None, Some(Value::Dict(dict))) => dict.keys().cloned().map(Value::from).collect(),
        (None, other) => {
            let type_name = other.map_or("NoneType", Value::type_name);
            return Err(ScoringError::NullifiersNotIterable(type_name));
        }
    };
    let mut nullifiers = Vec::with_capacity(raw.len());
    for raw in raw {
        let counts = match &raw {
            raw if rules.multi_nullifier => check_hashable(raw).map(|()| true)?,
            Value::Str(text) => text.as_str().is_some_and(|text| text.starts_with("v0")),
            other => return Err(ScoringError::NullifierNotText(other.type_name())),
        };
        if counts {
            let hash = match &raw {
                Value::None => None,
                other => Some(plain_text(other)),
            };
            nullifiers.push(Nullifier { raw, hash });
        }
    }
    Ok(nullifiers)
}

#[cfg(test)]
mod tests;
