//! Python's `dict` with string keys.

use foldhash::quality::RandomState;
use indexmap::IndexMap;
use indexmap::map::{IntoIter, Iter, IterMut};

use super::{PyStr, Value};

/// A Python dict as JSON makes it: string keys, each once, in the order of their first insertion.
///
/// Equality ignores the order, as in Python. The map is boxed to keep lists of other values small.
#[derive(Debug, Default)]
pub struct Dict(Box<IndexMap<PyStr, Value, RandomState>>);

impl Dict {
    /// `{}`
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// `dict.get(key)`
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// `dict.get(key)` for a key that may hold lone surrogates.
    #[must_use]
    pub fn get_py(&self, key: &PyStr) -> Option<&Value> {
        self.0.get(key)
    }

    /// The value of `key`, to change it in place.
    pub fn get_mut(&mut self, key: &str) -> Option<&mut Value> {
        self.0.get_mut(key)
    }

    /// `key in dict`
    #[must_use]
    pub fn contains_key(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// `dict[key] = value`: an existing key keeps its place. Returns the value it had.
    pub fn insert(&mut self, key: impl Into<PyStr>, value: impl Into<Value>) -> Option<Value> {
        self.0.insert(key.into(), value.into())
    }

    /// `dict.pop(key, None)`: the other keys keep their order.
    pub fn remove(&mut self, key: &str) -> Option<Value> {
        self.0.shift_remove(key)
    }

    /// `len(dict)`
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the dict is `{}`.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `dict.items()`
    pub fn iter(&self) -> Iter<'_, PyStr, Value> {
        self.0.iter()
    }

    /// `dict.keys()`
    pub fn keys(&self) -> impl ExactSizeIterator<Item = &PyStr> {
        self.0.keys()
    }

    /// `dict.values()`
    pub fn values(&self) -> impl ExactSizeIterator<Item = &Value> {
        self.0.values()
    }
}

// Loops by hand: what is derived takes several times the stack per level of nesting.

impl Clone for Dict {
    fn clone(&self) -> Self {
        let mut members = IndexMap::with_capacity_and_hasher(self.len(), RandomState::default());
        for (key, value) in self {
            members.insert(key.clone(), value.clone());
        }
        Dict(Box::new(members))
    }
}

impl PartialEq for Dict {
    fn eq(&self, other: &Self) -> bool {
        if self.len() != other.len() {
            return false;
        }
        for (key, value) in self {
            if other.get_py(key) != Some(value) {
                return false;
            }
        }
        true
    }
}

impl<K: Into<PyStr>, V: Into<Value>> FromIterator<(K, V)> for Dict {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(items: I) -> Self {
        let members = items
            .into_iter()
            .map(|(key, value)| (key.into(), value.into()));
        Dict(Box::new(members.collect()))
    }
}

impl<K: Into<PyStr>, V: Into<Value>, const N: usize> From<[(K, V); N]> for Dict {
    fn from(items: [(K, V); N]) -> Self {
        items.into_iter().collect()
    }
}

impl IntoIterator for Dict {
    type Item = (PyStr, Value);
    type IntoIter = IntoIter<PyStr, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Dict {
    type Item = (&'a PyStr, &'a Value);
    type IntoIter = Iter<'a, PyStr, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl<'a> IntoIterator for &'a mut Dict {
    type Item = (&'a PyStr, &'a mut Value);
    type IntoIter = IterMut<'a, PyStr, Value>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter_mut()
    }
}
