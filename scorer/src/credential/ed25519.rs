//! Ed25519 proofs over linked data: `Ed25519Signature2018`, `Ed25519Signature2020` and
//! `JsonWebSignature2020`.
//!
//! All three sign the hash of the proof's own statements followed by the hash of the credential's.

use base64::Engine;
use base64::alphabet::URL_SAFE;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use chrono::{DateTime, FixedOffset};
use ed25519_dalek::{Signature, Verifier, VerifyingKey};
use serde::Deserialize;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::linked_data::{self, Literal, Object, RDF_TYPE, Statement};
use super::model::{Credential, Proof, ProofPurpose, ProofSuite};

/// Written without padding, read with or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new()
        .with_encode_padding(false)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

const SECURITY: &str = "https://w3id.org/security#";
const CREATED: &str = "http://purl.org/dc/terms/created";
const DATE_TIME: &str = "http://www.w3.org/2001/XMLSchema#dateTime";

/// Whether the key signed the credential with this proof, whose suite is one of the three.
pub(super) fn is_good(credential: &Credential, proof: &Proof, key: &VerifyingKey) -> Option<bool> {
    let message = message(credential, proof)?;
    let (signature, signed) = match proof.suite {
        ProofSuite::Ed25519Signature2020 => {
            let (_, signature) = multibase::decode(proof.proof_value.as_ref()?).ok()?;
            (signature, message)
        }
        ProofSuite::Ed25519Signature2018 | ProofSuite::JsonWebSignature2020 => {
            detached_signature(proof.jws.as_ref()?, &message)?
        }
        _ => return None,
    };
    let signature = Signature::from_slice(&signature).ok()?;
    Some(key.verify(&signed, &signature).is_ok())
}

/// What all three suites sign.
fn message(credential: &Credential, proof: &Proof) -> Option<Vec<u8>> {
    let document = credential.document()?;
    let mut options = proof.options()?;
    options.remove("jws");
    let options = linked_data::statements(&Json::Object(options), document.get("@context"))?;
    if !says_what_it_means(&options, proof) {
        return None;
    }
    let document = linked_data::statements(&Json::Object(document), None)?;
    let mut message = Vec::with_capacity(64);
    for statements in [options, document] {
        message.extend(Sha256::digest(linked_data::canonical_text(statements)?));
    }
    Some(message)
}

/// Whether the statements of a proof are exactly those its members stand for: a context must not
/// give them another meaning, or make a member mean nothing.
fn says_what_it_means(statements: &[Statement], proof: &Proof) -> bool {
    let suite = format!("{SECURITY}{:?}", proof.suite);
    let is_iri =
        |object: &Object, expected: &str| matches!(object, Object::Iri(iri) if iri == expected);
    let expected_text = |object: &Object, expected: &str| match object {
        Object::Iri(iri) => iri == expected,
        Object::Literal(literal) => literal.text == expected,
        Object::Blank(_) => false,
    };
    let mut unsaid = vec![RDF_TYPE.to_owned()];
    let mut expect = |name: &str, is_present: bool| {
        if is_present {
            unsaid.push(name.to_owned());
        }
    };
    let security = |name: &str| format!("{SECURITY}{name}");
    expect(&security("proofPurpose"), proof.proof_purpose.is_some());
    expect(
        &security("verificationMethod"),
        proof.verification_method.is_some(),
    );
    expect(&security("challenge"), proof.challenge.is_some());
    expect(&security("domain"), proof.domain.is_some());
    expect(CREATED, proof.created.is_some());
    for statement in statements {
        let Some(index) = unsaid
            .iter()
            .position(|predicate| *predicate == statement.predicate)
        else {
            return false;
        };
        let predicate = unsaid.swap_remove(index);
        let object = &statement.object;
        let is_right = match predicate.strip_prefix(SECURITY) {
            Some("proofPurpose") => {
                proof.proof_purpose == Some(ProofPurpose::AssertionMethod)
                    && is_iri(object, &security("assertionMethod"))
            }
            Some("verificationMethod") => proof
                .verification_method
                .as_ref()
                .is_some_and(|id| is_iri(object, id)),
            Some("challenge") => proof
                .challenge
                .as_ref()
                .is_some_and(|text| expected_text(object, text)),
            Some("domain") => proof
                .domain
                .as_ref()
                .is_some_and(|text| expected_text(object, text)),
            Some(_) => false,
            None if predicate == CREATED => is_date(object, proof),
            None => is_iri(object, &suite),
        };
        if !is_right {
            return false;
        }
    }
    unsaid.is_empty()
}

fn is_date(object: &Object, proof: &Proof) -> bool {
    let Object::Literal(Literal { text, datatype, .. }) = object else {
        return false;
    };
    let date: Option<DateTime<FixedOffset>> = DateTime::parse_from_rfc3339(text).ok();
    datatype == DATE_TIME
        && date.is_some_and(|date| proof.created.is_some_and(|created| date == created))
}

/// The header of a JSON web signature with a detached payload (RFC 7797).
#[derive(Deserialize)]
struct JwsHeader {
    alg: String,
    #[serde(default)]
    crit: Option<Vec<String>>,
    /// Whether the payload is written in base64 before it is signed.
    #[serde(default)]
    b64: Option<bool>,
}

/// The signature inside `header..signature`, and the bytes that it was made over.
fn detached_signature(jws: &str, message: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut parts = jws.split('.');
    let (header_text, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
    if !payload.is_empty() || parts.next().is_some() {
        return None;
    }
    let header: JwsHeader = serde_json::from_slice(&BASE64.decode(header_text).ok()?).ok()?;
    let understood = header
        .crit
        .unwrap_or_default()
        .iter()
        .all(|name| name == "b64");
    if header.alg != "EdDSA" || !understood {
        return None;
    }
    let mut signed = header_text.as_bytes().to_vec();
    signed.push(b'.');
    if header.b64 == Some(false) {
        signed.extend(message);
    } else {
        signed.extend(BASE64.encode(message).into_bytes());
    }
    Some((BASE64.decode(signature).ok()?, signed))
}
