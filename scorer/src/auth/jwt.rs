//! Access tokens, checked in the order of the Python service (contract §2.3).
//!
//! The library checks the signature only: which tokens pass, and the error text of those that do
//! not, follow from how Python reads base64, JSON and integers.

mod hs256;

use chrono::{DateTime, Utc};
use num_bigint::BigInt;
use num_traits::{FromPrimitive, ToPrimitive};

use crate::{
    api::{error::Failure, request::Headers},
    python::{Dict, PyStr, Value, int, json},
    settings::Secret,
};

use super::base64::urlsafe_decode;

/// Last second of the year 9999, the last that Python's `datetime` knows.
const LAST_SECOND: f64 = 253_402_300_799.0;

const INVALID: &str = "'Token is invalid or expired'";
const NO_EXP: &str = r#""Token has no 'exp' claim""#;
const NO_JTI: &str = "'Token has no id'";
const NO_TYPE: &str = "'Token has no type'";
const WRONG_TYPE: &str = "'Token has wrong type'";

/// The caller: value of the `did` claim of a valid token.
#[derive(Debug)]
pub(crate) struct Caller(Value);

impl Caller {
    /// Address of the caller: what follows the last colon of the `did`, unchecked.
    ///
    /// # Errors
    /// A `did` that is no text, or one with a lone surrogate there: the 500 page.
    pub(crate) fn address(&self) -> Result<String, Failure> {
        let Value::Str(did) = &self.0 else {
            return Err(Failure::quirk("the did claim is not a text"));
        };
        match did.after_last(':') {
            PyStr::Text(address) => Ok(address),
            PyStr::IllFormed(_) => Err(Failure::quirk("the did claim has a lone surrogate")),
        }
    }
}

