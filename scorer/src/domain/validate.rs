//! Which stamps count: issuer, expiry, subject, signature (domain B.4).

use chrono::{DateTime as Instant, Utc};

use super::{error::ScoringError, rules::Rules, snapshot::CachedStamp};
use crate::credential::Verifier;
use crate::python::{
    Dict, Value,
    datetime::{DateTime, DateTimeError},
};

/// Checks whether a credential proves that its issuer said what it says.
pub trait ProofVerifier: Send + Sync {
    /// Any value may be given: a broken one does not verify.
    fn verify(&self, credential: &Value, now: Instant<Utc>) -> bool;
}

impl ProofVerifier for Verifier {
    fn verify(&self, credential: &Value, now: Instant<Utc>) -> bool {
        Verifier::verify(self, credential, now)
    }
}

/// A stamp that passed every check.
#[derive(Debug, Clone)]
pub struct ValidStamp<'a> {
    pub row: &'a CachedStamp,
    pub subject: &'a Dict,
    /// `expirationDate` as written.
    pub expires_text: &'a str,
    pub expires: DateTime,
}

/// The stamps that count, in the order given. Those that do not are dropped without a trace.
///
/// # Errors
/// One stamp without a usable expiration date fails the whole scoring, trusted issuer or not.
pub fn valid_stamps<'a>(
    rows: &[&'a CachedStamp],
    address: &str,
    rules: &Rules,
    now: Instant<Utc>,
    verifier: &dyn ProofVerifier,
) -> Result<Vec<ValidStamp<'a>>, ScoringError> {
    let did = format!("did:pkh:eip155:1:{address}");
    let mut valid = Vec::with_capacity(rows.len());
    for &row in rows {
        let credential = credential_of(&row.stamp)?;
        let (expires_text, expires) = expiration_of(credential)?;
        if expires.is_naive() {
            return Err(DateTimeError::NaiveAndAware.into());
        }
        if expires.instant() < now || !issuer_is_trusted(credential, rules) {
            continue;
        }
        let Some(subject) = credential.get("credentialSubject").and_then(Value::as_dict) else {
            continue;
        };
        if subject_fits(subject, &did) && verifier.verify(&row.stamp, now) {
            valid.push(ValidStamp {
                row,
                subject,
                expires_text,
                expires,
            });
        }
    }
    Ok(valid)
}

/// The credential as an object; what looking into anything else raises.
fn credential_of(stamp: &Value) -> Result<&Dict, ScoringError> {
    match stamp {
        Value::Dict(credential) => Ok(credential),
        Value::List(_) => Err(ScoringError::StampIsList),
        Value::Str(_) => Err(ScoringError::StampIsText),
        other => Err(ScoringError::StampNotContainer(other.type_name())),
    }
}

fn expiration_of(credential: &Dict) -> Result<(&str, DateTime), ScoringError> {
    let value = credential
        .get("expirationDate")
        .ok_or(ScoringError::ExpirationMissing)?;
    let expires = DateTime::from_value(value)?;
    Ok((value.as_str().unwrap_or_default(), expires))
}

fn issuer_is_trusted(credential: &Dict, rules: &Rules) -> bool {
    let issuer = credential.get("issuer").and_then(Value::as_str);
    issuer.is_some_and(|issuer| {
        rules
            .trusted_issuers
            .iter()
            .any(|trusted| trusted == issuer)
    })
}

/// `credentialSubject.provider` need not be the provider of the row.
fn subject_fits(subject: &Dict, did: &str) -> bool {
    let truthy = |key| subject.get(key).is_some_and(Value::truthy);
    let id = subject.get("id").and_then(Value::as_str);
    (truthy("hash") || truthy("nullifiers"))
        && id.is_some_and(|id| id.to_lowercase() == did)
        && truthy("provider")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::{
        ADDRESS, Believe, NOW, TRUSTED, at, cached_with, rules, stamp_json,
    };

    fn check(json: &str) -> Result<usize, String> {
        let row = cached_with(1, "Google", json);
        valid_stamps(&[&row], ADDRESS, &rules(), at(NOW), &Believe(true))
            .map(|valid| valid.len())
            .map_err(|error| error.to_string())
    }

    #[test]
    fn a_stamp_that_is_no_object_fails_the_scoring_as_python_words_it() {
        for (json, text) in [
            ("null", "argument of type 'NoneType' is not iterable"),
            ("5", "argument of type 'int' is not iterable"),
            ("5.5", "argument of type 'float' is not iterable"),
            ("true", "argument of type 'bool' is not iterable"),
            ("[]", "list indices must be integers or slices, not str"),
            ("\"x\"", "string indices must be integers, not 'str'"),
        ] {
            assert_eq!(check(json), Err(text.to_owned()), "{json}");
        }
    }

    #[test]
    fn an_unusable_expiration_fails_the_scoring_even_of_an_untrusted_stamp() {
        for (json, text) in [
            ("{}", "'expirationDate'"),
            (r#"{"issuer": "x"}"#, "'expirationDate'"),
            (
                r#"{"expirationDate": null}"#,
                "fromisoformat: argument must be str",
            ),
            (
                r#"{"expirationDate": "soon"}"#,
                "Invalid isoformat string: 'soon'",
            ),
            (
                r#"{"expirationDate": "2020-01-01"}"#,
                "can't compare offset-naive and offset-aware datetimes",
            ),
        ] {
            assert_eq!(check(json), Err(text.to_owned()), "{json}");
        }
    }

    #[test]
    fn only_trusted_unexpired_fitting_stamps_are_kept() {
        let good = stamp_json("Google", &["v0.0.0:a"], "2030-01-01T00:00:00Z");
        assert_eq!(check(&good), Ok(1));
        for bad in [
            good.replace("2030-", "2020-"),
            good.replace(TRUSTED, "did:ethr:0xsomeoneelse"),
            good.replace("eip155:1:", "eip155:137:"),
            good.replace("\"provider\": \"Google\"", "\"provider\": \"\""),
            good.replace("[\"v0.0.0:a\"]", "[]"),
            good.replace(
                "\"credentialSubject\": {",
                "\"credentialSubject\": [], \"other\": {",
            ),
        ] {
            assert_eq!(check(&bad), Ok(0), "{bad}");
        }
    }

    #[test]
    fn a_stamp_expiring_now_still_counts() {
        let json = stamp_json("Google", &["v0.0.0:a"], NOW);
        assert_eq!(check(&json), Ok(1));
    }

    #[test]
    fn the_subject_s_address_is_compared_in_lower_case() {
        let json = stamp_json("Google", &["v0.0.0:a"], "2030-01-01T00:00:00Z");
        assert_eq!(check(&json.replace("did:pkh", "DID:PKH")), Ok(1));
    }

    #[test]
    fn a_failing_signature_drops_the_stamp() {
        let row = cached_with(1, "Google", &stamp_json("Google", &["v0.0.0:a"], NOW));
        let valid = valid_stamps(&[&row], ADDRESS, &rules(), at(NOW), &Believe(false)).unwrap();
        assert!(valid.is_empty());
    }
}
