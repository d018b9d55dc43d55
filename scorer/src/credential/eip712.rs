//! EIP-712: the hash of structured data that an `EthereumEip712Signature2021` proof signs.
//!
//! The rules are those of the verifying library (domain B.4.2), which differ from the standard in
//! small ways: a typed member that is missing encodes as 32 zero bytes, arrays of structures hash
//! each element, and integers are 64-bit numbers or hexadecimal text.

mod inference;
mod schema;

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::{Map, Value as Json};

use self::schema::{FieldType, Schema};
use super::ethereum::keccak;
use super::model::{Credential, Proof};

const DOMAIN_TYPE: &str = "EIP712Domain";

/// What a proof carries, under `eip712` or `eip712Domain`, to say how it hashes.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct TypedDataInfo {
    #[serde(alias = "messageSchema")]
    types: Schema,
    primary_type: String,
    domain: Json,
}

/// The digest that the proof's signature was made over; `None` where the credential cannot be
/// hashed by its types.
pub(crate) fn signing_digest(credential: &Credential, proof: &Proof) -> Option<[u8; 32]> {
    let mut options = proof.options()?;
    let info = options
        .remove("eip712")
        .or_else(|| options.remove("eip712Domain"));
    let mut message = credential.document()?;
    message.insert("proof".to_owned(), Json::Object(options));
    let message = Json::Object(message);
    if !is_hashable(&message) {
        return None;
    }
    let info = match info {
        Some(info) => serde_json::from_value(info).ok()?,
        None => TypedDataInfo {
            types: inference::infer(&message)?,
            primary_type: inference::PRIMARY_TYPE.to_owned(),
            domain: Json::Object(Map::new()),
        },
    };
    if !is_hashable(&info.domain) {
        return None;
    }
    let mut hasher = Hasher::new(&info.types);
    let mut signed = vec![0x19, 0x01];
    let message_hash = hasher.hash_struct(&info.primary_type, &message)?;
    signed.extend(hasher.hash_struct(DOMAIN_TYPE, &info.domain)?);
    signed.extend(message_hash);
    Some(keccak(&signed))
}

/// No null and no number but a signed 64-bit integer anywhere.
fn is_hashable(value: &Json) -> bool {
    match value {
        Json::Null => false,
        Json::Bool(_) | Json::String(_) => true,
        Json::Number(number) => number.as_i64().is_some(),
        Json::Array(items) => items.iter().all(is_hashable),
        Json::Object(members) => members.values().all(is_hashable),
    }
}

/// Hashes values by a schema. Every structure's type is encoded once.
struct Hasher<'a> {
    schema: &'a Schema,
    type_hashes: HashMap<&'a str, [u8; 32]>,
}

impl<'a> Hasher<'a> {
    fn new(schema: &'a Schema) -> Self {
        Self {
            schema,
            type_hashes: HashMap::new(),
        }
    }

    fn hash_struct(&mut self, name: &str, data: &Json) -> Option<[u8; 32]> {
        let (name, fields) = self.schema.get(name)?;
        let data = data.as_object()?;
        let type_hash = match self.type_hashes.get(name) {
            Some(hash) => *hash,
            None => {
                let hash = keccak(self.schema.encode_type(name)?.as_bytes());
                self.type_hashes.insert(name, hash);
                hash
            }
        };
        let typed: HashSet<&str> = fields.iter().map(|field| field.name.as_str()).collect();
        if !data.keys().all(|member| typed.contains(member.as_str())) {
            return None;
        }
        let mut encoded = Vec::with_capacity(32 * (fields.len() + 1));
        encoded.extend(type_hash);
        for field in fields {
            encoded.extend(match data.get(&field.name) {
                Some(value) => self.encode(&field.type_, value)?,
                None => [0; 32],
            });
        }
        Some(keccak(&encoded))
    }

    fn encode(&mut self, type_: &FieldType, value: &Json) -> Option<[u8; 32]> {
        match type_ {
            FieldType::String => Some(keccak(value.as_str()?.as_bytes())),
            FieldType::Bytes => Some(keccak(&hexadecimal(value.as_str()?)?)),
            FieldType::Bool => boolean(value).map(|truth| padded(&[u8::from(truth)], 0)),
            FieldType::Address => {
                let address = word(value)?;
                (address.len() == 20).then(|| padded(&address, 0))
            }
            FieldType::Unsigned(bits) => integer(*bits, value).map(|bytes| padded(&bytes, 0)),
            FieldType::Signed(bits) => {
                let bytes = integer(*bits, value)?;
                let sign = if bytes.first()? & 0x80 == 0 { 0 } else { 0xff };
                Some(padded(&bytes, sign))
            }
            FieldType::FixedBytes(length) => {
                let bytes = hexadecimal(value.as_str()?)?;
                let is_valid = (1..=32).contains(length) && bytes.len() == *length;
                is_valid.then(|| {
                    let mut encoded = [0; 32];
                    encoded[..bytes.len()].copy_from_slice(&bytes);
                    encoded
                })
            }
            FieldType::Array(element, length) => {
                let items = value.as_array()?;
                if length.is_some_and(|length| length != items.len()) {
                    return None;
                }
                let mut encoded = Vec::with_capacity(32 * items.len());
                for item in items {
                    encoded.extend(self.encode(element, item)?);
                }
                Some(keccak(&encoded))
            }
            FieldType::Struct(name) => self.hash_struct(name, value),
        }
    }
}

fn hexadecimal(text: &str) -> Option<Vec<u8>> {
    hex::decode(text.strip_prefix("0x")?).ok()
}

/// The bytes of an integer or of hexadecimal text.
fn word(value: &Json) -> Option<Vec<u8>> {
    match value {
        Json::Number(number) => Some(number.as_i64()?.to_be_bytes().to_vec()),
        Json::String(text) => hexadecimal(text),
        _ => None,
    }
}

fn integer(bits: usize, value: &Json) -> Option<Vec<u8>> {
    if !bits.is_multiple_of(8) || !(8..=256).contains(&bits) {
        return None;
    }
    word(value).filter(|bytes| bytes.len() <= 32)
}

/// Text stands for a truth value only where nobody could be misled.
fn boolean(value: &Json) -> Option<bool> {
    match value {
        Json::Bool(truth) => Some(*truth),
        Json::String(text) => match text.as_str() {
            "" => Some(false),
            "true" | "1" => Some(true),
            _ => None,
        },
        Json::Number(number) => match number.as_i64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        _ => None,
    }
}

/// At most 32 bytes, filled up on the left.
fn padded(bytes: &[u8], filler: u8) -> [u8; 32] {
    let mut encoded = [filler; 32];
    encoded[32 - bytes.len()..].copy_from_slice(bytes);
    encoded
}
