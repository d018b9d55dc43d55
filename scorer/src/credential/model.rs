//! A credential as the verifying library reads it, and as it writes it back.
//!
//! What was signed is not the text of the stamp but what the library serialises after parsing it
//! (domain B.4.2): dates in its own form, members it knows left out when null, unknown members kept.
//! So the model below is written with `serde`: reading it is the parsing rule, writing it is the
//! document that the proof covers.

use chrono::{DateTime, FixedOffset, SecondsFormat, Utc};
use num_bigint::BigInt;
use num_traits::ToPrimitive;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Number, Value as Json};

use crate::python::{PyStr, Value};

/// The first `@context` of a credential must be one of these two spellings.
const CREDENTIALS_CONTEXTS: [&str; 2] = [
    "https://www.w3.org/2018/credentials/v1",
    "https://w3.org/2018/credentials/v1",
];

/// Arrays and objects nested deeper than this are refused by the library's JSON parser.
const MAX_DEPTH: usize = 127;

/// A credential that parsed.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Credential {
    #[serde(rename = "@context")]
    context: Contexts,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type")]
    type_: OneOrMany<String>,
    credential_subject: OneOrMany<WithOptionalId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<Issuer>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuance_date: Option<Date>,
    #[serde(skip_serializing)]
    proof: Option<OneOrMany<Proof>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expiration_date: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_status: Option<TypedWithId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    terms_of_use: Option<Vec<TermsOfUse>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<OneOrMany<Evidence>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    credential_schema: Option<OneOrMany<TypedWithId>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_service: Option<OneOrMany<TypedWithId>>,
    #[serde(flatten)]
    other: Map<String, Json>,
}

/// One proof of a credential.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Proof {
    #[serde(rename = "@context", default, skip_serializing_if = "Json::is_null")]
    pub(crate) context: Json,
    #[serde(rename = "type")]
    pub(crate) suite: ProofSuite,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof_purpose: Option<ProofPurpose>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) proof_value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) challenge: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    creator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verification_method: Option<String>,
    #[serde(
        default,
        deserialize_with = "read_created",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) created: Option<DateTime<Utc>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) domain: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nonce: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) jws: Option<String>,
    #[serde(flatten)]
    other: Map<String, Json>,
}

/// The proof types the library knows by name. Any other name makes the whole credential unreadable,
/// even in a proof that would never be looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ProofSuite {
    RsaSignature2018,
    Ed25519Signature2018,
    Ed25519Signature2020,
    Ed25519BLAKE2BDigestSize20Base58CheckEncodedSignature2021,
    P256BLAKE2BDigestSize20Base58CheckEncodedSignature2021,
    EcdsaSecp256k1Signature2019,
    EcdsaSecp256k1RecoverySignature2020,
    Eip712Signature2021,
    EthereumPersonalSignature2021,
    EthereumEip712Signature2021,
    TezosSignature2021,
    TezosJcsSignature2021,
    JsonWebSignature2020,
    EcdsaSecp256r1Signature2019,
    CLSignature2019,
}

/// What a proof says it is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum ProofPurpose {
    AssertionMethod,
    Authentication,
    KeyAgreement,
    ContractAgreement,
    CapabilityDelegation,
    CapabilityInvocation,
}

impl Credential {
    /// Reads a stamp; `None` where the library would refuse it.
    pub(crate) fn parse(stamp: &Value) -> Option<Self> {
        let credential: Self = serde_json::from_value(to_json(stamp, MAX_DEPTH)?).ok()?;
        credential.is_complete().then_some(credential)
    }

    /// The identifier of the issuer.
    pub(crate) fn issuer(&self) -> Option<&str> {
        self.issuer.as_ref().map(|issuer| match issuer {
            Issuer::Uri(uri) => uri.0.as_str(),
            Issuer::Object(object) => object.id.0.as_str(),
        })
    }

    /// The proofs in the order in which they are listed.
    pub(crate) fn proofs(&self) -> &[Proof] {
        self.proof.as_ref().map_or(&[], OneOrMany::as_slice)
    }

    /// The credential without its proofs, as the library writes it.
    pub(crate) fn document(&self) -> Option<Map<String, Json>> {
        object(serde_json::to_value(self).ok()?)
    }

    fn is_complete(&self) -> bool {
        let types = self.type_.as_slice();
        let subjects = self.credential_subject.as_slice();
        let zero_knowledge = |proof: &Proof| proof.suite == ProofSuite::CLSignature2019;
        types.iter().any(|name| name == "VerifiableCredential")
            && self.issuer.is_some()
            && !subjects.is_empty()
            && !subjects.iter().any(WithOptionalId::is_empty)
            && self.issuance_date.is_some()
            && (self.credential_schema.is_some() || !self.proofs().iter().any(zero_knowledge))
    }
}

impl Proof {
    /// The proof as the library writes it, without the signature itself.
    pub(crate) fn options(&self) -> Option<Map<String, Json>> {
        let mut options = object(serde_json::to_value(self).ok()?)?;
        options.remove("proofValue");
        Some(options)
    }
}

