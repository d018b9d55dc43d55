//! Small builders for the tests of the rules.

use std::sync::Arc;

use chrono::{DateTime as Instant, Utc};

use super::{
    rules::Rules,
    snapshot::CachedStamp,
    validate::{ProofVerifier, ValidStamp},
};
use crate::python::{Value, datetime::DateTime, json};

pub(super) const ADDRESS: &str = "0xc9c46882915370c8d324505cd88cde3e7caf2b4a";
pub(super) const OTHER: &str = "0x08ea095252db1955201ecbaac2861c7a8921375d";
pub(super) const TRUSTED: &str = "did:ethr:0x018d103c154748e8d5a1d7658185125175457f84";
pub(super) const NOW: &str = "2026-01-15T12:00:00.123456Z";
pub(super) const LATER: &str = "2030-01-01T00:00:00Z";

pub(super) fn at(text: &str) -> Instant<Utc> {
    Instant::parse_from_rfc3339(text).unwrap().to_utc()
}

pub(super) fn json(text: &str) -> Value {
    json::loads(text.as_bytes()).unwrap()
}

pub(super) fn rules() -> Rules {
    Rules {
        trusted_issuers: vec![TRUSTED.to_owned()],
        ..Rules::default()
    }
}

/// A credential of [`ADDRESS`] by a trusted issuer.
pub(super) fn stamp_json(provider: &str, nullifiers: &[&str], expires: &str) -> String {
    format!(
        r#"{{"issuer": "{TRUSTED}", "expirationDate": "{expires}", "credentialSubject": {{"id": "did:pkh:eip155:1:{ADDRESS}", "provider": "{provider}", "nullifiers": {nullifiers:?}}}}}"#
    )
}

pub(super) fn cached(id: i64, provider: &str) -> CachedStamp {
    cached_with(id, provider, &stamp_json(provider, &[], LATER))
}

pub(super) fn cached_with(id: i64, provider: &str, stamp: &str) -> CachedStamp {
    CachedStamp {
        id,
        address: ADDRESS.to_owned(),
        provider: provider.to_owned(),
        kind: 1,
        stamp: Arc::new(json(stamp)),
        updated_at: at("2026-01-01T00:00:00Z"),
        issuance_date: None,
        expiration_date: None,
    }
}

/// A stamp with one nullifier named after its provider.
pub(super) fn with_expiry(provider: &str, expires: &str) -> CachedStamp {
    cached_with(
        1,
        provider,
        &stamp_json(provider, &[&format!("v0:{provider}")], expires),
    )
}

/// The stamp as validation hands it on.
pub(super) fn valid(row: &CachedStamp) -> ValidStamp<'_> {
    let credential = row.stamp.as_dict().unwrap();
    let expires_text = credential
        .get("expirationDate")
        .and_then(Value::as_str)
        .unwrap();
    ValidStamp {
        row,
        subject: credential
            .get("credentialSubject")
            .and_then(Value::as_dict)
            .unwrap(),
        expires_text,
        expires: DateTime::fromisoformat(expires_text).unwrap(),
    }
}

/// Takes every proof for good, or every one for bad.
pub(super) struct Believe(pub(super) bool);

impl ProofVerifier for Believe {
    fn verify(&self, _: &Value, _: Instant<Utc>) -> bool {
        self.0
    }
}
