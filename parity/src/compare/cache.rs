//! Cache entries a request set: which, and what they hold. How long they live is not compared,
//! because recordings measured it on a clock that ran on.

use std::collections::BTreeMap;

use crate::{
    bind::{Bindings, Sight},
    clocks::CLOCK_RULE,
    fixture::{Cache, CacheEntry},
    outcome::{Divergence, Kind, Place},
    rules::Rules,
};

/// What comparing the entries of both sides came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CacheComparison {
    Compared {
        /// Differences that nothing explains.
        diverged: Vec<Divergence>,
        /// Keys that differ by the clock they were made from.
        tolerated: Vec<Divergence>,
    },
    /// Since an earlier step the clock changed a key with this prefix on one side only, so that the
    /// two counted from different moments on.
    ClockMoved { prefix: String },
}

/// Differences between the entries of both sides. Where the sides have different clocks, two keys
/// that the rules know to hold the time stand for the same entry when they always occur together.
pub fn compare_cache(
    rules: &Rules,
    bindings: &mut Bindings,
    reference: &Cache,
    candidate: &Cache,
) -> CacheComparison {
    let clocks_differ = !bindings.clocks().is_empty();
    let mut diverged = Vec::new();
    let mut tolerated = Vec::new();
    let mut named = [BTreeMap::new(), BTreeMap::new()];
    // Sorted by value, so that the first of several counters meets the first.
    let mut by_clock: BTreeMap<&str, [Vec<(String, &str)>; 2]> = BTreeMap::new();
    for (side, cache) in [reference, candidate].into_iter().enumerate() {
        for (key, entry) in &cache.set {
            match rules.clock_key(key).filter(|_| clocks_differ) {
                Some(prefix) => {
                    by_clock.entry(prefix).or_default()[side].push((entry.value.to_text(), key));
                }
                None => {
                    named[side].insert(key.as_str(), entry);
                }
            }
        }
    }
    let [ours, theirs] = &named;
    let mut keys: Vec<&str> = ours.keys().chain(theirs.keys()).copied().collect();
    keys.sort_unstable();
    keys.dedup();
    for key in keys {
        let path = format!("cache[{key:?}]");
        diverged.extend(difference(
            path,
            [ours, theirs].map(|side| side.get(key).copied()),
        ));
    }
    for (prefix, mut sides) in by_clock {
        sides.iter_mut().for_each(|side| side.sort_unstable());
        let [ours, theirs] = sides;
        let mut theirs = theirs.into_iter();
        let path = format!("cache[{prefix:?}…]");
        for (_, key) in ours {
            let Some((_, twin)) = theirs.next() else {
                diverged.extend(difference(path.clone(), [reference.set.get(key), None]));
                continue;
            };
            if !bindings.agree(&format!("cache key {prefix}"), key, twin, Sight::First) {
                return CacheComparison::ClockMoved {
                    prefix: prefix.to_owned(),
                };
            }
            let entries = [reference.set.get(key), candidate.set.get(twin)];
            diverged.extend(difference(path.clone(), entries));
            if key != twin {
                tolerated.push(Divergence {
                    place: Place::Effects,
                    path: path.clone(),
                    kind: Kind::Value,
                    reference: Some(format!("{key:?}")),
                    candidate: Some(format!("{twin:?}")),
                    rule: Some(CLOCK_RULE.to_owned()),
                });
            }
        }
        for (_, key) in theirs {
            diverged.extend(difference(path.clone(), [None, candidate.set.get(key)]));
        }
    }
    CacheComparison::Compared {
        diverged,
        tolerated,
    }
}

