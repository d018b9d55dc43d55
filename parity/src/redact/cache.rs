//! Secrets in what a request put into the cache.
//!
//! A key is a name and stays, like the name of a member. Its value is replaced when a part of the key
//! speaks of a secret (`session:7`); what a text holds as JSON is replaced member by member.

use super::{Policy, Redactor, is_secret, speaks_of_secrets, token};
use crate::{
    fixture::{Cache, CacheEntry},
    json::{self, Json, Value},
    path::Segment,
};

/// Root of the paths of cache entries: `cache.<key>`.
pub(super) const ROOT: &str = "cache";

impl Redactor {
    /// The cache entries as they may be written.
    pub fn cache(&self, cache: &Cache) -> Cache {
        let entries = cache.set.iter().map(|(name, entry)| {
            let entry = CacheEntry {
                value: self.cached(name, &entry.value),
                ttl_s: entry.ttl_s,
            };
            (name.clone(), entry)
        });
        Cache {
            set: entries.collect(),
        }
    }

    /// The value of one entry as it may be written.
    pub(super) fn cached(&self, name: &str, value: &Value<'_>) -> Json {
        let Policy::Replace { key, .. } = &self.policy else {
            return value.clone().into_owned();
        };
        let mut path = vec![Segment::Key(name)];
        let text = value.as_str();
        let replaced = || {
            let text = text
                .as_deref()
                .map_or_else(|| value.to_text(), str::to_owned);
            Value::<'static>::string(&token(key, text.as_bytes()))
        };
        let named = name.split(':').any(is_secret) && !matches!(value, Value::Null);
        if named || self.is_pointed_at(ROOT, &path) {
            return replaced();
        }
        let Some(text) = text.as_deref() else {
            return self.value(ROOT, &mut path, value);
        };
        match json::parse(text.as_bytes()) {
            Ok(document) => {
                path.push(Segment::Embedded);
                let written = self.value(ROOT, &mut path, &document);
                if written == document {
                    value.clone().into_owned()
                } else {
                    Value::<'static>::string(&written.to_text())
                }
            }
            Err(_) if speaks_of_secrets(text.as_bytes()) => replaced(),
            Err(_) => value.clone().into_owned(),
        }
    }
}
