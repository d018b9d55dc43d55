//! The verdicts of [`Verifier`] against those of the library that the Python service calls, measured
//! case by case (see `credentials/README.md`).

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;

use chrono::{DateTime, SubsecRound, TimeDelta, Utc};
use num_bigint::BigInt;
use scorer::credential::{CacheCounts, Verifier};
use scorer::python::{PyStr, Value};
use serde::Deserialize;
use serde_json::{Value as Json, json};

/// When the verdicts were measured.
const MEASURED_AT: &str = "2026-11-23T20:00:00Z";

#[derive(Deserialize)]
struct Measured {
    credentials: BTreeMap<String, Json>,
    cases: Vec<Case>,
}

#[derive(Deserialize)]
struct Case {
    name: String,
    /// One of the credentials…
    credential: String,
    /// …with these changes made to it…
    changes: json_patch::Patch,
    /// …verified, or did not.
    verifies: bool,
}

#[test]
fn eip712_verdicts_are_those_of_the_library() {
    assert_verdicts(include_str!("credentials/eip712.json"));
}

#[test]
fn linked_data_verdicts_are_those_of_the_library() {
    assert_verdicts(include_str!("credentials/ed25519.json"));
}

#[test]
fn a_proof_dated_in_the_future_is_passed_over_until_its_time_has_come() {
    let (credential, created) = recorded();
    let verifier = Verifier::new(8);
    let before = created - TimeDelta::milliseconds(1);
    assert!(!verifier.verify(&credential, before));
    assert!(verifier.verify(&credential, created));
    assert!(
        !verifier.verify(&credential, before),
        "the cache must not turn back the clock"
    );
}

#[test]
fn the_clock_ticks_in_milliseconds() {
    let (credential, created) = changed("created-in-microseconds", &json!([]));
    let next_millisecond = created.trunc_subsecs(3) + TimeDelta::milliseconds(1);
    let verifier = Verifier::new(0);
    assert!(!verifier.verify(&credential, created));
    assert!(!verifier.verify(&credential, next_millisecond - TimeDelta::microseconds(1)));
    assert!(verifier.verify(&credential, next_millisecond));
}

#[test]
fn a_cached_verdict_ends_when_a_proof_listed_before_it_becomes_applicable() {
    let (credential, created) = with_changes(&json!([
        {"op": "move", "from": "/proof", "path": "/good"},
        {"op": "add", "path": "/proof", "value": []},
        {"op": "copy", "from": "/good", "path": "/proof/0"},
        {"op": "copy", "from": "/good", "path": "/proof/1"},
        {"op": "remove", "path": "/good"},
        {"op": "replace", "path": "/proof/0/created", "value": "2026-06-01T00:00:00Z"},
    ]));
    let verifier = Verifier::new(8);
    let bad_proof_counts: DateTime<Utc> = "2026-06-01T00:00:00Z".parse().unwrap();
    assert!(verifier.verify(&credential, created));
    assert!(!verifier.verify(&credential, bad_proof_counts));
    assert!(verifier.verify(&credential, bad_proof_counts - TimeDelta::milliseconds(1)));
}

#[test]
fn a_credential_that_was_good_is_not_checked_again() {
    let (credential, created) = recorded();
    let verifier = Verifier::new(8);
    assert!(verifier.verify(&credential, created));
    assert!(verifier.verify(&credential, created));
    assert_eq!(verifier.cache_counts(), CacheCounts { hits: 1, misses: 1 });
}

#[test]
fn a_cache_without_room_changes_no_verdict() {
    let (credential, created) = recorded();
    let verifier = Verifier::new(0);
    assert!(verifier.verify(&credential, created));
    assert!(verifier.verify(&credential, created));
    assert_eq!(verifier.cache_counts(), CacheCounts { hits: 0, misses: 2 });
}

#[test]
fn no_part_of_a_signed_credential_can_be_changed() {
    for measured in [
        include_str!("credentials/eip712.json"),
        include_str!("credentials/ed25519.json"),
    ] {
        let measured: Measured = serde_json::from_str(measured).unwrap();
        let credential = &measured.credentials["recorded"];
        let now = MEASURED_AT.parse().unwrap();
        let verifier = Verifier::new(0);
        assert!(verifier.verify(&python_value(credential), now));
        let paths = leaves(credential, String::new());
        assert!(paths.len() > 10);
        for path in paths {
            for change in [changed_letter, longer] {
                let mut forged = credential.clone();
                let leaf = forged.pointer_mut(&path).unwrap();
                *leaf = json!(change(leaf.as_str().unwrap()));
                assert!(
                    !verifier.verify(&python_value(&forged), now),
                    "{path} is now {}",
                    forged.pointer(&path).unwrap()
                );
            }
        }
    }
}

