//! What a stamp becomes as a row of the stamp cache (domain D.1).

use std::collections::HashSet;

use chrono::{DateTime as Instant, Utc};

use super::{stamp::plain_text, varchar::fit};
use crate::python::{PyStr, Value, datetime::parse_model_datetime, jsonb};

/// `provider` and `proof_value` are `varchar(256)`.
const TEXT_LENGTH: usize = 256;
/// `address` is a `varchar(100)`.
const ADDRESS_LENGTH: usize = 100;

/// A stamp as a client sends it.
#[derive(Debug, Clone, PartialEq)]
pub struct StampItem {
    pub provider: PyStr,
    pub stamp: Value,
}

/// The columns of a new row that depend on the stamp.
#[derive(Debug, Clone, PartialEq)]
pub struct StampRow {
    pub provider: String,
    /// As PostgreSQL stores it.
    pub stamp: Value,
    /// `proof.proofValue`, in Python's text form if it is no text.
    pub proof_value: String,
    pub issuance_date: Option<Instant<Utc>>,
    pub expiration_date: Option<Instant<Utc>>,
}

/// A stamp that cannot be stored: an exception, after the stamps it replaces were deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unstorable {
    #[error("the stamp has no proof.proofValue")]
    NoProofValue,
    #[error("{0} is not a date")]
    Date(&'static str),
    #[error("{0} is too long")]
    TooLong(&'static str),
    #[error("a text holds a character that cannot be stored")]
    Text,
    #[error("the stamp holds a value that cannot be stored")]
    Json,
    #[error("a provider appears twice")]
    DuplicateProvider,
}

/// The rows of one multi-row insert.
///
/// # Errors
/// One stamp that cannot be stored refuses all.
pub fn rows<'a>(
    items: impl IntoIterator<Item = &'a StampItem>,
) -> Result<Vec<StampRow>, Unstorable> {
    let rows = items.into_iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let mut providers = HashSet::new();
    if !rows
        .iter()
        .all(|row| providers.insert(row.provider.as_str()))
    {
        return Err(Unstorable::DuplicateProvider);
    }
    Ok(rows)
}

/// The address under which stamps are stored.
///
/// # Errors
/// An address too long for its column.
pub fn stored_address(address: &str) -> Result<&str, Unstorable> {
    fit(address, ADDRESS_LENGTH).ok_or(Unstorable::TooLong("address"))
}

fn row(item: &StampItem) -> Result<StampRow, Unstorable> {
    let proof = item.stamp.get("proof").ok_or(Unstorable::NoProofValue)?;
    let proof_value = match proof.get("proofValue") {
        None | Some(Value::None) => return Err(Unstorable::NoProofValue),
        Some(Value::Str(text)) => storable(text)?,
        Some(other) => storable(&plain_text(other).into())?,
    };
    let provider = storable(&item.provider)?;
    let fitted = |text: &str, name| {
        let stored = fit(text, TEXT_LENGTH).map(str::to_owned);
        stored.ok_or(Unstorable::TooLong(name))
    };
    let provider = fitted(&provider, "provider")?;
    let proof_value = fitted(&proof_value, "proof value")?;
    let date = |key: &'static str| {
        let value = item.stamp.get(key).unwrap_or(&Value::None);
        parse_model_datetime(value).map_err(|_| Unstorable::Date(key))
    };
    Ok(StampRow {
        issuance_date: date("issuanceDate")?,
        expiration_date: date("expirationDate")?,
        stamp: jsonb::normalise(&item.stamp).map_err(|_| Unstorable::Json)?,
        provider,
        proof_value,
    })
}

/// Text that a text column takes: no NUL, no lone surrogate.
///
/// # Errors
/// Text that no column takes.
pub fn storable(text: &PyStr) -> Result<String, Unstorable> {
    match text.as_str() {
        Some(text) if !text.contains('\0') => Ok(text.to_owned()),
        _ => Err(Unstorable::Text),
    }
}

