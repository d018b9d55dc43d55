//! Types for a credential that brings none: the "types generation" of EthereumEip712Signature2021.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use super::schema::{Field, FieldType, Schema};

/// The structure that the whole message is of.
pub(super) const PRIMARY_TYPE: &str = "Document";

/// Bits of the integer type that every number gets.
const INTEGER_WIDTH: usize = 256;

/// Derives the types from the values; `None` for an empty array, an array of mixed or structured
/// values, or anything that is not an object.
pub(super) fn infer(message: &Json) -> Option<Schema> {
    infer_structs(message.as_object()?).map(Schema::from)
}

fn infer_structs(object: &Map<String, Json>) -> Option<BTreeMap<String, Vec<Field>>> {
    let mut structs = BTreeMap::new();
    let mut members: Vec<(&String, &Json)> = object.iter().collect();
    // The order of RFC 8785: by UTF-16 code units.
    members.sort_by_cached_key(|(name, _)| name.encode_utf16().collect::<Vec<u16>>());
    let mut fields = Vec::with_capacity(members.len());
    for (name, value) in members {
        let type_ = match value {
            Json::Array(items) => {
                let type_ = primitive(items.first()?)?;
                let is_same_kind = |item| primitive(item).is_some_and(|other| other == type_);
                if !items.iter().all(is_same_kind) {
                    return None;
                }
                FieldType::Array(Box::new(type_), None)
            }
            Json::Object(inner) => {
                let struct_name = capitalised(name);
                let mut inner = infer_structs(inner)?;
                structs.insert(struct_name.clone(), inner.remove(PRIMARY_TYPE)?);
                structs.extend(inner);
                FieldType::Struct(struct_name)
            }
            _ => primitive(value)?,
        };
        fields.push(Field {
            type_,
            name: name.clone(),
        });
    }
    structs.insert(PRIMARY_TYPE.to_owned(), fields);
    Some(structs)
}

fn primitive(value: &Json) -> Option<FieldType> {
    match value {
        Json::Bool(_) => Some(FieldType::Bool),
        Json::Number(_) => Some(FieldType::Unsigned(INTEGER_WIDTH)),
        Json::String(_) => Some(FieldType::String),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

fn capitalised(name: &str) -> String {
    let mut letters = name.chars();
    letters
        .next()
        .into_iter()
        .flat_map(char::to_uppercase)
        .chain(letters)
        .collect()
}
