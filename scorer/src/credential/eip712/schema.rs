//! The types of EIP-712 data: how they are read from a proof, and how they are written for hashing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Deserialize;

use super::DOMAIN_TYPE;

/// Arrays of arrays nested deeper than this describe no data that could be read.
const MAX_ARRAY_DEPTH: usize = 127;

/// Structures by name.
#[derive(Debug, Deserialize)]
#[serde(from = "BTreeMap<String, Vec<Field>>")]
pub(super) struct Schema(BTreeMap<String, Vec<Field>>);

/// A member of a structure.
#[derive(Debug, Deserialize)]
pub(super) struct Field {
    #[serde(rename = "type")]
    pub(super) type_: FieldType,
    pub(super) name: String,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(super) enum FieldType {
    FixedBytes(usize),
    /// Width in bits.
    Unsigned(usize),
    /// Width in bits.
    Signed(usize),
    Bool,
    Address,
    Bytes,
    String,
    /// With a length if it is fixed.
    Array(Box<FieldType>, Option<usize>),
    Struct(String),
}

impl From<BTreeMap<String, Vec<Field>>> for Schema {
    /// A domain that is not described has a name and nothing else.
    fn from(mut structs: BTreeMap<String, Vec<Field>>) -> Self {
        structs.entry(DOMAIN_TYPE.to_owned()).or_insert_with(|| {
            vec![Field {
                type_: FieldType::String,
                name: "name".to_owned(),
            }]
        });
        Self(structs)
    }
}

impl Schema {
    pub(super) fn get(&self, name: &str) -> Option<(&str, &[Field])> {
        let (name, fields) = self.0.get_key_value(name)?;
        Some((name, fields))
    }

    /// `encodeType` of the standard: the structure, then all it refers to sorted by name.
    ///
    /// `None` if a structure refers to one that is not described. A structure that refers to itself
    /// is written twice, as the library does.
    pub(super) fn encode_type(&self, name: &str) -> Option<String> {
        let (name, fields) = self.get(name)?;
        let mut referenced = BTreeSet::new();
        let mut unvisited = vec![fields];
        while let Some(fields) = unvisited.pop() {
            for inner in fields.iter().filter_map(|field| field.type_.struct_name()) {
                let (inner, inner_fields) = self.get(inner)?;
                if referenced.insert(inner) {
                    unvisited.push(inner_fields);
                }
            }
        }
        let mut encoded = encode_single(name, fields);
        for name in referenced {
            encoded.push_str(&encode_single(name, self.get(name)?.1));
        }
        Some(encoded)
    }
}

fn encode_single(name: &str, fields: &[Field]) -> String {
    let fields: Vec<String> = fields
        .iter()
        .map(|field| format!("{} {}", field.type_, field.name))
        .collect();
    format!("{name}({})", fields.join(","))
}

impl FieldType {
    fn struct_name(&self) -> Option<&str> {
        match self {
            Self::Struct(name) => Some(name),
            Self::Array(element, _) => element.struct_name(),
            _ => None,
        }
    }
}

impl TryFrom<String> for FieldType {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let width = |digits: &str| digits.parse().map_err(|_| "not a width");
        // Array brackets are peeled off from the right, so that nesting costs no recursion.
        let mut base = text.as_str();
        let mut lengths = Vec::new();
        while base.ends_with(']') {
            let (inner, length) = base.rsplit_once('[').ok_or("unmatched bracket")?;
            let (length, _) = length.split_once(']').ok_or("unmatched bracket")?;
            lengths.push(if length.is_empty() {
                None
            } else {
                Some(width(length)?)
            });
            base = inner;
        }
        if lengths.len() > MAX_ARRAY_DEPTH {
            return Err("arrays nested too deeply");
        }
        let base = match base {
            "bytes" => Self::Bytes,
            "string" => Self::String,
            "address" => Self::Address,
            "bool" => Self::Bool,
            _ => {
                if let Some(digits) = base.strip_prefix("uint") {
                    Self::Unsigned(width(digits)?)
                } else if let Some(digits) = base.strip_prefix("int") {
                    Self::Signed(width(digits)?)
                } else if let Some(digits) = base.strip_prefix("bytes") {
                    Self::FixedBytes(width(digits)?)
                } else {
                    Self::Struct(base.to_owned())
                }
            }
        };
        let nest = |element, length| Self::Array(Box::new(element), length);
        Ok(lengths.into_iter().rev().fold(base, nest))
    }
}

impl fmt::Display for FieldType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::FixedBytes(length) => write!(f, "bytes{length}"),
            Self::Unsigned(bits) => write!(f, "uint{bits}"),
            Self::Signed(bits) => write!(f, "int{bits}"),
            Self::Bool => f.write_str("bool"),
            Self::Address => f.write_str("address"),
            Self::Bytes => f.write_str("bytes"),
            Self::String => f.write_str("string"),
            Self::Array(element, None) => write!(f, "{element}[]"),
            Self::Array(element, Some(length)) => write!(f, "{element}[{length}]"),
            Self::Struct(name) => f.write_str(name),
        }
    }
}
