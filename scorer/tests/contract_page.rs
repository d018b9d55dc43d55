//! `docs/contract.md` tells the truth about the recordings and carries what the code refers to.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page() -> String {
    std::fs::read_to_string(repository().join("docs/contract.md")).expect("the page is readable")
}

/// Names of all recorded scenarios, like `http/deep-json`.
fn scenarios() -> BTreeSet<String> {
    let folder = repository().join("fixtures/passport/exchanges");
    let files = std::fs::read_dir(folder).expect("the fixtures are there");
    files
        .map(|file| std::fs::read_to_string(file.expect("an entry").path()).expect("a fixture"))
        .flat_map(|lines| {
            let names = lines.lines().map(|line| {
                let step: serde_json::Value = serde_json::from_str(line).expect("a step");
                step["scenario"].as_str().expect("a scenario").to_owned()
            });
            names.collect::<Vec<_>>()
        })
        .collect()
}

/// Everything between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[test]
fn every_scenario_it_names_is_recorded() {
    let recorded = scenarios();
    let groups: BTreeSet<&str> = recorded
        .iter()
        .filter_map(|name| Some(name.split_once('/')?.0))
        .collect();
    let page = page();
    let named: Vec<&str> = page
        .lines()
        .flat_map(quoted)
        .filter(|text| {
            text.split_once('/')
                .is_some_and(|(group, _)| groups.contains(group))
        })
        .collect();
    assert!(named.len() > 150, "only {} names were found", named.len());
    let unknown: Vec<&str> = named
        .into_iter()
        .filter(|name| !recorded.contains(*name))
        .collect();
    assert!(unknown.is_empty(), "not recorded: {unknown:?}");
}

#[test]
fn every_row_of_its_catalogues_says_where_it_is_recorded() {
    let page = page();
    let numbered = |prefix: &str, last: u32| {
        for number in 1..=last {
            let start = format!("| {prefix}{number} | ");
            let row = page
                .lines()
                .find(|line| line.starts_with(&start) && line.matches(" | ").count() == 2);
            let row = row.unwrap_or_else(|| panic!("{prefix}{number} is missing"));
            let (_, recorded) = row
                .trim_end_matches(" |")
                .rsplit_once(" | ")
                .expect("three columns");
            let told = recorded.starts_with("not recorded: ") || quoted(recorded).count() > 0;
            assert!(
                told,
                "{prefix}{number} names neither a scenario nor why there is none"
            );
        }
    };
    numbered("", 69);
    numbered("H", 64);
}

#[test]
fn it_has_every_section_that_the_code_refers_to() {
    let page = page();
    let mut sources = Vec::new();
    for part in ["parity", "scorer", "shadow-proxy", "parity-cli"] {
        rust_files(&repository().join(part).join("src"), &mut sources);
    }
    let mut missing = BTreeSet::new();
    let mut references = 0;
    for source in sources {
        let text = std::fs::read_to_string(&source).expect("a source file is readable");
        for (marker, shape) in [("contract §", 0), ("domain ", 1)] {
            for (at, _) in text.match_indices(marker) {
                let rest = &text[at + marker.len()..];
                let end = rest
                    .find(|character: char| {
                        !(character.is_ascii_alphanumeric() || character == '.')
                    })
                    .unwrap_or(rest.len());
                let number = rest[..end].trim_end_matches('.');
                let known = match shape {
                    0 => section_is_there(&page, number),
                    _ if !is_domain_number(number) => continue,
                    _ => {
                        page.contains(&format!("**{number}"))
                            || page.contains(&format!("| {number} |"))
                            || page.contains(&format!("## {number} "))
                    }
                };
                references += 1;
                if !known {
                    missing.insert(format!("{marker}{number} in {}", source.display()));
                }
            }
        }
    }
    assert!(references > 50, "only {references} references were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// `§1.5` as a heading, or as the first column of the table of endpoints.
fn section_is_there(page: &str, number: &str) -> bool {
    let heading = format!("# §{number} ");
    let row = format!("| §{number} |");
    page.lines()
        .any(|line| line.contains(&heading) || line.starts_with(&row))
}

/// `B.4`, `B.4.1`, `0.2` or `H51`, not the next word of a sentence.
fn is_domain_number(text: &str) -> bool {
    let catalogue = text
        .strip_prefix('H')
        .is_some_and(|rest| rest.parse::<u32>().is_ok());
    let dotted = text.split_once('.').is_some_and(|(letter, rest)| {
        letter.len() == 1
            && rest
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    });
    catalogue || dotted
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a source folder is readable") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}