/// The paths of all texts in a document; there are no other leaves in the recorded credentials.
fn leaves(json: &Json, path: String) -> Vec<String> {
    let escaped = |name: &str| name.replace('~', "~0").replace('/', "~1");
    match json {
        Json::Object(members) => members
            .iter()
            .flat_map(|(name, value)| leaves(value, format!("{path}/{}", escaped(name))))
            .collect(),
        Json::Array(items) => items
            .iter()
            .enumerate()
            .flat_map(|(index, item)| leaves(item, format!("{path}/{index}")))
            .collect(),
        _ => vec![path],
    }
}

/// With another letter in the middle.
fn changed_letter(text: &str) -> String {
    let middle = text.len() / 2;
    let other = if text[middle..].starts_with('1') {
        "2"
    } else {
        "1"
    };
    format!("{}{other}{}", &text[..middle], &text[middle + 1..])
}

fn longer(text: &str) -> String {
    format!("{text}1")
}

#[test]
fn nesting_is_bounded_where_the_library_bounds_it() {
    let verifies_nested = |depth| {
        let nested = (1..depth).fold(json!([]), |inner, _| json!([inner]));
        let (credential, created) = with_changes(&json!([{
            "op": "add",
            "path": "/proof/eip712Domain/types/Unused",
            "value": [{"name": "a", "type": "string", "ignored": nested}],
        }]));
        Verifier::new(0).verify(&credential, created)
    };
    assert!(verifies_nested(121));
    assert!(!verifies_nested(122));
}

#[test]
fn nodes_that_look_alike_do_not_keep_the_verifier_busy() {
    let measured: Measured =
        serde_json::from_str(include_str!("credentials/ed25519.json")).unwrap();
    let now = MEASURED_AT.parse().unwrap();
    let many_words = json!({"@list": vec!["x"; 20_000]});
    let many_nodes = json!(vec![json!({"a": {"a": {}}}); 300]);
    for value in [many_words, many_nodes] {
        let mut credential = measured.credentials["nested node"].clone();
        credential["credentialSubject"]["a"] = value;
        assert!(!Verifier::new(0).verify(&python_value(&credential), now));
    }
}

#[test]
fn values_that_are_no_credentials_do_not_verify() {
    let deep = (0..1_000).fold(Value::None, |inner, _| Value::List(vec![inner]));
    let ill_formed = Value::Str(PyStr::IllFormed(vec![0xd800]));
    for value in [Value::None, Value::Float(f64::NAN), deep, ill_formed] {
        assert!(!Verifier::new(8).verify(&value, Utc::now()));
    }
}

/// A credential of the recordings, and the date of its proof.
fn recorded() -> (Value, DateTime<Utc>) {
    with_changes(&json!([]))
}

/// The recorded credential with changes made to it, and the date of its proof.
fn with_changes(changes: &Json) -> (Value, DateTime<Utc>) {
    changed("recorded", changes)
}

fn changed(name: &str, changes: &Json) -> (Value, DateTime<Utc>) {
    let measured: Measured = serde_json::from_str(include_str!("credentials/eip712.json")).unwrap();
    let mut credential = measured.credentials[name].clone();
    let created = credential["proof"]["created"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let changes: json_patch::Patch = serde_json::from_value(changes.clone()).unwrap();
    json_patch::patch(&mut credential, &changes).unwrap();
    (python_value(&credential), created)
}

fn assert_verdicts(measured: &str) {
    let measured: Measured = serde_json::from_str(measured).unwrap();
    assert!(measured.cases.iter().any(|case| case.verifies) && !measured.cases.is_empty());
    let verifier = Verifier::new(0);
    let now: DateTime<Utc> = MEASURED_AT.parse().unwrap();
    let wrong: Vec<String> = measured
        .cases
        .iter()
        .filter(|case| {
            let mut credential = measured.credentials[&case.credential].clone();
            json_patch::patch(&mut credential, &case.changes).unwrap();
            verifier.verify(&python_value(&credential), now) != case.verifies
        })
        .map(|case| {
            format!(
                "{} / {}: the library says {}",
                case.credential, case.name, case.verifies
            )
        })
        .collect();
    assert!(
        wrong.is_empty(),
        "{} wrong verdicts:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// The same JSON as Python reads it.
fn python_value(json: &Json) -> Value {
    match json {
        Json::Null => Value::None,
        Json::Bool(truth) => Value::Bool(*truth),
        Json::Number(number) if number.is_f64() => Value::Float(number.as_f64().unwrap()),
        Json::Number(number) => Value::Int(number.to_string().parse::<BigInt>().unwrap()),
        Json::String(text) => Value::Str(PyStr::from(text.as_str())),
        Json::Array(items) => Value::List(items.iter().map(python_value).collect()),
        Json::Object(members) => Value::Dict(
            members
                .iter()
                .map(|(name, value)| (name.as_str(), python_value(value)))
                .collect(),
        ),
    }
}