/// How the entry at one place differs: reference, candidate.
fn difference(path: String, entries: [Option<&CacheEntry>; 2]) -> Option<Divergence> {
    let [reference, candidate] = entries.map(|entry| entry.map(|entry| &entry.value));
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
        path,
        kind,
        reference: reference.map(crate::json::Value::to_text),
        candidate: candidate.map(crate::json::Value::to_text),
        rule: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{clocks::Span, json::Value};

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

    fn counter(key: &str, count: u32) -> Cache {
        cache(&[(key, Value::number(count), 905)])
    }

    fn rules() -> Rules {
        Rules::load(
            r#"
            version = 1
            [[clock_key]]
            prefix = "rl:"
            reason = "the end of the window is in the digest"
            "#,
        )
        .expect("valid")
    }

    /// Bindings of a scenario whose sides have different clocks.
    fn apart() -> Bindings {
        let mut bindings = Bindings::default();
        let [ours, theirs] = ["2026-01-15T12:00:00Z", "2026-11-26T08:30:05Z"]
            .map(|time| Span::at(time.parse().expect("a time")));
        bindings.clocks_showed(ours, theirs);
        bindings
    }

    fn kinds(bindings: &mut Bindings, reference: &Cache, candidate: &Cache) -> Vec<Kind> {
        match compare_cache(&rules(), bindings, reference, candidate) {
            CacheComparison::Compared { diverged, .. } => {
                diverged.iter().map(|found| found.kind).collect()
            }
            moved @ CacheComparison::ClockMoved { .. } => panic!("{moved:?}"),
        }
    }

    #[test]
    fn entries_must_be_the_same_but_may_live_differently() {
        let together = &mut Bindings::default();
        let one = counter("a", 1);
        assert_eq!(
            kinds(together, &one, &cache(&[("a", Value::number(1), 900)])),
            []
        );
        let other = cache(&[("a", Value::number(2), 905), ("b", Value::string("x"), 1)]);
        assert_eq!(kinds(together, &one, &other), [Kind::Value, Kind::Extra]);
        let nothing = Cache::default();
        assert_eq!(
            kinds(together, &other, &nothing),
            [Kind::Missing, Kind::Missing]
        );
    }

    #[test]
    fn one_clock_makes_one_key() {
        let found = kinds(
            &mut Bindings::default(),
            &counter("rl:1", 1),
            &counter("rl:2", 1),
        );
        assert_eq!(found, [Kind::Missing, Kind::Extra]);
    }

    #[test]
    fn keys_of_two_clocks_stand_for_each_other_and_hold_the_same() {
        let bindings = &mut apart();
        let compared = compare_cache(&rules(), bindings, &counter("rl:1", 1), &counter("rl:2", 1));
        let CacheComparison::Compared {
            diverged,
            tolerated,
        } = compared
        else {
            panic!("{compared:?}")
        };
        assert_eq!((diverged.len(), tolerated.len()), (0, 1));
        assert_eq!(tolerated[0].rule.as_deref(), Some(CLOCK_RULE));
        let twice = kinds(bindings, &counter("rl:1", 2), &counter("rl:2", 3));
        assert_eq!(twice, [Kind::Value]);
        let missing = kinds(bindings, &counter("rl:1", 3), &Cache::default());
        assert_eq!(missing, [Kind::Missing]);
        // Other keys hold no time.
        let named = kinds(bindings, &counter("a", 1), &counter("b", 1));
        assert_eq!(named, [Kind::Missing, Kind::Extra]);
    }

    #[test]
    fn a_window_that_ended_on_one_side_only_is_no_difference_of_the_services() {
        for moved in [["rl:1", "rl:3"], ["rl:3", "rl:2"]] {
            let bindings = &mut apart();
            assert_eq!(
                kinds(bindings, &counter("rl:1", 1), &counter("rl:2", 1)),
                []
            );
            let [ours, theirs] = moved.map(|key| counter(key, 2));
            assert!(matches!(
                compare_cache(&rules(), bindings, &ours, &theirs),
                CacheComparison::ClockMoved { prefix } if prefix == "rl:"
            ));
        }
        let bindings = &mut apart();
        assert_eq!(
            kinds(bindings, &counter("rl:1", 1), &counter("rl:2", 1)),
            []
        );
        assert_eq!(
            kinds(bindings, &counter("rl:3", 1), &counter("rl:4", 1)),
            []
        );
    }
}
