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

impl PyStr {
    /// The text, unless it holds a lone surrogate.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            PyStr::Text(text) => Some(text),
            PyStr::IllFormed(_) => None,
        }
    }

    /// Whether this is `""`.
    pub fn is_empty(&self) -> bool {
        self.as_text() == Some("")
    }
}

impl From<&str> for PyStr {
    fn from(text: &str) -> Self {
        PyStr::Text(text.to_owned())
    }
}

impl From<String> for PyStr {
    fn from(text: String) -> Self {
        PyStr::Text(text)
    }
}

impl Dict {
    /// `dict.get(key)`.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(name, _)| name.as_text() == Some(key))
            .map(|(_, value)| value)
    }

    /// `dict[key] = value`: replaces in place, or appends.
    pub fn insert(&mut self, key: PyStr, value: Value) {
        match self.0.iter_mut().find(|(name, _)| *name == key) {
            Some((_, slot)) => *slot = value,
            None => self.0.push((key, value)),
        }
    }
}

impl<K: Into<PyStr>> FromIterator<(K, Value)> for Dict {
    /// Later values replace earlier ones of the same key, as in a dict display.
    fn from_iter<I: IntoIterator<Item = (K, Value)>>(pairs: I) -> Self {
        let mut dict = Dict::default();
        for (key, value) in pairs {
            dict.insert(key.into(), value);
        }
        dict
    }
}

impl Value {
    /// A string value.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Str(PyStr::Text(text.into()))
    }

    /// `bool(value)`.
    pub fn is_truthy(&self) -> bool {
        match self {
            Value::None => false,
            Value::Bool(value) => *value,
            Value::Int(value) => *value != BigInt::ZERO,
            Value::Float(value) => *value != 0.0,
            Value::Str(value) => !value.is_empty(),
            Value::List(items) => !items.is_empty(),
            Value::Dict(dict) => !dict.0.is_empty(),
        }
    }

    /// `type(value).__name__`, as it appears in Python's error texts.
    pub fn type_name(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Str(_) => "str",
            Value::List(_) => "list",
            Value::Dict(_) => "dict",
        }
    }

    /// The dict, if it is one.
    pub fn as_dict(&self) -> Option<&Dict> {
        match self {
            Value::Dict(dict) => Some(dict),
            _ => None,
        }
    }

    /// The text, if this is a string without lone surrogates.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Str(text) => text.as_text(),
            _ => None,
        }
    }
}
