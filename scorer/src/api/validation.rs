//! What is wrong with a request's values (contract §1.7).

use std::borrow::Cow;

use crate::python::{Dict, PyStr, Value, int};

/// One item of a 422 answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Invalid {
    kind: &'static str,
    at: Vec<Step>,
    message: Cow<'static, str>,
}

/// A step on the way to a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Key(&'static str),
    Index(usize),
}

impl Invalid {
    pub(crate) fn new(
        kind: &'static str,
        at: &[Step],
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            kind,
            at: at.to_vec(),
            message: message.into(),
        }
    }

    pub(crate) fn missing(at: &[Step]) -> Self {
        Self::new("missing", at, "Field required")
    }

    pub(crate) fn not_a_list(at: &[Step]) -> Self {
        Self::new("list_type", at, "Input should be a valid list")
    }

    pub(crate) fn not_a_string(at: &[Step]) -> Self {
        Self::new("string_type", at, "Input should be a valid string")
    }

    pub(crate) fn not_an_integer(at: &[Step], error: int::IntError) -> Self {
        Self::new(error.type_name(), at, error.to_string())
    }
}

/// `{"detail": [{"type", "loc", "msg"}, …]}`
pub(super) fn to_value(items: &[Invalid]) -> Value {
    let items = items.iter().map(|item| {
        let steps = item.at.iter().map(|step| match step {
            Step::Key(key) => Value::from(*key),
            Step::Index(index) => Value::Int((*index).into()),
        });
        Value::Dict(Dict::from([
            ("type", Value::from(item.kind)),
            ("loc", Value::List(steps.collect())),
            ("msg", Value::from(item.message.as_ref())),
        ]))
    });
    Value::Dict(Dict::from([("detail", Value::List(items.collect()))]))
}

/// Collects everything that is wrong while a body is read field by field.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<Invalid>);

impl Findings {
    pub(crate) fn push(&mut self, invalid: Invalid) {
        self.0.push(invalid);
    }

    /// The value read, or all that is wrong.
    pub(crate) fn into_result<T>(self, value: T) -> Result<T, Vec<Invalid>> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(self.0)
        }
    }

    /// A required field. An enclosing value that is no object has no fields (contract, quirk 20).
    pub(crate) fn field<'a>(
        &mut self,
        object: &'a Value,
        name: &'static str,
        at: &[Step],
    ) -> Option<&'a Value> {
        let value = match object {
            Value::Dict(dict) => dict.get(name),
            _ => None,
        };
        if value.is_none() {
            self.push(Invalid::missing(&step_into(at, name)));
        }
        value
    }

    /// A required text.
    pub(crate) fn text<'a>(
        &mut self,
        object: &'a Value,
        name: &'static str,
        at: &[Step],
    ) -> Option<&'a PyStr> {
        match self.field(object, name, at)? {
            Value::Str(text) => Some(text),
            _ => {
                self.push(Invalid::not_a_string(&step_into(at, name)));
                None
            }
        }
    }

    /// A text that may be null; absent counts as `missing` only where it is required.
    pub(crate) fn nullable_text<'a>(
        &mut self,
        object: &'a Value,
        name: &'static str,
        at: &[Step],
        required: bool,
    ) -> Option<&'a PyStr> {
        let present = matches!(object, Value::Dict(dict) if dict.contains_key(name));
        if !present && !required {
            return None;
        }
        match self.field(object, name, at)? {
            Value::None => None,
            Value::Str(text) => Some(text),
            _ => {
                self.push(Invalid::not_a_string(&step_into(at, name)));
                None
            }
        }
    }

    /// A required list.
    pub(crate) fn list<'a>(
        &mut self,
        object: &'a Value,
        name: &'static str,
        at: &[Step],
    ) -> Option<&'a [Value]> {
        match self.field(object, name, at)? {
            Value::List(items) => Some(items),
            _ => {
                self.push(Invalid::not_a_list(&step_into(at, name)));
                None
            }
        }
    }
}

/// The way to a field of the value at `at`.
pub(crate) fn step_into(at: &[Step], name: &'static str) -> Vec<Step> {
    let mut steps = at.to_vec();
    steps.push(Step::Key(name));
    steps
}