/// Why a token is not accepted.
enum Refusal {
    /// The message of the innermost error, as Python's `repr` shows it.
    Message(&'static str),
    /// An exception that nobody catches.
    Uncaught(&'static str),
}

/// Authenticates by `Authorization: Bearer <token>`.
///
/// # Errors
/// 401 with the text of a Python `dict`, or the 500 page where Python stumbles over a claim.
pub(crate) fn authenticate(
    headers: &Headers,
    key: &Secret,
    now: DateTime<Utc>,
) -> Result<Caller, Failure> {
    let header = headers.get("Authorization").unwrap_or_default();
    let (scheme, token) = header.split_once(' ').unwrap_or((header, ""));
    if scheme.to_lowercase() != "bearer" {
        return Err(Failure::detail(401, "Unauthorized"));
    }
    let claims = verify(token, key, now).map_err(|refusal| match refusal {
        Refusal::Message(message) => Failure::detail(401, error_text(message)),
        Refusal::Uncaught(what) => Failure::quirk(what),
    })?;
    match claims.get("did") {
        Some(did) => Ok(Caller(did.clone())),
        None => Err(Failure::quirk("a valid token without a did claim")),
    }
}

/// The `repr` that stands in `detail`.
fn error_text(message: &str) -> String {
    format!(
        "{{'detail': ErrorDetail(string='Given token not valid for any token type', \
         code='token_not_valid'), 'code': ErrorDetail(string='token_not_valid', \
         code='token_not_valid'), 'messages': [{{'token_class': ErrorDetail(string='AccessToken', \
         code='token_not_valid'), 'token_type': ErrorDetail(string='access', \
         code='token_not_valid'), 'message': ErrorDetail(string={message}, \
         code='token_not_valid')}}]}}"
    )
}

fn verify(token: &str, key: &Secret, now: DateTime<Utc>) -> Result<Dict, Refusal> {
    let claims = decode(token, key).ok_or(Refusal::Message(INVALID))?;
    check_registered_claims(&claims, now)?;
    check_token_claims(&claims)?;
    Ok(claims)
}

/// Splits, decodes and checks the signature.
fn decode(token: &str, key: &Secret) -> Option<Dict> {
    let (signed, signature) = token.rsplit_once('.')?;
    let (header, payload) = signed.split_once('.')?;
    let header = object(&urlsafe_decode(header).ok()?)?;
    let payload = urlsafe_decode(payload).ok()?;
    let signature = urlsafe_decode(signature).ok()?;
    if matches!(header.get("b64"), Some(Value::Bool(false))) {
        return None;
    }
    let hs256 =
        |algorithm: &Value| matches!(algorithm, Value::Str(text) if text.as_str() == Some("HS256"));
    header.get("alg").filter(|algorithm| hs256(algorithm))?;
    hs256::verifies(signed, &signature, key).then_some(())?;
    object(&payload)
}

fn object(bytes: &[u8]) -> Option<Dict> {
    match json::loads(bytes).ok()? {
        Value::Dict(dict) => Some(dict),
        _ => None,
    }
}

/// `iat`, `nbf`, `exp`, `sub`, `jti`: whatever of them is there.
fn check_registered_claims(claims: &Dict, now: DateTime<Utc>) -> Result<(), Refusal> {
    let now = now.timestamp_micros();
    for name in ["iat", "nbf"] {
        if let Some(value) = claims.get(name)
            && micros(&integer(value)?) > BigInt::from(now)
        {
            return Err(Refusal::Message(INVALID));
        }
    }
    if let Some(value) = claims.get("exp")
        && micros(&integer(value)?) <= BigInt::from(now)
    {
        return Err(Refusal::Message(INVALID));
    }
    for name in ["sub", "jti"] {
        if claims.get(name).is_some_and(|value| !is_text(value)) {
            return Err(Refusal::Message(INVALID));
        }
    }
    Ok(())
}

fn micros(seconds: &BigInt) -> BigInt {
    seconds * 1_000_000
}

/// Python's `int(value)`.
fn integer(value: &Value) -> Result<BigInt, Refusal> {
    match value {
        Value::Bool(truth) => Ok(BigInt::from(u8::from(*truth))),
        Value::Int(number) => Ok(number.clone()),
        Value::Float(number) if number.is_infinite() => {
            Err(Refusal::Uncaught("an infinite time claim"))
        }
        Value::Float(number) => BigInt::from_f64(number.trunc()).ok_or(Refusal::Message(INVALID)),
        Value::Str(text) => text
            .as_str()
            .and_then(int::parse_int)
            .ok_or(Refusal::Message(INVALID)),
        Value::None | Value::List(_) | Value::Dict(_) => {
            Err(Refusal::Uncaught("a time claim that is no number"))
        }
    }
}

/// What the token class asks for, after the library was content.
fn check_token_claims(claims: &Dict) -> Result<(), Refusal> {
    let expires = claims.get("exp").ok_or(Refusal::Message(NO_EXP))?;
    check_is_a_date(expires)?;
    if !claims.contains_key("jti") {
        return Err(Refusal::Message(NO_JTI));
    }
    match claims.get("token_type") {
        None => Err(Refusal::Message(NO_TYPE)),
        Some(Value::Str(text)) if text.as_str() == Some("access") => Ok(()),
        Some(_) => Err(Refusal::Message(WRONG_TYPE)),
    }
}

/// `exp` becomes a `datetime`, which takes no text and ends with the year 9999.
fn check_is_a_date(expires: &Value) -> Result<(), Refusal> {
    let seconds = match expires {
        Value::Int(number) => number.to_f64().unwrap_or(f64::INFINITY),
        Value::Float(number) => *number,
        Value::Bool(truth) => f64::from(u8::from(*truth)),
        _ => return Err(Refusal::Uncaught("exp is not a number")),
    };
    // Rounded to microseconds, a fraction of the last second may still belong to it.
    if seconds < LAST_SECOND + 0.999_999_5 {
        Ok(())
    } else {
        Err(Refusal::Uncaught("exp is after the year 9999"))
    }
}

fn is_text(value: &Value) -> bool {
    matches!(value, Value::Str(_))
}

#[cfg(test)]
mod tests;
