//! Cache entries a request set: which, and what they hold. How long they live is not compared,
//! because recordings measured it on a clock that ran on.

use parity::{
    fixture::Cache,
    outcome::{Divergence, Kind, Place},
};

/// Differences between the entries of both sides.
pub(super) fn compare(reference: &Cache, candidate: &Cache) -> Vec<Divergence> {
    let keys: std::collections::BTreeSet<_> =
        reference.set.keys().chain(candidate.set.keys()).collect();
    keys.into_iter()
        .filter_map(|key| {
            let [reference, candidate] =
                [reference, candidate].map(|side| side.set.get(key).map(|entry| &entry.value));
            let kind = match (reference, candidate) {
                (Some(reference), Some(candidate)) => {
                    let same = match (reference.as_str(), candidate.as_str()) {
                        (Some(reference), Some(candidate)) => reference == candidate,
                        _ => reference == candidate,
                    };
                    if same {
                        return None;
                    }
                    Kind::Value
                }
                (Some(_), None) => Kind::Missing,
                (None, _) => Kind::Extra,
            };
            Some(Divergence {
                place: Place::Effects,
                path: format!("cache[{key:?}]"),
                kind,
                reference: reference.map(parity::json::Value::to_text),
                candidate: candidate.map(parity::json::Value::to_text),
                rule: None,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use parity::{fixture::CacheEntry, json::Value};

    use super::*;

    fn cache(entries: &[(&str, Value<'static>, i64)]) -> Cache {
        let set = entries
            .iter()
            .map(|(key, value, ttl)| {
                let entry = CacheEntry {
                    value: value.clone(),
                    ttl_s: Some(*ttl),
                };
                ((*key).to_owned(), entry)
            })
            .collect();
        Cache { set }
    }

    #[test]
    fn entries_must_be_the_same_but_may_live_differently() {
        let one = cache(&[("a", Value::number(1), 905)]);
        assert!(compare(&one, &cache(&[("a", Value::number(1), 900)])).is_empty());
        let other = cache(&[("a", Value::number(2), 905), ("b", Value::string("x"), 1)]);
        let kinds: Vec<_> = compare(&one, &other)
            .iter()
            .map(|found| found.kind)
            .collect();
        assert_eq!(kinds, [Kind::Value, Kind::Extra]);
        assert_eq!(compare(&other, &Cache::default()).len(), 2);
    }
}
