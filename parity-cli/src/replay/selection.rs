//! Which scenarios a run plays.

use std::{path::Path, str::FromStr};

use globset::{Glob, GlobMatcher};
use parity::fixture::{FixtureError, Reader, Scenario};

/// Conditions on scenarios; all of them have to hold.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    names: Option<NamePattern>,
    tags: Vec<String>,
    shard: Option<Shard>,
}

#[derive(Debug, Clone)]
enum NamePattern {
    Part(String),
    Glob(GlobMatcher),
}

/// One part of a run that is split over machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Counted from 1.
    pub index: u32,
    pub of: u32,
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || format!("`{text}` is no shard: expected i/n with 1 <= i <= n, e.g. 2/4");
        let (index, of) = text.split_once('/').ok_or_else(expected)?;
        let shard = Self {
            index: index.parse().map_err(|_| expected())?,
            of: of.parse().map_err(|_| expected())?,
        };
        if (1..=shard.of).contains(&shard.index) {
            Ok(shard)
        } else {
            Err(expected())
        }
    }
}

impl Selection {
    /// Scenarios whose name matches (a glob if it has `*`, `?` or `[`, else a part of the name),
    /// that have a step with each of the tags, of this shard.
    ///
    /// # Errors
    /// The glob is not understood.
    pub fn new(
        filter: Option<&str>,
        tags: &[String],
        shard: Option<Shard>,
    ) -> Result<Self, globset::Error> {
        let names = match filter {
            None => None,
            Some(text) if text.contains(['*', '?', '[']) => {
                Some(NamePattern::Glob(Glob::new(text)?.compile_matcher()))
            }
            Some(text) => Some(NamePattern::Part(text.to_owned())),
        };
        Ok(Self {
            names,
            tags: tags.to_vec(),
            shard,
        })
    }

    /// The scenarios that are selected, read as they are asked for. Ends after the first error.
    ///
    /// # Errors
    /// A file of the fixtures cannot be opened.
    pub fn scenarios<'r>(
        &'r self,
        reader: &'r Reader,
    ) -> impl Iterator<Item = Result<Scenario, FixtureError>> + 'r {
        let all = reader.manifest().groups.iter().flat_map(|group| {
            let (scenarios, error) = match reader.scenarios(&group.file) {
                Ok(scenarios) => (Some(scenarios), None),
                Err(error) => (None, Some(Err(error))),
            };
            scenarios.into_iter().flatten().chain(error)
        });
        let mut number = 0;
        all.filter(move |scenario| match scenario {
            Err(_) => true,
            Ok(scenario) => {
                let selected = self.wants(scenario);
                number += u32::from(selected);
                selected
                    && self
                        .shard
                        .is_none_or(|shard| (number - 1) % shard.of == shard.index - 1)
            }
        })
    }

    fn wants(&self, scenario: &Scenario) -> bool {
        let named = match &self.names {
            None => true,
            Some(NamePattern::Part(part)) => scenario.name.contains(part.as_str()),
            Some(NamePattern::Glob(glob)) => glob.is_match(Path::new(&scenario.name)),
        };
        named
            && self
                .tags
                .iter()
                .all(|tag| scenario.steps.iter().any(|step| step.tags.contains(tag)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEP: &str = r#"{"scenario": "NAME", "step": 1, "tags": TAGS, "clock": null, "request": {"method": "GET", "target": "/", "headers": []}, "response": {"status": 200, "headers": []}, "effects": null}"#;

    fn selected(selection: &Selection) -> Vec<String> {
        let directory = tempfile::tempdir().unwrap();
        let exchanges = directory.path().join("exchanges");
        std::fs::create_dir(&exchanges).unwrap();
        let lines: Vec<_> = [
            ("a/one", "[]"),
            ("a/two", r#"["x"]"#),
            ("b/one", r#"["x", "y"]"#),
        ]
        .iter()
        .map(|(name, tags)| STEP.replace("NAME", name).replace("TAGS", tags))
        .collect();
        std::fs::write(exchanges.join("g.jsonl"), lines.join("\n")).unwrap();
        let out = directory.path().join("fixtures");
        parity::fixture::import_recordings(directory.path())
            .unwrap()
            .write(&out, &parity::redact::Redactor::keep_all("test"))
            .unwrap();
        let reader = Reader::open(&out).unwrap();
        selection
            .scenarios(&reader)
            .map(|scenario| scenario.unwrap().name)
            .collect()
    }

    fn select(filter: Option<&str>, tags: &[&str], shard: Option<&str>) -> Vec<String> {
        let tags: Vec<_> = tags.iter().map(|&tag| tag.to_owned()).collect();
        let shard = shard.map(|text| text.parse().unwrap());
        selected(&Selection::new(filter, &tags, shard).unwrap())
    }

    #[test]
    fn a_filter_is_a_part_of_the_name_or_a_glob() {
        assert_eq!(select(Some("one"), &[], None), ["a/one", "b/one"]);
        assert_eq!(select(Some("a/*"), &[], None), ["a/one", "a/two"]);
        assert_eq!(select(Some("*wo"), &[], None), ["a/two"]);
        assert_eq!(select(Some("?"), &[], None), Vec::<String>::new());
    }

    #[test]
    fn every_tag_has_to_be_there() {
        assert_eq!(select(None, &["x"], None), ["a/two", "b/one"]);
        assert_eq!(select(None, &["x", "y"], None), ["b/one"]);
    }

    #[test]
    fn shards_share_the_selected_scenarios_out() {
        assert_eq!(select(None, &[], Some("1/2")), ["a/one", "b/one"]);
        assert_eq!(select(None, &[], Some("2/2")), ["a/two"]);
        assert_eq!(select(None, &["x"], Some("2/2")), ["b/one"]);
    }

    #[test]
    fn a_shard_beyond_the_last_is_refused() {
        for text in ["0/2", "3/2", "1", "a/b", "1/0"] {
            assert!(text.parse::<Shard>().is_err(), "{text}");
        }
    }
}
