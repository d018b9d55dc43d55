//! A Python value as it comes out of `json.loads`.

use num_bigint::BigInt;

/// What Python's JSON parser produces.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    None,
    Bool(bool),
    Int(BigInt),
    /// May be NaN or infinite.
    Float(f64),
    Str(PyStr),
    List(Vec<Value>),
    Dict(Dict),
}

/// A Python string: Unicode code points, which unlike a Rust string may be lone surrogates.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PyStr {
    Text(String),
    /// Code points, at least one of them a lone surrogate.
    IllFormed(Vec<u32>),
}

/// A Python dict: insertion order, unique keys.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dict(pub Vec<(PyStr, Value)>);