fn object(value: Json) -> Option<Map<String, Json>> {
    match value {
        Json::Object(members) => Some(members),
        _ => None,
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum OneOrMany<T> {
    One(T),
    Many(Vec<T>),
}

impl<T> OneOrMany<T> {
    fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }
}

/// A string with a colon in it: all the library asks of a URI.
#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "String")]
struct Uri(String);

impl TryFrom<String> for Uri {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.contains(':') {
            Ok(Self(text))
        } else {
            Err("a URI needs a colon")
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(try_from = "OneOrMany<Context>")]
struct Contexts(OneOrMany<Context>);

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Context {
    Uri(Uri),
    Object(Map<String, Json>),
}

impl TryFrom<OneOrMany<Context>> for Contexts {
    type Error = &'static str;

    fn try_from(contexts: OneOrMany<Context>) -> Result<Self, Self::Error> {
        match contexts.as_slice().first() {
            Some(Context::Uri(uri)) if CREDENTIALS_CONTEXTS.contains(&uri.0.as_str()) => {
                Ok(Self(contexts))
            }
            _ => Err("the first context must be that of credentials"),
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Issuer {
    Uri(Uri),
    Object(WithId),
}

#[derive(Debug, Serialize, Deserialize)]
struct WithId {
    id: Uri,
    #[serde(flatten)]
    other: Map<String, Json>,
}

#[derive(Debug, Serialize, Deserialize)]
struct WithOptionalId {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uri>,
    #[serde(flatten)]
    other: Map<String, Json>,
}

impl WithOptionalId {
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.other.is_empty()
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct TypedWithId {
    id: Uri,
    #[serde(rename = "type")]
    type_: String,
    #[serde(flatten)]
    other: Map<String, Json>,
}

#[derive(Debug, Serialize, Deserialize)]
struct TermsOfUse {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<Uri>,
    #[serde(rename = "type")]
    type_: String,
    #[serde(flatten)]
    other: Map<String, Json>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Evidence {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(rename = "type")]
    type_: Vec<String>,
    #[serde(flatten)]
    other: Map<String, Json>,
}

/// `issuanceDate` and `expirationDate`: RFC 3339, written back with as few fraction digits as are
/// exact (0, 3, 6 or 9) and with `Z` only where `Z` was read.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
struct Date {
    instant: DateTime<FixedOffset>,
    with_z: bool,
}

impl TryFrom<String> for Date {
    type Error = chrono::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        // The library's parser wants a `T`, and takes `UTC` for an offset; chrono's is the reverse.
        let has_blank = text.as_bytes().get(10) == Some(&b' ');
        let without_name = without_utc(&text);
        let named_utc = without_name.map(|text| format!("{text}+00:00"));
        let text = if has_blank {
            ""
        } else {
            named_utc.as_deref().unwrap_or(&text)
        };
        Ok(Self {
            instant: DateTime::parse_from_rfc3339(text)?,
            with_z: text.ends_with('Z'),
        })
    }
}

impl From<Date> for String {
    fn from(date: Date) -> Self {
        date.instant
            .to_rfc3339_opts(SecondsFormat::AutoSi, date.with_z)
    }
}

/// `created`: read with more patience than the other dates (blanks around the parts, single digits),
/// but never with a lower-case `t`.
fn read_created<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<DateTime<Utc>>, D::Error> {
    let Some(text) = Option::<String>::deserialize(deserializer)? else {
        return Ok(None);
    };
    if without_utc(&text).unwrap_or(&text).contains('t') {
        return Err(D::Error::custom("a date needs an upper-case T"));
    }
    text.parse().map(Some).map_err(D::Error::custom)
}

/// The text before a closing `UTC` of any case.
fn without_utc(text: &str) -> Option<&str> {
    let (text, suffix) = text.split_at_checked(text.len().checked_sub(3)?)?;
    suffix.eq_ignore_ascii_case("UTC").then_some(text)
}

/// The stamp as a JSON parser with 64-bit numbers reads it; `None` where it would refuse it.
fn to_json(value: &Value, depth: usize) -> Option<Json> {
    let inner = |value: &Value| to_json(value, depth.checked_sub(1)?);
    Some(match value {
        Value::None => Json::Null,
        Value::Bool(truth) => Json::Bool(*truth),
        Value::Int(integer) => Json::Number(integer_number(integer)?),
        Value::Float(float) => Json::Number(Number::from_f64(*float)?),
        Value::Str(text) => Json::String(text_of(text)?.to_owned()),
        Value::List(items) if depth > 0 => {
            Json::Array(items.iter().map(inner).collect::<Option<_>>()?)
        }
        Value::Dict(members) if depth > 0 => Json::Object(
            members
                .iter()
                .map(|(name, value)| Some((text_of(name)?.to_owned(), inner(value)?)))
                .collect::<Option<_>>()?,
        ),
        Value::List(_) | Value::Dict(_) => return None,
    })
}

fn text_of(text: &PyStr) -> Option<&str> {
    match text {
        PyStr::Text(text) => Some(text),
        PyStr::IllFormed(_) => None,
    }
}

fn integer_number(integer: &BigInt) -> Option<Number> {
    if let Some(signed) = integer.to_i64() {
        Some(signed.into())
    } else if let Some(unsigned) = integer.to_u64() {
        Some(unsigned.into())
    } else {
        Number::from_f64(integer.to_f64()?)
    }
}
