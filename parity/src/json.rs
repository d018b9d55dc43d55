//! Lossless JSON: numbers keep their text, objects keep their order and their duplicate keys.

/// A JSON value exactly as written.
#[derive(Debug, Clone, PartialEq)]
pub enum Json {
    Null,
    Bool(bool),
    /// The number's text, e.g. `1.10`, `1e2`, `NaN`.
    Number(String),
    String(String),
    Array(Vec<Json>),
    /// Members in written order; a repeated key appears repeatedly.
    Object(Vec<(String, Json)>),
}
