//! Does a stamp prove that its issuer said what it says? (domain B.4.2)
//!
//! The verdicts are those of the library the Python service calls, without a network: anything that
//! would need one, or that is not implemented here, does not verify. Parsing is in [`model`], which
//! keys may speak for an issuer in [`did`], and each way to sign in a module of its own.
//!
//! Implemented are the proofs that stamps are signed with: `EthereumEip712Signature2021` by `did:ethr`,
//! and `Ed25519Signature2018`, `Ed25519Signature2020` and `JsonWebSignature2020` by `did:key` of an
//! Ed25519 key. The library also verifies proofs by issuers and in suites that no stamp was ever seen
//! with, and linked data beyond what [`linked_data`] reads; here those do not verify.

mod did;
mod ed25519;
mod eip712;
mod ethereum;
mod fingerprint;
mod linked_data;
mod model;

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};

use chrono::{DateTime, SubsecRound, Utc};
use lru::LruCache;
use parking_lot::Mutex;

use self::did::{Key, VerificationMethod};
use self::fingerprint::Fingerprint;
use self::model::{Credential, Proof, ProofPurpose, ProofSuite};
use crate::python::Value;

/// Checks proofs, and remembers those that were good.
///
/// The cache is keyed by the exact credential, so that any change to it is checked anew. Only good
/// proofs are kept: bad ones could otherwise push them out.
#[derive(Debug)]
pub struct Verifier {
    /// `None` where nothing is to be remembered.
    good: Option<Mutex<LruCache<Fingerprint, Period>>>,
    hits: AtomicU64,
    misses: AtomicU64,
}

/// How often a [`Verifier`] knew the answer, since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CacheCounts {
    /// Credentials found in the cache.
    pub hits: u64,
    /// Credentials whose proof had to be checked.
    pub misses: u64,
}

impl Verifier {
    /// A verifier that remembers at most `cache_capacity` credentials, the least recently used ones
    /// forgotten first. An entry takes about 150 bytes. Zero: nothing is remembered.
    pub fn new(cache_capacity: usize) -> Self {
        Self {
            good: NonZeroUsize::new(cache_capacity)
                .map(|capacity| Mutex::new(LruCache::new(capacity))),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        }
    }

    /// Whether the first applicable proof of the credential is good at this time.
    ///
    /// Any value may be given, a broken one does not verify. Expiry, trust in the issuer and
    /// revocation are not looked at: they are the caller's (domain B.4).
    pub fn verify(&self, credential: &Value, now: DateTime<Utc>) -> bool {
        // The library's clock ticks in milliseconds.
        let now = now.trunc_subsecs(3);
        let fingerprint = fingerprint::of(credential);
        if self.is_known_good(&fingerprint, now) {
            self.hits.fetch_add(1, Ordering::Relaxed);
            return true;
        }
        self.misses.fetch_add(1, Ordering::Relaxed);
        let Some(period) = verify_first_applicable(credential, now) else {
            return false;
        };
        if let Some(good) = &self.good {
            good.lock().put(fingerprint, period);
        }
        true
    }

    /// How often the cache had the answer.
    pub fn cache_counts(&self) -> CacheCounts {
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
        }
    }

    fn is_known_good(&self, fingerprint: &Fingerprint, now: DateTime<Utc>) -> bool {
        let Some(good) = &self.good else { return false };
        good.lock()
            .get(fingerprint)
            .is_some_and(|period| period.contains(now))
    }
}

/// When a verdict holds. Which proof is the first applicable one depends on the clock, because a
/// proof dated in the future is passed over until its time has come (H61): a verdict holds from the
/// date of its proof until the date of a proof listed before it.
#[derive(Debug, Clone, Copy)]
struct Period {
    from: DateTime<Utc>,
    until: Option<DateTime<Utc>>,
}

impl Period {
    fn contains(&self, now: DateTime<Utc>) -> bool {
        self.from <= now && self.until.is_none_or(|until| now < until)
    }
}

/// The time for which the credential verifies as it does now; `None` if it does not. Only the first
/// applicable proof counts, whatever the others say (H60).
fn verify_first_applicable(credential: &Value, now: DateTime<Utc>) -> Option<Period> {
    let credential = Credential::parse(credential)?;
    let methods = did::assertion_methods(credential.issuer()?)?;
    let mut until = None;
    for proof in credential.proofs() {
        let Some(created) = created_if_applicable(proof, &methods) else {
            continue;
        };
        if created <= now {
            return is_good(&credential, proof, &methods).then_some(Period {
                from: created,
                until,
            });
        }
        until = Some(until.map_or(created, |earlier: DateTime<Utc>| earlier.min(created)));
    }
    None
}

/// The date from which the proof applies, if it ever does.
fn created_if_applicable(proof: &Proof, methods: &[VerificationMethod]) -> Option<DateTime<Utc>> {
    let is_of_issuer = |id: &String| methods.iter().any(|method| method.id == *id);
    let applies = proof.proof_purpose == Some(ProofPurpose::AssertionMethod)
        && proof.verification_method.as_ref().is_none_or(is_of_issuer);
    proof.created.filter(|_| applies)
}

fn is_good(credential: &Credential, proof: &Proof, methods: &[VerificationMethod]) -> bool {
    let named = proof.verification_method.as_ref();
    let Some(method) = methods.iter().find(|method| Some(&method.id) == named) else {
        return false;
    };
    match (proof.suite, &method.key) {
        (ProofSuite::EthereumEip712Signature2021, Key::EthereumAccount(account)) => {
            is_good_eip712(credential, proof, account).unwrap_or(false)
        }
        (
            ProofSuite::Ed25519Signature2018
            | ProofSuite::Ed25519Signature2020
            | ProofSuite::JsonWebSignature2020,
            Key::Ed25519(key),
        ) => ed25519::is_good(credential, proof, key).unwrap_or(false),
        _ => false,
    }
}

fn is_good_eip712(credential: &Credential, proof: &Proof, account: &str) -> Option<bool> {
    let signature = proof.proof_value.as_ref()?;
    let digest = eip712::signing_digest(credential, proof)?;
    Some(ethereum::recover(signature, &digest)?.is_written(account))
}
