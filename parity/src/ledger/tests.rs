use std::collections::BTreeSet;
use std::path::Path;

use bytes::Bytes;

use super::*;
use crate::{exchange::Headers, fixture::Corpus, rules::Rules};

const PASSPORT: &str = include_str!("../../../fixtures/passport/ledger.toml");

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures/passport")
}

fn passport() -> Ledger {
    Ledger::load(PASSPORT).expect("valid")
}

fn request(target: &str) -> Request {
    Request {
        method: "GET".into(),
        target: target.into(),
        headers: Headers::default(),
        body: Bytes::new(),
    }
}

fn asked() -> Request {
    request("/v2/stamps/1/score/0xabc?a=b&include_human_points=true")
}

fn points(path: &str, reference: &str) -> Divergence {
    Divergence {
        place: Place::Body,
        path: path.into(),
        kind: Kind::Null,
        reference: Some(reference.into()),
        candidate: Some(r#"{"total_points":300}"#.into()),
        rule: None,
    }
}

fn compared(diverged: Vec<Divergence>) -> Comparison {
    Comparison {
        outcome: Outcome::Diverged,
        diverged,
        tolerated: Vec::new(),
    }
}

fn day(text: &str) -> NaiveDate {
    text.parse().expect("a day")
}

#[test]
fn an_accepted_divergence_is_tolerated_and_names_its_entry() {
    let mut occurrences = Occurrences::default();
    let mut comparison = compared(vec![
        points("$.points_data", "null"),
        points("$.possible_points_data", "null"),
    ]);
    passport().apply("v2-score", &asked(), &mut comparison, &mut occurrences);
    assert_eq!(comparison.outcome, Outcome::Tolerated);
    assert!(comparison.diverged.is_empty());
    assert_eq!(
        comparison.tolerated[0].rule.as_deref(),
        Some("ledger:v2-human-points")
    );
    assert_eq!(occurrences.0["v2-human-points"], 2);
}

#[test]
fn what_the_entry_does_not_name_stays_diverged() {
    let other_value = points("$.points_data", "{}");
    let other_path = points("$.points_data.total_points", "null");
    let other_kind = Divergence {
        kind: Kind::Missing,
        ..points("$.points_data", "null")
    };
    let other_place = Divergence {
        place: Place::Effects,
        ..points("$.points_data", "null")
    };
    for left in [other_value, other_path, other_kind, other_place] {
        let mut comparison = compared(vec![points("$.points_data", "null"), left.clone()]);
        passport().apply(
            "v2-score",
            &asked(),
            &mut comparison,
            &mut Occurrences::default(),
        );
        assert_eq!(comparison.outcome, Outcome::Diverged, "{left:?}");
        assert_eq!(comparison.diverged, [left]);
    }
    let not_asked = request("/v2/stamps/1/score/0xabc?include_human_points=false");
    let divergence = points("$.points_data", "null");
    assert!(
        passport()
            .accepting("v2-score", &not_asked, &divergence)
            .is_none()
    );
    assert!(
        passport()
            .accepting("embed-score", &asked(), &divergence)
            .is_none()
    );
}

#[test]
fn an_entry_that_did_not_occur_or_expired_is_reported() {
    let ledger = passport();
    let ids: Vec<String> = ledger.entries().map(|entry| entry.id.clone()).collect();
    let mut seen = Occurrences::default();
    let gone = ledger.audit(&seen, day("2027-06-30"));
    assert_eq!((gone.gone, gone.expired.len()), (ids.clone(), 0));
    seen.0.extend(ids.iter().map(|id| (id.clone(), 1)));
    let expired = ledger.audit(&seen, day("2027-07-01"));
    assert_eq!((expired.gone.len(), expired.expired), (0, ids));
}

#[test]
fn mistakes_in_the_file_are_named() {
    let head = PASSPORT.split("\n[[reproduced]]").next().expect("a head");
    assert!(Ledger::load(head).is_ok());
    for (from, to, expected) in [
        ("version = 1", "version = 2", "format 2"),
        (
            "direction = \"reference_wrong\"",
            "direction = \"nobody\"",
            "unknown variant `nobody`",
        ),
        (
            "ticket = \"contract §3.1\"",
            "ticket = \" \"",
            "must not be empty",
        ),
        ("kinds = [\"null\"]", "kinds = []", "name the kinds"),
        (
            "place = \"body\"",
            "place = \"status\"",
            "except for the status",
        ),
        (
            "\"$.points_data\", ",
            "\"$..points_data\", ",
            "is not a path",
        ),
        ("owner =", "colour = 1\nowner =", "unknown field `colour`"),
    ] {
        let text = head.replacen(from, to, 1);
        assert_ne!(text, head, "{from} is not in the file");
        let error = Ledger::load(&text).expect_err(expected).to_string();
        assert!(
            error.contains(expected),
            "{error:?} should say {expected:?}"
        );
    }
    let twice = format!(
        "{head}{}",
        &head[head.rfind("\n[[accepted]]").expect("an entry")..]
    );
    assert!(
        Ledger::load(&twice)
            .expect_err("twice")
            .to_string()
            .contains("id of its own")
    );
}

#[test]
fn the_ledger_names_routes_and_fixtures_that_exist() {
    let ledger = passport();
    let rules = Rules::read(&fixtures().join("rules.toml")).expect("rules");
    let routes: BTreeSet<&str> = rules.route_names().collect();
    let mut scenarios = BTreeSet::new();
    for group in Corpus::read(&fixtures()).expect("fixtures").groups {
        scenarios.extend(group.scenarios.into_iter().map(|scenario| scenario.name));
    }
    let differences = Corpus::read(&fixtures().join("../passport-differences")).expect("fixtures");
    let shown: BTreeSet<String> = differences
        .scenarios()
        .map(|scenario| format!("passport-differences/{}", scenario.name))
        .collect();
    for entry in ledger.entries() {
        assert!(
            shown.contains(&entry.fixture),
            "{}: no fixture {}",
            entry.id,
            entry.fixture
        );
    }
    for entry in ledger.reproduced() {
        for route in &entry.routes {
            assert!(
                routes.contains(route.as_str()),
                "{}: no route {route}",
                entry.id
            );
        }
        if let Some(fixture) = &entry.fixture {
            assert!(
                scenarios.contains(fixture),
                "{}: no scenario {fixture}",
                entry.id
            );
        }
    }
}

#[test]
fn the_page_is_written_from_the_ledger() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/known-differences.md");
    assert_eq!(
        std::fs::read_to_string(page).expect("page"),
        passport().to_markdown(),
        "run `cargo run -p parity --example ledger_page`",
    );
}