/// Texts under which a stamp may claim something, whether or not they count.
pub fn hashes(stamp: &Value) -> Vec<String> {
    let Some(subject) = stamp.get("credentialSubject") else {
        return Vec::new();
    };
    let nullifiers = match subject.get("nullifiers") {
        Some(Value::List(items)) => items.as_slice(),
        _ => &[],
    };
    subject
        .get("hash")
        .into_iter()
        .chain(nullifiers)
        .map(plain_text)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::testing::json;

    fn stored(stamp: &str) -> Result<StampRow, Unstorable> {
        let item = StampItem {
            provider: "P".into(),
            stamp: json(stamp),
        };
        rows([&item]).map(|mut rows| rows.remove(0))
    }

    #[test]
    fn the_proof_value_is_stored_in_python_s_text_form() {
        for (value, text) in [
            ("\"0x1\"", "0x1"),
            ("5", "5"),
            ("true", "True"),
            ("1.5", "1.5"),
            (
                r#"{"a": [1, null, true, "x'y"]}"#,
                r#"{'a': [1, None, True, "x'y"]}"#,
            ),
        ] {
            let row = stored(&format!(r#"{{"proof": {{"proofValue": {value}}}}}"#)).unwrap();
            assert_eq!(row.proof_value, text);
        }
    }

    #[test]
    fn what_python_cannot_store_is_refused() {
        let long = "x".repeat(257);
        for (stamp, expected) in [
            ("null", Unstorable::NoProofValue),
            ("{}", Unstorable::NoProofValue),
            (r#""text""#, Unstorable::NoProofValue),
            (
                r#"{"proof": [{"proofValue": "0x1"}]}"#,
                Unstorable::NoProofValue,
            ),
            (
                r#"{"proof": {"proofValue": null}}"#,
                Unstorable::NoProofValue,
            ),
            (
                r#"{"proof": {"proofValue": "0x1"}, "expirationDate": "2030-02-30"}"#,
                Unstorable::Date("expirationDate"),
            ),
            (
                r#"{"proof": {"proofValue": "0x1"}, "issuanceDate": 5}"#,
                Unstorable::Date("issuanceDate"),
            ),
            (
                &format!(r#"{{"proof": {{"proofValue": "{long}"}}}}"#),
                Unstorable::TooLong("proof value"),
            ),
            (
                r#"{"proof": {"proofValue": "0x1"}, "a": "\u0000"}"#,
                Unstorable::Json,
            ),
            (
                r#"{"proof": {"proofValue": "0x1"}, "a": 1e400}"#,
                Unstorable::Json,
            ),
            (r#"{"proof": {"proofValue": "\ud800"}}"#, Unstorable::Text),
        ] {
            assert_eq!(stored(stamp), Err(expected), "{stamp}");
        }
    }

    #[test]
    fn a_provider_twice_refuses_all() {
        let item = StampItem {
            provider: "P".into(),
            stamp: json(r#"{"proof": {"proofValue": "0x1"}}"#),
        };
        assert_eq!(rows([&item, &item]), Err(Unstorable::DuplicateProvider));
    }

    #[test]
    fn blanks_beyond_a_column_are_cut_off_and_may_make_providers_the_same() {
        let long = "x".repeat(256);
        let stamp = json(&format!(r#"{{"proof": {{"proofValue": "{long}   "}}}}"#));
        let item = |blanks| StampItem {
            provider: format!("{long}{blanks}").as_str().into(),
            stamp: stamp.clone(),
        };
        let stored = rows([&item("  ")]).unwrap();
        assert_eq!(stored[0].provider, long);
        assert_eq!(stored[0].proof_value, long);
        assert_eq!(
            rows([&item(""), &item(" ")]),
            Err(Unstorable::DuplicateProvider)
        );
        assert_eq!(rows([&item(" y")]), Err(Unstorable::TooLong("provider")));
    }

    #[test]
    fn a_date_without_offset_counts_as_utc() {
        let row =
            stored(r#"{"proof": {"proofValue": "0x1"}, "expirationDate": "2030-01-01"}"#).unwrap();
        assert_eq!(
            row.expiration_date,
            Some(crate::domain::testing::at("2030-01-01T00:00:00Z"))
        );
    }
}
